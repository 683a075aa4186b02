"""How far an `index build` or `index add` came, in the folder of its index: interrupted, it goes on from there."""

import json
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

from keras_similarity import __version__

__all__ = ["BUILD", "Unfinished", "fingerprint"]

BUILD = "unfinished.json"  # the note of a build, in the folder of its index


class Unfinished:
    """A note of what is being done, which is there until it is done.

    Args:
        path: Where it is.
        about: What is done with what, as JSON values: rows of other vectors are not gone on with.
        refusal: What to say where the note is of something else.
    """

    def __init__(self, path: Path, about: Mapping[str, Any], refusal: str) -> None:
        self._path = path
        self._about = {**about, "version": __version__}
        self._refusal = refusal

    def kept(self) -> dict[str, Any] | None:
        """Return what was kept last, None where there is no note.

        Raises:
            ValueError: it is of something else.
        """
        if not self._path.is_file():
            return None
        try:
            note = json.loads(self._path.read_text(encoding="utf-8"))
        except ValueError:  # a machine that lost its power
            note = {"about": None}
        if note["about"] != self._about:
            raise ValueError(self._refusal)
        return note

    def keep(self, **state: int) -> None:
        """Write down how far it came; whatever interrupts this leaves what was kept before."""
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps({"about": self._about, **state}), encoding="utf-8")
        fresh.replace(self._path)

    def forget(self) -> None:
        """Delete the note: it is done."""
        self._path.unlink(missing_ok=True)


def fingerprint(paths: Iterable[Path]) -> str:
    """Return what tells files from others, and from themselves after a change: names, sizes and times."""
    digest = blake2b(digest_size=16)
    for path in paths:
        about = path.stat()
        digest.update(f"{path.resolve()} {about.st_size} {about.st_mtime_ns}\n".encode(errors="surrogatepass"))
    return digest.hexdigest()
