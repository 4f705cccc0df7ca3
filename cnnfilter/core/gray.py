"""One brightness of three colours, each tool with its own weights and roundings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

#: Luma weights of ITU-R BT.601.
BT601 = (0.299, 0.587, 0.114)


def bt601(colors: Array, dtype: np.dtype[Any]) -> Array:
    """Return ``0.299 R + 0.587 G + 0.114 B`` (ITU-R BT.601) of planes ``(3, H, W)``."""
    return _weighted(colors, BT601, dtype)


def _weighted(colors: Array, weights: tuple[float, float, float], dtype: np.dtype[Any]) -> Array:
    """Return a weighted sum of planes, ``(H, W)``."""
    gray: Array = np.tensordot(np.array(weights, dtype), colors.astype(dtype), 1)
    return gray


def _fixed(colors: Array, weights: tuple[int, int, int], bits: int) -> Array:
    """Return a weighted sum in fixed point, rounded half up, in the type of the planes."""
    red, green, blue = (plane.astype(np.int64) * weight for plane, weight in zip(colors, weights, strict=True))
    gray: Array = (red + green + blue + (1 << (bits - 1))) >> bits
    return gray.astype(colors.dtype)


def opencv(colors: Array, dtype: np.dtype[Any]) -> Array:
    """Return ``cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)``: whole numbers in 15 bits.

    Examples
    --------
    >>> opencv(np.array([[[200]], [[100]], [[50]]], np.uint8), np.dtype("f4"))
    array([[124]], dtype=uint8)
    """
    return _fixed(colors, (9798, 19235, 3735), 15) if colors.dtype.kind == "u" else bt601(colors, dtype)


def pillow(colors: Array, dtype: np.dtype[Any]) -> Array:
    """Return ``image.convert("L")``: 8 bits in fixed point of 16."""
    return _fixed(colors, (19595, 38470, 7471), 16) if colors.dtype == np.uint8 else bt601(colors, dtype)


def skimage(colors: Array, dtype: np.dtype[Any]) -> Array:
    """Return ``skimage.color.rgb2gray(image)``, in the range of the planes."""
    return _weighted(colors, (0.2125, 0.7154, 0.0721), dtype)


def imagemagick(colors: Array, dtype: np.dtype[Any]) -> Array:
    """Return ``-colorspace Gray``: rounded at 16 bits, of which 8-bit values are 257 each."""
    gray = _weighted(colors, (0.212656, 0.715158, 0.072186), np.dtype(np.float64))
    steps = {1: 257, 2: 1}.get(colors.dtype.itemsize) if colors.dtype.kind == "u" else None
    return gray if steps is None else np.floor(gray * steps + 0.5) / steps


def matlab(colors: Array, dtype: np.dtype[Any]) -> Array:
    """Return ``im2gray(image)``, of whole numbers rounded."""
    gray = _weighted(colors, (0.298936021293775, 0.587043074451121, 0.114020904255103), np.dtype(np.float64))
    return np.floor(gray + 0.5) if colors.dtype.kind == "u" else gray


#: Each takes planes ``(3, H, W)`` as stored and the computing type, and returns ``(H, W)``.
GRAYS: dict[str, Callable[[Array, np.dtype[Any]], Array]] = {
    "bt601": bt601,
    "opencv": opencv,
    "pillow": pillow,
    "skimage": skimage,
    "imagemagick": imagemagick,
    "matlab": matlab,
}
