import numpy as np
import pytest

from keras_similarity.evaluate import RetrievalReport, evaluate_embeddings

NAN = float("nan")


@pytest.fixture
def report():
    """Two queries of "a", three of "b", one of a class the gallery lacks."""
    return RetrievalReport(
        {"recall@1": np.array([1, 0, 1, 1, 0, NAN]), "map@r": np.array([0.5, 0.1, 0.6, 0.3, 0.3, NAN])},
        ["a", "a", "b", "b", "b", "z"],
    )


def test_means__are_those_of_the_table_worked_by_hand(report):
    assert report.mean() == pytest.approx({"recall@1": 3 / 5, "map@r": 1.8 / 5})
    assert report.mean(average="macro") == pytest.approx({"recall@1": (1 / 2 + 2 / 3) / 2, "map@r": (0.3 + 0.4) / 2})
    assert report.per_class() == {
        "a": pytest.approx({"recall@1": 0.5, "map@r": 0.3}),
        "b": pytest.approx({"recall@1": 2 / 3, "map@r": 0.4}),
    }
    assert report.left_out == 1


def test_cmc__is_recall_at_every_k(rng):
    rows, labels = rng.normal(size=(30, 2)), rng.integers(0, 3, 30)
    report = evaluate_embeddings(rows, labels, metrics=["cmc@4", "map@r"])
    assert list(report.mean()) == ["recall@1", "recall@2", "recall@3", "recall@4", "map@r"]
    np.testing.assert_array_equal(report.cmc(), [report.mean()[f"recall@{k}"] for k in range(1, 5)])
    with pytest.raises(ValueError, match=r"needs 'cmc@k' among the metrics"):
        evaluate_embeddings(rows, labels, metrics=["map@r"]).cmc()


@pytest.mark.parametrize("average", ["micro", "macro"])
def test_confidence_interval__holds_the_truth_as_often_as_it_says(average):
    """Draw 300 times 60 queries from a known population; count how often its mean lies inside."""
    rng, truth = np.random.default_rng(5), 0.35
    inside = 0
    for trial in range(300):
        labels = [f"class {row % 3}" for row in range(60)]
        values = rng.beta(2 * truth, 2 * (1 - truth), 60)
        report = RetrievalReport({"ndcg": values}, labels)
        low, high = report.confidence_intervals(level=0.9, average=average, samples=300, seed=trial)["ndcg"]
        inside += low <= truth <= high
    # 0.9 · 300 = 270 with a standard deviation of 5; the percentile bootstrap of 60 falls a little short.
    assert 250 <= inside <= 288


def test_confidence_interval__is_seeded_and_widens_with_the_level(report):
    first = report.confidence_intervals(seed=3)
    assert first == report.confidence_intervals(seed=3)
    wide, narrow = (report.confidence_intervals(level=level, seed=3)["map@r"] for level in (0.99, 0.5))
    assert wide[0] <= narrow[0] < narrow[1] <= wide[1]


def test_confidence_interval__blocks_of_draws__change_nothing(report, monkeypatch):
    whole = report.confidence_intervals(samples=50, average="macro")
    monkeypatch.setattr("keras_similarity.evaluate.report.BLOCK_DRAWS", 15)
    assert report.confidence_intervals(samples=50, average="macro") == whole


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"level": 95}, "`level` must lie between 0 and 1: got 95"),
        ({"samples": 0}, "`samples` must be a whole number of at least 1"),
        ({"average": "median"}, "`average` must be one of 'macro', 'micro'"),
    ],
)
def test_confidence_interval__bad_options__say_what(report, options, message):
    with pytest.raises(ValueError, match=message):
        report.confidence_intervals(**options)
