"""A grid of numbers as a picture: its axes put in order, with a word about every guess."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnfilter.core.layout import looks_channels_last, may_be_channels_last
from cnnfilter.dumps.names import GRID_EXTENSIONS, sniff_grid
from cnnfilter.dumps.read import read_grid, reading_bytes
from cnnfilter.errors import CnnFilterError, ImageError
from cnnfilter.files import quoted
from cnnfilter.images.limits import MOST_CHANNELS, Limits
from cnnfilter.images.picture import Picture, array_picture
from cnnfilter.images.sniff import PICTURES, promised, sniff_foreign

_KNOWN = f"a picture ({', '.join(PICTURES)}) or a grid of numbers (csv, txt, json, npy, npz)"


def grid_picture(data: bytes, name: str, limits: Limits, layout: str, *, fold: bool) -> Picture:
    """Return a grid of numbers as a picture; with `fold`, axes beyond three as channels.

    Raises
    ------
    ImageError
        If it is no grid, or one that is no picture.
    ResourceError
        If it needs more memory than allowed.
    """
    if kind := sniff_foreign(data[:64]):
        raise ImageError(f"{quoted(name)}: {kind} is not supported (convert it to PNG, or numbers to .npy)")
    if said := promised(name):
        raise ImageError(f"{quoted(name)}: not {said} nor any other known picture, whatever its name says")
    try:
        grid = read_grid(
            data, name=name, max_values=limits.pixels * MOST_CHANNELS, max_cells=limits.pixels,
            max_memory=limits.memory,
        )  # fmt: skip
    except ImageError as error:
        if Path(name.partition("#")[0]).suffix.lower() in GRID_EXTENSIONS:
            raise
        raise ImageError(f"{quoted(name)}: not {_KNOWN}") from error
    try:
        reading = reading_bytes(sniff_grid(data, name), data, grid)
        notes: list[str] = []
        while grid.ndim > 3 and len(grid) == 1:  # axes of one in front of three are those of a batch
            grid = grid[0]
        if grid.ndim == 3 or (grid.ndim == 4 and fold):
            grid, notes = _channels_first(grid, layout, known=_is_own(data, name))
        if fold and grid.ndim > 3:
            notes = [*notes, f"{' x '.join(map(str, grid.shape))}: its maps are shown one after another"]
            grid = grid.reshape(-1, *grid.shape[-2:])
        return replace(_from_array(grid, name, notes, limits), reading=reading)
    except CnnFilterError as error:
        raise type(error)(f"{quoted(name)}: {error}") from error


def _is_own(data: bytes, name: str) -> bool:
    """Say whether a grid says itself in which order its axes are: a stack in text, and a dump of this program."""
    return sniff_grid(data, name) == "csv" or b'"program": "cnnfilter"' in data[:200]


def _channels_first(grid: NDArray[Any], layout: str, *, known: bool) -> tuple[NDArray[Any], list[str]]:
    """Return a stored array with its channels in front of rows and columns, and what to say about it."""
    shape = grid.shape
    if layout == "CHW" or (layout == "auto" and known):
        return grid, []
    last, first = (
        f"{rows} x {columns} pixels of {count} channel{'s' * (count != 1)}"
        for rows, columns, count in (shape[-3:], (*shape[-2:], shape[-3]))
    )
    if layout == "HWC" or looks_channels_last(shape):
        note = [f"{shape} is read as {last} (--layout CHW reads {first})"] if layout == "auto" else []
        return np.moveaxis(grid, -1, -3), note
    return grid, [f"{shape} is read as {first} (--layout HWC reads {last})"] * may_be_channels_last(shape)


def _from_array(grid: NDArray[Any], name: str, notes: list[str], limits: Limits) -> Picture:
    """Return an array of 1 to 3 axes as a picture."""
    if not 1 <= grid.ndim <= 3:
        raise ImageError(f"its shape is {grid.shape}: an image has rows and columns, and channels in front of them")
    values = grid.reshape((1,) * (3 - grid.ndim) + grid.shape)  # (C, H, W)
    limits.check_size(*values.shape[1:])
    if grid.dtype.kind == "f" and not np.isfinite(grid).all():
        holes, endless = int(np.isnan(grid).sum()), int(np.isinf(grid).sum())
        notes = [*notes, f"holds {holes} NaN and {endless} infinite values"]
    return array_picture(values, name, tuple(notes), grid=True)
