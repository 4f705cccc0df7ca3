"""Whole numbers as the words that hardware reads: $readmemh text, Xilinx's coe, C arrays and raw bytes; and back.

Each file but raw bytes begins with a comment that says what the words are, so that it can be read back.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnfilter.errors import ImageError, ParameterError, lookup

Array = NDArray[Any]

#: Bits of a word, and the orders of axes: channels, rows, columns; or channels last.
WIDTHS, ORDERS = (8, 16, 32), ("chw", "hwc")
#: The formats that are made of words.
WORD_FORMATS = ("mem", "coe", "h", "bin")
#: Words that are turned into text at a time, and numbers on a line of C.
_BLOCK, _ROW = 65_536, 12
#: The comment that says what the words are.
_HEAD = re.compile(rb"cnnfilter words: shape=([0-9x]+) order=(chw|hwc) bits=(8|16|32) (signed|unsigned)")


class Words(NamedTuple):
    """How numbers become words.

    Attributes
    ----------
    bits
        8, 16 or 32; None for those of the numbers' type, or 32 where it has none of these.
    order
        ``chw``, or ``hwc`` with the channels last.
    """

    bits: int | None = None
    order: str = "chw"

    def checked(self) -> Words:
        """Return the same, or raise for a width or an order that there is not."""
        lookup(dict.fromkeys(ORDERS), self.order, "order")
        if self.bits is not None and self.bits not in WIDTHS:
            raise ParameterError(f"words have {', '.join(map(str, WIDTHS))} bits, not {self.bits}")
        return self


#: Those of the numbers' own type, channels first.
PLAIN = Words()


class Packed(NamedTuple):
    """Numbers as words: a flat array in its type, and what a reader must know."""

    values: Array
    shape: tuple[int, ...]
    order: str
    bits: int
    signed: bool

    @property
    def head(self) -> str:
        """The comment that a reader understands."""
        sign = "signed" if self.signed else "unsigned"
        shape = "x".join(map(str, self.shape))
        return f"cnnfilter words: shape={shape} order={self.order} bits={self.bits} {sign}"

    def array(self) -> Array:
        """Return the numbers in their shape, channels first."""
        axes = _to_last(len(self.shape)) if self.order == "hwc" else tuple(range(len(self.shape)))
        laid = self.values.reshape([self.shape[axis] for axis in axes])
        return np.ascontiguousarray(laid.transpose(np.argsort(axes)))


def pack(array: Array, words: Words, name: str = "the map") -> Packed:
    """Return numbers as words.

    Raises
    ------
    ParameterError
        At the first number that is not whole, or that a word does not hold: which, where, and what would.

    Examples
    --------
    >>> packed = pack(np.array([[1, -2]], np.int16), Words())
    >>> packed.head, packed.values.tolist()
    ('cnnfilter words: shape=1x2 order=chw bits=16 signed', [1, -2])
    """
    own = 8 * array.dtype.itemsize if array.dtype.kind in "iu" else 8 if array.dtype.kind == "b" else 32
    bits = words.bits or min(own, max(WIDTHS))
    signed = array.dtype.kind in "if"
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    with np.errstate(invalid="ignore"):
        if array.dtype.kind == "f" and (broken := array != np.rint(array)).any():
            place = _where(broken)
            raise ParameterError(
                f"{name} holds {array[place]:g} at {_said(place)}, and words are whole numbers (--dtype int32)"
            )
        outside = (array < low) | (array > high)
    if outside.any():
        place = _where(outside)
        wider = next((w for w in WIDTHS if array.min() >= -(1 << w - signed) and array.max() < 1 << w - signed), None)
        hint = f"--word {wider} holds all of them" if wider else f"words have at most {max(WIDTHS)} bits"
        kind = f"{'a signed' if signed else 'an unsigned'} word of {bits} bits"
        raise ParameterError(f"{name} holds {array[place]:.15g} at {_said(place)}, and {kind} does not ({hint})")
    laid = array.transpose(_to_last(array.ndim)) if words.order == "hwc" else array
    values = np.ascontiguousarray(laid).ravel().astype(_type(bits, signed))
    return Packed(values, array.shape, words.order, bits, signed)


def _to_last(axes: int) -> tuple[int, ...]:
    """Return the axes of (..., C, H, W) with channels last; fewer than three stay."""
    plain = tuple(range(axes))
    return plain if axes < 3 else (*plain[:-3], axes - 2, axes - 1, axes - 3)


def _type(bits: int, signed: bool) -> np.dtype[Any]:
    """Return the type of a word."""
    return np.dtype(f"{'int' if signed else 'uint'}{bits}")


def _where(mask: Array) -> tuple[int, ...]:
    """Return the place of the first cell that is marked."""
    return tuple(int(index) for index in np.unravel_index(int(mask.argmax()), mask.shape))


def _said(place: tuple[int, ...]) -> str:
    """Return a place as text."""
    return f"[{', '.join(map(str, place))}]"


def write_words(file: BinaryIO, packed: Packed, form: str, name: str) -> None:
    """Write words in a format; `name` is what a C array is called after."""
    if form == "bin":
        file.write(packed.values.astype(packed.values.dtype.newbyteorder("<")).tobytes())
    elif form == "mem":
        file.write(f"// {packed.head}\n".encode())
        for text in _hex(packed, "\n"):
            file.write(text.encode() + b"\n")
    elif form == "coe":
        file.write(f"; {packed.head}\nmemory_initialization_radix=16;\nmemory_initialization_vector=\n".encode())
        for index, text in enumerate(_hex(packed, ",\n")):
            file.write((",\n" if index else "").encode() + text.encode())
        file.write(b";\n")
    else:
        _write_c(file, packed, name)


def _hex(packed: Packed, between: str) -> Iterator[str]:
    """Yield words as digits of two's complement, many at a time."""
    digits, plain = packed.bits // 4, packed.values.view(_type(packed.bits, signed=False))
    for start in range(0, len(plain), _BLOCK):
        yield between.join(f"{value:0{digits}x}" for value in plain[start : start + _BLOCK].tolist())


def _write_c(file: BinaryIO, packed: Packed, name: str) -> None:
    """Write a C array with its length and its shape."""
    word = re.sub(r"\W", "_", name, flags=re.ASCII)
    word = word if word[:1].isalpha() else f"map_{word}"
    upper, kind = word.upper(), f"{'' if packed.signed else 'u'}int{packed.bits}_t"
    shape = ", ".join(map(str, packed.shape)) or "1"
    head = [
        f"/* {packed.head} */", f"#ifndef {upper}_H", f"#define {upper}_H", "", "#include <stdint.h>", "",
        f"#define {upper}_LENGTH {len(packed.values)}", f"#define {upper}_SHAPE {{{shape}}}", "",
        f"static const {kind} {word}[{len(packed.values)}] = {{",
    ]  # fmt: skip
    file.write("\n".join(head).encode() + b"\n")
    least = np.iinfo(np.int32).min  # which is no literal in C
    for start in range(0, len(packed.values), _ROW):
        row = packed.values[start : start + _ROW].tolist()
        file.write(f"    {', '.join('INT32_MIN' if one == least else str(one) for one in row)},\n".encode())
    file.write(f"}};\n\n#endif /* {upper}_H */\n".encode())


def read_words(data: bytes, form: str, like: Packed | None = None) -> Packed:
    """Read words back.

    Parameters
    ----------
    data
        A file's bytes.
    form
        Its format.
    like
        What the words are, where the file does not say so: as a simulator writes them, or raw bytes.

    Raises
    ------
    ImageError
        If nothing says what they are, or there are others than it says.
    """
    head = _HEAD.search(data[:4096])
    if head is not None:
        shape = tuple(int(side) for side in head[1].split(b"x") if side)
        like = Packed(np.empty(0), shape, head[2].decode(), int(head[3]), head[4] == b"signed")
    if like is None:
        raise ImageError(f"says nothing of the shape and the sign of its words (compare it with a {form} of ours)")
    dtype = _type(like.bits, like.signed)
    if form == "bin":
        values = np.frombuffer(data, dtype.newbyteorder("<")) if len(data) % dtype.itemsize == 0 else np.empty(0, dtype)
    elif form == "h":
        body = data.partition(b"= {")[2].partition(b"}")[0].replace(b"INT32_MIN", str(np.iinfo(np.int32).min).encode())
        values = np.array([int(word) for word in body.replace(b"\n", b" ").split(b",") if word.strip()])
    else:
        values = _from_hex(data, form, like.bits).astype(np.dtype(f"uint{like.bits}")).view(dtype)
    if len(values) != math.prod(like.shape):
        raise ImageError(f"holds {len(values)} words, {math.prod(like.shape)} of shape {like.shape} are expected")
    return like._replace(values=values.astype(dtype))


def _from_hex(data: bytes, form: str, bits: int) -> Array:
    """Return the words of text, without comments; a word that a simulator does not know is refused."""
    text = re.sub(rb"//[^\n]*|/\*.*?\*/", b" ", data, flags=re.DOTALL) if form == "mem" else data
    if form == "coe":
        text = re.sub(rb"^;[^\n]*", b" ", text, flags=re.MULTILINE)
        text = text.partition(b"vector=")[2].replace(b",", b" ").replace(b";", b" ")
    values: list[int] = []
    for token in text.split():
        if token.startswith(b"@"):
            if int(token[1:], 16) != len(values):
                raise ImageError(f"address {token.decode()} leaves words out")
            continue
        if re.search(rb"[xXzZ]", token):
            raise ImageError(f"word {len(values)} is {token.decode('ascii', 'replace')}: not known to the simulator")
        values.append(int(token.replace(b"_", b""), 16))
        if values[-1] >= 1 << bits:
            raise ImageError(f"word {len(values) - 1} is {token.decode()}, which takes more than {bits} bits")
    return np.array(values, np.uint64)
