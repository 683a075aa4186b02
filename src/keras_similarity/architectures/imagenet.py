"""Networks of keras.applications as similarity models, with ImageNet's weights or none."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

from keras_similarity.architectures.embedding import upstream_ending
from keras_similarity.architectures.from_backbone import from_backbone
from keras_similarity.core.checks import check_choice
from keras_similarity.errors import DataUnavailableError
from keras_similarity.models import SimilarityModel

__all__ = ["EfficientNetSim", "ResNet50Sim"]

VARIANTS = tuple(f"B{number}" for number in range(8))


def ResNet50Sim(
    input_shape: tuple[int | None, ...],
    embedding_size: int = 128,
    weights: str | os.PathLike[str] | None = "imagenet",
    trainable: str = "frozen",
    l2_norm: bool = True,
    include_top: bool = True,
    pooling: str | None = "gem",
    gem_p: float = 3.0,
    *,
    value_range: tuple[float, float] = (0, 255),
) -> SimilarityModel:
    """Build a ResNet-50 that embeds images; "partial" trains its last stage.

    Args:
        input_shape: `(h, w, 3)`, of at least 32 pixels a side; (None, None, 3) for any.
        embedding_size: Width d of the embedding.
        weights: "imagenet", which Keras downloads once; a path to a `.weights.h5` file; None for random ones.
        trainable: "full", "partial" or "frozen", see `from_backbone`. With weights given, batch normalisation stays in
            inference mode throughout; without, it trains where its stage does.
        l2_norm: Whether embeddings have length 1.
        include_top: Whether there is an embedding layer; without one the pooled features are the embedding.
        pooling, gem_p, value_range: See `from_backbone`. Pixels are scaled inside the model.

    Raises:
        DataUnavailableError: weights that could not be downloaded.
        FileNotFoundError: no file of weights is there.
        ValueError: see `from_backbone` and `keras.applications.ResNet50`.

    Example:
        >>> model = ResNet50Sim((32, 32, 3), 16, weights=None, trainable="partial")
        >>> model.output_shape, len(model.trainable_weights) < len(model.weights)
        ((None, 16), True)

    References:
        He et al., Deep Residual Learning for Image Recognition, 2015, arXiv:1512.03385.
    """
    return from_backbone(
        _backbone(keras.applications.ResNet50, input_shape, weights),
        trainable=trainable,
        partial="^conv5",
        value_range=value_range,
        freeze_batch_norm=weights is not None,
        name="resnet50sim",
        **upstream_ending(embedding_size, l2_norm, include_top, pooling, gem_p),
    )


def EfficientNetSim(
    input_shape: tuple[int | None, ...],
    embedding_size: int = 128,
    variant: str = "B0",
    weights: str | os.PathLike[str] | None = "imagenet",
    trainable: str = "frozen",
    l2_norm: bool = True,
    include_top: bool = True,
    pooling: str | None = "gem",
    gem_p: float = 3.0,
    *,
    value_range: tuple[float, float] = (0, 255),
) -> SimilarityModel:
    """Build an EfficientNet that embeds images; "partial" trains its last three blocks and the last convolution.

    Args:
        input_shape: `(h, w, 3)`, of at least 32 pixels a side. B0 to B7 were trained on 224, 240, 260, 300, 380, 456,
            528 and 600 pixels.
        embedding_size, weights, trainable, l2_norm, include_top, pooling, gem_p, value_range: See `ResNet50Sim`.
        variant: "B0" to "B7".

    Raises:
        DataUnavailableError, FileNotFoundError: see `ResNet50Sim`.
        ValueError: an unknown variant; see `from_backbone`.

    References:
        Tan and Le, EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, 2019, arXiv:1905.11946.
    """
    check_choice(variant, VARIANTS, name="variant")
    return from_backbone(
        _backbone(getattr(keras.applications, f"EfficientNet{variant}"), input_shape, weights),
        trainable=trainable,
        partial="^(block[567]|top_)",
        value_range=value_range,
        freeze_batch_norm=weights is not None,
        name=f"efficientnet{variant.lower()}sim",
        **upstream_ending(embedding_size, l2_norm, include_top, pooling, gem_p),
    )


def _backbone(
    build: Callable[..., Any], input_shape: tuple[int | None, ...], weights: str | os.PathLike[str] | None
) -> keras.Model:
    if weights is not None and weights != "imagenet":
        if not Path(weights).is_file():
            raise FileNotFoundError(
                f'no weights at {weights}.\n  Check the path, or pass weights="imagenet", or None for random ones.'
            )
        weights = str(weights)
    try:
        return build(input_shape=tuple(input_shape), include_top=False, weights=weights)
    except Exception as error:  # Keras raises no narrower type for a failed download
        if type(error) is Exception and "URL fetch failure" in str(error):
            raise DataUnavailableError(
                f"ImageNet's weights could not be downloaded: {error}\n"
                "  Pass weights=PATH to a file of them, or weights=None for random ones."
            ) from error
        raise
