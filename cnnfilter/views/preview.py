"""A picture in the terminal: two pixels a character cell, the upper half block in one colour over another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from rich.cells import cell_len, set_cell_size
from rich.color import Color
from rich.segment import Segment, Segments
from rich.style import Style

Array = np.ndarray[Any, np.dtype[Any]]
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


def shrink(pixels: Array, width: int, height: int) -> Array:
    """Return the picture at most `width` by `height` pixels large, cells averaged: ``(H, W, 3)`` uint8."""
    gray = pixels[..., :1] if pixels.shape[2] < 3 else pixels[..., :3]
    rows, columns = gray.shape[:2]
    scale = max(columns / width, rows / height, 1.0)
    small_rows, small_columns = max(1, round(rows / scale)), max(1, round(columns / scale))
    by_row = np.linspace(0, rows, small_rows, endpoint=False).astype(int)
    by_column = np.linspace(0, columns, small_columns, endpoint=False).astype(int)
    sums = np.add.reduceat(np.add.reduceat(gray.astype(np.float64), by_row, 0), by_column, 1)
    counts = np.diff([*by_row, rows])[:, None, None] * np.diff([*by_column, columns])[None, :, None]
    return np.broadcast_to((sums / counts).round(), (small_rows, small_columns, 3)).astype(np.uint8)


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
