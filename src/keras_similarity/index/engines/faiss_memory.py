"""faiss over memory of our own: a graph without a second copy of the rows, and selections by a bitmap.

faiss keeps vectors in a buffer that it owns or that it is shown. Being shown the index's rows, a graph costs its links
and nothing else, also when the rows are mapped from a file.
"""

import importlib
import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.errors import MissingExtraError
from keras_similarity.index.selection import Selection

__all__ = ["OneQuery", "Parameters", "load_faiss", "read_index", "search_rows", "show_codes", "to_bytes", "walk"]

LOOPS_A_ROW = 64  # a file written to do harm must not keep faiss's reader busy,
TABLE_BYTES = 2**28  # nor make it allocate more than its content and a table for it


def load_faiss() -> Any:
    """Import faiss.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        return importlib.import_module("faiss")
    except ImportError as error:
        raise MissingExtraError(
            f"the 'faiss' engines need the package faiss-cpu: {error}.\n"
            "  Install it with: pip install faiss-cpu; the 'exact' engine works without."
        ) from error


def search_rows(index: Any, queries: NDArray[Any], count: int, settings: Any) -> NDArray[np.int64]:
    """Return the rows `(q, count)` that an index finds, −1 for none.

    `faiss.contrib.torch_utils`, which other packages import, replaces `search` for the whole process by a function that
    takes no parameters, and keeps the former one under another name.
    """
    search = getattr(index, "search_numpy", index.search)
    return search(queries, count, params=settings)[1]


def walk(
    graph: Any, queries: NDArray[np.float32], count: int, settings: Any, begin: tuple[NDArray[np.int32], NDArray[Any]]
) -> NDArray[np.int64]:
    """Return the rows `(q, count)` that walks of a graph's lowest level find, −1 for none.

    Args:
        graph: An HNSW index.
        queries: `(q, d)`, C-contiguous.
        count: How many rows to find for each.
        settings: The search's parameters.
        begin: The row where each walk begins, and its distance or product with the query, two `(q,)`.
    """
    places, known = begin
    queries, known = (np.ascontiguousarray(part, np.float32) for part in (queries, known))  # faiss sees pointers only
    places = np.ascontiguousarray(places, np.int32)
    scores, rows = np.empty((len(queries), count), np.float32), np.empty((len(queries), count), np.int64)
    given, first, score, found, row = map(load_faiss().swig_ptr, (queries, places, known, scores, rows))
    each = 1  # one beginning for each, and one walk from each beginning
    graph.search_level_0(len(queries), given, count, first, score, found, row, each, each, settings)
    return rows


def show_codes(flat: Any, codes: NDArray[Any]) -> None:
    """Let a flat index read its vectors from an array, which must outlive it."""
    faiss = load_faiss()
    view = flat.codes
    pointer = faiss.swig_ptr(codes.reshape(-1).view(np.uint8))
    view.is_owned = False
    view.view_data = view.c_ptr = pointer
    view.view_size = view.c_size = codes.nbytes
    flat.ntotal = len(codes)


def to_bytes(index: Any, *, with_vectors: bool) -> NDArray[np.uint8]:
    """Return an index as bytes, with or without the vectors it stores."""
    faiss = load_faiss()
    writer = faiss.VectorIOWriter()
    faiss.write_index(index, writer, 0 if with_vectors else faiss.IO_FLAG_SKIP_STORAGE)
    return faiss.vector_to_array(writer.data)


def read_index(content: NDArray[np.uint8], rows: int) -> Any:
    """Rebuild an index from bytes whose checksum was compared, and which must outlive it: parts of it lie in them.

    Raises:
        ValueError: faiss refuses the bytes.
    """
    faiss = load_faiss()
    faiss.set_deserialization_vector_byte_limit(2 * content.nbytes + TABLE_BYTES)
    faiss.set_deserialization_loop_limit(LOOPS_A_ROW * (rows + 1))
    reader = faiss.ZeroCopyIOReader(faiss.swig_ptr(content), content.nbytes)
    try:
        index = faiss.read_index(reader)
    except RuntimeError as error:
        raise ValueError(f"faiss cannot read these bytes: {error}") from error
    return index


class Parameters:
    """Makes a search's parameters of one of faiss's kinds, and keeps those without a selection.

    Args:
        kind: Name of the class.
        setting: Name of its setting.
    """

    def __init__(self, kind: str, setting: str) -> None:
        self._make = getattr(load_faiss(), kind)
        self._setting = setting
        self._plain: dict[int, Any] = {}

    def __call__(self, value: int, selection: Selection | None) -> Any:
        """Return parameters of this value, limited to the rows of a selection."""
        if selection is not None:
            return self._make(sel=load_faiss().IDSelectorBitmap(selection.bits), **{self._setting: value})
        found = self._plain.get(value)
        if found is None:
            found = self._plain[value] = self._make(**{self._setting: value})
        return found


class OneQuery(threading.local):
    """Searches for one query, with buffers that faiss was shown before: its wrapper takes as long as a walk.

    Args:
        index: A faiss index, which must outlive this.
    """

    def __init__(self, index: Any) -> None:
        faiss = load_faiss()
        self._index = index
        self._query = np.empty((1, index.d), np.float32)
        self._query_pointer = faiss.swig_ptr(self._query)
        self._found: dict[int, tuple[NDArray[np.int64], Any, Any, Any]] = {}

    def search(self, query: NDArray[np.float32], k: int, settings: Any) -> NDArray[np.int64]:
        """Return what `index.search(query, k, params=settings)` does, without the scores."""
        if k not in self._found:
            faiss = load_faiss()
            scores, rows = np.empty((1, k), np.float32), np.empty((1, k), np.int64)
            self._found[k] = rows, scores, faiss.swig_ptr(scores), faiss.swig_ptr(rows)
        rows, _, score_pointer, row_pointer = self._found[k]
        self._query[:] = query
        self._index.search_c(1, self._query_pointer, k, score_pointer, row_pointer, settings)
        return rows.copy()
