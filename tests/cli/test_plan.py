"""The capacity plan: its arithmetic, the measurements it starts from, and the pages that show it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from keras_similarity.cli import capacity_numbers as numbers
from keras_similarity.cli.capacity import GB, Workload, designs, recommended

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"
COMMAND = Path(sys.executable).with_name("keras-similarity")
SIZES = (10**6, 10**8, 10**10)
# Measurements of one machine vary: a time that is off by half is out of date, bytes that are off by a tenth are wrong.
TIME, BYTES = 0.5, 0.1


def rows_of(name):
    if not RESULTS.is_dir():
        pytest.skip("a source distribution has no benchmarks")
    return json.loads((RESULTS / f"{name}.json").read_text())["rows"]


def row_of(name, what, **about):
    (found,) = (
        row for row in rows_of(name) if row["what"] == what and all(row[key] == value for key, value in about.items())
    )
    return found


def table(items):
    """The page's table for so many items, 128 numbers each, and 500 queries per second."""
    work = Workload(items, 128, 500)
    names = [
        "design",
        "machines",
        "memory, GB",
        "ms a query",
        "query time is",
        "CPU hours to build",
        "most queries/s",
        "here",
    ]
    lines = [names, ["---"] * len(names)]
    for design in designs(work):
        here = "**choose this**" if design == recommended(work) else design.stops or "holds"
        lines.append(
            [
                design.name,
                f"{design.machines:,}",
                f"{design.bytes_per_item * items / GB:,.1f}",
                f"{design.query_ms:,.1f}",
                design.clock,
                f"{design.build_hours:,.1f}",
                f"{design.most_qps:,}",
                here,
            ]
        )
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def page():
    return (ROOT / "docs" / "capacity.md").read_text()


@pytest.mark.parametrize("items", SIZES, ids=lambda items: f"{items:.0e}")
def test_the_page_shows_what_the_command_says(items):
    assert table(items) in page()
    assert f"{Workload(items, 128, 500).embed_hours:,.1f} CPU hours" in page()


def test_the_page_shows_where_each_design_stops():
    for design in designs(Workload(10**6, 128, 500)):
        assert f"| {design.name} | {design.most_items:,} items" in page()


def test_the_page_shows_every_number_that_the_plan_starts_from():
    queries = numbers.GRAPH_QUERIES.values()
    for shown in (
        f"4 · dim + {numbers.ITEM_BYTES} + {numbers.GRAPH_LINK_BYTES}",
        " / ".join(f"{numbers.pgvector_bytes(dim):,.0f}" for dim in (64, 128, 256, 768, 1536, 3072)),
        f"{numbers.EXACT_SECONDS_PER_NUMBER * 1e9:.2f} ns",
        " / ".join(f"{1e6 / rate:.0f} µs" for rate in queries),
        f"{numbers.GRAPH_BUILD_SECONDS * 1e6:.0f} µs",
        f"{numbers.PGVECTOR_SECONDS * 1e3:.2f} ms, elapsed",
        f"{numbers.MILVUS_SECONDS * 1e3:.1f} ms, elapsed",
        f"{numbers.PGVECTOR_BUILD_SECONDS * 1e6:.0f} µs",
        f"{numbers.MILVUS_BUILD_SECONDS * 1e6:.0f} µs",
        f"{numbers.REQUEST_SECONDS * 1e6:.0f} µs",
        f"{numbers.EMBED_SECONDS * 1e3:.3f} ms",
    ):
        assert f"| {shown} |" in page()


def of_databases(what, entry):
    return lambda: row_of("databases", what)[entry]


def of_capacity(what, entry, **about):
    return lambda: row_of("capacity", what, **about)[entry]


SMALL, WIDE = {"rows": 100_000, "dim": 64}, {"rows": 100_000, "dim": 256}
TABLES = ("PostgreSQL: a row and its graph",)
CLUSTERS = {"data": "clusters", "rows": 1_000_000}
SEARCH = "queries per CPU s at recall@10 >= 0.99, over raw faiss"
TIMES = {
    "graph, query of few": (numbers.GRAPH_QUERIES[100_000, 64], of_capacity("graph", "queries_per_s", **SMALL)),
    "graph, query of wide": (numbers.GRAPH_QUERIES[100_000, 256], of_capacity("graph", "queries_per_s", **WIDE)),
    "graph, query of many": (
        numbers.GRAPH_QUERIES[1_000_000, 64],
        lambda: row_of("index", SEARCH, **CLUSTERS)["queries_per_s"],
    ),
    "graph, build": (numbers.GRAPH_BUILD_SECONDS * 1e6, of_capacity("graph", "build_us", **SMALL)),
    "exact": (numbers.EXACT_SECONDS_PER_NUMBER * 50_000 * 64 * 1e3, of_capacity("exact, one query", "query_ms")),
    "PostgreSQL, query": (
        numbers.PGVECTOR_SECONDS * 1e3,
        of_databases("search, ms over psycopg and pgvector", "ours_ms"),
    ),
    "PostgreSQL, build": (numbers.PGVECTOR_BUILD_SECONDS * 1e6, of_capacity(*TABLES, "build_us", **SMALL)),
    "Milvus, query": (numbers.MILVUS_SECONDS * 1e3, of_databases("Milvus: search, ms over pymilvus", "ours_ms")),
    "Milvus, build": (numbers.MILVUS_BUILD_SECONDS * 1e6, of_capacity("Milvus: a row's graph", "build_us")),
    "a request": (
        numbers.REQUEST_SECONDS * 1e6,
        lambda: next(row["ours_us"] for row in rows_of("serve") if row.get("clients") == 32),
    ),
    "embedding": (
        numbers.EMBED_SECONDS * 60_000,
        lambda: row_of("journey", "index() of 60,000 with data, CPU over embedding alone", backend="jax")["cpu_s"],
    ),
}


@pytest.mark.parametrize("name", TIMES)
def test_a_time__measured_again__is_still_what_the_plan_says(name):
    said, measured = TIMES[name]
    assert said == pytest.approx(measured(), rel=TIME)


@pytest.mark.parametrize("about", [SMALL, WIDE], ids=str)
def test_a_graphs_bytes__are_those_measured(about):
    found = row_of("capacity", "graph", **about)
    assert found["recall"] >= 0.99
    graph = designs(Workload(about["rows"], about["dim"], 1))[1]
    beside = row_of("index", "bytes a vector over the vectors, after build")["ours"]
    assert graph.bytes_per_item == pytest.approx(4 * about["dim"] + found["bytes"] + beside, rel=BYTES)


def test_bytes_in_postgresql__are_those_measured_at_every_width():
    found = [row for row in rows_of("capacity") if row["what"] in TABLES]
    assert [row["dim"] for row in found] == [64, 128, 256, 768, 1536, 3072]
    assert found[0]["rows"] == 100_000
    for row in found:
        assert numbers.pgvector_bytes(row["dim"]) == pytest.approx(row["bytes"], rel=BYTES), row


def test_what_databases_take__is_what_our_indexes_in_them_refuse_to_pass():
    from keras_similarity.index.remote.milvus import index as milvus
    from keras_similarity.index.remote.postgres import pgvector

    assert pgvector.MOST_WIDE == numbers.PGVECTOR_WIDEST
    widest = {"float32": numbers.PGVECTOR_WIDEST_GRAPH, "float16": numbers.PGVECTOR_WIDEST_HALF_GRAPH}
    assert widest == pgvector.MOST_WIDE_GRAPH
    assert (milvus.LEAST_WIDE, milvus.MOST_WIDE) == (numbers.MILVUS_NARROWEST, numbers.MILVUS_WIDEST)


def test_the_guide_to_several_servers__agrees_with_the_plan():
    guide = (ROOT / "docs" / "guides" / "scale.md").read_text()
    _, graph, postgres, _ = designs(Workload(10**6, 128, 500))
    assert f"{postgres.bytes_per_item / 512:.1f} times the embeddings at 128 numbers" in guide
    assert f"{graph.bytes_per_item / 512:.1f} times the embeddings at 128 numbers" in guide
    assert f"{numbers.REQUEST_SECONDS * 1e3:.2f} ms" in guide


def test_more_items_need_no_less_and_one_design_is_chosen():
    before = None
    for items in (1, 10, 10**4, 10**5, 10**7, 10**9, 10**10):
        now = designs(Workload(items, 128, 500))
        assert recommended(Workload(items, 128, 500)) in now
        if before is not None:
            assert all(a.machines <= b.machines and a.query_ms <= b.query_ms for a, b in zip(before, now, strict=True))
            assert all(a.most_qps >= b.most_qps for a, b in zip(before, now, strict=True))
        before = now
    assert recommended(Workload(10**14, 128, 500)) is None


@pytest.mark.parametrize("dim", [2, 128, 3000])
def test_each_limit_is_where_the_design_stops(dim):
    for position, name in enumerate(("exact", "faiss", "PostgreSQL", "Milvus")):
        limit = designs(Workload(1, dim, 0))[position].most_items
        below, above = (designs(Workload(int(limit * share), dim, 0))[position] for share in (0.99, 1.2))
        assert below.name.startswith(name)
        assert below.stops is None
        assert above.stops is not None


def plan(*arguments):
    done = subprocess.run([COMMAND, "plan", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done


def planned(*arguments):
    """The rows that the command prints as JSON, by the first word of their design."""
    rows = [json.loads(line) for line in plan(*arguments, "--json").stdout.splitlines()]
    return {row["design"].split()[0].strip(","): row for row in rows}


@pytest.mark.parametrize(("items", "chosen"), [(10**6, "faiss"), (10**8, "Milvus"), (10**10, "Milvus")])
def test_command__as_json__says_what_each_design_needs(items, chosen):
    found = planned("--items", f"{items:.0e}", "--dim", "128", "--qps", "500")
    for design, row in zip(designs(Workload(items, 128, 500)), found.values(), strict=True):
        assert row["design"] == design.name
        assert row["machines"] == design.machines
        assert row["memory, GB"] == pytest.approx(design.bytes_per_item * items / GB, abs=0.01)
        assert row["ms a query"] == pytest.approx(design.query_ms, abs=0.01)
        assert row["CPU hours to build"] == pytest.approx(design.build_hours, abs=0.01)
        assert (row["most items"], row["most queries/s"]) == (design.most_items, design.most_qps)
    assert [row["query time is"] for row in found.values()] == ["CPU", "CPU", "elapsed", "elapsed"]
    assert [name for name, row in found.items() if row["here"] == "choose this"] == [chosen]


@pytest.mark.parametrize("items", SIZES, ids=lambda items: f"{items:.0e}")
def test_command__as_a_table__shows_the_same(items):
    done = plan("--items", f"{items:.0e}", "--qps", "500")
    for design in designs(Workload(items, 128, 500)):
        (line,) = (line for line in done.stdout.splitlines() if design.name in line)
        shown = [cell.strip() for cell in line.split("│")]
        assert {f"{design.machines:,}", f"{design.most_items:,}", f"{design.most_qps:,}", design.clock} <= {*shown}
        assert design.stops is None or design.stops in shown
    assert done.stdout.count("choose this") == 1
    assert f"{Workload(items, 128, 500).embed_hours:,.1f} CPU hours" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "design", "said"),
    [
        (["--items", "50000", "--dim", "1000000"], "exact", "200 GB in memory, and a machine holds 45"),
        (["--items", "1e5", "--dim", "4001"], "PostgreSQL", "graph takes rows of up to 4,000 numbers"),
        (["--items", "1e5", "--dim", "16001"], "PostgreSQL", "keeps rows of up to 16,000 numbers"),
        (["--items", "1e5", "--dim", "1"], "Milvus", "keeps rows of 2 to 32,768 numbers"),
        (["--items", "1e5", "--dim", "32769"], "Milvus", "keeps rows of 2 to 32,768 numbers"),
        (["--items", "1e9", "--cores", "2", "--memory-gb", "1e6"], "faiss", "hours to build the graph on 2 cores"),
        (["--items", "1e10", "--memory-gb", "1e6"], "PostgreSQL", "hours to build the graph on one server"),
        (["--items", "1e4", "--qps", "1e12"], "exact", "machines for so many queries, where 1,000 are the most"),
        (["--items", "1e6", "--qps", "1e12"], "faiss", "machines for so many queries, where 1,000 are the most"),
        (["--items", "1e6", "--qps", "1e12"], "PostgreSQL", "machines for so many queries, where 11 are the most"),
        (["--items", "1e6", "--qps", "1e12"], "Milvus", "machines for so many queries, where 1,000 are the most"),
        (["--items", "1e14"], "Milvus", "machines: take narrower vectors"),
    ],
)
def test_command__workload_that_a_design_cannot_hold__says_why(arguments, design, said):
    assert said in planned(*arguments)[design]["here"]


@pytest.mark.parametrize("dim", [2, 2000, 2001, 4000])
def test_command__widths_that_the_databases_take__hold(dim):
    found = planned("--items", "1e5", "--dim", str(dim))
    assert {found[name]["here"] for name in ("PostgreSQL", "Milvus")} == {"holds"}


def test_half_precision__is_what_wide_rows_take_in_postgresql():
    assert numbers.pgvector_bytes(3072) == numbers.pgvector_bytes(1536)


@pytest.mark.parametrize(("size", "rate"), list(numbers.GRAPH_QUERIES.items()), ids=str)
def test_a_graphs_query__at_the_sizes_measured__is_what_was_measured(size, rate):
    assert numbers.graph_seconds(*size) == pytest.approx(1 / rate, rel=1e-6)


def test_a_shard_of_milvus__is_built_within_a_day():
    work = Workload(10**10, 128, 0, memory=10**6 * GB)
    milvus = designs(work)[3]
    assert milvus.machines > 1
    assert milvus.build_hours / milvus.machines / work.cores <= 24
