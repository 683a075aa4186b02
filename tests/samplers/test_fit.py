"""What `fit` is shown: every epoch once and whole, whatever the workers; and the rest of it after `resume`."""

import keras
import numpy as np
import pytest

from keras_similarity.samplers import MultiShotMemorySampler

pytestmark = pytest.mark.training  # each backend has a trainer of its own
STEPS = 5


def load(number):
    """An example whose value says which one it is; at the top of a module, so that a process can find it."""
    return np.full(2, number, np.float32)


class Watched(MultiShotMemorySampler):
    """Notes what is asked of it."""

    def __getitem__(self, index):
        self.asked.append((self.epoch, index + self._first_step))
        return super().__getitem__(index)


def model():
    built = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    built.compile("sgd", "mse")
    return built


def sampler(**arguments):
    made = Watched(range(20), list("abcd") * 5, 2, 2, seed=3, load_example_fn=load, **arguments)
    made.asked = []
    return made


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_fit__trains_on_epochs_0_1_2_each_batch_once(workers):
    data = sampler(workers=workers, steps_per_epoch=STEPS)
    model().fit(data, epochs=3, verbose=0)
    assert data.epoch == 3
    data.asked.clear()
    model().fit(data, initial_epoch=0, epochs=1, verbose=0)
    assert data.epoch == 4, "a second fit goes on where the first one ended"
    assert {(3, step) for step in range(STEPS)} <= set(data.asked)


def test_resume__shows_the_rest_of_that_epoch_and_then_whole_ones():
    whole, rest = sampler(steps_per_epoch=STEPS), sampler(steps_per_epoch=STEPS)
    whole.epoch = 2
    rest.resume(epoch=2, step=3)
    assert len(rest) == 2
    for index in range(2):
        assert np.array_equal(rest[index][0], whole[index + 3][0])
    rest.asked.clear()
    model().fit(rest, epochs=1, verbose=0)
    assert {(2, 3), (2, 4)} <= set(rest.asked)
    assert (rest.epoch, len(rest)) == (3, STEPS)


@pytest.mark.parametrize(("epoch", "step", "name"), [(-1, 0, "epoch"), (0, -1, "step"), (0, STEPS, "step")])
def test_resume__out_of_range__names_the_argument(epoch, step, name):
    with pytest.raises(ValueError, match=f"`{name}` must be"):
        sampler(steps_per_epoch=STEPS).resume(epoch, step)


@pytest.mark.parametrize(
    ("workers", "processes"), [(0, False), (2, False), pytest.param(2, True, marks=pytest.mark.slow)]
)
def test_a_batch_is_the_same_with_any_workers(workers, processes):
    one = MultiShotMemorySampler(range(20), list("abcd") * 5, 2, 3, seed=3, load_example_fn=load)
    other = MultiShotMemorySampler(
        range(20), list("abcd") * 5, 2, 3, seed=3, load_example_fn=load, workers=workers, use_multiprocessing=processes
    )
    for index in (3, 0, 2):
        for ours, theirs in zip(one[index], other[index], strict=True):
            assert np.array_equal(ours, theirs)
