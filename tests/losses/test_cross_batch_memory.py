"""The queue of past batches: what enters, what leaves, when it is used, and who owns it."""

import keras
import numpy as np
import pytest
from keras import ops

from gradients import value_and_gradient
from keras_similarity import losses
from keras_similarity.layers import MetricEmbedding
from keras_similarity.models import SimilarityModel


def numbers(variable):
    return ops.convert_to_numpy(ops.convert_to_tensor(variable))


def queue_of(memory_size, batches, warmup_steps=0):
    """A queue of embeddings of one number, each of the class ten times that number."""
    state = losses.CrossBatchMemory(losses.SupConLoss(), memory_size, warmup_steps, embedding_size=1).state
    for batch in batches:
        rows = np.array(batch, np.float32)[:, None]
        state.push(ops.convert_to_tensor(rows), ops.convert_to_tensor(10 * np.array(batch, np.int32)))
    return state


@pytest.mark.parametrize(
    ("size", "batches"),
    [
        (5, [[1, 2], [3, 4], [5, 6], [7, 8]]),
        (3, [[1, 2, 3, 4, 5], [6, 7, 8, 9]]),
        (4, [[1, 2, 3, 4], [5, 6, 7, 8]]),
        (6, [[1, 2], [3, 4, 5], [6], [7, 8, 9, 10], *[[n, n + 1, n + 2] for n in range(11, 40, 3)]]),
        (9, [[1, 2], [3]]),
    ],
    ids=["turns", "smaller than a batch", "as large", "many turns", "not full"],
)
def test_it_keeps_the_last_rows_in_a_ring(size, batches):
    state = queue_of(size, batches)
    everything = [value for batch in batches for value in batch]
    embeddings, codes, present = (numbers(part) for part in state.contents())
    assert sorted(embeddings[present][:, 0]) == sorted(everything[-size:])
    assert (codes[present] == 10 * embeddings[present][:, 0]).all()
    assert numbers(state.written) < 2 * size


def test_warm_up_steps_are_not_kept():
    state = queue_of(6, [[1, 2], [3, 4], [5, 6]], warmup_steps=2)
    embeddings, _, present = (numbers(part) for part in state.contents())
    assert sorted(embeddings[present][:, 0]) == [5, 6]


@pytest.mark.slow
def test_gradients_flow_within_the_batch_and_not_into_the_past(rng):
    x, past = (rng.normal(size=(4, 3)).astype(np.float32) for _ in range(2))
    memory = losses.CrossBatchMemory(losses.SupConLoss(), 4)
    memory([0, 0, 1, 2], ops.convert_to_tensor(past))
    memory.training = False
    alone = value_and_gradient(lambda e: memory([0, 0, 1, 2], e), x)
    plain = value_and_gradient(lambda e: losses.SupConLoss()([0, 0, 1, 2], e), x)
    assert alone[0] == pytest.approx(plain[0])
    np.testing.assert_allclose(alone[1], plain[1], rtol=1e-5)
    both = np.concatenate([x, past])

    def with_past(e):
        values = losses.SupConLoss(reduction="none")([0, 0, 1, 2] * 2, ops.concatenate([e, past]))
        return ops.mean(values[:4])

    memory.training = True
    found = value_and_gradient(lambda e: memory([0, 0, 1, 2], e), x)
    expected = value_and_gradient(with_past, x)
    assert len(both) == 8
    assert found[0] == pytest.approx(expected[0], rel=1e-5)
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-4, atol=1e-6)


@pytest.fixture
def compiled(rng):
    keras.utils.set_random_seed(1)
    inputs = keras.Input((6,))
    model = SimilarityModel(inputs, MetricEmbedding(4)(inputs))
    model.compile("adam", loss=losses.CrossBatchMemory(losses.PNLoss(), 20, warmup_steps=1))
    x, y = rng.normal(size=(32, 6)).astype(np.float32), np.arange(32, dtype="int32") % 8
    return model, x, y


def state_of(model):
    return [numbers(variable) for variable in model.loss.state.weights]


@pytest.mark.slow
def test_fit_fills_it__evaluate_and_validation_leave_it_alone(compiled):
    """Upstream's queue took the validation batches too."""
    model, x, y = compiled
    model.fit(x, y, batch_size=8, verbose=0, shuffle=False, validation_data=(x[:8] + 9, y[:8]))
    assert model.loss.state.contents()[2].shape == (20,)
    embeddings, codes, _, written = state_of(model)
    assert written == 24  # three of four batches, the first being warm-up
    assert sorted(codes.tolist()) == sorted((y[8:].tolist() * 1)[-20:])
    assert np.allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-5)
    before = state_of(model)
    model.evaluate(x, y, verbose=0)
    assert all(np.array_equal(one, other) for one, other in zip(before, state_of(model), strict=True))


@pytest.mark.slow
def test_it_is_saved_with_the_model_and_goes_on(compiled, tmp_path):
    model, x, y = compiled
    model.fit(x, y, batch_size=8, verbose=0)
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    assert all(np.array_equal(one, other) for one, other in zip(state_of(model), state_of(again), strict=True))
    again.fit(x, y, batch_size=8, verbose=0)
    assert not np.array_equal(state_of(again)[0], state_of(model)[0])


def test_reset_forgets_everything():
    state = queue_of(4, [[1, 2], [3, 4]])
    state.reset()
    assert not numbers(state.contents()[2]).any()


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="torch traces nothing: it works in any model there")
def test_compiled_in_a_plain_keras_model__says_who_can_own_it(rng):
    inputs = keras.Input((6,))
    model = keras.Model(inputs, keras.layers.Dense(4)(inputs))
    model.compile("sgd", loss=losses.CrossBatchMemory(losses.SupConLoss(), 8))
    with pytest.raises(RuntimeError, match="Compile it in a `SimilarityModel`"):
        model.fit(rng.normal(size=(8, 6)).astype(np.float32), np.arange(8) % 4, verbose=0)


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="works in such a model on torch alone")
def test_in_a_plain_keras_model_on_torch__evaluate_leaves_it_alone(rng):
    x, y = rng.normal(size=(8, 6)).astype(np.float32), np.arange(8) % 4
    inputs = keras.Input((6,))
    model = keras.Model(inputs, keras.layers.Dense(4)(inputs))
    model.compile("sgd", loss=losses.CrossBatchMemory(losses.SupConLoss(), 20))
    model.fit(x, y, verbose=0)
    filled = state_of(model)
    assert filled[-1] == 8
    loss = model.evaluate(x, y, verbose=0)
    assert loss == pytest.approx(float(losses.SupConLoss()(y, model.predict(x, verbose=0))), rel=1e-5)
    assert all(np.array_equal(one, other) for one, other in zip(filled, state_of(model), strict=True))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: losses.CrossBatchMemory(losses.SupConLoss(), 0),
            ValueError,
            "`memory_size` must be .* at least 1: got 0",
        ),
        (lambda: losses.CrossBatchMemory(losses.SupConLoss(), 4, -1), ValueError, "`warmup_steps` must be .* got -1"),
        (lambda: losses.CrossBatchMemory("triplet", 4), TypeError, "`loss` must be a tuple loss.*: got str"),
        (
            lambda: losses.CrossBatchMemory(losses.CrossBatchMemory(losses.SupConLoss(), 4), 4),
            TypeError,
            "`loss` must be a tuple loss",
        ),
        (
            lambda: losses.MatryoshkaLoss(losses.CrossBatchMemory(losses.SupConLoss(), 4), [2]),
            TypeError,
            "A memory goes around it",
        ),
    ],
)
def test_bad_settings__are_named(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_another_width__is_refused():
    memory = losses.CrossBatchMemory(losses.SupConLoss(), 4, embedding_size=3)
    with pytest.raises(ValueError, match="the memory holds embeddings of 3 numbers: got 2"):
        memory([0, 1], ops.ones((2, 2)))
