"""What every picture of ours is drawn with: its ground and inks, the colours of signs, text, and cells of numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from cnnfilter.core.arrays import Array
from cnnfilter.files import printable
from cnnfilter.images.colour import Colour, largest_of, rgb, signed_colour

Box = tuple[float, float, float, float]
#: A picture of Pillow's, which notebooks show and whose `save` writes it.
PillowImage: TypeAlias = Image.Image

#: Size of the page, and how much larger it is drawn before it is made smooth.
WIDTH, HEIGHT = 1600, 900
SCALE = 2
#: Sides up to this many cells show their numbers.
LONGEST_NUMBERED = 11

PAPER, INK, FAINT, RULE = (255, 255, 255), (28, 30, 34), (112, 116, 124), (222, 224, 228)


def gray(share: float) -> Colour:
    """Return the colour of a value of a picture: 0 is black, the largest white; below 0 blue."""
    if share < 0 or not math.isfinite(share):
        return signed_colour(share)
    level = round(40 + 205 * min(share, 1.0))
    return level, level, level


def as_image(pixels: Array) -> PillowImage:
    """Return pixels ``(H, W, C)`` uint8 as a picture of Pillow's, gray or RGB."""
    return Image.fromarray(np.ascontiguousarray(rgb(pixels)))


def font_of(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return the font that comes with Pillow."""
    return ImageFont.load_default(size * SCALE)


def draw_text(
    draw: ImageDraw.ImageDraw, place: tuple[float, float], text: str, size: float, ink: Any, *, anchor: str = "la",
    width: float = math.inf,
) -> None:  # fmt: skip
    """Write text; the first coordinate counts pixels of the large drawing, the second those of the page."""
    text = printable(text)
    font = font_of(size)
    while len(text) > 4 and font.getlength(text) > width:
        text = f"{text[:-4].rstrip()}..."
    draw.text((place[0], place[1] * SCALE), text, ink, font, anchor=anchor)


def draw_cells(
    draw: ImageDraw.ImageDraw, values: Array, cells: Sequence[Sequence[str]], box: Box,
    colour: Callable[[float], Colour] = signed_colour, *, lines: bool = True, largest: float = 0.0,
) -> Box:  # fmt: skip
    """Draw values ``(H, W)`` as coloured cells, with their texts where there are some; return where they are.

    `colour` gives that of a value divided by `largest`: that of the values unless it is given.
    """
    rows, columns = values.shape
    side = min((box[2] - box[0]) / columns, (box[3] - box[1]) / rows, 128 * SCALE)
    left = box[0] + (box[2] - box[0] - side * columns) / 2
    top = box[1] + (box[3] - box[1] - side * rows) / 2
    largest = largest or largest_of(values)
    longest = max((len(text) for row in cells for text in row), default=1)
    size = min(0.4 * side, 1.5 * side / max(longest, 2)) / SCALE
    line = 2 if lines and max(rows, columns) <= 4 * LONGEST_NUMBERED else 0
    for row, column in np.ndindex(rows, columns):
        paint = colour(float(values[row, column]) / largest)
        x, y = left + column * side, top + row * side
        draw.rectangle((x, y, x + side, y + side), paint, PAPER if line else None, line * SCALE // 2)
        if cells:
            middle = ((x + side / 2), (y + side / 2) / SCALE)
            dark = 0.3 * paint[0] + 0.59 * paint[1] + 0.11 * paint[2] > 128
            draw_text(draw, middle, cells[row][column], size, INK if dark else PAPER, anchor="mm")
    return left, top, left + side * columns, top + side * rows
