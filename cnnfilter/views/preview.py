"""A picture in the terminal: two pixels a character cell, the upper half block in one colour over another."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from rich.color import Color
from rich.segment import Segment, Segments
from rich.style import Style

Array = np.ndarray[Any, np.dtype[Any]]

#: For terminals without colours: from dark to bright.
RAMP = " .:-=+*#%@"


def preview(pixels: Array, *, width: int, height: int, color: bool) -> Segments:
    """Return `pixels` ``(H, W, C)`` uint8 as lines of text at most `width` wide and `height` high."""
    small = shrink(pixels, width, 2 * height)
    if color:
        return Segments(_blocks(small))
    return Segments(_ramp(small))


def shrink(pixels: Array, width: int, height: int) -> Array:
    """Return the picture at most `width` by `height` pixels large, cells averaged: ``(H, W, 3)`` uint8."""
    gray = pixels[..., :1] if pixels.shape[2] < 3 else pixels[..., :3]
    rows, columns = gray.shape[:2]
    scale = max(columns / width, rows / height, 1.0)
    small_rows, small_columns = max(1, round(rows / scale)), max(1, round(columns / scale))
    by_row = np.linspace(0, rows, small_rows, endpoint=False).astype(int)
    by_column = np.linspace(0, columns, small_columns, endpoint=False).astype(int)
    lines = [gray[start:stop].sum(axis=0, dtype=np.float64) for start, stop in pairwise([*by_row, rows])]
    sums = np.add.reduceat(np.stack(lines), by_column, 1)
    counts = np.diff([*by_row, rows])[:, None, None] * np.diff([*by_column, columns])[None, :, None]
    return np.broadcast_to((sums / counts).round(), (small_rows, small_columns, 3)).astype(np.uint8)


def _blocks(small: Array) -> list[Segment]:
    """Return half blocks: foreground the upper pixel, background the lower one."""
    segments = []
    for row in range(0, len(small), 2):
        for column in range(small.shape[1]):
            upper = Color.from_rgb(*map(int, small[row, column]))
            lower = Color.from_rgb(*map(int, small[row + 1, column])) if row + 1 < len(small) else None
            segments.append(Segment("▀", Style(color=upper, bgcolor=lower)))
        segments.append(Segment("\n"))
    return segments


def _ramp(small: Array) -> list[Segment]:
    """Return characters from dark to bright, one for two pixels."""
    levels = small.mean(axis=2) / 255
    lines = [levels[row : row + 2].mean(axis=0) for row in range(0, len(levels), 2)]
    return [Segment("".join(RAMP[min(int(v * len(RAMP)), len(RAMP) - 1)] for v in line) + "\n") for line in lines]
