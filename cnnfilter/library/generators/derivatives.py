"""Kernels that differentiate: Sobel of any size and order, Laplacian of Gaussian."""

from __future__ import annotations

import math

import numpy as np

from cnnfilter.errors import ParameterError
from cnnfilter.library.generators.grid import Array, Size, axes, side_for
from cnnfilter.library.parameters import Generator, Parameter


def sobel(*, size: int, dx: int, dy: int, normalized: bool) -> Array:
    """Return a Sobel derivative of any order, ``(size, size)`` as in OpenCV.

    Along an axis of order d, ``[1 1]`` is convolved n-d-1 times and ``[-1 1]`` d times; size 1 means a 3-tap
    derivative without smoothing.

    References
    ----------
    .. [1] I. Sobel, "An isotropic 3x3 image gradient operator", 1990 (talk of 1968).
    .. [2] OpenCV, ``cv::getDerivKernels``.

    Examples
    --------
    >>> sobel(size=3, dx=1, dy=0, normalized=False)
    array([[-1.,  0.,  1.],
           [-2.,  0.,  2.],
           [-1.,  0.,  1.]])
    """
    return np.outer(sobel_taps(size, dy, normalized), sobel_taps(size, dx, normalized))


def sobel_taps(size: int, order: int, normalized: bool) -> Array:
    """Return the taps along one axis, ``(size,)``."""
    length = 3 if size == 1 and order > 0 else size
    if order >= max(length, 2):
        raise ParameterError(
            f"sobel: size must be greater than the order {order} of the derivative, got {size}"
        )
    taps = np.array([1.0])
    for _ in range(length - order - 1 if size > 1 else 0):
        taps = np.convolve(taps, [1.0, 1.0])
    for _ in range(order):
        taps = np.convolve(taps, [-1.0, 1.0])
    if size == 1 and order == 1:
        taps = np.array([-1.0, 0.0, 1.0])
    return taps / 2.0 ** max(0, length - order - 1) if normalized else taps


def log(*, sigma: float, size: Size | None, zero_mean: bool) -> Array:
    """Return the Laplacian of a Gaussian, ``(r^2 - 2 sigma^2) / (2 pi sigma^6) * exp(-r^2 / 2 sigma^2)``.

    The centre is negative, as in SciPy. Its size is ``2 * ceil(4 sigma) + 1`` unless given; where `zero_mean`,
    the mean that sampling and cutting leave is subtracted, so that flat areas give exactly 0.

    References
    ----------
    .. [1] D. Marr and E. Hildreth, "Theory of edge detection", Proceedings of the Royal Society B 207, 1980.
    """
    x, y = axes(size or (side_for("log", 4 * sigma),) * 2)
    square = x * x + y * y
    variance = sigma * sigma
    weights = (square - 2 * variance) / (2 * math.pi * variance**3) * np.exp(-square / (2 * variance))
    return weights - weights.mean() if zero_mean else weights


def log_kept(*, sigma: float, size: Size | None, zero_mean: bool) -> float:
    """Return the share of the absolute mass inside the largest circle in `size`."""
    del zero_mean
    if size is None:
        return 1.0
    square = (min(size) / 2 / sigma) ** 2
    return 1 - math.e / 4 * square * math.exp(-square / 2) if square > 2 else 0.5


GENERATORS: dict[str, Generator] = {
    "sobel": Generator(
        sobel,
        (
            Parameter(
                "size", "whole", 3, "taps a side, odd; 1: no smoothing", "pixels", minimum=1, maximum=31
            ),
            Parameter("dx", "whole", 1, "order of the derivative along columns", minimum=0, maximum=30),
            Parameter("dy", "whole", 0, "order of the derivative along rows", minimum=0, maximum=30),
            Parameter("normalized", "flag", False, "divide by 2^(size-order-1) along each axis"),
        ),
    ),
    "log": Generator(
        log,
        (
            Parameter("sigma", "number", 1.4, "standard deviation", unit="pixels", above=0),
            Parameter("size", "odd-size", None, "n, or rows,columns; 2*ceil(4 sigma)+1", unit="pixels"),
            Parameter("zero-mean", "flag", True, "subtract the mean that sampling leaves"),
        ),
        log_kept,
    ),
}
