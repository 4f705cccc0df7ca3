"""A picture as the rows that a convolution reads: channels chosen, range applied, never held whole."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from cnnfilter.images.picture import Picture
from cnnfilter.job.options import Options

Array = np.ndarray[Any, np.dtype[Any]]

#: Luma weights of ITU-R BT.601, as Pillow and OpenCV use them.
LUMA = (0.299, 0.587, 0.114)


class PictureSource:
    """The colour channels of a picture as one image ``(1, C, H, W)``.

    Alpha is no brightness: it is left out here, and carried over to the pictures that are written.
    """

    def __init__(self, picture: Picture, options: Options) -> None:
        self.picture = picture
        self.dtype = np.dtype(options.dtype)
        self.finite = picture.dtype.kind != "f"
        self.colors = picture.channels - picture.has_alpha
        self.luma = options.channels == "gray" and self.colors == 3
        self.divisor = picture.white if options.range == "unit" else 1.0

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """``(1, C, H, W)``."""
        return (1, 1 if self.luma else self.colors, self.picture.height, self.picture.width)

    @property
    def white(self) -> float:
        """The value of white in these rows."""
        return 1.0 if self.divisor != 1.0 else self.picture.white

    def rows(self, first: int, last: int, start: int, stop: int) -> Array:
        """Return rows ``start:stop`` as ``(1, C, rows, W)``."""
        values = self.picture.rows(start, stop)[: self.colors]
        if self.luma:
            values = np.tensordot(np.array(LUMA, self.dtype), values.astype(self.dtype), 1)[None]
        if self.divisor != 1.0:
            values = np.divide(values, self.divisor, dtype=self.dtype)
        return values[None]

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
