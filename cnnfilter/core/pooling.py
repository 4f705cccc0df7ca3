"""Pooling: every window of an image replaced by one value."""

from __future__ import annotations

import math
import numbers
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from cnnfilter.core.arrays import Array, as_planes, channels_back, channels_first
from cnnfilter.core.missing import over_what_is_there
from cnnfilter.core.reduce import (
    Pooling,
    Windows,
    find_pooling,
    in_a_type_that_holds,
    plan_windows,
    pool_bounds,
    slide_windows,
)
from cnnfilter.core.rows import for_each, row_blocks
from cnnfilter.core.shapes import PaddingLike, Pair, check_cells, pair
from cnnfilter.core.whole_steps import in_a_type_asked_for
from cnnfilter.errors import ParameterError, ShapeError


@in_a_type_asked_for
@over_what_is_there
def pool2d(
    image: ArrayLike,
    kind: str,
    size: int | str | tuple[int, int],
    *,
    stride: int | str | tuple[int, int] | None = None,
    padding: PaddingLike = 0,
    dilation: int | str | tuple[int, int] = 1,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    p: float = 2,
    missing: str = "propagate",
    threads: int | None = None,
    layout: str = "CHW",
    dtype: DTypeLike | None = None,
) -> Array:
    """Slide a window over each channel and reduce what it holds to one value.

    Parameters
    ----------
    image
        ``(H, W)``, ``(C, H, W)`` or ``(N, C, H, W)``, any real type. float64 is computed in float64, everything
        else in float32.
    kind
        ``max``, ``min``, ``avg``, ``sum`` or ``lp``.
    size
        Rows and columns of the window: n, or both.
    stride
        Rows and columns from window to window; the window's size by default.
    padding
        ``valid``, ``same``, n, ``rows,cols``, ``top,bottom,left,right`` or ``((top, bottom), (left, right))``. Padding
        never wins a maximum or minimum; in sums it counts as zeros.
    dilation
        Distance between the cells that a window takes.
    ceil_mode
        True keeps a last window that hangs over the end, if it starts on the image or the padding before it.
    count_include_pad
        Whether the average divides by the cells of padding too. Cells that hang over the end never count.
    p
        Exponent of ``lp``.
    missing
        ``propagate``: a window with NaN gives NaN. ``ignore``: NaN is a cell that is missing, and a window is reduced
        from the cells that are there; NaN where none is.
    threads
        At most this many; all cores by default. The result does not depend on it.
    layout
        ``CHW``, or ``HWC`` for channels last, as OpenCV, Pillow and scikit-image have them; the result is as the image.
    dtype
        ``float32`` or ``float64`` to compute in; ``int32`` or ``int64`` for exact whole numbers, of max, min and sum.

    Returns
    -------
    numpy.ndarray
        ``(oH, oW)``, ``(C, oH, oW)`` or ``(N, C, oH, oW)``, where
        ``out = (in + pads - dilation*(size-1) - 1) // stride + 1``, rounded up instead of down with `ceil_mode`.

    Raises
    ------
    ShapeError
        If the window does not fit, or if one would hold padding alone and so have no value.
    ParameterError
        If an argument has the wrong form; with a `dtype` of whole numbers also for a fraction, a kind that makes
        fractions, and a sum that does not fit.
    UnknownNameError
        If there is no such kind.

    Notes
    -----
    A NaN makes each window that holds it NaN. ``lp`` is the p-norm of ONNX, of absolute values (PyTorch's keeps the
    sign of ``x**p``); as in PyTorch, a window that hangs over the end is scaled up to a whole one. Windows are not
    copied; beyond input and output each thread takes a few megabytes. A batch whose axes lie in another order in
    memory is copied once.

    References
    ----------
    .. [1] M. van Herk, "A fast algorithm for local minimum and maximum filters on rectangular and octagonal
       kernels", Pattern Recognition Letters 13 (1992): the idea behind the running maxima.

    Examples
    --------
    >>> image = np.arange(24).reshape(4, 6)
    >>> pool2d(image, "max", (2, 3))
    array([[ 8., 11.],
           [20., 23.]], dtype=float32)
    >>> pool2d([[1, 0], [4, 6]], "avg", 2)
    array([[2.75]], dtype=float32)
    """
    planes, lead = as_planes(channels_first(image, layout))
    pooling = find_pooling(kind)
    if not isinstance(p, numbers.Real) or not 0 < p < math.inf:
        raise ParameterError(f"p must be a number above 0, got {p!r}")
    rows, columns = plan_windows(planes.shape[1:], size, stride, padding, dilation, ceil_mode)
    if kind in ("max", "min") or (kind == "avg" and not count_include_pad):
        _refuse_empty_windows(rows, columns, kind)
    padded = count_include_pad or kind == "lp"

    def compute(dtype: np.dtype[Any]) -> Array:
        return _slide(planes, pooling, rows, columns, p, padded, dtype, threads)

    out = in_a_type_that_holds(planes, kind, p, rows.size * columns.size, compute)
    return channels_back(out.reshape((*lead, rows.count, columns.count)), layout)


def _slide(
    planes: Array, pooling: Pooling, rows: Windows, columns: Windows, p: float, padded: bool, dtype: np.dtype[Any],
    threads: int | None,
) -> Array:  # fmt: skip
    """Pool planes ``(P, H, W)`` in `dtype`; `padded` says whether cells of padding count."""
    out: Array = np.empty((len(planes), rows.count, columns.count), dtype)
    whole: float = rows.size * columns.size
    uneven = pooling.finish is not None and not (rows.inside and columns.inside)
    cells = [taps_inside(axis, padded).astype(dtype) for axis in (rows, columns)]

    def work(block: tuple[slice, slice]) -> None:
        depth, part = block
        under = rows.covered(part.start, part.stop), columns.covered(0, columns.count)
        strip = gather(planes[depth], *under, pooling.padding, dtype)
        if pooling.prepare:
            strip = pooling.prepare(strip, p)
        strip = slide_windows(strip, -2, rows, part.stop - part.start, pooling.combine)  # (P, rows, columns)
        target = out[block]
        slide_windows(strip, -1, columns, columns.count, pooling.combine, target)  # (P, rows, oW)
        if pooling.finish:
            pooling.finish(target, np.outer(cells[0][part], cells[1]) if uneven else whole, whole, p)  # (rows, oW)

    row_bytes = (columns.length + columns.span) * out.itemsize * min(rows.stride, rows.span, 8)
    for_each(work, row_blocks(len(planes), rows.count, row_bytes, rows.span // rows.stride), threads)
    return out


def taps_inside(windows: Windows, padding: bool) -> Array:
    """Return how many taps of each window lie on the image, or on the image and its padding: ``(count,)``."""
    start = np.arange(windows.count) * windows.stride - windows.before
    low, high = (-windows.before, windows.length + windows.after) if padding else (0, windows.length)
    first = np.maximum(0, -((start - low) // windows.dilation))
    last = np.minimum(windows.size - 1, (high - 1 - start) // windows.dilation)
    cells: Array = np.maximum(0, last - first + 1)
    return cells


def _refuse_empty_windows(rows: Windows, columns: Windows, kind: str) -> None:
    """Raise an error if some window lies on padding alone."""
    for name, axis in (("rows", rows), ("columns", columns)):
        if axis.inside:
            continue
        empty = np.flatnonzero(taps_inside(axis, padding=False) == 0)
        if empty.size:
            raise ShapeError(axis.empty(int(empty[0]), name, kind))


def gather(planes: Array, rows: Pair, columns: Pair, padding: float, dtype: np.dtype[Any]) -> Array:
    """Return the cells ``start, stop`` of each axis as `dtype`; those outside the image hold `padding`.

    A view where nothing lies outside and nothing has to be converted.
    """
    (top, bottom), (left, right) = rows, columns
    height, width = planes.shape[1:]
    view = planes[:, max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
    shape = len(planes), bottom - top, right - left
    if view.shape == shape and view.dtype == dtype and view.flags.aligned:
        return view
    strip = np.empty(shape, dtype)
    up, down = (min(max(row - top, 0), shape[1]) for row in (0, height))
    strip[:, :up] = strip[:, down:] = padding
    start, stop = (min(max(column - left, 0), shape[2]) for column in (0, width))
    strip[:, :, :start] = strip[:, :, stop:] = padding
    strip[:, up:down, start:stop] = view
    return strip


@in_a_type_asked_for
@over_what_is_there
def global_pool2d(
    image: ArrayLike,
    kind: str,
    *,
    missing: str = "propagate",
    threads: int | None = None,
    layout: str = "CHW",
    dtype: DTypeLike | None = None,
) -> Array:
    """Reduce each channel of an image to one value.

    Parameters
    ----------
    image
        ``(H, W)``, ``(C, H, W)`` or ``(N, C, H, W)``, any real type.
    kind
        ``max``, ``min``, ``avg``, ``sum`` or ``lp`` (p = 2).
    missing
        ``propagate``: a window with NaN gives NaN. ``ignore``: NaN is a cell that is missing, and a window is reduced
        from the cells that are there; NaN where none is.
    threads
        At most this many; all cores by default. The result does not depend on it.
    layout
        ``CHW``, or ``HWC`` for channels last, as OpenCV, Pillow and scikit-image have them; the result is as the image.
    dtype
        ``float32`` or ``float64`` to compute in; ``int32`` or ``int64`` for exact whole numbers, of max, min and sum.

    Returns
    -------
    numpy.ndarray
        One value for each channel: ``()``, ``(C,)`` or ``(N, C)``.

    Raises
    ------
    ShapeError
        If the image has another number of axes.
    UnknownNameError
        If there is no such kind.

    References
    ----------
    .. [1] M. Lin, Q. Chen and S. Yan, "Network in network", 2014, arXiv:1312.4400: global average pooling.

    Examples
    --------
    >>> global_pool2d(np.arange(24).reshape(2, 3, 4), "avg")
    array([ 5.5, 17.5], dtype=float32)
    """
    planes, lead = as_planes(channels_first(image, layout))
    pooling = find_pooling(kind)
    area = planes.shape[1] * planes.shape[2]

    def compute(dtype: np.dtype[Any]) -> Array:
        of_rows = np.empty(planes.shape[:2], dtype)

        def work(block: tuple[slice, slice]) -> None:
            strip = planes[block].astype(dtype, copy=False)
            if pooling.prepare:
                strip = pooling.prepare(strip, 2)
            pooling.combine.reduce(strip, axis=-1, out=of_rows[block])

        for_each(work, row_blocks(len(planes), planes.shape[1], planes.shape[2] * dtype.itemsize), threads)
        wide = np.promote_types(dtype, np.float64) if pooling.combine is np.add else None
        out: Array = pooling.combine.reduce(of_rows, axis=-1, dtype=wide, keepdims=True)
        if pooling.finish:
            pooling.finish(out, float(area), float(area), 2)
        return out.astype(dtype)

    return in_a_type_that_holds(planes, kind, 2, area, compute).reshape(lead)


@in_a_type_asked_for
@over_what_is_there
def adaptive_pool2d(
    image: ArrayLike,
    output_size: int | str | tuple[int, int],
    kind: str,
    *,
    missing: str = "propagate",
    threads: int | None = None,
    layout: str = "CHW",
    dtype: DTypeLike | None = None,
) -> Array:
    """Pool an image to a given size, whatever size it has.

    Parameters
    ----------
    image
        ``(H, W)``, ``(C, H, W)`` or ``(N, C, H, W)``, any real type.
    output_size
        Rows and columns of the result: n, or both.
    kind
        ``max``, ``min``, ``avg``, ``sum`` or ``lp`` (p = 2).
    missing
        ``propagate``: a window with NaN gives NaN. ``ignore``: NaN is a cell that is missing, and a window is reduced
        from the cells that are there; NaN where none is.
    threads
        At most this many; all cores by default. The result does not depend on it.
    layout
        ``CHW``, or ``HWC`` for channels last, as OpenCV, Pillow and scikit-image have them; the result is as the image.
    dtype
        ``float32`` or ``float64`` to compute in; ``int32`` or ``int64`` for exact whole numbers, of max, min and sum.

    Returns
    -------
    numpy.ndarray
        ``(oH, oW)``, ``(C, oH, oW)`` or ``(N, C, oH, oW)``. Window i covers ``floor(i*in/out)`` up to, but not
        including, ``ceil((i+1)*in/out)``, as in PyTorch; windows may overlap by one cell.

    Raises
    ------
    ShapeError
        If the image has another number of axes.
    ParameterError
        If `output_size` is not one or two whole numbers of at least 1.
    UnknownNameError
        If there is no such kind.

    Examples
    --------
    >>> adaptive_pool2d(np.arange(20).reshape(4, 5), (2, 3), "max")
    array([[ 6.,  8.,  9.],
           [16., 18., 19.]], dtype=float32)
    """
    planes, lead = as_planes(channels_first(image, layout))
    pooling = find_pooling(kind)
    wanted = pair(output_size, "output_size")
    check_cells(*wanted)
    height, width = planes.shape[1:]
    if wanted == (1, 1):
        return channels_back(global_pool2d(image, kind, threads=threads, layout=layout).reshape((*lead, 1, 1)), layout)
    if height % wanted[0] == 0 and width % wanted[1] == 0:
        return pool2d(image, kind, (height // wanted[0], width // wanted[1]), threads=threads, layout=layout)
    rows, columns = (adaptive_bounds(n, count) for n, count in zip((height, width), wanted, strict=True))

    def compute(dtype: np.dtype[Any]) -> Array:
        out: Array = np.empty((len(planes), *wanted), dtype)

        def work(block: tuple[slice, slice]) -> None:
            depth, part = block
            pool_bounds(planes[depth], rows[part], columns, pooling, out[depth, part])

        row_bytes = width * out.itemsize * math.ceil(height / wanted[0])
        for_each(work, row_blocks(len(planes), wanted[0], row_bytes), threads)
        return out

    out = in_a_type_that_holds(planes, kind, 2, height * width, compute)
    return channels_back(out.reshape((*lead, *wanted)), layout)


def adaptive_bounds(length: int, count: int) -> Array:
    """Return the start and stop of `count` windows that share `length` cells: ``(count, 2)``."""
    index = np.arange(count)
    return np.stack([index * length // count, -((index + 1) * length // -count)], axis=1)
