"""The journey with keras-similarity on the backend that KERAS_BACKEND names; prints one JSON object."""

import json
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
import keras
from journey.seed_model import BATCH, mnist, seed_layers
from measure import cpu_seconds, interleaved_cpu_ms, versions

import keras_similarity as ks

STEPS = 20
FIT_ROUNDS = 15


def compiled_call(model):
    """The forward pass as the backend compiles it, with nothing around it: what a lookup cannot do without."""
    backend = keras.backend.backend()
    if backend == "jax":
        import jax
        import numpy as np

        forward = jax.jit(lambda trained, other, x: model.stateless_call(trained, other, x, training=False)[0])

        def call(x):
            # Keras's own predict gives the variables' memory away: they are read anew for each call.
            trained = [v.value for v in model.trainable_variables]
            return np.asarray(forward(trained, [v.value for v in model.non_trainable_variables], x))

        return call
    if backend == "tensorflow":
        import tensorflow as tf

        forward = tf.function(lambda x: model(x, training=False))
        return lambda x: forward(x).numpy()
    import torch

    def forward(x):
        with torch.no_grad():
            return model(x, training=False).numpy()

    return forward


def build(model_class):
    keras.utils.set_random_seed(0)
    model = model_class(*seed_layers(keras.layers, ks.layers.MetricEmbedding))
    model.compile("adam", loss=ks.losses.MultiSimilarityLoss())
    return model


def fit_cpu_ms_per_step(images, labels):
    """Our model and a bare `keras.Model` with the same loss and batches, in turns, after a warm-up epoch."""
    models = {"ours": build(ks.models.SimilarityModel), "bare": build(keras.Model)}
    sampler = ks.samplers.MultiShotMemorySampler(images, labels, *BATCH, steps_per_epoch=STEPS, seed=0)
    times = {name: [] for name in models}
    for round_ in range(FIT_ROUNDS + 1):
        for name, model in list(models.items())[:: 1 if round_ % 2 else -1]:
            seconds, _ = cpu_seconds(lambda model=model: model.fit(sampler, verbose=0))
            if round_:
                times[name].append(1000 * seconds / STEPS)
    return models["ours"], {name: sorted(values)[len(values) // 2] for name, values in times.items()}


def index_cpu_s(model, images, labels):
    """CPU seconds of `index()`, and of them those spent in the model's own forward passes: embedding alone."""
    forward, spent = model._forward, []

    def timed(batch):
        seconds, rows = cpu_seconds(lambda: forward(batch))
        spent.append(seconds)
        return rows

    model._forward = timed
    index, _ = cpu_seconds(lambda: model.index(images, labels, data=images))
    model._forward = forward
    return index, sum(spent)


def save_and_load(model, images):
    """CPU seconds to save and load the model with its index, and the bare Keras model of the same weights."""
    bare = keras.Model(model.inputs, model.outputs)
    bare.compile("adam", loss=ks.losses.MultiSimilarityLoss())
    times = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, subject in (("ours", model), ("bare", bare)):
            path = Path(folder, f"{name}.keras")
            saves, loads = [], []
            for _ in range(5):
                saves.append(cpu_seconds(lambda path=path, subject=subject: subject.save(path))[0])
                seconds, loaded = cpu_seconds(lambda path=path: keras.saving.load_model(path))
                loads.append(seconds)
            times[name] = {"save": sorted(saves)[2], "load": sorted(loads)[2]}
        loaded = keras.saving.load_model(Path(folder, "ours.keras"))
        assert loaded.index_size() == len(images)
    return times


def main():
    images, labels = mnist()
    model, fit = fit_cpu_ms_per_step(images, labels)
    model.embed(images[:512])
    index, embedding = index_cpu_s(model, images, labels)
    call = compiled_call(model)
    if keras.backend.backend() == "torch":
        import torch

        torch.set_num_threads(1)  # two that wait for each other burn CPU time, which neither call needs
    query = images[7]
    lookup = interleaved_cpu_ms(
        {"single_lookup": lambda: model.single_lookup(query), "compiled_call": lambda: call(query[None])}, repeat=400
    )
    started = time.process_time()
    right = sum(model.single_lookup(images[row])[1].label == labels[row] for row in range(0, 1000, 10))
    sys.stdout.write(
        json.dumps(
            {
                "backend": keras.backend.backend(),
                "versions": versions("keras", "jax", "tensorflow-cpu", "torch", "numpy"),
                "fit_cpu_ms_per_step": fit,
                "embedding_cpu_s": embedding,
                "index_cpu_s": index,
                "lookup_cpu_ms": lookup,
                "second_neighbour_right": right / 100,
                "varied_lookup_cpu_ms": 10 * (time.process_time() - started),
                "save_load_cpu_s": save_and_load(model, images),
            }
        )
    )


if __name__ == "__main__":
    main()
