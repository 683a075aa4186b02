"""Drawings moved and scaled to fill their images: where and how large somebody drew says little of what he drew."""

import numpy as np
from quality.affine import between_pixels

INK = 64  # of 255: what is brighter is part of the drawing
MARGIN = 1.0  # pixels around it
PART = 4096


def framed(images, side):
    """Images `(n, side, side, 1)` of drawings `(n, h, w, 1)`.

    Each axis is stretched half of the way, on a scale of logarithms, to where the drawing would fill it: thin drawings
    become wider, and still look thin.
    """
    parts = [_framed(images[start : start + PART, ..., 0], side) for start in range(0, len(images), PART)]
    return np.concatenate(parts)[..., None]


def _framed(images, side):
    ink = images > INK
    (left, right), (top, bottom) = _ends(ink.any(axis=1)), _ends(ink.any(axis=2))
    wide, high = right - left + 1 + 2 * MARGIN, bottom - top + 1 + 2 * MARGIN
    longer = np.maximum(wide, high)
    steps = (np.arange(side, dtype=np.float32) - (side - 1) / 2) / side
    x = ((left + right) / 2)[:, None] + steps * np.sqrt(wide * longer)[:, None]
    y = ((top + bottom) / 2)[:, None] + steps * np.sqrt(high * longer)[:, None]
    shape = (len(images), side, side)
    seen = between_pixels(
        images.astype(np.float32), np.broadcast_to(x[:, None, :], shape), np.broadcast_to(y[:, :, None], shape)
    )
    return np.rint(seen).astype(np.uint8)


def _ends(filled):
    """The first and the last column, or row, with ink in it, two `(n,)`; all of them for an empty image."""
    last = filled.shape[1] - 1 - filled[:, ::-1].argmax(axis=1)
    return filled.argmax(axis=1).astype(np.float32), last.astype(np.float32)
