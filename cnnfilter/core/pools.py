"""A pooling as one record: how it is typed, what it does to a size, and how it is run.

Nothing here needs NumPy until a pooling runs, so the command line can check one before any image is read.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from cnnfilter.core import pooling
from cnnfilter.core.fractional import draw_samples, drawn_window, fractional_pool2d
from cnnfilter.core.receptive import ReceptiveField
from cnnfilter.core.reduce import fractional_size, plan_windows
from cnnfilter.core.shapes import PaddingLike, Pair, check_cells, pair, resolve_pads
from cnnfilter.errors import ParameterError, lookup

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from cnnfilter.core.arrays import Array

#: What a pooling computes from the values x of one window.
POOL_FORMULAS: dict[str, str] = {
    "max": "the largest x",
    "min": "the smallest x",
    "avg": "sum(x) / number of cells",
    "sum": "sum(x)",
    "lp": "sum(abs(x)^p)^(1/p)",
}

#: What each mode takes: what stands behind the name, in order, and then what is named.
POOL_MODES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "window": (("size", "stride"), ("padding", "dilation", "ceil_mode", "count_include_pad", "p")),
    "global": ((), ()),
    "adaptive": (("output_size",), ()),
    "fractional": (("size",), ("output_size", "output_ratio", "seed")),
}

#: Every pooling by the name that is typed: its mode and kind.
POOL_NAMES: dict[str, tuple[str, str]] = {
    (kind if mode == "window" else f"{mode}-{kind}"): (mode, kind) for mode in POOL_MODES for kind in POOL_FORMULAS
}

#: An example for each mode, to finish a message with.
_EXAMPLES = {"window": "{}:2 or {}:3:1", "global": "{}", "adaptive": "{}:3", "fractional": "{}:2:ratio=0.7"}


class PoolPlan(NamedTuple):
    """What a pooling does to a size, in integers.

    Attributes
    ----------
    out
        Rows and columns of the result.
    span
        Rows and columns that a window covers, at most.
    stride
        Rows and columns from one window to the next; ratios where windows do not lie evenly, None for a single one.
    texts
        The size of rows and of columns, with the numbers filled in.
    dropped
        Rows and columns behind the last window.
    middle
        Gives the cell in the middle of a window, from the axis and the window's number; it may lie on padding.
    cells
        Gives the cells that a window takes along an axis, from the axis, the window's number and the channel; they may
        lie on padding.
    before
        Rows and columns of padding above and to the left.
    even
        Whether all windows are of one span, and one stride apart.
    """

    out: Pair
    span: Pair
    stride: tuple[float, float] | None
    texts: tuple[str, str]
    dropped: Pair
    middle: Callable[[int, int], int]
    cells: Callable[[int, int, int], range]
    before: Pair = (0, 0)
    even: bool = True

    def seen(self, field: ReceptiveField) -> ReceptiveField:
        """Return what one value sees of the first input, from what those before the pooling see."""
        return field.slid(self.span, self.stride, self.before, even=self.even)


class Pooling(NamedTuple):
    """One pooling. Every mode has settings of its own (`POOL_MODES`); the others keep their defaults.

    Attributes
    ----------
    kind
        A key of ``POOL_FORMULAS``.
    mode
        A key of ``POOL_MODES``.
    size, stride
        Rows and columns of a window, and from window to window; a stride of None is the size.
    output_size, output_ratio
        Rows and columns of the result, or its share of the input's.
    seed
        Draws the places of windows.
    """

    kind: str
    mode: str = "window"
    size: Pair | None = None
    stride: Pair | None = None
    padding: PaddingLike = 0
    dilation: int | str | Pair = 1
    ceil_mode: bool = False
    count_include_pad: bool = True
    p: float = 2
    output_size: Pair | None = None
    output_ratio: float | tuple[float, float] | None = None
    seed: int = 0

    @property
    def share(self) -> float | tuple[float, float] | None:
        """What a fractional pooling leaves: the ratio, else 1/sqrt(size), halfway between all and one of `size`."""
        if self.output_ratio is not None or self.output_size is not None or self.size is None:
            return self.output_ratio
        return 1 / math.sqrt(self.size[0]), 1 / math.sqrt(self.size[1])

    @property
    def note(self) -> str:
        """What was chosen for the user, or nothing."""
        if self.mode != "fractional" or self.output_ratio is not None or self.output_size is not None:
            return ""
        shares = dict.fromkeys(f"{1 / math.sqrt(k):.4g}" for k in pair(self.size, "size"))
        return (
            f"fractional pooling leaves 1/sqrt(size) = {','.join(shares)} of rows and columns, its windows drawn from "
            f"seed {self.seed} (ratio=R, out=ROWS,COLS and seed=N say otherwise)"
        )

    def words(self) -> dict[str, Any]:
        """Return the settings that its mode has, as plain values."""
        placed, named = POOL_MODES[self.mode]
        means = {name for name in (*placed, *named) if not _meaningless(self.kind, name)}
        settings = self._replace(output_ratio=self.share)._asdict()
        return {name: value for name, value in settings.items() if name in ("kind", "mode") or name in means}

    def plan(self, size: Pair) -> PoolPlan:
        """Return what it does to maps of ``(rows, columns)``.

        Raises
        ------
        ShapeError
            If nothing would be left; the message shows the sum.

        Examples
        --------
        >>> parse_pool("max:3:2:ceil").plan((6, 8)).out, parse_pool("adaptive-avg:3,4").plan((6, 9)).span
        ((3, 4), (2, 3))
        """
        return _PLANNERS[self.mode](self, size)

    def run(
        self, values: Array, threads: int | None = None, missing: str = "propagate", dtype: DTypeLike | None = None
    ) -> Array:
        """Return maps ``(C, H, W)`` or ``(N, C, H, W)`` pooled, axis by axis what came in.

        The windows of a fractional pooling are those that ``fractional_pool2d`` draws from the same seed for an
        image; each image of a batch has the same.
        """
        if self.mode == "global":
            return pooling.global_pool2d(values, self.kind, missing=missing, threads=threads, dtype=dtype)[
                ..., None, None
            ]
        if self.mode == "adaptive":
            out = pair(self.output_size, "output_size")
            return pooling.adaptive_pool2d(values, out, self.kind, missing=missing, threads=threads, dtype=dtype)
        size = pair(self.size, "size")
        if self.mode == "window":
            return pooling.pool2d(
                values, self.kind, size, stride=self.stride, padding=self.padding, dilation=self.dilation,
                ceil_mode=self.ceil_mode, count_include_pad=self.count_include_pad, p=self.p,
                missing=missing, threads=threads, dtype=dtype,
            )  # fmt: skip

        return fractional_pool2d(
            values, size, output_size=self.output_size, output_ratio=self.share, kind=self.kind,
            samples=draw_samples(self.seed, values.shape[:-2]), missing=missing, threads=threads, dtype=dtype,
        )  # fmt: skip


def _plan_windows(pooling: Pooling, size: Pair) -> PoolPlan:
    """Plan windows of one size."""
    both = plan_windows(size, pooling.size, pooling.stride, pooling.padding, pooling.dilation, pooling.ceil_mode)
    rows, columns = both
    if pooling.kind in ("max", "min") or (pooling.kind == "avg" and not pooling.count_include_pad):
        for name, axis in (("rows", rows), ("columns", columns)):
            axis.check_ends(name, pooling.kind)
    return PoolPlan(
        out=(rows.count, columns.count), span=(rows.span, columns.span), stride=(rows.stride, columns.stride),
        texts=(rows.formula, columns.formula), dropped=(rows.dropped, columns.dropped),
        middle=lambda axis, index: both[axis].middle(index),
        cells=lambda axis, index, channel: range(*both[axis].covered(index, index + 1), both[axis].dilation),
        before=(rows.before, columns.before),
    )  # fmt: skip


def _plan_global(pooling: Pooling, size: Pair) -> PoolPlan:
    """Plan one value a channel."""
    texts = f"all {size[0]} = 1", f"all {size[1]} = 1"
    return PoolPlan(
        (1, 1), size, None, texts, (0, 0), lambda axis, index: size[axis] // 2, lambda axis, *_: range(size[axis])
    )


def _plan_adaptive(pooling: Pooling, size: Pair) -> PoolPlan:
    """Plan windows that share the input out: ``floor(i*in/out)`` up to ``ceil((i+1)*in/out)``."""
    out = pair(pooling.output_size, "output_size")
    check_cells(*out)
    rows, columns = (-(-(n + k - math.gcd(n, k)) // k) for n, k in zip(size, out, strict=True))
    texts = [f"{n} shared by {k} windows of up to {w}" for n, k, w in zip(size, out, (rows, columns), strict=True)]

    def cells(axis: int, index: int, _: int) -> range:
        n, k = size[axis], out[axis]
        return range(index * n // k, -((index + 1) * n // -k))

    def middle(axis: int, index: int) -> int:
        window = cells(axis, index, 0)
        return (window.start + window.stop - 1) // 2

    even = size[0] % out[0] == 0 and size[1] % out[1] == 0
    return PoolPlan(out, (rows, columns), _ratios(size, out), (texts[0], texts[1]), (0, 0), middle, cells, even=even)


def _plan_fractional(pooling: Pooling, size: Pair) -> PoolPlan:
    """Plan windows at places drawn from the seed, evenly spread on the whole."""
    window = pair(pooling.size, "size")
    out = fractional_size(size, window, pooling.output_size, pooling.share)
    texts = [f"{k} windows of {w} spread over {n}" for n, k, w in zip(size, out, window, strict=True)]

    def middle(axis: int, index: int) -> int:
        n, k, w = size[axis], out[axis], window[axis]
        return index * (n - w) // max(1, k - 1) + (w - 1) // 2

    def cells(axis: int, index: int, channel: int) -> range:
        start, stop = drawn_window(pooling.seed, size, window, out, channel, axis, index)
        return range(start, stop)

    return PoolPlan(out, window, _ratios(size, out), (texts[0], texts[1]), (0, 0), middle, cells, even=False)


def _ratios(size: Pair, out: Pair) -> tuple[float, float]:
    """Return how many cells come in for each that goes out, whole where it is."""
    rows, columns = (n // k if n % k == 0 else n / k for n, k in zip(size, out, strict=True))
    return rows, columns


_PLANNERS: dict[str, Callable[[Pooling, Pair], PoolPlan]] = {
    "window": _plan_windows,
    "global": _plan_global,
    "adaptive": _plan_adaptive,
    "fractional": _plan_fractional,
}


def parse_pool(text: str) -> Pooling:
    """Return a pooling as it is typed: ``[MODE-]KIND[:SIZE[:STRIDE]]``, then settings as ``:ceil`` or ``:pad=1``.

    ``max``, ``min``, ``avg``, ``sum`` and ``lp`` take a size and a stride, ``global-KIND`` nothing, ``adaptive-KIND``
    the size of the result, ``fractional-KIND`` a size, and ``ratio=R`` or ``out=ROWS,COLS``. A stride that is left
    out is the window's own size.

    Raises
    ------
    UnknownNameError
        If the pooling or a setting is unknown.
    ParameterError
        If the text has another form, a value is out of its range, or a setting means nothing for this pooling.

    Examples
    --------
    >>> parse_pool("avg:2,3").words()["size"], parse_pool("max:2:1").stride
    ((2, 3), (1, 1))
    >>> parse_pool("global-avg")[:2], parse_pool("avg:3:ceil:pad=1:count-include-pad=no")[4:8]
    (('avg', 'global'), ('1', 1, True, False))
    """
    word, *parts = (part.strip() for part in text.split(":"))
    name = word.lower().replace("_", "-")
    if name[:1].isdecimal():
        raise ParameterError(f"pooling {text!r} does not say which (write max:{text} or avg:{text})")
    mode, kind = lookup(POOL_NAMES, name, "pooling")
    placed, named = POOL_MODES[mode]
    given: dict[str, Any] = {}
    waiting = list(placed)
    for part in parts:
        key, value = _setting(part, text)
        if not key:
            if not waiting:
                raise ParameterError(f"pooling {text!r}: {part!r} is one number too many{_usage(name, mode)}")
            key = waiting.pop(0)
        elif key in waiting:
            waiting.remove(key)
        if key not in (*placed, *named) or _meaningless(kind, key):
            raise ParameterError(f"pooling {text!r}: {_typed(key)} means nothing for {name}{_usage(name, mode)}")
        if key in given:
            raise ParameterError(f"pooling {text!r} gives {_typed(key)} twice")
        given[key] = _READERS[key](value, f"{_typed(key)} of pooling {text!r}")
    if placed and placed[0] not in given:
        whose = "result" if mode == "adaptive" else "windows"
        whole = f"; global-{kind} takes whole channels" if mode == "window" else ""
        raise ParameterError(f"pooling {text!r} needs the size of its {whose}{_usage(name, mode)[:-1]}{whole})")
    pooling = Pooling(kind, mode, **given)
    if mode == "fractional":
        _check_share(pooling, text)
    return pooling


def pool_label(text: str) -> str:
    """Return a pooling as it is typed, in one spelling and as a part of a file's name.

    Examples
    --------
    >>> pool_label("Avg:2,3 : pad = 1"), pool_label("global_avg")
    ('avg-2x3-pad=1', 'global-avg')
    """
    return "".join(text.lower().split()).replace("_", "-").replace(":", "-").replace(",", "x")


def _check_share(pooling: Pooling, text: str) -> None:
    """Raise where a fractional pooling says twice what it leaves, or where that cannot be guessed."""
    if pooling.output_size is not None and pooling.output_ratio is not None:
        raise ParameterError(f"pooling {text!r} gives both ratio and out, and each says it all (leave one out)")
    if pooling.note and 1 in pair(pooling.size, "size"):
        raise ParameterError(f"pooling {text!r} has windows of 1: say what is left (ratio=0.7, or out=ROWS,COLS)")


def _usage(name: str, mode: str) -> str:
    """Return the end of a message: how this pooling is typed."""
    return f" (as in {_EXAMPLES[mode].replace('{}', name)})"


def _meaningless(kind: str, key: str) -> bool:
    """Say whether only another kind has this setting."""
    return (key == "p" and kind != "lp") or (key == "count_include_pad" and kind != "avg")


def _setting(part: str, text: str) -> tuple[str, str]:
    """Return the setting's name and its value; no name for a number, which has its place."""
    word, equals, value = (piece.strip() for piece in part.partition("="))
    if not equals and (not word or not word[0].isalpha()):
        return "", word
    key = lookup(_SETTINGS, word.lower().replace("_", "-"), "pooling setting")
    if not equals and key not in ("ceil_mode", "count_include_pad"):
        raise ParameterError(f"pooling {text!r}: {word} needs a value, as in {word}=1")
    return key, value if equals else "yes"


def _typed(key: str) -> str:
    """Return a setting's name as it is typed."""
    return next(word for word in _SETTINGS if _SETTINGS[word] == key)


def _yes(value: str, what: str) -> bool:
    """Read yes or no."""
    if value.lower() not in _YES | _NO:
        raise ParameterError(f"{what} is yes or no, got {value!r}")
    return value.lower() in _YES


def _padding(value: str, what: str) -> str:
    """Read a padding, whose words stay words until sizes are known."""
    try:
        resolve_pads(value, (9, 9), (1, 1), (1, 1), (1, 1))
    except ParameterError as error:
        raise ParameterError(f"{what}: {error}") from None
    return value


def _exponent(value: str, what: str) -> float:
    """Read a number above 0."""
    number = _number(value, what)
    if not 0 < number < math.inf:
        raise ParameterError(f"{what} must be a number above 0, got {value!r}")
    return number


def _shares(value: str, what: str) -> tuple[float, float]:
    """Read one or two numbers between 0 and 1."""
    numbers = [_number(part, what) for part in value.split(",")]
    if len(numbers) > 2 or not all(0 < number < 1 for number in numbers):
        raise ParameterError(f"{what} takes one or two numbers between 0 and 1, got {value!r}")
    return numbers[0], numbers[-1]


def _number(value: str, what: str) -> float:
    """Read a number."""
    try:
        return float(value)
    except ValueError:
        raise ParameterError(f"{what} must be a number, got {value!r}") from None


def _seed(value: str, what: str) -> int:
    """Read a whole number of at least 0."""
    if not value.isdecimal():
        raise ParameterError(f"{what} must be a whole number of at least 0, got {value!r}")
    return int(value)


_YES, _NO = {"yes", "true", "1", "on"}, {"no", "false", "0", "off"}

#: The words for settings, as they are typed; the first of equals is the one that messages use.
_SETTINGS = {
    "size": "size", "stride": "stride", "pad": "padding", "padding": "padding", "dilation": "dilation",
    "ceil": "ceil_mode", "ceil-mode": "ceil_mode", "count-include-pad": "count_include_pad", "p": "p",
    "out": "output_size", "output-size": "output_size", "ratio": "output_ratio", "output-ratio": "output_ratio",
    "seed": "seed",
}  # fmt: skip

_READERS: dict[str, Callable[[str, str], Any]] = {
    "size": pair, "stride": pair, "dilation": pair, "output_size": pair, "padding": _padding, "ceil_mode": _yes,
    "count_include_pad": _yes, "p": _exponent, "output_ratio": _shares, "seed": _seed,
}  # fmt: skip
