"""The demo, step by step: train, index, add unseen classes, look up, evaluate, draw, save, load elsewhere."""

import math
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from keras_similarity.cli.demo.data import load_images
from keras_similarity.cli.demo.task import (
    NOISE,
    ROTATION,
    SHIFT,
    build_model,
    distort,
    frame,
    make_sampler,
    split_classes,
)
from keras_similarity.cli.demo.verify import lookup_in_fresh_process
from keras_similarity.cli.progress import progress_bar
from keras_similarity.errors import KerasSimilarityError
from keras_similarity.evaluate import evaluate_retrieval
from keras_similarity.index import Index
from keras_similarity.models import SimilarityModel
from keras_similarity.visualization import viz_neighbors_grid

__all__ = ["run_demo"]

TRAINING_STEPS = 480
METRICS = ("recall@1", "recall@5", "map@r")
PICTURED = 6  # queries in the picture, half of them of unseen classes
NEIGHBORS = 5

Scores = dict[tuple[str, str], dict[str, float]]


def run_demo(data: str, *, out: Path, seed: int, told_on_stderr: bool = False) -> Scores:
    """Run the whole journey and print what came of it; on stderr where stdout is for something else.

    Returns:
        `(classes, representation) -> scores`, as printed.

    Raises:
        KerasSimilarityError: a fresh process finds other neighbours in the saved model.
    """
    started = time.process_time()
    console = Console(stderr=told_on_stderr)
    images, labels, what = load_images(data, seed=seed)
    images = frame(images)
    label_array = np.array(labels)
    split = split_classes(labels, seed=seed)
    queries = distort(images, np.random.default_rng((seed, 1)))  # of every image; only the queries' are used
    console.print(f"Data: {what}, {keras.backend.backend()} backend.")
    console.print(
        f"Task: queries are turned by up to {ROTATION:.0f}°, shifted by up to {SHIFT:.0%} of their side and noisy "
        f"(σ {NOISE}); the gallery is clean.\nHeld back from training: {_names(split.classes['unseen'])}."
    )
    model = _trained(images, labels, split.gallery["seen"], seed)
    pixels = Index(images[0].size, "euclidean")
    for group in ("seen", "unseen"):  # the unseen classes join without retraining
        rows = split.gallery[group]
        model.index(images[rows], label_array[rows], data=images[rows])
        pixels.add(images[rows].reshape(len(rows), -1), label_array[rows])
    scores: Scores = {}
    for group, rows in split.queries.items():
        true = label_array[rows]
        flat = queries[rows].reshape(len(rows), -1)
        scores[group, "raw pixels"] = evaluate_retrieval(pixels, flat, true, METRICS)
        scores[group, "model"] = model.evaluate_retrieval(queries[rows], true, METRICS)
    counts = {group: (len(rows), len(split.gallery[group])) for group, rows in split.queries.items()}
    console.print(_table(scores, counts, model.index_size()))
    out.mkdir(parents=True, exist_ok=True)
    pictured = np.concatenate([_spread(rows, PICTURED // 2) for rows in split.queries.values()])
    names = {label: f"{label} (unseen)" for label in split.classes["unseen"]}
    _draw(model, queries[pictured], [labels[row] for row in pictured], names, out / "neighbors.png")
    _prove_save(model, queries[pictured], out / "model.keras")
    console.print(
        f"Wrote {out / 'neighbors.png'} and {out / 'model.keras'}; a fresh process that loaded the model found the "
        f"same neighbours.\nCPU time: {time.process_time() - started:.0f} s, imports and the fresh process apart."
    )
    return scores


def _trained(images: NDArray[np.float32], labels: list[Any], rows: NDArray[np.int64], seed: int) -> SimilarityModel:
    """Train on the gallery of the seen classes alone."""
    seen = [labels[row] for row in rows]
    model = build_model(images.shape[1:], seed=seed)
    sampler = make_sampler(images[rows], seen, seed=seed, classes=len(set(seen)))
    epochs = math.ceil(TRAINING_STEPS / len(sampler))
    with progress_bar("training", epochs * len(sampler)) as advance:
        report = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: advance(1))
        model.fit(sampler, epochs=epochs, verbose=0, callbacks=[report])  # pyright: ignore[reportArgumentType]  Keras takes 0
    return model


def _table(scores: Scores, counts: dict[str, tuple[int, int]], gallery: int) -> Table:
    table = Table(title=f"Each query against all {gallery} indexed images")
    for column in ("classes", "queries", "indexed", "embedding"):
        table.add_column(column)
    for metric in METRICS:
        table.add_column({"map@r": "MAP@R"}.get(metric, metric), justify="right")
    for (group, kind), values in scores.items():
        sizes = [f"{size:,}" for size in counts[group]]
        style = "bold" if kind == "model" else ""
        table.add_row(group, *sizes, kind, *(f"{values[metric]:.3f}" for metric in METRICS), style=style)
    return table


def _spread(rows: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Choose rows evenly: they are sorted by class, so several classes are among them."""
    return rows[np.linspace(0, len(rows) - 1, count + 2).astype(int)[1:-1]]


def _draw(
    model: SimilarityModel, queries: NDArray[np.float32], labels: list[Any], names: dict[Any, str], path: Path
) -> None:
    result = model.lookup(queries, k=NEIGHBORS)
    viz_neighbors_grid(queries, labels, result, class_mapping=names, show=False).savefig(path, dpi=110)


def _prove_save(model: SimilarityModel, queries: NDArray[np.float32], path: Path) -> None:
    """Save, load in a fresh process, look the same queries up there, and compare."""
    model.save(path)
    here = model.lookup(queries, k=NEIGHBORS)
    ids, distances = lookup_in_fresh_process(path, queries, k=NEIGHBORS)
    if not np.array_equal(ids, here.ids) or not np.allclose(distances, here.distances, atol=1e-5):
        raise KerasSimilarityError(
            f"a fresh process that loaded {path} found other neighbours: {ids.tolist()}, and not {here.ids.tolist()}.\n"
            "  It is a bug: report it with what `keras-similarity doctor` says."
        )


def _names(classes: list[Any]) -> str:
    return ", ".join(str(name) for name in classes)
