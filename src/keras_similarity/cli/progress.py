"""A bar that shows how far a command is, and at which Ctrl-C is heard."""

import signal
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType

__all__ = ["progress_bar"]


@contextmanager
def progress_bar(what: str, total: int) -> Generator[Callable[[int], None]]:
    """Show a bar on a terminal; gives a function that takes how much more is done.

    Raises:
        KeyboardInterrupt: by that function, after a Ctrl-C that something swallowed.
    """
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not sys.stderr.isatty()) as progress, _heard() as stop:
        task = progress.add_task(what, total=total)

        def advance(done: int) -> None:
            if stop:
                raise KeyboardInterrupt
            progress.advance(task, done)

        yield advance


@contextmanager
def _heard() -> Generator[list[int]]:
    """Give a list that is no longer empty after a Ctrl-C.

    Keras turns a batch's loss into a number within a bare `except`, and NumPy drops what is raised while it reads an
    array of JAX's: in a small model much of the time passes there, and a Ctrl-C of that moment would be lost.
    Where Ctrl-C is ignored, as in a job in the background, it stays so.
    """
    signals: list[int] = []

    def hear(number: int, frame: FrameType | None) -> None:
        signals.append(number)
        signal.default_int_handler(number, frame)

    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler:
        yield signals
        return
    signal.signal(signal.SIGINT, hear)
    try:
        yield signals
    finally:
        signal.signal(signal.SIGINT, before)
