"""Pixels as they are stored, made into what the first layer takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cnnfilter.core.arrays import Array, exactly
from cnnfilter.core.shapes import Pair
from cnnfilter.errors import ParameterError, ShapeError
from cnnfilter.networks.spec import Input

#: Luma weights of ITU-R BT.601, as Pillow and OpenCV use them.
LUMA = (0.299, 0.587, 0.114)
#: Makes planes ``(C, H, W)`` of another size, by ``stretch``, ``crop`` or ``letterbox`` with a value around.
Resize = Callable[[Array, Pair, str, float], Array]
#: What a letterbox is filled with, of a white of 255: YOLO's gray.
LETTERBOX = 114 / 255


def prepare(planes: Array, expected: Input, white: float, resize: Resize, dtype: Any = "float32") -> Array:
    """Return planes as the first layer takes them.

    Parameters
    ----------
    planes
        ``(C, H, W)`` as stored, without transparency.
    expected
        What the network says about its input.
    white
        The value of white in `planes`, which ``range: unit`` divides by, and a letterbox is a share of.
    resize
        How another size is made to fit.
    dtype
        The type that the network takes.

    Returns
    -------
    numpy.ndarray
        ``(C, H, W)``: channels, size, range, then ``(value - mean) / std``. Where the network takes whole numbers,
        luma and resized values are rounded half to even.

    Raises
    ------
    ShapeError
        If the channels cannot be made to fit, or the size may not.
    ParameterError
        If the network takes whole numbers, and the values are none, or are outside its type's range.
    """
    wanted = np.dtype(dtype)
    check_whole(expected, wanted)
    if wanted.kind in "iub" and planes.dtype.kind == "f":
        exactly(planes, np.int64, "the image")  # what is rounded below are only values made here
    values = _fitted(_channels(planes, expected.channels), expected, resize, LETTERBOX * white)
    if expected.order == "BGR" and len(values) in (3, 4):
        values = values[[2, 1, 0, 3][: len(values)]]
    values = np.rint(values) if wanted.kind in "iub" else values.astype(np.result_type(wanted, np.float32))
    if expected.range == "unit":
        values /= white
    mean, std = (np.array(numbers, values.dtype).reshape(-1, 1, 1) for numbers in (expected.mean, expected.std))
    if mean.any():
        values = values - mean
    if (std != 1).any():
        values = values / std
    return exactly(values, wanted, "the network's input")


def _fitted(values: Array, expected: Input, resize: Resize, ground: float) -> Array:
    """Return planes in the size that is wanted."""
    height, width = values.shape[1:]
    size = expected.size_for((height, width))
    if size == (height, width):
        return values
    if expected.resize == "none":
        needs = "x".join(map(str, size))
        raise ShapeError(
            f"the image is {height}x{width}, the network takes {needs} (resize: stretch would make it fit)"
        )
    return resize(values, size, expected.resize, ground)


def check_whole(expected: Input, dtype: np.dtype[Any]) -> None:
    """Refuse a preparation that makes fractions where the network takes whole numbers.

    Raises
    ------
    ParameterError
        If `dtype` is one of whole numbers, and range, mean or std would give others.
    """
    if dtype.kind not in "iub":
        return
    if expected.range == "unit":
        raise ParameterError(f"the network takes {dtype}, and range unit makes fractions (range: stored keeps bytes)")
    if any(number != 1 for number in expected.std) or any(number % 1 for number in expected.mean):
        raise ParameterError(f"the network takes {dtype}, so mean must be whole and std 1: fractions would be lost")


def _channels(planes: Array, wanted: int | None) -> Array:
    """Return planes in the number of channels that is wanted: luma of three, or gray three times."""
    have = len(planes)
    if wanted in (None, have):
        return planes
    if wanted == 1 and have == 3:
        luma: Array = np.tensordot(np.array(LUMA, np.float32), planes.astype(np.float32), 1)[None]
        return luma
    if have == 1:
        return np.broadcast_to(planes, (wanted or 1, *planes.shape[1:]))
    hint = " (a picture with transparency has 4)" if wanted == 4 else ""
    raise ShapeError(f"the image has {have} channels, the network takes {wanted}{hint}")


def white_of(values: Array) -> float:
    """Return white: the largest value of an integer type, or the smallest of 1, 255 and 65535 that holds all values."""
    if values.dtype.kind in "iu" and values.dtype.itemsize <= 2:
        return float(np.iinfo(values.dtype).max)
    largest = float(np.max(values, where=np.isfinite(values), initial=0.0))
    return next((limit for limit in (1.0, 255.0, 65535.0) if largest <= limit), largest)
