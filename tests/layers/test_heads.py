"""Each head against its paper's oracle: the value and both gradients, the state that it keeps, and bad input."""

import keras
import numpy as np
import pytest
from keras import ops

from gradients import finite_difference, value_and_gradient
from keras_similarity import layers
from keras_similarity.models import SimilarityModel
from oracles import heads, proxies
from oracles.pairs import cosine_matrix

LABELS = [0, 2, 1, 1, 3, 0, 2, 2]
CLASSES, WIDTH = 5, 4  # class 4 is absent from the batch
STATISTICS = {"norm_mean": 1.4, "norm_std": 0.6}


def batch(k):
    """Rows of several lengths, a short one almost opposite to its class, a long one almost along it; weights."""
    rng = np.random.default_rng(11)
    weights = rng.normal(size=(CLASSES, k, WIDTH))
    rows = rng.normal(size=(len(LABELS), WIDTH)) * rng.uniform(0.2, 2.0, size=(len(LABELS), 1))
    rows[0] = 0.2 * (0.2 * rng.normal(size=WIDTH) - 1.2 * weights[LABELS[0], 0])
    rows[1] = 1.2 * weights[LABELS[1], 0] + 0.4 * rng.normal(size=WIDTH)
    return rows.astype(np.float32), weights.astype(np.float32)


NORMS = np.linalg.norm(batch(1)[0].astype(float), axis=1)  # the quality has no gradient: its lengths stand still

# name: head, its settings, its state, the oracle of (labels, rows, weights (c, d) or centres (c, k, d)).
CASES = {
    "NormalizedSoftmax": (layers.NormalizedSoftmax, {}, {}, heads.normalized_softmax),
    "ArcFace": (layers.ArcFace, {"scale": 8.0}, {}, lambda *b: heads.arcface(*b, scale=8.0)),
    "ArcFace, wide margin": (
        layers.ArcFace,
        {"margin": 1.3, "scale": 4.0},
        {},
        lambda *b: heads.arcface(*b, margin=1.3, scale=4.0),
    ),
    "ArcFace as printed": (
        layers.ArcFace,
        {"margin": 1.3, "scale": 4.0, "monotonic": False},
        {},
        lambda *b: heads.arcface(*b, margin=1.3, scale=4.0, monotonic=False),
    ),
    "CosFace": (layers.CosFace, {}, {}, heads.cosface),
    "SubCenterArcFace": (
        layers.SubCenterArcFace,
        {"scale": 8.0},
        {},
        lambda *b: heads.subcenter_arcface(*b, scale=8.0),
    ),
    "AdaFace": (
        layers.AdaFace,
        {"scale": 8.0, "margin": 0.7},
        {**STATISTICS, "filled": 0.5},
        lambda *b: heads.adaface(*b, 1.4, 0.6, margin=0.7, scale=8.0, clip_angle=True, norms=NORMS),
    ),
    "AdaFace as printed": (
        layers.AdaFace,
        {"scale": 8.0, "margin": 0.7, "h": 0.9, "monotonic": False},
        {**STATISTICS, "filled": 0.5},
        lambda *b: heads.adaface(*b, 1.4, 0.6, margin=0.7, scale=8.0, h=0.9, norms=NORMS),
    ),
    "CurricularFace": (
        layers.CurricularFace,
        {"scale": 8.0},
        {"t": 0.3},
        lambda *b: heads.curricularface(*b, 0.3, scale=8.0),
    ),
    "ProxyNCA": (layers.ProxyNCA, {}, {}, proxies.proxy_nca_pp),
    "ProxyAnchor": (layers.ProxyAnchor, {}, {}, proxies.proxy_anchor),
    "SoftTriple": (layers.SoftTriple, {"centers_per_class": 3}, {}, proxies.soft_triple),
}
# What the fast suite takes: JAX compiles every small operation of the others anew.
FAST = {"NormalizedSoftmax", "ArcFace", "AdaFace", "ProxyAnchor"}
each_case = pytest.mark.parametrize(
    "name", [name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in CASES]
)


def made(name):
    """Return a head with its state, rows, weights and the oracle on (rows, weights (c · k, d))."""
    head_class, settings, state, oracle = CASES[name]
    head = head_class(CLASSES, **settings)
    head.build((None, WIDTH))
    rows, weights = batch(head.centers_per_class)
    for variable, value in state.items():
        getattr(head, variable).assign(value)
    shape = weights.shape if head.centers_per_class > 1 else (CLASSES, WIDTH)
    head.class_weights.assign(weights.reshape(-1, WIDTH))
    return head, rows, weights.reshape(-1, WIDTH), lambda r, w: oracle(LABELS, r, np.reshape(w, shape))


def numpy_of(tensor):
    return ops.convert_to_numpy(tensor)


def loss_of(head, rows, **settings):
    """The loss of rows that went through the head."""
    return head.loss(**settings)(LABELS, head(rows))


@pytest.mark.slow
@each_case
def test_values_and_both_gradients_equal_the_papers(name):
    head, rows, weights, oracle = made(name)
    loss = head.loss(reduction="none")
    # Rows count by different amounts, so that one value cannot stand for another; ProxyAnchor's belong to classes.
    shares = np.ones(CLASSES) / CLASSES if name == "ProxyAnchor" else np.linspace(0.5, 1.5, len(LABELS))

    def weighted(both):
        """The weighted sum, from embeddings and class weights in one array."""
        with keras.StatelessScope(state_mapping=[(head.class_weights, both[len(rows) :])]):
            return ops.sum(loss(LABELS, head(both[: len(rows)])) * ops.convert_to_tensor(shares.astype(np.float32)))

    def expected(both):
        values = oracle(both[: len(rows)], both[len(rows) :])
        return values if name == "ProxyAnchor" else np.sum(values * shares)

    both = np.vstack([rows, weights])
    value, gradient = value_and_gradient(weighted, both)
    np.testing.assert_allclose(value, expected(both), rtol=1e-5)
    np.testing.assert_allclose(gradient, finite_difference(expected, both), rtol=2e-3, atol=2e-3)


def test_mean_and_sum_reduce_the_values_of_the_rows_times_their_weights():
    head, rows, _, _ = made("CosFace")
    each = numpy_of(loss_of(head, rows, reduction="none"))
    weights = np.linspace(0, 2, len(LABELS)).astype(np.float32)
    for reduction, reduce in (("mean", np.mean), ("sum", np.sum), ("none", np.asarray), (None, np.asarray)):
        loss = head.loss(reduction=reduction)
        np.testing.assert_allclose(numpy_of(loss(LABELS, head(rows))), reduce(each), rtol=1e-5)
        np.testing.assert_allclose(numpy_of(loss(LABELS, head(rows), weights)), reduce(each * weights), rtol=1e-5)


def test_proxy_anchor__a_sample_weight_counts_its_row_so_many_times():
    head, rows, weights, _ = made("ProxyAnchor")
    once = head.loss()(LABELS, head(rows), sample_weight=np.array([1, 2, 0, 1, 1, 3, 1, 0], np.float32))
    times = [0, 1, 1, 3, 4, 5, 5, 5, 6]
    expected = proxies.proxy_anchor([LABELS[row] for row in times], rows[times], weights)
    assert float(numpy_of(once)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.slow
def test_soft_triple__regulariser_is_the_papers_and_has_a_finite_gradient_at_merged_centres():
    head, _, weights, _ = made("SoftTriple")
    shape = (CLASSES, head.centers_per_class, WIDTH)
    assert float(numpy_of(head.losses[0])) == pytest.approx(proxies.soft_triple_regularizer(weights.reshape(shape)))
    merged = weights.reshape(shape).copy()
    merged[:, 1] = 2 * merged[:, 0]

    def penalty(w):
        return head.weights_regularizer()(w)

    _, gradient = value_and_gradient(penalty, merged.reshape(-1, WIDTH))
    assert np.isfinite(gradient).all()
    _, gradient = value_and_gradient(penalty, weights)
    wanted = finite_difference(lambda w: proxies.soft_triple_regularizer(w.reshape(shape)), weights)
    np.testing.assert_allclose(gradient, wanted, rtol=1e-3, atol=1e-5)


@pytest.mark.slow
def test_soft_triple__without_tau_or_with_one_centre__has_no_regulariser_of_its_own():
    assert layers.SoftTriple(3, tau=0.0).weights_regularizer() is None
    assert layers.SoftTriple(3, centers_per_class=1).weights_regularizer() is None
    both = layers.SoftTriple(CLASSES, 3, regularizer=keras.regularizers.L2(0.5))
    _, _, weights, _ = made("SoftTriple")
    expected = 0.5 * (weights**2).sum() + proxies.soft_triple_regularizer(weights.reshape(CLASSES, 3, WIDTH))
    assert float(numpy_of(both.weights_regularizer()(weights))) == pytest.approx(expected, rel=1e-5)


def test_adaface__statistics_are_moving_averages_that_start_at_the_first_batch():
    head = layers.AdaFace(CLASSES, momentum=0.9)
    loss, seen = head.loss(), []
    rng = np.random.default_rng(2)
    for step in range(3):
        rows = rng.normal(size=(8, WIDTH)).astype(np.float32) * (step + 1)
        loss(LABELS, head(rows, training=True))
        norms = np.linalg.norm(rows, axis=1)
        seen.append([norms.mean(), norms.std()])
        shares = 0.9 ** np.arange(step + 1)[::-1]
        expected = (np.array(seen) * shares[:, None]).sum(axis=0) / shares.sum()
        now = [float(numpy_of(head.norm_mean.value)), float(numpy_of(head.norm_std.value))]
        np.testing.assert_allclose(now, expected, rtol=1e-5)
    loss(LABELS, head(rows, training=False))
    loss(LABELS, head(rows))
    assert now == [float(numpy_of(head.norm_mean.value)), float(numpy_of(head.norm_std.value))]


def test_adaface__before_training_every_example_is_of_middling_quality():
    head, rows, weights, _ = made("AdaFace")
    head.filled.assign(0.0)
    value = float(numpy_of(loss_of(head, rows)))
    assert value == pytest.approx(heads.cosface(LABELS, rows, weights, 0.7, 8.0).mean(), rel=1e-5)


def test_curricularface__t_is_a_moving_average_of_the_cosines_to_the_own_class_updated_before_use():
    head, rows, weights, _ = made("CurricularFace")
    value = head.loss()(LABELS, head(rows, training=True))
    own = np.mean([cosine_matrix(rows, weights)[row, label] for row, label in enumerate(LABELS)])
    t = 0.99 * 0.3 + 0.01 * own
    assert float(numpy_of(head.t.value)) == pytest.approx(t, rel=1e-5)
    expected = heads.curricularface(LABELS, rows, weights, t, scale=8.0).mean()
    assert float(numpy_of(value)) == pytest.approx(expected, rel=1e-5)
    loss_of(head, rows)
    assert float(numpy_of(head.t.value)) == pytest.approx(t, rel=1e-6)


def test_class_cosines__name_the_likeliest_class():
    head, rows, weights, _ = made("SubCenterArcFace")
    expected = cosine_matrix(rows, weights).reshape(len(rows), CLASSES, 3).max(axis=2)
    np.testing.assert_allclose(numpy_of(head.class_cosines(rows)), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.ArcFace(1), "`num_classes` must be a whole number of at least 2: got 1"),
        (lambda: layers.ArcFace(3, margin=-0.1), "`margin` must be at least 0 and at most 3.14159: got -0.1"),
        (lambda: layers.ArcFace(3, scale=0), "`scale` must be above 0: got 0"),
        (lambda: layers.CosFace(3, margin=-1), "`margin` must be at least 0: got -1"),
        (lambda: layers.NormalizedSoftmax(3, 0), "`temperature` must be above 0: got 0"),
        (lambda: layers.ProxyNCA(3, -1), "`temperature` must be above 0: got -1"),
        (lambda: layers.ProxyAnchor(3, alpha="x"), "`alpha` must be above 0: got 'x'"),
        (lambda: layers.SubCenterArcFace(3, centers_per_class=0), "`centers_per_class` must be a whole number"),
        (lambda: layers.SoftTriple(3, tau=-1), "`tau` must be at least 0: got -1"),
        (lambda: layers.AdaFace(3, momentum=1), "`momentum` must be at least 0 and at most 0.999999: got 1"),
        (lambda: layers.CurricularFace(3, momentum=2), "`momentum` must be at least 0 and at most 1: got 2"),
        (lambda: layers.HeadLoss(layers.ArcFace(3), reduction="average"), "`reduction` must be one of"),
    ],
)
def test_bad_settings__are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_head_loss__of_something_else__says_how_to_make_one():
    with pytest.raises(TypeError, match=r"got Dense\.\n  Write `head = ArcFace"):
        layers.HeadLoss(keras.layers.Dense(3))


@pytest.mark.parametrize(
    "unit", [layers.MetricEmbedding(4), layers.L2Normalize(), keras.layers.UnitNormalization()], ids=type
)
def test_adaface__on_rows_of_length_1__is_refused(unit):
    with pytest.raises(ValueError, match=r"makes every length 1\.\n  Write `MetricEmbedding"):
        layers.AdaFace(3)(unit(keras.Input((4,))))
    layers.AdaFace(3)(layers.MetricEmbedding(4, normalize=False)(keras.Input((4,))))


@pytest.mark.parametrize("name", ["ArcFace", "CosFace", "NormalizedSoftmax", "ProxyAnchor", "SubCenterArcFace"])
def test_several_centers_of_a_class__are_saved(name, tmp_path, rng):
    inputs = keras.Input((6,))
    head = getattr(layers, name)(5, centers_per_class=3)
    model = SimilarityModel(inputs, head(layers.MetricEmbedding(4)(inputs)))
    model.save(tmp_path / "m.keras")
    rows = rng.normal(size=(3, 4)).astype(np.float32)
    again = keras.saving.load_model(tmp_path / "m.keras").layers[-1]
    np.testing.assert_array_equal(
        *(keras.ops.convert_to_numpy(one.class_cosines(rows)) for one in (head, again)), strict=True
    )


@pytest.mark.parametrize("count", [1, 3])
def test_another_number_of_sample_weights__is_refused(count, rng):
    head = layers.ArcFace(5)
    embeddings = head(rng.normal(size=(16, 4)).astype(np.float32))
    with pytest.raises(ValueError, match=rf"one number a row: got {count} for 16 rows"):
        head.loss()(np.zeros(16, np.int32), embeddings, np.ones(count, np.float32))
