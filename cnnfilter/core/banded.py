"""Engine ``banded``: im2col without the copying, for stride 1.

For each kernel column ``j`` the view ``strip[:, j:j+oW]`` is already a matrix that BLAS takes as it is. A banded
matrix ``T_j`` holds kernel column ``j`` once for each output row of a band, so that one product gives the vertical
taps of a whole band, and the sum over ``j`` the horizontal ones::

    T_j, 3 output rows of a 3x3 kernel:      a d g . .
                                             . a d g .        a, d, g: column j of the kernel
                                             . . a d g

The strip is laid out ``(groups, rows, C/groups, columns)``: the rows that a band needs then follow each other with
one stride, whatever the number of channels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cnnfilter.core.borders import Array
from cnnfilter.core.plan import Plan, Strip
from cnnfilter.core.strips import Scratch, Source, direct_rows, load_rows


@dataclass(frozen=True)
class Bands:
    """The banded matrices of one group for bands of `rows` output rows.

    Attributes
    ----------
    rows
        Output rows of a band.
    offsets
        Strip columns at which the kernel columns stand; columns of zeros are left out.
    matrices
        One ``(K * rows, (rows + span - 1) * C)`` for each offset.
    """

    rows: int
    offsets: tuple[int, ...]
    matrices: tuple[Array, ...]


def prepare(plan: Plan, weights: Array) -> list[dict[int, Bands]]:
    """Return, for each group, the bands by height: the plan's height, and that of the last rows."""
    s = plan.sizes
    heights = {plan.band}
    for strip in plan.strips():
        heights |= {strip.rows % plan.band or plan.band, min(strip.rows, plan.band)}
    per_group = weights.reshape(s.groups, -1, *weights.shape[1:])
    return [{rows: make_bands(group, rows, s.dilation) for rows in heights} for group in per_group]


def make_bands(weights: Array, rows: int, dilation: tuple[int, int]) -> Bands:
    """Spread `weights` ``(K, C, kH, kW)`` over bands of `rows` output rows.

    Examples
    --------
    >>> bands = make_bands(np.array([[[[1, 0], [2, 0], [3, 0]]]]), 2, (1, 1))
    >>> bands.offsets, bands.matrices[0]
    ((0,), array([[1, 2, 3, 0],
           [0, 1, 2, 3]]))
    """
    filters, channels, height, width = weights.shape
    span = dilation[0] * (height - 1) + 1
    used = [j for j in range(width) if weights[..., j].any()] or [0]
    matrices = []
    for j in used:
        spread = np.zeros((filters, rows, rows + span - 1, channels), weights.dtype)
        for row in range(rows):
            spread[:, row, row : row + span : dilation[0]] = weights[..., j].transpose(0, 2, 1)
        matrices.append(spread.reshape(filters * rows, -1))  # (K*rows, (rows + span - 1)*C)
    return Bands(rows, tuple(j * dilation[1] for j in used), tuple(matrices))


def compute(
    plan: Plan, weights: list[dict[int, Bands]], source: Source, strip: Strip, scratch: Scratch, out: Array
) -> None:
    """Write the strip's outputs to `out` ``(N, K, rows, oW)``."""
    s = plan.sizes
    depth, filters = s.channels // s.groups, s.filters // s.groups
    for sample in range(strip.samples):
        one = Strip(strip.first + sample, strip.first + sample + 1, strip.top, strip.bottom)
        block = _laid_out(plan, source, one, scratch, out.dtype)
        for group, bands in enumerate(weights):
            outputs = out[sample, group * filters : (group + 1) * filters]  # (K/G, rows, oW)
            apply_bands(bands, plan.band, block[group], depth, outputs, scratch)


def _laid_out(plan: Plan, source: Source, strip: Strip, scratch: Scratch, dtype: np.dtype[np.generic]) -> Array:
    """Return the strip's input as ``(groups, rows_in * C/groups, padded width)``, a view where it can be one."""
    s = plan.sizes
    depth, rows_in = s.channels // s.groups, s.rows_in(strip.rows)
    if depth == 1:
        block = direct_rows(s, source, strip, dtype)
        if block is not None:
            first: Array = block[0]
            return first
    laid = scratch.array("strip", (s.groups, rows_in, depth, s.padded_width))
    by_channel = laid.transpose(0, 2, 1, 3)  # (G, C/G, rows_in, padded width)
    for group in range(s.groups):
        part = slice(group * depth, (group + 1) * depth)
        load_rows(s, _Channels(source, part), strip, by_channel[group : group + 1])
    flat: Array = laid.reshape(s.groups, rows_in * depth, s.padded_width)
    return flat


class _Channels:
    """Some channels of a source."""

    def __init__(self, source: Source, channels: slice) -> None:
        self.source, self.channels = source, channels

    def rows(self, first: int, last: int, start: int, stop: int) -> Array:
        """Return the rows of these channels."""
        return self.source.rows(first, last, start, stop)[:, self.channels]


def apply_bands(bands: dict[int, Bands], height: int, block: Array, depth: int, out: Array, scratch: Scratch) -> None:
    """Convolve `block` ``(rows_in * C, columns)`` into `out` ``(K, rows, oW)``, bands of `height` rows at a time."""
    rows = out.shape[1]
    whole = rows // height
    if whole:
        _multiply(bands[height], whole, block, depth, out[:, : whole * height], scratch)
    if rows % height:
        start = whole * height
        _multiply(bands[rows - start], 1, block[start * depth :], depth, out[:, start:], scratch)


def _multiply(bands: Bands, count: int, block: Array, depth: int, out: Array, scratch: Scratch) -> None:
    """Compute `count` bands in one product for each kernel column: ``out = sum_j T_j @ view_j``."""
    filters, _, width = out.shape
    row, item = block.strides
    inner = bands.matrices[0].shape[1]
    shape = (count, filters * bands.rows, width)
    total, product = scratch.array("total", shape), scratch.array("product", shape)
    for step, (offset, matrix) in enumerate(zip(bands.offsets, bands.matrices, strict=True)):
        view = np.lib.stride_tricks.as_strided(
            block[:, offset:], (count, inner, width), (bands.rows * depth * row, row, item), writeable=False
        )
        np.matmul(matrix, view, out=product if step else total)
        if step and step < len(bands.offsets) - 1:
            np.add(total, product, out=total)
    by_filter = (count, filters, bands.rows, width)
    target = out.reshape(filters, count, bands.rows, width, copy=False).transpose(1, 0, 2, 3)
    if len(bands.offsets) == 1:
        target[...] = total.reshape(by_filter)
    else:
        np.add(total.reshape(by_filter), product.reshape(by_filter), out=target)
