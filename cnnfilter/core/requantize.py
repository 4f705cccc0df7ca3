"""Requantisation: exact sums scaled to few bits, as integer hardware and quantised networks do it.

A scale is a whole number over a power of two: what is typed as ``0.0123`` is the float64 nearest to it, which is one
too. So every product is exact, and there is one rounding, whose rule has a name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike

from cnnfilter.core.arrays import Array, real_array, whole_numbers
from cnnfilter.errors import ParameterError, ShapeError, lookup

Rounding: TypeAlias = Literal["half-even", "half-away", "half-up", "floor", "truncate", "double"]
Target: TypeAlias = Literal["int8", "uint8", "int16", "uint16", "int32"]
Overflow: TypeAlias = Literal["saturate", "wrap"]

#: Bits of the low part of a multiplier, and below which sums are multiplied in two parts of int64.
_LOW, _WIDE = 27, 34
#: The most bits of a multiplier, and the most that is shifted by: those of the smallest float64.
_MOST_BITS, _MOST_SHIFT = 64, 1100
#: What stands between the numbers of several filters.
_BETWEEN = "|"


class Requantization(NamedTuple):
    """How sums become few bits: ``round(sum * multiplier / 2**shift) + zero point``, held to a type.

    Attributes
    ----------
    multipliers, shifts
        One, or one for each filter.
    zero_points
        One, or one for each filter: what 0 becomes.
    dtype
        The type of the results.
    rounding, overflow
        Words of `requantize`.
    """

    multipliers: tuple[int, ...]
    shifts: tuple[int, ...]
    zero_points: tuple[int, ...] = (0,)
    dtype: Target = "int8"
    rounding: Rounding = "half-even"
    overflow: Overflow = "saturate"

    @property
    def filters(self) -> int:
        """How many filters it is for; 1 for any number."""
        return max(len(self.multipliers), len(self.zero_points))

    @property
    def scales(self) -> tuple[float, ...]:
        """The scales as the nearest floats."""
        return tuple(m / 2**s for m, s in zip(self.multipliers, self.shifts, strict=True))

    def of(self, number: int) -> Requantization:
        """Return that of one filter alone."""
        own = [many[number if len(many) > 1 else 0] for many in (self.multipliers, self.shifts, self.zero_points)]
        return self._replace(multipliers=(own[0],), shifts=(own[1],), zero_points=(own[2],))

    def __str__(self) -> str:
        scale = "|".join(f"{scale:.6g}" for scale in self.scales)
        zero = "|".join(map(str, self.zero_points))
        return f"{scale},{zero}:{self.dtype}:{self.rounding}"

    def apply(self, sums: Array, axis: int) -> Array:
        """Return whole sums requantised; `axis` is that of the filters.

        Raises
        ------
        ShapeError
            If there are scales for other filters than there are.
        """
        count = sums.shape[axis]
        if self.filters not in (1, count):
            raise ShapeError(f"{self.filters} scales or zero points for {count} filters (one, or one for each)")
        rounded = self._rounded(sums, axis)
        if len(set(self.zero_points)) > 1 or self.zero_points[0]:
            rounded = rounded + self._along(self.zero_points, sums, axis)
        limits = np.iinfo(self.dtype)
        if self.overflow == "saturate":
            rounded = np.clip(rounded, limits.min, limits.max)
        elif rounded.dtype == object:
            rounded = rounded & ((1 << limits.bits) - 1)
            return rounded.astype(np.uint64).astype(self.dtype)
        return rounded.astype(self.dtype)

    def _along(self, numbers: Sequence[int], sums: Array, axis: int, dtype: Any = np.int64) -> Array:
        """Return numbers as an array that lies along the axis of the filters."""
        shape = [1] * sums.ndim
        shape[axis] = len(numbers)
        return np.array(numbers, dtype).reshape(shape)

    def _rounded(self, sums: Array, axis: int) -> Array:
        """Return ``round(sum * multiplier / 2**shift)``, exactly: in int64, in two parts, or in Python's integers."""
        reach = max(abs(int(sums.min(initial=0))), abs(int(sums.max(initial=0)))).bit_length()
        bits, least, most = max(self.multipliers).bit_length(), min(self.shifts), max(self.shifts)
        rule = _RULES[self.rounding]
        if self.rounding != "double" and reach + bits < 62 and least > 0 and most < 62:
            total = sums.astype(np.int64) * self._along(self.multipliers, sums, axis)
            shift = self._along(self.shifts, sums, axis)
            whole = total >> shift
            return rule(whole, _Rest.of(total - (whole << shift), np.int64(1) << (shift - 1)))
        if self.rounding != "double" and reach < _WIDE and bits <= 53 and least >= _LOW:
            return rule(*self._in_two_parts(sums.astype(np.int64), axis))
        total = sums.astype(object) * self._along(self.multipliers, sums, axis, object)
        shifts = self._along(self.shifts, sums, axis, object)
        if self.rounding == "double":
            return _doubly_rounded(total, shifts)
        up = np.maximum(1 - shifts, 0)  # at least one bit is rounded away
        total, shifts = total << up, shifts + up
        whole = total >> shifts
        return rule(whole, _Rest.of(total - (whole << shifts), 1 << (shifts - 1)))

    def _in_two_parts(self, sums: Array, axis: int) -> tuple[Array, _Rest]:
        """Return the whole part of each product and what is left, multiplied by the high and the low bits apart."""
        low = self._along([m & ((1 << _LOW) - 1) for m in self.multipliers], sums, axis)
        high = self._along([m >> _LOW for m in self.multipliers], sums, axis)
        shift = np.minimum(self._along(self.shifts, sums, axis) - _LOW, 62)  # what is smaller rounds to the same
        below = sums * low
        above = sums * high + (below >> _LOW)
        whole = above >> shift
        left, half = above - (whole << shift), np.where(shift > 0, np.int64(1) << np.maximum(shift - 1, 0), 0)
        return whole, _Rest.of(left, half, below & ((1 << _LOW) - 1), np.where(shift > 0, 0, 1 << (_LOW - 1)))


class _Rest(NamedTuple):
    """What is left of numbers beside their whole part: whether it is over a half, a half, or anything."""

    over: Array
    half: Array
    any: Array

    @staticmethod
    def of(high: Array, half: Array, low: Any = 0, low_half: Any = 0) -> _Rest:
        """Compare what is left, in one word or in two, with a half."""
        same = high == half
        return _Rest(
            (high > half) | (same & (low > low_half)),
            same & (np.equal(low, low_half)),
            (high != 0) | np.not_equal(low, 0),
        )


#: What each rounding makes of a whole part, rounded down, and of what is left.
_RULES: dict[str, Callable[[Array, _Rest], Array]] = {
    "half-even": lambda whole, rest: whole + (rest.over | (rest.half & (whole & 1 == 1))),
    "half-away": lambda whole, rest: whole + (rest.over | (rest.half & (whole >= 0))),
    "half-up": lambda whole, rest: whole + (rest.over | rest.half),
    "floor": lambda whole, rest: whole,
    "truncate": lambda whole, rest: whole + (rest.any & (whole < 0)),
    "double": lambda whole, rest: whole,
}


def _doubly_rounded(total: Array, shifts: Array) -> Array:
    """Return products rounded half up to their high word of 31 bits, and that half away from zero to what is left.

    As gemmlowp does, and TensorFlow Lite and CMSIS-NN unless they are built to round once.
    """
    up, right = np.maximum(31 - shifts, 0), np.maximum(shifts - 31, 0)
    high = ((total << up) + (1 << 30)) >> 31
    away = np.where(high < 0, (1 << right) - 1, 1 << right) >> 1
    rounded: Array = (high + np.where(right > 0, away, 0)) >> right
    return rounded


def requantize(
    sums: ArrayLike, scale: ArrayLike, zero_point: ArrayLike = 0, dtype: str = "int8", rounding: str = "half-even", *,
    shift: ArrayLike | None = None, overflow: str = "saturate", axis: int | None = None,
) -> Array:  # fmt: skip
    """Scale exact sums to few bits: ``saturate(round(sum * scale) + zero_point)``.

    Parameters
    ----------
    sums
        Whole numbers: feature maps ``(K, H, W)`` or ``(N, K, H, W)``, a plane, or a vector.
    scale
        Above 0: one, or one for each filter. With `shift`, whole multipliers.
    zero_point
        What 0 becomes, a value of `dtype`: one, or one for each filter.
    dtype
        ``int8``, ``uint8``, ``int16``, ``uint16`` or ``int32``.
    rounding
        ``half-even`` (ties to the even number), ``half-away`` (from zero), ``half-up``, ``floor``, ``truncate``
        (towards zero), or ``double``: half up to a high word of 31 bits and then half away from zero, as gemmlowp does.
    shift
        Multipliers are over ``2**shift``: one, or one for each filter.
    overflow
        ``saturate``, or ``wrap`` around as two's complement does.
    axis
        Where the filters are: before rows and columns, or of a vector its only axis, unless given.

    Returns
    -------
    numpy.ndarray
        The shape of `sums`, in `dtype`.

    Raises
    ------
    ParameterError
        If the sums are no whole numbers, a scale is not above 0 and finite, a zero point does not fit, or a word is
        unknown.
    ShapeError
        If there are scales for another number of filters.

    Notes
    -----
    A float is a whole number over a power of two, so the product is exact, and rounded once. A scale of ONNX's
    QLinearConv is ``x_scale * w_scale / y_scale`` in float32. ONNX Runtime rounds the product to float32 first, and may
    differ by one where it is that near to a tie; ONNX's reference adds the zero point before it rounds ties. With
    TensorFlow Lite's 31-bit multiplier M and exponent e the shift is ``31 - e``: its rounding is ``double``, or
    ``half-up`` where it is built to round once; so is that of CMSIS-NN.

    References
    ----------
    .. [1] B. Jacob et al., "Quantization and training of neural networks for efficient integer-arithmetic-only
       inference", 2018, arXiv:1712.05877.

    Examples
    --------
    >>> requantize([-3, -1, 1, 3, 1000], 0.5).tolist(), requantize([-3, -1, 1, 3], 0.5, rounding="half-away").tolist()
    ([-2, 0, 0, 2, 127], [-2, -1, 1, 2])
    >>> requantize([[[100]], [[100]]], [3, 5], 128, "uint8", shift=4).ravel().tolist()
    [147, 159]
    """
    values = whole_numbers(real_array(sums, "sums"), "sums")
    place = (-3 if values.ndim > 2 else 0) if axis is None else axis
    if not -values.ndim <= place < max(values.ndim, 1):
        raise ParameterError(f"axis {place} lies outside sums of shape {values.shape}")
    shaped = values if values.ndim != 2 or axis is not None else values[None]
    shifts = None if shift is None else _listed(shift)
    how = make_requantization(_listed(scale), _listed(zero_point), dtype, rounding, overflow, shifts=shifts)
    return how.apply(np.atleast_1d(shaped), place).reshape(values.shape)


def _listed(numbers: ArrayLike) -> list[Any]:
    """Return one number, or several, as a list."""
    return real_array(numbers, "scales, zero points and shifts").ravel().tolist()


def make_requantization(
    scales: Sequence[float], zero_points: Sequence[float] = (0,), dtype: str = "int8", rounding: str = "half-even",
    overflow: str = "saturate", *, shifts: Sequence[float] | None = None,
) -> Requantization:  # fmt: skip
    """Return how sums are requantised; the words are those of `requantize`.

    Raises
    ------
    ParameterError, ShapeError
        As `requantize` does.
    """
    for name, word, known in (
        ("type", dtype, Target),
        ("rounding", rounding, Rounding),
        ("overflow", overflow, Overflow),
    ):
        lookup(dict.fromkeys(get_args(known)), word, name)
    many = {len(scales), len(zero_points), len(shifts or [0])} - {1}
    if len(many) > 1 or 0 in many:
        raise ShapeError(f"{len(scales)} scales, {len(zero_points)} zero points (one, or one for each filter)")
    if shifts is None:
        pairs = [_ratio(scale) for scale in scales]
    else:
        pairs = [_shifted(m, s) for m, s in zip(_spread(scales, shifts), _spread(shifts, scales), strict=True)]
    limits = np.iinfo(dtype)
    for zero in zero_points:
        if not (float(zero).is_integer() and limits.min <= zero <= limits.max):
            raise ParameterError(f"zero point {zero:g} is no {dtype}: {limits.min} to {limits.max}")
    multipliers, powers = zip(*pairs, strict=True)
    return Requantization(multipliers, powers, tuple(map(int, zero_points)), dtype, rounding, overflow)  # type: ignore[arg-type]


def _spread(numbers: Sequence[float], beside: Sequence[float]) -> Sequence[float]:
    """Return one number as often as there are others."""
    return numbers if len(numbers) > 1 else [*numbers] * len(beside)


def _ratio(scale: float) -> tuple[int, int]:
    """Return a scale as a whole number and the power of two that it is over."""
    if not (math.isfinite(scale) and scale > 0):
        raise ParameterError(f"a scale must be a finite number above 0, got {scale:g}")
    above, below = float(scale).as_integer_ratio()
    return above, below.bit_length() - 1


def _shifted(multiplier: float, shift: float) -> tuple[int, int]:
    """Return a multiplier and a shift, which must be whole numbers."""
    fits = float(multiplier).is_integer() and 0 < multiplier < 2**_MOST_BITS
    if not fits or not float(shift).is_integer() or not 0 <= shift <= _MOST_SHIFT:
        text = f"{multiplier:g}>>{shift:g}"
        raise ParameterError(f"{text}: a multiplier is a whole number above 0, a shift one from 0 to {_MOST_SHIFT}")
    return int(multiplier), int(shift)


def parse_requantization(text: str) -> Requantization:
    """Return what ``SCALE[,ZERO]:TYPE[:ROUNDING]`` means; a scale may be ``M>>S``, and several stand between ``|``.

    Raises
    ------
    ParameterError
        If the text has another form, or a number means nothing there.

    Examples
    --------
    >>> parse_requantization("0.5:int8").scales, parse_requantization("3>>4|5>>4,128:uint8:half-up").zero_points
    ((0.5,), (128,))
    """
    numbers, *words = (part.strip() for part in text.split(":"))
    if not 1 <= len(words) <= 2:
        raise ParameterError(f"{text!r} is not SCALE[,ZERO]:TYPE[:ROUNDING], as in 0.0123,0:int8:half-even")
    scale, _, zero = numbers.partition(",")
    parts = [part.partition(">>") for part in scale.split(_BETWEEN)]
    if len({bool(arrow) for _, arrow, _ in parts}) > 1:
        raise ParameterError(f"{text!r} mixes scales and multipliers with shifts")
    try:
        scales = [_number(number) for number, _, _ in parts]
        shifts = [_number(shift) for _, _, shift in parts] if parts[0][1] else None
        zeros = [_number(one) for one in zero.split(_BETWEEN)] if zero else [0]
    except ValueError as error:
        raise ParameterError(f"{text!r}: {error}") from None
    return make_requantization(scales, zeros, words[0], *words[1:], shifts=shifts)


def _number(text: str) -> float:
    """Return a number as it is typed; whole ones keep every digit."""
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{text.strip()!r} is no number") from None
