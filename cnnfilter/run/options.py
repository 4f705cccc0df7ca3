"""What a user asked for, parsed and checked before any image is opened."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from cnnfilter.core.activate import parse_activation
from cnnfilter.core.arrays import LARGEST_WHOLE
from cnnfilter.core.missing import MISSING
from cnnfilter.core.plan import ENGINE_NAMES
from cnnfilter.core.requantize import Requantization, parse_requantization
from cnnfilter.core.shapes import Pair, pair, parse_border, resolve_pads
from cnnfilter.core.whole_steps import WHOLE_ACTIVATIONS, WHOLE_POOLINGS
from cnnfilter.errors import ParameterError, lookup

if TYPE_CHECKING:
    from cnnfilter.core.pools import Pooling

CHANNEL_MODES = {
    "each": "every channel by itself",
    "gray": "luma first: 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601)",
    "sum": "one filter over all channels, one map",
}
RANGES = {"stored": "the stored values, 0 to 255 for 8 bits", "unit": "0 to 1"}
FLOATS = {"float32": 4, "float64": 8}
DTYPES = {**FLOATS, "int32": 4, "int64": 8}
COMBINATIONS = {
    "magnitude": "the root of the sum of squares",
    "max": "the largest value",
    "min": "the smallest value",
    "sum": "the sum",
    "mean": "the mean",
    "argmax": "which kernel gives the largest value, counted from 0",
    "angle": "the direction in degrees, clockwise from the right, of two kernels: across, then down",
}


class Activation(NamedTuple):
    """An activation as it is typed, ``NAME[:param=value]``."""

    name: str
    parameters: dict[str, Any]


class Options(NamedTuple):
    """Everything about a job but its inputs, kernels and outputs; the words are those of the flags.

    The last four come from a tool whose convention is adopted: its name, whether results are cast to the picture's
    type, whether cells at the border keep the picture's values, and which of the words that it has an opinion on were
    typed all the same, and win.
    """

    channels: str = "each"
    stride: Pair = (1, 1)
    padding: str = "valid"
    padding_mode: str = "zeros"
    dilation: Pair = (1, 1)
    flip: bool = False
    bias: float | None = None
    activation: Activation | None = None
    pool: Pooling | None = None
    range: str = "stored"
    dtype: str = "float32"
    engine: str = "auto"
    missing: str = "propagate"
    threads: int | None = None
    combine: str = ""
    tool: str = ""
    cast: bool = False
    copy_border: bool = False
    typed: tuple[str, ...] = ()
    requantize: Requantization | None = None

    @property
    def whole(self) -> bool:
        """Whether sums are exact: whole numbers go in and come out."""
        return self.dtype in ("int32", "int64")

    def words(self) -> dict[str, Any]:
        """Return every option as plain values."""
        activation = None if self.activation is None else self.activation._asdict()
        few = None if self.requantize is None else self.requantize._asdict()
        pool = None if self.pool is None else self.pool.words()
        return self._asdict() | {"activation": activation, "pool": pool, "requantize": few}

    def convolution(self) -> dict[str, Any]:
        """Return the arguments that the convolution itself takes."""
        return {
            "stride": self.stride,
            "padding": self.padding,
            "padding_mode": self.padding_mode,
            "dilation": self.dilation,
            "flip": self.flip,
            "engine": self.engine,
        }


def make_options(
    *,
    stride: str = "1",
    dilation: str = "1",
    activation: str | None = None,
    pool: str | None = None,
    requantize: str | None = None,
    **words: Any,
) -> Options:
    """Return the options that the flags' texts mean.

    Raises
    ------
    CnnFilterError
        At the first word that is not understood.

    Examples
    --------
    >>> make_options(stride="2,1", pool="global-avg").pool[:2]
    ('avg', 'global')
    """
    options = Options(
        stride=pair(stride, "stride"),
        dilation=pair(dilation, "dilation"),
        activation=Activation(*parse_activation(activation)) if activation is not None else None,
        pool=_pooling(pool) if pool is not None else None,
        requantize=parse_requantization(requantize) if requantize is not None else None,
        **words,
    )
    lookup(CHANNEL_MODES, options.channels, "channels mode")
    lookup(RANGES, options.range, "range")
    lookup(DTYPES, options.dtype, "dtype")
    lookup({"auto": "", **ENGINE_NAMES}, options.engine, "engine")
    lookup(MISSING, options.missing, "missing mode")
    if options.combine:
        lookup(COMBINATIONS, options.combine, "combination")
    border = parse_border(options.padding_mode)
    resolve_pads(options.padding, (9, 9), (1, 1), (1, 1), (1, 1))  # only its form can be checked yet
    check_threads(options.threads)
    if options.whole:
        _check_whole(options, border.value)
    elif options.requantize is not None:
        raise ParameterError(f"requantize takes exact sums, not {options.dtype} (--dtype int32 or int64)")
    for name, value in (("bias", options.bias), ("padding mode constant", border.value)):
        _check_fits(name, value, options.dtype)
    name, parameters = options.activation or ("", {})
    for key, value in parameters.items():
        if isinstance(value, float) and math.isfinite(value):  # infinity is a bound that some take
            _check_fits(f"{name}: {key}", value, options.dtype)
    return options


#: What several whole maps may become.
_WHOLE_COMBINATIONS = ("", "max", "min")


def _check_whole(options: Options, border: float) -> None:
    """Raise for a word that would make fractions of whole numbers."""
    dtype, name = options.dtype, "" if options.activation is None else options.activation.name
    if options.range == "unit":
        raise ParameterError(f"range unit divides, which makes fractions: leave it out with --dtype {dtype}")
    if options.missing == "ignore":
        raise ParameterError(f"missing ignore weighs cells anew, which makes fractions: not with --dtype {dtype}")
    if options.tool:
        raise ParameterError(f"--as {options.tool} computes in types of its own: leave out --dtype {dtype}")
    if options.combine not in _WHOLE_COMBINATIONS:
        raise ParameterError(f"--dtype {dtype} combines by max or min, not by {options.combine}")
    if name and name not in WHOLE_ACTIVATIONS:
        known = ", ".join(WHOLE_ACTIVATIONS)
        raise ParameterError(f"{name} makes fractions: with --dtype {dtype} there are {known}")
    if options.pool is not None and options.pool.kind not in WHOLE_POOLINGS:
        known = ", ".join(WHOLE_POOLINGS)
        raise ParameterError(f"{options.pool.kind} pooling makes fractions: with --dtype {dtype} there are {known}")
    parameters = {} if options.activation is None else options.activation.parameters
    for what, value in [("bias", options.bias), ("padding mode constant", border), *parameters.items()]:
        if isinstance(value, float) and not value.is_integer():
            raise ParameterError(f"{what} must be a whole number with --dtype {dtype}, got {value:g}")
        if isinstance(value, float) and abs(value) >= LARGEST_WHOLE:
            raise ParameterError(f"{what} must lie between -2**53 and 2**53 with --dtype {dtype}, got {value:g}")


def _pooling(text: str) -> Pooling:
    """Return a pooling as it is typed."""
    from cnnfilter.core.pools import parse_pool  # most jobs pool nothing

    return parse_pool(text)


def check_threads(threads: int | None) -> None:
    """Raise unless a number of threads is at least 1, or not given."""
    if threads is not None and threads < 1:
        raise ParameterError(f"threads must be a whole number of at least 1, got {threads}")


def _check_fits(name: str, value: float | None, dtype: str) -> None:
    """Raise for a number that is none, or infinite, in the type that is computed in."""
    if value is None or abs(value) <= _LARGEST.get(dtype, math.inf):
        return
    hint = " (--dtype float64 holds it)" if math.isfinite(value) else ""
    raise ParameterError(f"{name} must be a finite number in {dtype}, got {value:g}{hint}")


#: The largest number of the types that hold less than Python's own.
_LARGEST = {"float32": 3.4028234663852886e38, "float64": 1.7976931348623157e308}


#: Bytes in each unit that a size may be typed in.
_UNITS = {"": 1} | {
    prefix + suffix: base**power
    for power, prefix in enumerate(("", "K", "M", "G", "T"))
    for suffix, base in (("B", 1000), ("IB", 1024), ("", 1000))
}


def parse_bytes(text: str) -> int:
    """Return the bytes that ``500MB`` or ``2GB`` means.

    Examples
    --------
    >>> parse_bytes("2GB"), parse_bytes("1.5 MB"), parse_bytes("1000")
    (2000000000, 1500000, 1000)
    """
    number = text.strip().rstrip("BKMGTIbkmgti ")
    unit = text.strip()[len(number) :].strip().upper()
    try:
        count = float(number) * _UNITS[unit]
    except (ValueError, KeyError):
        raise ParameterError(f"{text!r} is not a size in bytes (write 500MB or 2GB)") from None
    if not 0 < count < 1e18:
        raise ParameterError(f"{text!r} is not a size in bytes above 0 (write 500MB or 2GB)")
    return int(count)
