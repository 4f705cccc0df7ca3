"""Kernels that differentiate: Sobel of any size and order, Gaussian derivatives, Laplacians, LoG, DoG."""

from __future__ import annotations

import math

import numpy as np

from cnnfilter.errors import ParameterError
from cnnfilter.library.generators.grid import Array, Size, axes, normal_kept, offsets, side_for
from cnnfilter.library.generators.smoothing import gaussian, gaussian_kept
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
    if size % 2 == 0:
        raise ParameterError(f"sobel: size must be odd, got {size}")
    if order >= max(length, 2):
        raise ParameterError(f"sobel: size must be greater than the order {order} of the derivative, got {size}")
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


def gaussian_derivative(*, sigma: float, dx: int, dy: int, size: Size | None) -> Array:
    """Return a derivative of a Gaussian as a correlation kernel: it answers what grows rightwards or downwards.

    Along each axis ``(-1)^n d^n/dx^n g(x)`` with ``g(x) = exp(-x^2 / 2 sigma^2) / (sqrt(2 pi) sigma)``, sampled;
    the size is ``2 * ceil(4 sigma) + 1`` unless given.

    References
    ----------
    .. [1] J. J. Koenderink and A. J. van Doorn, "Representation of local geometry in the visual system",
           Biological Cybernetics 55, 1987.
    """
    rows, columns = size or (side_for("gaussian-derivative", 4 * sigma),) * 2
    return np.outer(gaussian_taps(rows, sigma, dy), gaussian_taps(columns, sigma, dx))


def gaussian_taps(length: int, sigma: float, order: int) -> Array:
    """Return ``(-1)^n`` times the n-th derivative of a Gaussian, ``(length,)``: Hermite polynomial times Gaussian."""
    x = offsets(length) / sigma
    before, hermite = np.zeros_like(x), np.ones_like(x)
    for degree in range(order):
        before, hermite = hermite, x * hermite - degree * before
    taps: Array = hermite * np.exp(-0.5 * x * x) / (math.sqrt(2 * math.pi) * sigma ** (order + 1))
    return taps


def gaussian_derivative_kept(*, sigma: float, dx: int, dy: int, size: Size | None) -> float:
    """Return the share of the Gaussian's mass inside `size`."""
    del dx, dy
    return 1.0 if size is None else normal_kept(size[0], sigma) * normal_kept(size[1], sigma)


def dog(*, sigma1: float, sigma2: float, size: Size | None) -> Array:
    """Return the difference of two Gaussians, each of sum 1: the first minus the second.

    The size is ``2 * ceil(3 * max(sigma1, sigma2)) + 1`` unless given.

    References
    ----------
    .. [1] D. Marr and E. Hildreth, "Theory of edge detection", Proceedings of the Royal Society B 207, 1980
           (a ratio of 1.6 comes closest to the Laplacian of Gaussian).
    """
    size = size or (side_for("dog", 3 * max(sigma1, sigma2)),) * 2
    return gaussian(size=size, sigma=sigma1, form="sampled") - gaussian(size=size, sigma=sigma2, form="sampled")


def dog_kept(*, sigma1: float, sigma2: float, size: Size | None) -> float:
    """Return the share of the wider Gaussian's mass inside `size`."""
    return gaussian_kept(size=size, sigma=max(sigma1, sigma2), form="sampled")


def laplacian(*, size: int) -> Array:
    """Return OpenCV's Laplacian: the sum of the second Sobel derivatives, and ``0 1 0; 1 -4 1; 0 1 0`` for size 1.

    References
    ----------
    .. [1] OpenCV, ``cv::Laplacian``.

    Examples
    --------
    >>> laplacian(size=3)
    array([[ 2.,  0.,  2.],
           [ 0., -8.,  0.],
           [ 2.,  0.,  2.]])
    """
    if size == 1:
        return np.array([[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]])
    if size % 2 == 0:
        raise ParameterError(f"laplacian: size must be odd, got {size}")
    across = np.outer(sobel_taps(size, 0, False), sobel_taps(size, 2, False))
    return across + across.T


def laplacian_ones(*, size: Size) -> Array:
    """Return ones around ``1 - rows * columns`` in the centre, which sums to 0.

    Examples
    --------
    >>> laplacian_ones(size=(1, 5))
    array([[ 1.,  1., -4.,  1.,  1.]])
    """
    weights = np.ones(size)
    weights[size[0] // 2, size[1] // 2] -= weights.size
    return weights


def laplacian_alpha(*, alpha: float) -> Array:
    """Return MATLAB's Laplacian, between four (alpha 0) and diagonal neighbours: ``a/4, (1-a)/4, -1``, times 4/(1+a).

    References
    ----------
    .. [1] MathWorks, ``fspecial('laplacian', alpha)``.
    """
    corner, side = alpha / (1 + alpha), (1 - alpha) / (1 + alpha)
    return np.array([[corner, side, corner], [side, -4 / (1 + alpha), side], [corner, side, corner]])


_ORDER_X = Parameter("dx", "whole", 1, "order of the derivative along columns", minimum=0, maximum=30)
_ORDER_Y = Parameter("dy", "whole", 0, "order of the derivative along rows", minimum=0, maximum=30)

GENERATORS: dict[str, Generator] = {
    "sobel": Generator(
        sobel,
        (
            Parameter("size", "whole", 3, "taps a side, odd; 1: no smoothing", "pixels", minimum=1, maximum=31),
            _ORDER_X,
            _ORDER_Y,
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
    "gaussian-derivative": Generator(
        gaussian_derivative,
        (
            Parameter("sigma", "number", 1.0, "standard deviation", unit="pixels", above=0),
            _ORDER_X,
            _ORDER_Y,
            Parameter("size", "odd-size", None, "n, or rows,columns; 2*ceil(4 sigma)+1", unit="pixels"),
        ),
        gaussian_derivative_kept,
    ),
    "dog": Generator(
        dog,
        (
            Parameter("sigma1", "number", 1.0, "of the Gaussian that counts positive", unit="pixels", above=0),
            Parameter("sigma2", "number", 1.6, "of the Gaussian that counts negative", unit="pixels", above=0),
            Parameter("size", "odd-size", None, "n, or rows,columns; 2*ceil(3 sigma)+1", unit="pixels"),
        ),
        dog_kept,
    ),
    "laplacian": Generator(
        laplacian, (Parameter("size", "whole", 3, "taps a side, odd", "pixels", minimum=1, maximum=31),)
    ),
    "laplacian-ones": Generator(
        laplacian_ones, (Parameter("size", "odd-size", (3, 3), "n, or rows,columns", unit="pixels"),)
    ),
    "laplacian-alpha": Generator(
        laplacian_alpha,
        (Parameter("alpha", "number", 0.2, "weight of the diagonals", minimum=0, maximum=1),),
    ),
}
