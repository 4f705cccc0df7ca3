"""What is known of a feature map once it is computed: frozen facts that every view shows."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from cnnfilter.core.arrays import Array


class Statistics(NamedTuple):
    """Facts of many values; minimum, maximum and total are those of the finite ones.

    Examples
    --------
    >>> Statistics.of(np.array([0.0, 2.0, np.nan])).merge(Statistics.of(np.array([-4.0, 6.0]))).mean
    1.0
    """

    size: int = 0
    minimum: float = math.inf
    maximum: float = -math.inf
    total: float = 0.0
    nonzero: int = 0
    nan: int = 0
    infinite: int = 0

    @classmethod
    def of(cls, values: Array) -> Statistics:
        """Return the facts of an array: three passes, and more only where something is not finite."""
        low, high = float(values.min()), float(values.max())
        nonzero = int(np.count_nonzero(values != 0))
        if math.isfinite(low) and math.isfinite(high):
            with np.errstate(over="ignore"):
                wide = np.float64 if values.dtype.itemsize > 4 else None  # rows of int64 would wrap around
                total = float(values.sum(axis=-1, dtype=wide).sum(dtype=np.float64))
            if not math.isfinite(total):  # sums of rows are fast in their own type, which large numbers leave
                total = _sum(values)
            return cls(values.size, low, high, total, nonzero)
        nan = int(np.isnan(values).sum())
        finite = values[np.isfinite(values)]
        some = Statistics.of(finite) if finite.size else Statistics()
        return cls(values.size, some.minimum, some.maximum, some.total, nonzero, nan, values.size - nan - finite.size)

    def merge(self, other: Statistics) -> Statistics:
        """Return the facts of both together."""
        return Statistics(
            self.size + other.size,
            min(self.minimum, other.minimum),
            max(self.maximum, other.maximum),
            self.total + other.total,
            self.nonzero + other.nonzero,
            self.nan + other.nan,
            self.infinite + other.infinite,
        )

    @property
    def finite(self) -> int:
        """Values that are neither NaN nor infinite."""
        return self.size - self.nan - self.infinite

    @property
    def mean(self) -> float:
        """Mean of the finite values."""
        return self.total / self.finite if self.finite else math.nan


def _sum(values: Array) -> float:
    """Return the sum of finite numbers, infinite where float64 does not hold it."""
    with np.errstate(over="ignore"):
        return float(values.sum(dtype=np.float64))


class MapResult(NamedTuple):
    """One row of the summary: the maps of one kernel on one image."""

    source: str
    kernel: str
    spec: str
    shape: tuple[int, ...]
    statistics: Statistics
    display: str
    outputs: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the row for machines: strict JSON, ``null`` where a number does not exist."""
        facts = self.statistics._asdict()
        numbers = {
            "min": facts["minimum"], "max": facts["maximum"], "mean": self.statistics.mean,
            "nonzero": facts["nonzero"], "nan": facts["nan"], "infinite": facts["infinite"],
        }  # fmt: skip
        return {
            "source": self.source,
            "kernel": self.kernel,
            "spec": self.spec,
            "shape": list(self.shape),
            **{key: value if math.isfinite(value) else None for key, value in numbers.items()},
            "display": self.display,
            "outputs": list(self.outputs),
            "notes": list(self.notes),
        }


class Failure(NamedTuple):
    """An input that could not be done, and why."""

    source: str
    reason: str
