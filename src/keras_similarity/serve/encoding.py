"""The model behind HTTP: everything that waits is embedded in one call, and small images are decoded in it too."""

import contextlib
import functools
import logging
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.embed import Encoder
from keras_similarity.serve.batching import Batcher
from keras_similarity.serve.decoded_images import ManyPixelsError, decode_images, decode_small_images
from keras_similarity.serve.limits import Limits
from keras_similarity.serve.metrics import ABANDONED, Metrics
from keras_similarity.serve.problems import Problem

__all__ = ["ServedEncoder"]

logger = logging.getLogger(__name__)

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
        self._decoder = batcher("the decoder of images", self._decode_all, metrics=metrics.calls("images"))
        self._batcher = batcher("the model", self._run, wait_seconds=WAIT_SECONDS, metrics=metrics.calls("model"))
        metrics.watch("model_waiting", "Rows that wait for the model", lambda: self._batcher.waiting)
        for of, calls in (("images", self._decoder), ("model", self._batcher)):
            metrics.watch("abandoned_calls", ABANDONED, lambda calls=calls: calls.abandoned, of=of)

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
            with contextlib.suppress(ManyPixelsError):
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
        end = time.monotonic() + self._limits.deadline_seconds
        decode = functools.partial(decode_images, shape=self.encoder.shape, limits=self._limits, end=end)
        return list(self._pool.map(functools.partial(_tried, decode), works))

    def _decoded(self, work: Any) -> Any:
        if isinstance(work, np.ndarray):
            return work
        return _tried(functools.partial(decode_small_images, shape=self.encoder.shape, limits=self._limits), work)

    def _run(self, works: Sequence[Any]) -> list[Any]:
        """Return the embeddings of each request's rows, or of its images that are still to be decoded."""
        answers = [self._decoded(work) for work in works]
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
            logger.exception("the model %s failed with %d inputs", self.encoder.name, len(rows))
            raise Problem(500, f"the model failed: {type(error).__name__}.\n  The server's log says more.") from error


def _tried(decode: Callable[[Sequence[str]], NDArray[np.uint8]], encoded: Sequence[str]) -> Any:
    """Return the pixels of one request's images, or what it failed with: the others must not suffer from it."""
    try:
        return decode(encoded)
    except Exception as error:
        return error
