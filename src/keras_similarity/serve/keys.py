"""Who may read, and who may write: keys are compared in constant time, and only their hashes are kept."""

import hashlib
import hmac
from collections.abc import Iterable

__all__ = ["READ", "WRITE", "ApiKeys"]

READ, WRITE = 1, 2
SHORTEST = 16  # characters: shorter keys can be guessed


class ApiKeys:
    """The keys of a server; several of a kind are valid at a time, so that one can be replaced.

    Args:
        write: Keys for everything.
        read: Keys that change nothing.

    Raises:
        ValueError: a key of fewer than 16 characters, or with characters that a header cannot carry.

    Example:
        >>> keys = ApiKeys(write=["a-key-for-everything"], read=["a-key-that-reads"])
        >>> keys.level_of(b"a-key-that-reads") == READ, keys.level_of(b"another"), bool(ApiKeys())
        (True, 0, False)
    """

    def __init__(self, write: Iterable[str] = (), read: Iterable[str] = ()) -> None:
        self._allowed: list[tuple[bytes, int]] = []
        for keys, level in ((write, WRITE), (read, READ)):
            for key in keys:
                if len(key) < SHORTEST or not key.isascii() or not key.isprintable() or " " in key:
                    raise ValueError(
                        f"an API key needs {SHORTEST} printable characters or more, no spaces: got one of {len(key)}.\n"
                        "  Make one with: python -c 'import secrets; print(secrets.token_urlsafe(32))'"
                    )
                self._allowed.append((_hash(key.encode()), level))

    def __bool__(self) -> bool:
        return bool(self._allowed)

    def level_of(self, key: bytes) -> int:
        """Return what a key allows: 0, `READ` or `WRITE`; every known key is compared, whichever fits."""
        given = _hash(key)
        level = 0
        for known, allowed in self._allowed:
            level |= allowed * hmac.compare_digest(known, given)
        return level


def _hash(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()
