"""Engine ``fft``: tiles multiplied in the frequency domain, for large kernels without structure.

Overlap-save: each tile reaches ``kernel - 1`` beyond the outputs it gives, and what wraps around is dropped.
The kernel's transform is conjugated, which correlates instead of convolving.

An error in a tile is relative to the tile's largest values, not to the window's own. Kernels of ``FFT_CELLS`` cells
and more average it out in float32; smaller ones, which come here only when asked to, are transformed in float64.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cnnfilter.core.borders import Array
from cnnfilter.core.choose import FFT_CELLS
from cnnfilter.core.plan import Plan, Strip
from cnnfilter.core.strips import Scratch, Source, stored_rows


def prepare(plan: Plan, weights: Array) -> Array:
    """Return the transforms of `weights` ``(K, C/groups, kH, kW)``, conjugated: ``(G, K/G, C/G, fH, fW/2+1)``.

    They make up for the division by the tile's size in `_spectrum`.
    """
    exact = weights.dtype == np.float64 or plan.sizes.kernel[0] * plan.sizes.kernel[1] < FFT_CELLS
    spectrum = np.fft.rfft2(weights.astype(np.float64), plan.tile).conj() * math.prod(plan.tile)
    groups = plan.sizes.groups
    by_group = spectrum.reshape(groups, len(weights) // groups, *spectrum.shape[1:])
    return by_group.astype(np.complex128 if exact else np.complex64)


def compute(plan: Plan, weights: Array, source: Source, strip: Strip, scratch: Scratch, out: Array) -> None:
    """Write the strip's outputs to `out` ``(N, K, rows, oW)``: one tile high, as many tiles as it is wide."""
    s = plan.sizes
    step = plan.tile[1] - s.kernel[1] + 1
    by_group = (strip.samples, s.groups, s.channels // s.groups)
    block = stored_rows(s, source, strip, scratch)
    block = block.reshape(*by_group, *block.shape[2:])  # (N, G, C/G, rows_in, padded width)
    rows_in = block.shape[3]
    tile = scratch.array("tile", (*by_group, *plan.tile), weights.real.dtype)
    tile[..., rows_in:, :] = 0
    for left in range(0, s.out[1], step):
        columns = min(step, s.out[1] - left)
        reach = columns + s.kernel[1] - 1
        tile[..., :rows_in, :reach] = block[..., left : left + reach]
        tile[..., :rows_in, reach:] = 0
        spectrum = _spectrum(tile, weights.dtype, scratch)  # (N, G, C/G, fH, fW/2+1)
        for index, (group, filter_) in enumerate(np.ndindex(weights.shape[:2])):
            result = _filtered(spectrum[:, group], weights[group, filter_], plan, strip.rows, scratch)
            out[:, index, :, left : left + columns] = result[..., :columns]


def _spectrum(tile: Array, dtype: np.dtype[Any], scratch: Scratch) -> Array:
    """Return the transform of `tile` ``(..., rows, columns)``, divided by its size.

    With ``norm="forward"`` NumPy transforms float32 in float32; without it in float64, four times as slowly.
    """
    shape = (*tile.shape[:-1], tile.shape[-1] // 2 + 1)
    across = np.fft.rfft(tile, norm="forward", out=scratch.array("across", shape, dtype))
    down: Array = np.fft.fft(across, axis=-2, norm="forward", out=scratch.array("spectrum", shape, dtype))
    return down


def _filtered(spectrum: Array, weights: Array, plan: Plan, rows: int, scratch: Scratch) -> Array:
    """Return `rows` rows of one filter's tile, ``(N, rows, columns)``: products added up and transformed back."""
    product = np.multiply(spectrum, weights, out=scratch.array("product", spectrum.shape, weights.dtype))
    total = product[:, 0] if product.shape[1] == 1 else product.sum(axis=1)  # (N, fH, fW/2+1)
    down = np.fft.ifft(total, axis=-2, out=scratch.array("down", total.shape, weights.dtype))
    shape = (len(total), rows, plan.tile[1])
    back: Array = np.fft.irfft(down[:, :rows], plan.tile[1], out=scratch.array("back", shape, weights.real.dtype))
    return back
