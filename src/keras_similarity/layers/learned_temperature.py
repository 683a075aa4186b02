"""A temperature that is learned, as the length of the rows."""

import math
from typing import Any

import keras
from keras import ops

from keras_similarity.core.checks import check_number
from keras_similarity.ops.pairwise import unit_rows

__all__ = ["LearnedTemperature"]

Tensor = Any
LARGEST_SCALE = 100.0  # CLIP's limit, past which training becomes unstable


class _AtMost(keras.constraints.Constraint):
    """Keeps the logarithm of the scale at its limit: a limit in the forward pass would let no gradient back."""

    def __call__(self, value: Tensor) -> Tensor:
        return ops.minimum(value, math.log(LARGEST_SCALE))


@keras.saving.register_keras_serializable(package="keras_similarity")
class LearnedTemperature(keras.layers.Layer):
    """Brings rows to length √(1 / temperature), with a temperature that is trained.

    The inner product of two rows is then their cosine over the temperature: put it at the end of a model, and train
    with a softmax loss of `distance="inner_product"` and `temperature=1`. Cosine search finds the same neighbours
    whatever the length. The scale 1 / temperature is kept in logarithms, and at most 100.

    Args:
        temperature: What it starts from, in (0.01, 1].

    Raises:
        ValueError: a temperature outside that range.

    Input and output shape `(…, d)`, float32 out. Views `(b, 2, d)` share the temperature.

    Example:
        >>> rows = LearnedTemperature(0.25)(np.array([[0.0, 5.0]]))
        >>> keras.ops.convert_to_numpy(rows).round(3).tolist()
        [[0.0, 2.0]]

    References:
        Radford et al., CLIP, 2021, arXiv:2103.00020, section 2.5.
    """

    def __init__(self, temperature: float = 0.07, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)  # embeddings keep their digits under any policy
        limits = {"above": 1 / LARGEST_SCALE, "at_most": 1.0}
        self.temperature = check_number(temperature, name="temperature", hint="CLIP uses 0.07.", **limits)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the logarithm of the scale."""
        start = keras.initializers.Constant(-math.log(self.temperature))
        self._log_scale = self.add_weight(
            name="log_scale", shape=(), initializer=start, dtype="float32", autocast=False, constraint=_AtMost()
        )

    def call(self, inputs: Tensor) -> Tensor:
        """Return rows of the learned length."""
        log_scale: Tensor = ops.convert_to_tensor(self._log_scale)
        return unit_rows(ops.cast(inputs, "float32")) * ops.exp(log_scale / 2.0)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {**super().get_config(), "temperature": self.temperature}
