"""Colour maps: gray pixels to colours, by a table of 256."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cnnfilter.errors import ParameterError, ShapeError, lookup

#: Rows that go through a table at a time.
_ROWS = 256


def colour_table(name: str) -> NDArray[np.uint8]:
    """Return the 256 colours of a colour map, ``(256, 3)``, black to white.

    Any name that the cmap package knows: ``viridis``, ``inferno``, ``coolwarm``, ``gray_r`` and hundreds more.

    Raises
    ------
    UnknownNameError
        If there is no such map; the closest names are given.
    """
    from cmap import Colormap

    try:
        colours = Colormap(name).lut(256)[:, :3]
    except (ValueError, TypeError, KeyError):
        known = {str(key): None for key in Colormap.catalog()}
        known |= {key.rpartition(":")[2]: None for key in known}
        lookup(known, name, "colormap")
        raise ParameterError(f"colormap {name!r} cannot be used") from None
    table: NDArray[np.uint8] = np.rint(np.asarray(colours) * 255).astype(np.uint8)
    return table


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
