"""`keras-similarity train`: a folder of images → an embedding model."""

import math
from pathlib import Path
from typing import Annotated, Any

import typer

from keras_similarity.cli.options import AsJson
from keras_similarity.cli.output import progress_bar, say, show_values

__all__ = ["train"]

EMBEDDING_SIZE = 64
EXAMPLES_PER_CLASS = 8


def train(
    data: Annotated[Path, typer.Argument(help="Folder with a subfolder of images per class.")],
    out: Annotated[Path, typer.Option(help="The model to write.")] = Path("model.keras"),
    size: Annotated[int, typer.Option(help="Pixels a side that images are scaled to.", min=8, max=1024)] = 64,
    steps: Annotated[int, typer.Option(help="Batches to train on.", min=1)] = 500,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Train an embedding in which images of one class lie close together.

    Interrupted, it goes on from its last epoch when it is started again.

    Example: keras-similarity train images/ --out model.keras
    """
    import keras
    import numpy as np

    from keras_similarity.backend import require_backend
    from keras_similarity.cli.image_folder import find_images
    from keras_similarity.cli.resuming import Resumable
    from keras_similarity.embed.images import read_images
    from keras_similarity.samplers import MultiShotMemorySampler

    require_backend()
    paths, labels = find_images(data)
    classes = len(set(labels))
    if classes < 2:
        raise ValueError(f"training needs images of at least 2 classes: {data} has {classes}.\n  Add a subfolder.")
    images = read_images(paths, (size, size, 3)).astype(np.float32)
    say(f"{len(images):,} images of {classes} classes, {keras.backend.backend()} backend")
    model = _small_encoder(size, seed)
    sampler = MultiShotMemorySampler(
        images,
        labels,
        classes_per_batch=min(10, classes),
        examples_per_class_per_batch=EXAMPLES_PER_CLASS,
        seed=seed,
    )
    epochs = math.ceil(steps / len(sampler))
    about = {"data": str(data.resolve()), "images": len(images), "classes": classes, "size": size, "seed": seed}
    resumable = Resumable(model, Path(f"{out}.backup"), about)
    done = resumable.restore()
    sampler.resume(done)
    with progress_bar("training", epochs * len(sampler)) as advance:
        advance(done * len(sampler))
        report = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: advance(1))
        quiet: Any = 0
        history = model.fit(sampler, epochs=epochs, initial_epoch=done, verbose=quiet, callbacks=[resumable, report])
    model.save(out)
    resumable.forget()
    loss = (history.history.get("loss") or [None])[-1]
    about = {"model": str(out), "images": len(images), "classes": classes, "resumed": done, "loss": loss}
    show_values(about, as_json=as_json)


def _small_encoder(size: int, seed: int) -> Any:
    """A convolutional encoder that takes pixels of 0–255."""
    import keras
    from keras import layers

    from keras_similarity.layers import MetricEmbedding
    from keras_similarity.losses import MultiSimilarityLoss
    from keras_similarity.models import SimilarityModel

    keras.utils.set_random_seed(seed)
    inputs = keras.Input((size, size, 3))
    x = layers.Rescaling(1 / 255)(inputs)
    for filters in (32, 64, 64, 128):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
        if x.shape[1] > 4:
            x = layers.MaxPooling2D()(x)
    model = SimilarityModel(inputs, MetricEmbedding(EMBEDDING_SIZE)(layers.Flatten()(x)))
    model.compile(keras.optimizers.Adam(1e-3), loss=MultiSimilarityLoss())
    return model
