"""Kernels that average: box, Gaussian, binomial, disk, cone, Hann. All sum to 1."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from cnnfilter.library.generators.grid import (
    Array,
    Size,
    axes,
    normal_kept,
    offsets,
    quantum_side,
    side_for,
    truncated_side,
)
from cnnfilter.library.parameters import Generator, Parameter


def box(*, size: Size) -> Array:
    """Return the mean of a rectangle: every weight ``1 / (rows * columns)``.

    Examples
    --------
    >>> box(size=(1, 4))
    array([[0.25, 0.25, 0.25, 0.25]])
    """
    return np.full(size, 1 / (size[0] * size[1]))


def gaussian(*, size: Size | None, sigma: float | None, form: str) -> Array:
    """Return a Gaussian, ``exp(-(x^2 + y^2) / 2 sigma^2)`` divided by its sum.

    Parameters
    ----------
    size
        Rows and columns; None takes ``2 * ceil(3 sigma) + 1``, or the side that the form's tool takes.
    sigma
        Standard deviation in pixels; None takes ``0.3 * ((n - 1) / 2 - 1) + 0.8`` for each side n of `size`,
        and 1 where that is not given either.
    form
        ``sampled`` at pixel centres, ``integrated`` over each pixel, the ``bessel`` form
        ``exp(-t) I_n(t)`` with ``t = sigma^2``, which stays a Gaussian under repeated blurring. Or sampled as tools
        do: ``opencv`` with its fixed numbers for sides up to 9 where no sigma is given, and a side of
        ``round(6 sigma + 1)`` made odd; ``opencv-deep``, its side for more than 8 bits, ``round(8 sigma + 1)``;
        ``scipy``, ``2 * int(4 sigma + 0.5) + 1``; ``matlab``, ``2 * ceil(2 sigma) + 1``, as imgaussfilt;
        ``imagemagick``, to the last step of 16 bits.

    References
    ----------
    .. [1] T. Lindeberg, "Scale-space for discrete signals", IEEE Transactions on Pattern Analysis and
           Machine Intelligence 12(3), 1990 (the Bessel form).
    .. [2] OpenCV, ``cv::getGaussianKernel`` (sigma from size).
    """
    rows, columns = _size_and_sigma(size, sigma, form)
    profile = _PROFILES.get(form, sampled_profile)
    fixed = form.startswith("opencv") and sigma is None and size is not None
    column, row = (
        np.array(_OPENCV_TABLES[length]) if fixed and length in _OPENCV_TABLES else profile(length, width)
        for length, width in (rows, columns)
    )
    return np.outer(column / column.sum(), row / row.sum())


def gaussian_kept(*, size: Size | None, sigma: float | None, form: str) -> float:
    """Return the share of the Gaussian's mass inside `size`."""
    if sigma is None or size is None:
        return 1.0
    rows, columns = _size_and_sigma(size, sigma, form)
    return normal_kept(*rows) * normal_kept(*columns) if 1 not in (rows[0], columns[0]) else 1.0


def _size_and_sigma(size: Size | None, sigma: float | None, form: str) -> tuple[tuple[int, float], tuple[int, float]]:
    """Return (length, sigma) of the rows and of the columns."""
    if size is None:
        sigma = 1.0 if sigma is None else sigma
        side_for("gaussian", 3 * sigma)  # a width beyond all kernels is refused before a tool's rule counts
        side = _SIDES.get(form, _three_sigma)(sigma)
        side_for("gaussian", (side - 1) / 2)
        return (side, sigma), (side, sigma)
    rows, columns = ((length, 0.3 * ((length - 1) / 2 - 1) + 0.8 if sigma is None else sigma) for length in size)
    return rows, columns


def sampled_profile(length: int, sigma: float) -> Array:
    """Return the Gaussian's values at pixel centres, ``(length,)``."""
    return np.exp(-0.5 * (offsets(length) / sigma) ** 2)


def _integrated_profile(length: int, sigma: float) -> Array:
    """Return the Gaussian's integral over each pixel, ``(length,)``."""
    edges = np.arange(length + 1) - length / 2
    steps = [math.erf(edge / (sigma * math.sqrt(2))) for edge in edges]
    return np.diff(steps)


def _bessel_profile(length: int, sigma: float) -> Array:
    """Return ``exp(-t) I_n(t)`` by Miller's backward recurrence, ``(length,)``."""
    variance, half = sigma * sigma, length // 2
    start = half + int(12 * max(1.0, sigma)) + 20
    above, here, values = 0.0, 1e-300, [0.0] * (start + 1)
    for order in range(start, -1, -1):
        values[order] = here
        above, here = here, above + 2 * order / variance * here
        if here > 1e250:
            above, here, values = above * 1e-250, here * 1e-250, [value * 1e-250 for value in values]
    total = values[0] + 2 * sum(values[1:])
    tail = np.array(values[: half + 1]) / total
    return np.concatenate([tail[:0:-1], tail])[:length]


def _three_sigma(sigma: float) -> int:
    """Return the side that holds three standard deviations."""
    return side_for("gaussian", 3 * sigma)


#: How the curve becomes weights, where it is not sampled at pixel centres.
_PROFILES = {"integrated": _integrated_profile, "bessel": _bessel_profile}
#: The side that each tool's form takes for a sigma; the others take three of it.
_SIDES: dict[str, Callable[[float], int]] = {
    "opencv": lambda sigma: round(6 * sigma + 1) | 1,
    "opencv-deep": lambda sigma: round(8 * sigma + 1) | 1,
    "scipy": lambda sigma: truncated_side("gaussian", 4 * sigma),
    "matlab": lambda sigma: 2 * math.ceil(2 * sigma) + 1,
    "imagemagick": lambda sigma: quantum_side("gaussian", sigma),
}
GAUSSIAN_FORMS = ("sampled", *_PROFILES, *_SIDES)
_OPENCV_TABLES = {
    1: [1.0],
    3: [0.25, 0.5, 0.25],
    5: [0.0625, 0.25, 0.375, 0.25, 0.0625],
    7: [0.03125, 0.109375, 0.21875, 0.28125, 0.21875, 0.109375, 0.03125],
    9: [4 / 256, 13 / 256, 30 / 256, 51 / 256, 60 / 256, 51 / 256, 30 / 256, 13 / 256, 4 / 256],
}


def binomial(*, size: Size) -> Array:
    """Return rows of Pascal's triangle, column times row, divided by their sum ``2^(rows + columns - 2)``.

    Examples
    --------
    >>> binomial(size=(1, 3))
    array([[0.25, 0.5 , 0.25]])
    """
    column, row = ([math.comb(n - 1, k) / 2 ** (n - 1) for k in range(n)] for n in size)
    return np.outer(column, row)


def disk(*, radius: float, antialias: bool) -> Array:
    """Return a flat disk, the blur of a lens out of focus.

    Parameters
    ----------
    radius
        In pixels, from the middle of the centre pixel.
    antialias
        Whether pixels on the rim count by the share of them inside, exact along rows and taken at 16 heights of
        each row; otherwise a pixel counts wholly where its middle is inside.
    """
    side = side_for("disk", radius - 0.5 if antialias else math.floor(radius))
    x, y = axes((side, side))
    if not antialias:
        share = (x * x + y * y <= radius * radius).astype(np.float64)
    else:
        share = np.zeros((side, side))
        for height in (np.arange(16) + 0.5) / 16 - 0.5:
            half = np.sqrt(np.maximum(radius * radius - (y + height) ** 2, 0))  # (side, 1)
            share += np.clip(np.minimum(x + 0.5, half) - np.maximum(x - 0.5, -half), 0, 1)
        share = (share + share[::-1] + share.T + share.T[::-1]) / 4
    weights: Array = share / share.sum()
    return weights


def cone(*, radius: float) -> Array:
    """Return a cone, ``1 - r / radius`` and 0 outside, divided by its sum."""
    side = side_for("cone", max(1, math.ceil(radius) - 1))
    x, y = axes((side, side))
    height: Array = np.maximum(0, 1 - np.hypot(x, y) / radius)
    total: float = height.sum()
    return height / total


def hann(*, size: Size) -> Array:
    """Return a Hann window, ``sin^2(pi (k + 1) / (n + 1))`` along each axis, divided by its sum.

    The window's zeros lie just outside, so that every weight counts.

    References
    ----------
    .. [1] R. B. Blackman and J. W. Tukey, "The measurement of power spectra", Dover, 1958.

    Examples
    --------
    >>> hann(size=(1, 3))
    array([[0.25, 0.5 , 0.25]])
    """
    column, row = (np.sin(np.pi * (np.arange(n) + 1) / (n + 1)) ** 2 for n in size)
    weights: Array = np.outer(column, row)
    total: float = weights.sum()
    return weights / total


_SIZE = Parameter("size", "size", (3, 3), "n, or rows,columns", unit="pixels")

GENERATORS: dict[str, Generator] = {
    "box": Generator(box, (_SIZE,)),
    "gaussian": Generator(
        gaussian,
        (
            Parameter(
                "sigma",
                "number",
                None,
                "standard deviation; 1, or 0.3*((n-1)/2-1)+0.8 from a size n",
                "pixels",
                above=0,
            ),
            Parameter("size", "size", None, "n, or rows,columns; 2*ceil(3 sigma)+1", unit="pixels"),
            Parameter("form", "choice", "sampled", "how the curve becomes weights", choices=GAUSSIAN_FORMS),
        ),
        gaussian_kept,
    ),
    "binomial": Generator(binomial, (_SIZE,)),
    "disk": Generator(
        disk,
        (
            Parameter("radius", "number", 3.0, "from the centre to the rim", unit="pixels", above=0),
            Parameter("antialias", "flag", True, "count pixels on the rim by the share inside"),
        ),
    ),
    "cone": Generator(
        cone, (Parameter("radius", "number", 3.0, "from the centre to the rim", unit="pixels", above=0),)
    ),
    "hann": Generator(hann, (Parameter("size", "size", (5, 5), "n, or rows,columns", unit="pixels"),)),
}
