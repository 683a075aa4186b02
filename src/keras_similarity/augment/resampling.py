"""Boxes, blurs and warps of images `(b, h, w, c)`, each image by its own parameters, in NumPy or `keras.ops`."""

from typing import Any

__all__ = ["blur_weights", "box_weights", "resampled", "warped"]

Tensor = Any
GREY = 0.5  # what a warp shows from outside the image


def box_weights(xp: Any, start: Tensor, length: Tensor, size: int, out: int) -> Tensor:
    """Return weights `(b, out, size)` that scale the stretch from `start` of `length` pixels to `out` pixels.

    A triangle as wide as the pixels that become one, and at least bilinear interpolation.
    """
    step = length / out
    centers = start[:, None] + (xp.arange(out, dtype="float32") + 0.5) * step[:, None] - 0.5
    distance = xp.abs(centers[:, :, None] - xp.arange(size, dtype="float32"))
    return _normalized(xp, xp.maximum(1 - distance / xp.maximum(step, 1.0)[:, None, None], 0.0))


def blur_weights(xp: Any, sigma: Tensor, size: int, radius: int) -> Tensor:
    """Return weights `(b, size, size)` of a Gaussian that reaches `radius` pixels; at the edge, over what there is."""
    places = xp.arange(size, dtype="float32")
    distance = xp.abs(places[:, None] - places)
    bell = xp.exp(-0.5 * xp.square(distance / sigma[:, None, None]))
    return _normalized(xp, xp.where(distance <= radius, bell, 0.0))


def resampled(xp: Any, images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Return images `(b, H, W, c)`, weighted by rows `(b, H, h)` and columns `(b, W, w)`."""
    _, height, width, channels = images.shape
    out_height, out_width = rows.shape[1], columns.shape[1]
    stretched = xp.matmul(rows, xp.reshape(images, (-1, height, width * channels)))
    turned = xp.transpose(xp.reshape(stretched, (-1, out_height, width, channels)), (0, 2, 1, 3))
    both = xp.matmul(columns, xp.reshape(turned, (-1, width, out_height * channels)))
    return xp.transpose(xp.reshape(both, (-1, out_width, out_height, channels)), (0, 2, 1, 3))


def warped(xp: Any, images: Tensor, matrix: tuple[Tensor, ...]) -> Tensor:
    """Return images whose place (x, y) shows what was at (a x + b y + tx, c x + d y + ty), grey where nothing was.

    Args:
        xp: NumPy or `keras.ops`.
        images: `(b, h, w, c)`.
        matrix: a, b, tx, c, d, ty, each `(b,)`; x and y count pixels from the middle. Bilinear.
    """
    _, height, width, channels = images.shape
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
    x = xp.reshape(xp.arange(width, dtype="float32") - middle_x, (1, 1, width))
    y = xp.reshape(xp.arange(height, dtype="float32") - middle_y, (1, height, 1))
    a, b, tx, c, d, ty = (value[:, None, None] for value in matrix)
    source_x, source_y = a * x + b * y + tx + middle_x, c * x + d * y + ty + middle_y
    left, top = xp.floor(source_x), xp.floor(source_y)
    flat = xp.reshape(images, (-1, height * width, channels))
    total: Any = 0.0
    for column, row in ((left, top), (left + 1, top), (left, top + 1), (left + 1, top + 1)):
        weight = (1 - xp.abs(source_x - column)) * (1 - xp.abs(source_y - row))
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        place = xp.clip(row, 0, height - 1) * width + xp.clip(column, 0, width - 1)
        index = _whole(xp, xp.reshape(place, (-1, height * width, 1)))
        found = xp.reshape(xp.take_along_axis(flat, index, axis=1), (-1, height, width, channels))
        total = total + weight[..., None] * xp.where(inside[..., None], found, GREY)
    return total


def _whole(xp: Any, values: Tensor) -> Tensor:
    return xp.cast(values, "int32") if hasattr(xp, "cast") else values.astype("int32")


def _normalized(xp: Any, weights: Tensor) -> Tensor:
    return weights / xp.sum(weights, axis=-1, keepdims=True)
