"""What a capacity plan is asked for, and the machines there are."""

from dataclasses import dataclass

from keras_similarity.cli.capacity_numbers import EMBED_SECONDS

__all__ = ["GB", "Workload"]

GB = 1e9
MEMORY_SHARE = 0.7  # of a machine that rows may fill: the rest is for writes, snapshots and the system


@dataclass(frozen=True, slots=True)
class Workload:
    """What is asked for, and the machines there are.

    Args:
        items: Rows, ≥ 1.
        dim: Numbers of a row, ≥ 1.
        qps: Queries per second, ≥ 0.
        cores, memory: Of one machine; memory in bytes.
        embed_seconds: CPU to embed one item.
    """

    items: int
    dim: int
    qps: float
    cores: int = 16
    memory: float = 64 * GB
    embed_seconds: float = EMBED_SECONDS

    @property
    def room(self) -> float:
        """Bytes of rows that a machine holds."""
        return self.memory * MEMORY_SHARE

    @property
    def embed_hours(self) -> float:
        """CPU hours to embed everything once."""
        return self.items * self.embed_seconds / 3600
