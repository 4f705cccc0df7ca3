"""Flat neighbourhoods of ones: diamond, plus, cross, ring and others."""

from __future__ import annotations

import math

import numpy as np

from cnnfilter.library.generators.grid import Array, axes, side_for
from cnnfilter.library.parameters import Generator, Parameter


def shape(*, kind: str, radius: float, inner: float) -> Array:
    """Return ones inside a shape and zeros outside, on a square of ``2 * floor(radius) + 1``.

    With dx and dy from the centre: square ``max(|dx|, |dy|) <= r``, diamond ``|dx| + |dy| <= r``, disk
    ``hypot(dx, dy) <= r``, octagon ``|dx| + |dy| <= r + floor(r / 2)``, plus and cross the two lines, ring
    ``inner < hypot(dx, dy) <= r``, all as ImageMagick has them for whole numbers. ``normalize=sum`` makes a mean of it.

    References
    ----------
    .. [1] ImageMagick, "Morphology of shapes".

    Examples
    --------
    >>> shape(kind="diamond", radius=1.0, inner=0.0)
    array([[0., 1., 0.],
           [1., 1., 1.],
           [0., 1., 0.]])
    """
    side = side_for("shape", math.floor(radius))
    x, y = (np.abs(axis) for axis in axes((side, side)))
    half = (side - 1) / 2
    inside = {
        "square": np.maximum(x, y) <= half,
        "diamond": x + y <= half,
        "octagon": x + y <= half + half // 2,
        "disk": x * x + y * y <= radius * radius,
        "plus": (x == 0) | (y == 0),
        "cross": x == y,
        "ring": (x * x + y * y > inner * inner) & (x * x + y * y <= radius * radius),
    }[kind]
    weights: Array = inside.astype(np.float64)
    return weights


_KINDS = ("square", "diamond", "octagon", "disk", "plus", "cross", "ring")

GENERATORS: dict[str, Generator] = {
    "shape": Generator(
        shape,
        (
            Parameter("kind", "choice", "diamond", "which shape", choices=_KINDS),
            Parameter("radius", "number", 1.0, "from the centre to the rim", unit="pixels", minimum=1),
            Parameter("inner", "number", 0.0, "where a ring begins, from the centre", unit="pixels", minimum=0),
        ),
    ),
}
