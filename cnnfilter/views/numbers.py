"""A map as numbers: a window of it, cropped to the terminal, aligned, with the sign in view."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from rich.style import Style
from rich.table import Table
from rich.text import Text

from cnnfilter.images.display import extent_of

Array = np.ndarray[Any, np.dtype[Any]]

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
        Colour the cells by value: blue below zero, orange above.
    moves
        Say which flag shows another part.
    """
    top, bottom, left, right, cells = _window(values, at, width, height)
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), title_justify="left")
    how = " (--at ROW,COL moves)" if moves else ""
    table.title = Text(_where(values.shape, top, bottom, left, right, how), style="dim")
    table.add_column("│", justify="right", style="dim", header_style="dim", no_wrap=True)
    for column in range(left, right):
        table.add_column(Text(str(column), style="dim"), justify="right", no_wrap=True)
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
    values: Array, at: tuple[int, int] | None, width: int, height: int
) -> tuple[int, int, int, int, list[list[str]]]:
    """Return the rows and columns that fit, and their texts."""
    rows, columns = values.shape
    row_label = len(f"{rows} │ ")
    show_rows = max(1, min(rows, height - 2))
    show_columns = min(columns, max(1, width // 2))
    while True:
        top, left = _start(at, 0, rows, show_rows), _start(at, 1, columns, show_columns)
        bottom, right = top + show_rows, left + show_columns
        cells = texts(values[top:bottom, left:right])
        cell = max(len(str(right)), *(len(text) for line in cells for text in line)) + 1
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
    """Return the colour of a cell: dim for zero, blue below, orange above."""
    if not math.isfinite(value):
        return Style(color="red", bold=True)
    if value == 0 or largest == 0:
        return Style(dim=True)
    if not heat:
        return Style(color="bright_blue") if value < 0 else Style()
    strength = math.sqrt(min(1.0, abs(value) / largest))
    hue = (240, 140, 40) if value > 0 else (70, 130, 240)
    red, green, blue = (int(24 + strength * (channel - 24)) for channel in hue)
    ink = "black" if strength > 0.6 else "white"
    return Style(color=ink, bgcolor=f"rgb({red},{green},{blue})")
