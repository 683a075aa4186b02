"""The tables of README, made from the results.

python benchmarks/readme.py
"""

import json
from statistics import mean

from rows import holds
from speed_page import RESULTS, ROOT, cells, number, placed, results, table

README = ROOT / "README.md"
EXTRAS = {
    "core": "Keras, NumPy, faiss: search and evaluation need no more",
    "jax": "training and embedding on JAX",
    "tensorflow": "the same on TensorFlow: `tensorflow-cpu`; the extra's own `tensorflow` takes about three times that",
    "torch": "the same on PyTorch (its CPU build)",
    "viz": "pictures, maps, reports: matplotlib, plotly, PaCMAP",
    "data": "the demo's digits, folders, data frames, Parquet",
    "serve": "the HTTP server and the explorer page: Litestar",
    "onnx": "encoders without a framework, and the export to ONNX",
    "openvino": "the export to OpenVINO",
    "usearch": "another approximate engine",
    "postgres": "an index in PostgreSQL with pgvector",
    "milvus": "an index in Milvus",
    "qdrant": "an index in Qdrant (not yet tested against a server)",
    "ray": "bulk embedding on many machines",
}
# Of each set: the file, the split that is looked at, the score, and words for the task.
QUALITY = [
    ("omniglot", "unseen", "recall@1", "Omniglot, 659 characters never trained on"),
    ("omniglot", "unseen", "one_shot", "the same, one example of each of 20"),
    ("fashion", "test", "recall@1", "Fashion-MNIST, ten kinds of clothes"),
    ("vehicles", "types", "recall@1", "photos of vehicles, 36 types, 32 of them trained on"),
    ("vehicles", "new types", "recall@1", "the same, four types never trained on"),
    ("silhouettes", "test", "recall@1", "a table: outlines of toy vehicles"),
    ("sentences", "test", "spearman", "sentences, rank correlation with people"),
]
# Of each benchmark: how the line begins, and its backend.
SPEED = [
    ("journey", "import, CPU s", None),
    ("journey", "index() of 60,000", "tensorflow"),
    ("journey", "single_lookup at 60,000", "tensorflow"),
    ("samplers", "Omniglot, 32 × 4", None),
    ("losses", "multi_similarity at 4096, CPU", "jax"),
    ("index", "queries per CPU s", None),
    ("index", "open and first verified answer", None),
    ("evaluate", "all metrics of AccuracyCalculator, CPU", None),
    ("serve", "vector query", None),
    ("databases", "search, ms over psycopg", None),
]


def read(name):
    return json.loads((RESULTS / f"{name}.json").read_text())


def best(rows, score):
    """The score of the recipe whose mean is best, how many seeds it has, and its name."""
    recipes = {}
    for row in rows:
        recipes.setdefault((row["recipe"], row.get("backend")), []).append(row[score])
    (recipe, _), values = max(recipes.items(), key=lambda item: mean(item[1]))
    return mean(values), len(values), recipe


def quality():
    lines = []
    for name, split, score, words in QUALITY:
        rows = [row for row in read(f"quality-{name}") if row["split"] == split and score in row]
        raw, _, feature = best([row for row in rows if row["network"] == "none"], score)
        trained, seeds, _ = best([row for row in rows if row["loss"] != "none"], score)
        lines.append([words, score.replace("_", " ").replace("spearman", "Spearman"), f"{feature}: {raw:.3f}"])
        lines[-1] += [f"**{trained:.3f}**" if trained > raw else f"{trained:.3f}", str(seeds)]
    return table(["task", "score", "without training", "trained here", "seeds"], lines)


def speed():
    records = results()
    lines = []
    for name, begin, backend in SPEED:
        rows = records[name]["rows"]
        row = next(row for row in rows if row["what"].startswith(begin) and row.get("backend") == backend)
        lines.append(cells(row)[:-1])
    judged = {name: [holds(row) for row in record["rows"]] for name, record in records.items()}
    held, missed = ({name: answers.count(kind) for name, answers in judged.items()} for kind in (True, False))
    count = sum(held.values())
    where = ", ".join(f"{lines} of {name}" for name, lines in missed.items() if lines)
    total = count + sum(missed.values())
    return (
        f"{table(['what', 'measured', 'limit', '', 'ours', 'peer', 'ours ÷ peer'], lines)}\n\n"
        f"{count} of {total} limits are held. Missed so far, and listed first on that page: {where}."
    )


def reliability():
    record = read("reliability")
    injected = [row for row in record["rows"] if "faults" in row]
    sums = [sum(row[name] for row in injected) for name in ("faults", "lost", "wrong")]
    lines = [[row["what"], *(f"{row[name]:,}" for name in ("faults", "lost", "wrong"))] for row in injected]
    lines.append(["**together**", *(f"**{value:,}**" for value in sums)])
    given = [[row["what"], f"{row['passed']:,}"] for row in record["rows"] if "passed" in row]
    head = ["injected into an index", "times", "acknowledged items lost", "wrong answers"]
    return (
        f"{table(head, lines)}\n\n{table(['given, and answered with a clear error or rightly', 'tests'], given)}\n\n"
        f"Seed {injected[0]['seed']}, commit {record['commit']}, {record['date']}."
    )


def newcomer():
    record = read("newcomer")
    seconds, count = record["first_neighbor_s"], record["first_neighbor_commands"]
    return (
        f"Walked in a fresh clone with an empty home: **{count} commands and {seconds:.0f} seconds** to the first "
        f"neighbours, without the time of slow downloads, and **{number(record['installed_mb'])} MB** installed."
    )


def extras():
    sizes = read("newcomer")["sizes_mb"]
    return table(["extra", "MB", ""], [[f"`{name}`", number(sizes[name]), words] for name, words in EXTRAS.items()])


def filled(text):
    """README with its tables."""
    for part in (newcomer, extras, quality, speed, reliability):
        text = placed(text, f"table: {part.__name__}", part())
    return text


def fill():
    """Write the tables into README."""
    README.write_text(filled(README.read_text()))


if __name__ == "__main__":
    fill()
