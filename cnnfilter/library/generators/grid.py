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


def truncated_side(name: str, reach: float) -> int:
    """Return the side of a window that SciPy cuts at `reach` pixels: ``2 * int(reach + 0.5) + 1``.

    Raises
    ------
    ParameterError
        If that is more than a kernel may have.

    Examples
    --------
    >>> truncated_side("gaussian", 8.0), truncated_side("gaussian", 4 * 0.6)
    (17, 5)
    """
    side_for(name, int(reach + 0.5))
    return 2 * int(reach + 0.5) + 1


#: One step of ImageMagick's 16 bits, where its kernels end.
QUANTUM = 1 / 65535


def quantum_side(name: str, sigma: float) -> int:
    """Return the side of ImageMagick's two-dimensional kernels of 16 bits, ``GetOptimalKernelWidth2D``.

    The window grows until its rim's share of a Gaussian's sum is less than one step of 16 bits.

    Raises
    ------
    ParameterError
        If that is more than a kernel may have.

    Examples
    --------
    >>> quantum_side("gaussian", 1.0), quantum_side("gaussian", 2.0)
    (9, 15)
    """
    side_for(name, 3 * sigma)
    total, half, weight = 1.0, 0, 1.0
    row = 1.0  # sum of the profile so far: the square's sum is its square
    while weight / total >= QUANTUM or half < 2:
        half += 1
        distance = half / sigma
        weight = math.exp(-0.5 * distance * distance)
        row += 2 * weight
        total = row * row
    side_for(name, half - 1)
    return 2 * (half - 1) + 1


def balanced_signs(weights: Array) -> Array:
    """Return weights whose positive ones sum to 1 and whose negative ones sum to -1, as ImageMagick scales them.

    Examples
    --------
    >>> balanced_signs(np.array([-2.0, 3.0, 1.0, -6.0]))
    array([-0.25,  0.75,  0.25, -0.75])
    """
    above, below = float(weights[weights > 0].sum()), -float(weights[weights < 0].sum())
    return np.where(weights > 0, weights / (above or 1.0), weights / (below or 1.0))
