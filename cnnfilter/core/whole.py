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
    for bits in range(FRACTION_BITS + 1):
        scale = 2.0**bits
        whole = weights * scale
        if np.all((whole == np.rint(whole)) & (np.abs(whole) < LARGEST_WHOLE)):
            return scale
    return None
