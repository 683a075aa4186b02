"""Where a callback's labelled examples may come from, and which distance it takes from the model."""

import keras
import numpy as np
import pytest

from keras_similarity.callbacks import RetrievalEval
from keras_similarity.callbacks.examples import Examples
from keras_similarity.evaluate import evaluate_embeddings
from keras_similarity.layers import ArcFace, MetricEmbedding
from keras_similarity.losses import NTXentLoss, WeightedSum
from keras_similarity.models import SimilarityModel
from keras_similarity.samplers import MultiShotMemorySampler, PairSampler, SingleShotMemorySampler, TripletSampler

X = np.random.default_rng(0).normal(size=(16, 4)).astype(np.float32)
Y = np.arange(16) % 4


def scores(loss, head=None):
    keras.utils.set_random_seed(1)
    inputs = keras.Input((4,))
    embedding = MetricEmbedding(3)(inputs)
    model = SimilarityModel(inputs, embedding if head is None else head(embedding))
    model.compile("adam", loss)
    callback = RetrievalEval(X, Y, metrics=["recall@1", "map@r"])
    callback.set_model(model)
    return callback.evaluate(), model


def test_losses_without_a_distance__mean_cosine():
    head = ArcFace(4)
    found, model = scores(WeightedSum({"a": head.loss(), "b": head.loss(name="b")}), head)
    assert found == evaluate_embeddings(model.embed(X), Y, metrics=["recall@1", "map@r"], distance="cosine").mean()


def test_the_loss_says_the_distance():
    found, model = scores(NTXentLoss(distance="euclidean"))
    assert model.loss_distance.name == "euclidean"
    assert found == evaluate_embeddings(model.embed(X), Y, metrics=["recall@1", "map@r"], distance="euclidean").mean()


@pytest.mark.parametrize(
    "sampler",
    [
        lambda: SingleShotMemorySampler(X, np.negative, 4),
        lambda: PairSampler(np.arange(16), np.arange(16) + 50, 4),
        lambda: TripletSampler(X, X + 50, X + 99, 4),
    ],
)
def test_samplers_without_labels__are_an_error(sampler):
    with pytest.raises(TypeError, match=r"`queries` must be a sampler of labelled examples: got \w+Sampler"):
        RetrievalEval(sampler())


def test_sampler_with_labels__shows_each_example_once():
    x, y = np.arange(1200).reshape(600, 2), np.arange(600) % 5
    sampler = MultiShotMemorySampler(x, y, seed=0)
    examples = Examples(sampler, None, name="queries", labels_name="query_labels")
    pieces = []
    for _ in range(2):  # after every epoch again
        rows, labels = examples.embed(lambda piece: pieces.append(len(piece)) or piece)
        assert np.array_equal(rows, x)
        assert labels == y.tolist()
    assert max(pieces) < 600  # they may be files: never all of them in memory
