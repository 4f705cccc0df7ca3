"""The film of an explanation: the window slides over all of a small image, and the map fills."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from cnnfilter.errors import ParameterError
from cnnfilter.images.film import Scene, Shot, draw_film
from cnnfilter.run.explain import explain_work
from cnnfilter.run.explanation import Explanation
from cnnfilter.run.image import Work
from cnnfilter.run.story import Written, decimal, tell

#: Cells of a map that a film fills, and of an input whose numbers can be read.
MOST_SHOTS, MOST_SIDE = 200, 16


def film_of(work: Work, channel: int, form: str, *, exact: bool = False) -> bytes:
    """Return the film of a step on a small image as the bytes of a GIF or WebP.

    Raises
    ------
    ParameterError
        If the map has more cells than a film shows, the input is too large to be read, or several windows would slide
        at once.
    """
    _, rows, columns = work.plan.shape
    height, width = work.plan.source.shape[2:]
    if rows * columns > MOST_SHOTS or max(height, width) > MOST_SIDE:
        raise ParameterError(
            f"a film fills at most {MOST_SHOTS} cells, of an input of at most {MOST_SIDE} x {MOST_SIDE}: this map "
            f"has {rows} x {columns}, the input {height} x {width} (take a smaller picture, a grid, or a .png page)"
        )
    if work.plan.parts and work.plan.pooling is not None:
        raise ParameterError("a film shows one window that slides (leave out --pool, or the kernel)")
    first = explain_work(work, (0, 0), channel)
    written = tell(first, exact=exact).written
    seen = first.terms[0].channel if first.terms else channel
    values = work.plan.source.array()[seen].astype(np.float64)
    scene = Scene(
        f"{work.step.name} of {work.picture.name}", np.nan_to_num(values),
        [[written(float(value)) for value in row] for row in values], (rows, columns),
    )  # fmt: skip
    return draw_film(scene, _shots(work, channel, written), form)


def _shots(work: Work, channel: int, written: Written) -> Iterator[Shot]:
    """Yield every cell of a map, row after row."""
    _, rows, columns = work.plan.shape
    for at in itertools.product(range(rows), range(columns)):
        one = explain_work(work, at, channel)
        story = tell(one, exact=written is not decimal)
        steps = [f"{line.sum} {line.sign} {written(line.result)}" for line in story.lines]
        yield Shot(at, _window(one), written(one.result), "; ".join(steps))


def _window(one: Explanation) -> tuple[int, int, int, int]:
    """Return the rows and columns that a cell looks at."""
    if one.terms:
        places = [(term.row, term.column) for term in one.terms]
    elif one.pool is not None:
        places = [(cell.row, cell.column) for cell in one.pool.cells]
    else:
        places = [one.cell]
    rows, columns = zip(*places, strict=True)
    return min(rows), min(columns), max(rows) + 1, max(columns) + 1
