"""The model behind HTTP: everything that waits is embedded in one call, and small images are decoded in it too."""

import base64
import binascii
import functools
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.embed import Encoder, ImageTooLargeError, UnsupportedImageError, read_image
from keras_similarity.serve.batching import Batcher
from keras_similarity.serve.limits import Limits
from keras_similarity.serve.metrics import Metrics
from keras_similarity.serve.problems import Problem

__all__ = ["ServedEncoder"]

# Rows of one call: the model is compiled once for each, and what waits is filled up to the next of them.
SIZES = (1, 2, 4, 8, 16, 24, 32, 48, 64)
MOST_ROWS = SIZES[-1]
WAIT_SECONDS = 0.005
SMALL = 8_000  # characters of an image that is decoded sooner than handed to another thread and back
DATA_URL = "data:"
NOT_FINITE = "the model gave no finite embedding.\n  Look at this input."


class ServedEncoder:
    """An encoder that many requests share.

    Args:
        encoder: Images or texts -> embeddings.
        limits: The server's.
        metrics: Where calls are counted.
    """

    def __init__(self, encoder: Encoder, limits: Limits, metrics: Metrics) -> None:
        self.encoder = encoder
        self._limits = limits
        self._pool = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="images")
        batcher = functools.partial(
            Batcher, most_rows=MOST_ROWS, most_waiting=limits.queue, call_seconds=limits.deadline_seconds
        )
        self._decoder = batcher("the decoder of images", self._decode_all)
        self._batcher = batcher("the model", self._run, wait_seconds=WAIT_SECONDS, observe=metrics.batches("model"))
        metrics.watch("model_waiting", "Rows that wait for the model", lambda: self._batcher.waiting)

    @property
    def usable(self) -> bool:
        """Whether the model still answers."""
        return self._batcher.usable and self._decoder.usable

    def warm_up(self) -> None:
        """Call the model once with each size of batch, so that no request waits for a compiler."""
        for size in SIZES:
            rows = np.zeros((size, *self.encoder.shape), np.float32) if self.encoder.kind != "text" else ["a"] * size
            self.encoder.call(np.asarray(rows))

    async def images(self, encoded: Sequence[str]) -> NDArray[np.float32]:
        """Return the embeddings of base64 images.

        Raises:
            Problem: 400 for no base64, 413 for too large, 415 for what is no whole image of a known kind, 422 for a
                model of something else, 429, 500, 504 as the model is.
        """
        self._require("image")
        if sum(map(len, encoded)) <= SMALL * len(encoded):
            return await self._batcher.submit(encoded, len(encoded))
        pixels = await self._decoder.submit(encoded, len(encoded))
        return await self._batcher.submit(pixels, len(encoded))

    async def texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the embeddings of texts."""
        self._require("text")
        return await self._batcher.submit(np.array(texts, object), len(texts))

    async def inputs(self, inputs: Sequence[str]) -> NDArray[np.float32]:
        """Return the embeddings of what the model takes: texts, or data URLs of images."""
        if self.encoder.kind == "text":
            return await self.texts(inputs)
        for number, value in enumerate(inputs):
            if not value.startswith(DATA_URL) or ";base64," not in value[:100]:
                raise Problem(
                    422,
                    f"this model embeds images: input {number} must be a data URL, data:image/png;base64,….\n"
                    "  No address is ever fetched.",
                )
        return await self.images([value.split(",", 1)[1] for value in inputs])

    def close(self) -> None:
        """Let the threads end."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._decoder.close()
        self._batcher.close()

    def _require(self, kind: str) -> None:
        if self.encoder.kind != kind:
            raise Problem(422, f"the model {self.encoder.name!r} embeds {self.encoder.kind}s, no {kind}s.\n  Send one.")

    def _decode_all(self, works: Sequence[Sequence[str]]) -> list[Any]:
        """Return the pixels of each request's images, or why they cannot be had."""
        return list(self._pool.map(self._decoded, works))

    def _decoded(self, encoded: Sequence[str]) -> NDArray[np.uint8] | Exception:
        try:
            pixels = np.empty((len(encoded), *self.encoder.shape), np.uint8)
            for row, value in enumerate(encoded):
                pixels[row] = self._image(value)
        except Exception as error:  # of one request: the others must not suffer from it
            return error
        return pixels

    def _image(self, value: str) -> NDArray[np.uint8]:
        try:
            content = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError) as error:
            raise Problem(400, f"an image must be base64: {error}.\n  Encode the file's bytes.") from error
        if len(content) > self._limits.image_bytes:
            raise Problem(
                413,
                f"an image may have {self._limits.image_bytes:,} bytes (--image-bytes): got {len(content):,}.\n"
                "  Scale it down.",
            )
        try:
            return read_image(content, self.encoder.shape, most_pixels=self._limits.image_pixels)
        except ImageTooLargeError as error:
            raise Problem(413, f"{error} The limit is --image-pixels.") from error
        except UnsupportedImageError as error:
            raise Problem(415, str(error)) from error

    def _run(self, works: Sequence[Any]) -> list[Any]:
        """Return the embeddings of each request's rows, or of its images that are still to be decoded."""
        answers = [work if isinstance(work, np.ndarray) else self._decoded(work) for work in works]
        sound = [rows for rows in answers if not isinstance(rows, Exception)]
        if not sound:
            return answers
        embeddings = self._embedded(sound[0] if len(sound) == 1 else np.concatenate(sound))
        finite = np.isfinite(embeddings).all(axis=1) & (embeddings.shape[1] == self.encoder.dim)
        start = 0
        for number, rows in enumerate(answers):
            if isinstance(rows, Exception):
                continue
            own = slice(start, start + len(rows))
            start += len(rows)
            good = finite[own].all()
            answers[number] = embeddings[own] if good else Problem(500, NOT_FINITE)
        return answers

    def _embedded(self, rows: Any) -> NDArray[np.float32]:
        """Return embeddings, finite or not: one bad row must not spoil the others' answers."""
        size = next((size for size in SIZES if size >= len(rows)), MOST_ROWS)
        try:
            return self.encoder.raw(rows, batch_size=size)  # filled up to it
        except Exception as error:
            raise Problem(500, f"the model failed: {type(error).__name__}.\n  The server's log says more.") from error
