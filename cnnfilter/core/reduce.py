"""Windows along an axis, in integers, and how the values in them are reduced to one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from cnnfilter.core.arrays import Array, computing_type
from cnnfilter.core.rows import BLOCK_BYTES
from cnnfilter.core.shapes import Pair, check_cells, formula, pair, resolve_pads
from cnnfilter.errors import ParameterError, ShapeError, lookup


@dataclass(frozen=True)
class Windows:
    """Equal windows along one axis: `count` of them, `stride` apart, each of `size` taps `dilation` apart.

    Parameters
    ----------
    length
        Cells of the image along the axis.
    before, after
        Cells of padding on either side.
    """

    count: int
    size: int
    stride: int
    dilation: int
    length: int
    before: int
    after: int

    @property
    def span(self) -> int:
        """Cells that a window covers, holes of the dilation included."""
        return self.dilation * (self.size - 1) + 1

    @property
    def inside(self) -> bool:
        """Whether every window lies wholly on the image."""
        return not self.before and self.covered(0, self.count)[1] <= self.length

    @property
    def formula(self) -> str:
        """The count with its numbers filled in, and the window that hangs over where one does."""
        exact = formula(self.length, self.before + self.after, self.size, self.stride, self.dilation)
        floor = int(exact.rpartition("= ")[2])
        return exact if floor == self.count else f"{exact}, and one more that hangs over = {self.count}"

    @property
    def dropped(self) -> int:
        """Cells, padding included, behind the last window."""
        end = (self.count - 1) * self.stride + self.span
        return max(0, self.length + self.before + self.after - end)

    def middle(self, index: int) -> int:
        """Return the image cell in the middle of a window; it may lie on the padding."""
        return index * self.stride - self.before + (self.span - 1) // 2

    def check_ends(self, name: str, kind: str) -> None:
        """Raise if the first or the last window holds padding alone, and so has no value."""
        for index in (0, self.count - 1):
            start, stop = self.covered(index, index + 1)
            if stop <= 0 or start >= self.length:
                raise ShapeError(self.empty(index, name, kind))

    def empty(self, index: int, name: str, kind: str) -> str:
        """Say that a window holds padding alone."""
        return (
            f"window {index} of the {name} holds only padding, so its {kind} has no value: {self.before} and "
            f"{self.after} cells of padding around {self.length}, windows of {self.size} (use less padding)"
        )

    def covered(self, first: int, last: int) -> Pair:
        """Return the image cells ``start, stop`` that the windows ``first:last`` cover, padding included.

        Examples
        --------
        >>> Windows(count=3, size=3, stride=2, dilation=1, length=4, before=1, after=1).covered(0, 3)
        (-1, 6)
        """
        start = first * self.stride - self.before
        return start, start + (last - 1 - first) * self.stride + self.span


def pool_size(length: int, before: int, after: int, size: int, stride: int, dilation: int, ceil_mode: bool) -> int:
    """Return how many windows a pooling has along one axis; 0 or less where none fits.

    ``out = (in + pads - dilation*(size-1) - 1) // stride + 1``, rounded up instead of down with `ceil_mode`, but a
    window that hangs over the end must start on the image or on the padding before it (PyTorch's rule).

    Examples
    --------
    >>> pool_size(6, 0, 0, 3, 2, 1, False), pool_size(6, 0, 0, 3, 2, 1, True)
    (2, 3)
    """
    room = length + before + after - dilation * (size - 1) - 1
    count = room // stride + 1
    hangs_over = bool(ceil_mode) and room % stride > 0 and count * stride < length + before
    return count + hangs_over


def plan_windows(
    image: Sequence[int], size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> tuple[Windows, Windows]:
    """Return the windows down the rows and along the columns of an image of ``(rows, columns)``.

    Raises
    ------
    ShapeError
        If not a single window fits; the message shows the sum.
    """
    length = int(image[0]), int(image[1])
    window = pair(size, "size")
    step, spread = pair(size if stride is None else stride, "stride"), pair(dilation, "dilation")
    pads = resolve_pads(padding, length, window, step, spread)
    sides = ((pads.top, pads.bottom), (pads.left, pads.right))
    planned = []
    for name, n, (before, after), k, s, d in zip(("rows", "columns"), length, sides, window, step, spread, strict=True):
        count = pool_size(n, before, after, k, s, d, ceil_mode)
        if count < 1:
            raise ShapeError(
                f"window {window[0]}x{window[1]} does not fit the {length[0]}x{length[1]} image: {name} = "
                f"(in + pads - dilation*(size-1) - 1) // stride + 1 = {formula(n, before + after, k, s, d)} "
                "(add padding, or use a smaller window)"
            )
        planned.append(Windows(count, k, s, d, n, before, after))
    check_cells(planned[0].count, planned[1].count)
    return planned[0], planned[1]


def fractional_size(length: Pair, window: Pair, output_size: Any, output_ratio: Any) -> Pair:
    """Return the rows and columns that a fractional pooling leaves, from whichever of the two is given.

    ``out = output_size``, or ``floor(in * output_ratio)``

    Raises
    ------
    ParameterError
        If not exactly one of `output_size` and `output_ratio` is given, or a ratio is not between 0 and 1.
    ShapeError
        If ``output_size + size - 1`` is larger than the image.

    Examples
    --------
    >>> fractional_size((20, 30), (2, 2), None, 0.7)
    (14, 21)
    """
    if (output_size is None) == (output_ratio is None):
        raise ParameterError("fractional pooling needs either output_size or output_ratio, and not both")
    if output_ratio is None:
        wanted = pair(output_size, "output_size")
    else:
        ratios = _ratios(output_ratio)
        wanted = int(length[0] * ratios[0]), int(length[1] * ratios[-1])
    for name, n, k, out in zip(("rows", "columns"), length, window, wanted, strict=True):
        if out < 1 or out + k - 1 > n:
            raise ShapeError(
                f"{out} {name} of output from {n} with windows of {k}: output + size - 1 = {out + k - 1} must be at "
                f"most {n}, and output at least 1 (use a smaller output or window)"
            )
    return wanted


def _ratios(value: Any) -> list[float]:
    """Return one or two numbers between 0 and 1."""
    try:
        ratios = [float(one) for one in (value if isinstance(value, Iterable) else [value])]
    except (TypeError, ValueError):
        ratios = []
    if isinstance(value, str) or len(ratios) not in (1, 2) or not all(0 < ratio < 1 for ratio in ratios):
        raise ParameterError(f"output_ratio must be one or two numbers between 0 and 1, got {value!r}")
    return ratios


#: How many cells a window counts: one number for all windows, or one for each.
Cells: TypeAlias = "Array | float"

#: How many terms are added one after the other. More are added in a tree, which keeps the rounding error small.
IN_A_ROW = 8


class Pooling(NamedTuple):
    """One kind of pooling.

    Parameters
    ----------
    combine
        What makes one value of two.
    padding
        The value that changes nothing, which stands in the padding.
    prepare
        Gives the terms to combine from the values and p; None where they are the values themselves.
    finish
        Turns totals into results in place, given how many cells each holds, the cells of a whole window, and p.
    """

    combine: np.ufunc
    padding: float
    prepare: Callable[[Array, float], Array] | None = None
    finish: Callable[[Array, Cells, Cells, float], None] | None = None


def find_pooling(kind: str) -> Pooling:
    """Return the pooling of that name, or say which names come close."""
    return lookup(POOLINGS, str(kind), "pooling")


def slide_windows(
    values: Array, axis: int, windows: Windows, count: int, combine: np.ufunc, out: Array | None = None
) -> Array:
    """Return the first `count` windows along `axis` (-1 or -2), each combined to one value.

    Parameters
    ----------
    values
        ``(P, rows, columns)``, whose first cell is the first window's first tap.
    combine
        ``np.maximum``, ``np.minimum`` or ``np.add``.

    Notes
    -----
    A window of k taps costs k - 1 operations for each result. Where windows overlap much it is cheaper to combine
    neighbours first, then pairs of pairs: about log2(k) operations for each cell (van Herk's idea, for vectors).
    Nothing is ever subtracted, so sums lose no digits, and an infinity or NaN stays inside its windows.
    """
    size, stride, step = windows.size, windows.stride, windows.dilation
    doublings = size.bit_length() - 1
    last_terms = size.bit_count() if combine is np.add else 2
    if axis == -1 and size > IN_A_ROW and stride >= size and step == 1:  # long rows, which NumPy adds up in pairs
        whole = sliding_window_view(values, size, axis=-1)[..., : (count - 1) * stride + 1 : stride, :]
        return combine.reduce(whole, axis=-1, out=out)  # type: ignore[no-any-return]
    if (size - 1) / stride <= doublings + (last_terms - 1) / stride:
        pieces = [(values, tap * step) for tap in range(size)]
    elif combine is np.add:
        pieces = _binary_sums(values, axis, size, step)
    else:
        pieces = _overlapping_extrema(values, axis, size, step, combine)
    reach = (count - 1) * stride + 1
    return _tree([_cut(piece, axis, at, at + reach, stride) for piece, at in pieces], combine, out)


def _cut(values: Array, axis: int, start: int, stop: int, step: int = 1) -> Array:
    """Return a view of ``start:stop:step`` along the last axis or the one before it."""
    part = slice(start, stop, step)
    return values[..., part] if axis == -1 else values[..., part, :]


def _double(spans: Array, axis: int, distance: int, combine: np.ufunc) -> Array:
    """Combine every cell with the one `distance` further on."""
    length = spans.shape[axis]
    return combine(_cut(spans, axis, 0, length - distance), _cut(spans, axis, distance, length))  # type: ignore[no-any-return]


def _overlapping_extrema(values: Array, axis: int, size: int, step: int, combine: np.ufunc) -> list[tuple[Array, int]]:
    """Return the two overlapping spans, each a power of two long, that cover a window of `size` taps."""
    span = 1
    while 2 * span <= size:
        values = _double(values, axis, span * step, combine)
        span *= 2
    return [(values, 0), (values, (size - span) * step)]


def _binary_sums(values: Array, axis: int, size: int, step: int) -> list[tuple[Array, int]]:
    """Return the spans, one for each binary digit of `size`, that lie end to end in a window of `size` taps."""
    pieces = []
    span, at = 1, 0
    while True:
        if size & span:
            pieces.append((values, at * step))
            at += span
        if 2 * span > size:
            return pieces
        values = _double(values, axis, span * step, np.add)
        span *= 2


def _tree(parts: Sequence[Array], combine: np.ufunc, out: Array | None) -> Array:
    """Combine arrays of one shape: a few in a row, more as the two halves of a tree."""
    if len(parts) == 1:
        if out is None:
            return parts[0]
        np.copyto(out, parts[0])
        return out
    if len(parts) > IN_A_ROW:
        middle = len(parts) // 2
        parts = [_tree(parts[:middle], combine, out), _tree(parts[middle:], combine, None)]
    total: Array = combine(parts[0], parts[1], out=out)
    for part in parts[2:]:
        combine(total, part, out=total)
    return total


def reduce_bounds(values: Array, axis: int, bounds: Array, combine: np.ufunc) -> Array:
    """Combine the cells ``start:stop`` along `axis` (-1 or -2) for each row of `bounds` ``(count, 2)``.

    Parameters
    ----------
    values
        ``(P, rows, columns)``. Its last cell along `axis` lies in no window and holds what changes nothing: zero for
        sums, minus infinity for maxima.

    Notes
    -----
    Short windows take their first cells together, then their second ones, and so on. Long sums are added up in
    pairs by NumPy along the columns, and in float64 down the rows.
    """
    starts, stops = bounds.T
    longest = int((stops - starts).max())
    if longest <= IN_A_ROW:
        nothing = values.shape[axis] - 1
        taps = [np.where(starts + tap < stops, starts + tap, nothing) for tap in range(longest)]
        return _tree([np.take(values, cells, axis=axis) for cells in taps], combine, None)
    if axis == -1:
        between = combine.reduceat(values, bounds.ravel(), axis=-1)
        return between[..., ::2]  # what lies between two windows is combined too
    wide = np.float64 if combine is np.add else None
    rows = [combine.reduce(values[..., start:stop, :], axis=-2, dtype=wide) for start, stop in bounds]
    return np.stack(rows, axis=-2)


def pool_bounds(planes: Array, rows: Array, columns: Array, pooling: Pooling, out: Array) -> None:
    """Pool planes ``(P, H, W)`` over every pair of row bounds and column bounds ``(count, 2)``, into `out`."""
    top, bottom, width = rows[0, 0], rows[:, 1].max(), planes.shape[2]
    slim = np.full((len(planes), bottom - top + 1, len(columns)), pooling.padding, out.dtype)
    step = max(1, BLOCK_BYTES // (len(planes) * width * out.itemsize))
    for start in range(top, bottom, step):
        part = planes[:, start : min(start + step, bottom)]
        strip = np.full((*part.shape[:2], width + 1), pooling.padding, out.dtype)
        strip[..., :-1] = part
        if pooling.prepare:
            strip = pooling.prepare(strip, 2)
        done = start - top
        slim[:, done : done + part.shape[1]] = reduce_bounds(strip, -1, columns, pooling.combine)  # (P, rows, oW)
    out[...] = reduce_bounds(slim, -2, rows - top, pooling.combine)  # (P, oH, oW)
    if pooling.finish:
        cells = np.outer(np.diff(rows), np.diff(columns)).astype(out.dtype)  # (oH, oW)
        pooling.finish(out, cells, cells, 2)


def in_a_type_that_holds(
    planes: Array, kind: str, p: float, cells: int, compute: Callable[[np.dtype[Any]], Array]
) -> Array:
    """Return what `compute` makes of planes in a type in which no total leaves its range, as the planes' own type.

    Parameters
    ----------
    cells
        Cells of the largest window.
    compute
        Pools in the type that it is given.

    Notes
    -----
    The powers of ``lp`` are added up in float64, other sums in the planes' own computing type; in the next wider one
    only where something has overflowed. Two values of 3e38 have an average.
    """
    dtype = computing_type(planes)
    if kind == "lp":
        working = np.dtype(np.float64 if _has_powers(planes, p, cells) else np.longdouble)
    else:
        out = compute(dtype)
        with np.errstate(all="ignore"):
            finite = kind not in ("avg", "sum") or np.isfinite(out.sum())
        if finite or largest(planes) * cells < float(np.finfo(dtype).max):
            return out
        working = np.dtype(np.float64 if dtype == np.float32 else np.longdouble)
    with np.errstate(all="ignore"):
        return compute(working).astype(dtype)


def largest(values: Array) -> float:
    """Return the largest absolute value among the finite ones."""
    size = np.abs(values, dtype=np.result_type(values, np.float64))
    return float(np.max(size, where=np.isfinite(size), initial=0.0))


def _has_powers(planes: Array, p: float, cells: int) -> bool:
    """Say whether float64 holds the sums of ``abs(x)**p``, the largest and the smallest."""
    if planes.dtype.itemsize <= 4 and p <= 6:
        return True
    size = np.abs(planes, dtype=np.float64)
    least = float(np.min(size, where=size > 0, initial=math.inf))
    high = largest(planes)
    return (not high or math.log(high) * p + math.log(cells) < 709) and (
        least == math.inf or math.log(least) * p > -708
    )


def _average(totals: Array, cells: Cells, whole: Cells, p: float) -> None:
    """Divide by the number of cells."""
    np.divide(totals, cells, out=totals)


def _powers(values: Array, p: float) -> Array:
    """Return ``abs(x)**p``."""
    return values * values if p == 2 else np.power(np.abs(values), p, dtype=values.dtype)


def _root(totals: Array, cells: Cells, whole: Cells, p: float) -> None:
    """Take the p-th root, after scaling windows that hang over the end up to whole ones."""
    if cells is not whole:
        np.multiply(totals, whole / cells, out=totals)
    if p == 2:
        np.sqrt(totals, out=totals)
    elif p != 1:
        np.power(totals, 1 / p, out=totals)


POOLINGS: dict[str, Pooling] = {
    "max": Pooling(np.maximum, -math.inf),
    "min": Pooling(np.minimum, math.inf),
    "avg": Pooling(np.add, 0.0, finish=_average),
    "sum": Pooling(np.add, 0.0),
    "lp": Pooling(np.add, 0.0, prepare=_powers, finish=_root),
}
