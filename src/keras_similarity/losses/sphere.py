"""How rare a distance is between random points of a sphere: what distance-weighted sampling draws by."""

import math
from typing import Any

from keras import ops

__all__ = ["SMALLEST_DISTANCE", "draw_logits"]

Tensor = Any
SMALLEST_DISTANCE = 1e-6
SMALLEST_GAP = 1e-12  # 1 − d²/4, at d = 2


def draw_logits(distances: Tensor, cutoff: float, width: int) -> Tensor:
    """Log of min(1 / q(cutoff), 1 / q(d)), with q the density of d between random unit vectors of `width` numbers."""
    still = ops.clip(distances, SMALLEST_DISTANCE, 2.0)
    gap = ops.maximum(1.0 - ops.square(still) / 4.0, SMALLEST_GAP)
    logits = ops.log(still) * (2 - width) + ops.log(gap) * ((3 - width) / 2)
    limit = math.log(cutoff) * (2 - width) + math.log(1.0 - cutoff**2 / 4.0) * ((3 - width) / 2)
    return ops.minimum(logits, limit)
