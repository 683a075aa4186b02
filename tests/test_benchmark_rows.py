"""What benchmarks make of their rows: limits, ratios, what got worse, and the pages that are made from them."""

import importlib
import json
import re
import subprocess
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
if not BENCHMARKS.is_dir():
    pytest.skip("a source distribution has no benchmarks", allow_module_level=True)


@pytest.fixture(autouse=True)
def path_of_benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))


@pytest.mark.parametrize(
    ("row", "limit", "holds"),
    [
        ({"ours": 2, "floor": 3}, (3, False), True),
        ({"ours": 2, "floor": 1}, (1, False), False),
        ({"ours": 2, "floor": 1, "at_least": True}, (1, True), True),
        ({"ours": 2, "at_least": 2.5, "peer": 1}, (2.5, True), False),
        ({"ours": 2, "at_most": 2}, (2, False), True),
        ({"ours": 2, "floor": None}, (None, False), None),
        ({"ours": 2, "floor": 3, "ours_recall": 0.984, "least_recall": 0.99}, (3, False), False),
        ({"ours": 2, "floor": 3, "ours_recall": 0.99, "least_recall": 0.99}, (3, False), True),
    ],
)
def test_limit__is_from_above_unless_it_says_otherwise(row, limit, holds):
    import rows

    assert rows.limit(row) == limit
    assert rows.holds(row) is holds


@pytest.mark.parametrize(
    ("row", "sides"),
    [
        ({"ours": 0.5, "ours_ms": 2, "peer_ms": 4}, (2, 4, "ms")),
        ({"ours": 0.5, "cpu_ms": 3, "peer": {"cpu_ms": 9}}, (3, 9, "ms")),
        ({"ours": 0.9, "queries_per_s": 9, "peer": {"usearch": {}, "faiss": {"queries_per_s": 10}}}, (9, 10, "/s")),
        ({"ours": 7, "peer": 8}, (7, 8, "")),
        ({"ours": 7}, (7, None, "")),
    ],
)
def test_sides__are_in_the_same_unit(row, sides):
    import rows

    assert rows.sides(row) == sides


def test_page__says_which_row_was_quick_because_it_found_too_little():
    import speed_page

    row = {"what": "search", "ours": 1.2, "floor": 1.3, "ours_recall": 0.984, "least_recall": 0.99}
    text = speed_page.summary({"databases": {"rows": [row]}})
    assert "- search: a recall of 0.984, where 0.99 is asked (databases)" in text
    assert speed_page.cells(row)[3] == "**missed**"


def test_compare__points_out_what_got_worse_by_more_than_a_fifth():
    import rows

    earlier = [
        {"what": "time", "backend": "jax", "ours": 1.0, "floor": 3},
        {"what": "time", "backend": "torch", "ours": 1.0, "floor": 3},
        {"what": "recall", "ours": 0.9, "floor": 0.5, "at_least": True},
        {"what": "rate", "ours": 100, "peer": 10, "at_least": 20},
        {"what": "about nothing", "ours": -0.1, "floor": 1},
    ]
    now = [
        {"what": "time", "backend": "jax", "ours": 1.21, "floor": 3},
        {"what": "time", "backend": "torch", "ours": 1.19, "floor": 3},
        {"what": "recall", "ours": 0.7, "floor": 0.5, "at_least": True},
        {"what": "rate", "ours": 50, "peer": 5, "at_least": 10},  # a slower machine, and the same ratio
        {"what": "about nothing", "ours": 0.5, "floor": 1},
        {"what": "new", "ours": 1, "floor": 1},
    ]
    worse = rows.compare(now, earlier)
    assert [(row["what"], row.get("backend"), row["before"]) for row in worse] == [
        ("time", "jax", 1),
        ("recall", None, 0.9),
    ]
    assert [row.get("times_worse") for row in now] == [1.21, 1.19, pytest.approx(9 / 7), 1.0, None, None]
    assert "before" not in now[-1]


def test_write__tells_what_is_worse_than_the_last_committed_result(tmp_path, monkeypatch, capsys):
    import measure

    monkeypatch.setattr(measure, "RESULTS", tmp_path)
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "init", "--quiet"], check=True)
    measure.write("speed", [{"what": "search", "ours": 1.0, "floor": 3}])
    assert measure.committed("speed") == []
    subprocess.run([*git, "add", "speed.json"], check=True)
    subprocess.run([*git, "commit", "--quiet", "--message", "Measure"], check=True)
    measure.write("speed", [{"what": "search", "ours": 9.0, "floor": 3}])  # not committed, so not what is compared with
    subprocess.run([*git, "add", "speed.json"], check=True)
    measure.write("speed", [{"what": "search", "ours": 2.0, "floor": 3}])
    assert capsys.readouterr().err.splitlines()[-1].startswith("WORSE search: 2, before 1 (2.00 times")
    (row,) = json.loads((tmp_path / "speed.json").read_text())["rows"]
    assert (row["before"], row["times_worse"]) == (1, 2)


@pytest.mark.parametrize(("maker", "page"), [("speed_page", "docs/speed.md"), ("readme", "README.md")])
def test_page__says_what_the_results_say(maker, page):
    made = importlib.import_module(maker)
    text = (BENCHMARKS.parent / page).read_text()
    assert made.filled(text) == text, f"run python benchmarks/{maker}.py"
    assert made.filled(text.replace("| held |", "| missed |", 3)) == text


def test_every_result_of_speed_is_on_the_page():
    import speed_page

    names = {path.stem for path in speed_page.RESULTS.glob("*.json")}
    others = {"reliability", "newcomer", "capacity"} | {name for name in names if name.startswith("quality")}
    assert names - others <= set(speed_page.BENCHMARKS)
    text = speed_page.PAGE.read_text()
    assert text.count("**missed**") == sum(
        speed_page.holds(row) is False for record in speed_page.results().values() for row in record["rows"]
    )


def test_every_benchmark_has_a_program():
    import speed_page

    for name in [*speed_page.BENCHMARKS, "quality", "reliability", "newcomer", "capacity"]:
        assert (BENCHMARKS / name / "run.py").is_file(), name


def test_path_of_the_newcomer__is_that_of_readme():
    from newcomer.run import commands, programs

    readme = (BENCHMARKS.parent / "README.md").read_text()
    found = commands(readme)
    assert found[0] == "python3 -m venv .venv && . .venv/bin/activate"
    assert any(command.startswith("keras-similarity serve") for command in found)
    assert set(programs(readme)) == {"digits.py"}
    assert "python digits.py" in found


def test_readme__is_short_and_its_picture_small():
    readme = (BENCHMARKS.parent / "README.md").read_text()
    assert readme.count("\n") <= 250
    (picture,) = re.findall(r'<img src="([^"]+)"', readme)
    assert (BENCHMARKS.parent / picture).stat().st_size < 300_000
