"""What a command says: results on stdout, as tables or JSON; progress on stderr, and none where nobody looks.

Nothing of a result is ever cut: not in a pipe, where each row is one line, and not in a narrow terminal.
"""

import json
import math
import sys
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import typer

__all__ = ["say", "show_rows", "show_values"]

READABLE = 16  # characters of a text column that is folded
EDGE = 3  # of a column: a line, and a space on both sides


def say(message: str) -> None:
    """Tell how things go, on stderr."""
    typer.echo(message, err=True)


def show_values(values: Mapping[str, Any], *, as_json: bool) -> None:
    """Print named values, numbers among them with separators of thousands."""
    if as_json:
        typer.echo(json.dumps(values, default=str))
        return
    _show_record({name: _counted(value) for name, value in values.items()})


def show_rows(rows: Sequence[Mapping[str, Any]], *, as_json: bool, counts: Collection[str] = ()) -> None:
    """Print rows of the same columns; as JSON, one line each.

    Args:
        rows: All of them.
        as_json: Whether for a program.
        counts: Columns whose numbers are amounts, and get separators of thousands; an id or a label stays as it is.
    """
    if as_json:
        for row in rows:
            typer.echo(json.dumps(row, default=str))
        return
    if not rows:
        typer.echo("nothing")
        return
    shown = [{name: (_counted if name in counts else _shown)(value) for name, value in row.items()} for row in rows]
    columns = {name: [row[name] for row in shown] for name in rows[0]}
    numeric = {name for name in columns if all(isinstance(row[name], int | float | None) for row in rows)}
    _show_table(columns, numeric)


def _show_table(columns: Mapping[str, Sequence[str]], numeric: Collection[str]) -> None:
    """Print columns as a table, whole lines in a pipe; in a terminal that is too narrow, a line a value."""
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    whole = {name: max(map(cell_len, [name, *texts])) for name, texts in columns.items()}
    room = sum(whole.values()) + EDGE * len(columns) + 1
    fixed: dict[str, int] = {}
    if sys.stdout.isatty() and room > Console().width:
        # A number is not broken, nor a word of a name; text may be, where it has so wide a column that it can be read.
        words = {name: max(map(cell_len, name.split())) for name in columns}
        fixed = {name: max([words[name], *map(cell_len, columns[name])]) for name in numeric}
        least = [fixed.get(name, min(whole[name], max(words[name], READABLE))) for name in columns]
        room = Console().width
        if sum(least) + EDGE * len(columns) + 1 > room:
            _show_records(columns)
            return
    table = Table()
    for name in columns:
        justify = "right" if name in numeric else "left"
        # Text, since a string in brackets would be taken for a style, and vanish.
        table.add_column(Text(name), justify=justify, overflow="fold", width=fixed.get(name))
    for row in zip(*columns.values(), strict=True):
        table.add_row(*map(Text, row))
    Console(width=room).print(table)


def _show_records(columns: Mapping[str, Sequence[str]]) -> None:
    for number, row in enumerate(zip(*columns.values(), strict=True)):
        if number:
            typer.echo()
        _show_record(dict(zip(columns, row, strict=True)))


def _show_record(values: Mapping[str, str]) -> None:
    width = max(map(len, values), default=0)
    for name, value in values.items():
        typer.echo(f"{name:<{width}}  {value}")


def _counted(value: Any) -> str:
    """Return an amount with separators of thousands; anything else as it is."""
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return f"{value:,.0f}" if isinstance(value, float) and 1e3 <= abs(value) < math.inf else _shown(value)


def _shown(value: Any) -> str:
    """Return a value on one line."""
    text = f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)
    return " ".join(text.splitlines()).replace("\t", " ")
