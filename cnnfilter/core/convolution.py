"""A planned convolution: strips through an engine, and what is done where a strip is not finite."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from cnnfilter.core import banded, fft, im2col, separable
from cnnfilter.core.borders import Array
from cnnfilter.core.choose import make_plan
from cnnfilter.core.missing import Filled, Gaps, check_sum, filled_border, gaps_border, renormalise
from cnnfilter.core.plan import STRIP_BYTES, THREAD_MACS, Plan, Strip
from cnnfilter.core.strips import Scratch, Source, map_in_threads, stored_rows, thread_count

ENGINES: dict[str, ModuleType] = {"im2col": im2col, "banded": banded, "separable": separable, "fft": fft}

#: More passes than any engine takes: the rounding of factors would show where little of a kernel is left.
FULL_RANK = 1 << 31
#: The types in which sums do not overflow where those of the first one do.
_WIDER = {"f": np.float64, "d": np.longdouble}


class Convolution(NamedTuple):
    """A convolution that is planned and ready to run: the source, the plan, the weights.

    Attributes
    ----------
    weights
        ``(K, C/groups, kH, kW)`` in the computing type.
    bias
        ``(K, 1, 1)``, or None.
    shape
        Shape of the result for the caller, whose image may have had fewer axes.
    gaps
        The same convolution of ones where a value is missing, in float64; None where NaN is a value like others.
    """

    source: Source
    plan: Plan
    weights: Array
    bias: Array | None
    shape: tuple[int, ...]
    gaps: Convolution | None = None

    def ignoring_missing(self) -> Convolution:
        """Return the convolution of what is there: see `cnnfilter.core.missing`.

        Raises
        ------
        ParameterError
            If a filter sums to zero.
        """
        sizes = self.plan.sizes
        for weights in self.weights:
            check_sum(weights)
        if self.source.finite and not math.isnan(sizes.border.value):
            return self
        filled = self.plan._replace(sizes=sizes._replace(border=filled_border(sizes.border)))
        gaps = sizes._replace(border=gaps_border(sizes.border), itemsize=8)
        missing = Convolution(
            Gaps(self.source), make_plan(gaps, FULL_RANK, "auto"), self.weights.astype(np.float64), None, self.shape
        )
        return self._replace(source=Filled(self.source), plan=filled, gaps=missing)

    def run(self, threads: int | None = None) -> Array:
        """Return the feature maps."""
        sizes = self.plan.sizes
        out = np.empty((sizes.batch, sizes.filters, *sizes.out), self.weights.dtype)
        for _ in self._each_strip(lambda strip, _: _part(out, strip), lambda strip, maps: None, threads):
            pass
        return out.reshape(self.shape)

    def each_strip(self, use: Callable[[Strip, Array], Any], threads: int | None = None) -> Iterator[Any]:
        """Yield ``use(strip, maps)`` for each strip in order, without ever holding the whole map.

        `use` is called in threads, with `maps` ``(N, K, rows, oW)`` in memory that the next strip overwrites.
        """
        sizes = self.plan.sizes

        def room(strip: Strip, scratch: Scratch) -> Array:
            return scratch.array("maps", (strip.samples, sizes.filters, strip.rows, sizes.out[1]))

        return self._each_strip(room, use, threads)

    def _each_strip(
        self, room: Callable[[Strip, Scratch], Array], use: Callable[[Strip, Array], Any], threads: int | None
    ) -> Iterator[Any]:
        """Compute each strip into the memory that `room` gives for it, then hand it to `use`."""
        count = thread_count(threads) if self.plan.sizes.macs >= THREAD_MACS else min(1, thread_count(threads))
        compute = self.strip_function()

        def work(strip: Strip, scratch: Scratch) -> Any:
            maps = room(strip, scratch)
            compute(strip, scratch, maps)
            return use(strip, maps)

        return map_in_threads(work, self.plan.strips(), self.weights.dtype, count)

    def strip_function(self) -> Callable[[Strip, Scratch, Array], None]:
        """Return the function that writes a strip's maps ``(N, K, rows, oW)``, the bias added."""
        engine = ENGINES[self.plan.engine]
        with np.errstate(all="ignore"):
            weights = engine.prepare(self.plan, self.weights)
        calm, hides = self._cannot_overflow(), bool((self.weights == 0).any())
        find_gaps = self.gaps.strip_function() if self.gaps else None

        def compute(strip: Strip, scratch: Scratch, maps: Array) -> None:
            with np.errstate(all="ignore"):  # NaN and infinity pass through, and are counted where maps are measured
                engine.compute(self.plan, weights, self.source, strip, scratch, maps)
                if not calm and not (_is_finite(maps) and not (hides and not _is_finite(scratch.kept["rows"]))):
                    self._window_by_window(strip, scratch, maps)
                if find_gaps:
                    self._renormalise(find_gaps, strip, scratch, maps)
                if self.bias is not None:
                    maps += self.bias

        return compute

    def _renormalise(
        self, find_gaps: Callable[[Strip, Scratch, Array], None], strip: Strip, scratch: Scratch, maps: Array
    ) -> None:
        """Scale a strip to the weights that are there, if anything is missing."""
        wide = scratch.kept.setdefault("gaps", Scratch(np.dtype(np.float64)))
        if self.gaps and stored_rows(self.gaps.plan.sizes, self.gaps.source, strip, wide).any():
            missing = wide.array("missing", maps.shape)
            for part in self.gaps.plan.strips_of(strip):
                inside = missing[part.first - strip.first : part.last - strip.first, :, part.top - strip.top :]
                find_gaps(part, wide, inside[:, :, : part.rows])
            renormalise(maps, missing, self.weights)

    def _weight_sum(self) -> float:
        """Return the largest sum of absolute weights of a filter, infinite ones left out."""
        size = np.abs(self.weights, dtype=np.float64)
        return float(np.where(np.isfinite(size), size, 0).sum(axis=(1, 2, 3)).max())

    def _cannot_overflow(self) -> bool:
        """Say whether no sum can leave the range of its type, whatever whole numbers the source holds."""
        value = self.plan.sizes.border.value
        if not (self.source.finite and math.isfinite(value) and np.isfinite(self.weights).all()):
            return False
        return max(2.0**64, abs(value)) * self._weight_sum() < float(np.finfo(self.weights.dtype).max)

    def _window_by_window(self, strip: Strip, scratch: Scratch, maps: Array) -> None:
        """Compute a strip that is not finite once more: only ``im2col`` keeps NaN and infinity inside their windows.

        Where finite values are so large that their sums may overflow on the way, a wider type adds them up: infinite
        is then what is too large in the end, in any order of the sum.
        """
        rows = scratch.kept["rows"]
        size = np.abs(rows.astype(np.float64))
        reach = float(np.where(np.isfinite(size), size, 0).max()) * max(1.0, self._weight_sum())
        wide = not reach < float(np.finfo(maps.dtype).max)
        if self.plan.engine == "im2col" and not wide:
            return
        sizes, dtype = self.plan.sizes, np.dtype(_WIDER[maps.dtype.char] if wide else maps.dtype)
        scratch = Scratch(dtype) if wide else scratch
        row_bytes = sizes.channels * sizes.kernel[0] * sizes.kernel[1] * sizes.out[1] * dtype.itemsize
        step = max(1, STRIP_BYTES // row_bytes)
        weights = im2col.prepare(self.plan, self.weights.astype(dtype))
        for top in range(strip.top, strip.bottom, step):
            part = Strip(strip.first, strip.last, top, min(top + step, strip.bottom))
            out = maps[:, :, top - strip.top : part.bottom - strip.top]
            target = scratch.array("wide", out.shape) if wide else out
            im2col.compute(self.plan, weights, self.source, part, scratch, target)
            if wide:
                np.copyto(out, target, casting="same_kind")


def _is_finite(values: Array) -> bool:
    """Say whether `values` are finite; a sum says it soonest, and may overflow for large ones."""
    return values.dtype.kind != "f" or bool(np.isfinite(values.sum(dtype=max(values.dtype, np.dtype(np.float32)))))


def _part(out: Array, strip: Strip) -> Array:
    """Return the part of the result that a strip computes."""
    return out[strip.first : strip.last, :, strip.top : strip.bottom]
