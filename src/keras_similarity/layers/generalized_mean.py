"""Generalised-mean pooling: between the average and the maximum of a feature map, at a power that is learned."""

import math
from numbers import Real
from typing import Any

import keras
from keras import ops

from keras_similarity.core.checks import check_choice

__all__ = ["GeneralizedMeanPooling1D", "GeneralizedMeanPooling2D"]

Tensor = Any
EPSILON = 1e-6  # the paper's clamp: activations below it count as it
DATA_FORMATS = ("channels_first", "channels_last")


class _GeneralizedMeanPooling(keras.layers.Layer):
    """What both ranks share; see `GeneralizedMeanPooling2D`."""

    _spatial_axes = 0

    def __init__(
        self,
        p: float = 3.0,
        *,
        learn_p: bool = True,
        data_format: str | None = None,
        keepdims: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if isinstance(p, bool) or not isinstance(p, Real) or math.isnan(p):
            raise ValueError(f"`p` must be a number, or an infinity: got {p!r}.\n  The paper starts at 3.")
        self.p = float(p)
        self.learn_p = learn_p
        self.data_format = data_format or keras.config.image_data_format()
        check_choice(self.data_format, DATA_FORMATS, name="data_format")
        self.keepdims = keepdims
        first = 1 if self.data_format == "channels_last" else 2
        self._axes = tuple(range(first, first + self._spatial_axes))

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the power, where it is learned; an infinite or zero one is a limit and stays."""
        if len(input_shape) != 2 + self._spatial_axes:
            raise ValueError(
                f"{type(self).__name__} needs inputs of {2 + self._spatial_axes} axes, the batch's included: got shape "
                f"{tuple(input_shape)}.\n  Pool the output of a convolution, before it is flattened."
            )
        if self.learn_p and self.p != 0 and math.isfinite(self.p):
            self._power = self.add_weight(
                name="p", shape=(), initializer=keras.initializers.Constant(self.p), dtype="float32", autocast=False
            )
        else:
            self._power = None

    def call(self, inputs: Tensor) -> Tensor:
        """Return one number per channel, in the type of the inputs."""
        if math.isinf(self.p):
            extreme = ops.max if self.p > 0 else ops.min
            return extreme(inputs, axis=self._axes, keepdims=self.keepdims)
        # In logarithms no power overflows, whatever p and the precision of the activations.
        logs = ops.log(ops.maximum(ops.cast(inputs, "float32"), EPSILON))
        if self.p == 0:
            pooled = ops.mean(logs, axis=self._axes, keepdims=self.keepdims)
        else:
            power: Tensor = self.p if self._power is None else ops.cast(self._power, "float32")
            count: Tensor = ops.prod(ops.convert_to_tensor([ops.shape(inputs)[axis] for axis in self._axes]))
            total: Tensor = ops.logsumexp(power * logs, axis=self._axes, keepdims=self.keepdims)
            pooled = (total - ops.log(ops.cast(count, "float32"))) / power
        return ops.cast(ops.exp(pooled), self.compute_dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return `(b, c)`, or with `keepdims` 1 in place of the pooled axes."""
        if self.keepdims:
            return tuple(1 if axis in self._axes else size for axis, size in enumerate(input_shape))
        return tuple(size for axis, size in enumerate(input_shape) if axis not in self._axes)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        keys = ("p", "learn_p", "data_format", "keepdims")
        return {**super().get_config(), **{key: getattr(self, key) for key in keys}}


@keras.saving.register_keras_serializable(package="keras_similarity")
class GeneralizedMeanPooling1D(_GeneralizedMeanPooling):
    """Pools a sequence `(b, steps, c)` to `(b, c)`; see `GeneralizedMeanPooling2D`.

    Example:
        >>> layer = GeneralizedMeanPooling1D(p=1.0)
        >>> keras.ops.convert_to_numpy(layer(np.array([[[1.0, 4.0], [3.0, 0.0]]]))).round(3).tolist()
        [[2.0, 2.0]]
    """

    _spatial_axes = 1


@keras.saving.register_keras_serializable(package="keras_similarity")
class GeneralizedMeanPooling2D(_GeneralizedMeanPooling):
    """Pools a feature map `(b, h, w, c)` to `(b, c)`: (mean of x^p)^(1/p), per channel.

    p = 1 is the average, a large p the maximum; learned, it finds how much the strongest places should count.

    Args:
        p: The power to start from: any number, 0 for the geometric mean, ±infinity for the maximum or minimum.
        learn_p: Whether p is trained, one scalar for all channels; 0 and the infinities stay.
        data_format: "channels_last" or "channels_first"; None for Keras's own setting.
        keepdims: Whether the pooled axes stay, with size 1.

    Raises:
        ValueError: p is no number, an unknown data format, or inputs of another number of axes.

    Activations below 1e-6 count as 1e-6, as in the paper: put it behind a ReLU. All powers are taken in float32.

    Example:
        >>> layer = GeneralizedMeanPooling2D(p=float("inf"))
        >>> float(layer(np.array([[[[1.0], [5.0]], [[2.0], [3.0]]]]))[0, 0])
        5.0

    References:
        Radenović et al., Fine-tuning CNN Image Retrieval with No Human Annotation, 2018, arXiv:1711.02512, eq. (3).
    """

    _spatial_axes = 2
