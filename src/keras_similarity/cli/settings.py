"""Options from variables and from `keras-similarity.toml`, named after what a user types.

`serve --port` is also the variable KERAS_SIMILARITY_SERVE_PORT, and the key `port` under `[serve]`.
"""

import os
import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Any

__all__ = ["FILE_VARIABLE", "name_variables", "read_settings"]

FILE = "keras-similarity.toml"
VARIABLES = "KERAS_SIMILARITY"
FILE_VARIABLE = "KERAS_SIMILARITY_CONFIG"  # another file; an option wins over a variable, and that over the file


def name_variables(command: Any, prefix: str = VARIABLES) -> None:
    """Give each option of each command its variable, but those that have another.

    Typer would name it after the parameter in Python, which is another where the option is `--json` or `--map`.
    """
    for parameter in filter(_is_setting, command.params):
        if parameter.param_type_name == "option" and parameter.envvar is None:
            parameter.envvar = f"{prefix}_{_key_of(parameter).upper()}"
    for name, inner in getattr(command, "commands", {}).items():
        name_variables(inner, f"{prefix}_{_key(name).upper()}")


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
    names = {_key_of(parameter): parameter.name for parameter in command.params if _is_setting(parameter)}
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict) and key in commands:
            found[key] = _checked(value, commands[key], path)
        elif _key(key) in names:
            found[names[_key(key)]] = value
        else:
            close = get_close_matches(key, [*commands, *names], n=1)
            hint = f"Did you mean {close[0]!r}? " if close else ""
            raise ValueError(f"{path} has the key {key!r}, which is no option here.\n  {hint}Remove it.")
    return found


def _is_setting(parameter: Any) -> bool:
    """Whether it can be set for good: `--version` and its like are done at once, before all others."""
    return not parameter.is_eager


def _key_of(parameter: Any) -> str:
    """Return a parameter's name as it is typed: "json" for `--json`; an argument's own."""
    typed = next((name for name in parameter.opts if name.startswith("--")), parameter.name)
    return _key(typed.removeprefix("--"))


def _key(name: str) -> str:
    return name.replace("-", "_")
