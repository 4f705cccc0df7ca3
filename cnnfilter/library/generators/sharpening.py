"""Kernels that sharpen by subtracting a blur."""

from __future__ import annotations

import numpy as np

from cnnfilter.library.generators.grid import Array, Size
from cnnfilter.library.generators.smoothing import box, gaussian, gaussian_kept
from cnnfilter.library.parameters import Generator, Parameter


def unsharp(*, amount: float, sigma: float, size: Size | None, form: str) -> Array:
    """Return unsharp masking as one kernel, ``(1 + amount) * identity - amount * gaussian``; it sums to 1.

    The size is the Gaussian's: ``2 * ceil(3 sigma) + 1`` unless given, in the form of ``scipy`` cut at
    ``int(4 sigma + 0.5)``.
    """
    weights = -amount * gaussian(size=size, sigma=sigma, form=form)
    weights[weights.shape[0] // 2, weights.shape[1] // 2] += 1 + amount
    return weights


def unsharp_kept(*, sigma: float, size: Size | None, **_: object) -> float:
    """Return the share of the Gaussian's mass inside `size`."""
    return gaussian_kept(size=size, sigma=sigma, form="sampled")


def high_boost(*, boost: float, size: Size) -> Array:
    """Return high-boost filtering, ``boost * identity - box``; it sums to ``boost - 1``.

    References
    ----------
    .. [1] R. C. Gonzalez and R. E. Woods, "Digital Image Processing", Addison-Wesley, 1992, section 4.3.

    Examples
    --------
    >>> high_boost(boost=2.0, size=(3, 3)) * 9
    array([[-1., -1., -1.],
           [-1., 17., -1.],
           [-1., -1., -1.]])
    """
    weights = -box(size=size)
    weights[size[0] // 2, size[1] // 2] += boost
    return weights


def outline(*, size: Size) -> Array:
    """Return minus ones around ``rows * columns - 1``, which sums to 0: ImageMagick's ``-edge``.

    Examples
    --------
    >>> outline(size=(1, 3))
    array([[-1.,  2., -1.]])
    """
    weights = -np.ones(size)
    weights[size[0] // 2, size[1] // 2] += size[0] * size[1]
    return weights


def sharpen_imagemagick(*, sigma: float, size: Size | None) -> Array:
    """Return ImageMagick's ``-sharpen``: a Gaussian turned negative, twice its sum in the centre, sum 1.

    The size is ImageMagick's for 16 bits unless given.

    References
    ----------
    .. [1] ImageMagick, ``SharpenImage``.
    """
    blur = gaussian(size=size, sigma=sigma, form="imagemagick")  # of sum 1
    weights = -blur
    weights[weights.shape[0] // 2, weights.shape[1] // 2] = 2.0
    total: float = weights.sum()
    return weights / total


def sharpen_imagemagick_kept(*, sigma: float, size: Size | None) -> float:
    """Return the share of the Gaussian's mass inside `size`."""
    return gaussian_kept(size=size, sigma=sigma, form="sampled")


_ODD_SIZE = Parameter("size", "odd-size", None, "n, or rows,columns; 2*ceil(3 sigma)+1", unit="pixels")

GENERATORS: dict[str, Generator] = {
    "unsharp": Generator(
        unsharp,
        (
            Parameter("amount", "number", 1.0, "how much of the difference is added", above=0, maximum=1000),
            Parameter("sigma", "number", 1.0, "of the blur", unit="pixels", above=0),
            _ODD_SIZE,
            Parameter("form", "choice", "sampled", "whose Gaussian", choices=("sampled", "scipy")),
        ),
        unsharp_kept,
    ),
    "high-boost": Generator(
        high_boost,
        (
            Parameter("boost", "number", 2.0, "weight of the picture itself", minimum=1, maximum=1000),
            Parameter("size", "odd-size", (3, 3), "n, or rows,columns, of the mean", unit="pixels"),
        ),
    ),
    "outline": Generator(outline, (Parameter("size", "odd-size", (3, 3), "n, or rows,columns", unit="pixels"),)),
    "sharpen-imagemagick": Generator(
        sharpen_imagemagick,
        (
            Parameter("sigma", "number", 1.0, "of the blur", unit="pixels", above=0),
            Parameter("size", "odd-size", None, "n, or rows,columns; to the last step of 16 bits", unit="pixels"),
        ),
        sharpen_imagemagick_kept,
    ),
}
