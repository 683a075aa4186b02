import numpy as np
import pytest

from keras_similarity import Index
from keras_similarity.calibrate import calibrate
from keras_similarity.evaluate import distance_histogram, pair_distances
from keras_similarity.visualization import viz_distances, viz_reliability, viz_thresholds

pytest.importorskip("matplotlib")  # the extra `viz`; left out of the environment without a framework


@pytest.fixture
def calibration(rng):
    index = Index(2, "euclidean")
    index.add(rng.normal(size=(50, 2)), rng.choice(["a", "b"], 50).tolist())
    labels = rng.choice(["a", "b", "owl"], 90).tolist()
    return calibrate(
        index, rng.normal(size=(90, 2)), labels, {"wide": "recall >= 0.3"}, extra_metrics=["recall", "fpr"]
    )


def test_thresholds__a_curve_for_each_metric_and_a_line_for_each_cutpoint(calibration):
    (axes,) = viz_thresholds(calibration).axes
    curves = {line.get_label(): line for line in axes.lines}
    marks = {f"{name}: {point['distance']:.4g}": point["distance"] for name, point in calibration.cutpoints.items()}
    assert list(curves) == ["f1", "recall", "fpr", *marks]
    np.testing.assert_array_equal(curves["fpr"].get_ydata(), calibration.thresholds["fpr"])
    np.testing.assert_array_equal(curves["fpr"].get_xdata(), calibration.thresholds["distance"])
    assert len({curves[name].get_linestyle() for name in ("f1", "recall", "fpr")}) == 3
    assert {label: curves[label].get_xdata()[0] for label in marks} == marks
    assert "euclidean" in axes.get_xlabel()


def test_thresholds__chosen_metrics(calibration):
    (axes,) = viz_thresholds(calibration, ["recall"]).axes
    assert axes.lines[0].get_label() == "recall"
    assert len(axes.lines) == 1 + len(calibration.cutpoints)
    with pytest.raises(ValueError, match="`metrics` must be one of"):
        viz_thresholds(calibration, ["npv"])


def test_reliability__what_happened_over_what_was_said(calibration):
    (axes,) = viz_reliability(calibration).axes
    drawn = next(line for line in axes.lines if line.get_marker() == "o")
    np.testing.assert_array_equal(drawn.get_xdata(), calibration.reliability.predicted)
    np.testing.assert_array_equal(drawn.get_ydata(), calibration.reliability.observed)
    assert f"{calibration.reliability.error:.3f}" in str([text.get_text() for text in axes.get_legend().texts])


def test_distances__both_kinds_of_pairs(rng, tmp_path):
    histogram = distance_histogram(pair_distances(rng.normal(size=(20, 2)), rng.integers(0, 2, 20)), bins=7)
    figure = viz_distances(histogram, distance="cosine")
    (axes,) = figure.axes
    drawn = {patch.get_label(): patch.get_data() for patch in axes.patches if not patch.get_label().startswith("_")}
    np.testing.assert_array_equal(drawn["one label"].values, histogram.positives)
    np.testing.assert_array_equal(drawn["two labels"].edges, histogram.edges)
    assert axes.get_xlabel() == "cosine distance"
    figure.savefig(tmp_path / "d.png")
    assert (tmp_path / "d.png").stat().st_size > 1000
