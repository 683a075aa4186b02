"""An index used by another thread than those that serve it: it is not closed before it is given back."""

import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Generator

from keras_similarity.index import Index

__all__ = ["Lending"]


class Lending:
    """Notes who uses which index, so that the last of them closes one that is served no more."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users: Counter[Index] = Counter()
        self._retired: set[Index] = set()

    @contextlib.contextmanager
    def lent(self, serving: Callable[[], Index]) -> Generator[Index]:
        """Use the index that is served now, which `serving` returns."""
        with self._lock:
            index = serving()
            self._users[index] += 1
        try:
            yield index
        finally:
            with self._lock:
                self._users[index] -= 1
                last = not self._users[index]
                if last:
                    del self._users[index]
                retired = last and index in self._retired
                self._retired -= {index} if retired else set()
            if retired:
                index.close()

    def retire(self, index: Index) -> None:
        """Close an index that is served no more, now or when it is given back."""
        with self._lock:
            used = index in self._users
            if used:
                self._retired.add(index)
        if not used:
            index.close()
