"""Items on their way into a database and out of it: columns, the same for every database."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.item_ids import Ids
from keras_similarity.index.columns import Block, encode_block
from keras_similarity.index.ids import missing_id
from keras_similarity.index.metadata import Metadata

__all__ = ["Batch", "Page", "encoded_data", "encoded_metadata", "in_blocks", "with_kept"]

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Batch:
    """Checked items on their way in.

    Args:
        ids: `(n,)`, each once.
        vectors: `(n, d)`, in the type they are kept in.
        codes: Of labels `(n,)`, `NO_LABEL` for none.
        data, metadata: As bytes, None for none.
    """

    ids: Ids
    vectors: NDArray[Any]
    codes: NDArray[np.int32]
    data: Sequence[bytes | None]
    metadata: Sequence[bytes | None]

    @property
    def next_id(self) -> int:
        """One more than the largest int id, 0 where there is none."""
        return max((value for value in self.ids.tolist() if isinstance(value, int)), default=-1) + 1

    @property
    def text_ids(self) -> bool:
        """Whether an id is a string."""
        return self.ids.dtype == object and any(isinstance(value, str) for value in self.ids.tolist())


@dataclass(frozen=True, slots=True)
class Page:
    """Items as they were read, in the order they were added.

    Args:
        seqs: Their places in that order.
        ids: Int or string each.
        codes: Of labels `(n,)`, `NO_LABEL` for none.
        data: As bytes, None for none.
        metadata: Dicts, None for none.
        vectors: `(n, d)`, in the type they are kept in.
    """

    seqs: list[int]
    ids: list[int | str]
    codes: NDArray[np.int32]
    data: list[bytes | None]
    metadata: list[dict[str, Any] | None]
    vectors: NDArray[Any]

    def __len__(self) -> int:
        return len(self.ids)


def with_kept(
    old: Page,
    ids: Ids,
    vectors: NDArray[Any] | None,
    codes: NDArray[np.int32],
    data: Sequence[bytes | None],
    metadata: Sequence[bytes | None],
    kept: Sequence[str],
) -> Batch:
    """Return changed items: their new values, and the old ones of what is kept.

    Args:
        old: The items as they are, in any order.
        ids: Of the items to change.
        vectors: Their new ones; None to keep the old.
        codes, data, metadata: Their new ones.
        kept: Of "labels", "data" and "metadata", what stays as it is.

    Raises:
        UnknownIdError: one of the ids is not among the old items.
    """
    place = {item_id: row for row, item_id in enumerate(old.ids)}
    rows = [place.get(item_id, -1) for item_id in ids.tolist()]
    if -1 in rows:
        raise missing_id(ids.tolist()[rows.index(-1)])
    return Batch(
        ids,
        old.vectors[rows] if vectors is None else vectors,
        old.codes[rows] if "labels" in kept else codes,
        [old.data[row] for row in rows] if "data" in kept else data,
        encoded_metadata([old.metadata[row] for row in rows], len(ids)) if "metadata" in kept else metadata,
    )


def in_blocks(rows: Iterable[R], row_bytes: Callable[[R], int], most_rows: int, most_bytes: int) -> Iterator[list[R]]:
    """Return rows in as many calls as their size asks for."""
    block, size = [], 0
    for row in rows:
        more = row_bytes(row)
        if block and (len(block) == most_rows or size + more > most_bytes):
            yield block
            block, size = [], 0
        block.append(row)
        size += more
    if block:
        yield block


def encoded_data(block: Block | None, count: int) -> list[bytes | None]:
    """Return data as the bytes that are kept."""
    return [item for item, _ in zip(encode_block(block), range(count), strict=False)]


def encoded_metadata(values: Metadata | None, count: int) -> list[bytes | None]:
    """Return metadata as the JSON that is kept.

    Raises:
        ValueError: text with a NUL, which no database has room for.
    """
    texts = [None if value is None else json.dumps(value, ensure_ascii=False) for value in values or [None] * count]
    for row, text in enumerate(texts):
        if text is not None and "\\u0000" in text.replace("\\\\", ""):
            raise ValueError(
                f"`metadata` needs text without NUL to be kept in a database: row {row} has one.\n  Keep it in `data`."
            )
    return [None if text is None else text.encode() for text in texts]
