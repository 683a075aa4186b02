"""Every command line that README and the pages show is one that the commands understand."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest
import typer

from guides import shell_lines, text_of
from keras_similarity.cli.commands import app
from keras_similarity.cli.settings import FILE_VARIABLE, read_settings

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *ROOT.glob("CONTRIBUTING.md"), *sorted((ROOT / "docs").rglob("*.md"))]


def lines():
    """The commands of shell blocks and of what stands in line, continued lines joined."""
    for page in PAGES:
        text = page.read_text()
        shown = [part.strip() for line in shell_lines(text) for part in line.split(" #")[0].split("&&")]
        for line in [*shown, *re.findall(r"`(keras-similarity [a-z][^`…]* -[^`…]*)`", text)]:
            if line.startswith("keras-similarity ") and "--help" not in line:
                exported = dict(re.findall(r"^export (\w+)='?([^' ]+)", "\n".join(shown), re.MULTILINE))
                yield pytest.param(line, exported, id=f"{page.name}: {line}")


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


def test_settings_of_the_page__are_read(tmp_path, monkeypatch):
    (shown,) = re.findall(r"```toml\n(.*?)```", text_of("command-line.md"), re.DOTALL)
    (tmp_path / "settings.toml").write_text(shown)
    monkeypatch.setenv(FILE_VARIABLE, str(tmp_path / "settings.toml"))
    assert read_settings(typer.main.get_command(app)) == tomllib.loads(shown)
