"""Vectors for machines: a few numbers for each channel of each map."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cnnfilter.errors import lookup

Array = np.ndarray[Any, np.dtype[Any]]

#: What is measured unless something else is asked for.
DEFAULT = ("mean", "std", "energy", "q5", "q25", "q50", "q75", "q95")


def parse_measures(text: str | None) -> tuple[str, ...]:
    """Return the measures that a text names, separated by commas.

    Examples
    --------
    >>> parse_measures("mean, q50"), parse_measures(None)[:3]
    (('mean', 'q50'), ('mean', 'std', 'energy'))
    """
    if text is None:
        return DEFAULT
    names = tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
    for name in names:
        if not _quantile(name):
            lookup(MEASURES, name, "measure")
    return names or DEFAULT


def _quantile(name: str) -> bool:
    """Say whether a name is a quantile: q0 to q100."""
    return name[:1] == "q" and name[1:].isdecimal() and len(name) < 5 and int(name[1:]) <= 100


def measure_maps(values: Array, names: Sequence[str]) -> tuple[tuple[float, ...], ...]:
    """Return the measures of each channel of maps ``(C, oH, oW)``, of its finite values alone.

    Examples
    --------
    >>> measure_maps(np.arange(6.0).reshape(1, 2, 3), ["mean", "energy", "q50", "max"])
    ((2.5, 9.166666666666666, 2.5, 5.0),)
    """
    out = []
    for channel in values:
        flat = channel.ravel()
        if not np.isfinite(flat).all():
            flat = flat[np.isfinite(flat)]
        if not flat.size:
            out.append((float("nan"),) * len(names))
            continue
        points = [int(name[1:]) / 100 for name in names if _quantile(name)]
        quantiles = dict(zip((n for n in names if _quantile(n)), np.quantile(flat, points), strict=True))
        out.append(tuple(float(quantiles[n] if n in quantiles else MEASURES[n](flat)) for n in names))
    return tuple(out)


def _mean(values: Array) -> float:
    """Return the mean, which is global average pooling."""
    return float(values.mean(dtype=np.float64))


def _std(values: Array) -> float:
    """Return the standard deviation of the population."""
    return float(values.std(dtype=np.float64))


def _energy(values: Array) -> float:
    """Return the mean square, Laws' texture energy."""
    return float(np.square(values, dtype=np.float64).mean())


def _l1(values: Array) -> float:
    """Return the mean absolute value."""
    return float(np.abs(values).mean(dtype=np.float64))


def _min(values: Array) -> float:
    """Return the smallest value."""
    return float(values.min())


def _max(values: Array) -> float:
    """Return the largest value, which is global max pooling."""
    return float(values.max())


#: Measures by name; ``q`` and a number from 0 to 100 is a quantile.
MEASURES: dict[str, Callable[[Array], float]] = {
    "mean": _mean, "std": _std, "energy": _energy, "l1": _l1, "min": _min, "max": _max,
}  # fmt: skip
