"""One number taken apart, as a page for a slide: window, kernel and products as cells, the arithmetic below."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from cnnfilter.core.arrays import Array
from cnnfilter.images.colour import ABOVE, signed_colour
from cnnfilter.images.draw import (
    FAINT,
    HEIGHT,
    INK,
    LONGEST_NUMBERED,
    PAPER,
    RULE,
    SCALE,
    WIDTH,
    Box,
    draw_cells,
    draw_text,
    gray,
)

#: Letters of a line of arithmetic, and lines that there is room for.
LINE_LETTERS, MOST_LINES = 118, 9


class Panel(NamedTuple):
    """Numbers drawn as cells.

    Attributes
    ----------
    title
        What stands above.
    values, cells
        ``(H, W)``, and the same as text; no texts where they would be too small.
    shaded
        Draw from white to black, as a picture, in place of blue and orange.
    marked
        Rows and columns ``top, left, bottom, right`` of a part that is framed.
    """

    title: str
    values: Array
    cells: Sequence[Sequence[str]] = ()
    shaded: bool = False
    marked: tuple[int, int, int, int] | None = None


class StoryPage(NamedTuple):
    """What stands on the page."""

    title: str
    place: str
    panels: tuple[Panel, ...]
    lines: tuple[tuple[str, str, str], ...]
    note: str


def draw_story(page: StoryPage) -> NDArray[np.uint8]:
    """Draw a page.

    Returns
    -------
    numpy.ndarray
        ``(900, 1600, 3)`` uint8.
    """
    image = Image.new("RGB", (WIDTH * SCALE, HEIGHT * SCALE), PAPER)
    draw = ImageDraw.Draw(image)
    margin, gap = 70 * SCALE, 40 * SCALE
    right = WIDTH * SCALE - margin
    draw_text(draw, (margin, 52), page.title, 42, INK, width=right - margin)
    draw_text(draw, (margin, 112), page.place, 24, FAINT, width=right - margin)
    count = max(1, len(page.panels))
    side = (right - margin - (count - 1) * gap) / count
    for index, panel in enumerate(page.panels):
        left = margin + index * (side + gap)
        draw_text(draw, (left, 168), panel.title, 20, FAINT, width=side)
        _panel(draw, panel, (left, 206 * SCALE, left + side, 560 * SCALE))
    _arithmetic(draw, page, margin, right)
    return np.asarray(image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS))


def _panel(draw: ImageDraw.ImageDraw, panel: Panel, box: Box) -> None:
    """Draw the cells of a panel, and the frame around a part of them."""
    lines = bool(panel.cells) or max(panel.values.shape) <= LONGEST_NUMBERED
    place = draw_cells(draw, panel.values, panel.cells, box, gray if panel.shaded else signed_colour, lines=lines)
    if panel.marked is None:
        return
    rows, columns = panel.values.shape
    high, wide = (place[3] - place[1]) / rows, (place[2] - place[0]) / columns
    top, left, bottom, right = panel.marked
    frame = (place[0] + left * wide, place[1] + top * high, place[0] + right * wide, place[1] + bottom * high)
    draw.rectangle(frame, None, ABOVE, 4 * SCALE)


def _arithmetic(draw: ImageDraw.ImageDraw, page: StoryPage, margin: float, right: float) -> None:
    """Write the steps below a line, the last result strong, and the note under them."""
    draw.line((margin, 596 * SCALE, right, 596 * SCALE), fill=RULE, width=2 * SCALE)
    label, y = 170 * SCALE, 616.0
    room = MOST_LINES
    for index, (name, words, result) in enumerate(page.lines):
        last = index == len(page.lines) - 1
        parts = textwrap.wrap(words, LINE_LETTERS) or [""]
        parts = [*parts[: max(1, room - 1)], *(["..."] if len(parts) > max(1, room - 1) else [])]
        parts[-1] = f"{parts[-1]} {result}"
        for number, part in enumerate(parts):
            if not number:
                draw_text(draw, (margin, y), name, 20, FAINT, width=label - 10 * SCALE)
            ink = ABOVE if last and number == len(parts) - 1 else INK
            draw_text(draw, (margin + label, y), part, 20, ink, width=right - margin - label)
            y += 27
        room -= len(parts)
        if room <= 1:
            break
    draw_text(draw, (margin, 860), page.note, 16, FAINT, width=right - margin)
