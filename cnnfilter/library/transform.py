"""What can be done to any kernel: turn it, normalize it, scale it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnfilter.errors import ParameterError
from cnnfilter.library.generators.grid import direction
from cnnfilter.library.parameters import Parameter

Array = NDArray[np.float64]

#: The ring around the centre of a 3x3 kernel, clockwise from the top left.
_RING = ((0, 0, 0, 1, 2, 2, 2, 1), (0, 1, 2, 2, 2, 1, 0, 0))


def rotate(weights: Array, degrees: float) -> Array:
    """Return a kernel turned about its centre, from right towards down: clockwise on the screen.

    ``sobel-x`` turned by 90 is ``sobel-y``. Multiples of 90 are exact at every size, multiples of 45 on 3x3
    kernels too: the ring of eight weights moves on by one place. Other angles keep the size and are resampled
    with cubic convolution; weights from outside count as 0, and what that changes in the sum is spread
    evenly, so that a kernel that sums to 0 or 1 still does.

    Parameters
    ----------
    weights
        ``(kH, kW)``, or ``(C, kH, kW)`` where each channel is turned.
    degrees
        Any number.

    References
    ----------
    .. [1] R. G. Keys, "Cubic convolution interpolation for digital image processing", IEEE Transactions on
           Acoustics, Speech, and Signal Processing 29(6), 1981.

    Examples
    --------
    >>> rotate(np.array([[1., 2., 3.], [4., 5., 6.], [7., 8., 9.]]), 45)
    array([[4., 1., 2.],
           [7., 5., 3.],
           [8., 9., 6.]])
    """
    degrees %= 360
    if degrees % 90 == 0:
        return np.rot90(weights, -int(degrees // 90), axes=(-2, -1)).copy()
    if degrees % 45 == 0 and weights.shape[-2:] == (3, 3):
        turned = weights.copy()
        turned[(..., *_RING)] = np.roll(weights[(..., *_RING)], int(degrees // 45), axis=-1)
        return turned
    if weights.ndim == 3:
        return np.stack([rotate(plane, degrees) for plane in weights])
    return _resample(weights, degrees)


def _resample(weights: Array, degrees: float) -> Array:
    """Return a 2-D kernel turned by any angle, with its sum kept."""
    rows, columns = weights.shape
    middle = (rows - 1) / 2, (columns - 1) / 2
    y, x = np.mgrid[:rows, :columns] - np.array(middle)[:, None, None]
    cosine, sine = direction(degrees)
    from_row, from_column = -x * sine + y * cosine + middle[0], x * cosine + y * sine + middle[1]
    top, left = np.floor(from_row).astype(int), np.floor(from_column).astype(int)
    padded = np.pad(weights, 2)
    turned = np.zeros_like(weights)
    for down in range(-1, 3):
        row = np.clip(top + down, -2, rows + 1)
        vertical = _cubic(from_row - (top + down))
        for right in range(-1, 3):
            column = np.clip(left + right, -2, columns + 1)
            turned += padded[row + 2, column + 2] * vertical * _cubic(from_column - (left + right))
    result: Array = turned + (weights.sum() - turned.sum()) / turned.size
    return result


def _cubic(distance: Array) -> Array:
    """Return Keys' cubic convolution kernel (a = -1/2)."""
    d = np.abs(distance)
    near = (1.5 * d - 2.5) * d * d + 1
    far = ((-0.5 * d + 2.5) * d - 4) * d + 2
    values: Array = np.where(d <= 1, near, np.where(d < 2, far, 0.0))
    return values


def normalize(weights: Array, rule: str) -> Array:
    """Return a kernel scaled or shifted by a rule of NORMALIZATIONS.

    Raises
    ------
    ParameterError
        If what it would be divided by is 0.
    """
    return NORMALIZATIONS[rule](weights)


def _unit_sum(weights: Array) -> Array:
    """Divide by the sum."""
    total = math.fsum(weights.ravel())
    if abs(total) < 1e-12 * np.abs(weights).sum() or total == 0:
        raise ParameterError("normalize=sum: the weights sum to 0 (use normalize=l1)")
    return weights / total


def _unit_l1(weights: Array) -> Array:
    """Divide by the sum of absolute values."""
    total = math.fsum(np.abs(weights).ravel())
    if total == 0:
        raise ParameterError("normalize=l1: all weights are 0")
    return weights / total


def _zero_sum(weights: Array) -> Array:
    """Subtract the mean."""
    return weights - math.fsum(weights.ravel()) / weights.size


#: Rules of ``normalize=``.
NORMALIZATIONS: dict[str, Callable[[Array], Array]] = {
    "none": lambda weights: weights,
    "sum": _unit_sum,
    "l1": _unit_l1,
    "zero-sum": _zero_sum,
}

#: What every kernel takes, whatever it is; applied in this order.
COMMON: tuple[Parameter, ...] = (
    Parameter("rotate", "number", 0.0, "turn it, from right towards down", unit="degrees"),
    Parameter(
        "normalize",
        "choice",
        "none",
        "divide by the sum or the absolute sum, or subtract the mean",
        choices=tuple(NORMALIZATIONS),
    ),
    Parameter("scale", "number", 1.0, "multiply every weight"),
)
COMMON_NAMES = tuple(parameter.name for parameter in COMMON)


def apply_common(weights: Array, values: dict[str, Any]) -> Array:
    """Return a kernel turned, normalized and scaled, in this order."""
    if values.get("rotate"):
        weights = rotate(weights, values["rotate"])
    weights = normalize(weights, values.get("normalize", "none"))
    factor: float = values.get("scale", 1.0)
    return weights * factor
