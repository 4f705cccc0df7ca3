"""Engine ``im2col``: every window becomes a column, and the filter bank one matrix product.

The reference among the engines: any stride, dilation and number of channels. Only a strip's columns exist
at a time.
"""

from __future__ import annotations

import numpy as np

from cnnfilter.core.borders import Array
from cnnfilter.core.plan import Plan, Strip
from cnnfilter.core.strips import Scratch, Source, stored_rows


def prepare(plan: Plan, weights: Array) -> Array:
    """Return `weights` ``(K, C/groups, kH, kW)`` as ``(groups, K/groups, C/groups * kH * kW)``."""
    groups = plan.sizes.groups
    return weights.reshape(groups, len(weights) // groups, -1)  # (G, K/G, C/G*kH*kW)


def compute(plan: Plan, weights: Array, source: Source, strip: Strip, scratch: Scratch, out: Array) -> None:
    """Write the strip's outputs to `out` ``(N, K, rows, oW)``."""
    s = plan.sizes
    block = stored_rows(s, source, strip, scratch)
    depth = s.channels // s.groups
    cells = depth * s.kernel[0] * s.kernel[1]
    columns = scratch.array("columns", (strip.samples, s.channels, *s.kernel, strip.rows, s.out[1]))
    np.copyto(columns, windows(block, s.kernel, s.stride, s.dilation, (strip.rows, s.out[1])), casting="unsafe")
    np.matmul(
        weights,
        columns.reshape(strip.samples, s.groups, cells, strip.rows * s.out[1]),  # (N, G, C/G*kH*kW, rows*oW)
        out=out.reshape(strip.samples, s.groups, -1, strip.rows * s.out[1], copy=False),  # (N, G, K/G, rows*oW)
    )


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
