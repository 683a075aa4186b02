"""The page of the command line, made from the commands: python docs/reference/command_line.py."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_type_hints

import typer

from keras_similarity.cli.commands import app

PAGE = Path(__file__).with_name("commands.md")
VALUES = {"bool": "", "Path": " PATH", "str": " TEXT", "int": " NUMBER", "float": " NUMBER"}
BEGINNING = """\
# Commands and their options

What `keras-similarity COMMAND --help` says. [The command line](../command-line.md) has the journey, the exit codes, and
how an option is given as a variable or in a file.
"""


def page() -> str:
    """Return the page as it should be."""
    return "\n".join([BEGINNING, *(section(name, command) for name, command in commands(typer.main.get_command(app)))])


def commands(group: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each command with its whole name, those of a group after one another."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{before}{name} ")
        else:
            yield before + name, command


def section(name: str, command: Any) -> str:
    """Return what a command does, an example, and a table of what it takes."""
    text, _, example = command.help.partition("Example:")
    shown = f"```sh\n{example.strip()}\n```\n\n" if example else ""
    kinds = get_type_hints(inspect.unwrap(command.callback))
    rows = [row(parameter, kinds[parameter.name]) for parameter in command.params if parameter.name in kinds]
    table = "\n".join(["| argument | what | default |", "| --- | --- | --- |", *rows])
    return f"## {name}\n\n{text.strip()}\n\n{shown}{table}\n"


def row(parameter: Any, kind: Any) -> str:
    """Return a line of the table; `kind` is the value's type, which each release of Typer shows in its own words."""
    if parameter.param_type_name == "argument":
        name = parameter.metavar or parameter.name.upper()
    else:
        value = next(word for known, word in VALUES.items() if known in re.findall(r"\w+", str(kind)))
        name = ", ".join([*parameter.opts, *parameter.secondary_opts]) + value
    return f"| `{name}` | {cell(parameter.help or '')} | {default(parameter)} |"


def default(parameter: Any) -> str:
    """Return what holds where nothing is given."""
    if parameter.required:
        return "needed"
    value = parameter.default
    if value is None or value is False or callable(value):
        return ""
    return f"`{parameter.opts[0] if value is True else cell(str(value))}`"


def cell(text: str) -> str:
    """Return text that a table of Markdown shows as it is."""
    return re.sub(r"\s+", " ", text).replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
