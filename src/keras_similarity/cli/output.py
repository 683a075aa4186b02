"""What a command says: results on stdout, as tables or JSON; progress on stderr, and none where nobody looks."""

import json
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import typer

__all__ = ["progress_bar", "say", "show_rows", "show_values"]


def say(message: str) -> None:
    """Tell how things go, on stderr."""
    typer.echo(message, err=True)


def show_values(values: Mapping[str, Any], *, as_json: bool) -> None:
    """Print named values."""
    if as_json:
        typer.echo(json.dumps(values, default=str))
        return
    width = max(map(len, values), default=0)
    for name, value in values.items():
        typer.echo(f"{name:<{width}}  {_shown(value)}")


def show_rows(rows: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    """Print rows of the same columns; as JSON, one line each."""
    if as_json:
        for row in rows:
            typer.echo(json.dumps(row, default=str))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(*(rows[0] if rows else ()))
    for row in rows:
        table.add_row(*map(_shown, row.values()))
    console = Console()
    console.print(table if rows else "nothing")


@contextmanager
def progress_bar(what: str, total: int) -> Generator[Callable[[int], None]]:
    """Show a bar on a terminal; gives a function that takes how much more is done."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task(what, total=total)
        yield lambda done: progress.advance(task, done)


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)
