"""How an architecture ends: in an embedding of a given size."""

from typing import Any

from keras_similarity.core.checks import check_whole
from keras_similarity.layers import MetricEmbedding

__all__ = ["embedding_layer", "upstream_ending"]


def embedding_layer(embedding_size: int, *, normalize: bool) -> MetricEmbedding:
    """Return the last layer, or raise a ValueError for a size that is none."""
    return MetricEmbedding(
        check_whole(embedding_size, name="embedding_size", minimum=1), normalize=normalize, name="embedding"
    )


def upstream_ending(
    embedding_size: int, l2_norm: bool, include_top: bool, pooling: str | None, gem_p: float
) -> dict[str, Any]:
    """Return TensorFlow Similarity's arguments of an ending in the words of `from_backbone`."""
    size = check_whole(embedding_size, name="embedding_size", minimum=1)
    return {"embedding_size": size if include_top else None, "normalize": l2_norm, "pooling": pooling, "gem_p": gem_p}
