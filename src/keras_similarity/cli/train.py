"""`keras-similarity train`: a folder of images → an embedding model."""

import itertools
import math
from pathlib import Path
from typing import Annotated, Any

import typer

from keras_similarity.cli.options import PHOTO_PIXELS, AsJson, ImagePixels
from keras_similarity.cli.output import say, show_values
from keras_similarity.cli.progress import progress_bar

__all__ = ["train"]

EMBEDDING_SIZE = 64
EXAMPLES_PER_CLASS = 8


def train(
    data: Annotated[Path, typer.Argument(help="Folder with a subfolder of images per class.")],
    out: Annotated[Path, typer.Option(help="The model to write.")] = Path("model.keras"),
    size: Annotated[int, typer.Option(help="Pixels a side that images are scaled to.", min=8, max=1024)] = 64,
    steps: Annotated[int, typer.Option(help="Batches to train on.", min=1)] = 500,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
    image_pixels: ImagePixels = PHOTO_PIXELS,
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

    _check_target(out)
    require_backend()
    paths, labels = find_images(data)
    classes = len(set(labels))
    if classes < 2:
        raise ValueError(f"training needs images of at least 2 classes: {data} has {classes}.\n  Add a subfolder.")
    images = read_images(paths, (size, size, 3), most_pixels=image_pixels).astype(np.float32)
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


def _check_target(out: Path) -> None:
    """Raise, before hours of training, where Keras could not write the model after them.

    Raises:
        ValueError: another ending than .keras.
        FileNotFoundError: no folder is there.
        IsADirectoryError: a folder has this name.
    """
    if out.suffix != ".keras":
        raise ValueError(f"`--out` must end in .keras: got {out}.\n  Pass --out {out.with_suffix('.keras')}")
    if not out.absolute().parent.is_dir():
        raise FileNotFoundError(f"no folder is at {out.absolute().parent}.\n  Make it, or check --out.")
    if out.is_dir():
        raise IsADirectoryError(f"{out} is a folder.\n  Pass another name to --out.")


def _small_encoder(size: int, seed: int) -> Any:
    """A convolutional encoder that takes pixels of 0–255."""
    import keras
    from keras import layers

    from keras_similarity.layers import MetricEmbedding
    from keras_similarity.losses import MultiSimilarityLoss
    from keras_similarity.models import SimilarityModel

    # A seed a layer: Keras's own function for all of them imports TensorFlow where it is installed: seconds.
    numbers = itertools.count(1000 * seed)

    def start() -> Any:
        return keras.initializers.GlorotUniform(seed=next(numbers))

    inputs = keras.Input((size, size, 3))
    x = layers.Rescaling(1 / 255)(inputs)
    for filters in (32, 64, 64, 128):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False, kernel_initializer=start())(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
        if x.shape[1] > 4:
            x = layers.MaxPooling2D()(x)
    embedding = MetricEmbedding(EMBEDDING_SIZE, kernel_initializer=start())(layers.Flatten()(x))
    model = SimilarityModel(inputs, embedding)
    model.compile(keras.optimizers.Adam(1e-3), loss=MultiSimilarityLoss())
    return model
