"""Filters in a table: their numbers, and what each makes of one picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cnnfilter.core.arrays import Array
from cnnfilter.errors import ParameterError
from cnnfilter.images.colour import SIGNS, rgb
from cnnfilter.images.draw import LONGEST_NUMBERED
from cnnfilter.images.filter_table import SIDE, Card, draw_table
from cnnfilter.images.picture import Picture
from cnnfilter.images.tiles import picture_tile
from cnnfilter.images.write import write_drawing
from cnnfilter.library.export.text import whole
from cnnfilter.library.kernel import Kernel
from cnnfilter.run.image import Request, do_image
from cnnfilter.run.options import Options
from cnnfilter.run.outputs import picture_form
from cnnfilter.run.render import tiles_of
from cnnfilter.run.steps import Step

#: The most filters that a table holds, and the letters of a row of numbers that can be read there.
MOST_FILTERS, MOST_LETTERS = 120, 30


def write_table(kernels: Sequence[Kernel], picture: Picture, title: str, path: str, options: Options) -> None:
    """Draw a table of kernels and write it.

    Raises
    ------
    UnknownNameError
        If the name ends in no picture format.
    ParameterError
        If there are more than `MOST_FILTERS` kernels.
    """
    form = picture_form(path)
    if len(kernels) > MOST_FILTERS:
        raise ParameterError(f"a table holds {MOST_FILTERS} kernels at most, these are {len(kernels)} (name fewer)")
    part = _middle(picture)
    itself = rgb(picture_tile(picture))[part]
    cards = [Card("the picture", "as it is", np.ones((1, 1)), [["1"]], itself, "")]
    cards += [_card(kernel, picture, options, part) for kernel in kernels]
    rows, columns = itself.shape[:2]
    whole = (rows, columns) == (picture.height, picture.width)
    where = "" if whole else f"the middle {rows} x {columns} of "
    place = f"{len(kernels)} filters on {where}{Path(picture.name).name}; numbers: {SIGNS}"
    write_drawing(path, draw_table(title, place, cards), form)


def _middle(picture: Picture) -> tuple[slice, slice]:
    """Return the part of a picture that is shown pixel by pixel: made smaller, sharpening could not be seen."""
    starts = [max((side - SIDE) // 2, 0) for side in (picture.height, picture.width)]
    return slice(starts[0], starts[0] + SIDE), slice(starts[1], starts[1] + SIDE)


def _card(kernel: Kernel, picture: Picture, options: Options, part: tuple[slice, slice]) -> Card:
    """Return what a table says of one kernel."""
    request = Request((Step(kernel.name, kernel.spec, (kernel,)),), options, "auto", keep=True)
    (done,) = do_image(request, picture, [])
    tile = tiles_of(done.maps, done.look)[0] if done.maps is not None else np.zeros((1, 1, 1), np.uint8)
    plane = kernel.weights if kernel.weights.ndim == 2 else kernel.weights[0]
    cells, scale = _cells(plane)
    return Card(
        name=kernel.name, title=f"{scale}{kernel.title or kernel.spec}", weights=plane, cells=cells,
        effect=rgb(tile)[part],
        shown=f"shown as {done.look.kind}",
    )  # fmt: skip


def _cells(plane: Array) -> tuple[list[list[str]], str]:
    """Return numbers as text, whole ones where a fraction stands before them, which is returned too."""
    found = whole(plane)
    scale, numbers = (1, plane) if found is None else found
    cells = [[f"{float(value):.3g}" for value in row] for row in numbers]
    longest = max(len(text) for row in cells for text in row)
    if longest * plane.shape[1] > MOST_LETTERS or max(plane.shape) > LONGEST_NUMBERED:
        return [], ""
    return cells, "" if scale == 1 else f"{scale} times; "
