"""Engine ``im2col``: every window becomes a column, and the filter bank one matrix product.

The reference among the engines: any stride, dilation and number of channels. Only a strip's columns exist
at a time.
"""

from __future__ import annotations

import numpy as np

from cnnfilter.core.borders import Array
from cnnfilter.core.plan import Plan, Strip
from cnnfilter.core.strips import Scratch, Source, stored_rows

#: Images of a strip from which small ones are worth computing together, and the row that counts as short.
MANY, SHORT = 16, 17


def prepare(plan: Plan, weights: Array) -> Array:
    """Return `weights` ``(K, C/groups, kH, kW)`` as ``(groups, K/groups, C/groups * kH * kW)``."""
    groups = plan.sizes.groups
    return weights.reshape(groups, len(weights) // groups, -1)  # (G, K/G, C/G*kH*kW)


def compute(plan: Plan, weights: Array, source: Source, strip: Strip, scratch: Scratch, out: Array) -> None:
    """Write the strip's outputs to `out` ``(N, K, rows, oW)``."""
    s = plan.sizes
    block = stored_rows(s, source, strip, scratch)
    if s.groups == 1 and strip.samples >= MANY and s.out[1] < SHORT:
        _compute_together(plan, weights[0], block, strip, scratch, out)
        return
    depth = s.channels // s.groups
    cells = depth * s.kernel[0] * s.kernel[1]
    columns = scratch.array("columns", (strip.samples, s.channels, *s.kernel, strip.rows, s.out[1]))
    np.copyto(columns, windows(block, s.kernel, s.stride, s.dilation, (strip.rows, s.out[1])), casting="unsafe")
    np.matmul(
        weights,
        columns.reshape(strip.samples, s.groups, cells, strip.rows * s.out[1]),  # (N, G, C/G*kH*kW, rows*oW)
        out=out.reshape(strip.samples, s.groups, -1, strip.rows * s.out[1], copy=False),  # (N, G, K/G, rows*oW)
    )


def _compute_together(
    plan: Plan, weights: Array, block: Array, strip: Strip, scratch: Scratch, out: Array
) -> None:  # fmt: skip
    """Write the outputs of many small images: laid side by side, their short rows are copied as one long one."""
    s = plan.sizes
    count, rows, columns = strip.samples, strip.rows, s.out[1]
    beside = scratch.array("beside", (*block.shape[1:], count))
    np.copyto(beside, block.transpose(1, 2, 3, 0), casting="unsafe")  # (C, rows_in, width, N)
    channel, row, column, sample = beside.strides
    taken = np.lib.stride_tricks.as_strided(
        beside,
        (s.channels, *s.kernel, rows, columns, count),
        (channel, row * s.dilation[0], column * s.dilation[1], row * s.stride[0], column * s.stride[1], sample),
        writeable=False,
    )
    matrix = scratch.array("columns", taken.shape)
    np.copyto(matrix, taken)
    products = scratch.array("products", (len(weights), rows, columns, count))
    np.matmul(weights, matrix.reshape(weights.shape[1], -1), out=products.reshape(len(weights), -1))
    np.copyto(out, products.transpose(3, 0, 1, 2))  # (N, K, rows, oW)


def windows(
    block: Array,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int],
    out: tuple[int, int],
) -> Array:
    """Return a read-only view ``(N, C, kH, kW, oH, oW)`` of `block` ``(N, C, rows, columns)``.

    ``view[n, c, i, j, r, q] == block[n, c, r*stride + i*dilation, q*stride + j*dilation]``

    Examples
    --------
    >>> block = np.arange(20).reshape(1, 1, 4, 5)
    >>> windows(block, (2, 3), (2, 1), (1, 1), (2, 3))[0, 0, :, :, 1, 2]
    array([[12, 13, 14],
           [17, 18, 19]])
    """
    n, c, row, column = block.strides
    return np.lib.stride_tricks.as_strided(
        block,
        (*block.shape[:2], *kernel, *out),
        (n, c, row * dilation[0], column * dilation[1], row * stride[0], column * stride[1]),
        writeable=False,
    )
