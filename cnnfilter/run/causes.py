"""What one array is of another: the usual reasons why two programs differ, each undone and held against the rest."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from cnnfilter.core.arrays import Array

#: A cause is named if what remains is this share of the difference at most, and of the numbers themselves.
LEFT, ROUNDING = 0.01, 1e-5
#: Rows and columns that a map may be shifted by, and cells of a border that may differ alone.
FARTHEST, WIDEST = 8, 8
#: Factors that a range is changed by.
RANGES = {255.0: "0..255 and 0..1", 65535.0: "0..65535 and 0..1", 257.0: "16 bits and 8 bits"}


class Cause(NamedTuple):
    """One reason: its name, the largest difference once it is undone, and a sentence."""

    cause: str
    remaining: float
    text: str


#: Undoes one cause: returns both arrays as they would have to be equal, and what the sentence says of it.
Undo = Callable[[Array, Array], tuple[Array, Array, str] | None]


def find_causes(a: Array, b: Array, tolerance: float = 0.0) -> tuple[Cause, ...]:
    """Return every cause that explains how `b` differs from `a`, the one that leaves least first."""
    one, other = a.astype(np.float64), b.astype(np.float64)
    found = [cause for name, undo in CAUSES if (cause := _tried(name, undo, one, other)) is not None]
    limit = limit_of(one, other, tolerance)
    return tuple(sorted((one for one in found if one.remaining <= limit), key=lambda cause: cause.remaining))


def limit_of(a: Array, b: Array, tolerance: float = 0.0) -> float:
    """Return what may remain once a cause is undone: a hundredth of the difference, and rounding of the numbers."""
    size = float(np.abs(a[np.isfinite(a)]).max(initial=0.0))
    worst = largest(a, b) if a.shape == b.shape else np.inf
    return min(max(tolerance, ROUNDING * size), LEFT * worst)


def _tried(name: str, undo: Undo, a: Array, b: Array) -> Cause | None:
    """Return a cause with what remains once it is undone; None where it cannot be."""
    with np.errstate(all="ignore"):
        made = undo(a, b)
    if made is None or made[0].shape != made[1].shape or not made[0].size:
        return None
    return Cause(name, largest(made[0], made[1]), made[2])


def largest(a: Array, b: Array) -> float:
    """Return the largest difference; NaN agrees with NaN."""
    with np.errstate(all="ignore"):
        apart = np.abs(a - b)
    apart[(a == b) | (np.isnan(a) & np.isnan(b))] = 0.0
    return float(np.where(np.isnan(apart), np.inf, apart).max(initial=0.0))


def _turned(change: Callable[[Array], Array], text: str) -> Undo:
    """Return what turns B back."""

    def undo(a: Array, b: Array) -> tuple[Array, Array, str] | None:
        return (a, change(b), text) if b.ndim >= 2 else None

    return undo


def _channels(a: Array, b: Array) -> tuple[Array, Array, str] | None:
    """Reverse the channels."""
    return (a, b[..., ::-1, :, :], "B is A with its channels in reverse (RGB and BGR)") if b.ndim >= 3 else None


def _layout(a: Array, b: Array) -> tuple[Array, Array, str] | None:
    """Put channels that come last first, or the other way round."""
    if a.ndim < 3 or a.ndim != b.ndim:
        return None
    for moved in (np.moveaxis(b, -1, -3), np.moveaxis(b, -3, -1)):
        if moved.shape == a.shape and b.shape != a.shape:
            return a, moved, "A and B have their axes in another order: channels first, and channels last"
    return None


def _factor(a: Array, b: Array) -> float | None:
    """Return the factor from B to A that fits best."""
    if a.shape != b.shape:
        return None
    both = np.isfinite(a) & np.isfinite(b)
    square = float((b[both] ** 2).sum())
    return float((a[both] * b[both]).sum()) / square if square > 0 else None


def _scaled(a: Array, b: Array) -> tuple[Array, Array, str] | None:
    """Divide by one factor, unless that is of a range, or 1 or -1."""
    factor = _factor(a, b)
    if factor is None or not np.isfinite(factor) or factor == 0 or _range_of(factor) is not None:
        return None
    if abs(abs(factor) - 1) < 1e-3:
        return None
    return a, factor * b, f"A is {factor:.6g} times B"


def _range_of(factor: float) -> tuple[float, str] | None:
    """Return the exact factor of a change of range, and its ranges."""
    for known, words in RANGES.items():
        for exact in (known, 1 / known):
            if abs(factor / exact - 1) < 2e-3:
                return exact, words
    return None


def _range(a: Array, b: Array) -> tuple[Array, Array, str] | None:
    """Bring both to one range."""
    factor = _factor(a, b)
    known = None if factor is None or factor == 0 else _range_of(factor)
    return None if known is None else (a, known[0] * b, f"A is {known[0]:.6g} times B: {known[1]}")


def _offset(a: Array, b: Array) -> tuple[Array, Array, str] | None:
    """Subtract one number."""
    if a.shape != b.shape:
        return None
    step = float(np.nanmedian(a - b))
    return (a, b + step, f"A is B plus {step:.6g}") if np.isfinite(step) and step else None


def _shifted(a: Array, b: Array) -> tuple[Array, Array, str] | None:
    """Find the shift by which what both have in common agrees best."""
    if a.ndim < 2 or a.shape != b.shape:
        return None
    best: tuple[float, Array, Array, str] | None = None
    for down, across in itertools.product(range(-FARTHEST, FARTHEST + 1), repeat=2):
        if (down, across) == (0, 0) or abs(down) * 2 >= a.shape[-2] or abs(across) * 2 >= a.shape[-1]:
            continue
        first = a[..., max(down, 0) : a.shape[-2] + min(down, 0), max(across, 0) : a.shape[-1] + min(across, 0)]
        second = b[..., max(-down, 0) : b.shape[-2] + min(-down, 0), max(-across, 0) : b.shape[-1] + min(-across, 0)]
        left = largest(first, second)
        if best is None or left < best[0]:
            best = left, first, second, f"B is A shifted by {-down} rows and {-across} columns"
    return None if best is None else best[1:]


def _directed(change: Callable[[Array, Array], Array | None], text: str) -> Undo:
    """Return what makes one array of the other, whichever is the original."""

    def undo(a: Array, b: Array) -> tuple[Array, Array, str] | None:
        if a.shape != b.shape:
            return None
        made = []
        for original, result, names in ((a, b, ("B", "A")), (b, a, ("A", "B"))):
            changed = change(original, result)
            if changed is not None:
                made.append((largest(changed, result), changed, result, text.format(*names)))
        return min(made, key=lambda one: one[0])[1:] if made else None

    return undo


def _round(original: Array, result: Array) -> Array | None:
    """Round to whole numbers, halves as the result has them."""
    if (result != np.rint(result)).any() or (original == np.rint(original)).all():
        return None
    even, up = np.rint(original), np.floor(original + 0.5)
    return even if largest(even, result) <= largest(up, result) else up


def _truncate(original: Array, result: Array) -> Array | None:
    """Cut off what stands behind the point, towards 0 or down."""
    if (result != np.rint(result)).any() or (original == np.rint(original)).all():
        return None
    cut, down = np.trunc(original), np.floor(original)
    return cut if largest(cut, result) <= largest(down, result) else down


def _clip(original: Array, result: Array) -> Array | None:
    """Clip to the smallest and largest number of the result."""
    low, high = np.nanmin(result), np.nanmax(result)
    return np.clip(original, low, high) if ((original < low) | (original > high)).any() else None


def _round_and_clip(original: Array, result: Array) -> Array | None:
    """Round, then clip."""
    low, high = np.nanmin(result), np.nanmax(result)
    rounded = _round(original, np.rint(result)) if (result == np.rint(result)).all() else None
    return None if rounded is None or not ((rounded < low) | (rounded > high)).any() else np.clip(rounded, low, high)


def _absolute(original: Array, _: Array) -> Array | None:
    """Leave out the signs."""
    return np.abs(original) if (original < 0).any() else None


def _shown(original: Array, result: Array) -> Array | None:
    """Leave out the signs, round and clip, as pictures of edges are made."""
    whole = (result == np.rint(result)).all() and (original < 0).any()
    return np.clip(np.rint(np.abs(original)), np.nanmin(result), np.nanmax(result)) if whole else None


def _border(a: Array, b: Array) -> tuple[Array, Array, str] | None:
    """Leave out the cells around, as few as it takes."""
    if a.ndim < 2 or a.shape != b.shape:
        return None
    for width in range(1, WIDEST + 1):
        if 2 * width >= min(a.shape[-2:]):
            return None
        inner = (..., slice(width, -width), slice(width, -width))
        if largest(a[inner], b[inner]) <= ROUNDING * max(float(np.abs(np.nan_to_num(a)).max()), 1e-300):
            cells = "cell" if width == 1 else "cells"
            return a[inner], b[inner], f"A and B differ at the border alone, in the outer {width} {cells} of each side"
    return None


#: Every cause and how it is undone; the simplest first.
CAUSES: tuple[tuple[str, Undo], ...] = (
    ("layout", _layout),
    ("transposed", _turned(lambda b: np.swapaxes(b, -1, -2), "B is A transposed: rows and columns are exchanged")),
    ("mirrored-rows", _turned(lambda b: b[..., ::-1, :], "B is A upside down")),
    ("mirrored-columns", _turned(lambda b: b[..., ::-1], "B is A mirrored, left and right exchanged")),
    ("rotated-180", _turned(lambda b: b[..., ::-1, ::-1], "B is A turned by 180 degrees")),
    ("channels-reversed", _channels),
    ("negated", lambda a, b: (a, -b, "B is A with the other sign") if a.shape == b.shape else None),
    ("range", _range),
    ("scaled", _scaled),
    ("offset", _offset),
    ("absolute", _directed(_absolute, "{0} is {1} without its signs")),
    ("absolute", _directed(_shown, "{0} is {1} without its signs, rounded and clipped, as pictures of edges are")),
    ("rounded", _directed(_round, "{0} is {1} rounded to whole numbers")),
    ("truncated", _directed(_truncate, "{0} is {1} without what stands behind the point")),
    ("clipped", _directed(_clip, "{0} is {1} clipped to its smallest and largest number")),
    ("clipped", _directed(_round_and_clip, "{0} is {1} rounded and clipped")),
    ("border-only", _border),
    ("shifted", _shifted),
)


def named_causes() -> Iterator[str]:
    """Yield the names of all causes that two arrays alone can show."""
    yield from dict.fromkeys(name for name, _ in CAUSES)
