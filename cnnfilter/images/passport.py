"""A kernel's passport as a picture for a slide: its cells, its relief, its frequency response, and its facts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from cnnfilter.files import printable
from cnnfilter.images.colour import colour_table
from cnnfilter.images.relief import draw_relief, signed_colour

Array = NDArray[Any]
Box = tuple[float, float, float, float]

#: Size of the page, and how much larger it is drawn before it is made smooth.
WIDTH, HEIGHT = 1600, 900
_SCALE = 2
#: Sides up to this many cells show their numbers.
LONGEST_NUMBERED = 11

_PAPER, _INK, _FAINT, _RULE = (255, 255, 255), (28, 30, 34), (112, 116, 124), (222, 224, 228)


class Page(NamedTuple):
    """What stands on the page.

    Attributes
    ----------
    name, title
        The heading.
    scale
        What stands before the numbers, such as ``1/16``; may be empty.
    cells
        The number of each cell as text, row by row; empty for a kernel that is drawn without numbers.
    weights
        ``(kH, kW)``.
    response
        Magnitude of the frequency response, ``(F, F)``.
    facts
        Label and text of each line below.
    source
        The last line.
    """

    name: str
    title: str
    scale: str
    cells: Sequence[Sequence[str]]
    weights: Array
    response: Array
    facts: Sequence[tuple[str, str]]
    source: str


def draw_passport(page: Page) -> NDArray[np.uint8]:
    """Draw a page.

    Returns
    -------
    numpy.ndarray
        ``(900, 1600, 3)`` uint8.
    """
    image = Image.new("RGB", (WIDTH * _SCALE, HEIGHT * _SCALE), _PAPER)
    draw = ImageDraw.Draw(image)
    margin = 70 * _SCALE
    _text(draw, (margin, 52), page.name, 46, _INK)
    _text(draw, (margin, 112), page.title, 24, _FAINT)
    panels: list[Box] = []
    gap, top, bottom = 60 * _SCALE, 214 * _SCALE, 600 * _SCALE
    side = (WIDTH * _SCALE - 2 * margin - 2 * gap) / 3
    for index, heading in enumerate(("coefficients", "relief", "frequency response")):
        left = margin + index * (side + gap)
        heading += f", times {page.scale}" if index == 0 and page.scale else ""
        _text(draw, (left, 168), heading, 20, _FAINT)
        panels.append((left, top, left + side, bottom))
    _cells(draw, page, panels[0])
    draw_relief(draw, page.weights, panels[1])
    _response(image, draw, page.response, panels[2])
    _facts(draw, page, margin)
    return np.asarray(image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS))


def _font(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return the font that comes with Pillow."""
    return ImageFont.load_default(size * _SCALE)


def _text(
    draw: ImageDraw.ImageDraw, place: tuple[float, float], text: str, size: float, ink: Any, *, anchor: str = "la",
    width: float = math.inf,
) -> None:  # fmt: skip
    """Write text; the first coordinate counts pixels of the large drawing, the second those of the page."""
    text = printable(text)
    font = _font(size)
    while len(text) > 4 and font.getlength(text) > width:
        text = f"{text[:-4].rstrip()}..."
    draw.text((place[0], place[1] * _SCALE), text, ink, font, anchor=anchor)


def _cells(draw: ImageDraw.ImageDraw, page: Page, box: Box) -> None:
    """Draw the weights as coloured cells, with their numbers where there is room."""
    rows, columns = page.weights.shape
    side = min((box[2] - box[0]) / columns, (box[3] - box[1]) / rows, 128 * _SCALE)
    left = box[0] + (box[2] - box[0] - side * columns) / 2
    top = box[1] + (box[3] - box[1] - side * rows) / 2
    largest = float(np.abs(page.weights).max()) or 1.0
    longest = max((len(text) for row in page.cells for text in row), default=1)
    size = min(0.4 * side, 1.5 * side / max(longest, 2)) / _SCALE
    line = 2 if max(rows, columns) <= 4 * LONGEST_NUMBERED else 0
    for row, column in np.ndindex(rows, columns):
        value = float(page.weights[row, column]) / largest
        x, y = left + column * side, top + row * side
        draw.rectangle((x, y, x + side, y + side), signed_colour(value), _PAPER if line else None, line * _SCALE // 2)
        if page.cells:
            middle = ((x + side / 2), (y + side / 2) / _SCALE)
            _text(draw, middle, page.cells[row][column], size, _INK if abs(value) < 0.72 else _PAPER, anchor="mm")


def _response(image: Image.Image, draw: ImageDraw.ImageDraw, response: Array, box: Box) -> None:
    """Draw the response as a map of colours with its axes and scale."""
    side = int(min(box[2] - box[0] - 110 * _SCALE, box[3] - box[1]))
    left, top = int(box[0] + 34 * _SCALE), int(box[1] + (box[3] - box[1] - side) / 2)
    largest = float(response.max()) or 1.0
    table = colour_table("viridis")
    levels = np.rint(255 * response / largest).astype(np.uint8)
    picture = Image.fromarray(table[levels]).resize((side, side), Image.Resampling.BICUBIC)
    image.paste(picture, (left, top))
    bar = (left + side + 18 * _SCALE, top, left + side + 36 * _SCALE, top + side)
    ramp = table[::-1][:, None].repeat(8, axis=1)
    image.paste(Image.fromarray(ramp).resize((bar[2] - bar[0], side), Image.Resampling.BICUBIC), bar[:2])
    for share in (0.0, 0.5, 1.0):
        y = (bar[1] + (1 - share) * side) / _SCALE
        _text(draw, (bar[2] + 8 * _SCALE, y), f"{share * largest:.3g}", 16, _FAINT, anchor="lm")
        label = ("-1/2", "0", "1/2")[round(2 * share)]
        _text(draw, (left + share * side, (top + side) / _SCALE + 8), label, 16, _FAINT, anchor="ma")
        _text(draw, (left - 8 * _SCALE, (top + share * side) / _SCALE), label, 16, _FAINT, anchor="rm")
    caption = (left + side / 2, (top + side) / _SCALE + 30)
    _text(draw, caption, "cycles a pixel", 16, _FAINT, anchor="ma")


def _facts(draw: ImageDraw.ImageDraw, page: Page, margin: float) -> None:
    """Write the facts in two columns below a line, and the source under them."""
    right = WIDTH * _SCALE - margin
    draw.line((margin, 672 * _SCALE, right, 672 * _SCALE), fill=_RULE, width=2 * _SCALE)
    per_column = -(-len(page.facts) // 2)
    label, column = 150 * _SCALE, (right - margin) / 2
    for index, (name, value) in enumerate(page.facts):
        left = margin + (index // per_column) * column
        y = 694 + index % per_column * 34
        _text(draw, (left, y), name, 19, _FAINT)
        _text(draw, (left + label, y), value, 19, _INK, width=column - label - 20 * _SCALE)
    _text(draw, (margin, 846), page.source, 16, _FAINT, width=right - margin)
