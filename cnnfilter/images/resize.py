"""Maps and pictures of one size to another: every input value counts where the result is smaller."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Planes = NDArray[Any]
Pixels = NDArray[np.uint8]


def resize(
    planes: Planes, size: tuple[int, int], how: str = "stretch", ground: float = 0.0
) -> NDArray[np.float32]:  # fmt: skip
    """Return planes of another size.

    Parameters
    ----------
    planes
        ``(C, H, W)`` of any real type.
    size
        Rows and columns of the result.
    how
        ``stretch`` takes all of the input; ``crop`` keeps its proportions, taking the largest part in the middle
        that has those of the result; ``letterbox`` keeps them too, taking all of the input, in the middle of what is
        left free.
    ground
        The value of what a letterbox leaves free.

    Returns
    -------
    numpy.ndarray
        ``(C, rows, columns)`` float32. Bilinear, with a wider window where the result is smaller (antialiased).

    Examples
    --------
    >>> resize(np.arange(16.0).reshape(1, 4, 4), (2, 2)).shape
    (1, 2, 2)
    """
    if how == "letterbox":
        return _letterbox(planes, size, ground)
    top, left, rows, columns = covered((planes.shape[1], planes.shape[2]), size, how)
    box = (left, top, left + columns, top + rows)
    out = np.empty((len(planes), *size), np.float32)
    for plane, target in zip(planes, out, strict=True):
        picture = Image.fromarray(np.ascontiguousarray(plane, np.float32))
        target[...] = np.asarray(picture.resize((size[1], size[0]), Image.Resampling.BILINEAR, box=box))
    return out


def shrink(pixels: Pixels, width: int, height: int) -> Pixels:
    """Return a picture no larger than `width` by `height`, its proportions kept, every cell the mean of its area.

    Parameters
    ----------
    pixels
        ``(H, W, C)`` uint8, gray or RGB, and alpha, which is left out.
    width, height
        The most columns and rows of the result.

    Returns
    -------
    numpy.ndarray
        ``(rows, columns, 3)`` uint8.

    Examples
    --------
    >>> shrink(np.arange(0, 90, 10, dtype=np.uint8).reshape(3, 3, 1), 2, 2)[..., 0]
    array([[13, 27],
           [53, 67]], dtype=uint8)
    """
    planes = pixels[..., : 3 if pixels.shape[2] > 2 else 1]
    rows, columns = planes.shape[:2]
    scale = max(columns / width, rows / height, 1.0)
    small = _means(planes, max(1, round(rows / scale)))
    small = _means(small.swapaxes(0, 1), max(1, round(columns / scale))).swapaxes(0, 1)
    return np.broadcast_to(np.rint(small), (*small.shape[:2], 3)).astype(np.uint8)


def _means(values: Planes, count: int) -> Planes:
    """Return `values` averaged over `count` equal parts of the first axis; a cell that two parts share counts for both.

    Pillow's box filter takes each cell for one part alone, which shifts thin lines.
    """
    means = np.empty((count, *values.shape[1:]))
    edges = np.linspace(0, len(values), count + 1)
    for mean, start, stop in zip(means, edges, edges[1:], strict=False):
        cells = np.arange(int(start), min(math.ceil(stop), len(values)))
        shares = np.minimum(cells + 1, stop) - np.maximum(cells, start)
        mean[...] = np.tensordot(shares, values[cells[0] : cells[-1] + 1], 1) / (stop - start)
    return means


def covered(shape: tuple[int, int], size: tuple[int, int], how: str) -> tuple[float, float, float, float]:
    """Return the part of a picture of a shape that covers the result of `resize`: top, left, rows, columns.

    That of a letterbox is larger than the picture: its border lies outside.

    Examples
    --------
    >>> covered((40, 60), (8, 8), "stretch"), covered((40, 60), (8, 8), "crop")
    ((0.0, 0.0, 40.0, 60.0), (0.0, 10.0, 40.0, 40.0))
    >>> covered((40, 80), (8, 8), "letterbox")
    (-20.0, 0.0, 80.0, 80.0)
    """
    height, width = shape
    if how == "crop":
        scale = min(height / size[0], width / size[1])
        rows, columns = size[0] * scale, size[1] * scale
        return (height - rows) / 2, (width - columns) / 2, rows, columns
    if how == "letterbox":
        top, left, high, wide = _inside(shape, size)
        steps = height / high, width / wide
        return -top * steps[0], -left * steps[1], size[0] * steps[0], size[1] * steps[1]
    return 0.0, 0.0, float(height), float(width)


def _inside(shape: tuple[int, int], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return where a picture lies in its letterbox: top, left, rows, columns.

    An odd surplus goes to the bottom and right, as Ultralytics' YOLO has it.
    """
    scale = min(size[0] / shape[0], size[1] / shape[1])
    rows, columns = (max(1, round(side * scale)) for side in shape)
    return (size[0] - rows) // 2, (size[1] - columns) // 2, rows, columns


def _letterbox(planes: Planes, size: tuple[int, int], ground: float) -> NDArray[np.float32]:
    """Return planes in a size of the same proportions, with a border that makes up the rest."""
    top, left, rows, columns = _inside((planes.shape[1], planes.shape[2]), size)
    out = np.full((len(planes), *size), ground, np.float32)
    out[:, top : top + rows, left : left + columns] = resize(planes, (rows, columns))
    return out
