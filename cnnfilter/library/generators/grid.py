"""What several formulas share: sample positions, sizes that hold a width, mass that a window cuts off."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from cnnfilter.errors import ParameterError
from cnnfilter.library.numbers import MAX_SIDE

Array = NDArray[np.float64]
Size = tuple[int, int]


def offsets(length: int) -> Array:
    """Return the distances of `length` samples from their middle, ``(length,)``.

    Examples
    --------
    >>> offsets(4)
    array([-1.5, -0.5,  0.5,  1.5])
    """
    return np.arange(length, dtype=np.float64) - (length - 1) / 2


def axes(size: Size) -> tuple[Array, Array]:
    """Return x ``(1, columns)``, rightwards, and y ``(rows, 1)``, downwards, from the middle."""
    return offsets(size[1])[None, :], offsets(size[0])[:, None]


def turned_axes(size: Size, degrees: float) -> tuple[Array, Array]:
    """Return the coordinates along and across a direction, ``(rows, columns)`` each.

    ``x' = x cos + y sin``, ``y' = -x sin + y cos``; multiples of 90 degrees are exact.
    """
    x, y = axes(size)
    cosine, sine = direction(degrees)
    return x * cosine + y * sine, -x * sine + y * cosine


def direction(degrees: float) -> tuple[float, float]:
    """Return the cosine and sine of an angle, exact at multiples of 90 degrees."""
    quarter, rest = divmod(degrees % 360, 90)
    cosine, sine = (1.0, 0.0) if rest == 0 else (math.cos(math.radians(rest)), math.sin(math.radians(rest)))
    for _ in range(int(quarter)):
        cosine, sine = -sine, cosine
    return cosine, sine


def side_for(name: str, half: float) -> int:
    """Return the odd side that holds `half` pixels on both sides of the centre.

    Raises
    ------
    ParameterError
        If that is more than a kernel may have.
    """
    if half > (MAX_SIDE - 1) / 2:
        side = 2 * float(half) + 1
        raise ParameterError(f"{name}: needs {side:.6g} pixels a side, more than {MAX_SIDE} (use a smaller width)")
    return 2 * max(1, math.ceil(half - 1e-9)) + 1


def normal_kept(length: int, sigma: float) -> float:
    """Return the share of a Gaussian's mass in a window of `length` pixels around its centre."""
    return math.erf(length / 2 / (sigma * math.sqrt(2)))
