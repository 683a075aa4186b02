"""A distance of one's own: known everywhere by its name, and found again after saving."""

import importlib.util

import numpy as np
import pytest

from keras_similarity.core import Distance, distance_names, get_distance, register_distance
from keras_similarity.index import Index

NEEDS_KERAS = importlib.util.find_spec("keras") is None


@pytest.fixture(autouse=True)
def chebyshev(monkeypatch):
    from keras_similarity.core import distances

    monkeypatch.setattr(distances, "_BY_NAME", dict(distances._BY_NAME))

    def tensor(a, b):
        from keras import ops

        return ops.max(ops.abs(a - b), axis=-1)

    distance = Distance(
        "Largest gap", (0.0, float("inf")), lambda a, b: np.abs(a - b).max(axis=-1), aliases=("linf",), tensor=tensor
    )
    return register_distance(distance)


def test_it_is_found_by_name_and_alias(chebyshev):
    assert get_distance("largest gap") is chebyshev
    assert get_distance("LINF") is chebyshev
    assert "Largest gap" in distance_names()


def test_an_index_keeps_it(tmp_path):
    index = Index(2, "linf")
    index.add([[0, 0], [3, 4], [5, 1]])
    assert index.search([[0, 0]], k=3).distances.tolist() == [[0, 4, 5]]
    index.save(tmp_path / "index")
    assert Index.open(tmp_path / "index").search([[0, 0]], k=3).distances.tolist() == [[0, 4, 5]]


@pytest.mark.slow
@pytest.mark.training
@pytest.mark.skipif(NEEDS_KERAS, reason="losses need Keras")
def test_losses_use_it_and_survive_saving():
    import keras

    from keras_similarity import losses

    x, labels = np.array([[0, 0], [3, 4], [5, 1], [4, 4]], np.float32), [0, 0, 1, 1]
    loss = losses.TripletLoss("linf", margin=0.5)
    # d(0, 1) = 4, d(2, 3) = 3; nearest farther negatives: 0 → 2 at 5 (else 3 at 4), 1 → 0 none farther than 4: farthest
    expected = [max(0, 4 - 5 + 0.5), max(0, 4 - 3 + 0.5), max(0, 3 - 5 + 0.5), max(0, 3 - 4 + 0.5)]
    assert float(loss(labels, x)) == pytest.approx(np.mean(expected))
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert float(again(labels, x)) == pytest.approx(np.mean(expected))
    assert float(losses.TripletLoss("linf", "all", "all", 0.5)(labels, x)) > 0


@pytest.mark.training
@pytest.mark.skipif(NEEDS_KERAS, reason="losses need Keras")
def test_a_loss_says_what_is_missing_without_a_tensor_form():
    from keras_similarity import losses

    register_distance(Distance("numpy only", (0.0, 1.0), lambda a, b: np.abs(a - b).max(axis=-1)))
    with pytest.raises(ValueError, match="'numpy only' has none"):
        losses.TripletLoss("numpy only")([0, 0, 1], np.eye(3, dtype="float32"))


def test_an_unknown_name__says_how_to_make_it_known():
    with pytest.raises(ValueError, match="`register_distance` makes your own known"):
        get_distance("hamming")


def test_the_packages_own_names__are_taken():
    with pytest.raises(ValueError, match="'l2' is one of this package's"):
        register_distance(Distance("mine", (0.0, 1.0), lambda a, b: a, aliases=("L2",)))
