"""Arrays to files: npy, npz, csv, json and words for hardware, each number to its last digit."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnfilter import __version__
from cnnfilter.dumps.names import check_stack
from cnnfilter.dumps.words import PLAIN, WORD_FORMATS, Words, pack, write_words
from cnnfilter.errors import ParameterError
from cnnfilter.files import printable, quoted
from cnnfilter.text import distinct, slug

Array = NDArray[Any]

#: Numbers that are turned into text at a time.
_BLOCK = 65_536


def rows_as_text(rows: Array, empty: bytes = b"") -> Iterator[bytes]:
    """Yield each row of numbers as text with commas between them.

    Parameters
    ----------
    rows
        ``(R, W)`` of any real type.
    empty
        What to write for NaN and infinity; by default ``nan``, ``inf`` and ``-inf``.

    Notes
    -----
    Whole numbers are written without a point. All else has the fewest digits that read back as the same number
    in the array's type (of float16: in float32). About seventy million numbers a second.

    Examples
    --------
    >>> list(rows_as_text(np.array([[0.1, 2.0], [np.nan, -1e-7]], np.float32)))
    [b'0.1,2.0', b'nan,-1e-7']
    """
    import orjson  # a picture needs neither this nor zipfile

    count = max(_BLOCK // max(rows.shape[1], 1), 1)
    for start in range(0, len(rows), count):
        block = _native(rows[start : start + count])
        texts = orjson.dumps(block, option=orjson.OPT_SERIALIZE_NUMPY)[2:-2].split(b"],[")
        if block.dtype.kind == "f" and not (finite := np.isfinite(block)).all():
            texts = [_named(*one, empty) for one in zip(texts, block, finite, strict=True)]
        yield from texts


def _native(block: Array) -> Array:
    """Return numbers as the encoder takes them: whole ones as integers, unless a zero has a sign."""
    block = np.ascontiguousarray(block, block.dtype.newbyteorder("="))
    if block.dtype.kind != "f":
        return block.astype(np.uint8) if block.dtype.kind == "b" else block
    with np.errstate(invalid="ignore"):  # what is not finite is not whole either
        whole = block.astype(np.int64)
    same = (whole == block) & (np.abs(whole) < 2**53)
    return whole if same.all() and not np.signbit(block[block == 0]).any() else block


def _named(text: bytes, row: Array, finite: NDArray[np.bool_], empty: bytes) -> bytes:
    """Return a row of text in which what is not finite has a name."""
    cells = text.split(b",")
    for column in np.flatnonzero(~finite):
        cells[column] = empty or str(row[column]).encode()
    return b",".join(cells)


_VECTOR_PIECE = 65_536
_WRITE_BYTES = 1 << 22
_OLDEST = (1980, 1, 1, 0, 0, 0)  # zip knows no earlier time


@dataclass(frozen=True)
class Dump:
    """Maps to be written into one file.

    Parameters
    ----------
    maps
        Names and arrays, in order: ``(oH, oW)``, ``(C, oH, oW)``, or a vector. The names are distinct.
    stack
        Whether the kernels' axis goes in front even if there is only one map.
    info
        What a JSON dump says beside shape and type: source, kernel, parameters.
    words
        How numbers become words, in the formats of hardware.

    Raises
    ------
    ParameterError
        If two maps have one name, of which a file would lose one; or if several are no stack.
    """

    maps: Sequence[tuple[str, Array]]
    stack: bool = False
    info: Mapping[str, Any] = field(default_factory=dict)
    words: Words = PLAIN

    def __post_init__(self) -> None:
        if not self.maps or (len(self.maps) > 1 and not self.stack):
            raise ParameterError(f"a dump holds one map, or a stack of them; got {len(self.maps)}")
        if distinct(self.names) != self.names:
            raise ParameterError(f"maps of equal names in one file: {', '.join(map(quoted, self.names[:8]))}")

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the maps."""
        return tuple(name for name, _ in self.maps)

    def array(self) -> Array:
        """Return the only map, or the maps of a stack as one array ``(K, ...)``.

        Raises
        ------
        ShapeError
            If the maps of a stack are not all of one shape.
        """
        arrays = [array for _, array in self.maps]
        if not self.stack:
            return arrays[0]
        check_stack(array.shape for array in arrays)
        return np.stack(arrays)  # (K, ...)


class DumpFormat(NamedTuple):
    """One format of dumps.

    Attributes
    ----------
    write
        Takes an open binary file and a dump.
    one_array
        Whether a stack becomes one array, so that all of its maps must be of one shape.
    text
        Whether a terminal can show it.
    """

    write: Callable[[BinaryIO, Dump], None]
    one_array: bool
    text: bool


#: Every format of dumps, by the ending of its files. A new one is a function here with its row above it.
DUMP_FORMATS: dict[str, DumpFormat] = {}


def _format(
    name: str, *, one_array: bool = True, text: bool = False
) -> Callable[[Callable[[BinaryIO, Dump], None]], Callable[[BinaryIO, Dump], None]]:
    """Return what makes a function a format of dumps."""

    def add(write: Callable[[BinaryIO, Dump], None]) -> Callable[[BinaryIO, Dump], None]:
        DUMP_FORMATS[name] = DumpFormat(write, one_array, text)
        return write

    return add


@_format("npy")
def write_npy(file: BinaryIO, dump: Dump) -> None:
    """Write one array in NumPy's own format, version 1.0."""
    _write_array(file, dump.array())


@_format("npz", one_array=False)
def write_npz(file: BinaryIO, dump: Dump) -> None:
    """Write each map under its name, made into a safe one, without compression."""
    import zipfile

    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, array in dump.maps:
            member = zipfile.ZipInfo(f"{slug(name)}.npy", _OLDEST)
            member.create_system, member.external_attr = 3, 0o644 << 16
            with archive.open(member, "w", force_zip64=True) as stream:
                _write_array(stream, array)


@_format("csv", text=True)
def write_csv(file: BinaryIO, dump: Dump) -> None:
    """Write rows of numbers; with several maps, each row after the name of its map and its own number.

    One map ``(oH, oW)`` or a vector is bare rows. Otherwise the first line is ``map,row,0,1,...``; the channels
    of a map are named ``name/0``, ``name/1`` and so on.

    Raises
    ------
    ShapeError
        If the maps are not all of one shape.
    """
    array = dump.array()
    if array.ndim <= 2 and not dump.stack:
        if array.ndim <= 1:
            file.writelines(_vector(array))
            file.write(b"\n")
            return
        for text in rows_as_text(array):
            file.write(text + b"\n")
        return
    height, width = np.atleast_2d(array[0]).shape[-2:]
    file.write(b"map,row," + b",".join(b"%d" % column for column in range(width)) + b"\n")
    for label, rows in zip(distinct(_labels(dump)), array.reshape(-1, height, width), strict=True):
        cell = csv_cell(label).encode()
        for number, text in enumerate(rows_as_text(rows)):
            file.write(b"%b,%d,%b\n" % (cell, number, text))


@_format("json", text=True)
def write_json(file: BinaryIO, dump: Dump) -> None:
    """Write strict JSON: what is known of the numbers, and then the numbers as nested lists, null for NaN."""
    array = dump.array()
    head = {
        "program": "cnnfilter",
        "version": __version__,
        **dump.info,
        **({"maps": list(dump.names)} if dump.stack else {}),
        "shape": list(array.shape),
        "dtype": str(array.dtype),
    }
    text = json.dumps(_plain(head), allow_nan=False, indent=1)
    file.write(text.removesuffix("\n}").encode() + b',\n "data": ')
    for piece in _nested(array):
        file.write(piece)
    file.write(b"\n}\n")


def _as_words(form: str) -> Callable[[BinaryIO, Dump], None]:
    """Return what writes whole numbers in a format of hardware."""

    def write(file: BinaryIO, dump: Dump) -> None:
        name = dump.names[0] if len(dump.names) == 1 else "maps"
        write_words(file, pack(dump.array(), dump.words, name), form, name)

    return write


for _form in WORD_FORMATS:
    _format(_form, text=_form != "bin")(_as_words(_form))


def csv_cell(text: str) -> str:
    """Return text as one cell that no spreadsheet takes for a formula.

    Examples
    --------
    >>> print(csv_cell("=1+2"), csv_cell("a,b"), csv_cell("sobel-x"))
    '=1+2 "a,b" sobel-x
    """
    if text[:1] in ("=", "+", "-", "@", "\t", "\r", "\n"):
        text = f"'{text}"
    text = printable(text)
    return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in '",;\t') else text


def _write_array(file: Any, array: Array) -> None:
    """Write an array's npy header and bytes, by plain writes whose errors keep their numbers."""
    array = array.astype(array.dtype.newbyteorder("<"), copy=False)
    np.lib.format.write_array_header_1_0(file, {"descr": array.dtype.str, "fortran_order": False, "shape": array.shape})
    for part in _slabs(array):
        file.write(np.ascontiguousarray(part).data.cast("B"))


def _slabs(array: Array) -> Iterator[Array]:
    """Yield the array in pieces of a few megabytes, along its first axis."""
    array = np.atleast_1d(array)
    count = max(_WRITE_BYTES * len(array) // max(array.nbytes, 1), 1)
    for start in range(0, len(array), count):
        yield array[start : start + count]


def _labels(dump: Dump) -> Iterator[str]:
    """Yield the name of each plane of a stack."""
    for name, array in dump.maps:
        planes = math.prod(array.shape[:-2])
        yield from ([name] if array.ndim <= 2 else [f"{name}/{plane}" for plane in range(planes)])


def _plain(value: Any) -> Any:
    """Return what JSON can hold: null for what is not finite, text for what is no text."""
    if isinstance(value, Mapping):
        return {str(_plain(str(key))): _plain(item) for key, item in value.items()}
    if isinstance(value, str):
        return "".join(char if not 0xD800 <= ord(char) <= 0xDFFF else printable(char) for char in value)
    if isinstance(value, bool | int | None):
        return value
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    return _plain(str(value))


def _vector(values: Array, empty: bytes = b"") -> Iterator[bytes]:
    """Yield one row of numbers, however long, as text in pieces."""
    values = np.atleast_1d(values)
    for start in range(0, len(values), _VECTOR_PIECE):
        yield b"," if start else b""
        yield from rows_as_text(values[None, start : start + _VECTOR_PIECE], empty)


def _nested(array: Array) -> Iterator[bytes]:
    """Yield an array as JSON lists, one row a line."""
    if array.ndim <= 1:
        yield b"["
        yield from _vector(array, empty=b"null")
        yield b"]"
        return
    yield b"["
    if array.ndim == 2:
        for index, text in enumerate(rows_as_text(array, empty=b"null")):
            yield (b",\n[" if index else b"[") + text + b"]"
    else:
        for index, part in enumerate(array):
            yield b",\n" if index else b""
            yield from _nested(part)
    yield b"]"
