"""Pixels as they are stored, made into what the first layer takes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cnnfilter.core.shapes import Pair
from cnnfilter.errors import ShapeError
from cnnfilter.network.spec import Array, Input

#: Luma weights of ITU-R BT.601, as Pillow and OpenCV use them.
LUMA = (0.299, 0.587, 0.114)
#: Makes planes ``(C, H, W)`` of another size, by ``stretch`` or ``crop``.
Resize = Callable[[Array, Pair, str], Array]


def prepare(planes: Array, expected: Input, white: float, resize: Resize, dtype: str = "float32") -> Array:
    """Return planes as the first layer takes them.

    Parameters
    ----------
    planes
        ``(C, H, W)`` as stored, without transparency.
    expected
        What the network says about its input.
    white
        The value of white in `planes`, which ``range: unit`` divides by.
    resize
        How another size is made to fit.
    dtype
        The computing type.

    Returns
    -------
    numpy.ndarray
        ``(C, H, W)``: channels, size, range, then ``(value - mean) / std``.

    Raises
    ------
    ShapeError
        If the channels cannot be made to fit, or the size may not.
    """
    values = _channels(planes, expected.channels)
    if expected.size is not None and values.shape[1:] != expected.size:
        if expected.resize == "none":
            has, needs = ("x".join(map(str, size)) for size in (values.shape[1:], expected.size))
            raise ShapeError(f"the image is {has}, the network takes {needs} (resize: stretch would make it fit)")
        values = resize(values, expected.size, expected.resize)
    values = values.astype(dtype)
    if expected.range == "unit":
        values /= white
    mean, std = (np.array(numbers, dtype).reshape(-1, 1, 1) for numbers in (expected.mean, expected.std))
    if mean.any():
        values = values - mean
    if (std != 1).any():
        values = values / std
    return values


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
    raise ShapeError(f"the image has {have} channels, the network takes {wanted}")


def white_of(values: Array) -> float:
    """Return white: the largest value of an integer type, or the smallest of 1, 255 and 65535 that holds all values."""
    if values.dtype.kind in "iu" and values.dtype.itemsize <= 2:
        return float(np.iinfo(values.dtype).max)
    largest = float(np.max(values, where=np.isfinite(values), initial=0.0))
    return next((limit for limit in (1.0, 255.0, 65535.0) if largest <= limit), largest)
