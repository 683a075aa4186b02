import numpy as np
import pytest

from keras_similarity import Index
from keras_similarity.core import pairwise_distances
from keras_similarity.errors import UnknownIdError
from keras_similarity.inspection import mine_hard_negatives

DISTANCES = ["cosine", "euclidean"]


def corpus(rng, distance="euclidean", ids=None):
    rows = rng.normal(size=(40, 3)).astype(np.float32)
    labels = [*rng.choice(["a", "b", "c"], 37).tolist(), "alone", None, None]
    index = Index(3, distance)
    return index, rows, labels, index.add(rows, labels, ids=ids)


def oracle(rows, labels, distance, keep):
    """Every anchor's (positive, negatives with rank), from a sort of all distances."""
    distances = pairwise_distances(rows, rows, distance).astype(np.float64)
    found = {}
    for anchor, label in enumerate(labels):
        order = np.argsort(distances[anchor], kind="stable")
        own = [other for other in order if labels[other] == label and other != anchor]
        if label is None or not own:
            continue
        others = [other for other in order if labels[other] not in (None, label)]
        gap = distances[anchor, own[0]]
        kept = [(rank, other) for rank, other in enumerate(others, 1) if keep(rank, distances[anchor, other], gap)]
        found[anchor] = own[0], kept
    return found


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize(
    ("arguments", "keep"),
    [
        ({}, lambda rank, far, gap: rank <= 50),
        ({"min_rank": 3, "max_rank": 6}, lambda rank, far, gap: 3 <= rank <= 6),
        ({"min_distance": 0.3, "max_distance": 0.9}, lambda rank, far, gap: 0.3 <= far <= 0.9),
        ({"relative_margin": 0.5}, lambda rank, far, gap: far >= 1.5 * gap),
        ({"relative_margin": -0.5, "max_rank": 4}, lambda rank, far, gap: far >= 0.5 * gap and rank <= 4),
    ],
    ids=["all", "ranks", "distances", "margin", "negative margin"],
)
def test_mined__equals_a_sort_of_all_distances(rng, distance, arguments, keep):
    index, rows, labels, _ = corpus(rng, distance)
    found = mine_hard_negatives(index, negatives_per_anchor=3, **arguments)
    wanted = oracle(rows, labels, distance, keep)
    lines = [(anchor, positive, other, rank) for anchor, (positive, kept) in wanted.items() for rank, other in kept[:3]]
    ours = zip(found.anchors, found.positives, found.negatives, found.ranks, strict=True)
    assert [tuple(map(int, line)) for line in ours] == lines


def test_random__takes_others_that_qualify__by_seed(rng):
    index, *_ = corpus(rng)
    first, again, other = (
        mine_hard_negatives(index, negatives_per_anchor=2, max_rank=9, sampling="random", seed=seed)
        for seed in (1, 1, 2)
    )
    assert np.array_equal(first.negatives, again.negatives)
    assert not np.array_equal(first.negatives, other.negatives)
    assert first.ranks.max() <= 9
    assert first.ranks.max() > 2
    assert len({pair for pair in zip(first.anchors.tolist(), first.negatives.tolist(), strict=True)}) == len(first)


def test_some_anchors__with_names__in_their_order(rng):
    pytest.importorskip("pandas")
    index, _, labels, _ = corpus(rng, ids=[f"item {row}" for row in range(40)])
    frame = mine_hard_negatives(index, ["item 7", "item 2", "item 37"]).to_pandas()
    assert frame["anchor"].tolist() == ["item 7", "item 2"]
    by_id = {f"item {row}": label for row, label in enumerate(labels)}
    assert [by_id[name] for name in frame["positive"]] == [labels[7], labels[2]]
    assert (frame["negative_distance"] > 0).all()
    assert frame["rank"].tolist() == [1, 1]


def test_a_large_label_around_the_anchor__does_not_hide_the_others(rng):
    index = Index(1, "euclidean")
    index.add(np.arange(300.0)[:, None], ["own"] * 298 + ["far"] * 2)
    found = mine_hard_negatives(index, [0], max_rank=2, negatives_per_anchor=2)
    assert found.negatives.tolist() == [298, 299]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"negatives_per_anchor": 0}, "`negatives_per_anchor` must be a whole number of at least 1"),
        ({"min_rank": 0}, "`min_rank` must be"),
        ({"min_rank": 5, "max_rank": 4}, "`max_rank` must be a whole number of at least 5"),
        ({"sampling": "best"}, "`sampling` must be one of 'random', 'top'"),
        ({"min_distance": "near"}, "`min_distance` must be"),
        ({"relative_margin": np.nan}, "`relative_margin` must be"),
        ({"ids": [37]}, "`index` needs anchors"),
    ],
)
def test_bad_input__names_the_argument(rng, arguments, message):
    with pytest.raises(ValueError, match=message):
        mine_hard_negatives(corpus(rng)[0], **arguments)


def test_unknown_anchor__and_an_empty_index(rng):
    with pytest.raises(UnknownIdError):
        mine_hard_negatives(corpus(rng)[0], [99])
    with pytest.raises(ValueError, match="`index` needs anchors"):
        mine_hard_negatives(Index(2))
