"""Which layers of a backbone train."""

import math
import re
from collections.abc import Iterator

import keras

from keras_similarity.core.checks import check_choice, check_number

__all__ = ["set_trainable"]

CHOICES = ("full", "partial", "frozen")


def set_trainable(backbone: keras.Model, trainable: str, *, partial: str | float, freeze_batch_norm: bool) -> None:
    """Set `trainable` of every layer of a backbone, nested models' too.

    A batch normalisation that does not train is in inference mode: it uses its moving averages, and leaves them alone.

    Args:
        backbone: Any Keras model.
        trainable: "full", "partial" or "frozen".
        partial: What trains under "partial": a share of the layers with weights, counted from the output, in (0, 1];
            or a regular expression that the names of layers match at their start.
        freeze_batch_norm: Whether no batch normalisation trains, whatever else does.

    Raises:
        ValueError: an unknown choice, a share outside (0, 1], a pattern that is none or that no layer matches.
    """
    check_choice(trainable, CHOICES, name="trainable")
    layers = [layer for layer in _leaves(backbone) if layer.weights]
    chosen = {"full": layers, "frozen": []}.get(trainable)
    if chosen is None:
        chosen = _last(layers, partial)
    if freeze_batch_norm:
        chosen = [layer for layer in chosen if not isinstance(layer, keras.layers.BatchNormalization)]
    backbone.trainable = bool(chosen)
    training = {id(layer) for layer in chosen}
    for layer in layers:
        layer.trainable = id(layer) in training


def _last(layers: list[keras.layers.Layer], partial: str | float) -> list[keras.layers.Layer]:
    if not isinstance(partial, str):
        hint = "Pass a share such as 0.3, or a pattern of layer names such as '^conv5'."
        share = check_number(partial, name="partial", hint=hint, above=0, at_most=1)
        return layers[len(layers) - math.ceil(share * len(layers)) :]
    try:
        chosen = [layer for layer in layers if re.match(partial, layer.name)]
    except re.error as error:
        raise ValueError(
            f"`partial` must be a share or a regular expression: {partial!r} is none, {error}.\n"
            "  Pass a pattern of layer names such as '^conv5'."
        ) from error
    if not chosen:
        raise ValueError(
            f"`partial` must match the name of a layer: {partial!r} matches none of {len(layers)}, which end in "
            f"{[layer.name for layer in layers[-3:]]}.\n  Look at `backbone.summary()`."
        )
    return chosen


def _leaves(layer: keras.layers.Layer) -> Iterator[keras.layers.Layer]:
    if isinstance(layer, keras.Model):
        for part in layer.layers:
            yield from _leaves(part)
    else:
        yield layer
