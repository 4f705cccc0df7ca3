"""Engine ``separable``: a column pass and a row pass for each rank of the kernel.

The singular value decomposition writes a kernel as ``sum_r u_r v_r^T``. Each term is one banded product down
the columns and one across the rows, ``kH + kW`` products a pixel where the direct way takes ``kH * kW``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cnnfilter.core.banded import spread
from cnnfilter.core.borders import Array
from cnnfilter.core.plan import Plan, Strip
from cnnfilter.core.strips import Scratch, Source, computing_rows

#: How far from each weight its factors may be, as a share of it.
WEIGHT_TOLERANCE = 5e-7
#: Singular values under this share of the largest are the rounding of the weights themselves.
RANK_TOLERANCES = {4: 1e-7, 8: 1e-14}


#: The longest side of a kernel that is decomposed to learn its rank: the time grows with its third power.
LARGEST_DECOMPOSED = 1023
#: Rows of a plane that are compared at a time.
CROSS_ROWS = 256


class Factors(NamedTuple):
    """One channel's filters, factored.

    Attributes
    ----------
    columns
        The column factors spread over bands of output rows, by height: ``(K * rank, rows, rows + kH - 1)``.
    across
        ``(K, rank, block + kW - 1, block)``: row factors spread over blocks of output columns.
    """

    columns: dict[int, Array]
    across: Array


def factor(kernel: Array) -> tuple[Array, Array]:
    """Return ``u`` ``(kH, rank)`` and ``v`` ``(rank, kW)`` with ``u @ v == kernel``, in float64.

    Examples
    --------
    >>> u, v = factor(np.outer([1.0, 2.0, 1.0], [-1.0, 0.0, 1.0]))
    >>> u.shape, v.shape, bool(np.allclose(u @ v, [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]))
    ((3, 1), (1, 3), True)
    """
    crossed = cross(kernel)
    if crossed is not None:
        return crossed
    u, values, v = np.linalg.svd(np.asarray(kernel, np.float64))
    rank = max(1, int((values > RANK_TOLERANCES[kernel.itemsize] * values[0]).sum()))
    root = np.sqrt(values[:rank])
    u, v = u[:, :rank] * root, root[:, None] * v[:rank]
    for factors in (u, v):  # what should be 0 is 0: a middle column of zeros stays one
        factors[np.abs(factors) < 1e-14 * np.abs(factors).max(initial=0)] = 0
    return u, v


def cross(plane: Array) -> tuple[Array, Array] | None:
    """Return the column and the row through the largest weight where their product is the plane, without decomposing.

    Each single weight must come back to `WEIGHT_TOLERANCE`. None for a plane of higher rank, or of zeros. This costs
    one look at each weight, where a decomposition of a large kernel takes a minute.

    Examples
    --------
    >>> column, row = cross(np.array([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]))
    >>> column.tolist(), row.tolist()
    ([[0.5], [1.0], [0.5]], [[-2.0, 0.0, 2.0]])
    >>> cross(np.eye(2)) is None
    True
    """
    top, left = np.unravel_index(int(np.abs(plane).argmax()), plane.shape)
    largest = float(plane[top, left])
    if not largest:
        return None
    column, row = plane[:, left : left + 1] / np.float64(largest), plane[top : top + 1].astype(np.float64)
    for start in range(0, len(plane), CROSS_ROWS):
        part = plane[start : start + CROSS_ROWS]
        if not (np.abs(column[start : start + CROSS_ROWS] * row - part) <= WEIGHT_TOLERANCE * np.abs(part)).all():
            return None
    return column, row


def ranks(weights: Array) -> int:
    """Return the largest rank of the planes of `weights` ``(..., kH, kW)``, 1 for zeros.

    A plane whose factors do not give back each single weight counts as one of full rank: what is small beside the
    largest weight may be all that a dark part of an image meets. So does a plane too large to decompose for it.
    """
    highest = 1
    for plane in weights.reshape(-1, *weights.shape[-2:]):
        if cross(plane) is not None:
            continue
        if min(plane.shape) > LARGEST_DECOMPOSED:
            highest = max(highest, min(plane.shape))
            continue
        u, v = factor(plane)
        faithful = (np.abs(u @ v - plane) <= WEIGHT_TOLERANCE * np.abs(plane)).all()
        highest = max(highest, len(v) if faithful else min(plane.shape))
    return highest


def prepare(plan: Plan, weights: Array) -> list[Factors]:
    """Factor `weights` ``(K, 1, kH, kW)``, and spread the factors for each group."""
    s = plan.sizes
    per_group = weights.reshape(s.groups, -1, *s.kernel)
    return [_factors(group, plan.rank, plan.band_heights, block_columns(plan)) for group in per_group]


def block_columns(plan: Plan) -> int:
    """Output columns of one row-pass product: about the kernel's width, where a block's zeros cost least."""
    return min(plan.sizes.out[1], max(32, plan.sizes.kernel[1]))


def _factors(kernels: Array, rank: int, heights: set[int], block: int) -> Factors:
    """Factor `kernels` ``(K, kH, kW)``; those of lower rank are filled up with zeros."""
    count, height, width = kernels.shape
    down = np.zeros((count, rank, 1, height, 1), kernels.dtype)
    across = np.zeros((count, rank, block + width - 1, block), kernels.dtype)
    for index, kernel in enumerate(kernels):
        u, v = factor(kernel)
        down[index, : u.shape[1], 0, :, 0] = u.T
        for column in range(block):
            across[index, : len(v), column : column + width, column] = v
    stacked = down.reshape(count * rank, 1, height, 1)  # (K*rank, 1, kH, 1)
    return Factors({rows: spread(stacked, rows, 1, 1) for rows in heights}, across)


def compute(plan: Plan, weights: list[Factors], source: Source, strip: Strip, scratch: Scratch, out: Array) -> None:
    """Write the strip's outputs to `out` ``(N, K, rows, oW)``."""
    s = plan.sizes
    filters = s.filters // s.groups
    block = computing_rows(s, source, strip, scratch)
    for sample in range(strip.samples):
        for group, factors in enumerate(weights):
            part = out[sample, group * filters : (group + 1) * filters]
            _both_passes(plan, factors, block[sample, group], part, scratch)


def _both_passes(plan: Plan, factors: Factors, block: Array, out: Array, scratch: Scratch) -> None:
    """Run the column pass of all filters at once, then the row pass of each: `out` is ``(K, rows, oW)``."""
    filters, rows, _ = out.shape
    rank = plan.rank
    tall = scratch.array("columns passed", (filters * rank, rows, block.shape[1]))
    _column_pass(plan.band, factors.columns, block, tall)
    for index in range(filters):
        for term in range(rank):
            target = out[index] if term == 0 else scratch.array("term", out.shape[1:])
            _row_pass(tall[index * rank + term], factors.across[index, term], target)
            if term:
                out[index] += target


def _column_pass(band: int, columns: dict[int, Array], block: Array, tall: Array) -> None:
    """Multiply bands of `block` ``(rows_in, columns)`` by the column factors: `tall` is ``(factors, rows, ...)``."""
    rows = tall.shape[1]
    whole = rows // band
    row, item = block.strides
    for start, count, height in ((0, whole, band), (whole * band, 1, rows - whole * band)):
        if not (count and height):
            continue
        matrices = columns[height]
        views = np.lib.stride_tricks.as_strided(
            block[start:], (count, matrices.shape[2], block.shape[1]), (band * row, row, item), writeable=False
        )
        target = tall[:, start : start + count * height].reshape(len(tall), count, height, -1, copy=False)
        for index, matrix in enumerate(matrices):
            np.matmul(matrix, views, out=target[index])


def _row_pass(tall: Array, across: Array, out: Array) -> None:
    """Multiply blocks of `tall` ``(rows, columns)`` by the spread row factor into `out` ``(rows, oW)``."""
    reach, block = across.shape
    rows, width = out.shape
    whole = width // block
    row, item = tall.strides
    out_row, out_item = out.strides
    as_strided = np.lib.stride_tricks.as_strided
    np.matmul(
        as_strided(tall, (whole, rows, reach), (block * item, row, item), writeable=False),
        across,
        out=as_strided(out, (whole, rows, block), (block * out_item, out_row, out_item)),
    )
    rest = width - whole * block
    if rest:
        np.matmul(
            tall[:, whole * block : whole * block + reach - block + rest],
            across[: reach - block + rest, :rest],
            out=out[:, whole * block :],
        )
