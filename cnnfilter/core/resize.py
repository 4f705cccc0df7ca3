"""Maps made larger or smaller: where the values of the result lie among the cells, and what each is made of."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from cnnfilter.core.arrays import Array
from cnnfilter.core.blas import blas_in_one_thread

#: How far a cubic goes below 0 beside its middle: what PyTorch and ONNX take.
CUBIC = -0.75


class Axis(NamedTuple):
    """How one axis is resized: value ``i`` of the result lies at ``start + i * step``.

    Attributes
    ----------
    length, out
        Cells that come in, and values that go out.
    step
        Cells from one value to the next.
    start
        Where the first value lies: 0 is the first cell.
    mode
        ``nearest``, ``linear`` or ``cubic``.
    """

    length: int
    out: int
    step: Fraction
    start: Fraction
    mode: str

    def windows(self) -> tuple[int, int, bool]:
        """Return how many cells the largest window holds, where the first one begins, and whether all are alike.

        Examples
        --------
        >>> resized_axis(8, 4, "linear").windows(), resized_axis(9, 3, "linear").windows()
        ((2, 0, True), (1, 1, True))
        """
        cell = math.floor(self.start)
        even = self.step.denominator == 1 or self.out == 1
        if self.mode == "nearest" or (even and self.start == cell):
            return 1, cell, even
        return (2, cell, even) if self.mode == "linear" else (4, cell - 1, even)

    def places(self) -> tuple[list[int], list[float]]:
        """Return for each value the cell that it lies on or behind, and its share of the way to the next one."""
        whole = math.lcm(self.start.denominator, self.step.denominator)
        start, step = int(self.start * whole), int(self.step * whole)
        found = [divmod(start + index * step, whole) for index in range(self.out)]
        return [cell for cell, _ in found], [rest / whole for _, rest in found]


def resized_axis(
    length: int, out: int, mode: str, scale: Fraction | None = None, *, align_corners: bool = False
) -> Axis:
    """Return how an axis is resized.

    With ``step = 1 / scale``, or ``length / out`` where no scale is given, value ``i`` lies at

    ===================  ===================================================
    nearest              ``i * step``
    linear, cubic        ``(i + 1/2) * step - 1/2``: cells are areas
    with align_corners   ``i * (length - 1) / (out - 1)``: cells are points
    ===================  ===================================================

    Notes
    -----
    So it is in ONNX, and in PyTorch; but PyTorch takes ``length / out`` in place of a scale that, rounded down, leaves
    as many cells as there are, and for nearest also where it leaves twice as many.

    Examples
    --------
    >>> resized_axis(3, 4, "linear").places()
    ([-1, 0, 1, 2], [0.875, 0.625, 0.375, 0.125])
    """
    if align_corners:
        return Axis(length, out, Fraction(length - 1, max(1, out - 1)), Fraction(0), mode)
    step = Fraction(length, out) if scale is None else 1 / scale
    return Axis(length, out, step, Fraction(0) if mode == "nearest" else (step - 1) / 2, mode)


class Taps(NamedTuple):
    """What each value of a resized axis is made of: ``cells`` and ``weights``, both ``(out, taps)``."""

    cells: Array
    weights: Array

    @property
    def plain(self) -> bool:
        """Whether each value is one cell as it is."""
        return bool(self.weights.shape[1] == 1)

    def matrix(self, length: int) -> Array:
        """Return the weights of all cells for all values: ``(out, length)``."""
        made = np.zeros((len(self.cells), length))
        np.add.at(made, (np.arange(len(self.cells))[:, None], self.cells), self.weights)
        return made


@lru_cache(maxsize=64)
def axis_taps(axis: Axis) -> Taps:
    """Return what each value of a resized axis is made of.

    Of a value that lies on cell ``c``, or the share ``f`` of the way behind it,

    ========  =====================================================================================================
    nearest   cell ``c``: its place is rounded down
    linear    ``c`` times ``1 - f``, and the next cell times ``f``; what lies before the first cell lies on it
    cubic     the four cells from ``c - 1`` on, by the cubic of R. Keys with ``a = -0.75``
    ========  =====================================================================================================

    In the place of cells beyond an end stands the cell at the end.

    References
    ----------
    .. [1] R. Keys, "Cubic convolution interpolation for digital image processing", IEEE Transactions on Acoustics,
       Speech, and Signal Processing 29(6), 1981.

    Examples
    --------
    >>> axis_taps(resized_axis(3, 6, "linear")).matrix(3)[:3]
    array([[1.  , 0.  , 0.  ],
           [0.75, 0.25, 0.  ],
           [0.25, 0.75, 0.  ]])
    """
    found, shares = axis.places()
    first, after = np.array(found)[:, None], np.array(shares)
    if axis.windows()[0] == 1:
        return Taps(first, np.ones((axis.out, 1)))
    if axis.mode == "linear":
        after[first[:, 0] < 0] = 1  # which makes it the next one, the first cell
        cells, weights = first + np.arange(2), np.stack([1 - after, after], axis=1)
    else:
        cells = first + np.arange(-1, 3)
        weights = np.stack([_far(1 + after), _near(after), _near(1 - after), _far(2 - after)], axis=1)
    return Taps(np.clip(cells, 0, axis.length - 1), weights)


def _near(distance: Array) -> Array:
    """Return a cubic's weights up to a distance of 1."""
    return ((CUBIC + 2) * distance - (CUBIC + 3)) * distance * distance + 1


def _far(distance: Array) -> Array:
    """Return a cubic's weights from a distance of 1 to 2."""
    return CUBIC * (((distance - 5) * distance + 8) * distance - 4)


def resize2d(maps: Array, down: Axis, across: Axis) -> Array:
    """Return maps ``(..., H, W)`` with other rows and columns: first the rows are made, then of these the columns.

    Examples
    --------
    >>> resize2d(np.array([[1.0, 5.0]]), resized_axis(1, 1, "linear"), resized_axis(2, 4, "linear"))
    array([[1., 2., 4., 5.]])
    """
    return _along(_along(maps, axis_taps(down), maps.ndim - 2), axis_taps(across), maps.ndim - 1)


def _along(values: Array, taps: Taps, axis: int) -> Array:
    """Return values resized along one axis."""
    made: Array = values.take(taps.cells[:, 0], axis=axis)
    if taps.plain:
        return made
    weights = taps.weights.astype(values.dtype).reshape(*taps.weights.shape, *(1,) * (values.ndim - 1 - axis))
    made *= weights[:, 0]
    for tap in range(1, weights.shape[1]):
        made += values.take(taps.cells[:, tap], axis=axis) * weights[:, tap]
    return made


def resize2d_gradient(gradient: Array, down: Axis, across: Axis) -> Array:
    """Return the gradient of a loss with respect to what ``resize2d`` was given, in the gradient's type.

    Parameters
    ----------
    gradient
        ``(..., oH, oW)``: the gradient with respect to the result.

    Notes
    -----
    Each cell gets what flows to the values that it is part of, times its weights there: products with the matrices of
    all weights.
    """
    rows, columns = (axis_taps(axis).matrix(axis.length).astype(gradient.dtype) for axis in (down, across))
    with blas_in_one_thread():
        back: Array = rows.T @ (gradient @ columns)
    return back
