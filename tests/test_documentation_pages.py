"""Pages that say what the code is, or what was measured: the newcomer's drawing, the reference, errors, tables."""

import importlib
import importlib.util
import inspect
import re
import runpy
import sys
from pathlib import Path

import pytest

import keras_similarity
from guides import FOLDER, text_of
from keras_similarity import errors
from test_import_graph import MAY_IMPORT

SOURCE = Path(keras_similarity.__file__).parent
EVERYWHERE = {"errors", "core", "__init__"}  # imported by nearly all: arrows to them would hide the others
SEARCH = {"index", "evaluate", "calibrate", "inspection", "serve", "embed", "export", "visualization"}
MAKERS = {"reference/command_line.py": "reference/commands.md", "loss_table.py": "losses.md"}
NEEDS_KERAS = pytest.mark.skipif(importlib.util.find_spec("keras") is None, reason="reads what needs Keras")


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
    drop_in = SOURCE.with_name("tensorflow_similarity")
    code = "".join(path.read_text() for path in [*SOURCE.rglob("*.py"), *drop_in.glob("*.py")]).lower()
    table = text_of("troubleshooting.md").split("## By message")[1].split("## What raises")[0]
    rows = re.findall(r"^\| `(.*?) \|", table, re.M)
    assert len(rows) >= 30
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


def test_numbers_between_the_tables_of_quality__are_those_of_a_table():
    """Scores are written with three digits; those of others, which are not measured here, with two."""
    kinds = {True: [], False: []}
    for line in text_of("quality.md").splitlines():
        kinds[line.startswith("|")] += re.findall(r"\b0\.\d{3}\b", line)
    assert set(kinds[False]) <= set(kinds[True])


def public_modules(module=keras_similarity):
    """The modules that a user can reach by their public names, with the whole."""
    yield module
    for name in module.__all__:
        value = getattr(module, name)
        if inspect.ismodule(value) and value.__name__.startswith(module.__name__):
            yield from public_modules(value)


def referred():
    """What the pages of the reference ask the docstrings of: modules and names in them."""
    return {
        name
        for page in (FOLDER / "reference").glob("*.md")
        for name in re.findall(r"^::: (\S+)", page.read_text(), re.M)
    }


def asked_for(place):
    """The module that a page asks for, or the value in one."""
    module, _, name = place.rpartition(".")
    value = vars(importlib.import_module(module)).get(name)
    return importlib.import_module(place) if value is None else value


def shows(module, name, value):
    """Whether the page of a module has a value. It has no constants, and a submodule hides what is called like it."""
    public = name in module.__all__ and vars(module).get(name) is value
    return public and getattr(value, "__name__", "") == name and f"{module.__name__}.{name}" not in sys.modules


def missing(module, shown):
    """The public names of a module that no page of the reference shows."""
    asked = [asked_for(place) for place in shown]
    modules = [place for place in asked if inspect.ismodule(place)]
    for name in module.__all__:
        value = getattr(module, name)
        alone = any(place is value for place in asked)
        if not (alone or inspect.ismodule(value) or any(shows(place, name, value) for place in modules)):
            yield f"{module.__name__}.{name}"


@NEEDS_KERAS
def test_every_public_name__is_on_a_page_of_the_reference():
    modules, shown = list(public_modules()), referred()
    assert len(modules) >= 20
    assert [name for module in modules for name in missing(module, shown)] == []


@NEEDS_KERAS
def test_a_name_that_no_page_shows__is_found():
    assert "keras_similarity.ops.safe_sqrt" in missing(keras_similarity.ops, referred() - {"keras_similarity.ops"})
    assert "keras_similarity.samplers.Sampler" in missing(keras_similarity.samplers, {"keras_similarity.samplers"})
    assert "keras_similarity.losses.circle" in missing(keras_similarity.losses, {"keras_similarity.losses"})
    assert "keras_similarity.export.FORMATS" in missing(keras_similarity.export, {"keras_similarity.export"})


@NEEDS_KERAS
@pytest.mark.parametrize("maker", MAKERS)
def test_page_made_from_the_code__is_what_the_code_says(maker):
    made = runpy.run_path(str(FOLDER / maker))["page"]()
    assert made == text_of(MAKERS[maker]), f"run: python docs/{maker}"


def test_counted_words_beat_the_text_encoder_by_what_was_measured():
    sentences = text_of("quality.md").split("<!-- table: sentences -->")[1].split("<!-- end -->")[0]
    spearman = dict(re.findall(r"^\| its like \| (.+?) \|.*? \| \d \| (0\.\d+)", sentences, re.M))
    assert f"[{spearman['words, counted']} to {spearman['trained']}]" in text_of("data/texts.md")


def test_every_picture_is_small_and_shown_with_words():
    shown = {
        name: words
        for page in FOLDER.glob("*.md")
        for words, name in re.findall(r"!\[([^]]+)\]\(images/(\S+)\)", page.read_text())
    }
    files = {path.name: path.stat().st_size for path in (FOLDER / "images").glob("*.png")}
    assert files.keys() == shown.keys()
    assert max(files.values()) <= 60_000
    assert min(len(words) for words in shown.values()) > 30  # for who does not see them
