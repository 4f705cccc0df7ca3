"""Kernels that differentiate: Sobel of any size and order, Gaussian derivatives, Laplacians, LoG, DoG."""

from __future__ import annotations

import math

import numpy as np

from cnnfilter.errors import ParameterError
from cnnfilter.library.generators.grid import (
    Array,
    Size,
    axes,
    balanced_signs,
    normal_kept,
    offsets,
    quantum_side,
    side_for,
    truncated_side,
)
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


def log(*, sigma: float, size: Size | None, zero_mean: bool, form: str) -> Array:
    """Return the Laplacian of a Gaussian, ``(r^2 - 2 sigma^2) / (2 pi sigma^6) * exp(-r^2 / 2 sigma^2)``.

    The centre is negative, as in SciPy. Its size is ``2 * ceil(4 sigma) + 1`` unless given; where `zero_mean`,
    the mean that sampling and cutting leave is subtracted, so that flat areas give exactly 0.

    Parameters
    ----------
    form
        ``sampled``, the formula above; or as tools have it, where `zero_mean` says nothing. ``scipy``: the second
        derivatives of a Gaussian of sum 1 along each axis, cut at ``int(4 sigma + 0.5)``. ``matlab``: the formula over
        the Gaussian's sum, minus its mean, 5x5 unless a size is given. ``imagemagick``: of the other sign, positive
        and negative weights of sum 1 each, to the last step of 16 bits.

    References
    ----------
    .. [1] D. Marr and E. Hildreth, "Theory of edge detection", Proceedings of the Royal Society B 207, 1980.
    .. [2] SciPy, ``scipy.ndimage.gaussian_laplace``; MathWorks, ``fspecial('log')``; ImageMagick, kernel LoG.
    """
    return _LOGS[form](sigma, size, zero_mean)


def _sampled_log(sigma: float, size: Size | None, zero_mean: bool) -> Array:
    """Return the formula at pixel centres."""
    x, y = axes(size or (side_for("log", 4 * sigma),) * 2)
    square = x * x + y * y
    variance = sigma * sigma
    weights = (square - 2 * variance) / (2 * math.pi * variance**3) * np.exp(-square / (2 * variance))
    return weights - weights.mean() if zero_mean else weights


def _scipy_log(sigma: float, size: Size | None, _: bool) -> Array:
    """Return the sum of both second derivatives of a Gaussian that sums to 1."""
    across = gaussian_derivative(sigma=sigma, dx=2, dy=0, size=size, form="scipy")
    return across + gaussian_derivative(sigma=sigma, dx=0, dy=2, size=size, form="scipy")


def _matlab_log(sigma: float, size: Size | None, _: bool) -> Array:
    """Return fspecial's weights."""
    x, y = axes(size or (5, 5))
    square, variance = x * x + y * y, sigma * sigma
    bell = np.exp(-square / (2 * variance))
    bell[bell < np.finfo(np.float64).eps * bell.max()] = 0
    weights = bell / bell.sum() * (square - 2 * variance) / variance**2
    balanced: Array = weights - weights.mean()
    return balanced


def _imagemagick_log(sigma: float, size: Size | None, _: bool) -> Array:
    """Return ImageMagick's weights."""
    x, y = axes(size or (quantum_side("log", sigma),) * 2)
    square = (x * x + y * y) / (2 * sigma * sigma)
    return balanced_signs((1 - square) * np.exp(-square))


_LOGS = {"sampled": _sampled_log, "scipy": _scipy_log, "matlab": _matlab_log, "imagemagick": _imagemagick_log}


def log_kept(*, sigma: float, size: Size | None, **_: object) -> float:
    """Return the share of the absolute mass inside the largest circle in `size`."""
    if size is None:
        return 1.0
    square = (min(size) / 2 / sigma) ** 2
    return 1 - math.e / 4 * square * math.exp(-square / 2) if square > 2 else 0.5


def gaussian_derivative(*, sigma: float, dx: int, dy: int, size: Size | None, form: str) -> Array:
    """Return a derivative of a Gaussian as a correlation kernel: it answers what grows rightwards or downwards.

    Along each axis ``(-1)^n d^n/dx^n g(x)`` with ``g(x) = exp(-x^2 / 2 sigma^2) / (sqrt(2 pi) sigma)``, sampled;
    the size is ``2 * ceil(4 sigma) + 1`` unless given. In the form of ``scipy`` the Gaussian is divided by its sum,
    and the size is ``2 * int(4 sigma + 0.5) + 1``.

    References
    ----------
    .. [1] J. J. Koenderink and A. J. van Doorn, "Representation of local geometry in the visual system",
           Biological Cybernetics 55, 1987.
    """
    side = side_for("gaussian-derivative", 4 * sigma)
    rows, columns = size or ((truncated_side("gaussian-derivative", 4 * sigma) if form == "scipy" else side),) * 2
    taps: Array = np.outer(gaussian_taps(rows, sigma, dy), gaussian_taps(columns, sigma, dx))
    if form == "scipy":
        taps /= gaussian_taps(rows, sigma, 0).sum() * gaussian_taps(columns, sigma, 0).sum()
    return taps


def gaussian_taps(length: int, sigma: float, order: int) -> Array:
    """Return ``(-1)^n`` times the n-th derivative of a Gaussian, ``(length,)``: Hermite polynomial times Gaussian."""
    x = offsets(length) / sigma
    before, hermite = np.zeros_like(x), np.ones_like(x)
    for degree in range(order):
        before, hermite = hermite, x * hermite - degree * before
    taps: Array = hermite * np.exp(-0.5 * x * x) / (math.sqrt(2 * math.pi) * sigma ** (order + 1))
    return taps


def gaussian_derivative_kept(*, sigma: float, size: Size | None, **_: object) -> float:
    """Return the share of the Gaussian's mass inside `size`."""
    return 1.0 if size is None else normal_kept(size[0], sigma) * normal_kept(size[1], sigma)


def dog(*, sigma1: float, sigma2: float | None, size: Size | None, form: str) -> Array:
    """Return the difference of two Gaussians, each of sum 1: the first minus the second.

    The size is ``2 * ceil(3 * max(sigma1, sigma2)) + 1`` unless given.

    Parameters
    ----------
    sigma2
        None takes 1.6, in the form of ``skimage`` ``1.6 * sigma1``.
    form
        ``sampled``; ``skimage``: each Gaussian cut at ``int(4 sigma + 0.5)``; ``imagemagick``: positive and negative
        weights of sum 1 each, to the last step of 16 bits.

    References
    ----------
    .. [1] D. Marr and E. Hildreth, "Theory of edge detection", Proceedings of the Royal Society B 207, 1980
           (a ratio of 1.6 comes closest to the Laplacian of Gaussian).
    .. [2] scikit-image, ``skimage.filters.difference_of_gaussians``; ImageMagick, kernel DoG.
    """
    second = second_sigma(sigma1, sigma2, form)
    sides = {
        "sampled": lambda sigma: side_for("dog", 3 * sigma),
        "skimage": lambda sigma: truncated_side("dog", 4 * sigma),
        "imagemagick": lambda sigma: quantum_side("dog", sigma),
    }
    widest = size or (sides[form](max(sigma1, second)),) * 2
    if form == "imagemagick":
        x, y = axes(widest)
        first, wide = (np.exp(-(x * x + y * y) / (2 * sigma**2)) / sigma**2 for sigma in (sigma1, second))
        return balanced_signs(first - wide)
    own = form == "skimage" and size is None
    halves = [
        gaussian(size=(sides[form](sigma),) * 2 if own else widest, sigma=sigma, form="sampled")
        for sigma in (sigma1, second)
    ]
    return _centred(halves[0], widest) - _centred(halves[1], widest)


def second_sigma(sigma1: float, sigma2: float | None, form: str) -> float:
    """Return the width of the Gaussian that counts negative."""
    return sigma2 if sigma2 is not None else 1.6 * sigma1 if form == "skimage" else 1.6


def _centred(weights: Array, size: Size) -> Array:
    """Return weights with zeros around them, `size`."""
    rows, columns = ((side - own) // 2 for side, own in zip(size, weights.shape, strict=True))
    return np.pad(weights, ((rows, rows), (columns, columns)))


def dog_kept(*, sigma1: float, sigma2: float | None, size: Size | None, form: str) -> float:
    """Return the share of the wider Gaussian's mass inside `size`."""
    return gaussian_kept(size=size, sigma=max(sigma1, second_sigma(sigma1, sigma2, form)), form="sampled")


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
            Parameter("form", "choice", "sampled", "whose weights", choices=tuple(_LOGS)),
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
            Parameter("form", "choice", "sampled", "whose weights", choices=("sampled", "scipy")),
        ),
        gaussian_derivative_kept,
    ),
    "dog": Generator(
        dog,
        (
            Parameter("sigma1", "number", 1.0, "of the Gaussian that counts positive", unit="pixels", above=0),
            Parameter("sigma2", "number", None, "of the Gaussian that counts negative; 1.6", unit="pixels", above=0),
            Parameter("size", "odd-size", None, "n, or rows,columns; 2*ceil(3 sigma)+1", unit="pixels"),
            Parameter("form", "choice", "sampled", "whose weights", choices=("sampled", "skimage", "imagemagick")),
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
