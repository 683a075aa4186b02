"""Every file of an index cut, zeroed and with bits flipped: each answer is right, or an error of ours."""

import random
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from faults.campaign import Tally, prepared, run
from faults.workload import answers, apply, holds, of_kind, same
from keras_similarity import Index
from keras_similarity.errors import KerasSimilarityError


def damage(folder, seed, flips):
    """A closed index, and one with its log as a killed process leaves it."""
    tally, chance = Tally(seed), random.Random(seed)
    model = prepared(folder / "index", seed)
    with Index.open(folder / "index") as index:
        apply(index, of_kind(seed, "small"))
        model.apply(of_kind(seed, "small"))
        shutil.copytree(folder / "index", folder / "open")
    for state in ("index", "open"):
        for file in sorted(path for path in (folder / state).rglob("*") if path.is_file()):
            content = file.read_bytes()
            for name, changed in damages(content, chance, flips):
                place = folder / "damaged"
                shutil.rmtree(place, ignore_errors=True)
                shutil.copytree(folder / state, place)
                (place / file.relative_to(folder / state)).write_bytes(changed)
                judge(place, model, tally, f"{state}/{file.name} {name}")
    tally.report()


def damages(content, chance, flips):
    for sixteenth in range(16):
        yield f"cut at {sixteenth}/16", content[: len(content) * sixteenth // 16]
    yield "zeroed", bytes(len(content))
    yield "ends in zeros", content[: len(content) // 2] + bytes(len(content) - len(content) // 2)
    yield "longer", content + b"\0junk"
    for _ in range(flips if content else 0):
        place, bit = chance.randrange(len(content)), 1 << chance.randrange(8)
        yield f"bit at {place}", content[:place] + bytes([content[place] ^ bit]) + content[place + 1 :]


def judge(place, model, tally, what):
    """All that is read must be right or an error; and a repair must leave a sound index and name what it lost."""
    tally.faults += 1
    try:
        with Index.open(place, read_only=True) as index:
            if not holds(index, model) or not answers(index, model):
                tally.error(f"{what}: wrong")
            return
    except (KerasSimilarityError, FileNotFoundError) as error:
        first = str(error)
    try:
        report = Index.repair(place)
    except (KerasSimilarityError, FileNotFoundError):
        return  # beyond repair, and said so
    # After a lost log, a lost list of removed rows or lost ids, nobody can know which items are concerned.
    unnamed = any(isinstance(item, str) and item.startswith("row ") for item in report.lost_items)
    unknowable = unnamed or "lost its last" in first or any("list of removed" in problem for problem in report.problems)
    with Index.open(place) as index:
        named = {*report.lost_items, *report.lost_records}
        there = {record.id: record for record in index.records()}
        differing = (model.items.keys() ^ there.keys()) - named
        differing |= {i for i in there.keys() & model.items.keys() - named if not same(there[i], model.items[i])}
        if (differing and not unknowable) or not index.check().ok:
            tally.error(f"{what}: {first[:90]!r}; after the repair {len(differing)} differ")
        index.add([[1.0] * 6], ids=["on"])


if __name__ == "__main__":
    run({"damage": damage})
