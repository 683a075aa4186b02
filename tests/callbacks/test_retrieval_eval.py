import os

import keras
import numpy as np
import pytest

from keras_similarity import Index
from keras_similarity.callbacks import RetrievalEval
from keras_similarity.evaluate import evaluate_classification, evaluate_embeddings
from keras_similarity.layers import MetricEmbedding
from keras_similarity.losses import MultiSimilarityLoss
from keras_similarity.models import SimilarityModel
from keras_similarity.samplers import MultiShotMemorySampler

BACKEND = os.environ.get("KERAS_BACKEND", "jax")


def small_model(**settings):
    keras.utils.set_random_seed(3)
    inputs = keras.Input((4,))
    model = SimilarityModel(inputs, MetricEmbedding(3)(keras.layers.Dense(8, activation="tanh")(inputs)))
    model.compile("adam", loss=MultiSimilarityLoss(), **settings)
    return model


@pytest.fixture(scope="module")
def model():
    """A model for tests that only look at it; a fit of its own costs a compilation."""
    return small_model()


def after_epoch(callback, model, epoch=0, epochs=1):
    """What the callback adds to the logs of an epoch."""
    callback.set_model(model)
    callback.set_params({"epochs": epochs})
    logs = {}
    callback.on_epoch_end(epoch, logs)
    return logs


@pytest.fixture(scope="module")
def data():
    """Training, query and gallery sets of blobs; classes 4 and 5 are never trained on."""
    rng = np.random.default_rng(8)
    centres = rng.normal(size=(6, 4)) * 2

    def draw(labels):
        return (centres[labels] + rng.normal(size=(len(labels), 4))).astype(np.float32), labels

    return {
        "train": draw(rng.integers(0, 4, 60)),
        "query": draw(np.arange(30) % 6),
        "gallery": draw(rng.permutation(np.arange(48) % 6)),
    }


def fit(model, data, callbacks, epochs=2, **options):
    sampler = MultiShotMemorySampler(*data["train"], 4, 4, steps_per_epoch=3, seed=0)
    keras.utils.set_random_seed(5)  # Keras shuffles batches
    return model.fit(sampler, epochs=epochs, verbose=0, callbacks=callbacks, **options).history


def expected(model, data, metrics, members=None, **options):
    queries, gallery = (model.embed(data[name][0]) for name in ("query", "gallery"))
    labels = data["query"][1] if members is None else data["query"][1][members]
    queries = queries if members is None else queries[members]
    return evaluate_embeddings(queries, labels, gallery, data["gallery"][1], metrics, **options).mean()


def test_scores_join_the_logs__for_known_and_unknown_classes(data):
    model, metrics = small_model(), ["recall@1", "map@r", "ndcg@7"]
    callback = RetrievalEval(*data["query"], *data["gallery"], metrics, known_classes=[0, 1, 2, 3])
    history = fit(model, data, [callback])
    known = data["query"][1] < 4
    for suffix, members in (("", None), ("_known", known), ("_unknown", ~known)):
        for name, value in expected(model, data, metrics, members).items():
            assert history[f"val_{name}{suffix}"][-1] == pytest.approx(value, rel=1e-6)
    assert all(len(values) == 2 for values in history.values())


def test_the_users_index__is_left_alone(data):
    """Upstream emptied it, and forgot the calibration with it, after every epoch."""
    model = small_model()
    ids = model.index(*data["train"], data=data["train"][0])
    before = model._index
    arrays, settings = before.to_arrays()
    fit(model, data, [RetrievalEval(*data["query"], *data["gallery"], classification_metrics=["accuracy"])])
    assert model._index is before
    assert model.index_size() == len(ids)
    for name, values in model._index.to_arrays()[0].items():
        np.testing.assert_array_equal(values, arrays[name])
    assert model._index.to_arrays()[1] == settings


@pytest.mark.slow
def test_training__goes_as_it_would_without(data):
    plain, watched = small_model(), small_model()
    losses = fit(plain, data, [], epochs=3)["loss"]
    history = fit(watched, data, [RetrievalEval(*data["query"], *data["gallery"])], epochs=3)
    np.testing.assert_allclose(history["loss"], losses, rtol=1e-5)
    for ours, theirs in zip(watched.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


def test_early_stopping_and_checkpoint__see_the_scores(data, tmp_path):
    callbacks = [
        RetrievalEval(*data["query"], *data["gallery"], ["map@r"]),
        keras.callbacks.EarlyStopping("val_map@r", mode="max", patience=0, min_delta=2.0),
        keras.callbacks.ModelCheckpoint(
            str(tmp_path / "best-{val_map@r:.3f}.weights.h5"), "val_map@r", mode="max", save_weights_only=True
        ),
    ]
    history = fit(small_model(), data, callbacks, epochs=9)
    assert len(history["val_map@r"]) == 2, "nothing gains more than 2: it stops after one epoch without"
    saved = {path.name for path in tmp_path.iterdir()}
    assert saved == {f"best-{value:.3f}.weights.h5" for value in history["val_map@r"]}


class Batches(keras.utils.PyDataset):
    def __init__(self, x, y):
        super().__init__()
        self.x, self.y = x, y

    def __len__(self):
        return 4

    def __getitem__(self, position):
        return self.x[position::4], self.y[position::4]


def sources(x, y):
    """The same examples in every form."""
    yield "PyDataset", Batches(x, y)
    yield "list of batches", [(x[:7], y[:7]), (x[7:], y[7:].tolist())]
    yield "sampler", MultiShotMemorySampler(x, y, 2, 2, seed=0)
    if BACKEND == "tensorflow":
        import tensorflow as tf

        yield "tf.data", tf.data.Dataset.from_tensor_slices((x, y)).batch(7)
    if BACKEND == "torch":
        import torch

        pairs = torch.utils.data.TensorDataset(torch.tensor(x), torch.tensor(y))
        yield "DataLoader", torch.utils.data.DataLoader(pairs, batch_size=7)


def test_datasets_loaders_and_samplers__score_as_arrays_do(data, model):
    metrics = ["recall@1", "map@r"]
    whole = expected(model, data, metrics)
    for (name, queries), (_, gallery) in zip(sources(*data["query"]), sources(*data["gallery"]), strict=True):
        callback = RetrievalEval(queries, gallery=gallery, metrics=metrics)
        callback.set_model(model)
        for _ in range(2):  # after every epoch anew
            assert callback.evaluate() == pytest.approx(whole, rel=1e-5), name


def test_without_a_gallery__queries_are_found_among_themselves(data, model):
    callback = RetrievalEval(*data["query"], metrics=["recall@1"], classification_metrics=["recall"], k=1)
    callback.set_model(model)
    rows = model.embed(data["query"][0])
    scores = callback.evaluate()
    assert scores["recall@1"] == evaluate_embeddings(rows, data["query"][1], metrics=["recall@1"]).mean()["recall@1"]
    assert scores["recall"] == scores["recall@1"] < 1, "the nearest neighbour is another item, not the query"


def test_classification__is_that_of_an_index(data, model):
    options = {"k": 5, "matcher": "majority_vote"}
    callback = RetrievalEval(
        *data["query"], *data["gallery"], classification_metrics=["f1", "precision"], threshold=0.01, **options
    )
    callback.set_model(model)
    index = Index(3)
    index.add(model.embed(data["gallery"][0]), data["gallery"][1])
    by_index = evaluate_classification(
        index, model.embed(data["query"][0]), data["query"][1], 0.01, ["f1", "precision"], **options
    )["threshold"]
    scores = callback.evaluate()
    assert {name: scores[name] for name in ("f1", "precision")} == pytest.approx(
        {name: by_index[name] for name in ("f1", "precision")}
    )


@pytest.mark.slow
@pytest.mark.parametrize("known", [[], [0, 1, 2, 3, 4, 5]], ids=["none known", "all known"])
def test_a_group_without_queries__has_nan__and_nothing_breaks(data, model, known):
    """Upstream crashed at the end of the first epoch."""
    metrics = {"metrics": ["recall@1"], "classification_metrics": ["recall"]}
    history = fit(
        small_model(), data, [RetrievalEval(*data["query"], *data["gallery"], **metrics, known_classes=known)]
    )
    empty, full = ("_known", "_unknown") if not known else ("_unknown", "_known")
    for name in ("recall@1", "recall"):
        assert np.isnan(history[f"val_{name}{empty}"]).all()
        assert history[f"val_{name}{full}"] == history[f"val_{name}"]


def test_any_k__deeper_than_the_gallery_too(data, model):
    """Upstream raised at the end of the first epoch where a metric's k was larger than the callback's."""
    callback = RetrievalEval(*data["query"], *data["gallery"], ["precision@100", "recall@40"], k=1)
    logs = after_epoch(callback, model)
    assert logs == {"val_recall@40": 1, "val_precision@100": pytest.approx(8 / 100)}


def test_one_query__keeps_its_batch_axis(data, model):
    x, y = data["query"]
    callback = RetrievalEval(x[:1], y[:1], *data["gallery"], ["mrr"], known_classes=[0])
    logs = after_epoch(callback, model)
    assert logs["val_mrr_known"] == logs["val_mrr"]


def test_every__repeats_the_last_scores_in_between(data):
    model, rng, values = small_model(), np.random.default_rng(1), []
    callback = RetrievalEval(*data["query"], *data["gallery"], ["ndcg"], every=2, prefix="hard_")
    for epoch in range(5):
        model.set_weights([rng.normal(size=weight.shape) for weight in model.get_weights()])
        values.append(after_epoch(callback, model, epoch, epochs=5)["hard_ndcg"])
    assert values[1] != values[0]
    assert values[2] == values[1]
    assert len(set(values)) == 4, "after epochs 1, 2 and 4, and after the last"


def test_distance__is_the_losss_unless_given(data, model):
    for given, used in ((None, "cosine"), ("manhattan", "manhattan")):
        callback = RetrievalEval(*data["query"], *data["gallery"], ["map"], distance=given)
        callback.set_model(model)
        assert callback.evaluate() == pytest.approx(expected(model, data, ["map"], distance=used))


def test_string_labels_work(data, model):
    x, y = data["query"]
    names = [f"class {label}" for label in y]
    callback = RetrievalEval(x, names, metrics=["recall@1"], known_classes=["class 0"])
    callback.set_model(model)
    assert set(callback.evaluate()) == {"recall@1", "recall@1_known", "recall@1_unknown"}


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((np.ones((2, 4)),), {}, TypeError, "must be arrays with `query_labels`, or yield batches"),
        (({"a": np.ones((2, 4))},), {}, TypeError, "got a lone dict"),
        ((np.ones((2, 4)), [1]), {}, ValueError, "`query_labels` needs one entry per row of `queries`"),
        ((np.ones((0, 4)), []), {}, ValueError, "`queries` needs at least one example"),
        ((iter([(1, 2)]),), {}, TypeError, "got a list_iterator, which can be read once"),
        ((np.ones((2, 4)), [1, 2]), {"metrics": ["recall"]}, ValueError, "got 'recall'"),
        ((np.ones((2, 4)), [1, 2]), {"classification_metrics": ["f2"]}, ValueError, "`metric` must be one of"),
        ((np.ones((2, 4)), [1, 2]), {"k": 0}, ValueError, "`k` must be"),
        ((np.ones((2, 4)), [1, 2]), {"matcher": "m"}, ValueError, "`matcher` must be one of"),
        ((np.ones((2, 4)), [1, 2]), {"every": 0}, ValueError, "`every` must be"),
        ((np.ones((2, 4)), [1, 2]), {"distance": "l3"}, ValueError, "`distance` must be one of"),
    ],
)
def test_bad_arguments__say_what_at_once(arguments, options, error, message):
    with pytest.raises(error, match=message):
        RetrievalEval(*arguments, **options)


@pytest.mark.parametrize(
    ("batches", "message"), [([], "needs at least one batch"), ([(np.ones((2, 4), np.float32),)], "got one without y")]
)
def test_batches_without_labels_or_none_at_all__are_an_error(model, batches, message):
    callback = RetrievalEval(batches)
    callback.set_model(model)
    with pytest.raises(ValueError, match=message):
        callback.evaluate()


def test_endless_dataset__is_an_error():
    if BACKEND == "tensorflow":
        import tensorflow as tf

        with pytest.raises(ValueError, match="`queries` never ends"):
            RetrievalEval(tf.data.Dataset.from_tensors((np.ones((1, 4)), [1])).repeat())

    class Endless(Batches):
        @property
        def num_batches(self):
            return None

    with pytest.raises(ValueError, match="`queries` never ends"):
        RetrievalEval(Endless(np.ones((4, 4)), np.ones(4)))
