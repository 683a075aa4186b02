import numpy as np
import pytest

from keras_similarity import Index
from keras_similarity.calibrate import calibrate
from keras_similarity.calibrate.conformal import fit_conformal
from keras_similarity.evaluate import LabeledQueries, get_matcher, label_votes
from real_embeddings import fashion_embeddings


@pytest.fixture(scope="module")
def neighbors(data_folder):
    """Neighbours of 4,000 real queries among 6,000 items, and the queries' labels."""
    rows, labels = fashion_embeddings(data_folder)
    index = Index(rows.shape[1], "euclidean")
    index.add(rows[:6000], labels[:6000])
    return index.search(rows[6000:], k=25), labels[6000:].tolist()


def part(result, rows):
    columns = {name: getattr(result, name)[rows] for name in ("ids", "distances", "labels")}
    return type(result)(**columns, fetch=result.fetch)


@pytest.mark.parametrize("coverage", [0.9, *(pytest.param(each, marks=pytest.mark.slow) for each in (0.8, 0.97))])
def test_coverage_on_real_data__is_as_promised(neighbors, coverage):
    """Over 60 random halves the true label is in the set as often as promised, and hardly more often."""
    result, labels = neighbors
    labels, covered, sizes, rng = np.array(labels), [], [], np.random.default_rng(3)
    for _ in range(60):
        order = rng.permutation(len(labels))
        ours, theirs = order[:1000], order[1000:]
        found = LabeledQueries(part(result, ours), labels[ours].tolist(), np.ones(1000, bool))
        sets = fit_conformal(found, coverage).sets(part(result, theirs))
        members = zip(labels[theirs].tolist(), sets, strict=True)
        covered.append(np.mean([label in possible for label, possible in members]))
        sizes.append(np.mean([len(members) for members in sets]))
    error = np.std(covered) / np.sqrt(60)
    assert coverage - 4 * error <= np.mean(covered) <= coverage + 0.01 + 4 * error
    assert np.mean(sizes) < 3, "sets of all ten labels would cover too"


def test_sets__hold_each_label_once__the_largest_share_first(neighbors):
    result, labels = neighbors
    some = part(result, np.arange(300))
    sets = fit_conformal(LabeledQueries(some, labels[:300], np.ones(300, bool)), 0.95)
    codes, shares, vocabulary = label_votes(some, get_matcher("distance_weighted"))
    for row, members in enumerate(sets.sets(some)):
        share_of = {vocabulary.labels[code]: share for code, share in zip(codes[row], shares[row], strict=True)}
        assert set(members) == {label for label, share in share_of.items() if share >= sets.share}
        assert [share_of[label] for label in members] == sorted((share_of[label] for label in members), reverse=True)


def test_threshold_is_the_one_worked_by_hand():
    """Four queries whose true labels have shares 1, 1/2, 0 and 2/3 of equal votes; one unknown query does not count."""
    index = Index(1, "euclidean")
    index.add([[0.0], [0], [0], [0], [9], [9], [9], [9]], list("aabbcccc"))
    queries, labels = [[9.0], [0.0], [9.0], [0.0], [0.0]], ["c", "a", "b", "b", "z"]
    found = calibrate(index, queries, labels, k=4, matcher="majority_vote", coverage=0.6)
    # ceil(0.6 · 5) = 3: the third largest of 1, 1/2, 1/2, 0.
    assert found.conformal is not None
    assert (found.conformal.share, found.conformal.queries, found.conformal.k) == (0.5, 4, 4)
    assert found.conformal.sets(index.search([[0.0], [9.0]], k=4)) == [("a", "b"), ("c",)]
    with pytest.raises(ValueError, match=r"with k=4 and 4 queries of known classes, 0\.6000 is the best"):
        calibrate(index, queries, labels, k=4, matcher="majority_vote", coverage=0.61)


def test_sets__another_k__is_an_error(neighbors):
    result, labels = neighbors
    sets = fit_conformal(LabeledQueries(result, labels, np.ones(len(labels), bool)), 0.9)
    index = Index(2)
    index.add(np.eye(2), [1, 2])
    with pytest.raises(ValueError, match="needs the 25 neighbours a query that the calibration had: got 2"):
        sets.sets(index.search(np.eye(2), k=2))
