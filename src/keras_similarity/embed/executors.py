"""Who makes the shards of a bulk embedding: this process, or the workers of a Ray cluster."""

import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from keras_similarity.core.extras import import_extra
from keras_similarity.embed.encoder import Encoder
from keras_similarity.embed.model_files import open_model
from keras_similarity.embed.parquet import VectorBatch
from keras_similarity.embed.shards import Job, Shard, write_shard
from keras_similarity.embed.sources import Source
from keras_similarity.errors import ImageTooLargeError, ModelFileError, UnsupportedImageError

__all__ = ["EXECUTORS", "ShardWriter"]

ENVIRONMENT = ("KERAS_BACKEND", "PYTHONPATH", "OMP_NUM_THREADS")
# Errors of rows, which arrive as they would in one process; of another one, the first of these that it is a kind of.
HANDED_ON: dict[str, type[Exception]] = {
    kind.__name__: kind
    for kind in (UnsupportedImageError, ImageTooLargeError, ModelFileError, FileNotFoundError, OSError, ValueError)
}


@dataclass(slots=True)
class ShardWriter:
    """Makes one shard: reads its rows, embeds and writes them. Workers get a copy, and open the model once each.

    Args:
        folder: Where shards go; every worker must see it.
        job: What is embedded.
        source: The rows.
        model: What `open_model` takes; pickled to the workers.
        batch_size: Rows embedded at a time.
    """

    folder: Path
    job: Job
    source: Source
    model: Any
    batch_size: int

    def __call__(self, number: int, encoder: Encoder) -> Shard:
        """Make the shard, and return what the manifest says of it."""
        items = self.source.read(*self.job.span(number), encoder)
        vectors = encoder(items.inputs, batch_size=self.batch_size)
        return write_shard(self.folder, self.job, number, VectorBatch(vectors, items.ids, items.labels, items.metadata))


def in_this_process(
    writer: ShardWriter, numbers: list[int], *, encoder: Encoder, workers: int | None = None
) -> Generator[Shard]:
    """Make shards one after another."""
    for number in numbers:
        yield writer(number, encoder)


def on_ray(
    writer: ShardWriter, numbers: list[int], *, encoder: Encoder, workers: int | None = None
) -> Generator[Shard]:
    """Make shards with Ray Data: a pool of actors, each with the model in its memory; those that die are replaced.

    Ray's cluster is the one this process is connected to, that of the variable RAY_ADDRESS, or one made of this
    machine for this run.
    """
    ray = import_extra("ray", extra="ray", purpose="the executor 'ray'")
    data = import_extra("ray.data", extra="ray", purpose="the executor 'ray'")
    with _cluster(ray):
        gpus = int(ray.cluster_resources().get("GPU", 0))
        count = workers or gpus or max(int(ray.cluster_resources().get("CPU", 1)), 1)
        shared = ray.put(_for_workers(writer))
        tasks = data.from_items([{"number": number} for number in numbers], override_num_blocks=len(numbers))
        made = tasks.map_batches(
            _Worker,
            fn_constructor_kwargs={"shared": [shared]},  # in a list, or Ray would fetch it here
            batch_size=1,
            compute=data.ActorPoolStrategy(size=min(count, len(numbers)), max_tasks_in_flight_per_actor=2),
            num_gpus=1 if gpus else None,
            num_cpus=None if gpus else 1,
            runtime_env={"env_vars": {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}},
        )
        for row in made.iter_rows():
            if row["error"]:
                raise HANDED_ON[row["error"]](row["words"])
            yield Shard(int(row["number"]), int(row["rows"]), str(row["checksum"]))


@contextmanager
def _cluster(ray: Any) -> Generator[None]:
    """Be connected to a cluster, and leave this process as it was: what it started ends, what it joined goes on."""
    if ray.is_initialized():
        yield
        return
    ray.init(logging_level="warning")
    try:
        yield
    finally:
        ray.shutdown()


class _Worker:
    """One actor: makes the shard whose number it is given."""

    def __init__(self, shared: list[Any]) -> None:
        import ray

        self.writer: ShardWriter = ray.get(shared[0])
        self.encoder = open_model(self.writer.model)

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
        number, shard, kind, words = int(batch["number"][0]), None, "", ""
        try:
            shard = self.writer(number, self.encoder)
        except tuple(HANDED_ON.values()) as error:
            # Handed on by its name: Ray would make it an error of its own, with the first line of its words alone.
            kind = next(name for name, known in HANDED_ON.items() if isinstance(error, known))
            words = str(error)
        return {
            "number": [number],
            "rows": [shard.rows if shard else 0],
            "checksum": [shard.checksum if shard else ""],
            "error": [kind],
            "words": [words],
        }


def _for_workers(writer: ShardWriter) -> ShardWriter:
    """Return the writer with its model in a form that another process can open."""
    model = writer.model
    if isinstance(model, str | Path):
        model = Path(model).resolve()
    elif hasattr(model, "predict_on_batch"):
        model = partial(_opened, _content(model), model.name)
    return replace(writer, model=model)


def _content(model: Any) -> bytes:
    """Return a Keras model as the content of its file: a file in the run's folder would outlive a killed driver."""
    with TemporaryDirectory() as place:
        path = Path(place) / "model.keras"
        model.save(path)
        return path.read_bytes()


def _opened(content: bytes, name: str) -> Encoder:
    with TemporaryDirectory() as place:
        path = Path(place) / f"{name}.keras"
        path.write_bytes(content)
        return open_model(path)


EXECUTORS: dict[str, Callable[..., Generator[Shard]]] = {"local": in_this_process, "ray": on_ray}
