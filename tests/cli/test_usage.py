"""What the command line says before it does anything."""

import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = Path(sys.executable).with_name("keras-similarity")


@pytest.mark.parametrize(
    "arguments",
    [
        ["query", "x"],
        ["query", "x", "--vector", "[1", "--id", "2"],
        ["serve"],
        ["index", "build", "x"],
        ["export", "a", "b", "--to", "csv"],
        ["query", "x", "-k", "0", "--id", "1"],
        ["plan", "--items", "nan"],
        ["plan", "--items", "inf"],
        ["plan", "--items", "10", "--qps", "inf"],
        ["plan", "--items", "10", "--memory-gb", "inf"],
        ["plan", "--items", "10", "--embed-ms", "inf"],
    ],
)
def test_used_wrongly__exits_2(arguments):
    done = subprocess.run([COMMAND, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""


def test_help__loads_nothing_heavy_for_any_command():
    code = (
        "import sys, keras_similarity.cli as cli\n"
        "heavy = {'keras', 'numpy', 'litestar', 'msgspec', 'pyarrow', 'PIL'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    help_text = subprocess.run([COMMAND, "serve", "--help"], capture_output=True, text=True, check=True).stdout
    for option in ("--api-key-file", "--max-k", "--deadline", "--read-only"):
        assert option in help_text
