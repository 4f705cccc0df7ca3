"""PNG's row filters: each byte is replaced by its difference from a neighbour, which compresses better.

References
----------
W3C, Portable Network Graphics (PNG) Specification, 3rd edition, section 9.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]

NONE, SUB, UP, AVERAGE, PAETH = range(5)

#: Not a filter of PNG: for each row the one that leaves the smallest sum of differences.
ADAPTIVE = 5

_SAMPLE_ROWS = 6


def filtered(rows: Bytes, above: Bytes | None, step: int, kind: int) -> Bytes:
    """Return rows filtered, each with the number of its filter in front.

    Parameters
    ----------
    rows
        ``(R, n)`` bytes.
    above
        The row before the first, ``(n,)``; None where there is none, or where it must not be used.
    step
        Bytes of a pixel.
    kind
        ``NONE`` to ``PAETH``, or ``ADAPTIVE``.

    Returns
    -------
    numpy.ndarray
        ``(R, 1 + n)``. Without a row `above` the first row is filtered by ``SUB`` where `kind` needs one.
    """
    if kind == ADAPTIVE:
        return _adaptive(rows, above, step)
    out = np.empty((len(rows), rows.shape[1] + 1), np.uint8)
    out[:, 0] = kind
    first = 0
    if above is None and kind > SUB:
        out[0, 0] = SUB
        _sub(rows[:1], rows[:1], step, out[:1, 1:])
        first = 1
    elif above is not None:
        upper = above[None]
        FILTERS[kind](rows[:1], upper, step, out[:1, 1:])
        first = 1
    FILTERS[kind](rows[first:], rows[first - 1 : len(rows) - 1] if first else rows, step, out[first:, 1:])
    return out


def choose_fast(rows: Bytes, step: int) -> int:
    """Return the filter of none, sub and up that leaves the smallest differences in a sample of the rows."""
    if len(rows) < 2:
        return SUB
    step_rows = max(1, len(rows) // _SAMPLE_ROWS)
    here, above = rows[1::step_rows], rows[:-1:step_rows]
    costs = [_cost(here), _cost(here[:, step:] - here[:, :-step]), _cost(here - above)]
    return int(np.argmin(costs))


def _cost(differences: Bytes) -> int:
    """Return the sum of bytes taken as signed, without their signs."""
    return int(np.minimum(differences, -differences).sum(dtype=np.int64))


def _adaptive(rows: Bytes, above: Bytes | None, step: int) -> Bytes:
    """Filter each row by the filter that leaves the smallest sum of differences."""
    each = np.stack([filtered(rows, above, step, kind) for kind in range(ADAPTIVE)])  # (5, R, 1 + n)
    differences = each[:, :, 1:]
    costs = np.minimum(differences, -differences).sum(axis=2, dtype=np.int64)  # (5, R)
    return np.ascontiguousarray(each[costs.argmin(axis=0), np.arange(len(rows))])  # (R, 1 + n)


def _none(rows: Bytes, _above: Bytes, _step: int, out: Bytes) -> None:
    """Keep the bytes."""
    out[...] = rows


def _sub(rows: Bytes, _above: Bytes, step: int, out: Bytes) -> None:
    """Subtract the pixel to the left."""
    out[:, :step] = rows[:, :step]
    np.subtract(rows[:, step:], rows[:, :-step], out=out[:, step:])


def _up(rows: Bytes, above: Bytes, _step: int, out: Bytes) -> None:
    """Subtract the pixel above."""
    np.subtract(rows, above, out=out)


def _average(rows: Bytes, above: Bytes, step: int, out: Bytes) -> None:
    """Subtract the mean of the pixels to the left and above, rounded down."""
    left = np.zeros(rows.shape, np.uint16)
    left[:, step:] = rows[:, :-step]
    left += above
    left >>= 1
    np.subtract(rows, left.astype(np.uint8), out=out)


def _paeth(rows: Bytes, above: Bytes, step: int, out: Bytes) -> None:
    """Subtract the neighbour (left, above or above left) that is nearest to left + above - above left."""
    up = above.astype(np.int16)
    left, corner = np.zeros_like(up), np.zeros_like(up)
    left[:, step:] = rows[:, :-step]
    corner[:, step:] = above[:, :-step]
    to_left, to_up = np.abs(up - corner), np.abs(left - corner)
    to_corner = np.abs(left + up - 2 * corner)
    nearest = np.where(to_up <= to_corner, up, corner)
    nearest = np.where((to_left <= to_up) & (to_left <= to_corner), left, nearest)
    np.subtract(rows, nearest.astype(np.uint8), out=out)


FILTERS: tuple[Callable[[Bytes, Bytes, int, Bytes], None], ...] = (_none, _sub, _up, _average, _paeth)
