"""Weights that are whole numbers of some fraction: their sums with whole pixels are exact, in any order."""

from __future__ import annotations

import numpy as np

from cnnfilter.core.borders import Array

#: The largest power of two of the fraction that is looked for.
FRACTION_BITS = 20
#: From here on not every whole number is a float64.
LARGEST_WHOLE = 2.0**53


def whole_scale(weights: Array) -> float | None:
    """Return the smallest power of two that makes all `weights` whole numbers; None where none up to 2**20 does.

    Examples
    --------
    >>> whole_scale(np.array([1, -2, 1])), whole_scale(np.array([0.25, 0.5])), whole_scale(np.array([1, 1]) / 3)
    (1.0, 4.0, None)
    """
    first = weights.ravel()[:64]  # most weights are no such numbers, and these show it at once
    scales = (2.0**bits for bits in range(FRACTION_BITS + 1))
    return next((scale for scale in scales if _is_whole(first * scale) and _is_whole(weights * scale)), None)


def _is_whole(values: Array) -> bool:
    """Say whether `values` are whole numbers that float64 holds."""
    return bool(np.all((values == np.rint(values)) & (np.abs(values) < LARGEST_WHOLE)))
