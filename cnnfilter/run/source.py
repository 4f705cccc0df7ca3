"""A picture as the rows that a convolution reads: channels chosen, range applied, never held whole."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from cnnfilter.images.picture import Picture
from cnnfilter.library.conventions import CONVENTIONS
from cnnfilter.run.options import Options

Array = np.ndarray[Any, np.dtype[Any]]


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
        if self.luma:
            from cnnfilter.core.gray import GRAYS  # most jobs keep the colours

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
            out[:, start:stop] = self.rows(0, 1, start, stop)[0]
        return out
