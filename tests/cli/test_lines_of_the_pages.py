"""Every command line that README and the pages show is one that the commands understand."""

import re
import shlex
from pathlib import Path

import pytest
import typer

from keras_similarity.cli.commands import app

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def lines():
    """The commands of shell blocks and of what stands in line, continued lines joined."""
    for page in PAGES:
        text = page.read_text()
        blocks = "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL)).replace("\\\n", " ")
        shown = [part.strip() for line in blocks.splitlines() for part in line.split(" #")[0].split("&&")]
        for line in [*shown, *re.findall(r"`(keras-similarity [a-z][^`…]* -[^`…]*)`", text)]:
            if line.startswith("keras-similarity ") and "--help" not in line:
                yield pytest.param(
                    line, dict(re.findall(r"^export (\w+)='?([^' ]+)", blocks, re.MULTILINE)), id=f"{page.name}: {line}"
                )


def test_there_are_lines():
    assert len(list(lines())) >= 20


@pytest.mark.parametrize(("line", "exported"), list(lines()))
def test_line__is_understood(line, exported, monkeypatch):
    for name, value in exported.items():
        monkeypatch.setenv(name, value)
    command, words = typer.main.get_command(app), shlex.split(re.sub(r"\$\(.*?\)", "X", line))[1:]
    while hasattr(command, "commands"):
        command, words = command.commands[words[0]], words[1:]
    command.make_context(command.name, words)  # an unknown option or a missing argument raises


def test_a_wrong_line__is_found_out():
    command = typer.main.get_command(app).commands["query"]
    with pytest.raises(Exception, match="No such option"):
        command.make_context("query", ["my.index", "--picture", "a.png"])
