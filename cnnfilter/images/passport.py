"""The passport of a kernel as a page: weights, relief, spectrum, facts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from cnnfilter.core.arrays import Array
from cnnfilter.images.colour import Colour, colour_table, signed_colour
from cnnfilter.images.draw import FAINT, HEIGHT, INK, PAPER, RULE, SCALE, WIDTH, Box, draw_cells, draw_text

Point = tuple[float, float]

#: Sides up to this many cells are drawn as bars.
LONGEST_BARS = 9
#: Cells along a side of a surface, at most: more are averaged.
LONGEST_SURFACE = 64

#: Shares of the height that the relief itself takes.
LEAST_RISE, MOST_RISE = 0.48, 0.7

_LINE: Colour = (176, 178, 182)


def draw_relief(draw: ImageDraw.ImageDraw, weights: Array, box: tuple[float, float, float, float]) -> None:
    """Draw weights ``(kH, kW)`` as a relief inside `box`: left, top, right, bottom."""
    largest = float(np.abs(weights).max()) or 1.0
    heights = weights / largest
    bars = max(weights.shape) <= LONGEST_BARS
    if not bars:
        heights = _averaged(heights)
    view = _View(heights, box, bars)
    if bars:
        _bars(draw, heights, view)
    else:
        _surface(draw, heights, view)


class _View:
    """From row, column and height to a place on the page."""

    def __init__(self, heights: Array, box: tuple[float, float, float, float], bars: bool) -> None:
        rows, columns = heights.shape if bars else (heights.shape[0] - 1, heights.shape[1] - 1)
        left, top, right, bottom = box
        high, low = max(0.0, float(heights.max())), max(0.0, -float(heights.min()))
        across, down = math.cos(math.radians(30)), 0.9 * math.sin(math.radians(30))
        room = (1 - LEAST_RISE) * (bottom - top)  # for the plane; what it leaves is for the heights
        step = min((right - left) / (across * (rows + columns)), room / (down * (rows + columns)))
        self.across, self.down = step * across, step * down
        flat = self.down * (rows + columns)
        self.up = min(bottom - top - flat, MOST_RISE * (bottom - top)) / max(0.6, high + low)
        used = flat + self.up * (high + low)
        self.origin = (
            (left + right) / 2 + self.across * (rows - columns) / 2,
            top + (bottom - top - used) / 2 + self.up * high,
        )

    def __call__(self, row: float, column: float, height: float = 0.0) -> Point:
        """Return the place on the page."""
        return (
            self.origin[0] + (column - row) * self.across,
            self.origin[1] + (column + row) * self.down - height * self.up,
        )


def _shade(colour: Colour, light: float) -> Colour:
    """Return a colour darker or brighter."""
    red, green, blue = (max(0, min(255, round(channel * light))) for channel in colour)
    return red, green, blue


def _bars(draw: ImageDraw.ImageDraw, heights: Array, view: _View) -> None:
    """Draw a bar for each weight, the farthest first: those below the plane, the plane, those above."""
    rows, columns = heights.shape
    cells = sorted(np.ndindex(rows, columns), key=lambda cell: cell[0] + cell[1])
    for row, column in cells:
        if heights[row, column] < 0:
            _bar(draw, view, row, column, float(heights[row, column]))
    for row, column in cells:
        corners = [view(row, column), view(row, column + 1), view(row + 1, column + 1), view(row + 1, column)]
        draw.line([*corners, corners[0]], fill=_LINE, width=2)
    for row, column in cells:
        if heights[row, column] > 0:
            _bar(draw, view, row, column, float(heights[row, column]))


def _bar(draw: ImageDraw.ImageDraw, view: _View, row: int, column: int, height: float) -> None:
    """Draw one bar from the plane to its height."""
    inset = 0.1
    top, left, bottom, right = row + inset, column + inset, row + 1 - inset, column + 1 - inset
    high, low = max(height, 0.0), min(height, 0.0)
    colour = signed_colour(height)
    sides = [
        (
            [view(bottom, left, high), view(bottom, right, high), view(bottom, right, low), view(bottom, left, low)],
            0.86,
        ),
        ([view(top, right, high), view(bottom, right, high), view(bottom, right, low), view(top, right, low)], 0.72),
        ([view(top, left, high), view(top, right, high), view(bottom, right, high), view(bottom, left, high)], 1.0),
    ]
    for corners, light in sides:
        draw.polygon(corners, fill=_shade(colour, light))
        draw.line([*corners, corners[0]], fill=_shade(colour, light * 0.86), width=2)


def _surface(draw: ImageDraw.ImageDraw, heights: Array, view: _View) -> None:
    """Draw a net of tiles, the farthest first, lit from the left."""
    rows, columns = heights.shape
    lines = max(rows, columns) <= 48
    for row, column in sorted(np.ndindex(rows - 1, columns - 1), key=lambda cell: cell[0] + cell[1]):
        around = [(row, column), (row, column + 1), (row + 1, column + 1), (row + 1, column)]
        corners = [view(r, c, float(heights[r, c])) for r, c in around]
        values = [float(heights[r, c]) for r, c in around]
        slope = (values[1] - values[0] + values[2] - values[3]) / 2
        light = 0.9 - max(-0.1, min(0.24, 1.2 * slope))
        colour = _shade(signed_colour(sum(values) / 4), light)
        draw.polygon(corners, fill=colour)
        if lines:
            draw.line([*corners, corners[0]], fill=_shade(colour, 0.88), width=2)


def _averaged(heights: Array) -> Array:
    """Return at most LONGEST_SURFACE values along each side."""
    rows, columns = heights.shape
    step = -(-max(rows, columns) // LONGEST_SURFACE)
    if step == 1:
        return heights if min(rows, columns) > 1 else np.repeat(heights, 2, axis=0 if rows == 1 else 1)
    padded = np.pad(heights, ((0, -rows % step), (0, -columns % step)), mode="edge")
    blocks = padded.reshape(padded.shape[0] // step, step, padded.shape[1] // step, step)  # (R, step, C, step)
    small: Array = blocks.mean(axis=(1, 3))
    return small if min(small.shape) > 1 else np.repeat(small, 2, axis=0 if len(small) == 1 else 1)


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
    image = Image.new("RGB", (WIDTH * SCALE, HEIGHT * SCALE), PAPER)
    draw = ImageDraw.Draw(image)
    margin = 70 * SCALE
    draw_text(draw, (margin, 52), page.name, 46, INK)
    draw_text(draw, (margin, 112), page.title, 24, FAINT)
    panels: list[Box] = []
    gap, top, bottom = 60 * SCALE, 214 * SCALE, 600 * SCALE
    side = (WIDTH * SCALE - 2 * margin - 2 * gap) / 3
    for index, heading in enumerate(("coefficients", "relief", "frequency response")):
        left = margin + index * (side + gap)
        heading += f", times {page.scale}" if index == 0 and page.scale else ""
        draw_text(draw, (left, 168), heading, 20, FAINT)
        panels.append((left, top, left + side, bottom))
    draw_cells(draw, page.weights, page.cells, panels[0])
    draw_relief(draw, page.weights, panels[1])
    _response(image, draw, page.response, panels[2])
    _facts(draw, page, margin)
    return np.asarray(image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS))


def _response(image: Image.Image, draw: ImageDraw.ImageDraw, response: Array, box: Box) -> None:
    """Draw the response as a map of colours with its axes and scale."""
    side = int(min(box[2] - box[0] - 110 * SCALE, box[3] - box[1]))
    left, top = int(box[0] + 34 * SCALE), int(box[1] + (box[3] - box[1] - side) / 2)
    largest = float(response.max()) or 1.0
    table = colour_table("viridis")
    levels = np.rint(255 * response / largest).astype(np.uint8)
    picture = Image.fromarray(table[levels]).resize((side, side), Image.Resampling.BICUBIC)
    image.paste(picture, (left, top))
    bar = (left + side + 18 * SCALE, top, left + side + 36 * SCALE, top + side)
    ramp = table[::-1][:, None].repeat(8, axis=1)
    image.paste(Image.fromarray(ramp).resize((bar[2] - bar[0], side), Image.Resampling.BICUBIC), bar[:2])
    for share in (0.0, 0.5, 1.0):
        y = (bar[1] + (1 - share) * side) / SCALE
        draw_text(draw, (bar[2] + 8 * SCALE, y), f"{share * largest:.3g}", 16, FAINT, anchor="lm")
        label = ("-1/2", "0", "1/2")[round(2 * share)]
        draw_text(draw, (left + share * side, (top + side) / SCALE + 8), label, 16, FAINT, anchor="ma")
        draw_text(draw, (left - 8 * SCALE, (top + share * side) / SCALE), label, 16, FAINT, anchor="rm")
    caption = (left + side / 2, (top + side) / SCALE + 30)
    draw_text(draw, caption, "cycles a pixel", 16, FAINT, anchor="ma")


def _facts(draw: ImageDraw.ImageDraw, page: Page, margin: float) -> None:
    """Write the facts in two columns below a line, and the source under them."""
    right = WIDTH * SCALE - margin
    draw.line((margin, 672 * SCALE, right, 672 * SCALE), fill=RULE, width=2 * SCALE)
    per_column = -(-len(page.facts) // 2)
    label, column = 150 * SCALE, (right - margin) / 2
    for index, (name, value) in enumerate(page.facts):
        left = margin + (index // per_column) * column
        y = 694 + index % per_column * 34
        draw_text(draw, (left, y), name, 19, FAINT)
        draw_text(draw, (left + label, y), value, 19, INK, width=column - label - 20 * SCALE)
    draw_text(draw, (margin, 846), page.source, 16, FAINT, width=right - margin)
