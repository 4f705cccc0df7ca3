"""Engine ``im2col``: every window becomes a column, and the filter bank one matrix product.

The reference among the engines: any stride, dilation and number of channels. Only a strip's columns exist
at a time.

Where there are many channels, a column holds one row of the window only: each row of the kernel is a matrix product
of its own, which reads the same columns from a later row on, and the products are added up. That copies every value
``kW`` times, not ``kH * kW`` times, and the matrices stay large. No product is longer than ``TERMS``.
"""

from __future__ import annotations

import numpy as np

from cnnfilter.core.arrays import Array
from cnnfilter.core.plan import TERMS, Plan, Sizes, Strip
from cnnfilter.core.rows import Scratch, Source, stored_rows

#: Images of a strip from which small ones are worth computing together, and the row that counts as short.
MANY, SHORT = 16, 17


def prepare(plan: Plan, weights: Array) -> Array:
    """Return `weights` ``(K, C/groups, kH, kW)`` as ``(products, groups, K/groups, C/groups * cells)``."""
    depth, *kernel = weights.shape[1:]
    by_group = weights.reshape(plan.sizes.groups, -1, depth, plan.products, kernel[0] // plan.products, kernel[1])
    by_row = np.ascontiguousarray(by_group.transpose(3, 0, 1, 2, 4, 5))
    return by_row.reshape(plan.products, plan.sizes.groups, len(weights) // plan.sizes.groups, -1)


def compute(plan: Plan, weights: Array, source: Source, strip: Strip, scratch: Scratch, out: Array) -> None:
    """Write the strip's outputs to `out` ``(N, K, rows, oW)``."""
    s = plan.sizes
    block = stored_rows(s, source, strip, scratch)
    if plan.products > 1:
        _compute_by_row(plan, weights, block, strip, scratch, out)
        return
    if s.groups == 1 and strip.samples >= MANY and s.out[1] < SHORT:
        _compute_together(plan, weights[0, 0], block, strip, scratch, out)
        return
    if s.kernel == s.stride == (1, 1) and block.dtype == scratch.dtype and block.flags.aligned:
        columns = block if block.strides[2:] == (s.out[1] * block.itemsize, block.itemsize) else block.copy()
    else:
        columns = scratch.array("columns", (strip.samples, s.channels, *s.kernel, strip.rows, s.out[1]))
        np.copyto(columns, windows(block, s.kernel, s.stride, s.dilation, (strip.rows, s.out[1])), casting="unsafe")
    multiply(weights[0], _by_group(s, columns, strip.rows), _by_group(s, out, strip.rows), scratch)


def multiply(matrix: Array, columns: Array, out: Array, scratch: Scratch, *, add: bool = False) -> None:
    """Write ``matrix @ columns`` to `out`, or `add` it there, in products of at most ``TERMS``."""
    product = None
    for start in range(0, matrix.shape[-1], TERMS):
        left, right = matrix[..., start : start + TERMS], columns[..., start : start + TERMS, :]
        if not (start or add):
            np.matmul(left, right, out=out)
            continue
        if product is None:
            product = scratch.array("product", out.shape)
        np.matmul(left, right, out=product)
        np.add(out, product, out=out)


def _compute_by_row(
    plan: Plan, weights: Array, block: Array, strip: Strip, scratch: Scratch, out: Array
) -> None:  # fmt: skip
    """Write the outputs as the sum of one product for each row of the kernel."""
    s = plan.sizes
    step, rows_in = s.stride[0], block.shape[2]
    count = strip.rows + (s.span[0] - 1) // step  # rows of every phase: the rows that a stride meets
    shifted = windows(block, (1, s.kernel[1]), (1, s.stride[1]), (1, s.dilation[1]), (rows_in, s.out[1]))[:, :, 0]
    columns = scratch.array("columns", (strip.samples, s.channels, s.kernel[1], step, count, s.out[1]))
    for phase in range(step):
        rows = shifted[..., phase::step, :]  # (N, C, kW, rows of this phase, oW)
        np.copyto(columns[:, :, :, phase, : rows.shape[3]], rows, casting="unsafe")
    columns = _by_group(s, columns, step * count)  # (N, G, C/G*kW, step*count*oW)
    maps = _by_group(s, out, strip.rows)  # (N, G, K/G, rows*oW)
    for tap, matrix in enumerate(weights):
        later, phase = divmod(tap * s.dilation[0], step)
        start = (phase * count + later) * s.out[1]
        read = columns[..., start : start + maps.shape[-1]]
        multiply(matrix, read, maps, scratch, add=tap > 0)


def _by_group(s: Sizes, values: Array, rows: int) -> Array:
    """Return `values` ``(N, channels or filters, ..., rows, oW)`` as matrices ``(N, G, ..., rows*oW)``, no copy."""
    return values.reshape(len(values), s.groups, -1, rows * s.out[1], copy=False)


def _compute_together(
    plan: Plan, weights: Array, block: Array, strip: Strip, scratch: Scratch, out: Array
) -> None:  # fmt: skip
    """Write the outputs of many small images: laid side by side, their short rows are copied as one long one."""
    s = plan.sizes
    count, rows, columns = strip.samples, strip.rows, s.out[1]
    beside = scratch.array("beside", (*block.shape[1:], count))
    np.copyto(beside, block.transpose(1, 2, 3, 0), casting="unsafe")  # (C, rows_in, width, N)
    taken = windows_beside(beside, s.kernel, s.stride, s.dilation, (rows, columns))
    matrix = scratch.array("columns", taken.shape)
    np.copyto(matrix, taken)
    products = scratch.array("products", (len(weights), rows, columns, count))
    multiply(weights, matrix.reshape(weights.shape[1], -1), products.reshape(len(weights), -1), scratch)
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


def windows_beside(
    beside: Array,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int],
    out: tuple[int, int],
) -> Array:
    """Return a read-only view ``(C, kH, kW, oH, oW, N)`` of images that lie side by side, ``(C, rows, columns, N)``.

    ``view[c, i, j, r, q, n] == beside[c, r*stride + i*dilation, q*stride + j*dilation, n]``
    """
    channel, row, column, sample = beside.strides
    return np.lib.stride_tricks.as_strided(
        beside,
        (len(beside), *kernel, *out, beside.shape[3]),
        (channel, row * dilation[0], column * dilation[1], row * stride[0], column * stride[1], sample),
        writeable=False,
    )
