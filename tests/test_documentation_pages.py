"""Pages that say what the code is, or what was measured: the newcomer's drawing, the errors, the tables of quality."""

import re
import runpy
from pathlib import Path

import pytest

import keras_similarity
from guides import FOLDER, text_of
from keras_similarity import errors
from test_import_graph import MAY_IMPORT

SOURCE = Path(keras_similarity.__file__).parent
EVERYWHERE = {"errors", "core", "__init__"}  # imported by nearly all: arrows to them would hide the others
SEARCH = {"index", "evaluate", "calibrate", "inspection", "serve", "embed", "export", "visualization"}


def level(package):
    """How many steps lie below a package."""
    return max((level(other) + 1 for other in MAY_IMPORT.get(package, ())), default=0)


def below(package):
    """All that a package may import, and what those may."""
    direct = MAY_IMPORT.get(package, set())
    return direct.union(*map(below, direct))


def drawing():
    """The import levels: a line a package, the highest first, with the packages right below it."""
    lines, last = [], None
    for package in sorted(MAY_IMPORT, key=lambda name: (-level(name), name)):
        allowed = MAY_IMPORT[package] - EVERYWHERE
        nearest = sorted(allowed - set().union(*map(below, allowed)))
        shown = "everything" if package == "cli" else ", ".join(nearest)
        if last not in (None, level(package)):
            lines.append("")
        last = level(package)
        mark = "*" if package in SEARCH else " "
        lines.append(f"{mark} {package:<14}{'→ ' + shown if shown else ''}".rstrip())
    return "\n".join(lines)


def test_drawing_of_the_architecture__is_the_import_graph():
    assert f"```text\n{drawing()}\n```" in text_of("architecture.md"), f"the drawing should be:\n{drawing()}"


def test_every_package_is_told_of_in_the_architecture():
    text = text_of("architecture.md")
    for package in MAY_IMPORT:
        assert f"`{package}`" in text, package


def test_every_error_class_is_in_troubleshooting():
    text = text_of("troubleshooting.md")
    for name in errors.__all__:
        assert f"`{name}`" in text, name


def test_messages_in_troubleshooting_are_those_of_the_code():
    code = "".join(path.read_text() for path in SOURCE.rglob("*.py")).lower()
    table = text_of("troubleshooting.md").split("## By message")[1].split("## What raises")[0]
    rows = re.findall(r"^\| `(.*?) \|", table, re.M)
    assert len(rows) >= 8
    for row in rows:
        for message in row.strip("`").replace("` … `", "|").replace("` / `", "|").split("|"):
            assert message.lower() in code, message


def test_every_page_is_linked_from_the_first():
    pages = {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.md")}
    linked = set(re.findall(r"\]\(([\w/-]+\.md)\)", text_of("index.md")))
    assert {page for page in pages - linked - {"index.md"} if not page.startswith(("adr/", "reference/"))} == set()


def test_tables_of_quality__are_those_of_the_results():
    maker = Path(__file__).parents[1] / "benchmarks" / "quality" / "page.py"
    if not maker.is_file():
        pytest.skip("a source distribution has no benchmarks")
    text = text_of("quality.md")
    assert runpy.run_path(str(maker))["filled"](text) == text
