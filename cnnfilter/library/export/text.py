"""Weights as text that other programs read."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from cnnfilter.library.generators.grid import Array
from cnnfilter.library.kernel import Kernel
from cnnfilter.library.measure import fractions
from cnnfilter.library.numbers import digits

#: The largest whole number and denominator that are written as such.
READABLE = 100_000


def whole(weights: Array) -> tuple[Fraction, Array] | None:
    """Return weights as a fraction times whole numbers, where both are readable and exact in float64."""
    found = fractions(weights)
    if found is None:
        return None
    scale, numbers = found
    if max(scale.numerator, scale.denominator, int(np.abs(numbers).max())) > READABLE:
        return None
    return scale, numbers.astype(np.float64)


def rows_of(weights: Array, *, between: str = ", ", lines: str = "; ") -> str:
    """Return a 2-D array as text.

    Examples
    --------
    >>> rows_of(np.array([[1.0, 0.5], [2.0, 3.0]]))
    '1, 0.5; 2, 3'
    """
    return lines.join(between.join(digits(value) for value in row) for row in weights)


def python_array(weights: Array) -> str:
    """Return weights as a NumPy expression.

    Examples
    --------
    >>> print(python_array(np.array([[1.0, 2.0]]) / 3))
    np.array([
        [1, 2],
    ]) / 3
    """
    found = whole(weights)
    scale, numbers = found if found else (Fraction(1), weights)
    body = _nested(numbers, 1)
    suffix = {True: "", False: f" * {scale.numerator} / {scale.denominator}"}[scale == 1]
    suffix = suffix.replace(" * 1 /", " /")
    suffix = suffix.removesuffix(" / 1")
    return f"np.array([\n{body}]{'' if suffix else ', dtype=float'}){suffix}"


def _nested(numbers: Array, depth: int) -> str:
    """Return the lines of a nested list, columns aligned."""
    indent = "    " * depth
    if numbers.ndim == 2:
        cells = [[digits(value) for value in row] for row in numbers]
        width = max(len(cell) for row in cells for cell in row)
        return "".join(f"{indent}[{', '.join(cell.rjust(width) for cell in row)}],\n" for row in cells)
    return "".join(f"{indent}[\n{_nested(plane, depth + 1)}{indent}],\n" for plane in numbers)


def header(kernel: Kernel, *, mark: str = "#", more: str = "") -> str:
    """Return comment lines: what the kernel is, where it is from, and what to know about the result."""
    title = f"{kernel.name}: {kernel.title}" if kernel.title else kernel.name
    lines = [title, f"Source: {kernel.source}" if kernel.source else "", *more.split("\n")]
    return "".join(f"{mark} {line}\n" for line in lines if line)
