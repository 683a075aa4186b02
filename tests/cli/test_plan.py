"""The capacity plan: its arithmetic, the numbers it starts from, and the page that shows it."""

import json
import re
from pathlib import Path

import pytest

from keras_similarity.cli import capacity
from keras_similarity.cli.capacity import GB, Workload, designs, graph_seconds, recommended

ROOT = Path(__file__).parents[2]
SIZES = (10**6, 10**8, 10**10)


def table(items):
    """The page's table for so many items, 128 numbers each, and 500 queries per second."""
    work = Workload(items, 128, 500)
    lines = [
        "| design | machines | memory, GB | CPU ms a query | CPU hours to build | here |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for design in designs(work):
        memory = design.bytes_per_item * items / GB
        here = "**choose this**" if design == recommended(work) else design.stops or "holds"
        numbers = f"{design.machines:,} | {memory:,.1f} | {design.query_ms:,.1f} | {design.build_hours:,.1f}"
        lines.append(f"| {design.name} | {numbers} | {here} |")
    return "\n".join(lines)


@pytest.mark.parametrize("items", SIZES, ids=lambda items: f"{items:.0e}")
def test_the_page_shows_what_the_command_says(items):
    page = (ROOT / "docs" / "capacity.md").read_text()
    assert table(items) in page
    hours = f"{Workload(items, 128, 500).embed_hours:,.1f} CPU hours"
    assert hours in page
    for design in designs(Workload(items, 128, 500)):
        assert design.limit in page, "where it stops"


def test_what_was_measured_again_is_still_what_the_plan_says():
    """Measurements of one machine vary; a constant that is off by half is out of date."""
    results = ROOT / "benchmarks" / "results"
    serve = json.loads((results / "serve.json").read_text())["rows"]
    request = next(row["ours_us"] for row in serve if row.get("clients") == 32) * 1e-6
    assert pytest.approx(request, rel=0.5) == capacity.REQUEST_SECONDS
    journey = json.loads((results / "journey.json").read_text())["rows"]
    embed = next(row["cpu_s"] for row in journey if row["what"].startswith("index()") and row["backend"] == "jax")
    assert pytest.approx(embed / 60_000, rel=0.5) == capacity.EMBED_SECONDS


@pytest.mark.parametrize(
    ("rows", "dim", "measured"), [(100_000, 64, 21_284), (1_000_000, 64, 5_780), (100_000, 256, 15_323)]
)
def test_a_graphs_query__at_the_sizes_measured__is_what_was_measured(rows, dim, measured):
    assert graph_seconds(rows, dim) == pytest.approx(1 / measured, rel=1e-6)


@pytest.mark.parametrize(
    ("rows", "dim", "file_mb"), [(100_000, 64, 40.0), (100_000, 256, 116.8), (1_000_000, 64, 400.3)]
)
def test_a_graphs_bytes__are_those_of_the_files_measured(rows, dim, file_mb):
    graph = designs(Workload(rows, dim, 1))[1]
    assert graph.bytes_per_item * rows / 1e6 == pytest.approx(file_mb, rel=0.01)


def test_more_items_need_no_less_and_one_design_is_chosen():
    before = None
    for items in (1, 10, 10**4, 10**5, 10**7, 10**9, 10**10):
        now = designs(Workload(items, 128, 500))
        assert recommended(Workload(items, 128, 500)) in now
        if before is not None:
            assert all(a.machines <= b.machines and a.query_ms <= b.query_ms for a, b in zip(before, now, strict=True))
        before = now
    assert recommended(Workload(10**14, 128, 500)) is None


def test_a_graph_that_takes_longer_than_a_day__is_no_choice():
    graph = designs(Workload(10**9, 128, 1, cores=2, memory=10**6 * GB))[1]
    assert graph.stops == "26 hours to build the graph on 2 cores"


def test_each_limit_is_where_the_design_stops():
    for position, name in ((0, "exact"), (1, "faiss"), (2, "PostgreSQL")):
        limit = int(re.search(r"[\d,]+", designs(Workload(1, 128, 1))[position].limit)[0].replace(",", ""))
        below, above = (designs(Workload(int(limit * share), 128, 1))[position] for share in (0.99, 1.04))
        assert below.name.startswith(name)
        assert below.stops is None
        assert above.stops is not None
