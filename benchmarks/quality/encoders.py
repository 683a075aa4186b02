"""The networks, each ending in an embedding; they take images of any side, so that training may begin on small ones."""

import keras
from keras import layers

import keras_similarity as ks

MOMENTUM = 0.9  # of batch norm: the runs are too short for Keras's 0.99


def conv4(dim):
    """4 × (conv 64, batch norm, ReLU, max pool), then dense: the network of the few-shot literature."""
    inputs = keras.Input((None, None, 1))
    x = layers.Rescaling(1 / 255)(inputs)
    for _ in range(4):
        # ReLU after the pool gives the same numbers for a quarter of the work.
        x = layers.MaxPooling2D()(convolved(x, 64))
        x = layers.ReLU()(x)
    x = layers.GlobalAveragePooling2D()(x)  # of one pixel, for sides of 16 to 31
    return inputs, ks.layers.MetricEmbedding(dim)(x)


def residual(dim):
    """A stem of stride 2, then pairs of convolutions with a way around them: 64, 128 and 256 wide, at 14, 7 and 4."""
    inputs = keras.Input((None, None, 1))
    x = layers.Rescaling(1 / 255)(inputs)
    x = layers.ReLU()(convolved(x, 64, size=5, strides=2))
    for width in (64, 128, 256):
        if width > 64:
            x = layers.ReLU()(layers.MaxPooling2D(padding="same")(convolved(x, width)))
        inner = layers.ReLU()(convolved(x, width))
        x = layers.ReLU()(layers.Add()([x, convolved(inner, width)]))
    return inputs, ks.layers.MetricEmbedding(dim)(ks.layers.GeneralizedMeanPooling2D()(x))


def convolved(x, width, *, size=3, strides=1):
    x = layers.Conv2D(width, size, strides=strides, padding="same", use_bias=False)(x)
    return layers.BatchNormalization(momentum=MOMENTUM)(x)


NETWORKS = {"conv4": conv4, "residual": residual}
