"""`keras-similarity demo`: the whole journey on real data, and whether it was worth it."""

import os
from pathlib import Path
from typing import Annotated

import typer

from keras_similarity.cli.options import AsJson
from keras_similarity.cli.output import show_rows

__all__ = ["demo"]


def demo(
    data: Annotated[
        str,
        typer.Option(help="digits (ships with scikit-learn), mnist, fashion_mnist, or a folder of images."),
    ] = "digits",
    backend: Annotated[str | None, typer.Option(help="jax, tensorflow or torch; default: what is installed.")] = None,
    out: Annotated[Path, typer.Option(help="Where neighbors.png and model.keras are written.")] = Path("demo-output"),
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Train on some classes, index the others too, look up, evaluate.

    Some classes are held back from training and added to the index afterwards, without retraining. Prints a table
    of the model beside raw pixels.

    Example: keras-similarity demo --seed 3
    """
    if backend is not None:
        os.environ["KERAS_BACKEND"] = backend
    from keras_similarity.backend import require_backend, set_backend

    set_backend()
    require_backend()
    from keras_similarity.cli.demo.run import run_demo

    scores = run_demo(data, out=out, seed=seed, told_on_stderr=as_json)
    if as_json:
        rows = [{"classes": classes, "embedding": kind} | values for (classes, kind), values in scores.items()]
        show_rows(rows, as_json=True)
