"""An encoder as a program outside Python's libraries knows it: what it takes, and how wide its embeddings are."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from keras_similarity.embed.encode import BATCH_SIZE, encode

__all__ = ["Encoder"]

Kind = Literal["image", "text", "vector"]


@dataclass(frozen=True, slots=True)
class Encoder:
    """Rows → embeddings, with what has to be known to make the rows.

    Args:
        call: Batch `(b, *shape)` -> rows `(b, dim)`; for text, `(b,)` of strings.
        kind: "image" for pixels `(height, width, channels)`, "text" for strings, "vector" for other numbers.
        shape: Of one input, without the batch; `()` for text.
        dim: Width of an embedding.
        name: What to call it, such as its file's stem.
        pixel_scale, pixel_offset: What pixels of 0–255 are multiplied by before `call` gets them, and what is then
            added.

    Example:
        >>> sums = Encoder(lambda rows: rows.sum(axis=1, keepdims=True), "vector", shape=(3,), dim=1, name="sums")
        >>> sums(np.array([[1, 2, 3], [4, 5, 6]], np.float32)).tolist()
        [[6.0], [15.0]]
    """

    call: Callable[[Any], NDArray[Any]]
    kind: Kind
    shape: tuple[int, ...]
    dim: int
    name: str
    pixel_scale: float = 1.0
    pixel_offset: float = 0.0

    def __call__(self, rows: Any, *, batch_size: int = BATCH_SIZE) -> NDArray[np.float32]:
        """Return the embeddings `(n, dim)` of rows; pixels are 0–255.

        Raises:
            ValueError: an embedding that is not finite; the message names its row.
        """
        embeddings = self.raw(rows, batch_size=batch_size)
        finite = np.isfinite(embeddings).all(axis=1)
        if not finite.all():
            raise ValueError(
                f"the encoder {self.name!r} must give finite numbers: row {int((~finite).argmax())} has others.\n"
                "  Look at this input, and at the model's weights."
            )
        return embeddings

    def raw(self, rows: Any, *, batch_size: int = BATCH_SIZE) -> NDArray[np.float32]:
        """Return the embeddings unchecked, for callers that answer for each row alone."""
        if len(rows) == 0:
            return np.empty((0, self.dim), np.float32)
        if self.kind == "image":
            rows = np.asarray(rows, np.float32) * np.float32(self.pixel_scale) + np.float32(self.pixel_offset)
        return encode(self.call, rows, batch_size=batch_size)
