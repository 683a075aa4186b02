"""Pure tensor functions, on any Keras backend: distances, masks, safe reductions."""

from keras_similarity.ops.chunks import in_chunks, sum_in_one_pass
from keras_similarity.ops.gather import gather, replica_share, row_numbers, whole_batch, whole_value
from keras_similarity.ops.labels import (
    as_codes,
    check_label_count,
    concrete,
    nan_where_fractional,
    one_per_row,
    row_weights,
)
from keras_similarity.ops.masks import pair_counts, pair_masks, places_among, sums_of_classes
from keras_similarity.ops.pairwise import (
    as_wide_float,
    paired_distances,
    pairwise_distances,
    prepared_rows,
    unit_rows,
)
from keras_similarity.ops.positives import each_positive, gap_sums, hinge_sums, smooth_ranks
from keras_similarity.ops.reductions import (
    masked_log1p_sum_exp,
    masked_log_sum_exp,
    masked_max,
    masked_mean,
    masked_min,
    masked_row_mean,
    masked_row_sum,
    safe_sqrt,
    split_log_sum_exp,
)

__all__ = [
    "as_codes",
    "as_wide_float",
    "check_label_count",
    "concrete",
    "each_positive",
    "gap_sums",
    "gather",
    "hinge_sums",
    "in_chunks",
    "masked_log1p_sum_exp",
    "masked_log_sum_exp",
    "masked_max",
    "masked_mean",
    "masked_min",
    "masked_row_mean",
    "masked_row_sum",
    "nan_where_fractional",
    "one_per_row",
    "pair_counts",
    "pair_masks",
    "paired_distances",
    "pairwise_distances",
    "places_among",
    "prepared_rows",
    "replica_share",
    "row_numbers",
    "row_weights",
    "safe_sqrt",
    "smooth_ranks",
    "split_log_sum_exp",
    "sum_in_one_pass",
    "sums_of_classes",
    "unit_rows",
    "whole_batch",
    "whole_value",
]
