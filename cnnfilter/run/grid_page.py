"""The numbers of a map as a picture: which part of it is drawn, and how."""

from __future__ import annotations

from cnnfilter.errors import OutputError
from cnnfilter.images.grid_page import MOST_COLUMNS, MOST_ROWS, GridPage, draw_grid
from cnnfilter.images.write import write_drawing
from cnnfilter.run.image import Done
from cnnfilter.run.outputs import picture_form
from cnnfilter.run.story import decimal


def write_grid(done: Done, path: str, at: tuple[int, int] | None) -> None:
    """Draw the cells around a place, those of the first channel, and write them.

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
    if len(values) > 1:
        place += f", channel 0 of {len(values)}"
    facts = done.result.statistics
    page = GridPage(
        title=done.result.source, place=place, values=part.astype(float),
        cells=[[decimal(float(value)) for value in row] for row in part], corner=(top, left),
        shaded=done.look.kind == "clip", note=f"from {decimal(facts.minimum)} to {decimal(facts.maximum)}",
    )  # fmt: skip
    write_drawing(path, draw_grid(page), form)
