"""What a server logs beside its requests, as lines of JSON among theirs: a reader of logs finds no other lines."""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Generator

from keras_similarity.serve.access_log import AccessLog

__all__ = ["log_as_json"]

PACKAGE = "keras_similarity"


class LogLines(logging.Handler):
    """Hands records to the log of requests; made in the thread of the event loop.

    Args:
        log: Where they go.
    """

    def __init__(self, log: AccessLog) -> None:
        super().__init__()
        self._log = log
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        """Note one record, from whichever thread."""
        line = {
            "time": round(record.created, 3),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if hasattr(record, "request_id"):
            line["request_id"] = record.request_id
        if record.exc_info:
            line["exception"] = logging.Formatter().formatException(record.exc_info)
        if threading.get_ident() == self._thread:
            self._log.add(line)
        else:
            with contextlib.suppress(RuntimeError):  # the loop has ended, and with it the log
                self._loop.call_soon_threadsafe(self._log.add, line)


@contextlib.contextmanager
def log_as_json(log: AccessLog) -> Generator[None]:
    """Have errors and warnings of everything, and news of this package, written as JSON while a server runs.

    A program that has set up logging for itself keeps what it has.
    """
    root, package = logging.getLogger(), logging.getLogger(PACKAGE)
    if root.handlers or log.silent:
        yield
        return
    handler, level = LogLines(log), package.level
    root.addHandler(handler)
    package.setLevel(logging.INFO)
    logging.captureWarnings(True)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        package.setLevel(level)
        root.removeHandler(handler)
