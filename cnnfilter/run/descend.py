"""The kernel that leads from one picture to another, found as networks find theirs: by descent from random numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cnnfilter.core.activate import activate
from cnnfilter.core.arrays import Array
from cnnfilter.core.conv import conv2d
from cnnfilter.core.gradients.linear import conv2d_gradient
from cnnfilter.core.gradients.pointwise import activate_gradient
from cnnfilter.core.optimizers import Adam
from cnnfilter.core.shapes import Pair
from cnnfilter.errors import ParameterError
from cnnfilter.run.options import Activation

#: Steps, rows and columns of the crop that each step sees, and the step size that Adam begins with.
STEPS, CROP, RATE = 2000, 64, 0.05
#: The variance of a direction, relative to the largest one, below which it counts as no more.
FAINTEST = 1e-8
#: Snapshots that are kept of the way.
SNAPSHOTS = 60


class Snapshot(NamedTuple):
    """The kernel after some steps, and how far off its results were: the root of the mean square."""

    step: int
    weights: Array
    loss: float


class Descent(NamedTuple):
    """What descent ended with, and its way there."""

    weights: Array
    bias: float
    way: tuple[Snapshot, ...]

    def without_channels(self) -> Descent:
        """Return the same of a kernel ``(1, kH, kW)`` as ``(kH, kW)``."""
        way = tuple(one._replace(weights=one.weights[0]) for one in self.way)
        return self._replace(weights=self.weights[0], way=way)


def descend(
    pairs: Sequence[tuple[Array, Array]], window: Pair, limits: tuple[float, float], taps: Array, *, seed: int,
    activation: Activation | None = None,
) -> Descent:  # fmt: skip
    """Return the kernel that descent finds.

    Parameters
    ----------
    pairs
        Pictures ``(C, H, W)`` and the results of their whole windows ``(1, oH, oW)``.
    window
        Rows and columns of the kernel.
    limits
        Results that are clipped, and count for nothing.
    taps
        The covariance of the taps ``(n, n)``: neighbours are alike, and steps are made in directions that are not.
    seed
        Draws the first weights and every crop.
    activation
        What follows the convolution.

    Raises
    ------
    ParameterError
        If the loss grows without bounds.

    Notes
    -----
    Each step convolves a crop, takes the difference from what it should be, and lets it flow back through activation,
    bias and convolution; Adam makes steps of that, which shrink to 0 along half a cosine. Pixels are centred and
    scaled first, and the weights brought back in the end. The weights are ``B u``, and the steps those of ``u``: B
    makes all directions of the windows alike (whitening), without which blur takes a thousand times as long.

    References
    ----------
    .. [1] Y. LeCun, L. Bottou, G. Orr and K.-R. Mueller, "Efficient BackProp", 1998: why inputs are whitened.
    """
    draw = np.random.default_rng(seed)
    mean = float(np.mean([one.mean() for one, _ in pairs]))
    spread = float(np.sqrt(np.mean([((one - mean) ** 2).mean() for one, _ in pairs]))) or 1.0
    size = float(np.sqrt(np.mean([(other.astype(float) ** 2).mean() for _, other in pairs]))) or 1.0
    shape = 1, pairs[0][0].shape[0], *window
    basis = _whitening(taps / spread**2)
    inner, bias = draw.normal(size=len(basis)) / math.sqrt(len(basis)), np.zeros(1)
    adams, way = (Adam(inner.shape), Adam(bias.shape)), []
    for step in range(STEPS):
        weights = (basis @ inner).reshape(shape)
        crop, wanted = _crop(pairs, window, draw)
        loss, to_weights, to_bias = _back((crop - mean) / spread, wanted, weights, bias, size, limits, activation)
        if not math.isfinite(loss):
            raise ParameterError(f"the loss grew without bounds after {step} steps (another --seed, or --method lstsq)")
        if step % (STEPS // SNAPSHOTS) == 0:
            way.append(Snapshot(step, _unscaled(weights, spread, size), loss * size))
        rate = RATE * (1 + math.cos(math.pi * step / STEPS)) / 2
        inner = inner - adams[0].step(basis.T @ to_weights.ravel(), step, rate)
        bias = bias - adams[1].step(to_bias, step, rate)
    made = _unscaled((basis @ inner).reshape(shape), spread, size)
    way.append(Snapshot(STEPS, made, loss * size))
    return Descent(made, float(bias[0] * size - made.sum() * mean), tuple(way))


def _whitening(taps: Array) -> Array:
    """Return what makes the taps of a window independent of one another, all of one size."""
    values, vectors = np.linalg.eigh(taps)
    whitened: Array = vectors / np.sqrt(np.maximum(values, FAINTEST * values[-1]))
    return whitened


def _unscaled(weights: Array, spread: float, size: float) -> Array:
    """Return weights for the pictures as they are stored."""
    made: Array = weights[0] * (size / spread)
    return made


def _crop(pairs: Sequence[tuple[Array, Array]], window: Pair, draw: np.random.Generator) -> tuple[Array, Array]:
    """Return a part of a picture, and what its windows become."""
    one, other = pairs[int(draw.integers(len(pairs)))]
    rows, columns = (min(CROP, side) for side in other.shape[-2:])
    top, left = (
        int(draw.integers(side - part + 1)) for side, part in zip(other.shape[-2:], (rows, columns), strict=True)
    )
    part = one[:, top : top + rows + window[0] - 1, left : left + columns + window[1] - 1]
    return part.astype(np.float64), other[:, top : top + rows, left : left + columns].astype(np.float64)


def _back(
    crop: Array, wanted: Array, weights: Array, bias: Array, size: float, limits: tuple[float, float],
    activation: Activation | None,
) -> tuple[float, Array, Array]:  # fmt: skip
    """Return the loss of a crop, and how it changes with weights and bias."""
    sums = conv2d(crop, weights, bias=bias)
    made = sums * size
    name, words = ("identity", {}) if activation is None else activation
    difference = (activate(made, name, **words) - wanted) / size
    counts = (wanted > limits[0]) & (wanted < limits[1])
    difference[~counts] = 0.0
    number = max(int(np.count_nonzero(counts)), 1)
    flows = activate_gradient(made, name, difference, **words)
    found = conv2d_gradient(crop, weights, flows * (2 / number))
    return math.sqrt(float((difference**2).sum()) / number), found.weights, found.bias
