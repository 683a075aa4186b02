"""What a threshold should achieve, and which of all thresholds does."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.evaluate import ClassificationMetric, get_classification_metric

__all__ = ["Target", "best_position", "parse_targets"]

Floats = NDArray[np.float64]
PATTERN = re.compile(r"\s*(\w+)\s*(>=|<=|≥|≤)\s*([0-9.eE+-]+)\s*")


@dataclass(frozen=True)
class Target:
    """A minimum or a maximum of a metric.

    Args:
        metric: Of what.
        minimum: Whether `value` is a minimum.
        value: In [0, 1].
    """

    metric: ClassificationMetric
    minimum: bool
    value: float

    def __str__(self) -> str:
        return f"{self.metric.name} {'>=' if self.minimum else '<='} {self.value:g}"

    def position(self, values: Floats) -> int | None:
        """Return which threshold to take, from the metric's value at each, strictest first; None if none will do.

        Of those that meet the target it is the one that costs least elsewhere: the loosest, where loosening threatens
        the target (a minimum of precision, a maximum of FPR), and the strictest for any other.
        """
        meeting = np.flatnonzero(values >= self.value if self.minimum else values <= self.value)  # NaN meets nothing
        if len(meeting) == 0:
            return None
        threatened = self.metric.rises is not None and self.metric.rises != self.minimum
        return int(meeting[-1] if threatened else meeting[0])


def best_position(values: Floats, *, largest: bool) -> int:
    """Return where the best value is, the last of equal ones: of thresholds as good, the loosest."""
    signed = np.where(np.isnan(values), -np.inf, values if largest else -values)
    return len(signed) - 1 - int(signed[::-1].argmax())


def parse_targets(targets: Mapping[str, Any] | None, default: ClassificationMetric) -> dict[str, Target]:
    """Return the targets of these names.

    Args:
        targets: Name of a cutpoint -> a number, what the calibration metric should reach at least (at most, where
            smaller is better); or words such as "precision >= 0.95" or "fpr <= 0.001".
        default: The calibration metric.

    Raises:
        ValueError: words of another form, an unknown metric, a value outside [0, 1], or a name that is taken.
    """
    found = {name: _parse(name, target, default) for name, target in (targets or {}).items()}
    for name in ("all", "optimal"):
        if name in found:
            raise ValueError(
                f"`thresholds_targets` cannot name a cutpoint {name!r}, which means another.\n  Choose another name."
            )
    return found


def _parse(name: str, target: Any, default: ClassificationMetric) -> Target:
    match = PATTERN.fullmatch(target) if isinstance(target, str) else None
    if match is not None:
        return Target(get_classification_metric(match[1]), match[2] in (">=", "≥"), _fraction(name, match[3]))
    if isinstance(target, str | bool):
        raise ValueError(
            f"`thresholds_targets` takes a number, or words such as 'precision >= 0.95': got {target!r} for {name!r}.\n"
            "  Write the metric, >= or <=, and the value."
        )
    return Target(default, default.larger_is_better, _fraction(name, target))


def _fraction(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = np.nan
    if not 0 <= number <= 1:
        raise ValueError(f"`thresholds_targets` needs values in [0, 1]: got {value!r} for {name!r}.\n  95 % is 0.95.")
    return number
