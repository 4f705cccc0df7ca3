"""Grids written as text: cells with commas, semicolons, tabs or spaces between them."""

from __future__ import annotations

import csv
import math
import warnings

import numpy as np
from numpy.typing import NDArray

from cnnfilter.errors import ImageError
from cnnfilter.files import decoded, printable

#: How a dump of several maps begins: the columns that name the map and its row.
STACK_HEADER = ("map", "row")

#: What spreadsheets write in a cell that has no number; the first stands for a value that is missing.
_MISSING = ("#N/A", "#NA")
_SHEET_ERRORS = (*_MISSING, "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#NULL!", "#SPILL!", "#CALC!")


def parse_text(data: bytes) -> NDArray[np.float64]:
    r"""Return the grid that a text file holds.

    Parameters
    ----------
    data
        UTF-8 (or UTF-16 with its mark) text. Empty lines and lines that begin with ``#`` are skipped; ``#N/A``, which
        spreadsheets write where there is no value, is NaN. Cells
        are separated by semicolons, commas, tabs or spaces, whichever the first line has in this order;
        between semicolons a comma is a decimal comma.

    Returns
    -------
    numpy.ndarray
        float64: ``(n,)`` for a single line, ``(rows, columns)``, or ``(maps, rows, columns)`` for the dump of
        a stack, whose first two columns are the map's name and the row.

    Raises
    ------
    ImageError
        If a cell is no number or a row is longer or shorter than the first; the line and column are named.

    Examples
    --------
    >>> parse_text(b"0;1,5\n2;3")
    array([[0. , 1.5],
           [2. , 3. ]])
    """
    numbered = [
        (number, line)
        for number, line in enumerate(_decoded(data).splitlines(), 1)
        if line.strip() and not _is_comment(line)
    ]
    if not numbered:
        raise ImageError("holds no numbers")
    separator = next((mark for mark in ";,\t" if mark in numbered[0][1]), None)
    if separator == ";" and not any("." in line for _, line in numbered):
        numbered = [(number, line.replace(",", ".")) for number, line in numbered]
    heights: list[int] = []
    if separator and tuple(cell.strip() for cell in numbered[0][1].split(separator)[:2]) == STACK_HEADER:
        heights, numbered = _without_names(numbered[1:], separator)
    grid = _cells(numbered, separator)
    if heights:
        return grid.reshape(len(heights), heights[0], -1)  # (K, H, W)
    return grid[0] if len(grid) == 1 else grid


def _is_comment(line: str) -> bool:
    """Tell a comment from a row whose first cell is a spreadsheet's error."""
    text = line.strip().strip('"').upper()
    return text.startswith("#") and not text.startswith(_SHEET_ERRORS)


def _decoded(data: bytes) -> str:
    """Return the text of a file."""
    try:
        return decoded(data)
    except ValueError as error:
        raise ImageError(str(error)) from None


def _cells(numbered: list[tuple[int, str]], separator: str | None) -> NDArray[np.float64]:
    """Return the numbers of all lines: NumPy's fast reader first, and ours to say what is wrong."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            lines = [line for _, line in numbered]
            grid = np.loadtxt(lines, np.float64, delimiter=separator, comments=None, ndmin=2)
            return np.array(_slow_cells(numbered, separator)) if np.isinf(grid).any() else grid
    except (ValueError, UserWarning, OverflowError):
        return np.array(_slow_cells(numbered, separator))


def _slow_cells(numbered: list[tuple[int, str]], separator: str | None) -> list[list[float]]:
    """Read cell by cell, quotes allowed, and name the first cell that is wrong."""
    rows: list[list[float]] = []
    for number, line in numbered:
        cells = line.split() if separator is None else next(csv.reader([line], delimiter=separator))
        row = [_number(cell, number, column) for column, cell in enumerate(cells, 1)]
        if rows and len(row) != len(rows[0]):
            first = f"line {numbered[0][0]} has {len(rows[0])}"
            raise ImageError(f"line {number} has {len(row)} values, {first} (fill the row up)")
        rows.append(row)
    return rows


def _number(cell: str, line: int, column: int) -> float:
    """Return one cell's number."""
    try:
        if cell.strip().upper() in _MISSING:
            return math.nan
        if "_" in cell:
            raise ValueError
        value = float(cell)
        if math.isinf(value) and "inf" not in cell.lower():
            raise ImageError(f"line {line}, column {column}: {printable(cell.strip())[:40]} is beyond 1.8e308")
        return value
    except ValueError:
        what = f"{printable(cell.strip())[:40]!r} is not a number" if cell.strip() else "the cell is empty"
        raise ImageError(f"line {line}, column {column}: {what}") from None


def _without_names(numbered: list[tuple[int, str]], separator: str) -> tuple[list[int], list[tuple[int, str]]]:
    """Take the map's name and the row number off each line of a stack; return the height of each map too.

    A map ends where another name comes, or where its rows begin again.
    """
    heights: list[int] = []
    rest: list[tuple[int, str]] = []
    name = ""
    for number, line in numbered:
        cells = next(csv.reader([line], delimiter=separator))
        if len(cells) < 3:
            raise ImageError(f"line {number} has {len(cells)} cells, needs a map, a row and values")
        if not heights or cells[0] != name or cells[1].strip() == "0":
            name = cells[0]
            heights.append(0)
        if cells[1].strip() != str(heights[-1]):
            row = printable(cells[1].strip())[:40]
            raise ImageError(f"line {number} is row {row!r} of its map, row {heights[-1]} is missing")
        heights[-1] += 1
        rest.append((number, separator.join(cells[2:])))
    if not heights:
        raise ImageError("holds no numbers")
    if len(set(heights)) > 1:
        other = next(index for index, height in enumerate(heights) if height != heights[0])
        rows = f"the first has {heights[0]} rows, map {other + 1} has {heights[other]}"
        raise ImageError(f"its maps are not all of one height: {rows} (write each to a file of its own)")
    return heights, rest
