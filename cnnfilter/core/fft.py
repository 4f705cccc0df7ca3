"""Engine ``fft``: tiles multiplied in the frequency domain, for large kernels without structure.

Overlap-save: each tile reaches ``kernel - 1`` beyond the outputs it gives, and what wraps around is dropped.
The kernel's transform is conjugated, which correlates instead of convolving.

An error in a tile is relative to the tile's largest values, not to the window's own. Kernels of ``FFT_CELLS`` cells
and more average it out in float32; smaller ones, which come here only when asked to, are transformed in float64.
"""

from __future__ import annotations

import numpy as np

from cnnfilter.core.borders import Array
from cnnfilter.core.plan import FFT_CELLS, Plan, Strip
from cnnfilter.core.strips import Scratch, Source, load_rows


def prepare(plan: Plan, weights: Array) -> Array:
    """Return the transforms of `weights` ``(K, C/groups, kH, kW)``, conjugated: ``(G, K/G, C/G, fH, fW/2+1)``."""
    if plan.sizes.kernel[0] * plan.sizes.kernel[1] < FFT_CELLS:
        weights = weights.astype(np.float64)
    spectrum = np.fft.rfft2(weights, plan.tile).conj()
    groups = plan.sizes.groups
    return spectrum.reshape(groups, len(weights) // groups, *spectrum.shape[1:])


def compute(plan: Plan, weights: Array, source: Source, strip: Strip, scratch: Scratch, out: Array) -> None:
    """Write the strip's outputs to `out` ``(N, K, rows, oW)``: one tile high, as many tiles as it is wide."""
    s = plan.sizes
    step = plan.tile[1] - s.kernel[1] + 1
    block = scratch.array("strip", (strip.samples, s.channels, plan.tile[0], s.padded_width))
    rows_in = s.rows_in(strip.rows)
    load_rows(s, source, strip, block[:, :, :rows_in])
    block[:, :, rows_in:] = 0
    tile = np.empty((strip.samples, s.groups, s.channels // s.groups, *plan.tile), weights.real.dtype)
    for left in range(0, s.out[1], step):
        columns = min(step, s.out[1] - left)
        reach = columns + s.kernel[1] - 1
        by_group = block[..., left : left + reach].reshape(*tile.shape[:4], reach)
        tile[..., :reach] = by_group
        tile[..., reach:] = 0
        spectrum = np.fft.rfft2(tile)  # (N, G, C/G, fH, fW/2+1)
        product = _contract(weights, spectrum)  # (N, G, K/G, fH, fW/2+1)
        result = np.fft.irfft2(product, plan.tile)[..., : strip.rows, :columns]
        out[..., left : left + columns] = result.reshape(*out.shape[:3], columns)


def _contract(weights: Array, spectrum: Array) -> Array:
    """Sum the channels' products: ``out[n, g, k] = sum_c weights[g, k, c] * spectrum[n, g, c]``."""
    if weights.shape[2] == 1:
        return weights[:, :, 0] * spectrum
    total: Array = np.einsum("gkcij,ngcij->ngkij", weights, spectrum)
    return total
