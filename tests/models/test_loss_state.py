"""What losses remember, as the model's own: replaced with the loss, and named after outputs that exist."""

import keras
import numpy as np
import pytest

from keras_similarity import losses
from keras_similarity.layers import MetricEmbedding
from keras_similarity.models import SimilarityModel


@pytest.fixture
def model():
    inputs = keras.Input((6,))
    left, right = MetricEmbedding(4, name="left")(inputs), MetricEmbedding(3, name="right")(inputs)
    return SimilarityModel(inputs, {"left": left, "right": right})


def memory(size=8):
    return losses.CrossBatchMemory(losses.SupConLoss(), size)


def test_each_output_has_a_memory_of_its_own_width(model):
    for loss in ({"left": memory(), "right": memory()}, [memory(), memory()]):
        model.compile("sgd", loss=loss, embedding_output="left")
        found = list(loss.values()) if isinstance(loss, dict) else loss
        assert [part.state.embeddings.shape[1] for part in found] == [4, 3]


def test_compile_again__lets_go_of_the_old_state(rng):
    """Old queues stayed among the weights, and old parts in the logs."""
    x, y = rng.normal(size=(8, 6)).astype(np.float32), np.arange(8, dtype="int32") % 2
    inputs = keras.Input((6,))
    model = SimilarityModel(inputs, MetricEmbedding(4)(inputs))
    bare = len(model.weights)
    model.compile("sgd", loss=losses.WeightedSum({"old": memory(), "pairs": losses.SupConLoss()}))
    model.compile("sgd", loss=losses.WeightedSum({"new": memory(), "pairs": losses.SupConLoss()}))
    assert len(model.weights) == bare + 4
    assert set(model.evaluate(x, y, verbose=0, return_dict=True)) == {"loss", "new", "pairs"}
    model.compile("sgd", loss=losses.SupConLoss())
    assert len(model.weights) == bare
    assert set(model.evaluate(x, y, verbose=0, return_dict=True)) == {"loss"}


def test_a_memory_for_no_output__is_named(model):
    with pytest.raises(ValueError, match="`loss` must be one of 'left', 'right': got 'rigth'"):
        model.compile("sgd", loss={"left": memory(), "rigth": memory()}, embedding_output="left")
