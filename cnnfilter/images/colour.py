"""Colour maps: gray pixels to colours, by a table of 256."""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnfilter.errors import ShapeError, UnknownNameError

Colour = tuple[int, int, int]

ABOVE: Colour = (231, 126, 35)
BELOW: Colour = (52, 110, 196)
ZERO: Colour = (238, 238, 234)
#: What these stand for, as it is said beside what is drawn.
SIGNS = "blue below 0, orange above"
#: What is no number, or infinite, on everything that we draw.
STRANGE: Colour = (198, 60, 160)


def signed_colour(value: float) -> Colour:
    """Return the colour of a weight between -1 and 1: blue below 0, orange above; of NaN and infinity their own.

    Examples
    --------
    >>> signed_colour(0.0), signed_colour(1.0), signed_colour(float("nan"))
    ((238, 238, 234), (231, 126, 35), (198, 60, 160))
    """
    if not math.isfinite(value):
        return STRANGE
    end = ABOVE if value > 0 else BELOW
    share = min(1.0, abs(value)) ** 0.8
    red, green, blue = (round(a + share * (b - a)) for a, b in zip(ZERO, end, strict=True))
    return red, green, blue


def largest_of(values: NDArray[Any]) -> float:
    """Return the largest finite value without its sign; 1 where there is none but 0."""
    return float(np.max(np.abs(values), where=np.isfinite(values), initial=0.0)) or 1.0


#: Characters of a wrong name that a message repeats.
_LONGEST_NAME = 40

#: How alike a name must be to be suggested: with so many short ones, most mistakes come near to some.
_ALIKE = 0.45


def colormap_names() -> list[str]:
    """Return the short names of all colour maps, in order; each also goes with ``_r`` behind it, turned over."""
    from cmap import Colormap

    return sorted({SIGNED, *(str(name) for name in Colormap.catalog().short_keys())}, key=str.lower)


#: Our own map, for values of both signs: blue below 0, pale at 0, orange above.
SIGNED = "signed"
#: Rows that go through a table at a time.
_ROWS = 256


def colour_table(name: str) -> NDArray[np.uint8]:
    """Return the 256 colours of a colour map, ``(256, 3)``, black to white.

    ``signed``, or any name that the cmap package knows: ``viridis``, ``inferno``, ``coolwarm``, ``gray_r`` and hundreds
    more, which `colormap_names` lists.

    Raises
    ------
    UnknownNameError
        If there is no such map; the closest names are given.
    """
    if name == SIGNED:
        return np.array([signed_colour((level - 127.5) / 127.5) for level in range(256)], np.uint8)
    from difflib import get_close_matches  # only a mistake needs it

    from cmap import Colormap

    try:
        with _silence():
            colours = np.asarray(Colormap(name).lut(256))[:, :3]
    except (ValueError, TypeError, KeyError):
        near = get_close_matches(name, colormap_names(), cutoff=_ALIKE)
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        shown = name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}..."
        raise UnknownNameError(f"unknown colormap {shown!r} ({hint}cnnfilter colormaps lists all)") from None
    bands = np.arange(256) * len(colours) // 256  # maps of a few colours, such as Set1, have no more than these
    table: NDArray[np.uint8] = np.rint(colours[bands] * 255).astype(np.uint8)
    return table


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keep to itself what cmap logs and warns of, such as a name that several of its sources share."""
    import logging  # cmap loads it, and nothing else does

    logger = logging.getLogger("cmap")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before, logger.disabled = logger.disabled, True
        try:
            yield
        finally:
            logger.disabled = before


def rgb(pixels: NDArray[Any]) -> NDArray[Any]:
    """Return pixels ``(H, W, C)`` of one or three channels, and transparency that is left out, as RGB."""
    colours = pixels[..., : 3 if pixels.shape[2] > 2 else 1]
    return np.broadcast_to(colours, (*pixels.shape[:2], 3))


def marked(pixels: NDArray[np.uint8], values: NDArray[Any]) -> NDArray[np.uint8]:
    """Return pixels ``(H, W, C)`` with cells that are not finite in a colour of their own; `values` may have channels.

    Examples
    --------
    >>> marked(np.zeros((1, 2, 1), np.uint8), np.array([[1.0, np.inf]])).tolist()
    [[[0, 0, 0], [198, 60, 160]]]
    """
    if values.dtype.kind != "f" or (finite := np.isfinite(values)).all():
        return pixels
    finite = finite.all(axis=0) if values.ndim == 3 else finite
    painted: NDArray[np.uint8] = np.where(finite[..., None], rgb(pixels), np.array(STRANGE, np.uint8))
    return painted


def apply_colormap(pixels: NDArray[np.uint8], table: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the colours of gray pixels.

    Parameters
    ----------
    pixels
        ``(R, W)`` or ``(R, W, 1)`` uint8.
    table
        ``(256, 3)``, from `colour_table`.

    Returns
    -------
    numpy.ndarray
        ``(R, W, 3)`` uint8. A PNG needs none of this: the table can be its palette.
    """
    if pixels.ndim == 3:
        if pixels.shape[2] != 1:
            raise ShapeError(f"a colormap needs one channel, got {pixels.shape[2]}")
        pixels = pixels[..., 0]
    if pixels.dtype != np.uint8:
        raise ShapeError(f"a colormap needs 8-bit pixels, got {pixels.dtype}")
    colours: NDArray[np.uint8] = np.empty((*pixels.shape, 3), np.uint8)  # (R, W, 3)
    for start in range(0, len(pixels), _ROWS):  # the indices of a whole picture would take eight times its bytes
        colours[start : start + _ROWS] = np.take(table, pixels[start : start + _ROWS], axis=0)
    return colours
