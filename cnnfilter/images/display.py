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
    """

    kind: str
    low: float
    high: float
    absolute: bool = False

    def __str__(self) -> str:
        return f"{self.kind} {self.low:.6g}..{self.high:.6g}"


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
    if not 0 <= share <= 100 or share == 50:
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

    Examples
    --------
    >>> choose_kind(np.array([[-1, 0, 1]]), processed=False)
    'abs'
    """
    if weights is None or processed:
        return "minmax"
    total, size = float(np.sum(weights)), float(np.abs(weights).sum())
    near = 1e-6 * max(size, 1e-30)
    if abs(total - 1) <= near:
        return "clip"
    return "abs" if abs(total) <= near else "minmax"


def needs_statistics(kind: str) -> bool:
    """Tell whether a display depends on the values: then all of them are needed before the first pixel."""
    return kind.partition(":")[0] in ("minmax", "symmetric", "percentile")


def extent_of(arrays: Iterable[Values], kind: str = "minmax") -> Extent:
    """Return the finite extremes of some arrays, or their percentiles where the display asks for these.

    ``percentile:P`` cuts off equal shares at both ends: P = 99 and P = 1 both go from the 1st to the 99th.
    Without any finite value the extent is 0 to 0.
    """
    if kind.startswith("percentile"):
        share = float(kind.partition(":")[2])
        finite = [array[np.isfinite(array)] for array in arrays]
        values = finite[0] if len(finite) == 1 else np.concatenate(finite)
        if not values.size:
            return Extent(0.0, 0.0)
        low, high = np.percentile(values, sorted((share, 100 - share)), overwrite_input=True)
        return Extent(float(low), float(high))
    ends = [_ends(array) for array in arrays if array.size]
    low, high = min((end[0] for end in ends), default=math.inf), max((end[1] for end in ends), default=-math.inf)
    return Extent(low, high) if low <= high else Extent(0.0, 0.0)


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
        Any display but ``auto``.
    white
        The value of white in the input, for ``clip`` and ``abs``; ``angle`` goes from -180 to 180.
    statistics
        The extremes of the values, for the displays that stretch; `extent_of` gives them, percentiles too.

    Raises
    ------
    ParameterError
        If a display needs statistics and there are none.

    Examples
    --------
    >>> print(resolve("symmetric", 255, Extent(-3.0, 12.5)))
    symmetric -12.5..12.5
    """
    rule = lookup(DISPLAYS, kind.partition(":")[0], "display")
    if statistics is None:
        if needs_statistics(kind):
            raise ParameterError(f"display {kind} needs the smallest and largest value")
        statistics = Extent(0.0, 0.0)
    low, high = rule(white, statistics)
    if not high > low:  # all values are one: it comes out black
        high = low + max(1.0, abs(low))
    return Display(kind, low, high, absolute=kind == "abs")


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
    if display.absolute:
        values = np.abs(values, out=work, dtype=work.dtype)
    if display.low:
        values = np.subtract(values, display.low, out=work, dtype=work.dtype)
    scale = top / (display.high - display.low)
    if scale != 1:
        values = np.multiply(values, scale, out=work, dtype=work.dtype)
    return values


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
