"""Retrieval metrics under their upstream names: here, a metric is its name."""

__all__ = ["BNDCG", "MapAtK", "PrecisionAtK", "RecallAtK"]


def RecallAtK(k: int = 5) -> str:
    """Name the share of queries with a neighbour of their label among k."""
    return f"recall@{k}"


def PrecisionAtK(k: int = 5) -> str:
    """Name the share of the k nearest that have the query's label."""
    return f"precision@{k}"


def MapAtK(r: object = None, clip_at_r: bool = False, k: int = 5) -> str:
    """Name the mean average precision at k; `r`, the counts of the classes, is not needed any more."""
    return "map@r" if clip_at_r else f"map@{k}"


def BNDCG(k: int = 5) -> str:
    """Name the normalised discounted cumulative gain at k."""
    return f"ndcg@{k}"
