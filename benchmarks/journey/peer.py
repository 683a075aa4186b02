"""The same journey with TensorFlow Similarity 0.17.1, in its own environment; prints one JSON object."""

import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from journey.seed_model import BATCH, mnist, seed_layers
from measure import cpu_seconds, median_cpu_ms, versions

STEPS = 60


def main():
    images, labels = mnist()
    import tensorflow as tf

    from tensorflow_similarity.layers import MetricEmbedding
    from tensorflow_similarity.losses import MultiSimilarityLoss
    from tensorflow_similarity.models import SimilarityModel
    from tensorflow_similarity.samplers import MultiShotMemorySampler

    model = SimilarityModel(*seed_layers(tf.keras.layers, MetricEmbedding))
    model.compile("adam", loss=MultiSimilarityLoss())
    classes, examples = BATCH
    sampler = MultiShotMemorySampler(
        images, labels, classes_per_batch=classes, examples_per_class_per_batch=examples, steps_per_epoch=STEPS
    )
    model.fit(sampler, epochs=1, verbose=0)
    fit = sorted(cpu_seconds(lambda: model.fit(sampler, epochs=1, verbose=0))[0] for _ in range(3))[1]
    index, _ = cpu_seconds(lambda: model.index(images, labels, data=images, verbose=0))
    lookup = median_cpu_ms(lambda: model.single_lookup(images[7]), repeat=40)
    with tempfile.TemporaryDirectory() as folder:
        save, _ = cpu_seconds(lambda: model.save(folder, save_index=True))
        bare_save, _ = cpu_seconds(lambda: model.save(folder, save_index=False))

        def load():
            tf.keras.models.load_model(folder, custom_objects={"SimilarityModel": SimilarityModel}).load_index(folder)

        model.save(folder, save_index=True)
        loading, _ = cpu_seconds(load)
        bare_load, _ = cpu_seconds(lambda: tf.keras.models.load_model(folder))
    sys.stdout.write(
        json.dumps(
            {
                "versions": versions("tensorflow-similarity", "tensorflow-cpu", "numpy"),
                "fit_cpu_ms_per_step": 1000 * fit / STEPS,
                "index_cpu_s": index,
                "lookup_cpu_ms": lookup,
                "save_load_cpu_s": {
                    "ours": {"save": save, "load": loading},
                    "bare": {"save": bare_save, "load": bare_load},
                },
            }
        )
    )


if __name__ == "__main__":
    main()
