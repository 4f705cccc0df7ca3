"""Gradients of activations, of normalisation, and of the loss that classifiers are trained with."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from cnnfilter.core.activate import activate, check_activation, find_axis, takes_axis
from cnnfilter.core.activations import ACTIVATIONS
from cnnfilter.core.arrays import Array, computing_type, real_array
from cnnfilter.core.gradients.linear import Gradients, in_shape
from cnnfilter.core.special import logistic
from cnnfilter.errors import ParameterError, ShapeError


def activate_gradient(
    image: ArrayLike, name: str, gradient: ArrayLike, *, axis: int | None = None, **parameters: Any
) -> Array:
    """Return the gradient of a loss with respect to what ``activate`` was given.

    Parameters
    ----------
    image, name, axis, **parameters
        As ``activate`` was given them.
    gradient
        The gradient with respect to the result of ``activate``, in its shape.

    Returns
    -------
    numpy.ndarray
        In the shape of `image`.

    Raises
    ------
    UnknownNameError
        If the activation or a parameter is unknown.
    ShapeError
        If the gradient has not the shape of the result.

    Notes
    -----
    Where each value stands alone it is ``g * slope(x)``, with the slopes that ``cnnfilter activate --list`` shows; at a
    kink PyTorch's. Along an axis, with ``y`` for the result::

        softmax      y * (g - sum(g * y))
        log-softmax  g - exp(y) * sum(g)
        softmin      -y * (g - sum(g * y))
        glu          g * s(b), and g * a * s(b) * (1 - s(b)), a and b being the halves and s the sigmoid

    Examples
    --------
    >>> activate_gradient([-2, 0.5, 3], "relu", [10, 10, 10])
    array([ 0., 10., 10.])
    >>> activate_gradient([0.0, 0.0], "softmax", [1.0, 0.0])
    array([ 0.25, -0.25])
    """
    values = real_array(image, "image")
    name, full = check_activation(name, parameters)
    if axis is not None and not takes_axis(name):
        raise ParameterError(f"{name} takes no axis: it works on each value alone")
    x = values.astype(computing_type(values), copy=False)
    with np.errstate(all="ignore"):
        if ACTIVATIONS[name].over_axis:
            return _along(x, name, gradient, find_axis(x.shape, axis, name))
        if name == "prelu":
            full = {"weight": _spread(full["weight"], x, axis)}
        flows = in_shape(gradient, x.shape, x.dtype)
        back: Array = flows * ACTIVATIONS[name].slope[1](x, **full)
    return back.astype(x.dtype, copy=False)


def prelu_gradient(image: ArrayLike, weight: ArrayLike, gradient: ArrayLike, *, axis: int | None = None) -> Array:
    """Return the gradient of a loss with respect to the weights of prelu.

    Parameters
    ----------
    image, weight, axis
        As ``activate(image, "prelu", weight=weight, axis=axis)`` was given them.
    gradient
        The gradient with respect to its result, in its shape.

    Returns
    -------
    numpy.ndarray
        In the shape of the weights: the sum of ``g * x`` over the values below 0 that each of them multiplies.

    Examples
    --------
    >>> prelu_gradient([-2.0, 3.0, -1.0], 0.25, [1.0, 1.0, 10.0])
    array(-12.)
    """
    values = real_array(image, "image")
    x = values.astype(computing_type(values), copy=False)
    weights = real_array(weight, "weight of prelu")
    spread = _spread(weights, x, axis)
    flows = in_shape(gradient, x.shape, x.dtype) * np.where(x > 0, 0, x)
    for number in range(x.ndim):
        if number < x.ndim - spread.ndim or spread.shape[number - (x.ndim - spread.ndim)] == 1:
            flows = flows.sum(axis=number, keepdims=True, dtype=np.float64)
    return flows.astype(x.dtype).reshape(weights.shape)


def _spread(weight: Any, x: Array, axis: int | None) -> Array:
    """Return weights of prelu in a shape that NumPy spreads over `x` as ``activate`` does."""
    weights = real_array(weight, "weight of prelu").astype(x.dtype)
    if weights.size == 1:
        return weights.reshape(())
    activate(x, "prelu", axis=axis, weight=weight)  # which refuses weights that do not fit
    channels = x.shape[-3] if x.ndim in (3, 4) else x.shape[0] if x.ndim == 1 else 0
    if axis is not None or weights.shape == (channels,):
        place = find_axis(x.shape, axis, "prelu")
        return weights.reshape((-1,) + (1,) * (x.ndim - 1 - place))
    return weights


def _along(x: Array, name: str, gradient: ArrayLike, axis: int) -> Array:
    """Return the gradient of an activation whose values act on one another."""
    result = activate(x, name, axis=axis)
    flows = in_shape(gradient, result.shape, x.dtype)
    if name == "glu":
        first, second = np.split(x, 2, axis=axis)
        gate = logistic(second)
        return np.concatenate([flows * gate, flows * first * gate * logistic(-second)], axis=axis)
    if name == "log-softmax":
        return flows - np.exp(result) * flows.sum(axis=axis, keepdims=True)  # type: ignore[no-any-return]
    sign = -1 if name == "softmin" else 1
    return sign * result * (flows - (flows * result).sum(axis=axis, keepdims=True))  # type: ignore[no-any-return]


def normalize_gradient(
    image: ArrayLike, mean: ArrayLike, variance: ArrayLike, weights: ArrayLike, gradient: ArrayLike, *,
    epsilon: float = 1e-5,
) -> Gradients:  # fmt: skip
    """Return the gradients of a loss with respect to what batch normalisation with stored statistics was given.

    Parameters
    ----------
    image
        ``(C, H, W)`` or ``(N, C, H, W)``.
    mean, variance, weights
        ``(C,)``: the result is ``(x - mean) / sqrt(variance + epsilon) * weights + bias``.
    gradient
        The gradient with respect to it, in the shape of the image.

    Returns
    -------
    Gradients
        ``input = g * weights / sqrt(variance + epsilon)``; ``weights`` is the sum of ``g`` times the normalised values
        of each channel, ``bias`` the sum of ``g``.

    Examples
    --------
    >>> normalize_gradient([[[1.0, 3.0]]], [2.0], [4.0], [10.0], [[[1.0, 1.0]]], epsilon=0.0)
    Gradients(input=array([[[5., 5.]]]), weights=array([0.]), bias=array([2.]))
    """
    values = real_array(image, "image")
    if values.ndim not in (3, 4):
        raise ShapeError(f"image {values.shape} has no channels: (C, H, W) or (N, C, H, W) is needed")
    x = values.astype(computing_type(values), copy=False)
    flows = in_shape(gradient, x.shape, x.dtype)
    center, spread, factor = (
        in_shape(one, x.shape[-3:-2], np.dtype(np.float64))[:, None, None]
        for one in (mean, np.sqrt(real_array(variance, "variance") + epsilon), weights)
    )
    axes = tuple(axis for axis in range(x.ndim) if axis != x.ndim - 3)
    shaped = (flows * ((x - center) / spread)).sum(axis=axes)
    return Gradients(
        (flows * (factor / spread)).astype(x.dtype), shaped.astype(x.dtype),
        flows.sum(axis=axes, dtype=np.float64).astype(x.dtype),
    )  # fmt: skip


class Loss(NamedTuple):
    """A loss, and its gradient with respect to the scores."""

    loss: float
    gradient: Array


def cross_entropy(scores: ArrayLike, classes: ArrayLike) -> Loss:
    """Return how far weighted sums are from naming the right classes: softmax with cross-entropy.

    Parameters
    ----------
    scores
        ``(K,)`` or ``(N, K)``: weighted sums, before softmax.
    classes
        The right class of each, 0 to K - 1: a number, or ``(N,)``.

    Returns
    -------
    Loss
        ``loss``, the mean of ``-log(softmax(scores)[class])``; ``gradient``, in the shape of the scores, which is
        ``(softmax(scores) - (1 for the right class, else 0)) / N``.

    Raises
    ------
    ShapeError
        If there is not one class for each row.
    ParameterError
        If a class is none of the K.

    Examples
    --------
    >>> found = cross_entropy([2.5, 1.8, 0.2], 0)
    >>> round(found.loss, 4), found.gradient.round(3)
    (0.468, array([-0.374,  0.311,  0.063]))
    """
    values = real_array(scores, "scores")
    if values.ndim not in (1, 2) or not values.size:
        raise ShapeError(f"scores {values.shape} must be (K,) or (N, K)")
    right = np.asarray(classes)
    if right.shape != values.shape[:-1]:
        raise ShapeError(f"classes {right.shape} do not fit scores {values.shape}: one for each row is needed")
    count = values.shape[-1]
    if right.dtype.kind not in "iu" or (right < 0).any() or (right >= count).any():
        raise ParameterError(f"classes must be whole numbers from 0 to {count - 1}")
    x = values.astype(computing_type(values), copy=False).reshape(-1, count)
    place = (np.arange(len(x)), right.reshape(-1))
    logs = activate(x, "log-softmax", axis=1)
    gradient = np.exp(logs)
    gradient[place] -= 1
    loss = -float(logs[place].mean(dtype=np.float64))
    return Loss(loss, (gradient / x.dtype.type(len(x))).reshape(values.shape))
