"""How raw values become pixels: a mapping that is chosen, stated, and can be undone from what was stated.

A `Display` is one straight line from values to pixels, cut off at black and white. Which line is the user's
choice: ``clip`` keeps stored values, ``abs`` shows how strong an answer is whatever its sign, ``minmax``,
``percentile:P`` and ``symmetric`` stretch what is there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from cnnfilter.errors import ParameterError, lookup

Values = NDArray[Any]

#: Values that are mapped at a time: they and the scratch copy stay in the cache.
_BLOCK = 64 * 1024

#: How near to 1, and to 0 of the sum of its absolute weights, a kernel's sum counts as 1 or 0.
ROUNDING = 0.01

#: What ``auto`` means for numbers that were no picture: symmetric where both signs are there, else minmax.
NUMBERS = "numbers"


if TYPE_CHECKING:

    class Range(Protocol):
        """Anything that knows a smallest and a largest finite value."""

        @property
        def minimum(self) -> float: ...  # noqa: D102

        @property
        def maximum(self) -> float: ...  # noqa: D102


class Extent(NamedTuple):
    """A smallest and a largest value."""

    minimum: float
    maximum: float


class Display(NamedTuple):
    """A mapping of values to pixels: ``clip(rint((v - low) * top / (high - low)), 0, top)``, top 255 or 65535.

    Parameters
    ----------
    kind
        What the user called it.
    low, high
        The values that come out black and white.
    absolute
        Whether v is the value without its sign.
    constant
        The value of all cells, where that decided about `low` and `high`; NaN where no cell holds a finite one.

    Examples
    --------
    >>> print(Display("clip", 0, 255), "|", Display.untouched("float32"))
    clip 0..255 | float32, as they are
    """

    kind: str
    low: float
    high: float
    absolute: bool = False
    constant: float | None = None

    @classmethod
    def untouched(cls, dtype: str) -> Display:
        """Return what stands for no mapping at all: the file holds the values themselves."""
        return cls(f"{dtype}, as they are", -math.inf, math.inf)

    @property
    def keeps_values(self) -> bool:
        """Whether a pixel still is its value: stored as it was, or cut off at black and white only."""
        return self.kind == "clip" or math.isinf(self.low)

    @property
    def by_sign(self) -> bool:
        """Whether 0 lies in the middle, so that the colours of signs tell what is above and below it."""
        return self.kind.startswith("symmetric")

    def __str__(self) -> str:
        return self.kind if math.isinf(self.low) else f"{self.kind} {self.low:.6g}..{self.high:.6g}"


def parse_display(text: str) -> str:
    """Return a display in its plain form, or say what is wrong with it.

    Raises
    ------
    UnknownNameError
        If there is no such display.
    ParameterError
        If a percentile is not between 0 and 100, or another display has a value.

    Examples
    --------
    >>> parse_display("percentile:99.50"), parse_display("minmax")
    ('percentile:99.5', 'minmax')
    """
    name, colon, value = str(text).strip().partition(":")
    lookup({**DISPLAYS, "auto": None}, name, "display")
    if name != "percentile":
        if colon:
            raise ParameterError(f"display {name} takes no value, got {text!r}")
        return name
    try:
        share = float(value)
    except ValueError:
        share = math.nan
    if share == 50:
        raise ParameterError("display percentile:50 leaves nothing between its ends (99 and 1 cut off 1 % at both)")
    if not 0 <= share <= 100:
        raise ParameterError(f"display percentile needs a number from 0 to 100, as in percentile:99; got {text!r}")
    return f"percentile:{share:g}"


def choose_kind(weights: Values | None, processed: bool) -> str:
    """Return the display that ``auto`` stands for.

    Parameters
    ----------
    weights
        The kernel, of any shape; None where there was none.
    processed
        Whether the values went through an activation or pooling.

    Returns
    -------
    str
        ``clip`` for a kernel whose sum is 1, ``abs`` for one whose sum is 0, ``minmax`` for all else.

    Notes
    -----
    Weights are typed as rounded decimals, so both sums hold within `ROUNDING`, 1 %: a sum from 0.99 to 1.01 keeps the
    brightness of a picture to what an eye can see, and is 1. A sum is 0 where the positive weights and the negative
    ones cancel but for 1 % of all absolute weights: what is left of a white area is then a hundredth of the strongest
    answer at most, and the absolute value shows it for what it is. How many decimals were typed does not matter: a
    third typed as 0.33 is as much a third as 0.3333 is. Where both hold, the sum is 1.

    Examples
    --------
    >>> choose_kind(np.array([[-1, 0, 1]]), processed=False), choose_kind(np.full((3, 3), 0.1111), processed=False)
    ('abs', 'clip')
    """
    if weights is None or processed:
        return "minmax"
    total, size = float(np.sum(weights)), float(np.abs(weights).sum())
    near = ROUNDING * (1 + 1e-9)  # 0.99 counts, whatever the last bit of its sum is
    if abs(total - 1) <= near:
        return "clip"
    return "abs" if abs(total) <= near * size else "minmax"


def needs_statistics(kind: str) -> bool:
    """Tell whether a display depends on the values: then all of them are needed before the first pixel."""
    return kind.partition(":")[0] in ("minmax", "symmetric", "percentile", NUMBERS)


def extent_of(arrays: Iterable[Values], kind: str = "minmax") -> Extent:
    """Return the finite extremes of some arrays, or their percentiles where the display asks for these.

    ``percentile:P`` cuts off equal shares at both ends: P = 99 and P = 1 both go from the 1st to the 99th; where
    these are one, the extremes stay.
    Without any finite value the extent is empty, from infinity to minus infinity.
    """
    if kind.startswith("percentile"):
        share = float(kind.partition(":")[2])
        finite = [array[np.isfinite(array)] for array in arrays]
        values = finite[0] if len(finite) == 1 else np.concatenate(finite)
        if not values.size:
            return Extent(math.inf, -math.inf)
        low, high = np.percentile(values, sorted((share, 100 - share)), overwrite_input=True)
        if low == high:  # most values are one: nothing would be left of the others
            low, high = values.min(), values.max()
        return Extent(float(low), float(high))
    ends = [_ends(array) for array in arrays if array.size]
    return Extent(min((end[0] for end in ends), default=math.inf), max((end[1] for end in ends), default=-math.inf))


def _ends(values: Values) -> tuple[float, float]:
    """Return the smallest and the largest finite value; an empty span where there is none."""
    low, high = float(values.min()), float(values.max())
    if math.isfinite(low) and math.isfinite(high):
        return low, high
    finite = np.isfinite(values)
    low = float(np.min(values, where=finite, initial=math.inf))
    return low, float(np.max(values, where=finite, initial=-math.inf))


def resolve(kind: str, white: float, statistics: Range | None = None) -> Display:
    """Return the mapping that a display means for these values.

    Parameters
    ----------
    kind
        Any display but ``auto``, or `NUMBERS`.
    white
        The value of white in the input, for ``clip`` and ``abs``; ``angle`` goes from -180 to 180.
    statistics
        The extremes of the values, for the displays that stretch; `extent_of` gives them, percentiles too.

    Raises
    ------
    ParameterError
        If a display needs statistics and there are none.

    Notes
    -----
    A single value cannot be stretched. It is shown as the input shows it, ``clip``, where it lies between the input's
    black and white, else as the gray in the middle; ``symmetric`` has a place for it. The mapping says so.

    Examples
    --------
    >>> print(resolve("symmetric", 255, Extent(-3.0, 12.5)))
    symmetric -12.5..12.5
    >>> print(resolve("minmax", 255, Extent(200.0, 200.0)))
    minmax: constant 200 as clip 0..255
    """
    if not needs_statistics(kind):
        return Display(kind, *lookup(DISPLAYS, kind, "display")(white, Extent(0.0, 0.0)), absolute=kind == "abs")
    if statistics is None:
        raise ParameterError(f"display {kind} needs the smallest and largest value")
    low, high = float(statistics.minimum), float(statistics.maximum)
    if kind == NUMBERS:
        kind = "symmetric" if low < 0 < high else "minmax"
    if low >= high:
        return _of_one_value(kind, white, low if low == high else math.nan)
    return Display(kind, *lookup(DISPLAYS, kind.partition(":")[0], "display")(white, statistics))


def _of_one_value(kind: str, white: float, value: float) -> Display:
    """Return the mapping of a constant; NaN stands for nothing that is finite."""
    if math.isnan(value):
        return Display(f"{kind}: no finite value, clip", 0.0, float(white), constant=value)
    said = f"{kind}: constant {value:.6g}"
    if kind == "symmetric":
        return Display(f"{said} in", *_to_either_side(white, Extent(value, value)), constant=value)
    if 0 <= value <= white:
        return Display(f"{said} as clip", 0.0, float(white), constant=value)
    half = max(1.0, abs(value) / 2)
    return Display(f"{said} as gray", value - half, value + half, constant=value)


def to_pixels(strip: Values, display: Display, bits: int = 8) -> NDArray[Any]:
    """Map values to pixels.

    Parameters
    ----------
    strip
        ``(C, R, W)``, or ``(R, W)``, of any real type.
    display
        The mapping. NaN and what lies below `low` come out 0, what lies above `high` comes out white.
    bits
        8 or 16.

    Returns
    -------
    numpy.ndarray
        ``(R, W, C)`` uint8 or uint16.

    Notes
    -----
    Rows go through one small scratch buffer, so that beside the result no memory is needed. Computed in the
    type of the values, float32 for integers of 8 and 16 bits.

    Examples
    --------
    >>> to_pixels(np.array([[0.0, 127.6, 300.0]]), Display("clip", 0, 255)).ravel()
    array([  0, 128, 255], dtype=uint8)
    """
    strip = strip[None] if strip.ndim == 2 else strip
    channels, rows, width = strip.shape
    pixels = np.empty((rows, width, channels), {8: np.uint8, 16: np.uint16}[bits])
    top = 255 if bits == 8 else 65535
    count = max(_BLOCK // width, 1)
    work = np.empty((count, width), np.result_type(strip.dtype, np.float32))
    black, white = (_filled(work.shape, work.dtype.char, value) for value in (0, top))
    planar = np.empty((count, width), pixels.dtype)
    with np.errstate(all="ignore"):  # infinite and huge values are cut off on purpose
        for start in range(0, rows, count):
            stop = min(start + count, rows)
            part = slice(stop - start)
            for channel in range(channels):
                out = pixels[start:stop, :, 0] if channels == 1 else planar[part]
                scaled = _scaled(strip[channel, start:stop], display, top, work[part])
                held = np.fmax(scaled, black[part], out=work[part])  # fmax takes NaN for black
                np.minimum(held, white[part], out=held)
                np.copyto(out, np.rint(held, out=held), casting="unsafe")
                if channels > 1:
                    pixels[start:stop, :, channel] = out
    return pixels


@lru_cache(maxsize=16)
def _filled(shape: tuple[int, int], dtype: str, value: int) -> Values:
    """Return an array full of one value: the loops over two arrays are faster than those over one and a number."""
    filled = np.full(shape, value, dtype)
    filled.flags.writeable = False
    return filled


def _scaled(values: Values, display: Display, top: int, work: Values) -> Values:
    """Return ``(v - low) * top / (high - low)``, in the scratch buffer unless there is nothing to do."""
    low, high = display.low, display.high
    if display.absolute:
        values = np.abs(values, out=work, dtype=work.dtype)
    if down := _powers_down(low, high, work.dtype):
        values = np.ldexp(values, -down, out=work, dtype=work.dtype)
        low, high = math.ldexp(low, -down), math.ldexp(high, -down)
    if low:
        values = np.subtract(values, low, out=work, dtype=work.dtype)
    scale = top / (high - low)
    if scale != 1:
        values = np.multiply(values, scale, out=work, dtype=work.dtype)
    return values


def _powers_down(low: float, high: float, dtype: np.dtype[Any]) -> int:
    """Return by how many powers of 2 values are made smaller, so that no difference or quotient leaves their type."""
    power = math.frexp(max(abs(low), abs(high)))[1]
    far = np.finfo(dtype).maxexp - 16  # pixels have 16 bits
    return power if abs(power) > far else 0


def _to_white(white: float, _statistics: Range) -> tuple[float, float]:
    """Black is 0 and white is white."""
    return 0.0, float(white)


def _to_half_turns(_white: float, _statistics: Range) -> tuple[float, float]:
    """Black is half a turn to the left and white half a turn to the right, in degrees."""
    return -180.0, 180.0


def _to_extremes(_white: float, statistics: Range) -> tuple[float, float]:
    """Black is the smallest value and white the largest."""
    return float(statistics.minimum), float(statistics.maximum)


def _to_either_side(_white: float, statistics: Range) -> tuple[float, float]:
    """Zero is in the middle."""
    most = max(abs(float(statistics.minimum)), abs(float(statistics.maximum))) or 1.0
    return -most, most


#: Every display but auto: what it makes black and white, from the white of the input and the values' extremes.
DISPLAYS: dict[str, Callable[[float, Range], tuple[float, float]]] = {
    "clip": _to_white,
    "abs": _to_white,
    "minmax": _to_extremes,
    "symmetric": _to_either_side,
    "percentile": _to_extremes,
    "angle": _to_half_turns,
}
