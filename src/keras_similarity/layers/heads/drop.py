"""Take the heads off a trained model."""

from typing import Any

import keras

from keras_similarity.layers.heads.class_head import ClassHead

__all__ = ["drop_heads"]


def drop_heads(model: keras.Model) -> Any:
    """Return the model without its heads: the same layers and weights, the same embeddings bit for bit.

    Args:
        model: A functional model, such as a `SimilarityModel`, with any number of heads in its graph.

    Returns:
        A model of the same class, not compiled and without an index, that shares the layers of `model`. Where all
        outputs then are one embedding, that is its only output.

    Raises:
        TypeError: a model that is not functional.
        ValueError: a head within a nested model.

    Example:
        >>> from keras_similarity.layers import ArcFace, MetricEmbedding
        >>> inputs = keras.Input((4,))
        >>> model = keras.Model(inputs, ArcFace(num_classes=10)(MetricEmbedding(2)(inputs)))
        >>> [type(layer).__name__ for layer in drop_heads(model).layers]
        ['InputLayer', 'MetricEmbedding']
    """
    try:
        graph: Any = type(model)(model.input, model.output, name=model.name)  # the same graph, not compiled
        bare: Any = keras.models.clone_model(graph, clone_function=lambda layer: layer, call_function=_skip_heads)
    except (AttributeError, ValueError, TypeError) as error:
        raise TypeError(
            f"`drop_heads` needs a functional model, `Model(inputs, outputs)`: got a {type(model).__name__}.\n"
            "  Build one from the model's inputs and its embedding."
        ) from error
    left = [layer.name for layer in bare._flatten_layers() if isinstance(layer, ClassHead)]
    if left:
        raise ValueError(
            f"the heads {left} are inside a model that is a layer of this one.\n"
            "  Call `drop_heads` on that inner model and build the outer one from the result."
        )
    outputs = keras.tree.flatten(bare.output)
    if len(outputs) > 1 and all(output is outputs[0] for output in outputs):
        return type(model)(bare.input, outputs[0], name=model.name)
    return bare


def _skip_heads(layer: Any, *args: Any, **kwargs: Any) -> Any:
    return args[0] if isinstance(layer, ClassHead) else layer(*args, **kwargs)
