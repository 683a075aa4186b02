"""Options from `keras-similarity.toml`: the key `port` under `[serve]` is the option `--port` of `serve`."""

import os
import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Any

__all__ = ["FILE_VARIABLE", "read_settings"]

FILE = "keras-similarity.toml"
FILE_VARIABLE = "KERAS_SIMILARITY_CONFIG"  # another file; an option wins over a variable, and that over the file


def read_settings(command: Any) -> dict[str, Any]:
    """Return the file's values by command, for a command line to take as defaults.

    Args:
        command: The whole command line, to know its options.

    Raises:
        ValueError: no TOML, or a key that is no option.
        FileNotFoundError: a file that was asked for is not there.
    """
    asked = os.environ.get(FILE_VARIABLE)
    path = Path(asked or FILE)
    if not path.is_file():
        if asked:
            raise FileNotFoundError(f"no settings at {path}.\n  Check {FILE_VARIABLE}.")
        return {}
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} must be TOML: {error}.\n  For example:\n  [serve]\n  port = 8000") from error
    return _checked(values, command, path)


def _checked(values: dict[str, Any], command: Any, path: Path) -> dict[str, Any]:
    commands = getattr(command, "commands", {})
    options = {option.name for option in command.params}
    found: dict[str, Any] = {}
    for key, value in values.items():
        name = key.replace("-", "_")
        if isinstance(value, dict) and key in commands:
            found[key] = _checked(value, commands[key], path)
        elif name in options:
            found[name] = value
        else:
            close = get_close_matches(key, [*commands, *options], n=1)
            hint = f"Did you mean {close[0]!r}? " if close else ""
            raise ValueError(f"{path} has the key {key!r}, which is no option here.\n  {hint}Remove it.")
    return found
