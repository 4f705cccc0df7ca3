"""Two arrays held against one another: how far apart, where, in which units."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnnfilter.core.arrays import Array, real_array
from cnnfilter.errors import ParameterError
from cnnfilter.run.causes import Cause, find_causes

#: Steps that are counted at most.
MOST_STEPS = 2**62

#: Bounds between the bars of a histogram of differences, in powers of ten.
DECADES = range(-12, 7)


class Difference(NamedTuple):
    """How two arrays differ.

    Attributes
    ----------
    same
        Whether they agree within the tolerance; NaN agrees with NaN.
    shapes
        Both shapes.
    max_abs, mean_abs, max_rel
        The largest and the mean absolute difference, and the largest one relative to the larger of both numbers; None
        where the shapes differ.
    max_ulp, unit
        The largest difference in steps of `unit`: the type whose neighbours are counted.
    at
        Where the largest difference is.
    differing, of
        Values that differ beyond the tolerance, and all there are.
    histogram
        How many differences lie below each power of ten, from 0 on.
    causes
        What one is of the other, the likeliest first.
    """

    same: bool
    shapes: tuple[tuple[int, ...], tuple[int, ...]]
    max_abs: float | None
    mean_abs: float | None
    max_rel: float | None
    max_ulp: int | None
    unit: str
    at: tuple[int, ...]
    differing: int
    of: int
    histogram: tuple[tuple[str, int], ...]
    causes: tuple[Cause, ...]


def compare(
    a: ArrayLike, b: ArrayLike, *, tolerance: float = 0.0, ulp: int | None = None, why: bool = True
) -> Difference:
    """Return how far two arrays are apart, where, and what one is of the other.

    Parameters
    ----------
    a, b
        Arrays of any shape and real type.
    tolerance
        The largest absolute difference that counts as none.
    ulp
        The largest difference in steps of their type that counts as none.
    why
        Whether causes are looked for.

    Raises
    ------
    ParameterError
        If a tolerance is below 0.

    Examples
    --------
    >>> found = compare([[1, 2], [3, 4]], [[1, 3], [2, 4]])
    >>> found.same, found.max_abs, found.at, found.causes[0].cause
    (False, 1.0, (0, 1), 'transposed')
    """
    if not tolerance >= 0 or (ulp is not None and ulp < 0):
        raise ParameterError(f"a tolerance must be 0 or more, got {tolerance if ulp is None else ulp}")
    one, other = real_array(a, "a"), real_array(b, "b")
    if one.shape != other.shape:
        causes = find_causes(one, other, tolerance) if why else ()
        return Difference(
            False, (one.shape, other.shape), None, None, None, None, "", (), max(one.size, other.size),
            max(one.size, other.size), (), causes,
        )  # fmt: skip
    difference = distance(one, other)
    steps, unit = in_steps(one, other)
    beyond = difference > tolerance if ulp is None else steps > ulp
    worst = int(np.argmax(np.where(np.isnan(difference), np.inf, difference))) if difference.size else 0
    finite = difference[np.isfinite(difference)]
    size = np.maximum(np.abs(one.astype(np.float64)), np.abs(other.astype(np.float64)))
    with np.errstate(all="ignore"):
        relative = np.nan_to_num(np.where(difference == 0, 0.0, difference / size), nan=np.inf)
    count = int(np.count_nonzero(beyond))
    causes = find_causes(one, other, tolerance) if why and count else ()
    return Difference(
        same=count == 0, shapes=(one.shape, other.shape), max_abs=float(difference.max(initial=0.0)),
        mean_abs=float(finite.mean()) if finite.size else 0.0, max_rel=float(relative.max(initial=0.0)),
        max_ulp=int(steps.max(initial=0)), unit=unit,
        at=tuple(int(index) for index in np.unravel_index(worst, one.shape)) if count else (), differing=count,
        of=one.size, histogram=_histogram(difference), causes=causes,
    )  # fmt: skip


def distance(one: Array, other: Array) -> Array:
    """Return absolute differences in float64: 0 between equals, NaN among them; infinite where only one is NaN."""
    a, b = one.astype(np.float64), other.astype(np.float64)
    with np.errstate(all="ignore"):
        apart = np.abs(a - b)
    apart[(a == b) | (np.isnan(a) & np.isnan(b))] = 0.0
    return np.where(np.isnan(apart), np.inf, apart)


def in_steps(one: Array, other: Array) -> tuple[Array, str]:
    """Return differences in units in the last place: of the narrower float type, or in whole numbers."""
    kinds = [array.dtype for array in (one, other)]
    if all(dtype.kind in "biu" for dtype in kinds):
        return np.abs(one.astype(np.int64) - other.astype(np.int64)), "1"
    narrow = np.dtype(f"f{min([8, *(dtype.itemsize for dtype in kinds if dtype.kind == 'f')])}")
    with np.errstate(all="ignore"):
        a, b = one.astype(narrow), other.astype(narrow)
    first, second = _ordered(a), _ordered(b)
    steps = np.maximum(first, second) - np.minimum(first, second)
    both = np.isnan(a) & np.isnan(b)
    return np.where(both, 0, np.minimum(steps, np.uint64(MOST_STEPS))).astype(np.int64), str(narrow)


def _ordered(values: Array) -> NDArray[np.uint64]:
    """Return the bits of floats as whole numbers that go up by 1 from each float to the next, from below 0 to above."""
    bits = values.view(f"u{values.itemsize}").astype(np.uint64)
    top = np.uint64(1 << (8 * values.itemsize - 1))
    return np.where(bits & top, top - (bits & (top - np.uint64(1))), top + bits)


def _histogram(difference: Array) -> tuple[tuple[str, int], ...]:
    """Return how many differences are 0, and how many lie in each decade above."""
    found = [("0", int(np.count_nonzero(difference == 0)))]
    above = difference[difference > 0]
    powers = np.clip(np.floor(np.log10(np.where(np.isinf(above), 1e300, above))), DECADES.start, DECADES.stop)
    for power in sorted(set(powers.astype(int).tolist())):
        found.append((f"1e{power}", int(np.count_nonzero(powers == power))))
    return tuple(found)
