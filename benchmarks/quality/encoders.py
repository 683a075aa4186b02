"""The networks, by name, each ending in an embedding; images may be of any side, so training may begin small."""

import keras
from keras import layers

import keras_similarity as ks

MOMENTUM = 0.9  # of batch norm: the runs are too short for Keras's 0.99


def conv4(dim):
    """4 × (conv 64, batch norm, ReLU, max pool), then dense: the network of the few-shot literature."""
    inputs = keras.Input((None, None, 1))
    x = layers.Rescaling(1 / 255)(inputs)
    for _ in range(4):
        x = layers.Conv2D(64, 3, padding="same", use_bias=False)(x)
        # ReLU after the pool gives the same numbers for a quarter of the work.
        x = layers.MaxPooling2D()(layers.BatchNormalization(momentum=MOMENTUM)(x))
        x = layers.ReLU()(x)
    x = layers.GlobalAveragePooling2D()(x)  # of one pixel, for sides of 16 to 31
    return inputs, ks.layers.MetricEmbedding(dim)(x)


NETWORKS = {"conv4": conv4}
