"""Labels that are probably wrong: what lies around an item speaks for another label, and classes are not that alike."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.extras import import_extra
from keras_similarity.core.labels import NO_LABEL
from keras_similarity.inspection.graph import OWN, NeighborGraph

__all__ = ["LabelEvidence", "find_label_issues", "weigh_labels"]

STRONG = 4.6  # log odds of 99 : 1, from which an error is believed where one label in a hundred is wrong
BEYOND = 1.1  # times the farthest neighbour: where a label's items are taken to be that are not among the neighbours
SMALLEST_CONFUSION = 1e-3
CLOSEST = 1e-6  # of the typical length: what exact copies are taken to be apart

Floats = NDArray[np.float64]


class LabelEvidence(NamedTuple):
    """What speaks against the label of each item.

    Args:
        suggested: The code of the label that most speaks for, other than the given one, `(n,)`; -1 for none.
        scores: The log odds of `suggested` over the given label, beyond what classes alike give naturally, `(n,)`; NaN
            for an item without a label, or alone with its label, of which nothing can be said.
    """

    suggested: NDArray[np.int32]
    scores: Floats


def find_label_issues(graph: NeighborGraph, threshold: float = STRONG) -> Any:
    """Return the items whose label is probably wrong, with the label that is probably right.

    A shirt among T-shirts is nothing special, a shirt among sneakers is. So the evidence of an item's neighbours is
    held against how often items of its two labels are found in each other's midst, learned from the same data.

    Args:
        graph: Of labelled items; k of 20 or more serves best.
        threshold: The smallest score to report, in log odds. 4.6, odds of 99 to 1, is what it takes to believe in an
            error where one label in a hundred is wrong. 7 gives fewer and surer ones, -inf every item.

    Returns:
        A data frame, the strongest evidence first: "id"; "label"; "suggested", the label that is probably right;
        "score", the log odds in its favour beyond natural confusion. Items without a label, or the only ones of theirs,
        are left out: nothing can be said of them.

    Raises:
        ValueError: fewer than two labels, or a threshold that is NaN.
        MissingExtraError: pandas is not installed.

    Cost: O(n k log(n k)) time.

    Example:
        >>> from keras_similarity.inspection import neighbor_graph
        >>> rows = np.concatenate([np.arange(20.0), 100 + np.arange(20.0)])[:, None]
        >>> labels = ["a"] * 20 + ["b"] * 20
        >>> labels[5] = "b"  # among twenty of "a"
        >>> found = find_label_issues(neighbor_graph(rows, labels, k=10, distance="euclidean"), 2.0)
        >>> found[["id", "suggested"]].values.tolist()[0]
        [5, 'a']
    """
    if np.isnan(threshold):
        raise ValueError(f"`threshold` must be a number: got nan.\n  Pass {STRONG}, for example.")
    pandas = import_extra("pandas", extra="data", purpose="a table of label issues")
    suggested, scores = weigh_labels(graph)
    rows = np.flatnonzero(scores >= threshold)  # NaN is not
    rows = rows[np.argsort(-scores[rows], kind="stable")]
    names = np.array([*graph.vocabulary.labels, None], object)
    return pandas.DataFrame(
        {
            "id": graph.ids[rows],
            "label": names[graph.codes[rows]],
            "suggested": names[suggested[rows]],
            "score": scores[rows],
        }
    )


def weigh_labels(graph: NeighborGraph) -> LabelEvidence:
    """Weigh for each item what speaks for its label and for the most likely other one.

    Definition, with m(c) the mean log length from the item to its three nearest others of label c, in the graph's
    dimension D (see `NeighborGraph.dimension`), and a the given label:
        p(c) ∝ exp(−D m(c)), over the labels among its neighbours and a     q = the other label with the largest p
        confusion(q, a) = the mean of p(a) over the items labelled q
        score = log p(q) − log p(a) − log confusion(q, a)
    A density of c at the item is proportional to exp(−D m(c)), as in k-nearest-neighbour density estimation. Of a label
    with fewer than three items among the neighbours, the missing ones are taken to lie just beyond the last neighbour;
    those of the given label are found wherever they are. An item without a neighbour of another label scores -inf.

    Raises:
        ValueError: fewer than two labels.
    """
    if len(graph.vocabulary) < 2:
        raise ValueError(
            f"`graph` needs items of at least two labels to tell wrong ones: got {len(graph.vocabulary)}.\n"
            "  Make the graph with the items' labels."
        )
    closest = max(CLOSEST * float(np.median(graph.lengths[:, -1])), np.finfo(np.float64).tiny)
    item, code, mean = _rival_means(graph, closest)
    own = _own_means(graph, closest)
    steepness = -graph.dimension()
    rivals, given = steepness * mean, steepness * own
    best, best_at = _best_rival(item, rivals, len(graph))
    shares = _shares(item, rivals, given)
    judged = ~np.isnan(given)
    suggested = np.append(code, NO_LABEL)[best_at].astype(np.int32)  # -1, no rival, is the last
    confusion = _confusion(graph, item, code, shares, judged, suggested)
    scores = best - given - np.log(confusion + SMALLEST_CONFUSION)
    return LabelEvidence(suggested, scores)


def _rival_means(graph: NeighborGraph, closest: float) -> tuple[NDArray[np.intp], NDArray[np.int32], Floats]:
    """Return, for each item and other label among its neighbours, the mean log length to the three nearest of these."""
    codes = graph.codes[graph.rows]
    item, column = np.nonzero((codes != NO_LABEL) & (codes != graph.codes[:, None]))
    code = codes[item, column]
    order = np.lexsort((column, code, item))
    item, code = item[order], code[order]
    logs = np.log(np.maximum(graph.lengths[item, column[order]], closest))
    starts = np.flatnonzero(np.append(True, (np.diff(item) != 0) | (np.diff(code) != 0))[: len(item)])
    sizes = np.diff(np.append(starts, len(item)))
    place = np.arange(len(item)) - np.repeat(starts, sizes)
    group = np.repeat(np.arange(len(starts)), sizes)
    sums = np.bincount(group, np.where(place < OWN, logs, 0.0), minlength=len(starts))
    missing = OWN - np.minimum(sizes, OWN)
    owner = item[starts]
    beyond = np.log(BEYOND * np.maximum(graph.lengths[owner, -1], closest))
    return owner, code[starts], (sums + missing * beyond) / OWN


def _own_means(graph: NeighborGraph, closest: float) -> Floats:
    """Return each item's mean log length to the nearest others of its own label, NaN where there are none."""
    there = np.isfinite(graph.own_lengths)
    logs = np.log(np.where(there, np.maximum(graph.own_lengths, closest), 1.0))
    counts = there.sum(axis=1)
    return np.divide(logs.sum(axis=1), counts, out=np.full(len(graph), np.nan), where=counts > 0)


def _best_rival(item: NDArray[np.intp], rivals: Floats, count: int) -> tuple[Floats, NDArray[np.intp]]:
    """Return the largest log density of each item's other labels, and where it is, -1 for none."""
    best, best_at = np.full(count, -np.inf), np.full(count, -1, np.intp)
    order = np.lexsort((-np.arange(len(item)), rivals, item))  # of equal ones the first: it comes last here
    best_at[item[order]] = order
    best[item[order]] = rivals[order]
    return best, best_at


def _shares(item: NDArray[np.intp], rivals: Floats, given: Floats) -> Floats:
    """Return p of each item's other labels."""
    peak = np.where(np.isnan(given), -np.inf, given)
    np.maximum.at(peak, item, rivals)
    peak = np.where(np.isfinite(peak), peak, 0.0)
    weights = np.exp(rivals - peak[item])
    total = np.bincount(item, weights, minlength=len(given)) + np.nan_to_num(np.exp(given - peak))
    return weights / total[item]


def _confusion(
    graph: NeighborGraph,
    item: NDArray[np.intp],
    code: NDArray[np.int32],
    shares: Floats,
    judged: NDArray[np.bool_],
    suggested: NDArray[np.int32],
) -> Floats:
    """Return, for each item, the mean p of its label over the items that carry the suggested one."""
    width = len(graph.vocabulary) + 1
    counting = judged[item]
    keys, position = np.unique(
        graph.codes[item[counting]].astype(np.int64) * width + code[counting], return_inverse=True
    )
    sums = np.append(np.bincount(position, shares[counting], minlength=len(keys)), 0.0)
    sizes = np.bincount(graph.codes[judged], minlength=width)
    wanted = suggested.astype(np.int64) * width + graph.codes
    place = np.searchsorted(keys, wanted)
    place = np.where(np.append(keys, -1)[place] == wanted, place, len(keys))
    return sums[place] / np.maximum(sizes[suggested], 1)
