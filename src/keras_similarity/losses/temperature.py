"""What losses with a temperature share: logits from distances, and how large these can be."""

from typing import Any

from keras_similarity.core.checks import check_number
from keras_similarity.core.distances import Distance
from keras_similarity.losses.metric_loss import MetricLoss

__all__ = ["TemperatureLoss"]

Tensor = Any


class TemperatureLoss(MetricLoss):
    """A loss over logits −d / temperature.

    Args:
        distance: See `MetricLoss`.
        temperature: > 0, in units of the distance.
        **kwargs: See `MetricLoss`.

    Raises:
        ValueError: a temperature that is not above 0.
    """

    def __init__(self, distance: str | Distance, temperature: float, **kwargs: Any) -> None:
        super().__init__(distance=distance, **kwargs)
        self.temperature = check_number(
            temperature, name="temperature", above=0, hint="Pass a distance, such as 0.1 for cosine."
        )

    def logits(self, distances: Tensor) -> Tensor:
        """Return −d / temperature."""
        return distances * (-1.0 / self.temperature)

    @property
    def logit_bound(self) -> float:
        """How large a logit can be in magnitude, infinity where distances have no bound."""
        return max(map(abs, self.distance.range)) / self.temperature

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs, all of it JSON."""
        return super().get_config() | {"temperature": self.temperature}
