"""Sizes in plain integers: what users type, made into one form, and the size formulas.

Nothing here touches an array. Every function takes and gives Python integers, rows before columns.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import Any, NamedTuple, TypeAlias

from cnnfilter.errors import ParameterError, ResourceError, ShapeError, lookup

Pair: TypeAlias = tuple[int, int]
PaddingLike: TypeAlias = "str | int | Sequence[int] | Sequence[Sequence[int]]"

#: Border rules, by every name they are known under.
PADDING_MODES: dict[str, str] = {
    "zeros": "zeros",
    "reflect": "reflect",
    "mirror": "reflect",
    "symmetric": "symmetric",
    "replicate": "replicate",
    "edge": "replicate",
    "nearest": "replicate",
    "circular": "circular",
    "wrap": "circular",
    "constant": "constant",
}

#: The largest number that a size, stride or padding may be, and the most cells of a map: no machine holds more, and
#: its bytes can still be counted in 64 bits.
LARGEST = 2**31 - 1
MOST_CELLS = 2**45


class Pads(NamedTuple):
    """How many rows and columns are added on each side."""

    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0

    @property
    def rows(self) -> int:
        """Rows added in all."""
        return self.top + self.bottom

    @property
    def columns(self) -> int:
        """Columns added in all."""
        return self.left + self.right

    def __bool__(self) -> bool:
        return bool(self.rows or self.columns)


class Border(NamedTuple):
    """What the added rows and columns hold: a rule, and the value of a constant border."""

    mode: str = "zeros"
    value: float = 0.0


def _integers(value: object, name: str) -> list[int]:
    """Read ``2``, ``"2"``, ``"2,3"`` or ``(2, 3)`` as a list of integers."""
    parts: Iterable[Any]
    if isinstance(value, str):
        parts = [part.strip() for part in value.split(",")]
    elif isinstance(value, Iterable) and not isinstance(value, bytes):
        parts = value
    else:
        parts = [value]
    try:
        numbers = [_integer(part) for part in parts]
    except (TypeError, ValueError, OverflowError):
        raise ParameterError(f"{name} {value!r} is not a whole number, or several as rows,columns") from None
    if max(numbers, default=0) > LARGEST:
        raise ParameterError(f"{name} {value!r} is too large (at most {LARGEST})")
    return numbers


def _integer(value: Any) -> int:
    """Return `value` as an int, refusing what would have to be rounded."""
    if isinstance(value, str):
        return int(value)
    if isinstance(value, bool) or value != int(value):
        raise ValueError(value)
    return int(value)


def rows_by_columns(text: str, name: str) -> Pair:
    """Return ``(rows, columns)`` from a size as it is typed; one number is a square.

    Raises
    ------
    ParameterError
        If it is anything else, or a side is below 1.

    Examples
    --------
    >>> rows_by_columns("480x640", "--size"), rows_by_columns("8", "--size")
    ((480, 640), (8, 8))
    """
    try:
        rows, columns = pair(text.lower().replace("x", ","), name, minimum=0)
    except ParameterError:
        raise ParameterError(f"{name} takes ROWSxCOLS, as in 480x640, got {text!r}") from None
    if min(rows, columns) < 1:
        raise ParameterError(f"{name} must be at least 1, got {text!r}")
    return rows, columns


def pair(value: object, name: str, *, minimum: int = 1) -> Pair:
    """Return ``(rows, columns)`` from one number, two, or the text of either.

    Raises
    ------
    ParameterError
        If `value` is not one or two whole numbers of at least `minimum`.

    Examples
    --------
    >>> pair("2,3", "stride"), pair(2, "stride")
    ((2, 3), (2, 2))
    """
    numbers = _integers(value, name)
    if len(numbers) not in (1, 2):
        raise ParameterError(f"{name} takes one number, or rows,columns; got {value!r}")
    if min(numbers) < minimum:
        raise ParameterError(f"{name} must be at least {minimum}, got {value!r}")
    return numbers[0], numbers[-1]


def check_groups(groups: Any) -> int:
    """Return the number of groups as an int.

    Raises
    ------
    ParameterError
        If it is no whole number of at least 1.
    """
    if isinstance(groups, bool) or not isinstance(groups, Integral) or groups < 1:
        raise ParameterError(f"groups must be a whole number of at least 1, got {groups!r}")
    return int(groups)


def parse_border(padding_mode: str) -> Border:
    """Return the border rule that a name such as ``mirror`` or ``constant:7`` stands for."""
    name, _, text = str(padding_mode).partition(":")
    mode = lookup(PADDING_MODES, name, "padding mode")
    if mode != "constant":
        if text:
            raise ParameterError(f"padding mode {name} takes no value, got {padding_mode!r}")
        return Border(mode)
    try:
        value = float(text)
    except ValueError:
        raise ParameterError(f"padding mode constant needs a number, as in constant:7; got {padding_mode!r}") from None
    return Border("constant", value)


def same_pads(size: int, kernel: int, stride: int, dilation: int, *, flip: bool = False) -> Pair:
    """Return the pads before and after that make ``ceil(size / stride)`` outputs.

    A surplus goes after; with `flip` before, since the middle of an even kernel turns with the kernel.

    Examples
    --------
    >>> same_pads(5, 4, 1, 1), same_pads(5, 4, 1, 1, flip=True)
    ((1, 2), (2, 1))
    """
    total = max(0, (math.ceil(size / stride) - 1) * stride + dilation * (kernel - 1) + 1 - size)
    less = total // 2
    return (total - less, less) if flip else (less, total - less)


def resolve_pads(
    padding: PaddingLike, size: Pair, kernel: Pair, stride: Pair, dilation: Pair, *, flip: bool = False
) -> Pads:
    """Return the four pads that a padding argument means for these sizes.

    Parameters
    ----------
    padding
        ``valid``, ``same``, ``full``, n, ``rows,cols``, ``top,bottom,left,right``, or
        ``((top, bottom), (left, right))``.
    size, kernel, stride, dilation
        Rows and columns of each.
    flip
        Whether the kernel is turned by 180 degrees, which moves the middle of an even one: ``same`` then lies where
        ``np.convolve(..., "same")`` and ``scipy.signal.convolve2d`` have it.

    Raises
    ------
    ParameterError
        If `padding` has another form, or a negative number.

    Examples
    --------
    >>> resolve_pads("same", (5, 6), (3, 4), (1, 1), (1, 1))
    Pads(top=1, bottom=1, left=1, right=2)
    """
    word = padding.strip() if isinstance(padding, str) else ""
    if word == "valid":
        return Pads()
    if word == "full":
        rows, columns = (d * (k - 1) for d, k in zip(dilation, kernel, strict=True))
        return Pads(rows, rows, columns, columns)
    if word == "same":
        return Pads(
            *same_pads(size[0], kernel[0], stride[0], dilation[0], flip=flip),
            *same_pads(size[1], kernel[1], stride[1], dilation[1], flip=flip),
        )
    return _explicit_pads(padding)


def _explicit_pads(padding: PaddingLike) -> Pads:
    """Read the forms of `padding` that are numbers."""
    flat: Any = padding
    if isinstance(padding, Iterable) and not isinstance(padding, str | bytes):
        sides = [list(side) if isinstance(side, Iterable) else [side] for side in padding]
        flat = [number for side in sides for number in side]
        if any(isinstance(side, Iterable) for side in padding) and [len(side) for side in sides] != [2, 2]:
            raise ParameterError(f"padding must be ((top, bottom), (left, right)), got {padding!r}")
    if isinstance(flat, str) and flat.strip().isalpha():
        lookup({"valid": 0, "same": 0, "full": 0}, flat.strip(), "padding")
    numbers = _integers(flat, "padding")
    if min(numbers, default=-1) < 0:
        raise ParameterError(f"padding must be 0 or more, got {padding!r}")
    match numbers:
        case [every]:
            return Pads(every, every, every, every)
        case [rows, columns]:
            return Pads(rows, rows, columns, columns)
        case [top, bottom, left, right]:
            return Pads(top, bottom, left, right)
    raise ParameterError(f"padding takes 1, 2 or 4 numbers (top,bottom,left,right), got {padding!r}")


def formula(size: int, pads: int, kernel: int, stride: int, dilation: int) -> str:
    """Return the output-size formula with its numbers filled in.

    Examples
    --------
    >>> formula(5, 0, 7, 1, 1)
    '(5 + 0 - 1*(7-1) - 1) // 1 + 1 = -1'
    """
    result = (size + pads - dilation * (kernel - 1) - 1) // stride + 1
    return f"({size} + {pads} - {dilation}*({kernel}-1) - 1) // {stride} + 1 = {result}"


def conv_size(size: Pair, pads: Pads, kernel: Pair, stride: Pair, dilation: Pair) -> Pair:
    """Return the output rows and columns of a convolution or pooling.

    ``out = (in + pads - dilation*(k-1) - 1) // stride + 1``

    Raises
    ------
    ShapeError
        If a result is 0 or less; the message shows the sum.

    Examples
    --------
    >>> conv_size((480, 640), Pads(1, 1, 1, 1), (3, 3), (2, 2), (1, 1))
    (240, 320)
    """
    added = (pads.rows, pads.columns)
    out = tuple(
        (n + p - d * (k - 1) - 1) // s + 1 for n, p, k, s, d in zip(size, added, kernel, stride, dilation, strict=True)
    )
    for axis, name in enumerate(("rows", "columns")):
        if out[axis] < 1:
            total = formula(size[axis], added[axis], kernel[axis], stride[axis], dilation[axis])
            raise ShapeError(
                f"kernel {kernel[0]}x{kernel[1]} does not fit the {size[0]}x{size[1]} image: "
                f"{name} = (in + pads - dilation*(k-1) - 1) // stride + 1 = {total} "
                "(add padding, or use a smaller kernel)"
            )
    check_cells(out[0], out[1])
    return out[0], out[1]


def check_cells(rows: int, columns: int) -> None:
    """Raise if a map of this size is more than any machine holds.

    Raises
    ------
    ResourceError
        With the bytes that it would take.
    """
    if rows * columns > MOST_CELLS:
        raise ResourceError(
            f"a map of {rows} x {columns} takes {rows * columns * 4 / 1e12:.3g} TB (pad less, or use larger strides)"
        )


def transpose_size(size: Pair, pads: Pads, kernel: Pair, stride: Pair, dilation: Pair, output_padding: Pair) -> Pair:
    """Return the output rows and columns of a transposed convolution.

    ``out = (in - 1)*stride + output_padding + dilation*(k-1) + 1 - pads`` (ONNX, ConvTranspose)

    Raises
    ------
    ShapeError
        If a result is 0 or less.

    Examples
    --------
    >>> transpose_size((2, 3), Pads(), (3, 3), (2, 2), (1, 1), (0, 1))
    (5, 8)
    """
    added = (pads.rows, pads.columns)
    out = tuple(
        (n - 1) * s + o + d * (k - 1) + 1 - p
        for n, s, o, d, k, p in zip(size, stride, output_padding, dilation, kernel, added, strict=True)
    )
    if min(out) < 1:
        raise ShapeError(
            f"transposed convolution of {size[0]}x{size[1]} gives {out[0]}x{out[1]}: "
            "(in - 1)*stride + output_padding + dilation*(k-1) + 1 - pads must be 1 or more (pad less)"
        )
    check_cells(out[0], out[1])
    return out[0], out[1]
