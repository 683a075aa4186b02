import keras
import numpy as np
import pytest
from keras import ops

from keras_similarity.core import distance_names, pairwise_distances
from keras_similarity.metrics import DistanceGap, NegativeDistance, PositiveDistance

METRICS = {"positive": PositiveDistance, "negative": NegativeDistance, "gap": DistanceGap}
PICKS = ["mean", "hardest", "easiest"]


def anchor_value(kind, pick, distances, labels, anchor):
    """What one anchor says, or None."""
    near = [d for other, d in enumerate(distances[anchor]) if other != anchor and labels[other] == labels[anchor]]
    far = [d for other, d in enumerate(distances[anchor]) if labels[other] != labels[anchor]]
    pick_near = {"mean": np.mean, "hardest": max, "easiest": min}[pick]
    pick_far = {"mean": np.mean, "hardest": min, "easiest": max}[pick]
    if kind == "gap":
        return pick_far(far) - pick_near(near) if near and far else None
    if kind == "positive":
        return pick_near(near) if near else None
    return pick_far(far) if far else None


def loop(kind, pick, batches, distance="cosine"):
    """The mean over the anchors of all batches that have a value, each with its weight."""
    total = count = 0.0
    for labels, rows, weights in batches:
        distances = pairwise_distances(rows, rows, distance).astype(np.float64)
        for anchor in range(len(labels)):
            value = anchor_value(kind, pick, distances, labels, anchor)
            if value is not None:
                total, count = total + weights[anchor] * value, count + weights[anchor]
    return total / count if count else np.nan


def batches_of(rng, sizes=(7, 9, 3), classes=4, weighted=False):
    return [
        (
            rng.integers(0, classes, b),
            rng.normal(size=(b, 5)).astype(np.float32),
            rng.random(b) if weighted else np.ones(b),
        )
        for b in sizes
    ]


@pytest.mark.parametrize("kind", list(METRICS))
@pytest.mark.parametrize("pick", PICKS)
@pytest.mark.parametrize(
    "weighted", [pytest.param(False, id="plain", marks=pytest.mark.slow), pytest.param(True, id="weighted")]
)
def test_result__is_the_mean_over_every_batch__not_the_last(rng, kind, pick, weighted):
    batches, metric = batches_of(rng, weighted=weighted), METRICS[kind](pick=pick)
    for labels, rows, weights in batches:
        metric.update_state(ops.convert_to_tensor(labels), ops.convert_to_tensor(rows), weights if weighted else None)
    assert float(metric.result()) == pytest.approx(loop(kind, pick, batches), rel=1e-4)
    assert float(metric.result()) != pytest.approx(loop(kind, pick, batches[-1:]), rel=1e-3)
    metric.reset_state()
    metric.update_state(batches[0][0], batches[0][1])
    assert float(metric.result()) == pytest.approx(loop(kind, pick, [(*batches[0][:2], np.ones(7))]), rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("distance", distance_names())
def test_every_distance(rng, distance):
    batches, metric = batches_of(rng), DistanceGap(distance)
    for labels, rows, _ in batches:
        metric.update_state(labels, rows)
    assert float(metric.result()) == pytest.approx(loop("gap", "mean", batches, distance), rel=1e-3)


def test_gap__of_a_bad_embedding__is_negative():
    """Upstream took the absolute value, so that the worst overlap looked like the best margin."""
    rows = np.array([[0.0], [10.0], [1.0], [11.0]], np.float32)
    metric = DistanceGap("euclidean", pick="hardest")
    metric.update_state([0, 0, 1, 1], rows)
    assert float(metric.result()) == pytest.approx(1 - 10)


def test_labels_that_float32_would_merge__stay_apart():
    labels = np.array([2**24, 2**24 + 1, 2**24, 2**24 + 1], np.int32)
    rows = np.array([[0.0], [1.0], [0.0], [1.0]], np.float32)
    for given in (labels, ops.convert_to_tensor(labels), labels[:, None], ops.convert_to_tensor(labels[:, None])):
        metric = PositiveDistance("euclidean")
        metric.update_state(given, rows)
        assert float(metric.result()) == 0


def test_string_and_huge_labels__on_the_host__are_told_apart():
    for labels in (["a", "b", "a"], [2**62, 2**62 + 1, 2**62]):
        metric = NegativeDistance("euclidean")
        metric.update_state(labels, np.array([[0.0], [1.0], [4.0]], np.float32))
        assert float(metric.result()) == pytest.approx((1 + (1 + 3) / 2 + 3) / 3)


@pytest.mark.parametrize("kind", list(METRICS))
def test_no_anchor_with_a_pair__is_nan__and_counts_for_nothing_later(rng, kind):
    metric = METRICS[kind]()
    assert np.isnan(float(metric.result()))
    labels = {"positive": [0, 1, 2], "negative": [0, 0, 0], "gap": [0, 0, 0]}[kind]
    metric.update_state(labels, rng.normal(size=(3, 2)))
    assert np.isnan(float(metric.result()))
    batch = batches_of(rng, sizes=(8,))[0]
    metric.update_state(*batch[:2])
    assert float(metric.result()) == pytest.approx(loop(kind, "mean", [batch]), rel=1e-4)


def test_singletons__take_no_part_in_positive_distance():
    metric = PositiveDistance("euclidean")
    metric.update_state([0, 0, 1], np.array([[0.0], [2.0], [50.0]], np.float32))
    assert float(metric.result()) == 2


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_embeddings__are_compared_in_float32(rng, dtype):
    labels, rows, _ = batches_of(rng, sizes=(12,))[0]
    half = ops.cast(ops.convert_to_tensor(rows), dtype)
    wide = ops.convert_to_numpy(ops.cast(half, "float32"))
    metric = DistanceGap("euclidean")
    metric.update_state(labels, half)
    assert float(metric.result()) == pytest.approx(
        loop("gap", "mean", [(labels, wide, np.ones(12))], "euclidean"), rel=1e-4
    )


@pytest.mark.parametrize("kind", list(METRICS))
def test_configuration__comes_back(kind):
    metric = METRICS[kind]("l2", pick="easiest", name="mine")
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(metric))
    assert type(again) is METRICS[kind]
    assert again.get_config() == metric.get_config()
    assert again.distance.name == "euclidean"


@pytest.mark.slow
def test_in_fit_and_evaluate__it_is_the_mean_over_the_batches(rng, tmp_path):
    rows, labels = rng.normal(size=(50, 4)).astype(np.float32), rng.integers(0, 5, 50)
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Dense(3, use_bias=False)(inputs))
    metrics = [metric(pick=pick, name=f"{kind}_{pick}") for kind, metric in METRICS.items() for pick in PICKS]
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=metrics)
    found = model.evaluate(rows, labels % 3, batch_size=16, verbose=0, return_dict=True)
    embedded = model.predict(rows, verbose=0)
    batches = [(labels[at : at + 16] % 3, embedded[at : at + 16], np.ones(16)) for at in range(0, 50, 16)]
    history = model.fit(
        rows, labels % 3, validation_data=(rows, labels % 3), validation_batch_size=16, epochs=2, verbose=0
    ).history
    last = model.evaluate(rows, labels % 3, batch_size=16, verbose=0, return_dict=True)
    for kind in METRICS:
        for pick in PICKS:
            assert found[f"{kind}_{pick}"] == pytest.approx(loop(kind, pick, batches), rel=1e-3)
            assert history[f"val_{kind}_{pick}"][-1] == pytest.approx(last[f"{kind}_{pick}"], rel=1e-4)
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras").evaluate(
        rows, labels % 3, batch_size=16, verbose=0, return_dict=True
    )
    assert again == pytest.approx(last, rel=1e-5)


def test_keras_knows_which_way_is_better():
    directions = {kind: metric()._direction for kind, metric in METRICS.items()}
    assert directions == {"positive": "down", "negative": "up", "gap": "up"}


@pytest.mark.parametrize("kind", list(METRICS))
@pytest.mark.parametrize(
    ("options", "message"), [({"distance": "l3"}, "`distance` must be"), ({"pick": "worst"}, "`pick` must be one of")]
)
def test_bad_options__say_what(kind, options, message):
    with pytest.raises(ValueError, match=message):
        METRICS[kind](**options)


@pytest.mark.parametrize("kind", list(METRICS))
@pytest.mark.parametrize("count", [1, 3])
def test_other_number_of_labels_than_rows__is_said(kind, count):
    with pytest.raises(ValueError, match=f"`labels` needs one entry per embedding row: got {count} labels"):
        METRICS[kind]().update_state(np.arange(count), np.ones((4, 2), "float32"))


@pytest.mark.parametrize("count", [1, 3])
def test_another_number_of_sample_weights__is_refused(rng, count):
    with pytest.raises(ValueError, match=rf"one number a row: got {count} for 16 rows"):
        DistanceGap().update_state(np.arange(16) % 4, rng.normal(size=(16, 5)).astype(np.float32), np.ones(count))


def test_embeddings_may_be_lists():
    metric = PositiveDistance("euclidean")
    metric.update_state([0, 0, 1, 2], [[0.0], [3.0], [9.0], [5.0]])
    assert float(metric.result()) == 3.0
