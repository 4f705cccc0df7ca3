"""A picture that was opened: what is known of it, and its rows when they are asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Strip = NDArray[Any]

#: Rows that are handed out at a time when the whole picture is walked through.
STRIP_ROWS = 256

#: The share of its largest value by which brightness may lie below black.
_UNDERSHOOT = 0.1


@dataclass(frozen=True, eq=False)
class Picture:
    """An image, or a grid of numbers taken for one.

    Parameters
    ----------
    name
        What messages call it.
    height, width, channels
        Its size; an alpha channel counts.
    has_alpha
        Whether the last channel is transparency.
    dtype
        The type of the values in `rows`, in the machine's byte order.
    notes
        What the user should know: ``first of 12 frames``.
    strip
        Gives rows ``start`` to ``stop`` as ``(C, stop - start, W)``; safe to call from several threads.
    full_scale
        The value of white where the type of the file fixes it, else 0.
    profile
        The ICC profile that says what the colours are; empty for none.
    grid
        Whether it is a grid of numbers, and no picture.
    """

    name: str
    height: int
    width: int
    channels: int
    has_alpha: bool
    dtype: np.dtype[Any]
    notes: tuple[str, ...]
    strip: Callable[[int, int], Strip] = field(repr=False)
    full_scale: float = 0.0
    profile: bytes = field(default=b"", repr=False)
    grid: bool = False

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, rows, columns."""
        return self.channels, self.height, self.width

    @cached_property
    def white(self) -> float:
        """The value of white: 255, 65535, or the smallest of 1, 255 and 65535 that holds all values.

        A float image or a grid whose values go further has its largest finite value for white.
        Finding that reads every value once, when it is first asked for.
        """
        if self.full_scale:
            return self.full_scale
        largest = self._ends[1]
        return next((limit for limit in (1.0, 255.0, 65535.0) if largest <= limit), largest)

    @property
    def is_light(self) -> bool:
        """Whether the values are brightness, with black at 0.

        Those of a picture are, unless they go below 0 by more than the little that an earlier filter leaves there.
        """
        if self.grid or self.full_scale:
            return not self.grid
        lowest, largest = self._ends
        return -lowest <= _UNDERSHOOT * largest

    @cached_property
    def _ends(self) -> tuple[float, float]:
        """The smallest and the largest finite value, or 0 where that is smaller, and larger."""
        ends = [_ends(self.rows(*span)) for span in self.spans()]
        return min(low for low, _ in ends), max(high for _, high in ends)

    def spans(self) -> list[tuple[int, int]]:
        """Return the first row of each strip and the one after its last."""
        return [(row, min(row + STRIP_ROWS, self.height)) for row in range(0, self.height, STRIP_ROWS)]

    def rows(self, start: int, stop: int) -> Strip:
        """Return rows `start` up to `stop` as ``(C, stop - start, W)``, in the stored type.

        The array may be a read-only view: copy it before changing it.
        """
        if not 0 <= start < stop <= self.height:
            raise IndexError(f"rows {start} to {stop} of {self.height}")
        return self.strip(start, stop)

    def array(self, dtype: Any = None) -> Strip:
        """Return all of it as a new array ``(C, H, W)``, strip by strip.

        Parameters
        ----------
        dtype
            The type of the result; the stored type unless given.
        """
        whole = np.empty(self.shape, dtype or self.dtype)
        for start, stop in self.spans():
            whole[:, start:stop] = self.rows(start, stop)
        return whole


def array_picture(
    values: NDArray[Any], name: str, notes: tuple[str, ...] = (), *, has_alpha: bool = False, full_scale: float = 0.0,
    grid: bool = False, profile: bytes = b"",
) -> Picture:  # fmt: skip
    """Return an array ``(C, H, W)`` as a picture."""
    channels, height, width = values.shape

    def strip(start: int, stop: int) -> Strip:
        return values[:, start:stop]

    return Picture(
        name, height, width, channels, has_alpha=has_alpha, dtype=values.dtype, notes=notes, strip=strip,
        full_scale=full_scale, grid=grid, profile=profile,
    )  # fmt: skip


def _ends(values: Strip) -> tuple[float, float]:
    """Return the smallest and the largest finite value, and 0 where there is none beyond it."""
    where = np.isfinite(values) if values.dtype.kind == "f" else np.True_
    return float(np.min(values, where=where, initial=0)), float(np.max(values, where=where, initial=0))
