"""Orthogonal bases and texture masks: cosine, Walsh-Hadamard and Haar functions, Laws' masks."""

from __future__ import annotations

import math

import numpy as np

from cnnfilter.errors import ParameterError
from cnnfilter.library.generators.grid import Array, Size
from cnnfilter.library.parameters import Generator, Parameter


def dct(*, size: Size, u: int, v: int) -> Array:
    """Return a basis function of the orthonormal two-dimensional cosine transform (DCT-II).

    ``c(u) c(v) cos(pi u (2 row + 1) / 2 rows) cos(pi v (2 column + 1) / 2 columns)``, of unit length.

    Parameters
    ----------
    size
        Rows and columns.
    u, v
        Frequency down the rows, and across the columns; 0, 0 is flat.

    References
    ----------
    .. [1] N. Ahmed, T. Natarajan and K. R. Rao, "Discrete cosine transform", IEEE Transactions on Computers
           C-23(1), 1974.

    Examples
    --------
    >>> dct(size=(1, 2), u=0, v=1).round(4)
    array([[ 0.7071, -0.7071]])
    """
    for name, order, length in (("u", u, size[0]), ("v", v, size[1])):
        if order >= length:
            raise ParameterError(f"dct: {name} must be 0 to {length - 1} for size {length}, got {order}")
    column, row = (_cosine(length, order) for length, order in ((size[0], u), (size[1], v)))
    return np.outer(column, row)


def _cosine(length: int, order: int) -> Array:
    """Return one orthonormal cosine, ``(length,)``."""
    wave = np.cos(np.pi * order * (2 * np.arange(length) + 1) / (2 * length))
    scaled: Array = wave * math.sqrt((1 if order == 0 else 2) / length)
    return scaled


def hadamard(*, size: int, u: int, v: int) -> Array:
    """Return a Walsh-Hadamard function of +1 and -1 with `u` changes of sign down and `v` across, ``(size, size)``.

    References
    ----------
    .. [1] W. K. Pratt, J. Kane and H. C. Andrews, "Hadamard transform image coding", Proceedings of the
           IEEE 57(1), 1969.

    Examples
    --------
    >>> hadamard(size=4, u=0, v=2)[0]
    array([ 1., -1., -1.,  1.])
    """
    if size & (size - 1) or not 1 <= size <= 64:
        raise ParameterError(f"hadamard: size must be a power of 2 up to 64, got {size}")
    for name, order in (("u", u), ("v", v)):
        if order >= size:
            raise ParameterError(f"hadamard: {name} must be 0 to {size - 1} for size {size}, got {order}")
    rows = np.array([[1.0]])
    while len(rows) < size:
        rows = np.block([[rows, rows], [rows, -rows]])
    changes = np.count_nonzero(np.diff(rows), axis=1)
    ordered = rows[np.argsort(changes)]  # by sequency
    return np.outer(ordered[u], ordered[v])


def haar_like(*, kind: str, size: Size) -> Array:
    """Return a Haar-like feature of +1 and -1 rectangles, which compares their sums.

    Parameters
    ----------
    kind
        ``edge-x``: left against right half; ``edge-y``: upper against lower half; ``line-x``, ``line-y``: the
        middle third counts -2, so that the feature sums to 0; ``diagonal``: opposite quarters.
    size
        Rows and columns, which must divide into the rectangles.

    References
    ----------
    .. [1] P. Viola and M. Jones, "Rapid object detection using a boosted cascade of simple features", CVPR 2001.

    Examples
    --------
    >>> haar_like(kind="line-x", size=(1, 3))
    array([[ 1., -2.,  1.]])
    """
    column, row = _HAAR[kind]
    for name, parts, length in (("rows", column, size[0]), ("columns", row, size[1])):
        if length % len(parts):
            raise ParameterError(f"haar-like: {kind} needs {name} in {len(parts)} equal parts, got {length}")
    return np.outer(_stretched(column, size[0]), _stretched(row, size[1]))


def _stretched(parts: tuple[float, ...], length: int) -> Array:
    """Return each part repeated until there are `length`, ``(length,)``."""
    return np.repeat(np.array(parts, dtype=np.float64), length // len(parts))


_HAAR: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "edge-x": ((1,), (1, -1)),
    "edge-y": ((1, -1), (1,)),
    "line-x": ((1,), (1, -2, 1)),
    "line-y": ((1, -2, 1), (1,)),
    "diagonal": ((1, -1), (1, -1)),
}


def laws(*, column: str, row: str) -> Array:
    """Return one of Laws' texture masks: a column of one kind times a row of another.

    Level, edge, spot, wave, ripple, undulation and oscillation, in 3, 5 and 7 taps.

    References
    ----------
    .. [1] K. I. Laws, "Textured image segmentation", dissertation, University of Southern California, 1980.

    Examples
    --------
    >>> laws(column="e3", row="l3")
    array([[-1., -2., -1.],
           [ 0.,  0.,  0.],
           [ 1.,  2.,  1.]])
    """
    return np.outer(np.array(LAWS[column], dtype=float), np.array(LAWS[row], dtype=float))


#: Laws' vectors.
LAWS: dict[str, tuple[int, ...]] = {
    "l3": (1, 2, 1),
    "e3": (-1, 0, 1),
    "s3": (-1, 2, -1),
    "l5": (1, 4, 6, 4, 1),
    "e5": (-1, -2, 0, 2, 1),
    "s5": (-1, 0, 2, 0, -1),
    "w5": (-1, 2, 0, -2, 1),
    "r5": (1, -4, 6, -4, 1),
    "l7": (1, 6, 15, 20, 15, 6, 1),
    "e7": (-1, -4, -5, 0, 5, 4, 1),
    "s7": (-1, -2, 1, 4, 1, -2, -1),
    "w7": (-1, 0, 3, 0, -3, 0, 1),
    "r7": (1, -2, -1, 4, -1, -2, 1),
    "u7": (1, -4, 5, 0, -5, 4, -1),
    "o7": (-1, 6, -15, 20, -15, 6, -1),
}

_FREQUENCIES = (
    Parameter("u", "whole", 0, "frequency down the rows", minimum=0, maximum=4094),
    Parameter("v", "whole", 1, "frequency across the columns", minimum=0, maximum=4094),
)

GENERATORS: dict[str, Generator] = {
    "dct": Generator(dct, (Parameter("size", "size", (8, 8), "n, or rows,columns", unit="pixels"), *_FREQUENCIES)),
    "hadamard": Generator(
        hadamard, (Parameter("size", "whole", 4, "a power of 2", "pixels", minimum=1, maximum=64), *_FREQUENCIES)
    ),
    "haar-like": Generator(
        haar_like,
        (
            Parameter("kind", "choice", "edge-x", "which rectangles", choices=tuple(_HAAR)),
            Parameter("size", "size", (6, 6), "n, or rows,columns", unit="pixels"),
        ),
    ),
    "laws": Generator(
        laws,
        (
            Parameter("column", "choice", "e5", "the vector down", choices=tuple(LAWS)),
            Parameter("row", "choice", "l5", "the vector across", choices=tuple(LAWS)),
        ),
    ),
}
