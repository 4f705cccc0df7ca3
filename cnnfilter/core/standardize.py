"""Values made to have mean 0 and variance 1, and then a factor and an offset: what layer norm and group norm do."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cnnfilter.core.arrays import Array


class Standard(NamedTuple):
    """Values of mean 0 and variance 1, and the mean and the spread that they had, which spread over them."""

    values: Array
    mean: Array
    spread: Array


def standardize(values: Array, axes: tuple[int, ...], epsilon: float) -> Standard:
    """Return ``(x - mean) / sqrt(variance + epsilon)``, mean and variance being those along `axes`.

    The variance is the mean of squares, as in PyTorch and ONNX: divided by how many values there are. Means are summed
    up in float64.

    Examples
    --------
    >>> standardize(np.array([[1.0, 5.0], [2.0, 2.0]]), (1,), 0.001).values.round(3)
    array([[-1.,  1.],
           [ 0.,  0.]])
    """
    mean = values.mean(axis=axes, keepdims=True, dtype=np.float64)
    centered = values - mean.astype(values.dtype)
    variance = np.square(centered).mean(axis=axes, keepdims=True, dtype=np.float64)
    spread = np.sqrt(variance + epsilon)
    centered /= spread.astype(values.dtype)
    return Standard(centered, mean, spread)


def standardize_gradient(done: Standard, axes: tuple[int, ...], gradient: Array) -> Array:
    """Return the gradient of a loss with respect to what ``standardize`` was given.

    Parameters
    ----------
    done
        What it returned.
    axes
        As it was given them.
    gradient
        The gradient with respect to the values that it returned, in their shape.

    Notes
    -----
    With ``y`` for the result and ``g`` for the gradient: ``(g - mean(g) - y * mean(g * y)) / spread``, since each value
    moves mean and spread too.
    """
    alike, along = (
        one.mean(axis=axes, keepdims=True, dtype=np.float64).astype(gradient.dtype)
        for one in (gradient, gradient * done.values)
    )
    back: Array = (gradient - alike - done.values * along) / done.spread.astype(gradient.dtype)
    return back


def affine(values: Array, weights: Array | None, bias: Array | None) -> Array:
    """Return ``values * weights + bias``.

    Parameters
    ----------
    values
        ``(N, C, H, W)`` or ``(N, n)``.
    weights, bias
        Without the batch's axis: of their whole shape, or one for each channel; None for 1 and 0.
    """
    if weights is not None:
        values = values * _spread(weights, values)
    return values if bias is None else values + _spread(bias, values)


def _spread(array: Array, values: Array) -> Array:
    """Return an array of the first axes behind the batch's in a shape that NumPy spreads over values."""
    return array.astype(values.dtype, copy=False).reshape(*array.shape, *(1,) * (values.ndim - 1 - array.ndim))


def affine_gradient(
    values: Array, weights: Array | None, bias: Array | None, gradient: Array
) -> tuple[Array, dict[str, Array]]:
    """Return the gradients of a loss with respect to what ``affine`` was given: the values, and the arrays by name."""
    found: dict[str, Array] = {}
    if weights is not None:
        found["weights"] = _gathered(gradient * values, weights)
    if bias is not None:
        found["bias"] = _gathered(gradient, bias)
    return (gradient if weights is None else gradient * _spread(weights, gradient)), found


def _gathered(flows: Array, array: Array) -> Array:
    """Return flows summed up over the batch, and over all axes that an array was spread over."""
    axes = (0, *range(1 + array.ndim, flows.ndim))
    return flows.sum(axis=axes, dtype=np.float64).astype(flows.dtype)  # type: ignore[no-any-return]
