"""A residual network for small images, from random weights."""

from typing import Any

import keras
from keras import layers

from keras_similarity.architectures.embedding import upstream_ending
from keras_similarity.architectures.from_backbone import from_backbone
from keras_similarity.core.checks import check_whole
from keras_similarity.models import SimilarityModel

__all__ = ["ResNet18Sim"]

Tensor = Any
BLOCKS_OF_A_STAGE = 2


def ResNet18Sim(
    input_shape: tuple[int | None, ...],
    embedding_size: int = 128,
    l2_norm: bool = True,
    include_top: bool = True,
    pooling: str | None = "gem",
    gem_p: float = 3.0,
    *,
    filters: int = 64,
    value_range: tuple[float, float] = (0, 255),
) -> SimilarityModel:
    """Build a ResNet-18 whose first convolution is 3×3 without stride, as for CIFAR; all of it trains.

    Args:
        input_shape: `(h, w, c)`, h and w perhaps None; images of about 24 to 96 pixels a side.
        embedding_size: Width d of the embedding.
        l2_norm: Whether embeddings have length 1.
        include_top: Whether there is an embedding layer; without one the pooled features are the embedding.
        pooling, gem_p, value_range: See `from_backbone`. Pixels are scaled to −1–1 inside the model.
        filters: Channels of the first stage, doubled in each of the next three; 64 is the paper's.

    Raises:
        ValueError: see `from_backbone`; or `filters` below 1.

    Cost: 11 million weights with 64 filters, and 0.56 GFLOP for an image of 32×32; both grow with filters².

    Example:
        >>> model = ResNet18Sim((24, 24, 3), 8, filters=2)
        >>> rows = model.embed(np.random.default_rng(0).integers(256, size=(2, 24, 24, 3)))
        >>> rows.shape, np.linalg.norm(rows, axis=1).round(2).tolist()
        ((2, 8), [1.0, 1.0])

    References:
        He et al., Deep Residual Learning for Image Recognition, 2015, arXiv:1512.03385, sections 3.3 and 4.2.
    """
    filters = check_whole(filters, name="filters", minimum=1)
    ending = upstream_ending(embedding_size, l2_norm, include_top, pooling, gem_p)
    inputs = keras.Input(input_shape)
    hidden = _convolution(inputs, filters)
    for stage in range(4):
        for block in range(BLOCKS_OF_A_STAGE):
            hidden = _block(hidden, filters << stage, strides=2 if stage and not block else 1)
    return from_backbone(
        keras.Model(inputs, hidden, name="resnet18"),
        preprocessing="tf",
        value_range=value_range,
        name="resnet18sim",
        **ending,
    )


def _block(hidden: Tensor, filters: int, *, strides: int) -> Tensor:
    """Two convolutions beside a shortcut, which is projected where the shapes differ."""
    shortcut = hidden
    if strides != 1 or hidden.shape[-1] != filters:
        shortcut = layers.Conv2D(filters, 1, strides=strides, use_bias=False)(hidden)
        shortcut = layers.BatchNormalization()(shortcut)
    hidden = _convolution(hidden, filters, strides=strides)
    hidden = layers.Conv2D(filters, 3, padding="same", use_bias=False, kernel_initializer="he_normal")(hidden)
    hidden = layers.BatchNormalization()(hidden)
    return layers.ReLU()(layers.Add()([hidden, shortcut]))


def _convolution(hidden: Tensor, filters: int, *, strides: int = 1) -> Tensor:
    hidden = layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False, kernel_initializer="he_normal")(
        hidden
    )
    return layers.ReLU()(layers.BatchNormalization()(hidden))
