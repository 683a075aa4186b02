"""The tables of docs/quality.md, made from the results.

python benchmarks/quality/page.py
"""

import json
import sys
from pathlib import Path
from statistics import mean

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "quality.md"
RESULTS = ROOT / "benchmarks" / "results"
ANCHOR = ("anchor", "tensorflow")
UNTRAINED = ("short, raw pixels, framed", "short, untrained, framed")  # stand in each table of short trainings
SCORES = {"recall@1": "recall@1", "map@r": "MAP@R"}
SETS = {
    "fashion": SCORES,
    "vehicles": SCORES,
    "silhouettes": SCORES,
    "sentences": {"spearman": "Spearman"} | SCORES,
}
SPLITS = {"test": "its like", "families": "its family", "types": "its type", "new types": "its type, a new one"}


def spread(values):
    """The mean, and how far the values reach from it where there are several."""
    centre = mean(values)
    if len(values) == 1:
        return f"{centre:.3f}"
    return f"{centre:.3f} ± {max(abs(value - centre) for value in values):.3f}"


def ranked(rows):
    """Rows, those of the recipe with the best mean recall@1 first."""
    found = {}
    for row in rows:
        found.setdefault(row["recipe"], []).append(row["recall@1"])
    return sorted(rows, key=lambda row: (-mean(found[row["recipe"]]), row["seed"]))


def table(rows, columns):
    """A Markdown table, a line for each recipe and backend."""
    groups = {}
    for row in rows:
        groups.setdefault((row["recipe"], row["backend"]), []).append(row)
    cost = {name: mean(row["cpu_s"] for row in group) for name, group in groups.items()}
    lines = [
        f"| recipe | network, width | loss | backend | seeds | {' | '.join(columns.values())} | CPU s | × anchor |",
        "|---|---|---|---|--:|" + "--:|" * (len(columns) + 2),
    ]
    for name, group in groups.items():
        first = group[0]
        scores = " | ".join(spread([row[column] for row in group]) for column in columns)
        times = f"{cost[name] / cost[ANCHOR]:.1f}" if ANCHOR in cost else "–"
        lines.append(
            f"| {first['recipe']} | {first['network']}, {first['dim']} | {first['loss']} | {first['backend']} "
            f"| {len(group)} | {scores} | {cost[name]:.0f} | {times} |"
        )
    return "\n".join(lines)


def set_table(rows, columns):
    """A Markdown table of one data set, a line for each recipe and split; nothing is an anchor there."""
    groups = {}
    for row in rows:
        groups.setdefault((row["split"], row["recipe"]), []).append(row)
    lines = [
        f"| looked for | what | network, width | loss | seeds | {' | '.join(columns.values())} | CPU s |",
        "|---|---|---|---|--:|" + "--:|" * (len(columns) + 1),
    ]
    for (split, recipe), group in sorted(groups.items(), key=lambda item: list(SPLITS).index(item[0][0])):
        first = group[0]
        scores = " | ".join(spread([row[column] for row in group]) for column in columns)
        lines.append(
            f"| {SPLITS[split]} | {recipe} | {first['network']}, {first['dim']} | {first['loss']} "
            f"| {len(group)} | {scores} | {mean(row['cpu_s'] for row in group):.0f} |"
        )
    return "\n".join(lines)


def distance_table(rows):
    """Mean distances of kinds, a line for each two kinds and a column for each recipe."""
    found = {}
    for row in rows:
        for kinds, distance in row.get("distances", {}).items():
            found.setdefault(kinds, {}).setdefault(row["recipe"], []).append(distance)
    recipes = list(next(iter(found.values())))
    lines = [f"| kinds | {' | '.join(recipes)} |", "|---|" + "--:|" * len(recipes)]
    for kinds, distances in found.items():
        lines.append(f"| {kinds} | {' | '.join(f'{mean(distances[recipe]):.2f}' for recipe in recipes)} |")
    return "\n".join(lines)


def step_table(rows):
    """What a training step costs, a line for each backend and a column for each side."""
    sides = sorted({row["side"] for row in rows}, reverse=True)
    cost = {(row["backend"], row["side"]): f"{row['cpu_ms']:.0f}" for row in rows}
    lines = [f"| backend | {' | '.join(f'{side} × {side}' for side in sides)} |", "|---|" + "--:|" * len(sides)]
    for backend in dict.fromkeys(row["backend"] for row in rows):
        lines.append(f"| {backend} | {' | '.join(cost.get((backend, side), '–') for side in sides)} |")
    return "\n".join(lines)


def filled(text):
    """The page with the tables of the results between their marks."""
    rows = json.loads((RESULTS / "quality-omniglot.json").read_text())
    short = [row for row in rows if row["recipe"].startswith("short")]
    by_loss = [row for row in rows if row["recipe"].startswith(("loss: ", "head: "))]
    unlabelled = [row for row in rows if row["recipe"].startswith("no labels: ")]
    untrained = [row for row in short if row["loss"] == "none"]
    without = [row for row in untrained if row["recipe"] in UNTRAINED]
    trained = ranked([row for row in short if row["loss"] != "none"])
    full = [row for row in rows if row not in (*short, *by_loss, *unlabelled)]
    asked = [row for row in full if "one_shot" in row]
    measured = [name for name in SETS if (RESULTS / f"quality-{name}.json").is_file()]
    sets = {name: json.loads((RESULTS / f"quality-{name}.json").read_text()) for name in measured}
    tables = {
        "retrieval": table(full, SCORES),
        "one-shot": table(asked, {"one_shot": "any alphabet", "one_shot_within_alphabet": "one alphabet"}),
        "short": table([*untrained, *trained], SCORES),
        "losses": table([*without, *ranked(by_loss)], SCORES),
        "unlabelled": table([*without, *ranked(unlabelled)], SCORES),
        "steps": step_table(json.loads((RESULTS / "quality-steps.json").read_text())["rows"]),
        **{name: set_table(rows, SETS[name]) for name, rows in sets.items()},
        **{f"{name}-distances": distance_table(rows) for name, rows in sets.items() if name == "vehicles"},
    }
    for name, lines in tables.items():
        before, mark, rest = text.partition(f"<!-- table: {name} -->\n")
        if not mark:
            sys.exit(f"{PAGE.name} has no place for the table {name}")
        text = before + mark + lines + "\n<!-- end -->" + rest.partition("<!-- end -->")[2]
    return text


def fill():
    """Write the tables into the page."""
    PAGE.write_text(filled(PAGE.read_text()))


if __name__ == "__main__":
    fill()
