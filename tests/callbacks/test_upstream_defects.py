"""What TensorFlow Similarity's EvalCallback got wrong, each shown to be right here."""

import keras
import numpy as np
import pytest

from keras_similarity.callbacks import RetrievalEval
from keras_similarity.models import SimilarityModel

X = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]], np.float32)
Y = ["cat", "cat", "dog", "dog"]


@pytest.fixture
def model():
    inputs = keras.Input((2,))
    model = SimilarityModel(inputs, keras.layers.Identity()(inputs))
    model.compile(distance="cosine")
    model.index(X[:3], Y[:3])
    return model


def logs_of(model, callback):
    callback.set_model(model)
    logs = {}
    callback.on_epoch_end(0, logs)
    return logs


def test_the_users_index_and_calibration_were_destroyed(model):
    calibration = model.calibrate(X, [*Y[:3], "owl"])
    logs_of(model, RetrievalEval(X, Y, X[::-1], Y[::-1]))
    assert model.index_size() == 3
    assert model.calibration is calibration


def test_its_distance_was_not_used(model):
    x, y = np.array([[4.0, 0.1], [0.5, 0.5], [9.0, 9.0]], np.float32), ["a", "a", "b"]
    query = np.array([[3.0, 3.0]], np.float32)  # near the second, along the third

    def score(distance):
        return logs_of(model, RetrievalEval(query, ["a"], x[1:], y[1:], ["recall@1"], distance=distance))[
            "val_recall@1"
        ]

    assert score("euclidean") == 1
    assert score("inner_product") == 0


def test_a_metric_deeper_than_the_callbacks_k_raised_after_the_first_epoch(model):
    logs = logs_of(model, RetrievalEval(X, Y, metrics=["recall@3", "map@50"], k=1))
    assert logs == {"val_recall@3": 1.0, "val_map@50": 1.0}


@pytest.mark.parametrize(("known", "empty"), [(["cat", "dog"], "unknown"), (["owl"], "known")])
def test_no_query_of_known_or_of_unknown_classes_crashed(model, known, empty):
    logs = logs_of(model, RetrievalEval(X, Y, metrics=["recall@1"], known_classes=known))
    assert np.isnan(logs.pop(f"val_recall@1_{empty}"))
    assert set(logs.values()) == {1.0}


def test_one_example_in_a_group_lost_its_batch_axis(model):
    logs = logs_of(model, RetrievalEval(X[:3], Y[:3], X, Y, ["recall@1"], known_classes=["cat"]))
    assert logs["val_recall@1_unknown"] == 1.0


def test_only_arrays_were_taken(model):
    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 2

        def __getitem__(self, position):
            part = slice(2 * position, 2 * position + 2)
            return X[part], Y[part]

    by_arrays = logs_of(model, RetrievalEval(X, Y))
    for source in (Batches(), [(X[:3], Y[:3]), (X[3:], Y[3:])]):
        assert logs_of(model, RetrievalEval(source)) == by_arrays
