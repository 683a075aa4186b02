"""Any Keras model → a similarity model."""

from typing import Any

import keras

from keras_similarity.architectures.embedding import embedding_layer
from keras_similarity.architectures.frozen_backbone import FrozenBackbone
from keras_similarity.architectures.image_preprocessing import ImagePreprocessing, preprocessing_of
from keras_similarity.architectures.trainable_layers import set_trainable
from keras_similarity.core.checks import check_choice
from keras_similarity.layers import (
    GeneralizedMeanPooling1D,
    GeneralizedMeanPooling2D,
    L2Normalize,
)
from keras_similarity.models import SimilarityModel

__all__ = ["from_backbone"]

Tensor = Any
POOLINGS = ("gem", "avg", "max")
MODES = ("auto", "none", "pixels", "unit", "tf", "torch", "caffe")


def from_backbone(
    backbone: keras.Model,
    embedding_size: int | None = 128,
    *,
    pooling: str | None = "gem",
    trainable: str = "full",
    head: keras.layers.Layer | None = None,
    preprocessing: str = "auto",
    value_range: tuple[float, float] = (0, 255),
    partial: str | float = 1 / 3,
    freeze_batch_norm: bool = False,
    normalize: bool = True,
    gem_p: float = 3.0,
    name: str | None = None,
) -> SimilarityModel:
    """Build a similarity model on any Keras model: preprocessing, backbone, pooling, embedding, and perhaps a head.

    Args:
        backbone: A model of one input and one output, of shape `(b, h, w, c)`, `(b, steps, c)` or `(b, c)`, such as
            keras.applications' with `include_top=False`, or a loaded `.keras` file. It becomes part of the new model
            and is not copied: what trains there trains here, and `trainable` of its layers is set.
        embedding_size: Width d of the embedding; None for the pooled features themselves.
        pooling: "gem", "avg" or "max" over places or steps; None flattens. A backbone of shape `(b, c)` needs none.
        trainable: "full"; "partial" for the last layers alone, see `partial`; or "frozen" for none of the backbone.
            A frozen backbone, its dropout and its pooling always run as in inference, so `embed.FrozenCache` can keep
            what they return. Batch normalisation in a frozen layer uses its moving averages and leaves them alone.
        head: A layer after the embedding, such as `layers.ArcFace(classes)`.
        preprocessing: What images become inside the model, see `ImagePreprocessing`; "auto" goes by the names of
            keras.applications, and leaves the inputs of any other model as they come.
        value_range: The least and greatest value of a pixel that comes in, (0, 1) for scaled images.
        partial: What trains under "partial": a share of the layers with weights, counted from the output, or a
            regular expression of their names.
        freeze_batch_norm: Whether batch normalisation stays in inference mode also in layers that train: for batches
            of few classes, and for backbones that were trained on other batches.
        normalize: Whether embeddings have length 1.
        gem_p: The power that "gem" starts from; it is learned, unless the backbone is frozen.
        name: The model's name.

    Raises:
        TypeError: `backbone` is no Keras model.
        ValueError: a backbone of several inputs or outputs or another shape, or an argument out of its choices.

    Example:
        >>> inputs = keras.Input((8, 8, 3))
        >>> backbone = keras.Model(inputs, keras.layers.Conv2D(8, 3, activation="relu")(inputs))
        >>> model = from_backbone(backbone, 4, trainable="frozen", preprocessing="tf")
        >>> model.embed(np.zeros((2, 8, 8, 3), np.uint8)).shape
        (2, 4)
    """
    check_choice(preprocessing, MODES, name="preprocessing")
    _check_backbone(backbone, pooling)
    set_trainable(backbone, trainable, partial=partial, freeze_batch_norm=freeze_batch_norm)
    given = backbone.inputs[0]
    inputs = keras.Input(given.shape[1:], dtype=given.dtype, name="examples")
    mode = preprocessing_of(backbone) if preprocessing == "auto" else preprocessing
    hidden = inputs if mode == "none" else ImagePreprocessing(mode, value_range=value_range)(inputs)
    frozen = trainable == "frozen"
    features = FrozenBackbone(backbone, name="backbone")(hidden) if frozen else backbone(hidden)
    pooled = _pooled(features, pooling, gem_p, learn_p=not frozen)
    if embedding_size is not None:
        embedding = embedding_layer(embedding_size, normalize=normalize)(pooled)
    else:
        embedding = L2Normalize(name="embedding")(pooled) if normalize else pooled
    return SimilarityModel(inputs, embedding if head is None else head(embedding), name=name)


def _check_backbone(backbone: keras.Model, pooling: str | None) -> None:
    """Raise for what cannot be wrapped."""
    if not isinstance(backbone, keras.Model):
        raise TypeError(
            f"`backbone` must be a Keras model: got {type(backbone).__name__}.\n"
            "  Pass one of keras.applications, or `keras.saving.load_model(path)`."
        )
    if pooling is not None:
        check_choice(pooling, POOLINGS, name="pooling", hint="Pass one of these names, or None to flatten.")
    try:
        inputs, outputs = backbone.inputs, backbone.outputs
    except AttributeError as error:
        raise ValueError(f"`backbone` must be a functional or a built sequential model.\n  {_BUILD_BY_HAND}") from error
    if len(inputs) != 1 or len(outputs) != 1:
        raise ValueError(
            f"`backbone` must have one input and one output: it has {len(inputs)} and {len(outputs)}.\n"
            f"  {_BUILD_BY_HAND}"
        )
    shape = tuple(outputs[0].shape)
    if len(shape) not in (2, 3, 4):
        raise ValueError(
            f"`backbone` must return one row, a sequence or a map per example: its output has shape {shape}.\n"
            f"  {_BUILD_BY_HAND}"
        )
    if pooling is None and None in shape[1:]:
        raise ValueError(
            f"pooling=None flattens, and needs a backbone of a fixed output shape: got {shape}.\n"
            "  Choose pooling='gem', or give the backbone an input shape."
        )


def _pooled(features: Tensor, pooling: str | None, gem_p: float, *, learn_p: bool) -> Tensor:
    axes = len(features.shape)
    if axes == 2:
        return features
    if pooling is None:
        return keras.layers.Flatten(name="features")(features)
    if pooling == "gem":
        layer = GeneralizedMeanPooling2D if axes == 4 else GeneralizedMeanPooling1D
        return layer(gem_p, learn_p=learn_p, name="pooling")(features)
    layers = keras.layers
    kinds = {
        ("avg", 3): layers.GlobalAveragePooling1D,
        ("avg", 4): layers.GlobalAveragePooling2D,
        ("max", 3): layers.GlobalMaxPooling1D,
        ("max", 4): layers.GlobalMaxPooling2D,
    }
    return kinds[pooling, axes](name="pooling")(features)


_BUILD_BY_HAND = "Otherwise build the model yourself: SimilarityModel(inputs, outputs), ending in MetricEmbedding."
