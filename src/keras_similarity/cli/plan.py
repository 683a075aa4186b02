"""`keras-similarity plan`: what so many items and queries need, on which design."""

from typing import Annotated

import typer

from keras_similarity.cli.capacity import GB, Workload, designs, recommended
from keras_similarity.cli.capacity_numbers import EMBED_SECONDS
from keras_similarity.cli.options import AsJson
from keras_similarity.cli.output import say, show_rows

__all__ = ["plan"]

COUNTS = ("machines", "memory, GB", "ms a query", "CPU hours to build", "most items", "most queries/s")


def plan(
    items: Annotated[float, typer.Option(help="How many items, such as 1e9.", min=1, max=1e18)],
    dim: Annotated[int, typer.Option(help="Numbers of an embedding.", min=1, max=1_000_000)] = 128,
    qps: Annotated[float, typer.Option(help="Queries per second.", min=0, max=1e12)] = 10.0,
    cores: Annotated[int, typer.Option(help="Of one machine.", min=1)] = 16,
    memory_gb: Annotated[float, typer.Option(help="Of one machine.", min=0.1, max=1e9)] = 64.0,
    embed_ms: Annotated[float, typer.Option(help="CPU to embed one item.", min=0, max=1e9)] = round(
        EMBED_SECONDS * 1e3, 3
    ),
    as_json: AsJson = False,
) -> None:
    """Estimate memory, processors and machines for each design, and name the simplest that holds.

    The numbers are measured at up to a million items and calculated beyond: see the page "Capacity". The time of a
    query is CPU, or elapsed where a database was waited for; times are on all machines of a design together.

    Example: keras-similarity plan --items 1e9 --dim 128 --qps 500
    """
    work = Workload(round(items), dim, qps, cores, memory_gb * GB, embed_ms / 1e3)
    chosen = recommended(work)
    show_rows(
        [
            {
                "design": design.name,
                "machines": design.machines,
                "memory, GB": round(design.bytes_per_item * work.items / GB, 2),
                "ms a query": round(design.query_ms, 2),
                "query time is": design.clock,
                "CPU hours to build": round(design.build_hours, 2),
                "most items": design.most_items,
                "most queries/s": design.most_qps,
                "here": ("choose this" if design == chosen else "holds") if design.stops is None else design.stops,
            }
            for design in designs(work)
        ],
        as_json=as_json,
        counts=COUNTS,
    )
    say(f"to embed everything once: {work.embed_hours:,.1f} CPU hours, {work.embed_hours / cores:,.1f} on one machine")
