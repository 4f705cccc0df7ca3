"""The numbers of a map as a picture: which part of it is drawn, and how."""

from __future__ import annotations

from pathlib import Path

from cnnfilter.core.arrays import Array
from cnnfilter.errors import OutputError
from cnnfilter.images.colour import SIGNS, largest_of, signed_colour
from cnnfilter.images.draw import gray
from cnnfilter.images.grid_page import MOST_COLUMNS, MOST_ROWS, GridPage, cell_side, draw_grid
from cnnfilter.images.write import write_drawing
from cnnfilter.run.image import Done
from cnnfilter.run.outputs import picture_form
from cnnfilter.run.render import range_of
from cnnfilter.run.story import decimal

#: Pixels of a letter in the smallest numbers that can be read.
LETTER = 9


def write_grid(done: Done, path: str, at: tuple[int, int] | None, of: tuple[int, int]) -> None:
    """Draw the cells around a place, those of the first channel, and write them.

    Parameters
    ----------
    at
        Row and column of the place; the corner where None.
    of
        The channel that it is, and how many there are.

    Raises
    ------
    UnknownNameError
        If the name ends in no picture format.
    """
    form = picture_form(path)
    if done.maps is None:
        raise OutputError("nothing is kept that could be drawn")
    values = done.maps.hold()
    rows, columns = values.shape[1:]
    top, left = (
        max(0, min((0 if at is None else at[axis]) - most // 2, side - most))
        for axis, (side, most) in enumerate(((rows, MOST_ROWS), (columns, MOST_COLUMNS)))
    )
    part = values[0, top : top + MOST_ROWS, left : left + MOST_COLUMNS]
    place = f"{rows} x {columns}"
    if part.shape != (rows, columns):
        last = top + part.shape[0] - 1, left + part.shape[1] - 1
        place = f"rows {top} to {last[0]} of {rows}, columns {left} to {last[1]} of {columns}"
    if of[1] > 1:
        place += f", channel {of[0]} of {of[1]}"
    light = done.look.kind == "clip"
    largest = done.look.white if light else largest_of(part)
    colours = f"black is 0, white {decimal(largest)}" if light else SIGNS
    page = GridPage(
        title=Path(done.result.source).name, place=place, values=part.astype(float), cells=_texts(part),
        corner=(top, left), colour=gray if light else signed_colour, largest=largest,
        note=f"{range_of(part)}; {colours}",
    )  # fmt: skip
    write_drawing(path, draw_grid(page), form)


def _texts(part: Array) -> list[list[str]]:
    """Return values as text, with as many digits as can be read in their cells."""
    room = cell_side(part.shape[1]) / LETTER
    made = [[decimal(float(value)) for value in row] for row in part]
    for digits in (4, 3, 2):
        if max(len(one) for row in made for one in row) <= room:
            break
        made = [[_short(float(value), digits) for value in row] for row in part]
    return made


def _short(value: float, digits: int) -> str:
    """Return a number in so many digits, or without a fraction where that is as short.

    Examples
    --------
    >>> _short(123.4, 2), _short(-0.0312, 2), _short(1.2345e20, 2)
    ('123', '-0.031', '1.2e+20')
    """
    return f"{value:.0f}" if 10**digits <= abs(value) < 10**6 else f"{value:.{digits}g}"
