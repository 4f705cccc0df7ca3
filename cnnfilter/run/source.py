"""A picture as the rows that a convolution reads: channels chosen, gray made, range applied, never held whole."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from cnnfilter.core.arrays import Array, exactly, whole_numbers
from cnnfilter.core.shapes import Pair
from cnnfilter.errors import ParameterError
from cnnfilter.files import quoted
from cnnfilter.images.picture import Picture
from cnnfilter.library.conventions import CONVENTIONS
from cnnfilter.run.options import Options

#: Bytes of the types whose range says enough of their values.
_NARROW = 2
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


def _white(picture: Picture, options: Options) -> float:
    """Return what is divided by for 0 to 1: tools that scale go by the type, whatever the values are."""
    by_type = options.tool and CONVENTIONS[options.tool].range == "unit" and picture.dtype.kind in "iu"
    return float(np.iinfo(picture.dtype).max) if by_type else picture.white


class PictureSource:
    """The colour channels of a picture as one image ``(1, C, H, W)``.

    Alpha is no brightness: it is left out here, and carried over to the pictures that are written. What a tool that
    filters it reads is `part` ``alpha``; where colours count by their opacity, ``weighted`` and ``opacity``, 0 to 1.
    """

    def __init__(self, picture: Picture, options: Options, part: str = "colors") -> None:
        self.picture, self.options, self.part = picture, options, part
        self.dtype = np.dtype(options.dtype)
        self.finite = picture.dtype.kind != "f"
        self.colors = picture.channels - picture.has_alpha
        self.luma = options.channels == "gray" and self.colors == 3
        self.divisor = _white(picture, options) if options.range == "unit" else 1.0
        if options.whole and self.luma:
            raise ParameterError(
                f"{quoted(picture.name)}: gray is a weighted mean of the colours, which makes fractions: not with "
                f"--dtype {options.dtype} (--channels each or sum)"
            )

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """``(1, C, H, W)``."""
        single = self.luma or self.part in ("alpha", "opacity")
        return (1, 1 if single else self.colors, self.picture.height, self.picture.width)

    @property
    def white(self) -> float:
        """The value of white in these rows."""
        return 1.0 if self.divisor != 1.0 else self.picture.white

    def rows(self, first: int, last: int, start: int, stop: int) -> Array:
        """Return rows ``start:stop`` as ``(1, C, rows, W)``."""
        planes = self.picture.rows(start, stop)
        if self.part == "alpha":
            return planes[None, self.colors :]
        if self.part == "opacity":
            return planes[None, self.colors :] / np.float64(self.picture.white)
        values = planes[: self.colors]
        if self.options.whole and not self.finite:
            values = whole_numbers(values, f"{quoted(self.picture.name)}, from row {start} on,")
        if self.luma:
            gray = GRAYS[CONVENTIONS[self.options.tool].gray if self.options.tool else "bt601"]
            values = gray(values, self.dtype)[None]
        if self.divisor != 1.0:
            values = np.divide(values, self.divisor, dtype=self.dtype)
            if self.picture.dtype.kind == "i" and self.options.tool:
                np.maximum(values, -1, out=values)  # two's complement reaches one further below 0
        if self.part == "weighted":
            values = values * (planes[self.colors :] / np.float64(self.picture.white))
        return values[None]

    def of(self, part: str) -> PictureSource:
        """Return another part of the same picture."""
        return PictureSource(self.picture, self.options, part)

    def extent(self) -> Pair:
        """Return a whole number that no value is below, and one that none is above: of few bits those of the type."""
        if self.picture.dtype.kind in "iu" and self.picture.dtype.itemsize <= _NARROW:
            limits = np.iinfo(self.picture.dtype)
            return int(limits.min), int(limits.max)
        parts = [_ends(self.rows(0, 1, *span)) for span in self.picture.spans()]
        return min(low for low, _ in parts), max(high for _, high in parts)

    @cached_property
    def missing(self) -> int:
        """How many cells are NaN; reads every row of a picture of floats."""
        if self.finite:
            return 0
        return sum(int(np.isnan(self.rows(0, 1, *span)).sum()) for span in self.picture.spans())

    def array(self) -> Array:
        """Return all rows as ``(C, H, W)`` in the computing type."""
        out = np.empty(self.shape[1:], self.dtype)
        for start, stop in self.picture.spans():
            rows = self.rows(0, 1, start, stop)[0]
            out[:, start:stop] = exactly(rows, self.dtype, self.picture.name) if self.options.whole else rows
        return out


def _ends(values: Array) -> Pair:
    """Return the smallest and the largest of some whole numbers."""
    return int(values.min()), int(values.max())
