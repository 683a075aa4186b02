"""docs/speed.md, made from the results.

python benchmarks/speed_page.py
"""

import json
from pathlib import Path

from rows import ABOUT, WORSE, each_peer, finds, holds, limit, sides

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "speed.md"
RESULTS = ROOT / "benchmarks" / "results"
# name of the benchmark: (heading, what it is measured beside). In the order in which they run.
BENCHMARKS = {
    "journey": ("Import, fit, index, look up, save, load", "TensorFlow Similarity 0.17.1, which needs TensorFlow 2.15"),
    "losses": (
        "Losses",
        "pytorch-metric-learning on PyTorch, and the three matrix products that a loss cannot do without",
    ),
    "index": ("The index", "raw faiss; the 1.2 s of 10,000 lookups are TensorFlow Similarity's, of an earlier day"),
    "evaluate": (
        "Evaluation and calibration",
        "pytorch-metric-learning's AccuracyCalculator; TensorFlow Similarity's numbers, in words, are older",
    ),
    "samplers": ("Samplers", "TensorFlow Similarity, pytorch-metric-learning and a bare Pillow loop"),
    "serve": (
        "The server",
        "a bare Litestar with faiss, which took 91 µs where the limit, 130, was set, and the model's own `predict`",
    ),
    "explorer": ("The explorer's first paint", "the least page that draws every point with plotly.js"),
    "report": ("A report", "nothing: no peer writes one"),
    "databases": ("Indexes in databases", "the databases' own clients"),
    "bulk": ("Bulk embedding", "the model's `predict` in two processes"),
    "distributed": ("Training on several devices", "the same step in which each device compares its own rows alone"),
}
HEAD = ["what", "measured", "limit", "", "ours", "peer", "ours ÷ peer", "× before"]
COUNTED = {
    "rows": "{:,} rows",
    "clients": "clients: {}",
    "threads": "threads: {}",
    "batch": "batch: {}",
    "kept_percent": "{}% kept",
    "drawn_first": "{:,} drawn first",
}


def number(value, unit=""):
    """Three digits that count; a dash for nothing, and words as they are."""
    if value is None or isinstance(value, str):
        return value or "–"
    shown = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return f"{shown} {unit}".rstrip().replace(" /s", "/s")


def about(row):
    """What a row measured, in words."""
    named = [str(row[name]) for name in ABOUT[1:] if name in row and name not in COUNTED]
    counted = [words.format(row[name]) for name, words in COUNTED.items() if name in row]
    return f"{row['what']} ({', '.join(named + counted)})" if named + counted else row["what"]


def cells(row):
    """The cells of a row, in the order of the head."""
    bound, least = limit(row)
    ours, peer, unit = sides(row)
    beside = isinstance(peer, int | float) and min(ours, peer) > 0  # a difference may be about nothing
    worse = row.get("times_worse")
    return [
        about(row),
        number(row["ours"]),
        f"{'≥' if least else '≤'} {number(bound)}" if bound is not None else "–",
        {True: "held", False: "**missed**", None: ""}[holds(row)],
        number(ours, unit) if peer is not None else "–",
        number(peer, unit),
        number(ours / peer) if beside else "–",
        "–" if worse is None else f"**{number(worse)}**" if worse > WORSE else number(worse),
    ]


def table(head, lines):
    """A Markdown table; columns after the first are for numbers, but one without a name."""
    rule = ["---" if number == 0 or not name else "--:" for number, name in enumerate(head)]
    return "\n".join(f"| {' | '.join(line)} |" for line in [head, rule, *lines])


def section(name, record):
    """A heading, where and when it was measured, and the table."""
    heading, peer = BENCHMARKS[name]
    at = record["machine"]
    versions = ", ".join(f"{package} {version}" for package, version in record.get("versions", {}).items())
    return (
        f"## {heading}\n\n`python benchmarks/run.py {name}`, beside {peer}.\n\n"
        f"{table(HEAD, [cells(line) for row in record['rows'] for line in each_peer(row)])}\n\n"
        f"Commit {record['commit']}, {record['date']}; {at['cpu']}, {at['cores']} cores, {at['system']}, "
        f"Python {at['python']}{'; ' if versions else ''}{versions}."
    )


def listed(lines):
    return "\n".join(f"- {line}" for line in lines) or "- none"


def measured(row):
    """What a row that misses its limit measured, and the limit, in words."""
    if not finds(row):
        return f"a recall of {number(row['ours_recall'])}, where {number(row['least_recall'])}"
    return f"{number(row['ours'])}, where {number(limit(row)[0])}"


def summary(records):
    """How many limits hold, which do not, and what got worse."""
    rows = [row | {"of": name} for name, record in records.items() for row in record["rows"]]
    judged = [row for row in rows if holds(row) is not None]
    missed = [f"{about(row)}: {measured(row)} is asked ({row['of']})" for row in judged if not holds(row)]
    worse = [
        f"{about(row)}: {number(row['ours'])} after {number(row['before'])} ({row['of']})"
        for row in rows
        if (row.get("times_worse") or 0) > WORSE
    ]
    return (
        f"**{len(judged) - len(missed)} of {len(judged)} limits are held.** Missed:\n\n{listed(missed)}\n\n"
        f"Worse than {WORSE} times the result before:\n\n{listed(worse)}"
    )


def results():
    """The results that are there, in the order of the page."""
    paths = {name: RESULTS / f"{name}.json" for name in BENCHMARKS}
    return {name: json.loads(path.read_text()) for name, path in paths.items() if path.is_file()}


def placed(text, name, content):
    """The text with other content between the mark of that name and its end."""
    before, mark, rest = text.partition(f"<!-- {name} -->\n")
    return before + mark + content + "\n<!-- end -->" + rest.partition("<!-- end -->")[2]


def filled(text):
    """The page with what the results say."""
    records = results()
    sections = [summary(records), *(section(name, record) for name, record in records.items())]
    return placed(text, "results", "\n\n".join(sections))


def fill():
    """Write the results into the page."""
    PAGE.write_text(filled(PAGE.read_text()))


if __name__ == "__main__":
    fill()
