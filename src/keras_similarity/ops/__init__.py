"""Pure tensor functions, on any Keras backend: distances, masks, safe reductions."""

from keras_similarity.ops.masks import pair_masks
from keras_similarity.ops.pairwise import pairwise_distances
from keras_similarity.ops.reductions import (
    masked_log1p_sum_exp,
    masked_max,
    masked_mean,
    masked_min,
)

__all__ = [
    "masked_log1p_sum_exp",
    "masked_max",
    "masked_mean",
    "masked_min",
    "pair_masks",
    "pairwise_distances",
]
