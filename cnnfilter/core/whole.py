"""Exact sums of whole numbers: by floats where these are exact, in parts where they are not, never wrapped in silence.

BLAS adds up floats, and fast. A sum of whole numbers is exact in float32 while no partial sum reaches 2**24, and in
float64 up to 2**53. Beyond that, values and weights are cut into parts of fewer bits, whose products are exact, and
these are put together in int64, which wraps: what it holds is the sum but for multiples of 2**64. Where the sum may
be that large, a float64 beside it tells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from cnnfilter.core import banded, im2col
from cnnfilter.core.arrays import Array, exactly
from cnnfilter.core.plan import Plan, Sizes, Strip, direct_engine, make_plan
from cnnfilter.core.rows import Scratch, Source, walk_strips
from cnnfilter.errors import ParameterError

#: Engines that add up products as they are: the others compute with fractions.
ENGINES: dict[str, ModuleType] = {"im2col": im2col, "banded": banded}
#: Bits of the whole numbers that float32, float64 and int64 hold.
SINGLE, DOUBLE, LONG = 24, 53, 63
#: How far the float64 beside a sum may be from it, as a share of the sum of absolute products.
ROUNDING = 2.0**-40


class Bounds(NamedTuple):
    """What sums of whole numbers can come to, whatever the values: Python's numbers, which do not wrap."""

    low: int
    high: int

    @property
    def bits(self) -> int:
        """Bits of the smallest two's complement that holds them.

        Examples
        --------
        >>> Bounds(-128, 127).bits, Bounds(0, 128).bits, Bounds(-1020, 1020).bits, Bounds(-128, -128).bits
        (8, 9, 11, 8)
        """
        return max((-self.low - 1).bit_length() if self.low < 0 else 0, max(self.high, 0).bit_length()) + 1

    @property
    def reach(self) -> int:
        """Bits of the largest one without its sign."""
        return max(abs(self.low), abs(self.high)).bit_length()

    def fit(self, dtype: np.dtype[Any]) -> bool:
        """Say whether a type holds them."""
        return self.bits <= 8 * dtype.itemsize


def bounds_of(weights: Array, values: Bounds, bias: Array | None = None) -> Bounds:
    """Return what sums of `weights` times `values` can come to.

    Parameters
    ----------
    weights
        Whole numbers, an axis of filters in front.
    values
        What each value can be.
    bias
        Whole numbers, one for each filter.

    Examples
    --------
    >>> bounds_of(np.array([[1, 2, 1], [-1, 0, 1]]), Bounds(0, 255))
    Bounds(low=-255, high=1020)
    """
    above, below = _sums(np.maximum(weights, 0)), _sums(np.minimum(weights, 0))
    added = [0] * len(above) if bias is None else [int(one) for one in np.ravel(bias)]
    lows = (p * values.low + n * values.high + b for p, n, b in zip(above, below, added, strict=True))
    highs = (p * values.high + n * values.low + b for p, n, b in zip(above, below, added, strict=True))
    return Bounds(min(lows), max(highs))


def _sums(weights: Array) -> list[int]:
    """Return the sum of each filter as a number that does not wrap."""
    rows = weights.reshape(len(weights), -1)
    safe = float(np.abs(rows, dtype=np.float64).max(initial=0)) * rows.shape[1] < 2.0**LONG / 2
    return [int(total) for total in rows.sum(axis=1, dtype=np.int64 if safe else object)]


class Cuts(NamedTuple):
    """How sums stay exact: the float that adds up, and bits of each part of values and weights; 0 leaves them whole."""

    float: np.dtype[Any]
    values: int = 0
    weights: int = 0


def cuts_of(weights: Array, values: Bounds) -> Cuts:
    """Return the cheapest way to add up `weights` ``(K, ...)`` times `values` exactly.

    Examples
    --------
    >>> cuts_of(np.ones((1, 9), int), Bounds(0, 255)).float, cuts_of(np.ones((1, 9), int), Bounds(0, 2**32)).float
    (dtype('float32'), dtype('float64'))
    >>> cuts_of(np.full((1, 9), 2**20), Bounds(0, 2**40))
    Cuts(float=dtype('float64'), values=29, weights=0)
    """
    size = max(map(sum, zip(_sums(np.maximum(weights, 0)), map(abs, _sums(np.minimum(weights, 0))), strict=True)))
    largest = max(abs(values.low), abs(values.high))
    if max(size, 1) * largest < 2**SINGLE and size < 2**SINGLE:
        return Cuts(np.dtype(np.float32))
    double = np.dtype(np.float64)
    if max(size, 1) * largest < 2**DOUBLE and size < 2**DOUBLE:
        return Cuts(double)
    room = DOUBLE - size.bit_length()
    if room >= 16:
        return Cuts(double, values=room)
    count = weights[0].size
    bits = (DOUBLE - count.bit_length()) // 2
    return Cuts(double, values=bits, weights=bits)


def _reach_of(weights: Array) -> int:
    """Return bits that hold the size of every weight; one more, since float64 may round it up or down."""
    return int(np.abs(weights, dtype=np.float64).max()).bit_length() + 1


def parts_of(values: Array, bits: int, reach: int) -> Iterator[tuple[int, Array]]:
    """Yield whole numbers below ``2**reach`` in size as parts of `bits`, each with its shift; their sum are they.

    Examples
    --------
    >>> list(parts_of(np.array([300, -1]), 8, 9))
    [(0, array([ 44, 255])), (8, array([ 1, -1]))]
    """
    if not bits:
        yield 0, values
        return
    wide = values.astype(np.int64)
    for shift in range(0, max(reach, 1), bits):
        last = shift + bits >= reach
        yield shift, wide >> shift if last else (wide >> shift) & ((1 << bits) - 1)


class Sums:
    """Sums that are put together from products of parts, in int64, which wraps around, and a float64 beside it.

    Parameters
    ----------
    out
        Memory for them, int64.
    bias
        Whole numbers that they begin with, or None.
    bounds
        What they can come to.
    """

    def __init__(self, out: Array, bias: Array | None, bounds: Bounds) -> None:
        self.bounds, self.whole = bounds, out
        out[...] = 0 if bias is None else bias
        self.near = None if bounds.fit(out.dtype) else out.astype(np.float64)

    def add(self, floats: Array, shift: int) -> None:
        """Add products that are exact, times ``2**shift``."""
        if self.near is not None:
            self.near += floats * 2.0**shift
        if shift <= LONG:
            self.whole += floats.astype(np.int64) << shift

    def checked(self, dtype: np.dtype[Any]) -> Array:
        """Return the sums; raise unless the type holds all of them."""
        if self.near is not None:
            doubt = max(abs(self.bounds.low), abs(self.bounds.high)) * ROUNDING
            most = float(np.abs(self.near).max())
            if most - doubt >= 2.0**LONG:
                raise ParameterError(self._overflow(dtype, f"{self.near.flat[np.abs(self.near).argmax()]:.6g}"))
            if doubt >= 2.0 ** (LONG - 1):
                raise ParameterError(
                    f"sums may reach {self.bounds.low} to {self.bounds.high}, which takes {self.bounds.bits} bits: too "
                    f"many to tell whether {dtype} holds them (smaller values or weights)"
                )
            turns = np.rint((self.near - self.whole) / 2.0 ** (LONG + 1))  # how often int64 went round
            if turns.any():
                raise ParameterError(self._overflow(dtype, f"{self.near.flat[np.abs(turns).argmax()]:.6g}"))
        limits = np.iinfo(dtype)
        low, high = int(self.whole.min()), int(self.whole.max())
        if low < limits.min or high > limits.max:
            raise ParameterError(self._overflow(dtype, str(low if low < limits.min else high)))
        return self.whole

    def _overflow(self, dtype: np.dtype[Any], found: str) -> str:
        """Return the message that a sum does not fit."""
        wider = "; int64 holds all of them" if self.bounds.bits <= LONG + 1 and dtype != np.int64 else ""
        return (
            f"a sum is {found}, and {dtype} does not hold it: with these weights sums reach {self.bounds.low} to "
            f"{self.bounds.high}, which takes {self.bounds.bits} bits{wider}"
        )


def exact_sums(
    compute: Callable[[Array, Array], Array], values: Array, weights: Array, *, per_output: Array,
    bias: Array | None, dtype: np.dtype[Any],
) -> Array:  # fmt: skip
    """Return exact sums of products of whole numbers.

    Parameters
    ----------
    compute
        Gives sums of products of values and weights, both of one float type; linear in each.
    values, weights
        Whole numbers.
    per_output
        The weights again, an axis of outputs in front: what one sum adds up at most.
    bias
        Whole numbers that the sums begin with, or None.
    dtype
        int32 or int64.

    Raises
    ------
    ParameterError
        If a sum does not fit.

    Examples
    --------
    >>> weights = np.array([[2**40, 1]])
    >>> product = lambda value, weight: weight @ value
    >>> exact_sums(product, np.array([3, 5]), weights, per_output=weights, bias=None, dtype=np.dtype("int64"))
    array([3298534883333])
    """
    extent = Bounds(int(values.min(initial=0)), int(values.max(initial=0)))
    if not (values.size and weights.size):
        return compute(values.astype(np.float64), weights.astype(np.float64)).astype(dtype) + (
            0 if bias is None else exactly(bias, dtype, "the bias")
        )
    cuts = cuts_of(per_output, extent)
    made = [
        (shift + more, compute(part.astype(cuts.float), weight.astype(cuts.float)))
        for shift, part in parts_of(values, cuts.values, extent.reach)
        for more, weight in parts_of(weights, cuts.weights, _reach_of(weights))
    ]
    sums = Sums(np.empty(made[0][1].shape, np.int64), bias, bounds_of(per_output, extent, bias))
    for shift, products in made:
        sums.add(products, shift)
    return sums.checked(dtype).astype(dtype, copy=False)


class _Part:
    """The same bits of all values of a source."""

    finite = True

    def __init__(self, source: Source, shift: int, bits: int, *, last: bool) -> None:
        self.source, self.shift, self.mask = source, shift, None if last else (1 << bits) - 1

    def rows(self, first: int, last: int, start: int, stop: int) -> Array:
        """Return the part of some rows."""
        values = self.source.rows(first, last, start, stop).astype(np.int64) >> self.shift
        return values if self.mask is None else values & self.mask


class _Product(NamedTuple):
    """One product that a strip is the sum of: its plan, prepared weights, source, and how far it is shifted."""

    plan: Plan
    weights: Any
    source: Source
    shift: int


class WholeConvolution(NamedTuple):
    """A convolution of whole numbers that is planned and ready to run.

    Attributes
    ----------
    weights
        ``(K, C/groups, kH, kW)`` int64.
    bias
        ``(K, 1, 1)`` int64, or None.
    dtype
        int32 or int64: what the sums are returned in.
    values
        What each value of the source can be.
    bounds
        What the sums can come to, the bias included.
    shape
        Shape of the result for the caller.
    """

    source: Source
    plan: Plan
    weights: Array
    bias: Array | None
    dtype: np.dtype[Any]
    values: Bounds
    bounds: Bounds
    cuts: Cuts
    shape: tuple[int, ...]

    @property
    def gaps(self) -> None:
        """No whole number is missing."""
        return

    def run(self, threads: int | None = None, room: Array | None = None) -> Array:
        """Return the feature maps, in `room` of their shape and type where it is given."""
        sizes = self.plan.sizes
        whole = (sizes.batch, sizes.filters, *sizes.out)
        out = np.empty(whole, self.dtype) if room is None else room.reshape(whole, copy=False)
        for _ in self._walk(lambda strip, maps: None, out=out, threads=threads):
            pass
        return out.reshape(self.shape)

    def each_strip(
        self, use: Callable[[Strip, Array], Any], threads: int | None = None, rows: range | None = None
    ) -> Iterator[Any]:
        """Yield ``use(strip, maps)`` for each strip in order; see `cnnfilter.core.conv.Convolution.each_strip`."""
        return self._walk(use, threads=threads, rows=rows)

    def _walk(self, use: Callable[[Strip, Array], Any], **how: Any) -> Iterator[Any]:
        """Walk over the strips."""
        return walk_strips(self.plan, self.strip_function(), use, dtype=self.dtype, computing=self.cuts.float, **how)

    def strip_function(self) -> Callable[[Strip, Scratch, Array], None]:
        """Return the function that writes a strip's maps ``(N, K, rows, oW)``, the bias added."""
        products = list(self._products())
        alone = bounds_of(self.weights, self.values)  # before the bias, which may bring a sum back
        if len(products) == 1 and self.bounds.fit(self.dtype) and alone.fit(self.dtype):
            return partial(self._add, products[0])
        return partial(self._put_together, products)

    def _products(self) -> Iterator[_Product]:
        """Yield what the sums are made of: each part of the values with each part of the weights."""
        engine, sizes = ENGINES[self.plan.engine], self.plan.sizes
        reach = self.values.reach
        weights = [
            (shift, engine.prepare(self.plan, np.ascontiguousarray(part, self.cuts.float)))
            for shift, part in parts_of(self.weights, self.cuts.weights, _reach_of(self.weights))
        ]
        for start, border in parts_of(np.array(int(sizes.border.value)), self.cuts.values, reach):
            last = start + self.cuts.values >= reach
            source = _Part(self.source, start, self.cuts.values, last=last) if self.cuts.values else self.source
            plan = self.plan._replace(sizes=sizes._replace(border=sizes.border._replace(value=float(border))))
            yield from (_Product(plan, part, source, start + shift) for shift, part in weights)

    def _add(self, product: _Product, strip: Strip, scratch: Scratch, maps: Array) -> None:
        """Write sums that fit, the bias added."""
        floats = scratch.array("floats", maps.shape)
        ENGINES[self.plan.engine].compute(product.plan, product.weights, product.source, strip, scratch, floats)
        np.copyto(maps, floats, casting="unsafe")
        if self.bias is not None:
            maps += self.bias.astype(self.dtype)

    def _put_together(self, products: list[_Product], strip: Strip, scratch: Scratch, maps: Array) -> None:
        """Write sums of several products, or such that may not fit, and raise where one does not."""
        sums = Sums(scratch.array("sums", maps.shape, np.dtype(np.int64)), self.bias, self.bounds)
        floats = scratch.array("floats", maps.shape)
        for product in products:
            scratch.kept.pop("stored", None)  # the border of each part has its own type
            ENGINES[self.plan.engine].compute(product.plan, product.weights, product.source, strip, scratch, floats)
            sums.add(floats, product.shift)
        np.copyto(maps, sums.checked(self.dtype), casting="unsafe")


def check_digits(values: Array, name: str) -> None:
    """Raise for floats so large that whole numbers beside them are not told apart: what was typed may be another one.

    Raises
    ------
    ParameterError
        If one reaches 2**53.
    """
    if values.dtype.kind == "f" and values.size and float(np.abs(values).max()) >= 2.0**DOUBLE:
        raise ParameterError(
            f"{name} reaches {np.abs(values).max():g}, and floats hold all whole numbers below 2**{DOUBLE}"
        )


def plan_whole(
    source: Source, sizes: Sizes, weights: Array, bias: Array | None, dtype: np.dtype[Any], values: Bounds,
    engine: str, shape: tuple[int, ...],
) -> WholeConvolution:  # fmt: skip
    """Plan the convolution of whole numbers.

    Parameters
    ----------
    weights, bias
        As in `WholeConvolution`.
    values
        What each value of the source can be; what the border adds is counted here.
    engine
        ``auto``, ``im2col`` or ``banded``.

    Raises
    ------
    ParameterError
        If another engine is asked for, or the border's value is no whole number.
    """
    border = sizes.border.value
    if not float(border).is_integer():
        raise ParameterError(f"{dtype} takes whole numbers, and the border is {border:g}")
    check_digits(np.array(border), "the border")
    if engine not in ("auto", *ENGINES):
        raise ParameterError(f"engine {engine} computes with fractions: {dtype} takes {' or '.join(ENGINES)}")
    if sizes.pads and sizes.border.mode in ("zeros", "constant"):
        values = Bounds(min(values.low, int(border)), max(values.high, int(border)))
    cuts = cuts_of(weights, values)
    sizes = sizes._replace(itemsize=cuts.float.itemsize)
    plan = make_plan(sizes, 0, engine)
    if plan.engine not in ENGINES:
        plan = make_plan(sizes, 0, direct_engine(sizes))
    bounds = bounds_of(weights, values, bias)
    why = f"{cuts.float} adds up exactly" if not cuts.values else f"parts of {cuts.values} bits, exact in {cuts.float}"
    return WholeConvolution(
        source, plan._replace(why=why), weights, bias, dtype, values, bounds, cuts, (*shape, *sizes.out)
    )
