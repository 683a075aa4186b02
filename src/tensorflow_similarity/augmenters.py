"""Augmenters with upstream's arguments."""

from typing import Any

from keras_similarity import augment

__all__ = ["BarlowAugmenter", "SimCLRAugmenter"]


def SimCLRAugmenter(height: int, width: int, *, jitter_stength: float = 1.0, **settings: Any) -> augment.Augmenter:
    """Build `keras_similarity.augment.SimCLRAugmenter`; the strength of its jitter has upstream's spelling."""
    return augment.SimCLRAugmenter(height, width, jitter_strength=jitter_stength, **settings)


def BarlowAugmenter(width: int, height: int, **settings: Any) -> augment.Augmenter:
    """Build `keras_similarity.augment.BarlowAugmenter`, with the width first."""
    return augment.BarlowAugmenter(height, width, **settings)
