import subprocess
import sys
import zipfile
from contextlib import nullcontext
from types import SimpleNamespace

import h5py
import keras
import numpy as np
import pytest

from keras_similarity import Index
from keras_similarity.errors import MissingIndexError
from keras_similarity.layers import MetricEmbedding
from keras_similarity.losses import MultiSimilarityLoss
from keras_similarity.models import SimilarityModel, one_file
from keras_similarity.samplers import MultiShotMemorySampler


def small_model(compile_it=True, **settings):
    keras.utils.set_random_seed(7)
    inputs = keras.Input((6, 6, 1))
    # tanh: with so few units, a ReLU can be silent for a whole image, and a row of zeros has no direction.
    x = keras.layers.Dense(16, activation="tanh")(keras.layers.Flatten()(inputs))
    model = SimilarityModel(inputs, MetricEmbedding(8)(x))
    if compile_it:
        model.compile("adam", loss=MultiSimilarityLoss(), **settings)
    return model


@pytest.fixture
def images(rng):
    return rng.normal(size=(40, 6, 6, 1)).astype(np.float32)


@pytest.fixture
def labels():
    return [f"class {row % 4}" for row in range(40)]


@pytest.fixture
def model(images, labels):
    model = small_model()
    model.optimizer.build(model.trainable_variables)  # as after training; Keras warns when it loads one that is not
    model.index(images, labels, data=images)
    return model


def test_is_a_keras_model_and_stays_one_through_clone_and_config():
    model = small_model()
    assert isinstance(model, keras.Model)
    assert type(keras.models.clone_model(model)) is SimilarityModel
    assert type(SimilarityModel.from_config(model.get_config())) is SimilarityModel


def test_fit_on_a_sampler_lowers_the_loss(images, labels):
    model = small_model()
    sampler = MultiShotMemorySampler(images, labels, 4, 4, seed=0)
    losses = model.fit(sampler, epochs=60, verbose=0).history["loss"]
    assert losses[-1] < 0.8 * losses[0]


def test_lookup_finds_the_item_itself(model, images, labels):
    result = model.lookup(images[:7], k=3)
    assert result.ids[:, 0].tolist() == list(range(7))
    assert result.labels[:, 0].tolist() == labels[:7]
    np.testing.assert_allclose(result.distances[:, 0], 0, atol=1e-6)


def test_single_lookup_reads_as_a_list(model, images):
    neighbors = model.single_lookup(images[5], k=3)
    assert [lookup.rank for lookup in neighbors] == [1, 2, 3]
    assert neighbors[0].label == "class 1"
    assert np.array_equal(neighbors[0].data, images[5])
    assert len(model.single_lookup(images[5])) == 5


def test_embed__any_number_of_examples__gives_the_rows_predict_gives(images):
    model = small_model()
    for count in (1, 3, 40):
        np.testing.assert_allclose(
            model.embed(images[:count]), model.predict(images[:count], verbose=0), rtol=1e-5, atol=1e-6
        )
    assert model.embed(images[:0]).shape == (0, 8)


def test_embed__py_dataset__embeds_its_batches(images, labels):
    sampler = MultiShotMemorySampler(images, labels, 4, 2, steps_per_epoch=3, seed=0)
    assert small_model().embed(sampler).shape == (24, 8)


def test_index_without_compile__works_and_compile_keeps_it(images, labels):
    model = small_model(compile_it=False)
    model.index(images, labels)
    model.compile("sgd", loss=MultiSimilarityLoss())
    assert model.index_size() == 40
    model.compile("adam", loss=MultiSimilarityLoss())
    assert model.index_size() == 40


def test_compile__another_distance_than_the_indexed_items_have__raises_and_keeps_both(model):
    optimizer = model.optimizer
    with pytest.raises(ValueError, match=r"holds 40 items .* by cosine distance,.* by euclidean distance"):
        model.compile("sgd", loss=MultiSimilarityLoss(distance="euclidean"))
    assert model.index_size() == 40
    assert model.optimizer is optimizer


def test_compile__distance_auto__is_the_losss(images):
    model = small_model(compile_it=False)
    model.compile(loss=MultiSimilarityLoss(distance="euclidean"))
    ids = model.index(images[:2])
    gap = np.linalg.norm(np.subtract(*model.embed(images[:2])))
    assert model.lookup(images[:1], k=2).distances[0, 1] == pytest.approx(gap, rel=1e-4)
    assert ids.tolist() == [0, 1]


def test_reset_index__empties_it_and_lookup_gives_an_empty_list(model, images):
    model.reset_index()
    assert model.index_size() == 0
    assert list(model.single_lookup(images[0])) == []


def test_reset_index__keeps_every_setting_of_the_index(model, images):
    settings = {"storage": "float16", "truncate_dim": 3, "recall": 0.9, "memory": 10**6, "engine": "exact"}
    model._index = Index(model.embedding_size, "euclidean", **settings)
    model.index(images[:4])
    model.reset_index()
    assert model.index_size() == 0
    assert {name: getattr(model.gallery.settings, name) for name in settings} == settings
    model.index(images[:4])
    assert model.index_size() == 4


def test_reset_index__of_an_index_on_disk__empties_it_there(model, images, tmp_path):
    model._index = Index(model.embedding_size, store=tmp_path / "shelf")
    model.index(images[:4])
    model.reset_index()
    model.index(images[:1], ids=["kept"])
    model.gallery.close()
    assert list(Index.open(tmp_path / "shelf")) == ["kept"]


def test_compile_again__keeps_an_index_on_disk__empty_or_not(images, tmp_path):
    model = small_model(compile_it=False)
    for _ in range(2):
        model.compile(loss=MultiSimilarityLoss(), store=tmp_path / "shelf")
    model.index(images[:4])
    model.compile(loss=MultiSimilarityLoss(), store=tmp_path / "shelf")
    assert model.index_size() == 4


@pytest.mark.database
def test_compile_again_or_load__keeps_an_index_in_a_database__empty_or_not(images, postgres):
    model, url = small_model(compile_it=False), postgres.url(password="s3cret")
    for _ in range(2):
        model.compile(loss=MultiSimilarityLoss(), store=url)
    model.index(images[:4])
    model.compile(loss=MultiSimilarityLoss(), store=url)
    assert model.index_size() == 4
    assert "s3cret" not in str(model.get_compile_config())
    other = small_model()
    other.load_index(url)
    other.index(images[:1], ids=["late"])
    assert "late" in model.gallery
    for each in (model, other):
        each.gallery.close()


@pytest.mark.parametrize("settings", [{"store": "shelf"}, {"search": "exact"}])
def test_compile_again__elsewhere__is_refused_while_there_are_items(model, images, tmp_path, monkeypatch, settings):
    monkeypatch.chdir(tmp_path)
    (name,) = settings
    before = model.loss
    with pytest.raises(
        ValueError, match=rf"holds 40 items with {name}='.*', and `compile` asks for '.*{settings[name]}"
    ):
        model.compile("adam", loss="mse", distance="cosine", **settings)
    assert model.loss is before
    assert not list(tmp_path.iterdir())
    model.reset_index()
    model.compile("adam", loss="mse", distance="cosine", **settings)
    model.index(images[:3])
    assert (model.gallery.store.endswith("shelf"), model.gallery.engine == "exact") == (
        "store" in settings,
        "search" in settings,
    )


def test_compile_that_keras_refuses__makes_no_index(tmp_path):
    model = small_model(compile_it=False)
    with pytest.raises(ValueError, match=r"[Uu]nknown|Could not"):
        model.compile("no such optimizer", store=tmp_path / "shelf")
    assert not (tmp_path / "shelf").exists()
    model.compile("adam", store=tmp_path / "shelf")


def test_gallery__is_the_index__and_what_takes_its_place_lets_go_of_the_folder(model, images, tmp_path):
    assert model.gallery.remove([0]) == 1
    assert model.index_size() == 39
    model.save_index(tmp_path / "saved")
    other = small_model(store=tmp_path / "shelf")
    other.index(images[:2])
    other.load_index(tmp_path / "saved")
    with Index.open(tmp_path / "shelf") as freed:  # its writer's lock too
        freed.add(other.embed(images[:1]), ids=["late"])
    with pytest.raises(MissingIndexError, match="`gallery` needs an index"):
        _ = small_model(compile_it=False).gallery


def test_new_class_joins_without_retraining(model, images):
    weights = [np.array(w) for w in model.get_weights()]
    model.index(-images[:5], ["new"] * 5)
    assert [lookup.label for lookup in model.single_lookup(-images[2], k=1)] == ["new"]
    assert all(np.array_equal(old, new) for old, new in zip(weights, model.get_weights(), strict=True))


def test_evaluate_retrieval__perfect_on_the_items_themselves(model, images, labels):
    scores = model.evaluate_retrieval(images, labels, ["recall@1", "precision@1"])
    assert scores == {"recall@1": 1.0, "precision@1": 1.0}


def test_several_inputs_work(rng):
    left, right = keras.Input((3,), name="left"), keras.Input((5,), name="right")
    model = SimilarityModel([left, right], MetricEmbedding(4)(keras.layers.Concatenate()([left, right])))
    model.compile("adam", loss=MultiSimilarityLoss())
    x = [rng.normal(size=(12, 3)).astype("float32"), rng.normal(size=(12, 5)).astype("float32")]
    model.fit(tuple(x), np.arange(12) % 3, verbose=0)
    model.index(x, y=list(range(12)))
    assert model.lookup(x, k=1).labels[:, 0].tolist() == list(range(12))
    assert model.single_lookup([x[0][4], x[1][4]], k=1)[0].label == 4
    with pytest.raises(ValueError, match=r"inputs of one length: got \[11, 12\] rows"):
        model.embed([x[0], x[1][:11]])


def test_several_outputs__embedding_output_says_which(rng):
    inputs = keras.Input((3,))
    outputs = [keras.layers.Dense(2, name="logits")(inputs), MetricEmbedding(4, name="vector")(inputs)]
    model = SimilarityModel(inputs, outputs)
    with pytest.raises(ValueError, match=r"which of the model's 2 outputs is the embedding"):
        model.compile("adam", loss=["mse", MultiSimilarityLoss()])
    for chosen in ("vector", 1, -1):
        model.compile("adam", loss=["mse", MultiSimilarityLoss()], embedding_output=chosen)
        assert model.embed(rng.normal(size=(2, 3))).shape == (2, 4)
    for wrong in (2, "other"):
        with pytest.raises(ValueError, match="must be a position or a name of an output"):
            model.compile("adam", embedding_output=wrong)


LOAD = """
import sys, json, zipfile
import keras_similarity, keras, numpy
model = keras.saving.load_model(sys.argv[1])
found = model.lookup(numpy.load(sys.argv[2]), k=4)
facts = [type(model).__name__, model.index_size(), model.gallery.distance.name, type(model.loss).__name__]
print(json.dumps([facts, found.ids.tolist(), found.labels.tolist(), found.distances.tolist()]))
"""


@pytest.mark.slow
def test_saved_model__a_fresh_process_finds_the_same(model, images, tmp_path):
    import json

    model.save(tmp_path / "m.keras")
    np.save(tmp_path / "queries.npy", images[:5])
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(tmp_path / "m.keras"), str(tmp_path / "queries.npy")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    facts, ids, labels, distances = json.loads(done.stdout)
    here = model.lookup(images[:5], k=4)
    assert facts == ["SimilarityModel", 40, "cosine", "MultiSimilarityLoss"]
    assert ids == here.ids.tolist()
    assert labels == here.labels.tolist()
    np.testing.assert_allclose(distances, here.distances, atol=1e-6)


def test_saved_model__holds_no_pickle(model, tmp_path):
    model.save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        assert not archive.testzip()
        for name in archive.namelist():
            assert name.endswith((".json", ".npy", ".h5")), name
            assert b"\x80\x04\x95" not in archive.read(name)[:4096]  # how a pickle of protocol 4 and up begins


@pytest.mark.parametrize("rows", [1, 40])
def test_load_model__index_smaller_or_larger_than_the_weights__is_what_was_saved(images, labels, tmp_path, rows):
    model = small_model(compile_it=False)
    model.index(images[:rows], labels[:rows], data=np.repeat(images[:rows], 20, axis=1))
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    assert np.array_equal(again.lookup(images).distances, model.lookup(images).distances)
    assert np.array_equal(again.single_lookup(images[0], k=1)[0].data, np.repeat(images[0], 20, axis=0))
    assert len(again.index(images, labels)) == 40  # what was loaded is a view, and grows all the same


def test_load_model__keeps_data_and_goes_on_training(model, images, labels, tmp_path):
    sampler = MultiShotMemorySampler(images, labels, seed=0)
    model.fit(sampler, verbose=0)
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    assert int(again.optimizer.iterations) == len(sampler)
    assert np.array_equal(again.single_lookup(images[3], k=1)[0].data, images[3])
    again.fit(sampler, verbose=0)
    assert again.index_size() == 40


def test_save__index_too_large_to_lie_beside_the_weights__lies_in_files(model, images, tmp_path, monkeypatch):
    monkeypatch.setattr(one_file, "MOST_BESIDE_WEIGHTS", 1000)
    model.index(images, list(range(40)), data=images)
    model.save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        assert "assets/similarity_index/embeddings.npy" in archive.namelist()
    again = keras.saving.load_model(tmp_path / "m.keras")
    assert np.array_equal(again.single_lookup(images[3], k=1)[0].data, images[3])


def test_save_weights__leaves_the_index_out_and_as_it_is(model, images, tmp_path):
    path = tmp_path / "w.weights.h5"
    model.index(images)
    size = model.index_size()
    model.save(tmp_path / "m.keras")
    model.save_weights(path)
    with h5py.File(path) as file:
        assert "similarity_index" not in file
    model.index(images)
    model.load_weights(path)
    assert model.index_size() == size + 40


def test_load_weights__of_a_saved_model__fits_a_plain_keras_model(model, images, tmp_path):
    model.index(images)
    model.save(tmp_path / "m.keras")
    plain = keras.Model(model.inputs, model.outputs)
    plain.load_weights(tmp_path / "m.keras")
    assert np.array_equal(plain.predict(images, verbose=0), model.predict(images, verbose=0))


def test_load_model__uncompiled_model_with_an_index(images, tmp_path):
    model = small_model(compile_it=False)
    model.index(images)
    model.save(tmp_path / "m.keras")
    assert keras.saving.load_model(tmp_path / "m.keras").lookup(images[:1], k=1).ids.tolist() == [[0]]


@pytest.mark.parametrize("beside_weights", [True, False])
def test_load_model__flipped_byte_anywhere__is_refused(model, images, tmp_path, monkeypatch, beside_weights):
    monkeypatch.setattr(one_file, "MOST_BESIDE_WEIGHTS", 2**28 if beside_weights else 0)
    path = tmp_path / "m.keras"
    model.save(path)
    content = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        # Keras writes its version and the date into metadata.json, and reads them never.
        used = [info for info in archive.infolist() if info.filename != "metadata.json"]
        places = [
            info.header_offset + len(info.FileHeader()) + info.file_size * part // 8
            for info in used
            for part in (1, 4, 7)
        ]
    for place in places:
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(Exception, match=r"(?i)crc|damaged|corrupt|bad"):
            keras.saving.load_model(path)


@pytest.mark.parametrize("flipped", [0, 1])
def test_check_whole__reads_a_file_of_weights_to_its_end(tmp_path, rng, flipped):
    weights = bytearray(rng.bytes(3 * 2**20))
    with zipfile.ZipFile(tmp_path / "m.keras", "w") as archive:
        archive.writestr("model.weights.h5", bytes(weights))
    content = bytearray((tmp_path / "m.keras").read_bytes())
    content[len(content) - 2**20] ^= flipped
    (tmp_path / "m.keras").write_bytes(content)
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        store = SimpleNamespace(archive=archive, path_or_io="model.weights.h5")
        with pytest.raises(zipfile.BadZipFile, match="CRC") if flipped else nullcontext():
            one_file._check_whole(store)


def test_load_model__flipped_byte_in_a_weight__is_refused(model, tmp_path):
    path = tmp_path / "m.keras"
    model.save(path)
    content = path.read_bytes()
    place = content.index(keras.ops.convert_to_numpy(model.layers[-1].weights[0]).tobytes()) + 5
    path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    with pytest.raises(zipfile.BadZipFile, match="CRC"):
        keras.saving.load_model(path)


@pytest.mark.parametrize("method", ["lookup", "single_lookup", "evaluate_retrieval"])
def test_missing_index__says_how_to_get_one(method, images):
    arguments = {"evaluate_retrieval": (images, [0] * 40), "single_lookup": (images[0],)}.get(method, (images,))
    with pytest.raises(MissingIndexError, match="needs an index, and this model has none"):
        getattr(small_model(compile_it=False), method)(*arguments)


@pytest.mark.parametrize("k", [0, -3, 1.5, True])
def test_lookup__bad_k__is_named(model, images, k):
    with pytest.raises(ValueError, match=f"`k` must be a whole number of at least 1: got {k}"):
        model.lookup(images[:1], k=k)


def test_output_that_is_no_row__is_an_error_at_compile_and_at_embed(images):
    inputs = keras.Input((6, 6, 1))
    model = SimilarityModel(inputs, keras.layers.Conv2D(3, 2)(inputs))
    message = r"one row per example, shape \(n, d\): the model's output has shape \(None, 5, 5, 3\)"
    with pytest.raises(ValueError, match=message):
        model.compile("adam", loss=MultiSimilarityLoss())
    with pytest.raises(ValueError, match=message):
        model.index(images)


def test_index__nan_image__names_its_row_and_changes_nothing(model, images):
    images = images.copy()
    images[11, 2, 3] = np.nan
    for call in (model.index, model.lookup, model.embed):
        with pytest.raises(ValueError, match="`x` needs finite numbers: row 11 holds nan"):
            call(images)
    assert model.index_size() == 40


def test_index__other_number_of_labels_than_images__changes_nothing(model, images):
    with pytest.raises(ValueError, match="`y` needs one entry per row of `x`: got 3 entries for 40 rows"):
        model.index(images, [1, 2, 3])
    assert model.index_size() == 40


def test_compile__unknown_distance__suggests_one():
    with pytest.raises(ValueError, match="Did you mean 'euclidean'"):
        small_model(distance="euclidian")


def test_mixed_precision__model_indexes_float32(images):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = small_model()
    finally:
        keras.config.set_dtype_policy("float32")
    model.index(images)
    assert model.lookup(images, k=1).ids[:, 0].tolist() == list(range(40))


def test_compile__unknown_search__is_named_as_the_user_wrote_it():
    with pytest.raises(ValueError, match=r"`search` must be one of 'auto', .*'exact', .*: got 'linear'"):
        small_model(search="linear")
