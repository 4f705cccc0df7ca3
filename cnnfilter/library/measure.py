"""The facts of a kernel: sums, symmetry, rank and factors, exact bounds, fractions, frequency response."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnnfilter.errors import ParameterError, ShapeError

Array = NDArray[np.float64]

#: Differences of up to this share of the largest weight count as none.
TOLERANCE = 1e-12


class Measures(NamedTuple):
    """What can be said of a kernel without a picture.

    Parameters
    ----------
    shape
        ``(kH, kW)`` or ``(C, kH, kW)``.
    total
        The sum: what a flat area of 1 becomes. Correctly rounded.
    l1, l2
        The sum of absolute weights, and the root of the sum of squares.
    smallest, largest
        Weights.
    nonzero
        How many weights are not 0.
    symmetry
        ``even``, ``odd`` or nothing under each mirror, ``left-right``, ``up-down``, ``transpose``,
        ``anti-transpose``, and under the half turn, ``point``.
    rank
        Of the matrix; 1 means separable. None for a kernel of several channels.
    """

    shape: tuple[int, ...]
    total: float
    l1: float
    l2: float
    smallest: float
    largest: float
    nonzero: int
    symmetry: dict[str, str]
    rank: int | None


def measure(kernel: ArrayLike) -> Measures:
    """Return the facts of a kernel.

    Parameters
    ----------
    kernel
        ``(kH, kW)`` or ``(C, kH, kW)``, or a Kernel.

    Raises
    ------
    ShapeError
        If it has another number of axes.

    Examples
    --------
    >>> facts = measure([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    >>> facts.total, facts.l1, facts.rank, facts.symmetry["left-right"], facts.symmetry["up-down"]
    (0.0, 8.0, 1, 'odd', 'even')
    """
    weights = _weights(kernel)
    flat = weights.ravel()
    return Measures(
        shape=weights.shape,
        total=math.fsum(flat),
        l1=math.fsum(np.abs(flat)),
        l2=math.sqrt(math.fsum(flat * flat)),
        smallest=float(flat.min()),
        largest=float(flat.max()),
        nonzero=int(np.count_nonzero(flat)),
        symmetry=_symmetry(weights),
        rank=_rank(weights) if weights.ndim == 2 else None,
    )


def _weights(kernel: ArrayLike) -> Array:
    """Return a kernel as float64 of two or three axes."""
    weights = np.asarray(kernel, dtype=np.float64)
    if weights.ndim not in (2, 3) or weights.size == 0:
        raise ShapeError(f"a kernel is (kH, kW) or (C, kH, kW) and not empty, got shape {weights.shape}")
    return weights


def _symmetry(weights: Array) -> dict[str, str]:
    """Return how each mirror changes the weights: not at all (even), only the sign (odd), or otherwise."""
    mirrors = {
        "left-right": weights[..., ::-1],
        "up-down": weights[..., ::-1, :],
        "point": weights[..., ::-1, ::-1],
        "transpose": np.swapaxes(weights, -1, -2),
        "anti-transpose": np.swapaxes(weights[..., ::-1, ::-1], -1, -2),
    }
    limit = TOLERANCE * float(np.abs(weights).max())
    found = {}
    for name, mirrored in mirrors.items():
        found[name] = ""
        for word, sign in (("odd", -1), ("even", 1)):
            if mirrored.shape == weights.shape and float(np.abs(mirrored - sign * weights).max()) <= limit:
                found[name] = word
    return found


def _rank(weights: Array) -> int:
    """Return the numerical rank of a matrix."""
    return int(np.linalg.matrix_rank(weights, rtol=TOLERANCE))


def factors(kernel: ArrayLike) -> list[tuple[Array, Array]]:
    """Return columns and rows whose outer products add up to a 2-D kernel, as few as can be.

    Parameters
    ----------
    kernel
        ``(kH, kW)``.

    Returns
    -------
    list of (column, row)
        As many as the rank, ``(kH,)`` and ``(kW,)``, the strongest first. A single pair is scaled so that its row
        holds the kernel's own numbers where that is possible: Sobel is ``[1, 2, 1]`` times ``[-1, 0, 1]``.

    Raises
    ------
    ShapeError
        If the kernel is not 2-D.

    Examples
    --------
    >>> factors([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    [(array([1., 2., 1.]), array([-1.,  0.,  1.]))]
    """
    weights = _weights(kernel)
    if weights.ndim != 2:
        raise ShapeError(f"only a 2-D kernel has factors, got shape {weights.shape}")
    rank = _rank(weights)
    if rank == 1:
        strongest = np.abs(weights).max(axis=1)
        rows = np.flatnonzero(strongest > TOLERANCE * strongest.max())
        first = weights[rows[0]]  # the first row that is more than rounding
        pivot = int(np.argmax(np.abs(first)))
        return [(weights[:, pivot] / first[pivot], first.copy())]
    left, strength, right = np.linalg.svd(weights)
    return [(left[:, k] * math.sqrt(strength[k]), right[k] * math.sqrt(strength[k])) for k in range(rank)]


def bounds(kernel: ArrayLike, low: float = 0.0, high: float = 255.0) -> tuple[float, float]:
    """Return the smallest and largest value that a kernel can give where the picture is within `low` and `high`.

    Both are reached by some picture. Each is a correctly rounded sum.

    Raises
    ------
    ParameterError
        If `low` is above `high`.

    Examples
    --------
    >>> bounds([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    (-1020.0, 1020.0)
    """
    if low > high:
        raise ParameterError(f"the range runs from {low:g} to {high:g}: low must not be above high")
    flat = _weights(kernel).ravel()
    positive, negative = flat[flat > 0], flat[flat < 0]
    smallest = math.fsum([*(positive * low), *(negative * high)])
    largest = math.fsum([*(positive * high), *(negative * low)])
    return smallest, largest


def fractions(kernel: ArrayLike, limit: int = 10_000) -> tuple[Fraction, NDArray[np.int64]] | None:
    """Return a kernel as one fraction times whole numbers, where that is exact to 1e-12 of its largest weight.

    Parameters
    ----------
    kernel
        ``(kH, kW)`` or ``(C, kH, kW)``.
    limit
        The largest denominator that is tried.

    Returns
    -------
    (Fraction, ndarray) or None
        ``fraction * whole == kernel``; the whole numbers have no common factor. None where no such fraction exists.

    Examples
    --------
    >>> scale, whole = fractions([[1 / 16, 2 / 16], [0, -4 / 16]])
    >>> str(scale), whole.tolist()
    ('1/16', [[1, 2], [0, -4]])
    >>> fractions([[2 ** 0.5]]) is None
    True
    """
    weights = _weights(kernel)
    largest = float(np.abs(weights).max())
    parts: list[Fraction] = []
    denominator = 1
    for value in weights.ravel():
        part = Fraction(float(value)).limit_denominator(limit)
        if abs(float(part) - value) > TOLERANCE * largest:
            return None
        parts.append(part)
        denominator = math.lcm(denominator, part.denominator)
        if denominator > limit**2:
            return None
    whole = [int(part * denominator) for part in parts]
    divisor = math.gcd(*whole) or 1
    if max(map(abs, whole)) // divisor > 2**53:
        return None
    numbers: NDArray[Any] = np.array([number // divisor for number in whole], dtype=np.int64)
    return Fraction(divisor, denominator), numbers.reshape(weights.shape)


def response(kernel: ArrayLike, size: int = 65) -> Array:
    """Return the magnitude of a kernel's frequency response.

    ``|H(v, u)| = |sum of w[r, c] exp(-2 pi i (v r + u c))|`` at frequencies from -1/2 to 1/2 cycles a pixel, both
    ends in.

    Parameters
    ----------
    kernel
        ``(kH, kW)`` or ``(C, kH, kW)``.
    size
        Frequencies along each axis; odd, so that 0 is among them.

    Returns
    -------
    ndarray
        ``(size, size)`` or ``(C, size, size)``, float64; frequency 0 in the middle, v down the rows.

    Raises
    ------
    ParameterError
        If `size` is not odd and at least 3.

    Examples
    --------
    >>> response([[1 / 3, 1 / 3, 1 / 3]], size=3).round(3)
    array([[0.333, 1.   , 0.333],
           [0.333, 1.   , 0.333],
           [0.333, 1.   , 0.333]])
    """
    if size < 3 or size % 2 == 0:
        raise ParameterError(f"the response needs an odd size of at least 3, got {size}")
    weights = _weights(kernel)
    frequencies = np.linspace(-0.5, 0.5, size)
    down = np.exp(-2j * np.pi * np.outer(frequencies, np.arange(weights.shape[-2])))  # (size, kH)
    across = np.exp(-2j * np.pi * np.outer(np.arange(weights.shape[-1]), frequencies))  # (kW, size)
    magnitude: Array = np.abs(down @ weights @ across)
    return magnitude
