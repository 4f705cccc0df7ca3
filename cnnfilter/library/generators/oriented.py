"""Oriented and ring-shaped filters of texture banks: Leung-Malik, MR8, Schmid, and steerable filters."""

from __future__ import annotations

import math

import numpy as np

from cnnfilter.errors import ParameterError
from cnnfilter.library.generators.grid import Array, Size, axes, normal_kept, turned_axes
from cnnfilter.library.parameters import Generator, Parameter


def oriented(*, sigma: float, elongation: float, order: int, theta: float, size: Size) -> Array:
    """Return an elongated Gaussian's derivative across its length: an edge (1), a bar (2), or the Gaussian (0).

    The mean is subtracted, then the sum of absolute weights made 1, as in the Leung-Malik and MR8 banks.

    Parameters
    ----------
    sigma
        Across, in pixels.
    elongation
        Sigma along over sigma across; 3 in both banks.
    order
        Of the derivative.
    theta
        Direction of the derivative in degrees, from right towards down.
    size
        Rows and columns.

    References
    ----------
    .. [1] T. Leung and J. Malik, "Representing and recognizing the visual appearance of materials using
           three-dimensional textons", International Journal of Computer Vision 43(1), 2001.
    .. [2] M. Varma and A. Zisserman, "A statistical approach to texture classification from single images",
           International Journal of Computer Vision 62(1), 2005, and its ``makeLMfilters``, ``makeRFSfilters``.
    """
    across, along = turned_axes(size, theta)
    u, v = across / sigma, along / (elongation * sigma)
    polynomial = (np.ones_like(u), u, u * u - 1)[order]
    return _balanced("oriented", polynomial * np.exp(-0.5 * (u * u + v * v)))


def oriented_kept(*, sigma: float, elongation: float, size: Size, **_: object) -> float:
    """Return the share of the Gaussian inside, where its longer axis lies along the shorter side."""
    return normal_kept(min(size), sigma) * normal_kept(min(size), sigma * elongation)


def schmid(*, sigma: float, tau: float, size: Size) -> Array:
    """Return a ring filter, ``cos(pi tau r / sigma) exp(-r^2 / 2 sigma^2)``, of mean 0 and absolute sum 1.

    References
    ----------
    .. [1] C. Schmid, "Constructing models for content-based image retrieval", CVPR 2001.
    """
    radius = np.hypot(*axes(size))
    return _balanced("schmid", np.cos(math.pi * tau * radius / sigma) * np.exp(-0.5 * (radius / sigma) ** 2))


def schmid_kept(*, sigma: float, tau: float, size: Size) -> float:
    """Return the share of the Gaussian inside."""
    del tau
    return normal_kept(size[0], sigma) * normal_kept(size[1], sigma)


def _balanced(name: str, weights: Array) -> Array:
    """Return weights of mean 0 and absolute sum 1."""
    weights = weights - weights.mean()
    total = float(np.abs(weights).sum())
    if total == 0:
        raise ParameterError(f"{name}: nothing is left at this size (use a larger size)")
    return weights / total


def steerable(*, basis: str, theta: float, spacing: float, size: Size) -> Array:
    """Return a steerable filter turned to any angle: a polynomial times ``exp(-(x^2 + y^2))``.

    With u along theta: g1 ``2 u`` (a first derivative), g2 ``0.9213 (2 u^2 - 1)``, h2 ``0.9780 (u^3 - 2.254 u)``, g2's
    quadrature partner. Any angle of g1 is a sum of 2, of g2 of 3, of h2 of 4 filters at fixed angles. g1 has the
    sign of a correlation kernel: it answers what grows along theta.

    References
    ----------
    .. [1] W. T. Freeman and E. H. Adelson, "The design and use of steerable filters", IEEE Transactions on Pattern
           Analysis and Machine Intelligence 13(9), 1991.
    """
    u, v = (axis * spacing for axis in turned_axes(size, theta))
    weights: Array = STEERABLE[basis](u) * np.exp(-(u * u + v * v))
    return weights


#: The polynomial of each steerable filter.
STEERABLE = {
    "g1": lambda u: 2 * u,
    "g2": lambda u: 0.9213 * (2 * u * u - 1),
    "h2": lambda u: 0.9780 * (u**3 - 2.254 * u),
}

_SIZE = Parameter("size", "odd-size", (49, 49), "n, or rows,columns", unit="pixels")
_THETA = Parameter("theta", "number", 0.0, "direction, from right towards down", unit="degrees")

GENERATORS: dict[str, Generator] = {
    "oriented": Generator(
        oriented,
        (
            Parameter("sigma", "number", 2.0, "of the Gaussian across", unit="pixels", above=0),
            Parameter("elongation", "number", 3.0, "sigma along over sigma across", above=0, maximum=1000),
            Parameter("order", "whole", 1, "0 Gaussian, 1 edge, 2 bar", minimum=0, maximum=2),
            _THETA,
            _SIZE,
        ),
        oriented_kept,
    ),
    "schmid": Generator(
        schmid,
        (
            Parameter("sigma", "number", 4.0, "of the Gaussian", unit="pixels", above=0),
            Parameter("tau", "number", 1.0, "half periods of the ring wave in a sigma", above=0),
            _SIZE,
        ),
        schmid_kept,
    ),
    "steerable": Generator(
        steerable,
        (
            Parameter("basis", "choice", "g2", "which function", choices=tuple(STEERABLE)),
            _THETA,
            Parameter("spacing", "number", 0.67, "between samples, in units of the formula", above=0),
            Parameter("size", "odd-size", (9, 9), "n, or rows,columns", unit="pixels"),
        ),
    ),
}
