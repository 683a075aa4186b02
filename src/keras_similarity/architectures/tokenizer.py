"""Texts → rows of word ids, the same on every machine and backend."""

import re
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

import keras
import numpy as np
from numpy.typing import NDArray

from keras_similarity.architectures.raw_inputs import RawInputs
from keras_similarity.core.checks import check_whole

__all__ = ["Tokenizer"]

Tensor = Any
WORD = re.compile(r"\w+|[^\w\s]")
EMPTY, FIRST = 1, 2  # 0 fills up


@keras.saving.register_keras_serializable(package="keras_similarity")
class Tokenizer(RawInputs):
    """Turns texts into ids of their words and, if wanted, of pieces of words; as a layer it passes ids on.

    A word of `vocabulary` has an id of its own. Every other word, and every piece, shares one of `buckets` ids with
    others that have the same hash (CRC-32), so nothing is unknown and there is nothing to adapt.

    Ids: 0 for padding, 1 for a text without words, then the vocabulary's, then the buckets'.

    Args:
        vocabulary: Words with ids of their own, such as the frequent ones of the training texts; lowercased where
            texts are.
        buckets: Ids for all others, ≥ 1.
        length: Ids of a text, ≥ 1; what is beyond is left out, words before pieces.
        pieces: Lengths of pieces of words, such as (3, 4): runs of letters of "<word>". They let words that are
            spelt alike be alike; () for none.
        lowercase: Whether capitals and small letters are the same.
        **kwargs: `name`.

    Raises:
        ValueError: a number below its least, a word twice in `vocabulary`, or an entry that is not one word.

    Example:
        >>> tokenizer = Tokenizer(["a", "cat"], buckets=10, length=4)
        >>> tokenizer.prepare(["A cat", ""]).tolist()
        [[2, 3, 0, 0], [1, 0, 0, 0]]
    """

    takes: ClassVar[str] = "text"

    def __init__(
        self,
        vocabulary: Iterable[str] = (),
        *,
        buckets: int = 2**14,
        length: int = 64,
        pieces: Iterable[int] = (),
        lowercase: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.vocabulary = tuple(_entry(word, lowercase) for word in vocabulary)
        self._word_ids = {word: FIRST + number for number, word in enumerate(self.vocabulary)}
        if len(self._word_ids) != len(self.vocabulary):
            raise ValueError(
                f"`vocabulary` needs each word once: got {len(self.vocabulary)} words, {len(self._word_ids)} of them "
                f"different{', capitals aside' if lowercase else ''}.\n  Pass `dict.fromkeys(vocabulary)`."
            )
        self.buckets = check_whole(buckets, name="buckets", minimum=1)
        self.length = check_whole(length, name="length", minimum=1)
        self.pieces = tuple(check_whole(size, name="pieces", minimum=1) for size in pieces)
        self.lowercase = lowercase

    @property
    def num_ids(self) -> int:
        """How many ids there are, padding included."""
        return FIRST + len(self.vocabulary) + self.buckets

    def prepare(self, x: Any) -> NDArray[np.int32]:
        """Return ids `(n, length)` of texts; an array of ids comes back as it is.

        Args:
            x: Texts: a list, an array, a column of a data frame.

        Raises:
            TypeError: one text in place of several, or an entry that is none; the message names the row.
            ValueError: ids of another length, or beyond `num_ids`.
        """
        if isinstance(x, str | bytes):
            raise TypeError(f"texts come as a list: got one {type(x).__name__}.\n  Write [{x!r:.40}].")
        if getattr(x, "dtype", None) is not None and np.asarray(x).dtype.kind in "iu":
            return self._checked_ids(np.asarray(x))
        texts = list(x)
        ids = np.zeros((len(texts), self.length), np.int32)
        for row, text in enumerate(texts):
            if not isinstance(text, str):
                raise TypeError(
                    f"texts must be strings: row {row} is {text!r}.\n  Drop such rows, or put '' in their place."
                )
            found = list(self._ids(text))[: self.length] or [EMPTY]
            ids[row, : len(found)] = found
        return ids

    def call(self, inputs: Tensor) -> Tensor:
        """Return the ids that come in."""
        return inputs

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape that came in."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        own = {"buckets": self.buckets, "length": self.length, "lowercase": self.lowercase}
        lists = {"vocabulary": list(self.vocabulary), "pieces": list(self.pieces)}
        return {**super().get_config(), **own, **lists}

    def _ids(self, text: str) -> Iterator[int]:
        words = WORD.findall(text.lower() if self.lowercase else text)
        for word in words:
            yield self._word_ids.get(word) or self._bucket(word)
        for word in words:
            marked = f"<{word}>"
            for size in self.pieces:
                for start in range(len(marked) - size + 1):
                    # A piece that is the whole marked word would say what the word's own id says.
                    if size < len(marked):
                        yield self._bucket(f"\0{marked[start : start + size]}")

    def _bucket(self, token: str) -> int:
        return FIRST + len(self.vocabulary) + zlib.crc32(token.encode()) % self.buckets

    def _checked_ids(self, ids: NDArray[Any]) -> NDArray[np.int32]:
        if ids.ndim != 2 or ids.shape[1] != self.length:
            raise ValueError(
                f"ids need shape (n, {self.length}): got {ids.shape}.\n  Pass texts, or what `prepare` returned."
            )
        if ids.size and not 0 <= int(ids.min()) <= int(ids.max()) < self.num_ids:
            raise ValueError(
                f"ids must be from 0 to {self.num_ids - 1}: got {ids.min()} to {ids.max()}.\n"
                "  Pass texts, or what this model's `prepare` returned."
            )
        return ids.astype(np.int32, copy=False)


def _entry(word: Any, lowercase: bool) -> str:
    """Return an entry of the vocabulary as texts will hold it."""
    entry = word.lower() if lowercase and isinstance(word, str) else word
    if not isinstance(entry, str) or not WORD.fullmatch(entry):  # no text would ever be split into it
        raise ValueError(
            f"`vocabulary` needs single words: got {word!r:.80}.\n"
            "  Split it into words and signs; each is an entry of its own."
        )
    return entry
