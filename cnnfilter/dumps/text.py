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


def parse_text(data: bytes) -> NDArray[np.float64]:
    r"""Return the grid that a text file holds.

    Parameters
    ----------
    data
        UTF-8 (or UTF-16 with its mark) text. Empty lines and lines that begin with ``#`` are skipped. Cells
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
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if not numbered:
        raise ImageError("holds no numbers")
    separator = next((mark for mark in ";,\t" if mark in numbered[0][1]), None)
    if separator == ";" and not any("." in line for _, line in numbered):
        numbered = [(number, line.replace(",", ".")) for number, line in numbered]
    names: list[str] = []
    if separator and tuple(numbered[0][1].split(separator)[:2]) == STACK_HEADER:
        names, numbered = _without_names(numbered[1:], separator)
    grid = _cells(numbered, separator)
    if names:
        return _stacked(grid, names)
    return grid[0] if len(grid) == 1 else grid


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
            return np.loadtxt(lines, np.float64, delimiter=separator, comments=None, ndmin=2)
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
        if "_" in cell:
            raise ValueError
        return float(cell)
    except ValueError:
        what = f"{printable(cell.strip())[:40]!r} is not a number" if cell.strip() else "the cell is empty"
        raise ImageError(f"line {line}, column {column}: {what}") from None


def _without_names(numbered: list[tuple[int, str]], separator: str) -> tuple[list[str], list[tuple[int, str]]]:
    """Take the map's name and the row number off each line of a stack."""
    names, rest = [], []
    for number, line in numbered:
        cells = next(csv.reader([line], delimiter=separator))
        if len(cells) < 3:
            raise ImageError(f"line {number} has {len(cells)} cells, needs a map, a row and values")
        names.append(cells[0])
        rest.append((number, separator.join(cells[2:])))
    if not names:
        raise ImageError("holds no numbers")
    return names, rest


def _stacked(grid: NDArray[np.float64], names: list[str]) -> NDArray[np.float64]:
    """Split the rows of a stack into its maps, which must all be of one height."""
    maps = 1 + sum(one != other for one, other in zip(names[1:], names[:-1], strict=True))
    if math.remainder(len(grid), maps):
        raise ImageError(f"its {maps} maps are not all of one height ({len(grid)} rows)")
    return grid.reshape(maps, len(grid) // maps, -1)  # (K, H, W)
