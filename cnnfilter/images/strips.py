"""Readers of boxes of pixels, and what can be put between one and the user: transparency keys, orientation.

A reader takes ``(left, top, right, bottom)`` and gives an array ``(C, bottom - top, right - left)``. It may
be called from several threads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cnnfilter.images.picture import ORIENTATIONS, Mode, Strip

if TYPE_CHECKING:
    from PIL import Image

Box = tuple[int, int, int, int]
Reader = Callable[[Box], Strip]


def boxes_of(image: Image.Image, mode: Mode) -> Reader:
    """Return a reader of a loaded Pillow image, converted to the mode's target box by box."""

    def read(box: Box) -> Strip:
        part = image.crop(box)
        if part.mode != mode.target:
            part = part.convert(mode.target)
        rows, columns = part.height, part.width
        if mode.target in ("RGB", "RGBA"):  # one packed band after the other: twice as fast as a transpose
            return planes([(part, band) for band in mode.bands])
        pixels = np.frombuffer(part.tobytes(), mode.dtype).reshape(rows, columns, -1)
        return native(pixels.transpose(2, 0, 1))  # (C, R, W)

    return read


def planes(bands: Sequence[tuple[Image.Image, str]]) -> Strip:
    """Return one 8-bit band each of some images of one size as ``(C, R, W)``."""
    width, height = bands[0][0].size
    values = np.empty((len(bands), height, width), np.uint8)
    for index, (image, band) in enumerate(bands):
        values[index] = np.frombuffer(image.tobytes("raw", band), np.uint8).reshape(height, width)
    return values


def deep_boxes(high: Image.Image, low: Image.Image, bands: Sequence[tuple[str, str]]) -> Reader:
    """Return a reader of 16-bit values whose high and low bytes lie in bands of two images."""

    def read(box: Box) -> Strip:
        upper, lower = high.crop(box), low.crop(box)
        values = planes([(upper, band) for band, _ in bands]).astype(np.uint16)
        values <<= 8
        values |= planes([(lower, band) for _, band in bands])
        return values

    return read


def keyed(reader: Reader, key: tuple[int, ...], dtype: Any) -> Reader:
    """Add an alpha channel: 0 where all channels equal the key, else the largest value of the type."""
    opaque = np.iinfo(dtype).max
    wanted = np.array(key, np.int64).reshape(-1, 1, 1)  # (C, 1, 1)

    def read(box: Box) -> Strip:
        colours = reader(box)
        alpha = np.where((colours == wanted).all(axis=0, keepdims=True), 0, opaque)
        return np.concatenate([colours, alpha.astype(colours.dtype)])

    return read


def upright(reader: Reader, height: int, width: int, orientation: int) -> Callable[[int, int], Strip]:
    """Return a function that gives rows of the picture as it should be seen.

    Parameters
    ----------
    reader
        Reads boxes of the picture as it is stored.
    height, width
        Its stored size.
    orientation
        The EXIF orientation, 1 to 8.
    """
    swap, down, across = ORIENTATIONS[orientation]
    last = width if swap else height  # the rows that are seen are stored columns when axes change places

    def rows(start: int, stop: int) -> Strip:
        if down:
            start, stop = last - stop, last - start
        values = reader((start, 0, stop, height) if swap else (0, start, width, stop))
        if swap:
            values = values.transpose(0, 2, 1)
        values = values[:, :: -1 if down else 1, :: -1 if across else 1]
        return values if orientation == 1 else np.ascontiguousarray(values)

    return rows


def native(values: Strip) -> Strip:
    """Return the values in the machine's own byte order."""
    return values if values.dtype.isnative else values.astype(values.dtype.newbyteorder("="))
