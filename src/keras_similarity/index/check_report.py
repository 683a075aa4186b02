"""What a check of an index found."""

from dataclasses import dataclass

__all__ = ["CheckReport"]


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What a check found.

    Args:
        problems: What is damaged, a sentence each; none when all is well.
        lost_items: Ids of items that were lost, or would be by a repair; where not even the id is left, the number of
            the row as "row 17".
        lost_records: Ids of items that keep embedding and id and lose data and metadata, or their label, which becomes
            "lost label" and a number.
        repaired: Whether the index was repaired.

    Example:
        >>> from keras_similarity import Index
        >>> Index(dim=2).check()
        CheckReport(problems=(), lost_items=(), lost_records=(), repaired=False)
        >>> CheckReport(problems=("row 3 is damaged",), lost_items=(3,)).ok
        False
    """

    problems: tuple[str, ...] = ()
    lost_items: tuple[int | str, ...] = ()
    lost_records: tuple[int | str, ...] = ()
    repaired: bool = False

    @property
    def ok(self) -> bool:
        """Whether all is well now."""
        return not self.problems or self.repaired
