"""What users have, such as strings → arrays of numbers, by rules that are saved with the model.

A graph on JAX or PyTorch takes no strings, and none takes NaN for "not known". So the rules stand in a layer at the
model's start: outside the graph its `prepare` makes arrays, inside it passes or decodes them.
"""

from typing import Any, ClassVar

import keras
from numpy.typing import NDArray

from keras_similarity.models import SimilarityModel

__all__ = ["RawInputs", "RawSimilarityModel"]


class RawInputs(keras.layers.Layer):
    """The first layer of a `RawSimilarityModel`: the rules by which examples become numbers.

    Attributes:
        takes: What an example is, as an `Encoder` says it: "text", or "vector" for numbers.
    """

    takes: ClassVar[str] = "vector"

    def prepare(self, x: Any) -> NDArray[Any]:
        """Return examples as the array `(n, …)` that this layer takes; such an array comes back as it is."""
        raise NotImplementedError


@keras.saving.register_keras_serializable(package="keras_similarity")
class RawSimilarityModel(SimilarityModel):
    """A `SimilarityModel` whose `embed`, `index`, `lookup`, `calibrate` and `match` take examples as users have them.

    `fit` and samplers take what `prepare` returns. The rules are those of the model's `RawInputs` layer, and are saved
    with it.

    Args:
        *args, **kwargs: As for `SimilarityModel`; one of the layers is a `RawInputs`.

    Example:
        >>> from keras_similarity.architectures import TextSim
        >>> model = TextSim(8, buckets=100)
        >>> isinstance(model, RawSimilarityModel), model.takes, model.embed(["a red car", "two cats"]).shape
        (True, 'text', (2, 8))
        >>> bool((model.embed(model.prepare(["two cats"])) == model.embed(["two cats"])).all())
        True
    """

    # Keras revives a functional subclass only under exactly these argument names.
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)

    def prepare(self, x: Any) -> NDArray[Any]:
        """Return examples as the array that `fit` and samplers take; such an array comes back as it is.

        Raises:
            ValueError, TypeError: see the encoder, such as `TextSim`.
        """
        return self._raw_inputs.prepare(x)

    @property
    def takes(self) -> str:
        """What an example is: "text", or "vector" for numbers."""
        return self._raw_inputs.takes

    def embed(self, x: Any) -> NDArray[Any]:
        """Embed examples as users have them, or as `prepare` returned them; see `SimilarityModel.embed`."""
        return super().embed(self.prepare(x))

    def index(self, x: Any, *args: Any, **kwargs: Any) -> NDArray[Any]:
        """Embed examples and add them to the index; see `SimilarityModel.index`."""
        return super().index(self.prepare(x), *args, **kwargs)

    @property
    def _raw_inputs(self) -> RawInputs:
        return next(layer for layer in self.layers if isinstance(layer, RawInputs))
