"""A kernel as a relief: bars for a small one, a surface for a larger one, seen from above at an angle."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ImageDraw

Array = NDArray[Any]
Point = tuple[float, float]
Colour = tuple[int, int, int]

#: Sides up to this many cells are drawn as bars.
LONGEST_BARS = 9
#: Cells along a side of a surface, at most: more are averaged.
LONGEST_SURFACE = 64

#: Shares of the height that the relief itself takes.
LEAST_RISE, MOST_RISE = 0.48, 0.7

ABOVE: Colour = (231, 126, 35)
BELOW: Colour = (52, 110, 196)
ZERO: Colour = (238, 238, 234)
_LINE: Colour = (176, 178, 182)


def signed_colour(value: float) -> Colour:
    """Return the colour of a weight between -1 and 1: blue below 0, orange above.

    Examples
    --------
    >>> signed_colour(0.0), signed_colour(1.0)
    ((238, 238, 234), (231, 126, 35))
    """
    end = ABOVE if value > 0 else BELOW
    share = min(1.0, abs(value)) ** 0.8
    red, green, blue = (round(a + share * (b - a)) for a, b in zip(ZERO, end, strict=True))
    return red, green, blue


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
