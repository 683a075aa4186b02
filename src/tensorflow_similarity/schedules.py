"""Schedules with upstream's arguments; Keras has them now."""

from typing import Any

__all__ = ["WarmupCosineDecay"]


def WarmupCosineDecay(max_learning_rate: float, total_steps: int, warmup_steps: int, alpha: float = 0.0) -> Any:
    """Build `keras.optimizers.schedules.CosineDecay`, which starts at 0."""
    from keras.optimizers.schedules import CosineDecay

    return CosineDecay(
        0.0, total_steps - warmup_steps, alpha, warmup_target=max_learning_rate, warmup_steps=warmup_steps
    )
