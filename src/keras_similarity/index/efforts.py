"""How thoroughly a graph is searched: the settings that are tried, and the least of them that finds enough."""

from collections.abc import Callable, Sequence

__all__ = ["effort_ladder", "least_effort"]

STRIDE = 22  # efforts of a ladder at a time: about twice the work


def effort_ladder(first: int, last: int) -> tuple[int, ...]:
    """Return settings from first to last, each about a thirty-second more than the one before."""
    steps = [first]
    while steps[-1] < last:
        steps.append(min(max(steps[-1] + 1, steps[-1] * 33 // 32), last))
    return tuple(steps)


def least_effort(
    efforts: Sequence[int], measure: Callable[[int], float], aim: float, *, stride: int = STRIDE
) -> tuple[int, float]:
    """Return the smallest effort that reaches a recall, and the recall; the largest, where none does.

    The thorough ones are slow, so it goes up in strides, and by bisection in the last of them. `stride` is how many
    efforts ask for about twice the work.
    """
    low, high, last = 0, 0, len(efforts) - 1
    recall = measure(efforts[high])
    while recall < aim and high < last:
        low, high = high + 1, min(high + stride, last)
        recall = measure(efforts[high])
    while low < high and recall >= aim:
        middle = (low + high) // 2
        found = measure(efforts[middle])
        low, high, recall = (low, middle, found) if found >= aim else (middle + 1, high, recall)
    return efforts[high], recall
