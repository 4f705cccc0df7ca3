"""Engine ``separable``: a column pass and a row pass for each rank of the kernel.

A kernel of low rank is a sum of few products of a column and a row. Each is one banded product down the columns and
one across the rows, ``kH + kW`` products a pixel where the direct way takes ``kH * kW``.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np

from cnnfilter.core.arrays import Array, whole_scale
from cnnfilter.core.banded import spread
from cnnfilter.core.plan import Plan, Strip
from cnnfilter.core.rows import Scratch, Source, computing_rows

#: How far from each weight its factors may be, as a share of it, by the bytes of a value.
WEIGHT_TOLERANCES = {4: 5e-7, 8: 1e-14}
#: How much larger than a weight the terms that add up to it may be in sum: what cancels leaves its rounding behind.
CANCELLATION = 2.0
#: The most column and row passes that are looked for, and the longest side of a kernel in which more than one is: few
#: kernels have a rank between, and each look costs several passes over all weights.
MOST_PASSES, LONGEST_SIDE = 8, 1023
#: Products that one pass adds up in a row, at most: half of what a single product may, as there are two passes.
PASS_TERMS = 48

#: First and last row, or column, of a part of the kernel.
Parts = tuple[tuple[int, int], ...]


class Factors(NamedTuple):
    """One channel's filters, factored.

    Attributes
    ----------
    columns
        The column factors spread over bands of output rows, by height: one ``(K * rank, rows, rows_in)`` for each part.
    across
        Row factors spread over blocks of output columns: one ``(K, rank, block + part - 1, block)`` for each part.
    down_parts, across_parts
        The parts.
    """

    columns: dict[int, list[Array]]
    across: list[Array]
    down_parts: Parts
    across_parts: Parts


def factor(kernel: Array) -> tuple[Array, Array]:
    """Return ``u`` ``(kH, rank)`` and ``v`` ``(rank, kW)`` with ``u @ v == kernel``, in float64.

    The factors give back each single weight, to the rounding of its own: what is small beside the largest weight may
    be all that a dark part of an image meets. Whole numbers have whole factors. Where there are no such factors of
    low rank, the kernel's rows (or columns) themselves are the factors.

    Examples
    --------
    >>> u, v = factor(np.outer([1.0, 2.0, 1.0], [-1.0, 0.0, 1.0]))
    >>> u.T, v
    (array([[1., 2., 1.]]), array([[-1.,  0.,  1.]]))
    >>> [len(factor(np.array(kernel, np.float32))[1]) for kernel in (np.ones((5, 7)), np.eye(9), np.zeros((2, 2)))]
    [1, 9, 1]
    """
    scale = whole_scale(kernel)
    pair = _eliminate(kernel) if scale is None else _whole_pair(kernel.astype(np.float64), scale)
    if pair is not None:
        return pair
    height, width = kernel.shape
    if width < height:
        return kernel.astype(np.float64), np.eye(width)
    return np.eye(height), kernel.astype(np.float64)


def _whole_pair(kernel: Array, scale: float) -> tuple[Array, Array] | None:
    """Return a kernel of whole numbers over `scale` as one column and one row of such numbers, where it has rank 1."""
    whole = kernel * scale
    row, column = np.unravel_index(np.abs(whole).argmax(), whole.shape)
    divisor = int(np.gcd.reduce(whole[row].astype(np.int64))) or 1
    v = whole[row] / divisor
    u = whole[:, column] / (v[column] or 1.0)
    if (np.outer(u, v) == whole).all():
        return u[:, None] / scale, v[None]
    return None


def _eliminate(kernel: Array) -> tuple[Array, Array] | None:
    """Take out the column and row that cross at the largest weight left, one after the other, while that is cheap.

    This is Gaussian elimination with complete pivoting; nothing in it depends on BLAS or its threads.
    """
    height, width = kernel.shape
    rest = kernel.astype(np.float64)
    columns, rows = [], []
    worth = 1 if max(height, width) > LONGEST_SIDE else min(MOST_PASSES, height * width // (2 * (height + width)))
    for _ in range(max(1, worth)):
        row, column = np.unravel_index(np.abs(rest).argmax(), rest.shape)
        if not rest[row, column]:
            return None  # it is all there, and yet not faithful
        columns.append(rest[:, column] / rest[row, column])
        rows.append(rest[row].copy())
        rest -= np.outer(columns[-1], rows[-1])
        rest[row], rest[:, column] = 0, 0
        u, v = np.stack(columns, axis=1), np.stack(rows)
        if _faithful(kernel, u, v):
            return u, v
    return None


def _faithful(kernel: Array, u: Array, v: Array) -> bool:
    """Say whether factors in the kernel's type give back each weight, and the terms of a weight do not cancel."""
    pairs = [
        np.outer(down.astype(kernel.dtype), across.astype(kernel.dtype)).astype(np.float64)
        for down, across in zip(u.T, v, strict=True)
    ]
    size = np.abs(kernel)
    close = np.abs(sum(pairs) - kernel) <= WEIGHT_TOLERANCES[kernel.itemsize] * size
    return bool((close & (sum(map(np.abs, pairs)) <= CANCELLATION * size)).all())


def ranks(weights: Array) -> int:
    """Return how many column and row passes the planes of `weights` ``(..., kH, kW)`` need, at most."""
    return max(len(factor(plane)[1]) for plane in weights.reshape(-1, *weights.shape[-2:]))


def prepare(plan: Plan, weights: Array) -> list[Factors]:
    """Factor `weights` ``(K, 1, kH, kW)``, and spread the factors for each group."""
    s = plan.sizes
    per_group = weights.reshape(s.groups, -1, *s.kernel)
    return [_factors(group, plan.rank, plan.band_heights, block_columns(plan)) for group in per_group]


def block_columns(plan: Plan) -> int:
    """Output columns of one row-pass product: about the kernel's width, where a block's zeros cost least."""
    return min(plan.sizes.out[1], max(32, plan.sizes.kernel[1]))


def _parts(size: int) -> Parts:
    """Cut `size` rows or columns into parts of about one size, none longer than ``PASS_TERMS``."""
    count = -(-size // PASS_TERMS)
    edges = [size * index // count for index in range(count + 1)]
    return tuple(itertools.pairwise(edges))


def _factors(kernels: Array, rank: int, heights: set[int], block: int) -> Factors:
    """Factor `kernels` ``(K, kH, kW)``; those of lower rank are filled up with zeros."""
    count, height, width = kernels.shape
    down = np.zeros((count, rank, 1, height, 1), kernels.dtype)
    over = np.zeros((count, rank, width), kernels.dtype)
    for index, kernel in enumerate(kernels):
        u, v = factor(kernel)
        down[index, : u.shape[1], 0, :, 0] = u.T
        over[index, : len(v)] = v
    stacked = down.reshape(count * rank, 1, height, 1)  # (K*rank, 1, kH, 1)
    down_parts, across_parts = _parts(height), _parts(width)
    across = []
    for start, stop in across_parts:
        matrix = np.zeros((count, rank, block + stop - start - 1, block), kernels.dtype)
        for column in range(block):
            matrix[:, :, column : column + stop - start, column] = over[:, :, start:stop]
        across.append(matrix)
    columns = {rows: [spread(stacked[:, :, a:b], rows, 1, 1) for a, b in down_parts] for rows in heights}
    return Factors(columns, across, down_parts, across_parts)


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
    filters, rows, width = out.shape
    tall = scratch.array("columns passed", (filters * plan.rank, rows, block.shape[1]))
    for part, (start, stop) in enumerate(factors.down_parts):
        target = tall if not part else scratch.array("part passed", tall.shape)
        matrices = {height: parts[part] for height, parts in factors.columns.items()}
        _column_pass(plan.band, matrices, block[start : start + rows + stop - start - 1], target)
        if part:
            tall += target
    for index in range(filters):
        for term in range(plan.rank):
            for part, (start, stop) in enumerate(factors.across_parts):
                first = not (term or part)
                target = out[index] if first else scratch.array("term", out.shape[1:])
                read = tall[index * plan.rank + term, :, start : start + width + stop - start - 1]
                _row_pass(read, factors.across[part][index, term], target)
                if not first:
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
