"""An explanation as a page: which grids are drawn, and the window in the picture around it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

import cnnfilter
from cnnfilter.images.story_page import Panel, StoryPage, draw_story
from cnnfilter.images.write import encode_image
from cnnfilter.run.explanation import Around, Explanation
from cnnfilter.run.story import MOST_CELLS, MOST_VALUES, Grid, Story, channel_grids


def page_of(one: Explanation, story: Story) -> bytes:
    """Return an explanation as the bytes of a PNG, 1600 x 900."""
    panels: list[Panel] = []
    if one.around is not None:
        panels.append(_around(one, one.around))
    if one.terms and 0 < max(one.size) <= MOST_CELLS:
        panels += map(_panel, _strongest(one, story))
    if one.activation is not None and 0 < len(one.activation.inputs) <= MOST_VALUES:
        named = (("values", one.activation.inputs), (one.activation.name, one.activation.results))
        panels += [_column(title, values, story) for title, values in named]
    if one.pool is not None:
        panels.append(_pool_panel(one, story))
    lines = tuple((line.label, f"{line.sum} {line.sign}", story.written(line.result)) for line in story.lines)
    page = StoryPage(story.title, story.place, tuple(panels), lines, "; ".join(story.notes))
    text = {"Software": f"cnnfilter {cnnfilter.__version__}", "Kernel": one.spec}
    return encode_image(draw_story(page), "png", text)


def _panel(grid: Grid) -> Panel:
    """Return a grid as a panel; what padding invents stands in brackets."""
    cells = [
        [f"[{text}]" if grid.invented[row, column] else text for column, text in enumerate(line)]
        for row, line in enumerate(grid.cells)
    ]
    return Panel(grid.title, np.nan_to_num(grid.values), cells, shaded=grid.title.startswith("window"))


def _around(one: Explanation, part: Around) -> Panel:
    """Return the input around the window, which is framed where it lies on it."""
    height, width = part.values.shape
    rows, columns = ([getattr(term, name) for term in one.terms] for name in ("row", "column"))
    marked = (
        max(min(rows) - part.top, 0), max(min(columns) - part.left, 0),
        min(max(rows) + 1 - part.top, height), min(max(columns) + 1 - part.left, width),
    )  # fmt: skip
    inside = marked[0] < marked[2] and marked[1] < marked[3]
    return Panel("around the window", np.nan_to_num(part.values), shaded=True, marked=marked if inside else None)


def _strongest(one: Explanation, story: Story) -> tuple[Grid, Grid, Grid]:
    """Return the grids of the channel that counts most."""
    number = int(np.argmax(np.abs(np.nan_to_num(one.channel_sums))))
    return story.channels[number] if story.channels else channel_grids(one, number, story.written)


def _column(title: str, values: Sequence[float], story: Story) -> Panel:
    """Return values of a vector below one another."""
    return Panel(title, np.nan_to_num(np.array(values)[:, None]), [[story.written(value)] for value in values])


def _pool_panel(one: Explanation, story: Story) -> Panel:
    """Return the window of a pooling; what was taken is framed where that is one cell."""
    if one.pool is None:
        raise AssertionError("no pooling")
    height = len({cell.row for cell in one.pool.cells})
    width = len(one.pool.cells) // height
    values = np.array([np.nan if cell.value is None else cell.value for cell in one.pool.cells]).reshape(height, width)
    small = max(height, width) <= MOST_CELLS
    texts = (
        [["" if value != value else story.written(float(value)) for value in row] for row in values] if small else []
    )
    taken = [index for index, cell in enumerate(one.pool.cells) if cell.taken]
    marked = None
    if len(taken) == 1:
        row, column = divmod(taken[0], width)
        marked = row, column, row + 1, column + 1
    return Panel(f"window of the {one.pool.kind} pooling", np.nan_to_num(values), texts, marked=marked)
