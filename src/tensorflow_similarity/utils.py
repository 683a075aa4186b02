"""The helper that upstream's notebooks begin with."""

__all__ = ["tf_cap_memory"]


def tf_cap_memory() -> None:
    """Do nothing: for TensorFlow not to take all memory of a GPU, set `TF_FORCE_GPU_ALLOW_GROWTH=true` before."""
