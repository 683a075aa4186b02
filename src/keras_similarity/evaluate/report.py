"""The scores of every query, and what they come to: means over queries or classes, and how sure these are."""

from collections.abc import Hashable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.checks import check_choice, check_whole
from keras_similarity.core.labels import LabelVocabulary

__all__ = ["RetrievalReport"]

BLOCK_DRAWS = 2**22  # resampled queries in one go
AVERAGES = ("macro", "micro")


@dataclass(frozen=True, eq=False)
class RetrievalReport:
    """What retrieval metrics say, query by query.

    A query without a right answer in the gallery has NaN, and is left out of every mean.

    Args:
        per_query: Name of a metric -> its values `(q,)`, each in [0, 1].
        labels: The queries' labels.
        index_recall: Of the true nearest neighbours, the fraction that the index found; None without an index.

    Example:
        >>> report = RetrievalReport({"recall@1": np.array([1.0, 0.0, 1.0, np.nan])}, ["a", "a", "b", "c"])
        >>> report.per_class(), report.left_out
        ({'a': {'recall@1': 0.5}, 'b': {'recall@1': 1.0}}, 1)
        >>> report.mean(average="macro")
        {'recall@1': 0.75}
    """

    per_query: dict[str, NDArray[np.float64]] = field(repr=False)
    labels: list[Hashable] = field(repr=False)
    index_recall: float | None = None

    @property
    def left_out(self) -> int:
        """How many queries have no right answer."""
        return int((~self._answered).sum())

    def mean(self, *, average: str = "micro") -> dict[str, float]:
        """Return the mean of each metric.

        Args:
            average: "micro" over queries, or "macro" over the classes' own means.

        Raises:
            ValueError: another average.
        """
        check_choice(average, AVERAGES, name="average")
        if average == "micro":
            return {name: float(values[self._answered].mean()) for name, values in self.per_query.items()}
        codes, _ = self._classes()
        counts = np.bincount(codes)
        return {
            name: float((np.bincount(codes, values[self._answered]) / counts).mean())
            for name, values in self.per_query.items()
        }

    def per_class(self) -> dict[Hashable, dict[str, float]]:
        """Return the means over each label's queries, in the order in which the labels first come."""
        codes, labels = self._classes()
        counts = np.bincount(codes, minlength=len(labels))
        means = {name: np.bincount(codes, values[self._answered]) / counts for name, values in self.per_query.items()}
        return {label: {name: float(means[name][code]) for name in means} for code, label in enumerate(labels)}

    def cmc(self) -> NDArray[np.float64]:
        """Return the cumulative match curve, `(k,)`: recall@1 to recall@k, for metrics such as "cmc@20".

        Raises:
            ValueError: recall@1 was not asked for.
        """
        means = self.mean()
        curve: list[float] = []
        while f"recall@{len(curve) + 1}" in means:
            curve.append(means[f"recall@{len(curve) + 1}"])
        if not curve:
            raise ValueError(f"`cmc` needs 'cmc@k' among the metrics: got {list(means)}.\n  Add 'cmc@10', for example.")
        return np.array(curve)

    def confidence_intervals(
        self, *, level: float = 0.95, average: str = "micro", samples: int = 2000, seed: int = 0
    ) -> dict[str, tuple[float, float]]:
        """Return where the mean of each metric would lie, had other queries of the same kind been drawn.

        The percentile bootstrap over queries: the gallery is taken as it is.

        Args:
            level: The fraction of resamples inside the interval, between 0 and 1.
            average: See `mean`.
            samples: How many times the queries are drawn anew, ≥ 1.
            seed: Makes the draws repeatable.

        Raises:
            ValueError: a level outside (0, 1), another average, or no samples.

        Cost: O(samples · q) time, about 64 MB.

        References:
            Efron & Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
        """
        check_choice(average, AVERAGES, name="average")
        samples = check_whole(samples, name="samples", minimum=1)
        if not 0 < level < 1:
            raise ValueError(f"`level` must lie between 0 and 1: got {level!r}.\n  Pass 0.95 for a 95% interval.")
        values = np.stack([scores[self._answered] for scores in self.per_query.values()], axis=1)
        codes, labels = self._classes()
        groups = codes if average == "macro" else np.zeros(len(codes), np.int64)
        means = _bootstrap_means(values, groups, len(labels) if average == "macro" else 1, samples, seed)
        ends = np.quantile(means, [(1 - level) / 2, (1 + level) / 2], axis=0).T
        return {name: (float(low), float(high)) for name, (low, high) in zip(self.per_query, ends, strict=True)}

    @property
    def _answered(self) -> NDArray[np.bool_]:
        return ~np.isnan(next(iter(self.per_query.values())))

    def _classes(self) -> tuple[NDArray[np.int32], list[Hashable]]:
        vocabulary = LabelVocabulary()
        rows = np.flatnonzero(self._answered).tolist()
        return vocabulary.encode([self.labels[row] for row in rows]), vocabulary.labels


def _bootstrap_means(
    values: NDArray[np.float64], groups: NDArray[np.integer], group_count: int, samples: int, seed: int
) -> NDArray[np.float64]:
    """Return the mean over groups of the means of resampled queries, `(samples, metrics)`."""
    rng = np.random.default_rng(seed)
    count, metrics = values.shape
    order = np.argsort(groups, kind="stable")
    values, starts = values[order], np.searchsorted(groups[order], np.arange(group_count))
    means = np.empty((samples, metrics))
    step = max(1, BLOCK_DRAWS // count)
    for start in range(0, samples, step):
        part = slice(start, min(start + step, samples))
        draws = rng.integers(count, size=(part.stop - start, count))
        times = np.stack([np.bincount(draw, minlength=count) for draw in draws])
        drawn = np.add.reduceat(times, starts, axis=1)  # (samples, groups)
        for metric in range(metrics):
            sums = np.add.reduceat(times * values[:, metric], starts, axis=1)
            with np.errstate(invalid="ignore"):  # a class that was not drawn has no mean, and counts in none
                means[part, metric] = np.nanmean(sums / drawn, axis=1)
    return means
