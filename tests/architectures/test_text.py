"""Texts: ids by hand, and strings in wherever a model takes examples."""

import zlib

import keras
import numpy as np
import pytest

from keras_similarity.architectures import RawSimilarityModel, TextSim, Tokenizer, TokenPooling
from keras_similarity.losses import SupConLoss
from keras_similarity.samplers import MultiShotMemorySampler

pytestmark = pytest.mark.slow  # models that JAX compiles for seconds

TEXTS = ["a red car", "the red bus", "two cats", "", "cat!"]


def test_words_become_ids_of_the_vocabulary_or_of_their_bucket():
    tokenizer = Tokenizer(["cat", "red"], buckets=50, length=5)
    bucket = 4 + zlib.crc32(b"two") % 50
    assert tokenizer.num_ids == 54
    assert tokenizer.prepare(["Two RED cat", "", "  "]).tolist() == [
        [bucket, 3, 2, 0, 0],
        [1, 0, 0, 0, 0],
        [1, 0, 0, 0, 0],
    ]
    assert Tokenizer(["Red"], lowercase=False, length=2).prepare(["Red"]).tolist() == [[2, 0]]


def test_pieces_come_after_all_words_and_leave_out_the_whole_word():
    tokenizer = Tokenizer(buckets=10_000, length=20, pieces=(3, 4))
    ids = [2 + zlib.crc32(token.encode()) % 10_000 for token in ("cat", "up", "\0<ca", "\0cat", "\0at>")]
    ids += [2 + zlib.crc32(token.encode()) % 10_000 for token in ("\0<cat", "\0cat>", "\0<up", "\0up>")]
    found = tokenizer.prepare(["cat up"])[0]
    assert found[found > 0].tolist() == [*ids[:2], *ids[2:5], *ids[5:7], *ids[7:9]]


def test_a_long_text_is_cut_words_first():
    assert Tokenizer(["a", "b", "c"], length=2, pieces=(2,)).prepare(["a b c"]).tolist() == [[2, 3]]


def test_weighted_mean_of_vectors__by_hand():
    layer = TokenPooling(4, 2)
    layer.build((None, 3))
    vectors = np.array([[9.0, 9.0], [1.0, 0.0], [0.0, 1.0], [2.0, 2.0]])
    layer.vectors.assign(vectors)
    layer.importance.assign([[5.0], [0.0], [np.log(3)], [0.0]])  # sigmoids 1/2, 3/4, 1/2
    expected = (0.5 * vectors[1] + 0.75 * vectors[2]) / 1.25
    result = keras.ops.convert_to_numpy(layer(np.array([[1, 2, 0], [3, 0, 0]])))
    np.testing.assert_allclose(result, [expected, vectors[3]], rtol=1e-5)


@pytest.mark.parametrize(
    ("texts", "error", "message"),
    [
        ("one", TypeError, "texts come as a list: got one str"),
        (["a", None], TypeError, "row 1 is None"),
        (["a", float("nan")], TypeError, "row 1 is nan"),
        (np.zeros((2, 3), int), ValueError, r"ids need shape \(n, 4\): got \(2, 3\)"),
        (np.full((1, 4), 99), ValueError, "ids must be from 0 to 11: got 99 to 99"),
    ],
)
def test_what_is_no_text__is_named(texts, error, message):
    with pytest.raises(error, match=message):
        Tokenizer(buckets=10, length=4).prepare(texts)


def test_bad_settings__are_named():
    with pytest.raises(ValueError, match="`vocabulary` needs each word once: got 3 words, 2 of them different"):
        Tokenizer(["a", "b", "a"])
    with pytest.raises(ValueError, match="`buckets` must be a whole number of at least 1: got 0"):
        TextSim(buckets=0)


@pytest.mark.parametrize(
    "kind", [list, np.array, lambda texts: np.array(texts, object)], ids=["list", "array", "object"]
)
def test_strings_go_in_wherever_examples_do(kind):
    model = TextSim(6, buckets=200, length=8)
    model.compile()
    model.index(kind(TEXTS), y=list("abcde"), data=TEXTS)
    assert model.lookup(kind(["the red bus"]), k=1).labels.tolist() == [["b"]]
    assert model.single_lookup("two cats", k=1)[0].label == "c"
    assert model.single_lookup("", k=1)[0].label == "d"
    assert np.array_equal(model.embed(TEXTS), model.embed(model.prepare(TEXTS)))
    assert model.evaluate_retrieval(kind(TEXTS), list("abcde"), ["recall@1"]) == {"recall@1": 1.0}
    assert model.embed([]).shape == (0, 6)


def test_saved__strings_go_in_after_loading_and_after_cloning(tmp_path):
    model = TextSim(6, vocabulary=["cats"], buckets=200, length=8, pieces=(3,))
    model.save(tmp_path / "text.keras")
    again = keras.saving.load_model(tmp_path / "text.keras")
    assert type(again) is RawSimilarityModel
    assert np.array_equal(again.embed(TEXTS), model.embed(TEXTS))
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    assert np.array_equal(clone.embed(TEXTS), model.embed(TEXTS))


@pytest.mark.slow
def test_trains_on_ids_from_a_sampler():
    keras.utils.set_random_seed(0)
    model = TextSim(6, buckets=200, length=8)
    model.compile("adam", loss=SupConLoss())
    sampler = MultiShotMemorySampler(model.prepare(TEXTS[:4]), list("aabb"), 2, 2, seed=0)
    before = model.embed(TEXTS)
    assert np.isfinite(model.fit(sampler, verbose=0).history["loss"]).all()
    assert (model.embed(TEXTS) != before).any()


def test_entries_of_the_vocabulary_are_lowercased_as_texts_are():
    assert Tokenizer(["Cat"], length=2).prepare(["Cat", "cat"]).tolist() == [[2, 0], [2, 0]]
    kept = Tokenizer(["Cat"], length=2, lowercase=False)
    assert kept.vocabulary == ("Cat",)
    assert kept.prepare(["Cat", "cat"])[:, 0].tolist()[0] == 2 != kept.prepare(["cat"])[0, 0]
    with pytest.raises(ValueError, match="capitals aside"):
        Tokenizer(["Cat", "cat"])


@pytest.mark.parametrize("entry", ["ice cream", "", " cat", "don't", "İ", 5])
def test_entries_that_are_not_one_word__are_an_error(entry):
    with pytest.raises(ValueError, match="`vocabulary` needs single words"):
        Tokenizer(["a", entry])
