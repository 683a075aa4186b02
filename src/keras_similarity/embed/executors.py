"""Who makes the shards of a bulk embedding: this process, or the workers of a Ray cluster."""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from keras_similarity.core.extras import import_extra
from keras_similarity.embed.encoder import Encoder
from keras_similarity.embed.model_files import open_model
from keras_similarity.embed.parquet import VectorBatch
from keras_similarity.embed.shards import Job, Shard, write_shard
from keras_similarity.embed.sources import Source

__all__ = ["EXECUTORS", "ShardWriter"]

ENVIRONMENT = ("KERAS_BACKEND", "PYTHONPATH", "OMP_NUM_THREADS")
MODEL_FILE = ".model.keras"


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
) -> Iterator[Shard]:
    """Make shards one after another."""
    for number in numbers:
        yield writer(number, encoder)


def on_ray(writer: ShardWriter, numbers: list[int], *, encoder: Encoder, workers: int | None = None) -> Iterator[Shard]:
    """Make shards with Ray Data: a pool of actors, each with the model in its memory; those that die are replaced.

    Ray's cluster is the one this process is connected to, that of the variable RAY_ADDRESS, or one made of this
    machine.
    """
    ray = import_extra("ray", extra="ray", purpose="the executor 'ray'")
    data = import_extra("ray.data", extra="ray", purpose="the executor 'ray'")
    if not ray.is_initialized():
        ray.init(logging_level="warning")
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
    try:
        for row in made.iter_rows():
            yield Shard(int(row["number"]), int(row["rows"]), str(row["checksum"]))
    finally:
        (writer.folder / MODEL_FILE).unlink(missing_ok=True)


class _Worker:
    """One actor: makes a shard for each row it is given."""

    def __init__(self, shared: list[Any]) -> None:
        import ray

        self.writer: ShardWriter = ray.get(shared[0])
        self.encoder = open_model(self.writer.model)

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
        shards = [self.writer(int(number), self.encoder) for number in batch["number"]]
        return {
            "number": [shard.number for shard in shards],
            "rows": [shard.rows for shard in shards],
            "checksum": [shard.checksum for shard in shards],
        }


def _for_workers(writer: ShardWriter) -> ShardWriter:
    """Return the writer with its model in a form that another process can open."""
    model = writer.model
    if isinstance(model, str | Path):
        model = Path(model).resolve()
    elif hasattr(model, "predict_on_batch"):
        model.save(writer.folder / MODEL_FILE)
        model = writer.folder / MODEL_FILE
    return replace(writer, model=model)


EXECUTORS: dict[str, Callable[..., Iterable[Shard]]] = {"local": in_this_process, "ray": on_ray}
