"""Megabytes that each extra adds to the core, of what is installed here, with all that it needs."""

import importlib.metadata as metadata
import json
import sys

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

NAME = "keras-similarity"
# Builds that stand in for what an extra names: the same package without code for graphics cards.
STANDS_IN = {"tensorflow": "tensorflow-cpu"}


def needed(name, extras, found):
    """Add to `found` what a distribution needs, and what those need."""
    try:
        distribution = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return needed(STANDS_IN[name], extras, found) if name in STANDS_IN else found.setdefault(name, set())
    wanted = found.setdefault(canonicalize_name(name), set())
    if wanted and extras <= wanted:
        return None
    wanted |= extras | {""}
    for requirement in map(Requirement, distribution.requires or ()):
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in extras | {""}):
            needed(requirement.name, requirement.extras, found)
    return None


def megabytes(names):
    """What the files of these distributions take."""
    total = 0
    for name in names:
        try:
            files = metadata.distribution(name).files or ()
        except metadata.PackageNotFoundError:
            continue
        total += sum(file.locate().lstat().st_size for file in files if file.locate().is_file())
    return total / 1e6


def closure(*extras):
    found = {}
    needed(NAME, set(extras), found)
    return set(found)


if __name__ == "__main__":
    core = closure()
    extras = metadata.distribution(NAME).metadata.get_all("Provides-Extra")
    sizes = {"core": megabytes(core)} | {extra: megabytes(closure(extra) - core) for extra in extras}
    missing = {extra: [name for name in closure(extra) if not megabytes([name])] for extra in extras}
    sys.stderr.write(f"not installed here, and not counted: { {k: v for k, v in missing.items() if v} }\n")
    sys.stdout.write(json.dumps(sizes) + "\n")
