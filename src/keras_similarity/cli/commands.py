"""Every command, where its options come from, and what its errors mean to a shell."""

import sys
import traceback
from typing import Any

import typer

from keras_similarity import __version__
from keras_similarity.cli.calibrate import calibrate
from keras_similarity.cli.demo import demo
from keras_similarity.cli.doctor import doctor
from keras_similarity.cli.duplicates import duplicates
from keras_similarity.cli.embed import embed
from keras_similarity.cli.evaluate import evaluate
from keras_similarity.cli.explore import explore
from keras_similarity.cli.export import export
from keras_similarity.cli.import_tfsim import import_tfsim
from keras_similarity.cli.index import index_commands
from keras_similarity.cli.match import match
from keras_similarity.cli.plan import plan
from keras_similarity.cli.query import query
from keras_similarity.cli.report import report
from keras_similarity.cli.serve import serve
from keras_similarity.cli.settings import name_variables, read_settings
from keras_similarity.cli.train import train
from keras_similarity.errors import (
    DamagedModelError,
    EmbeddingsFormatError,
    IndexFormatError,
    IndexLockedError,
    KerasSimilarityError,
)

__all__ = ["app", "main"]

app = typer.Typer(
    name="keras-similarity",
    help="Find things that are like other things.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (
    train,
    embed,
    query,
    evaluate,
    calibrate,
    match,
    duplicates,
    report,
    serve,
    explore,
    export,
    import_tfsim,
    plan,
    doctor,
    demo,
):
    app.command()(command)
app.add_typer(index_commands, name="index")

FAILED = 1
CORRUPT = 3
LOCKED = 4
INTERRUPTED = 130
# Typer carries click's classes under a name of its own, or takes click's: this is its error, whichever it is.
UsageError: Any = typer.BadParameter.__mro__[2]


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"keras-similarity {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    version: bool = typer.Option(False, "--version", callback=_show_version, is_eager=True, help="Print the version."),
    debug: bool = typer.Option(False, "--debug", help="Show the traceback of an error too."),
) -> None:
    context.ensure_object(dict)["debug"] = debug


def main() -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 used wrongly, 3 damaged, 4 locked, 130 interrupted."""
    chosen = {"debug": False}  # until the options are read
    try:
        command = typer.main.get_command(app)
        name_variables(command)
        code = command.main(default_map=read_settings(command), standalone_mode=False, obj=chosen)
        if code == INTERRUPTED:  # typer has taken Ctrl-C for itself
            raise KeyboardInterrupt
        sys.exit(code if isinstance(code, int) else 0)
    except UsageError as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        typer.echo("interrupted", err=True)
        sys.exit(INTERRUPTED)
    except Exception as error:
        if chosen["debug"]:
            traceback.print_exception(error)
        typer.echo(f"error: {_told(error)}", err=True)
        sys.exit(_code_of(error))


def _told(error: Exception) -> str:
    """Return what to say of an error: its message, or that it is a bug."""
    # Our messages end in what to do, on a line of its own; Python's have no such line.
    ours = isinstance(error, TypeError) and "\n  " in str(error)
    if ours or isinstance(error, KerasSimilarityError | ValueError | OSError):
        return str(error)
    if isinstance(error, MemoryError):
        return str(error) or "no memory is left"
    return (
        f"this is a bug of keras-similarity: {type(error).__name__}: {error}\n"
        "  Please report it with the traceback, which `keras-similarity --debug …` shows, or KERAS_SIMILARITY_DEBUG=1."
    )


def _code_of(error: Exception) -> int:
    if isinstance(error, IndexLockedError):
        return LOCKED
    return CORRUPT if isinstance(error, IndexFormatError | EmbeddingsFormatError | DamagedModelError) else FAILED
