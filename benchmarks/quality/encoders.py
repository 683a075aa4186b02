"""The networks, by name, each ending in an embedding; images may be of any side, so training may begin small."""

import keras
from keras import layers

import keras_similarity as ks

MOMENTUM = 0.9  # of batch norm: the runs are too short for Keras's 0.99
EPSILON = 1e-5  # Keras's 1e-3 is as large as what the first layer's outputs vary by, for images of thin lines


def conv_net(*widths, last=None):
    """A maker of encoders: (conv, batch norm, ReLU, max pool) of each width, then dense.

    Args:
        widths: Channels of the convolutions.
        last: What pools the last of them, all of it, instead of its max pool.
    """

    def make(dim):
        inputs = keras.Input((None, None, 1))
        x = layers.Rescaling(1 / 255)(inputs)
        for number, width in enumerate(widths, 1):
            x = layers.Conv2D(width, 3, padding="same", use_bias=False, kernel_initializer=_small())(x)
            x = layers.BatchNormalization(momentum=MOMENTUM, epsilon=EPSILON)(x)
            if last is None or number < len(widths):
                x = layers.MaxPooling2D()(x)  # before the ReLU, which has a quarter of the work then
            x = layers.ReLU()(x)
        x = (last or layers.GlobalAveragePooling2D)()(x)  # of one pixel, for sides of 16 to 31, where all are pooled
        return inputs, ks.layers.MetricEmbedding(dim, kernel_initializer=_small())(x)

    return make


def _small():
    """PyTorch's default: weights that batch norm scales learn the faster, the smaller they start."""
    return keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform")


# conv4 is the network of the few-shot literature.
NETWORKS = {
    "conv4": conv_net(64, 64, 64, 64),
    "conv4, wider": conv_net(64, 128, 256, 256),
    "conv4, averaged": conv_net(64, 64, 64, 64, last=layers.GlobalAveragePooling2D),
    "conv4, GeM": conv_net(64, 64, 64, 64, last=ks.layers.GeneralizedMeanPooling2D),
}
