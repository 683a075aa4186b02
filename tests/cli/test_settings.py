"""Each option is also a variable and a key of the settings' file, named as it is typed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from keras_similarity.cli.commands import app
from keras_similarity.cli.settings import name_variables, read_settings

COMMAND = Path(sys.executable).with_name("keras-similarity")


def every_option(command=None, words=()):
    """The words of each command, and each of its options."""
    command = command or typer.main.get_command(app)
    for name, inner in command.commands.items():
        if hasattr(inner, "commands"):
            yield from every_option(inner, (*words, name))
            continue
        for parameter in inner.params:
            if parameter.param_type_name == "option":
                option = next(name for name in parameter.opts if name.startswith("--"))
                yield pytest.param((*words, name), option, id=" ".join((*words, name, option)))


def understood(words, option, given):
    """What a command takes an option for, with these words typed for it, none for another source."""
    command = typer.main.get_command(app)
    name_variables(command)
    context = command.make_context("keras-similarity", [*words], default_map=read_settings(command))
    for number, word in enumerate(words):
        command = command.commands[word]
        rest = list(words[number + 1 :]) or [*given, *needed(command, option)]
        context = command.make_context(word, rest, parent=context)
    return next(context.params[one.name] for one in command.params if option in one.opts)


def needed(command, option):
    """Words without which a command is not understood."""
    for parameter in command.params:
        if parameter.required and option not in parameter.opts:
            yield from ["9"] if parameter.param_type_name == "argument" else [parameter.opts[0], "9"]


def about(words, option):
    """What is typed for an option to change it, and what its variable and its key hold instead."""
    command = typer.main.get_command(app)
    for word in words:
        command = command.commands[word]
    [parameter] = [one for one in command.params if option in one.opts]
    if not parameter.is_flag:
        number = type(parameter.default) in (int, float)
        return [option, "9"], "9", ["9"] if parameter.multiple else 9 if number else "9"
    if parameter.default:
        return [parameter.secondary_opts[0]], "0", False
    return [option], "1", True


def test_there_are_options():
    assert len(list(every_option())) > 100


@pytest.mark.parametrize(("words", "option"), list(every_option()))
def test_option__as_a_variable_and_as_a_key__is_what_is_typed(words, option, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    typed, variable, value = about(words, option)
    wanted = understood(words, option, typed)
    with monkeypatch.context() as patch:
        patch.setenv("_".join(["KERAS_SIMILARITY", *words, option[2:]]).replace("-", "_").upper(), variable)
        assert understood(words, option, []) == wanted
    key = option[2:].replace("-", "_")
    Path("keras-similarity.toml").write_text(f"[{'.'.join(words)}]\n{key} = {json.dumps(value)}\n")
    assert understood(words, option, []) == wanted
    Path("keras-similarity.toml").unlink()
    if option not in ("--to", "--items", "--output"):  # without which a command is not understood
        assert understood(words, option, []) != wanted


def test_variable_and_key_of_json__reach_a_command(tmp_path):
    def doctor(**variables):
        done = subprocess.run(
            [COMMAND, "doctor"], capture_output=True, text=True, check=True, cwd=tmp_path, env=os.environ | variables
        )
        return done.stdout[0] == "{"

    assert not doctor()
    assert doctor(KERAS_SIMILARITY_DOCTOR_JSON="1")
    (tmp_path / "keras-similarity.toml").write_text("[doctor]\njson = true\n")
    assert doctor()
    assert not doctor(KERAS_SIMILARITY_DOCTOR_JSON="0")


@pytest.mark.parametrize("text", ["version = true", "[query]\nas_json = true", "[explore]\nmap_method = 'pca'"])
def test_key_that_is_no_option__is_refused(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("keras-similarity.toml").write_text(text)
    with pytest.raises(ValueError, match="which is no option here"):
        read_settings(typer.main.get_command(app))


def test_every_command__has_json_but_those_that_serve():
    found = [one.values for one in every_option()]
    assert {words for words, _ in found} - {words for words, option in found if option == "--json"} == {
        ("serve",),
        ("explore",),
    }
