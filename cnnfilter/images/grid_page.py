"""Numbers as a picture: cells with their numbers, coloured by value, with the numbers of rows and columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from cnnfilter.core.arrays import Array
from cnnfilter.images.colour import Colour
from cnnfilter.images.draw import FAINT, INK, PAPER, SCALE, WIDTH, draw_cells, draw_text

#: Cells that are drawn, at most, their largest side, and the least width of the picture.
MOST_ROWS, MOST_COLUMNS, LARGEST_CELL = 24, 32, 96
LEAST_WIDTH = 640
_MARGIN, _HEAD, _AXIS, _FOOT = 56, 132, 34, 60


class GridPage(NamedTuple):
    """What stands on the picture.

    Attributes
    ----------
    title, place
        The heading, and which part of which map it is.
    values, cells
        ``(H, W)``, and the same as text.
    corner
        Number of the first row and of the first column.
    colour
        Gives that of a value divided by the largest one.
    largest
        The value that has the full colour.
    note
        The last line.
    """

    title: str
    place: str
    values: Array
    cells: Sequence[Sequence[str]]
    corner: tuple[int, int]
    colour: Callable[[float], Colour]
    largest: float
    note: str


def cell_side(columns: int) -> float:
    """Return the side of a cell in pixels."""
    return min((WIDTH - 2 * _MARGIN - _AXIS) / columns, LARGEST_CELL)


def draw_grid(page: GridPage) -> NDArray[np.uint8]:
    """Draw a page.

    Returns
    -------
    numpy.ndarray
        ``(H, W, 3)`` uint8: as large as the cells need, W being 1600 at most.
    """
    rows, columns = page.values.shape
    side = cell_side(columns)
    width = max(LEAST_WIDTH, round(2 * _MARGIN + _AXIS + columns * side))
    height = round(_HEAD + _AXIS + rows * side + _FOOT)
    image = Image.new("RGB", (width * SCALE, height * SCALE), PAPER)
    draw = ImageDraw.Draw(image)
    draw_text(draw, (_MARGIN * SCALE, 36), page.title, 38, INK, width=(width - 2 * _MARGIN) * SCALE)
    draw_text(draw, (_MARGIN * SCALE, 88), page.place, 20, FAINT, width=(width - 2 * _MARGIN) * SCALE)
    left, top = (_MARGIN + _AXIS) * SCALE, (_HEAD + _AXIS) * SCALE
    box = left, top, left + columns * side * SCALE, top + rows * side * SCALE
    draw_cells(draw, page.values, page.cells, box, page.colour, largest=page.largest)
    size = min(18, 0.4 * side)
    for row in range(rows):
        y = _HEAD + _AXIS + (row + 0.5) * side
        draw_text(draw, (left - 10 * SCALE, y), str(page.corner[0] + row), size, FAINT, anchor="rm")
    for column in range(columns):
        x = left + (column + 0.5) * side * SCALE
        draw_text(draw, (x, _HEAD + _AXIS - 10), str(page.corner[1] + column), size, FAINT, anchor="ms")
    draw_text(draw, (left, height - 40), page.note, 17, FAINT, width=(width - 2 * _MARGIN) * SCALE)
    return np.asarray(image.resize((width, height), Image.Resampling.LANCZOS))
