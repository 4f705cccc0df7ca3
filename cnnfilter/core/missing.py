"""NaN as a cell that is missing: convolution, pooling and softmax over what is there.

A convolution with missing cells is two convolutions. One takes the image with zeros in the gaps. The other one takes
the gaps alone, ones in zeros, and gives for every window the weight that is missing, ``s``. What is left of a kernel
that sums to ``W`` is ``W - s``; multiplying by ``W / (W - s)`` makes it sum to ``W`` again. Windows without a gap have
``s = 0`` and stay as they are, to the last bit. Every engine does both.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import signature
from typing import Any, TypeVar, cast

import numpy as np

from cnnfilter.core.arrays import Array, computing_type, real_array
from cnnfilter.core.rows import Source
from cnnfilter.core.shapes import Border
from cnnfilter.errors import ParameterError, lookup

Function = TypeVar("Function", bound=Callable[..., Array])

#: What becomes of a window with NaN in it.
MISSING = {
    "propagate": "a window with NaN gives NaN",
    "ignore": "NaN is a cell that is missing: weights are renormalised over what is there",
}


#: The share of its absolute weights that a kernel must sum to: with less, what is left of it says nothing.
LEAST_SUM = 0.01
#: The same where no weight is negative, so that sums do not cancel: only the rounding of sums is below.
LEAST_POSITIVE_SUM = 1e-9


def ignores(missing: str) -> bool:
    """Say whether the word `missing` leaves cells out; raise where it is none of `MISSING`."""
    lookup(MISSING, missing, "missing mode")
    return missing == "ignore"


class Filled:
    """Rows of a source, with zeros in the gaps."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.finite = source.finite

    def rows(self, first: int, last: int, start: int, stop: int) -> Array:
        """Return the rows."""
        rows = self.source.rows(first, last, start, stop)
        return np.where(np.isnan(rows), rows.dtype.type(0), rows)


class Gaps:
    """Rows of a source: 1 where a value is missing, else 0."""

    finite = True

    def __init__(self, source: Source) -> None:
        self.source = source

    def rows(self, first: int, last: int, start: int, stop: int) -> Array:
        """Return the rows."""
        return np.isnan(self.source.rows(first, last, start, stop)).view(np.uint8)


def filled_border(border: Border) -> Border:
    """Return the border of the image whose gaps are filled: a constant NaN is a gap too."""
    return border._replace(value=0.0) if np.isnan(border.value) else border


def gaps_border(border: Border) -> Border:
    """Return the border of the gaps: zeros and other constants count as values that are there."""
    return border._replace(value=float(np.isnan(border.value)))


def check_sum(weights: Array, name: str = "the kernel") -> None:
    """Refuse kernels that cannot be renormalised.

    Parameters
    ----------
    weights
        One kernel, of any number of axes.

    Raises
    ------
    ParameterError
        If the weights sum to zero, or to so little that it is their rounding.
    """
    total, size = float(weights.sum(dtype=np.float64)), float(np.abs(weights).sum(dtype=np.float64))
    if not abs(total) >= LEAST_SUM * size or not size:
        raise ParameterError(
            f"{name} sums to {total:.3g}, so its weights cannot be renormalised over the cells that are there "
            "(leave out missing=ignore, or fill the gaps first, with a blur for example)"
        )


def renormalise(maps: Array, missing: Array, weights: Array) -> None:
    """Scale `maps` ``(N, K, rows, oW)`` to the weights that are there; NaN where they are none, or cancel.

    Parameters
    ----------
    missing
        The weight that is missing in each window, float64, of the same shape.
    weights
        ``(K, C/groups, kH, kW)``.
    """
    totals = weights.sum(axis=(1, 2, 3), dtype=np.float64)[:, None, None]
    sizes = np.abs(weights).sum(axis=(1, 2, 3), dtype=np.float64)[:, None, None]
    signed = (weights.min(axis=(1, 2, 3)) < 0)[:, None, None]
    least = np.where(signed, LEAST_SUM, LEAST_POSITIVE_SUM) * sizes
    there = totals - missing
    there = np.where(np.abs(there) <= least, np.nan, there)
    np.multiply(maps, totals / there, out=maps, casting="same_kind")


def over_what_is_there(pool: Function) -> Function:
    """Let a pooling with arguments `image` and `kind` leave out what is missing where ``missing`` is ``ignore``."""

    @wraps(pool)
    def pooled(*arguments: Any, missing: str = "propagate", **options: Any) -> Array:
        if not ignores(missing):
            return pool(*arguments, **options)
        given = signature(pool).bind(*arguments, **options)
        given.apply_defaults()
        image, kind = (given.arguments.pop(name) for name in ("image", "kind"))
        return _pool_present(lambda values, kind: pool(image=values, kind=kind, **given.arguments), image, kind)

    return cast("Function", pooled)


def _pool_present(pool: Callable[[Array, str], Array], image: Any, kind: str) -> Array:
    """Pool what is there: an average over fewer cells, the largest of them; NaN where a window holds none.

    Parameters
    ----------
    pool
        Pools an image, given the kind.
    image, kind
        As `cnnfilter.pool2d` takes them.
    """
    values = real_array(image, "image")
    gaps = np.isnan(values) if values.dtype.kind == "f" else np.zeros((), bool)
    if not gaps.any():
        return pool(values, kind)
    nothing = {"max": -np.inf, "min": np.inf}.get(kind, 0)
    out = pool(np.where(gaps, values.dtype.type(nothing), values), kind)
    with np.errstate(all="ignore"):
        if kind == "avg":  # of all cells of the window; a share of them is missing
            share = pool(gaps.astype(np.float64), "avg")
            out = (out / (1 - share)).astype(out.dtype)
        return np.where(pool(gaps.astype(np.float32), "min") == 1, out.dtype.type(np.nan), out)


def along_present(function: Callable[[Array], Array], image: Any, name: str) -> Array:
    """Return softmax, or one of its kind, of what is there along the axis; what is missing stays NaN."""
    values = real_array(image, "image")
    values = values.astype(computing_type(values))
    gaps = np.isnan(values)
    values[gaps] = np.inf if name == "softmin" else -np.inf  # their share is 0
    out = function(values)
    out[gaps] = np.nan
    return out
