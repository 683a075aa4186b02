"""Cosines of turned angles, without arc cosines, whose slope is infinite at ±1."""

import math
from typing import Any

from keras import ops

from keras_similarity.ops import safe_sqrt

__all__ = ["falling_turned_cosine", "turned_cosine"]

Tensor = Any


def turned_cosine(cosine: Tensor, turn: Any) -> Tensor:
    """cos(θ + turn) from cos θ, for θ in [0, π]; `turn` in radians, a number or a tensor of the same shape."""
    sine = safe_sqrt(1.0 - cosine * cosine)
    if isinstance(turn, float):
        return cosine * math.cos(turn) - sine * math.sin(turn)
    return cosine * ops.cos(turn) - sine * ops.sin(turn)


def falling_turned_cosine(cosine: Tensor, turn: float) -> Tensor:
    """cos(θ + turn), and cos θ − turn · sin(turn) where θ + turn passes π, so that it falls as θ grows."""
    beyond = cosine - turn * math.sin(turn)
    return ops.where(cosine < -math.cos(turn), beyond, turned_cosine(cosine, turn))
