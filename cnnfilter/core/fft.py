"""Engine ``fft``: tiles multiplied in the frequency domain, for large kernels without structure.

Overlap-save: each tile reaches ``kernel - 1`` beyond the outputs it gives, and what wraps around is dropped.
The kernel's transform is conjugated, which correlates instead of convolving.

The error of a transform is a share of the whole tile, not of the window under one cell: beside a bright pixel it
drowns what is dark. So tiles are transformed in float64, and then every cell is held against its own window:

- Whole numbers through a kernel of whole numbers are rounded to whole numbers, which leaves no error at all.
- A cell whose absolute products may sum to so little that the error is more than `CELL_ERRORS` of it is *dim*. Where
  there are few, they are computed once more, directly; those that see nothing but zeros are zero.
- A strip with many dim cells is computed directly as a whole.

This depends on the tile's values alone, and so neither on threads nor on the order of tiles.
"""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from cnnfilter.core import banded, im2col
from cnnfilter.core.arrays import Array, whole_scale
from cnnfilter.core.plan import Plan, Strip, direct_engine, make_plan
from cnnfilter.core.rows import Scratch, Source, stored_rows

#: The largest error that a tile's transforms can leave in a cell, as a share of the tile's norm times the kernel's.
#: Four times as much as the worst that was ever measured (a single pixel through a single weight).
TRANSFORM_ERROR = 20 * 2.0**-53
#: The share of its absolute products that a cell's error may be, by the bytes of a value.
CELL_ERRORS = {4: 1.8e-6, 8: 1e-11}
#: Rounding to whole numbers is right while the error is below this.
ROUNDS = 0.25
#: Products of dim cells that are computed one by one for each cell of a tile; more make the strip a direct one.
PRODUCTS = 8
#: Norms under this may have lost values whose squares are too small for float64.
FAINT = 1e-140
#: Values that are gathered for dim cells at a time.
GATHERED = 1 << 18


_DIRECT: dict[str, ModuleType] = {"banded": banded, "im2col": im2col}


class Spectra(NamedTuple):
    """A filter bank in the frequency domain, and what is needed to hold cells against their windows.

    Attributes
    ----------
    transforms
        Of the weights, conjugated: ``(G, K/G, C/G, fH, fW/2+1)``. They make up for the division in `_spectrum`.
    weights
        The weights themselves, float64: ``(G, K/G, C/G, kH, kW)``.
    norms
        Root of the sum of squares of each filter: ``(G, K/G)``.
    scale
        The power of two that makes all weights whole numbers, or None.
    direct
        Plan and weights of the engine that computes a strip directly.
    """

    transforms: Array
    weights: Array
    norms: Array
    scale: float | None
    direct: tuple[Plan, Any]


def prepare(plan: Plan, weights: Array) -> Spectra:
    """Transform `weights` ``(K, C/groups, kH, kW)``."""
    s = plan.sizes
    by_group = weights.astype(np.float64).reshape(s.groups, -1, *weights.shape[1:])
    direct = make_plan(s, 0, direct_engine(s))
    engine = _DIRECT[direct.engine]
    return Spectra(
        transforms=np.fft.rfft2(by_group, plan.tile).conj() * math.prod(plan.tile),
        weights=by_group,
        norms=_norms(by_group),
        scale=whole_scale(by_group),
        direct=(direct, engine.prepare(direct, weights)),
    )


def _norms(weights: Array) -> Array:
    """Return the root of the sum of squares of each filter of `weights` ``(G, K, C, kH, kW)``."""
    largest = np.abs(weights).max(axis=(2, 3, 4))
    squares = np.square(weights / np.maximum(largest, FAINT)[:, :, None, None, None])
    norms: Array = largest * np.sqrt(squares.sum(axis=(2, 3, 4)))
    return norms


def compute(plan: Plan, weights: Spectra, source: Source, strip: Strip, scratch: Scratch, out: Array) -> None:
    """Write the strip's outputs to `out` ``(N, K, rows, oW)``: one tile high, as many tiles as it is wide."""
    s = plan.sizes
    block = stored_rows(s, source, strip, scratch)
    block = block.reshape(strip.samples, s.groups, s.channels // s.groups, *block.shape[2:])
    step = plan.tile[1] - s.kernel[1] + 1
    if not all(_tile(plan, weights, block, left, scratch, out) for left in range(0, s.out[1], step)):
        _directly(weights.direct, source, strip, scratch, out)
        stored_rows(s, source, strip, scratch)  # those of the whole strip are looked at afterwards


def _directly(direct: tuple[Plan, Any], source: Source, strip: Strip, scratch: Scratch, out: Array) -> None:
    """Compute a strip without transforms, some rows at a time."""
    plan, weights = direct
    for part in plan.strips_of(strip):
        rows = out[part.first - strip.first : part.last - strip.first, :, part.top - strip.top :]
        _DIRECT[plan.engine].compute(plan, weights, source, part, scratch, rows[:, :, : part.rows])


def _tile(plan: Plan, weights: Spectra, block: Array, left: int, scratch: Scratch, out: Array) -> bool:
    """Write the outputs of one tile, whose first column is `left`; say whether they are all within bounds."""
    s = plan.sizes
    rows, columns = out.shape[2], min(plan.tile[1] - s.kernel[1] + 1, s.out[1] - left)
    reach = columns + s.kernel[1] - 1
    tile = scratch.array("tile", (*block.shape[:3], *plan.tile), np.dtype(np.float64))
    tile[..., : block.shape[3], :reach] = block[..., left : left + reach]
    tile[..., block.shape[3] :, :] = 0
    tile[..., : block.shape[3], reach:] = 0
    flat = tile.reshape(*tile.shape[:2], -1)
    norms = np.sqrt(np.vecdot(flat, flat))
    faint = norms < FAINT
    if not np.isfinite(norms).all() or (faint.any() and tile[faint].any()):
        return False  # NaN, infinity, or squares that float64 does not hold
    whole = weights.scale is not None and _is_whole(tile, scratch)
    spectrum = _spectrum(tile, scratch)  # (N, G, C/G, fH, fW/2+1)
    for index, (group, filter_) in enumerate(np.ndindex(weights.norms.shape)):
        result = _filtered(spectrum[:, group], weights.transforms[group, filter_], plan, rows, scratch)[..., :columns]
        errors = TRANSFORM_ERROR * norms[:, group] * weights.norms[group, filter_]
        if whole and errors.max() * weights.scale < ROUNDS:
            result *= weights.scale
            np.rint(result, out=result)
            result /= weights.scale
        else:
            window = tile[:, group, :, : block.shape[3], :reach]
            for values, error, seen in zip(result, errors, window, strict=True):
                if not _mend_dim(values, error, seen, weights.weights[group, filter_], out.itemsize, scratch):
                    return False
        out[:, index, :, left : left + columns] = result
    return True


def _is_whole(tile: Array, scratch: Scratch) -> bool:
    """Say whether a tile holds whole numbers only."""
    return bool((np.rint(tile, out=scratch.array("rounded", tile.shape, tile.dtype)) == tile).all())


def _spectrum(tile: Array, scratch: Scratch) -> Array:
    """Return the transform of `tile` ``(..., rows, columns)``, divided by its size.

    The second transform takes the place of the first, here and in `_filtered`: less memory stays in the cache.
    """
    shape = (*tile.shape[:-1], tile.shape[-1] // 2 + 1)
    across = np.fft.rfft(tile, norm="forward", out=scratch.array("spectrum", shape, np.dtype(np.complex128)))
    down: Array = np.fft.fft(across, axis=-2, norm="forward", out=across)
    return down


def _filtered(spectrum: Array, weights: Array, plan: Plan, rows: int, scratch: Scratch) -> Array:
    """Return `rows` rows of one filter's tile, ``(N, rows, columns)``: products added up and transformed back."""
    product = np.multiply(spectrum, weights, out=scratch.array("product", spectrum.shape, weights.dtype))
    total = product[:, 0] if product.shape[1] == 1 else product.sum(axis=1)  # (N, fH, fW/2+1)
    down = np.fft.ifft(total, axis=-2, out=total)
    shape = (len(total), rows, plan.tile[1])
    back: Array = np.fft.irfft(down[:, :rows], plan.tile[1], out=scratch.array("back", shape, weights.real.dtype))
    return back


def _mend_dim(
    values: Array, error: float, seen: Array, weights: Array, itemsize: int, scratch: Scratch
) -> bool:  # fmt: skip
    """Compute the dim cells of `values` ``(rows, columns)`` once more; return False where there are too many.

    Parameters
    ----------
    error
        The largest error that the values may have.
    seen
        The pixels under the tile, ``(C, rows_in, columns_in)``.
    weights
        ``(C, kH, kW)``.
    """
    enough = error / CELL_ERRORS[itemsize] + error
    size = np.abs(values, out=scratch.array("size", values.shape, values.dtype))
    if size.min() >= enough:
        return True
    allowed = PRODUCTS * values.size // weights.size
    dim = size < enough  # the absolute products sum to no less than the value itself
    if np.count_nonzero(dim) > allowed:
        lit = _lit(seen, weights.shape[1:])
        values[~lit] = 0
        dim &= lit
    if np.count_nonzero(dim) > allowed and not (seen.min() >= 0 and weights.min() >= 0):
        dim &= _absolute(seen, weights, values.shape) < enough
    rows, columns = np.nonzero(dim)
    if len(rows) > allowed:
        return False
    windows = np.lib.stride_tricks.sliding_window_view(seen, weights.shape[1:], axis=(1, 2))
    step = max(1, GATHERED // weights.size)
    for start in range(0, len(rows), step):
        here = rows[start : start + step], columns[start : start + step]
        values[here] = (windows[:, *here] * weights[:, None]).sum(axis=(0, 2, 3))
    return True


def _lit(seen: Array, kernel: tuple[int, ...]) -> Array:
    """Say for each window ``(rows, columns)`` of `seen` whether it holds anything but zeros."""
    counts = np.zeros((seen.shape[1] + 1, seen.shape[2] + 1), np.int64)
    counts[1:, 1:] = (seen != 0).any(axis=0).cumsum(axis=0).cumsum(axis=1)
    down = counts[kernel[0] :] - counts[: -kernel[0]]
    lit: Array = down[:, kernel[1] :] > down[:, : -kernel[1]]
    return lit


def _absolute(seen: Array, weights: Array, shape: tuple[int, ...]) -> Array:
    """Return the sum of absolute products of each window, with the error of a transform."""
    size = seen.shape[1:]
    product = np.fft.rfft2(np.abs(seen)) * np.fft.rfft2(np.abs(weights), size).conj()
    whole: Array = np.fft.irfft2(product.sum(axis=0), size)
    return whole[: shape[0], : shape[1]]
