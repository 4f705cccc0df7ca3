"""Engine ``banded``: im2col with the copying done in one direction only.

A column matrix holds every pixel ``kH * kW`` times. Here the strip is laid out ``(rows, C, kW, columns)``: a row
of it is a row of the image, once for each kernel column, shifted by that much (and taken at every ``stride`` columns).
All values that a band of output rows needs then follow each other in memory, and with the rows of the next band they
overlap: the vertical taps come free, from views. One matrix product gives a whole band. Its left side is a banded
matrix that holds the kernel once for each output row::

    2 output rows of a 3x3 kernel:      abc def ghi ...
                                        ... abc def ghi

Blocks of columns keep the shifted rows in the cache, and one call of ``matmul`` computes many bands. A kernel of more
than ``TERMS`` products goes in parts of some rows each, whose results are added up.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from cnnfilter.core.arrays import Array
from cnnfilter.core.im2col import windows
from cnnfilter.core.plan import TERMS, Plan, Strip
from cnnfilter.core.rows import Scratch, Source, stored_rows


class Bands(NamedTuple):
    """The kernels of one group, spread over bands of output rows.

    Attributes
    ----------
    taps
        Kernel columns that are used: columns of zeros (Sobel's middle) are left out.
    parts
        First and last kernel row of each part.
    weights
        ``(K, C, kH, taps)``.
    kept
        By the output rows of a band, for each part: ``(K, rows, rows_in * C * taps)``.
    """

    taps: slice
    parts: tuple[tuple[int, int], ...]
    weights: Array
    kept: dict[int, list[Array]]

    def matrices(self, rows: int, plan: Plan) -> list[Array]:
        """Return the matrices of bands of so many rows, made when they are first asked for."""
        if rows not in self.kept:
            step, dilation = plan.sizes.stride[0], plan.sizes.dilation[0]
            self.kept[rows] = [spread(self.weights[:, :, a:b], rows, step, dilation) for a, b in self.parts]
        return self.kept[rows]


def prepare(plan: Plan, weights: Array) -> list[Bands]:
    """Return the bands of each group."""
    s = plan.sizes
    taps = used_columns(weights)
    step = max(1, TERMS // (weights.shape[1] * len(range(s.kernel[1])[taps])))
    parts = tuple((row, min(row + step, s.kernel[0])) for row in range(0, s.kernel[0], step))
    by_group = weights.reshape(s.groups, -1, *weights.shape[1:])
    return [Bands(taps, parts, np.ascontiguousarray(group[..., taps]), {}) for group in by_group]


def used_columns(weights: Array) -> slice:
    """Return the columns of `weights` ``(..., kW)`` that are not all zeros, where evenly spaced ones hold them.

    Examples
    --------
    >>> used_columns(np.array([[1, 0, -1], [2, 0, -2]])), used_columns(np.array([[0, 1, 2, 0]]))
    (slice(0, 3, 2), slice(1, 3, 1))
    """
    used = np.flatnonzero(weights.reshape(-1, weights.shape[-1]).any(axis=0))
    if not len(used):
        return slice(0, 1, 1)
    step = int(np.gcd.reduce(np.diff(used))) if len(used) > 1 else 1
    return slice(int(used[0]), int(used[-1]) + 1, step)


def spread(weights: Array, rows: int, stride: int, dilation: int) -> Array:
    """Spread `weights` ``(K, C, kH, kW)`` over `rows` output rows: ``(K, rows, rows_in * C * kW)``.

    Examples
    --------
    >>> spread(np.array([[[[1], [2], [3]]]]), 2, 1, 1)
    array([[[1, 2, 3, 0],
            [0, 1, 2, 3]]])
    """
    filters, channels, height, width = weights.shape
    span = dilation * (height - 1) + 1
    bands = np.zeros((filters, rows, (rows - 1) * stride + span, channels, width), weights.dtype)
    for row in range(rows):
        bands[:, row, row * stride : row * stride + span : dilation] = weights.transpose(0, 2, 1, 3)
    return bands.reshape(filters, rows, -1)  # (K, rows, rows_in*C*kW)


def compute(plan: Plan, weights: list[Bands], source: Source, strip: Strip, scratch: Scratch, out: Array) -> None:
    """Write the strip's outputs to `out` ``(N, K, rows, oW)``."""
    s = plan.sizes
    depth, filters = s.channels // s.groups, s.filters // s.groups
    block = stored_rows(s, source, strip, scratch)
    for sample in range(strip.samples):
        for group, bands in enumerate(weights):
            part = block[sample, group * depth : (group + 1) * depth]  # (C/G, rows_in, padded width)
            outputs = out[sample, group * filters : (group + 1) * filters]  # (K/G, rows, oW)
            _convolve(plan, bands, part, outputs, scratch)


def _convolve(plan: Plan, bands: Bands, block: Array, out: Array, scratch: Scratch) -> None:
    """Convolve `block` ``(C, rows_in, padded width)`` into `out` ``(K, rows, oW)``, block by block of columns."""
    s = plan.sizes
    taps = range(s.kernel[1])[bands.taps]
    first, step = taps[0] * s.dilation[1], taps.step * s.dilation[1]
    rows_in, width = block.shape[1], s.out[1]
    shifted = windows(block[None, :, :, first:], (1, len(taps)), (1, s.stride[1]), (1, step), (rows_in, width))
    shifted = shifted[0, :, 0].transpose(2, 0, 1, 3)  # (rows_in, C, taps, oW)
    products = _products(plan, bands, out)
    for left in range(0, width, plan.columns):
        columns = slice(left, min(left + plan.columns, width))
        laid, views = _laid(plan, bands.parts, shifted.shape[:3], columns.stop - left, out.shape[1], scratch)
        np.copyto(laid, shifted[..., columns], casting="unsafe")
        for matrix, part, whole, target in products:
            if not part:
                np.matmul(matrix, views[part, whole], out=target[..., columns])
            else:
                product = scratch.array("product", target[..., columns].shape)
                np.matmul(matrix, views[part, whole], out=product)
                target[..., columns] += product


def _products(plan: Plan, bands: Bands, out: Array) -> list[tuple[Array, int, bool, Array]]:
    """Return each product's left side, its part of the kernel, whether of whole bands, and where it writes in `out`.

    After the whole bands come the rows that are left.
    """
    products = []
    end = out.shape[1] // plan.band * plan.band
    for start, stop, height in ((0, end, plan.band), (end, out.shape[1], out.shape[1] - end)):
        if stop == start:
            continue
        target = out[:, start:stop].reshape(len(out), -1, height, out.shape[2], copy=False)  # (K, bands, height, oW)
        for part, matrices in enumerate(bands.matrices(height, plan)):
            if height == 1:  # all filters in one product
                products.append((matrices[:, 0], part, start < end, target[:, :, 0].transpose(1, 0, 2)))
            else:
                products += [(matrix, part, start < end, one) for matrix, one in zip(matrices, target, strict=True)]
    return products


def _laid(
    plan: Plan, parts: tuple[tuple[int, int], ...], shape: tuple[int, ...], columns: int, rows: int, scratch: Scratch
) -> tuple[Array, dict[tuple[int, bool], Array]]:
    """Return the buffer ``(rows_in, C, taps, columns)``, and the overlapping views of it that bands read.

    They are kept from block to block: to make a view takes longer than many a product.
    """
    key = (*shape, columns)
    if key not in scratch.kept:
        laid = scratch.array("laid", key)
        cells, step, dilation = math.prod(shape[1:]), plan.sizes.stride[0], plan.sizes.dilation[0]
        row = cells * columns * laid.itemsize

        def view(part: tuple[int, int], start: int, count: int, height: int) -> Array:
            if not (count and height):
                return laid[:0]
            inner = ((height - 1) * step + dilation * (part[1] - 1 - part[0]) + 1) * cells
            return np.lib.stride_tricks.as_strided(
                laid[start * step + part[0] * dilation :],
                (count, inner, columns),
                (height * step * row, columns * laid.itemsize, laid.itemsize),
                writeable=False,
            )

        whole = rows // plan.band
        views = {(index, True): view(part, 0, whole, plan.band) for index, part in enumerate(parts)}
        for index, part in enumerate(parts):
            views[index, False] = view(part, whole * plan.band, 1, rows - whole * plan.band)
        scratch.kept[key] = laid, views
    buffers: tuple[Array, dict[tuple[int, bool], Array]] = scratch.kept[key]
    return buffers
