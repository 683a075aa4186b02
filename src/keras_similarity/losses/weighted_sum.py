"""A sum of losses over one output, each of which shows in the logs."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from keras_similarity.core.checks import check_number
from keras_similarity.losses.metric_loss import MetricLoss
from keras_similarity.ops import whole_value

__all__ = ["WeightedSum"]

Tensor = Any


class _Parts(keras.layers.Layer):
    """The means of an epoch, as metrics that a model finds in its layers."""

    def __init__(self, names: Sequence[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.means = [keras.metrics.Mean(name=name) for name in names]


@keras.saving.register_keras_serializable(package="keras_similarity")
class WeightedSum(keras.losses.Loss):
    """Several losses of the same embeddings, added.

    Keras itself adds the losses of several outputs. This is for one output, such as a triplet loss with a
    spread-out regulariser's companion: in a `SimilarityModel` each part is logged under its name, averaged over the
    epoch, before its weight.

    Args:
        losses: Losses by the name they are logged under, or a list of them, for their own names.
        weights: A factor for each, in their order; None for 1.
        name: Name in logs.

    Raises:
        TypeError: something among the losses is none.
        ValueError: no loss, two of one name, another number of weights, or a weight that is no number.

    Example:
        >>> from keras_similarity.losses import MultiSimilarityLoss, TripletLoss
        >>> loss = WeightedSum({"pairs": MultiSimilarityLoss(), "triplets": TripletLoss()}, weights=[1.0, 0.5])
        >>> x = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [0.8, 0.6]], "float32")
        >>> f"{float(loss([0, 0, 1, 1], x)):.3f}"
        '0.754'
    """

    def __init__(
        self,
        losses: Mapping[str, Any] | Sequence[Any],
        weights: Sequence[float] | None = None,
        *,
        name: str | None = "weighted_sum",
    ) -> None:
        super().__init__(name=name, reduction="none")
        named = list(losses.items()) if isinstance(losses, Mapping) else [(_name(loss), loss) for loss in losses]
        self.losses = {
            key: keras.saving.deserialize_keras_object(loss) if isinstance(loss, dict) else loss for key, loss in named
        }
        _check_losses(named, self.losses)
        factors = [1.0] * len(named) if weights is None else list(weights)
        if len(factors) != len(named):
            raise ValueError(
                f"`weights` needs one entry per loss: got {len(factors)} for {len(named)} losses.\n"
                "  Leave it out to weigh all alike."
            )
        self.weights = [check_number(factor, name="weights", hint="Pass a factor, such as 1.") for factor in factors]
        self.state = _Parts(list(self.losses), name=f"{name}_parts")

    @property
    def distance(self) -> Any:
        """The distance of the first tuple loss, which a model's index takes; None without one."""
        return next((loss.distance for loss in self.losses.values() if isinstance(loss, MetricLoss)), None)

    @property
    def parts(self) -> tuple[keras.losses.Loss, ...]:
        """The losses inside."""
        return tuple(self.losses.values())

    def call(self, y_true: Any, y_pred: Tensor) -> Tensor:
        """Return the sum; the losses reduce their own values."""
        return self(y_true, y_pred)

    def __call__(self, y_true: Any, y_pred: Tensor, sample_weight: Any = None) -> Tensor:
        """Return the weighted sum, and note its parts; Keras calls this."""
        values = [loss(y_true, y_pred, sample_weight=sample_weight) for loss in self.losses.values()]
        for mean, value in zip(self.state.means, values, strict=True):
            mean.update_state(whole_value(value))
        weighted = [weight * value for weight, value in zip(self.weights, values, strict=True)]
        return sum(weighted[1:], weighted[0])

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs, all of it JSON."""
        saved = {key: keras.saving.serialize_keras_object(loss) for key, loss in self.losses.items()}
        return {"losses": saved, "weights": list(self.weights), "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "WeightedSum":
        """Rebuild a sum, the losses inside included."""
        return cls(**config)


def _name(loss: Any) -> str:
    return str(getattr(loss, "name", type(loss).__name__))


def _check_losses(named: list[tuple[str, Any]], losses: Mapping[str, Any]) -> None:
    if not named:
        raise ValueError("`losses` needs at least one loss: got none.\n  Pass a dict of names and losses.")
    if len(losses) != len(named):
        raise ValueError(
            f"`losses` needs a name for each: got {[name for name, _ in named]}.\n  Pass a dict of names and losses."
        )
    for name, loss in losses.items():
        if not isinstance(loss, keras.losses.Loss):
            raise TypeError(
                f"`losses` needs losses: {name!r} is a {type(loss).__name__}.\n  Pass objects, such as TripletLoss()."
            )
