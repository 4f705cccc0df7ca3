"""Maps in the terminal, as numbers and as pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from rich.cells import cell_len, set_cell_size
from rich.color import Color
from rich.segment import Segment, Segments
from rich.style import Style
from rich.table import Table
from rich.text import Text

from cnnfilter.core.arrays import Array
from cnnfilter.images.display import extent_of
from cnnfilter.images.resize import shrink
from cnnfilter.views.console import console, has_colours

#: Most significant digits that a cell shows.
DIGITS = 6


def number_table(
    values: Array, *, at: tuple[int, int] | None, width: int, height: int, heat: bool = False, moves: bool = True
) -> Table:
    """Return the cells of `values` ``(H, W)`` around `at` that fit into `width` characters and `height` lines.

    Parameters
    ----------
    values
        The map.
    at
        Row and column in the middle; the top left corner where None.
    width, height
        Room in characters and lines.
    heat
        Colour the cells by value, blue below zero, orange above; then all are of one width.
    moves
        Say which flag shows another part.
    """
    heat = heat and has_colours(console())  # without colours it is a table like any other
    top, bottom, left, right, cells = _window(values, at, width, height, between=2 if heat else 1)
    if heat:
        even = max(len(str(right - 1)), *(len(text) for line in cells for text in line))
        cells = [[f" {text:>{even}} " for text in line] for line in cells]
    table = Table(box=None, pad_edge=False, padding=(0, 0 if heat else 1, 0, 0), title_justify="left")
    how = " (--at ROW,COL moves)" if moves else ""
    table.title = Text(_where(values.shape, top, bottom, left, right, how), style="dim")
    table.add_column("│", justify="right", style="dim", header_style="dim", no_wrap=True)
    for column in range(left, right):
        table.add_column(Text(f"{column} " if heat else str(column), style="dim"), justify="right", no_wrap=True)
    extent = extent_of([values])
    largest = max(abs(extent.minimum), abs(extent.maximum))
    for row in range(top, bottom):
        line = [
            Text(cells[row - top][column - left], style=_style(float(values[row, column]), largest, heat))
            for column in range(left, right)
        ]
        table.add_row(f"{row} │", *line)
    return table


def _window(
    values: Array, at: tuple[int, int] | None, width: int, height: int, between: int
) -> tuple[int, int, int, int, list[list[str]]]:
    """Return the rows and columns that fit, and their texts; `between` characters keep cells apart."""
    rows, columns = values.shape
    row_label = len(f"{rows} │ ")
    show_rows = max(1, min(rows, height - 2))
    show_columns = min(columns, max(1, width // 2))
    while True:
        top, left = _start(at, 0, rows, show_rows), _start(at, 1, columns, show_columns)
        bottom, right = top + show_rows, left + show_columns
        cells = texts(values[top:bottom, left:right])
        cell = max(len(str(right)), *(len(text) for line in cells for text in line)) + between
        fitting = max(1, (width - row_label) // cell)
        if fitting >= show_columns:
            return top, bottom, left, right, cells
        show_columns = fitting


def _start(at: tuple[int, int] | None, axis: int, size: int, shown: int) -> int:
    """Return the first of `shown` rows or columns around the one asked for."""
    middle = 0 if at is None else at[axis]
    return max(0, min(middle - shown // 2, size - shown))


def _where(shape: tuple[int, ...], top: int, bottom: int, left: int, right: int, how: str) -> str:
    """Say which part of the map is shown, and where it is a part, how to see another."""
    rows, columns = shape
    if (bottom - top, right - left) == (rows, columns):
        return f"{rows} x {columns}"
    return f"rows {top} to {bottom - 1} of {rows}, columns {left} to {right - 1} of {columns}{how}"


def texts(values: Array) -> list[list[str]]:
    """Return each cell as text, all with the same number of decimals.

    Examples
    --------
    >>> texts(np.array([[1.0, -2.5], [0.25, 10.0]]))
    [['1.00', '-2.50'], ['0.25', '10.00']]
    >>> texts(np.array([[3.0, float("nan")]]))
    [['3', 'nan']]
    """
    finite = values[np.isfinite(values)].astype(float)
    largest = float(np.abs(finite).max(initial=0.0))
    if largest >= 1e9 or 0 < largest < 1e-4:
        return [[f"{float(value):.3e}" for value in line] for line in values]
    whole = len(f"{largest:.0f}")
    limit = max(0, DIGITS - whole)
    decimals = next((d for d in range(limit) if np.all(np.abs(finite - finite.round(d)) <= 1e-6 * largest)), limit)
    return [[_text(float(value), decimals) for value in line] for line in values]


def _text(value: float, decimals: int) -> str:
    """Return one cell; a zero has no sign."""
    text = f"{value:.{decimals}f}"
    return text.lstrip("-") if math.isfinite(value) and float(text) == 0 else text


def _style(value: float, largest: float, heat: bool) -> Style:
    """Return the colour of a cell: dim for zero, blue below, orange above; with heat as its ground."""
    if not math.isfinite(value):
        return Style(color="red", bold=True)
    if not heat and (value == 0 or largest == 0):
        return Style(dim=True)
    if not heat:
        return Style(color="bright_blue") if value < 0 else Style()
    strength = math.sqrt(min(1.0, abs(value) / (largest or 1.0)))  # lightness rises both ways, on any ground
    hue = (240, 140, 40) if value > 0 else (70, 130, 240)
    red, green, blue = (int(24 + strength * (channel - 24)) for channel in hue)
    ink = "black" if strength > 0.6 else "white"
    return Style(color=ink, bgcolor=f"rgb({red},{green},{blue})")


Line: TypeAlias = list[Segment]

#: For terminals without colours: from dark to bright.
RAMP = " .:-=+*#%@"

#: Characters between pictures, and the fewest and the most that one is wide where others would fit beside it.
GAP, NARROWEST, WIDEST = 2, 30, 100

#: Characters of the longest stripe that shows a colour map.
RAMP_WIDTH = 48


def preview(pixels: Array, *, width: int, height: int, color: bool) -> Segments:
    """Return `pixels` ``(H, W, C)`` uint8 as lines of text at most `width` wide and `height` high."""
    return _joined(_lines(pixels, width, height, color))


def previews(named: Sequence[tuple[str, Array]], *, width: int, height: int, color: bool) -> Segments:
    """Return several pictures, each under its name, side by side as far as `width` allows.

    Parameters
    ----------
    named
        Names, and pixels ``(H, W, C)`` uint8.
    width, height
        Room for all in a row, and for each, in characters and lines.
    color
        Draw half blocks in colours, else characters from dark to bright.
    """
    widest = max(pixels.shape[1] for _, pixels in named)
    label = max(cell_len(name) for name, _ in named)
    least = min(max(widest, label), NARROWEST)
    across = min(len(named), max(1, (width + GAP) // (least + GAP)))
    cell = min((width - GAP * (across - 1)) // across, max(widest, label), WIDEST)
    lines: list[Line] = []
    for start in range(0, len(named), across):
        row = named[start : start + across]
        blocks = [[_name(name, cell), *_lines(pixels, cell, height, color)] for name, pixels in row]
        lines += [_beside([block[at] if at < len(block) else [] for block in blocks], cell) for at in _longest(blocks)]
    return _joined(lines)


def _longest(blocks: Sequence[Sequence[Line]]) -> range:
    """Return the numbers of the lines of the longest block."""
    return range(max(map(len, blocks)))


def _name(name: str, width: int) -> Line:
    """Return a name that is no wider than its picture."""
    shown = name if cell_len(name) <= width else f"{set_cell_size(name, max(width - 3, 0))}..."[:width]
    return [Segment(shown, Style(bold=True))]


def _beside(parts: Sequence[Line], width: int) -> Line:
    """Return the lines of several pictures as one, each as wide as a cell."""
    line: Line = []
    for index, part in enumerate(parts):
        line += part
        if index < len(parts) - 1:
            line.append(Segment(" " * (width - sum(one.cell_length for one in part) + GAP)))
    return line


def _joined(lines: Sequence[Line]) -> Segments:
    """Return lines as one thing to print."""
    return Segments([segment for line in lines for segment in [*line, Segment("\n")]])


def _lines(pixels: Array, width: int, height: int, color: bool) -> list[Line]:
    """Return a picture as lines."""
    small = shrink(pixels, width, 2 * height)
    return _blocks(small) if color else _ramp(small)


def _blocks(small: Array) -> list[Line]:
    """Return half blocks: foreground the upper pixel, background the lower one."""
    lines = []
    for row in range(0, len(small), 2):
        line = []
        for column in range(small.shape[1]):
            upper = Color.from_rgb(*map(int, small[row, column]))
            lower = Color.from_rgb(*map(int, small[row + 1, column])) if row + 1 < len(small) else None
            line.append(Segment("▀", Style(color=upper, bgcolor=lower)))
        lines.append(line)
    return lines


def _ramp(small: Array) -> list[Line]:
    """Return characters from dark to bright, one for two pixels."""
    levels = small.mean(axis=2) / 255
    lines = [levels[row : row + 2].mean(axis=0) for row in range(0, len(levels), 2)]
    return [[Segment("".join(RAMP[min(int(v * len(RAMP)), len(RAMP) - 1)] for v in line))] for line in lines]


def ramps(tables: Sequence[tuple[str, Array]], *, width: int) -> Segments:
    """Return colour maps ``(256, 3)`` as stripes from black to white, a line for each, behind its name."""
    label = max(len(name) for name, _ in tables)
    room = max(8, min(width - label - 2, RAMP_WIDTH))
    picked = np.linspace(0, 255, 2 * room).astype(int)  # two colours a character: left and right half
    lines = []
    for name, table in tables:
        colours = [Color.from_rgb(*map(int, table[index])) for index in picked]
        stripe = [
            Segment("▌", Style(color=left, bgcolor=right))
            for left, right in zip(colours[::2], colours[1::2], strict=True)
        ]
        lines.append([Segment(name.ljust(label + 2)), *stripe])
    return _joined(lines)
