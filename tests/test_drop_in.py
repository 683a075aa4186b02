"""`tensorflow_similarity`: upstream's names and arguments, our objects."""

import ast
import importlib
import inspect
import re
from pathlib import Path

import numpy as np
import pytest

import keras_similarity

FOLDER = Path(keras_similarity.__file__).parent.with_name("tensorflow_similarity")
GUIDE = Path(__file__).parents[1] / "docs" / "migrating.md"
UPSTREAM_SPELLING = {
    "XBM": "CrossBatchMemory",
    "avg_neg": "NegativeDistance",
    "avg_pos": "PositiveDistance",
    "dist_gap": "DistanceGap",
}
UPSTREAM_MODULES = {"training_metrics": "metrics"}
MODULES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "__init__")
NAMES_ONLY = ["architectures", "training_metrics"]
# With upstream's arguments, in modules that hand on the objects themselves otherwise.
ADAPTED = {"SimCLRLoss", "SimSiamLoss", "Barlow", "VicReg"}
ADAPTED |= {"MetricEmbedding", "MultiShotMemorySampler", "SingleShotMemorySampler", "TFDatasetMultiShotMemorySampler"}
# Features A.17: what users rely on.
METHODS = [
    *("compile", "fit", "index", "index_single", "lookup", "single_lookup", "calibrate", "match"),
    *("evaluate_retrieval", "evaluate_classification", "save", "load_index", "save_index", "index_size"),
    *("index_summary", "reset_index", "to_data_frame"),
]
# Of upstream 0.17.1, in its order.
ARGUMENTS = {
    "callbacks.EvalCallback": "queries query_labels targets target_labels distance metrics tb_logdir k matcher "
    "distance_thresholds known_classes retrieval_metrics",
    "layers.MetricEmbedding": "units activation use_bias kernel_initializer bias_initializer kernel_regularizer "
    "bias_regularizer activity_regularizer kernel_constraint bias_constraint",
    "samplers.MultiShotMemorySampler": "x y load_example_fn classes_per_batch examples_per_class_per_batch "
    "steps_per_epoch class_list total_examples_per_class augmenter warmup",
    "samplers.SingleShotMemorySampler": "x augmenter examples_per_batch num_augmentations_per_example "
    "steps_per_epoch warmup",
    "samplers.TFDatasetMultiShotMemorySampler": "dataset_name classes_per_batch x_key y_key splits "
    "examples_per_class_per_batch steps_per_epoch class_list total_examples_per_class preprocess_fn augmenter "
    "warmup",
    "losses.CircleLoss": "distance gamma margin",
    "losses.MultiSimilarityLoss": "distance alpha beta epsilon lmda center",
    "losses.TripletLoss": "distance positive_mining_strategy negative_mining_strategy margin",
    "losses.SimCLRLoss": "temperature",
    "losses.SimSiamLoss": "projection_type margin",
    "losses.Barlow": "lambda_ margin",
    "losses.VicReg": "std_const lambda_ mu nu",
    "models.create_contrastive_model": "backbone projector predictor algorithm",
    "architectures.EfficientNetSim": "input_shape embedding_size variant weights trainable l2_norm include_top pooling "
    "gem_p",
    "visualization.confusion_matrix": "y_pred y_true normalize labels title cmap show",
    "visualization.projector": "embeddings labels class_mapping images image_size tooltips_info pt_size colorize "
    "pastel_factor plot_size active_drag densmap",
    "visualization.viz_neigbors_imgs": "example example_class neighbors class_mapping fig_size cmap show",
    "models.SimilarityModel.compile": "self optimizer loss metrics loss_weights weighted_metrics run_eagerly "
    "steps_per_execution distance embedding_output kv_store search evaluator stat_buffer_size",
    "models.SimilarityModel.save_index": "self filepath compression overwrite",
    "models.SimilarityModel.load_index": "self filepath",
    "models.SimilarityModel.index": "self x y data build verbose",
    "models.SimilarityModel.index_single": "self x y data build verbose",
    "models.SimilarityModel.lookup": "self x k verbose",
    "models.SimilarityModel.single_lookup": "self x k",
    "models.SimilarityModel.calibrate": "self x y thresholds_targets k calibration_metric matcher extra_metrics "
    "rounding verbose",
    "models.SimilarityModel.match": "self x cutpoint no_match_label k matcher verbose",
    "models.SimilarityModel.evaluate_retrieval": "self x y retrieval_metrics verbose",
    "models.SimilarityModel.evaluate_classification": "self x y k extra_metrics matcher verbose",
    "models.SimilarityModel.save": "self filepath save_index compression overwrite include_optimizer save_format "
    "signatures options save_traces",
    "models.SimilarityModel.to_data_frame": "self num_items",
}
LINES = 4  # of an adaptation: it hands arguments on


@pytest.mark.training
@pytest.mark.parametrize("name", [*NAMES_ONLY, "layers", "losses", "samplers"])
def test_every_name_is_the_object_of_keras_similarity(name):
    theirs = importlib.import_module(f"tensorflow_similarity.{name}")
    ours = importlib.import_module(f"keras_similarity.{UPSTREAM_MODULES.get(name, name)}")
    assert theirs.__all__
    for public in set(theirs.__all__) - ADAPTED:
        assert getattr(theirs, public) is getattr(ours, UPSTREAM_SPELLING.get(public, public))


@pytest.mark.parametrize("name", [*MODULES, "__init__"])
def test_it_hands_on_and_computes_nothing(name):
    tree = ast.parse((FOLDER / f"{name}.py").read_text())
    if name in NAMES_ONLY:
        assert all(isinstance(node, ast.Expr | ast.ImportFrom | ast.Assign) for node in tree.body)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            assert len(node.body[1:]) <= LINES, f"{name}.{node.name} does more than to hand on"
        assert not isinstance(node, ast.For | ast.While | ast.Try), f"{name} line {node.lineno}"


@pytest.mark.training
def test_every_public_name_is_in_the_guide():
    text = GUIDE.read_text()
    for name in MODULES:
        for public in importlib.import_module(f"tensorflow_similarity.{name}").__all__:
            assert re.search(rf"[`.]{public}[`(]", text), f"{name}.{public}"


@pytest.mark.training
def test_names_that_the_guide_calls_absent_are_absent():
    absent = [row.split("|")[1] for row in GUIDE.read_text().splitlines() if "not in the drop-in" in row]
    gone = {name for row in absent for path in re.findall(r"`([\w.]+)`", row) for name in [path.split(".")[-1]]}
    assert {"visualize_views", "ContrastiveAugmenter", "create_index"} <= gone
    assert not gone & set(METHODS)
    for name in MODULES:
        assert not gone & set(importlib.import_module(f"tensorflow_similarity.{name}").__all__)


@pytest.fixture(scope="module")
def points():
    rng = np.random.default_rng(0)
    y = np.arange(60) % 3
    return (rng.normal(size=(3, 4))[y] * 3 + rng.normal(size=(60, 4)) / 4).astype("float32"), y


@pytest.fixture(scope="module")
def model(points):
    """Trained, indexed and calibrated as upstream's documentation does."""
    import keras

    import tensorflow_similarity as tfsim

    sampler = tfsim.samplers.MultiShotMemorySampler(
        *points, classes_per_batch=3, examples_per_class_per_batch=4, steps_per_epoch=2, warmup=0
    )
    inputs = keras.Input((4,))
    model = tfsim.models.SimilarityModel(inputs, tfsim.layers.MetricEmbedding(3)(inputs))
    loss = tfsim.losses.TripletLoss(
        distance=tfsim.distances.CosineDistance(), positive_mining_strategy="easy", negative_mining_strategy="hard"
    )
    schedule = tfsim.schedules.WarmupCosineDecay(max_learning_rate=0.01, total_steps=9, warmup_steps=2)
    assert [round(float(schedule(step)), 4) for step in (0, 2, 9)] == [0.0, 0.01, 0.0]
    model.compile(
        optimizer=keras.optimizers.Adam(schedule),
        loss=tfsim.losses.XBM(loss, memory_size=24, warmup_steps=1),
        metrics=[tfsim.training_metrics.avg_pos("cosine"), tfsim.training_metrics.dist_gap("cosine")],
        search="linear",
        kv_store="memory",
        evaluator="memory",
        stat_buffer_size=10,
    )
    callback = tfsim.callbacks.EvalCallback(
        queries=points[0][:9],
        query_labels=points[1][:9],
        targets=points[0][9:],
        target_labels=points[1][9:],
        distance="cosine",
        metrics=["binary_accuracy", "f1"],
        k=1,
        known_classes=[0, 1],
        retrieval_metrics=[tfsim.retrieval_metrics.RecallAtK(k=1)],
    )
    history = model.fit(sampler, epochs=2, callbacks=[callback], verbose=0).history
    assert {"recall@1_known", "recall@1_unknown", "accuracy", "f1"} <= set(history)
    model.index(x=points[0][:40], y=points[1][:40], data=points[0][:40], build=False, verbose=0)
    model.calibrate(
        points[0][40:],
        points[1][40:],
        thresholds_targets={"precise": 0.9},
        k=1,
        calibration_metric=tfsim.classification_metrics.F1Score(),
        matcher=tfsim.matchers.MatchNearest(),
        extra_metrics=["precision", "recall", "binary_accuracy"],
        rounding=2,
        verbose=0,
    )
    return model


@pytest.mark.slow
@pytest.mark.training
def test_model__answers_to_every_call_of_upstreams_documentation(model, points, capsys):
    from tensorflow_similarity.retrieval_metrics import BNDCG, MapAtK, PrecisionAtK, RecallAtK

    x, y = points[0][40:], points[1][40:]
    neighbors = model.lookup(x, k=3, verbose=0)
    assert [len(found) for found in neighbors] == [3] * 20
    assert neighbors[0][0].rank == 1
    assert neighbors[0][0].data.shape == (4,)
    matched = model.match(x, cutpoint="optimal", no_match_label=10, k=1, matcher="match_nearest", verbose=0)
    assert set(matched) <= {0, 1, 2, 10}
    metrics = [RecallAtK(k=1), PrecisionAtK(k=3), MapAtK(r={0: 20}, k=3), MapAtK(clip_at_r=True), BNDCG(k=3)]
    scores = model.evaluate_retrieval(x, y, retrieval_metrics=metrics, verbose=0)
    assert list(scores) == ["recall@1", "precision@3", "map@3", "map@r", "ndcg@3"]
    classified = model.evaluate_classification(x, y, k=1, extra_metrics=["recall"], matcher="match_nearest", verbose=0)
    assert {"distance", "recall"} <= set(classified["optimal"])
    model.index_summary()
    assert capsys.readouterr().out.startswith("items: 40\n")
    frame = model.to_data_frame(num_items=5)
    assert (len(frame), list(frame)) == (5, ["embeddings", "data", "labels"])


@pytest.mark.slow
@pytest.mark.training
def test_other_k_or_matcher_than_was_calibrated__is_refused(model, points):
    from keras_similarity.errors import NotCalibratedError

    x, y = points[0][40:], points[1][40:]
    calls = [model.match, lambda x, **asked: model.evaluate_classification(x, y, **asked)]
    assert model.match(x, k=5) == model.match(x)  # the nearest decides, whatever k is
    for call in calls:
        with pytest.raises(ValueError, match=r"k=1 and matcher='match_nearest': got .*majority"):
            call(x, matcher="match_majority_vote")
    before = model.calibration
    try:
        model.calibrate(x, y, k=3, matcher="match_majority_vote")
        assert model.match(x, k=3, matcher="majority_vote") == model.match(x)
        for call in calls:
            with pytest.raises(ValueError, match=r"k=3 and .* got k=5"):
                call(x, k=5)
        model._calibration = None
        with pytest.raises(NotCalibratedError, match="evaluate_classification"):
            model.evaluate_classification(x, y, k=5)
    finally:
        model._calibration = before


@pytest.mark.slow
@pytest.mark.training
def test_model__grows_by_one_and_comes_back_from_its_file(model, points, tmp_path):
    import keras

    model.save(tmp_path / "first.keras")
    model = keras.saving.load_model(tmp_path / "first.keras")  # other tests want theirs as it is
    before = model.index_size()
    model.index_single(points[0][41], y=7, data=points[0][41], verbose=0)
    assert model.index_size() == before + 1
    model.save(tmp_path / "m.keras", save_index=True, compression=True, include_optimizer=False)
    again = keras.saving.load_model(tmp_path / "m.keras")
    assert type(again) is type(model)
    assert again.single_lookup(points[0][41], k=1)[0].label == 7
    model.save_index(tmp_path / "index", compression=True)
    with pytest.raises(ValueError, match="save_index"):
        model.save(tmp_path / "m.keras", save_index=False)
    with pytest.raises(FileExistsError):
        model.save_index(tmp_path / "index", overwrite=False)
    again.reset_index()
    again.load_index(tmp_path / "index")
    assert again.index_size() == before + 1


@pytest.mark.training
def test_arguments_of_the_model__reach_ours(monkeypatch, points):
    import keras

    from keras_similarity import SimilarityModel
    from tensorflow_similarity.models import SimilarityModel as DropIn

    got = []
    for name in ("compile", "calibrate"):
        monkeypatch.setattr(SimilarityModel, name, lambda _, *args, **named: got.append((args, named)))
    inputs = keras.Input((4,))
    model = DropIn(inputs, keras.layers.Dense(2)(inputs))
    model.compile("sgd", "mse", ["mae"], search="linear", kv_store="folder", evaluator="memory", distance="cosine")
    model.calibrate(*points, {"a": 0.9}, 3, "recall", "match_majority_vote", ["fpr"], 2, 0, seed=5)
    voted = {"k": 3, "calibration_metric": "recall", "matcher": "match_majority_vote", "extra_metrics": ["fpr"]}
    assert got[0][0] == ("sgd", "mse", ["mae"])
    assert (
        got[0][1].items() >= {"search": "exact", "store": "folder", "distance": "cosine", "loss_weights": None}.items()
    )
    assert got[1] == ((*points, {"a": 0.9}), {**voted, "seed": 5})


@pytest.mark.training
def test_arguments_of_the_callback_and_the_augmenter__reach_ours(monkeypatch, points):
    from keras_similarity import augment
    from tensorflow_similarity import augmenters, callbacks

    monkeypatch.setattr(callbacks, "RetrievalEval", lambda *_, **named: named)
    named = callbacks.EvalCallback(*points, *points, "snr", ["f1"], "logs", 3, "match_majority_vote", 0.5, [0])
    voted = {"k": 3, "matcher": "match_majority_vote", "threshold": 0.5, "known_classes": [0], "distance": "snr"}
    assert named == {**voted, "classification_metrics": ["f1"], "prefix": ""}
    assert callbacks.EvalCallback(*points, *points)["threshold"] == float("inf")
    monkeypatch.setattr(augment, "SimCLRAugmenter", lambda *_, **named: named)
    assert augmenters.SimCLRAugmenter(4, 6, jitter_stength=0.5) == {"jitter_strength": 0.5}


@pytest.mark.training
@pytest.mark.parametrize(("splits", "read"), [("train", ["train"]), (["train", "test"], ["train", "test"])])
def test_sampler_of_the_catalogue__takes_upstreams_warmup_and_a_single_split(splits, read, monkeypatch, points):
    from keras_similarity.samplers.adapters import tfds
    from tensorflow_similarity.samplers import TFDatasetMultiShotMemorySampler

    got = []
    monkeypatch.setattr(tfds, "_read", lambda *about: got.append(about) or points)
    arguments = ("mnist", 3, "image", "label", splits, 4, 5, [0, 1, 2], 7, lambda x, y: (x + 1, y), lambda x: -x)
    for sampler in (TFDatasetMultiShotMemorySampler(*arguments, -1), TFDatasetMultiShotMemorySampler(*arguments)):
        x, y = sampler[0]
        assert (len(sampler), x.shape, np.bincount(y).tolist()) == (5, (12, 4), [4, 4, 4])
        assert sampler.num_examples == 21
        assert np.isin(-x, points[0] + 1).all()
    assert got == [("mnist", read, "image", "label")] * 2


@pytest.mark.training
def test_embedding__takes_every_argument_of_a_dense_layer(points, tmp_path):
    import keras

    from tensorflow_similarity.layers import MetricEmbedding

    parts = (keras.initializers.Constant(0.5), "ones", "l1", "l2", keras.regularizers.L2(3.0), "non_neg", "unit_norm")
    inputs = keras.Input((4,))
    keras.Model(inputs, MetricEmbedding(2, "relu", True, *parts, name="e")(inputs)).save(tmp_path / "m.keras")
    model = keras.saving.load_model(tmp_path / "m.keras")
    rows = np.maximum(points[0].sum(axis=1, keepdims=True) / 2 + 1, 0).repeat(2, axis=1)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    np.testing.assert_allclose(model.predict(points[0], verbose=0), rows, rtol=1e-4, atol=1e-6)
    dense = model.get_layer("e").dense
    kinds = [type(part).__name__ for part in (dense.bias_regularizer, dense.kernel_constraint, dense.bias_constraint)]
    assert kinds == ["L2", "NonNeg", "UnitNorm"]
    model(points[0])
    of_weights = 0.01 * 8 * 0.5 + 0.01 * 2 * 1  # l1 of the kernel, l2 of the bias
    of_rows = 3 * (rows**2).sum() / len(rows)
    total = keras.ops.convert_to_numpy(sum(model.losses))
    np.testing.assert_allclose(total, of_weights + of_rows, rtol=1e-4)


@pytest.mark.training
def test_what_is_made_by_calling__is_its_name():
    from tensorflow_similarity import classification_metrics, distances, matchers

    made = {
        classification_metrics: ["binary_accuracy", "f1", "fpr", "npv", "precision", "recall"],
        distances: ["cosine", "euclidean", "inner_product", "manhattan", "snr", "squared_euclidean"],
        matchers: ["match_majority_vote", "match_nearest"],
    }
    for module, names in made.items():
        assert [str(getattr(module, name)()) for name in module.__all__ if name != "get"] == names


@pytest.mark.training
def test_augmenters__take_upstreams_order_and_spelling():
    from tensorflow_similarity.augmenters import BarlowAugmenter, SimCLRAugmenter

    images = np.zeros((2, 12, 16, 3), np.uint8)
    for augmenter in (BarlowAugmenter(6, 4), SimCLRAugmenter(height=4, width=6, jitter_stength=0.5)):
        assert [view.shape for view in augmenter(images)] == [(2, 4, 6, 3)] * 2


@pytest.mark.training
def test_model_has_every_method_that_users_rely_on():
    from tensorflow_similarity.models import SimilarityModel

    assert all(inspect.isfunction(getattr(SimilarityModel, name)) for name in METHODS)


@pytest.mark.training
@pytest.mark.parametrize("name", ARGUMENTS)
def test_upstreams_arguments__are_taken_in_their_order(name):
    module, *path = name.split(".")
    found = importlib.import_module(f"tensorflow_similarity.{module}")
    for step in path:
        found = getattr(found, step)
    expected = ARGUMENTS[name].split()
    assert list(inspect.signature(found).parameters)[: len(expected)] == expected


@pytest.mark.training
def test_pictures__are_those_of_keras_similarity(monkeypatch):
    from keras_similarity import visualization as ours
    from tensorflow_similarity import visualization as theirs

    assert (theirs.viz_neigbors_imgs, theirs.confusion_matrix) == (ours.viz_neighbors, ours.confusion_matrix)
    got = []
    monkeypatch.setattr(ours, "projector", lambda *about, **own: got.append((about, own)))
    theirs.projector("rows", "labels", {0: "a"}, "images", 32, {"b": [1]}, 4, True, 0.2, 500, "pan", False, seed=3)
    assert got == [(("rows", "labels", {0: "a"}, "images", 32, {"b": [1]}, 4, 500), {"seed": 3})]


@pytest.mark.slow
@pytest.mark.training
@pytest.mark.parametrize("loss", ["SimSiamLoss", "SimCLRLoss", "Barlow", "VicReg"])
def test_contrastive_model__trains_searches_and_comes_back(loss, points, tmp_path):
    import keras

    import tensorflow_similarity as tfsim

    x = points[0]
    inputs = keras.Input((4,))
    backbone = keras.Model(inputs, keras.layers.Dense(6, activation="tanh")(inputs))
    algorithm = {"SimSiamLoss": "simsiam", "SimCLRLoss": "simclr", "Barlow": "barlow", "VicReg": "vicreg"}[loss]
    model = tfsim.models.create_contrastive_model(backbone=backbone, algorithm=algorithm)
    model.compile("adam", loss=getattr(tfsim.losses, loss)(), search="linear", kv_store="memory")
    model.fit((x + 0.1, x - 0.1), epochs=2, verbose=0)
    assert model.predict(x, verbose=0).shape == (60, 512)
    model.index(x, points[1], verbose=0)
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    assert type(again) is type(model)
    assert [found.label for found in again.lookup(x[:5], k=1, verbose=0)[0]] == [points[1][0]]
