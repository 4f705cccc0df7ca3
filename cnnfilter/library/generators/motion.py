"""Kernels of moving cameras."""

from __future__ import annotations

import math

import numpy as np

from cnnfilter.library.generators.grid import Array, direction, side_for
from cnnfilter.library.parameters import Generator, Parameter


def motion(*, length: float, angle: float) -> Array:
    """Return the blur of a camera that moves evenly along a line; it sums to 1.

    Points one pixel apart along the line are shared out between the four pixels around each, so that
    a line of 5 pixels at 0 degrees is exactly five weights of 1/5. The kernel is square and odd, of a side that
    holds the line at every angle.

    Parameters
    ----------
    length
        Of the line in pixels; 1 changes nothing.
    angle
        Of the line, in degrees from right towards down.

    Examples
    --------
    >>> motion(length=3, angle=90.0) * 3
    array([[0., 1., 0.],
           [0., 1., 0.],
           [0., 1., 0.]])
    """
    side_for("motion", (length - 1) / 2)
    steps = np.linspace(-(length - 1) / 2, (length - 1) / 2, max(1, math.ceil(length)))
    return splat(steps, np.ones_like(steps), angle, side_for("motion", (length - 1) / 2))


def comet(*, sigma: float, angle: float) -> Array:
    """Return half a Gaussian along a line from the centre, brightest there, like a comet's tail; it sums to 1.

    The tail is ``ceil(3 sigma)`` pixels long and points where `angle` says.

    References
    ----------
    .. [1] ImageMagick, "Morphology of shapes", kernel Comet.
    """
    steps = np.arange(1 + (side_for("comet", 3 * sigma) - 1) // 2, dtype=np.float64)
    return splat(steps, np.exp(-0.5 * (steps / sigma) ** 2), angle, 2 * len(steps) - 1)


def splat(steps: Array, weights: Array, angle: float, side: int) -> Array:
    """Put weighted points along a line through the centre onto a square grid, ``(side, side)``, sum 1."""
    cosine, sine = direction(angle)
    middle = (side - 1) / 2
    columns, rows = steps * cosine + middle, steps * sine + middle
    kernel = np.zeros((side + 1, side + 1))  # one more row and column takes shares of exactly 0
    left, top = np.floor(columns + 1e-9).astype(int), np.floor(rows + 1e-9).astype(int)
    right_share, bottom_share = np.maximum(columns - left, 0), np.maximum(rows - top, 0)
    for down, vertical in ((0, 1 - bottom_share), (1, bottom_share)):
        for right, horizontal in ((0, 1 - right_share), (1, right_share)):
            np.add.at(kernel, (top + down, left + right), weights * vertical * horizontal)
    kept: Array = kernel[:side, :side]
    total: float = kept.sum()
    return kept / total


GENERATORS: dict[str, Generator] = {
    "motion": Generator(
        motion,
        (
            Parameter("length", "number", 9.0, "of the line", unit="pixels", minimum=1),
            Parameter("angle", "number", 0.0, "of the line, from right towards down", unit="degrees"),
        ),
    ),
    "comet": Generator(
        comet,
        (
            Parameter("sigma", "number", 3.0, "of the tail", unit="pixels", above=0),
            Parameter("angle", "number", 0.0, "of the tail, from right towards down", unit="degrees"),
        ),
    ),
}
