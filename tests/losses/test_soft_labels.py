"""Labels that are rows of chances, in a training that is compiled."""

import numpy as np
import pytest

keras = pytest.importorskip("keras")
pytestmark = pytest.mark.training

import keras_similarity as ks  # noqa: E402  after the skip


def test_fit__rows_of_chances__is_finite_and_learns(rng):
    chances = rng.dirichlet(np.full(3, 0.3), 32).astype(np.float32)
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), ks.layers.MetricEmbedding(4)])
    model.compile(keras.optimizers.Adam(0.02), loss=ks.losses.InstanceDiscriminationLoss())
    losses = model.fit(chances, chances, batch_size=16, epochs=8, verbose=0).history["loss"]
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0]
