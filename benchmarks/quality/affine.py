"""Drawings turned, stretched, slanted and moved a little, each by itself: as another hand would have drawn them."""

import numpy as np

DEGREES, STRETCH, SLANT, MOVE = 10.0, 0.15, 0.15, 0.05


def affine(images, seed):
    """Images `(b, h, w, 1)` float32, each seen through a random affine map; black where nothing was.

    Degrees of turn, the logarithm of the stretch along each axis, the slant, and the move as a fraction of the side
    are drawn evenly within plus or minus their constants.
    """
    count, height, width, _ = images.shape
    rng = np.random.default_rng(seed)

    def draw(limit):
        return rng.uniform(-limit, limit, (count, 1, 1)).astype(np.float32)

    turn, slant = draw(np.radians(DEGREES)), draw(SLANT)
    wide, high = np.exp(draw(STRETCH)), np.exp(draw(STRETCH))
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
    x = (np.arange(width, dtype=np.float32) - middle_x)[None, None, :]
    y = (np.arange(height, dtype=np.float32) - middle_y)[None, :, None]
    source_x = np.cos(turn) * wide * x + (slant - np.sin(turn)) * high * y + draw(MOVE) * width + middle_x
    source_y = np.sin(turn) * wide * x + np.cos(turn) * high * y + draw(MOVE) * height + middle_y
    return between_pixels(images[..., 0], source_x, source_y)[..., None]


def between_pixels(images, x, y):
    """The brightness at places between pixels, bilinear; a black frame around each image stands for all outside."""
    count, height, width = images.shape
    framed = np.zeros((count, height + 3, width + 3), np.float32)
    framed[:, 1 : height + 1, 1 : width + 1] = images
    x, y = np.clip(x + 1, 0, width + 1), np.clip(y + 1, 0, height + 1)
    left, top = x.astype(np.int32), y.astype(np.int32)
    row = width + 3
    place = top * row + left + np.arange(count, dtype=np.int32)[:, None, None] * framed[0].size
    flat = framed.ravel()
    upper = flat[place] + (x - left) * (flat[place + 1] - flat[place])
    lower = flat[place + row] + (x - left) * (flat[place + row + 1] - flat[place + row])
    return upper + (y - top) * (lower - upper)
