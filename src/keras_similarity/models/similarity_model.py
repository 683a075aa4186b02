"""The facade of the whole journey: a Keras model that trains an embedding, indexes it and finds neighbours."""

from typing import Any

import keras

from keras_similarity.models.compiled import Compiled

__all__ = ["SimilarityModel"]


@keras.saving.register_keras_serializable(package="keras_similarity")
class SimilarityModel(Compiled, keras.Model):
    """A `keras.Model` whose output is an embedding, with an index of items to look up.

    Built like any functional model, `SimilarityModel(inputs, outputs)`; several inputs work, and several outputs when
    `compile` is told which one is the embedding. `model.save("m.keras")` keeps the model and the index with its
    labels and data in one file, without pickle; `keras.saving.load_model` brings both back.

    Args:
        *args, **kwargs: `inputs`, `outputs` and `name`, as for `keras.Model`.

    Example:
        >>> import keras
        >>> inputs = keras.Input((4,))
        >>> model = SimilarityModel(inputs, keras.layers.UnitNormalization()(inputs))
        >>> model.compile(distance="cosine")
        >>> ids = model.index(np.eye(4)[:3], y=["a", "b", "c"])
        >>> model.single_lookup(np.array([0.1, 0.9, 0.0, 0.0]), k=1)[0].label
        'b'
    """

    # Keras revives a functional subclass only under exactly these argument names.
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
