"""From a result to a whole number of the picture's type, as each tool does it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

#: The largest value of 16 bits over that of 8 bits.
WORD_PER_BYTE = 257


def half_even(values: Array, top: int) -> None:
    """Round in place to the nearest whole number, a half to the even one, and clip to ``0..top``.

    Examples
    --------
    >>> values = np.array([0.5, 1.5, -3.0, 300.0]); half_even(values, 255); values
    array([  0.,   2.,   0., 255.])
    """
    np.rint(values, out=values)
    np.clip(values, 0, top, out=values)


def half_up(values: Array, top: int) -> None:
    """Add a half and cut off the fraction; clip to ``0..top``.

    Examples
    --------
    >>> values = np.array([0.5, 1.5, -3.0]); half_up(values, 255); values
    array([1., 2., 0.])
    """
    values += values.dtype.type(0.5)
    cut(values, top)


def cut(values: Array, top: int) -> None:
    """Cut off the fraction, where a half has been added already; clip to ``0..top``."""
    np.floor(values, out=values)
    np.clip(values, 0, top, out=values)


def half_away(values: Array, top: int) -> None:
    """Round in place, a half away from zero, and clip to ``0..top``: below zero everything is clipped anyway."""
    half_up(values, top)


def quantum(values: Array, top: int) -> None:
    """Round at 16 bits, and from there cut to 8 bits where the picture has 8.

    Examples
    --------
    >>> values = np.array([0.5, 0.999, 1.0, 300.0]); quantum(values, 255); values
    array([  0.,   1.,   1., 255.])
    """
    if top > 255:
        half_up(values, top)
        return
    values *= WORD_PER_BYTE
    quantum_of_words(values, top)


def quantum_of_words(values: Array, top: int) -> None:
    """Round 16-bit values, and cut them to 8 bits."""
    half_up(values, top * WORD_PER_BYTE)
    np.floor_divide(values, WORD_PER_BYTE, out=values)


def clip_unit(values: Array, top: int) -> None:
    """Clip to 0..1, or for a `top` below 0 to -1..1."""
    np.clip(values, min(top, 0), 1, out=values)


#: Each takes the values, which it changes, and the largest value of the picture's type.
ROUNDINGS: dict[str, Callable[[Array, int], None]] = {
    "half-even": half_even,
    "half-up": half_up,
    "half-away": half_away,
    "cut": cut,
    "quantum": quantum,
    "quantum-of-words": quantum_of_words,
    "clip-unit": clip_unit,
}
