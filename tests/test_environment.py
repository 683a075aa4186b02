"""The environment of `make test-all`: what is not in it is tested by nobody."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_extra_is_in_the_environment_of_test_all():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    installed = re.search(r"^EXTRAS_all := (.*)$", (ROOT / "Makefile").read_text(), re.M)[1].split(",")
    assert set(extras) - set(installed) == {"tensorflow"}, "whose CPU build stands in for it"
