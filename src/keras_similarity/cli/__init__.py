"""The command line: one file, or folder, a command. stdout is for results, stderr for progress and errors."""

import sys

import typer

from keras_similarity import __version__
from keras_similarity.cli.demo import demo
from keras_similarity.errors import KerasSimilarityError

__all__ = ["app", "main"]

app = typer.Typer(
    name="keras-similarity",
    help="Find things that are like other things.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(demo)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"keras-similarity {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(False, "--version", callback=_show_version, is_eager=True, help="Print the version."),
) -> None:
    pass


def main() -> None:
    """Run the command line; an error of ours is one message on stderr and exit code 1."""
    try:
        app()
    except (KerasSimilarityError, ValueError) as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(1)
