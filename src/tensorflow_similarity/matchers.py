"""Matchers under their upstream names: here, a matcher is its name."""

__all__ = ["MatchMajorityVote", "MatchNearest"]


def MatchNearest() -> str:
    """Name the matcher that takes the nearest neighbour's label."""
    return "match_nearest"


def MatchMajorityVote() -> str:
    """Name the matcher that takes the label of most neighbours."""
    return "match_majority_vote"
