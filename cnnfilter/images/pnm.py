"""PBM, PGM, PPM and PFM pictures, of any size: their rows are read from the file when they are asked for.

Netpbm's formats are a short header and plain rows, so they need no decoder, no copy, and no more memory than
a strip.
"""

from __future__ import annotations

import math
import os
import re
import threading
import weakref
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from cnnfilter.errors import CnnFilterError, ImageError
from cnnfilter.files import quoted
from cnnfilter.images.picture import Limits, Picture, Strip
from cnnfilter.images.strips import native

Source = Callable[[int, int], "bytes | memoryview"]

_FIELD = re.compile(rb"(?:\s|#[^\n\r]*[\n\r])*([^\s#]+)")
_MAGIC = re.compile(rb"P[1-7Ff]\s")
_LONGEST_HEADER = 65536
_SPACES = b" \t\n\r\v\f"

#: Bytes of memory for each value, and for each byte of text, of a file that is written in digits.
_PLAIN_VALUE, _PLAIN_BYTE = 18, 4


def decode_pnm(data: bytes | None, path: str, name: str, limits: Limits) -> Picture:
    """Return a Netpbm picture, PBM as 0 for black and 255 for white.

    Parameters
    ----------
    data
        The bytes of the file, or None to read its rows from `path` as they are needed.
    path
        The file, where `data` is None. It stays open as long as the picture lives.
    name
        What messages call it.
    limits
        Checked before anything is allocated.

    Raises
    ------
    ImageError
        If the header makes no sense or the file is shorter than it says.

    References
    ----------
    https://netpbm.sourceforge.net/doc/pnm.html, and pfm.html beside it.
    """
    try:
        size, read = (len(data), partial(_slice, memoryview(data))) if data is not None else _opened(path)
        return _decode(read, size, name, limits)
    except CnnFilterError as error:
        raise type(error)(f"{quoted(name)}: {error}") from error
    except OSError as error:
        raise ImageError(f"{quoted(name)}: {error.strerror or error}") from error


def _slice(view: memoryview, start: int, count: int) -> memoryview:
    """Return `count` bytes of a file that is in memory."""
    return view[start : start + count]


def _opened(path: str) -> tuple[int, Source]:
    """Return the size of a file and a function that reads from it; the file closes when that is forgotten."""
    file, lock = Path(path).open("rb", buffering=0), threading.Lock()  # noqa: SIM115 - the picture keeps it

    def read(start: int, count: int) -> bytes:
        with lock:
            file.seek(start)
            return file.read(count)

    weakref.finalize(read, file.close)
    return os.fstat(file.fileno()).st_size, read


def _header(head: bytes) -> tuple[str, list[bytes], int]:
    """Return the magic, the fields of the header, and where the values begin."""
    magic, fields, at = head[:2].decode("ascii"), [], 2
    for _ in range(2 if magic in ("P1", "P4") else 3):
        found = _FIELD.match(head, at)
        if not found:
            raise ImageError("truncated PNM: the header ends too early")
        fields.append(found[1])
        at = found.end()
    return magic, fields, at + 1


def _whole(text: bytes, what: str, most: int) -> int:
    """Return a number of the header."""
    if not text.isdigit() or len(text) > 10 or not 1 <= int(text) <= most:
        raise ImageError(f"damaged PNM: its {what} is {text[:20].decode('latin-1')!r}, needs 1 to {most}")
    return int(text)


def _decode(read: Source, size: int, name: str, limits: Limits) -> Picture:
    """Read the header, compare it with the size of the file, and prepare the rows."""
    magic, fields, start = _header(bytes(read(0, min(size, _LONGEST_HEADER))))
    width = _whole(fields[0], "width", 2**31)
    height = _whole(fields[1], "height", 2**31)
    limits.check_size(height, width)
    channels = 3 if magic in ("P3", "P6", "PF") else 1
    dtype: np.dtype[Any]
    if magic in ("Pf", "PF"):
        dtype, full = np.dtype("<f4" if _scale(fields[2]) < 0 else ">f4"), 0.0
    else:
        full = 255.0 if magic in ("P1", "P4") else float(_whole(fields[2], "maximum", 65535))
        dtype = np.dtype("u1" if full < 256 else ">u2")
    notes: tuple[str, ...] = ()
    if magic in ("P1", "P2", "P3"):
        limits.check_memory(_PLAIN_VALUE * height * width * channels + _PLAIN_BYTE * size)
        whole = _plain(bytes(read(start, size - start)), magic, height, width, full)

        def strip(first: int, last: int) -> Strip:
            return whole[:, first:last]
    else:
        row = (width + 7) // 8 if magic == "P4" else width * channels * dtype.itemsize
        if start + row * height > size:
            raise ImageError(f"truncated PNM: {height} rows of {row} bytes are announced, {size - start} bytes follow")
        end = start + row * height
        if _MAGIC.match(bytes(read(end, min(size - end, 3)))):
            notes = ("first of several pictures in one file: the others are not read",)
        strip = partial(_raw, read, magic, start, row, (height, width, channels), dtype)
    return Picture(
        name, height, width, channels, has_alpha=False, dtype=dtype.newbyteorder("="), notes=notes, strip=strip,
        full_scale=full,
    )  # fmt: skip


def _scale(text: bytes) -> float:
    """Return the scale of a PFM file, whose sign is the byte order."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not value or math.isnan(value):
        raise ImageError(f"damaged PNM: its scale is {text[:20].decode('latin-1')!r}, needs a number other than 0")
    return value


def _raw(
    read: Source,
    magic: str,
    start: int,
    row: int,
    size: tuple[int, int, int],
    dtype: Any,
    first: int,
    last: int,
) -> Strip:
    """Return rows `first` to `last` of a binary file as ``(C, R, W)``."""
    height, width, channels = size
    if magic in ("Pf", "PF"):  # the bottom row comes first
        first, last = height - last, height - first
    data = read(start + first * row, (last - first) * row)
    if len(data) < (last - first) * row:
        raise ImageError("the file became shorter while it was read")
    if magic == "P4":
        bits = np.unpackbits(np.frombuffer(data, np.uint8).reshape(-1, row), axis=1, count=width)
        white: Strip = (np.uint8(1) - bits) * np.uint8(255)
        return white[None]
    values = np.frombuffer(data, dtype).reshape(-1, width, channels)
    if magic in ("Pf", "PF"):
        values = values[::-1]
    return native(values.transpose(2, 0, 1))  # (C, R, W)


def _plain(text: bytes, magic: str, height: int, width: int, full: float) -> Strip:
    """Return the values of a file that is written in decimal digits."""
    text = re.sub(rb"#[^\n\r]*", b" ", text)
    channels = 3 if magic == "P3" else 1
    count = height * width * channels
    values = _bits(text, count) if magic == "P1" else _numbers(text, count)
    if values.size < count:
        raise ImageError(f"truncated PNM: {count} values are announced, {values.size} follow")
    if magic != "P1" and not 0 <= values.min() <= values.max() <= full:
        raise ImageError(f"damaged PNM: a value is outside 0 to {full:.0f}")
    pixels: Strip = values.astype(np.uint8 if full < 256 else np.uint16).reshape(height, width, channels)
    return np.moveaxis(pixels, 2, 0)  # (C, H, W)


def _bits(text: bytes, count: int) -> Strip:
    """Return black and white cells, which need nothing between them, as 0 and 255."""
    digits = np.frombuffer(text.translate(None, _SPACES)[:count], np.uint8)
    strange = (digits != ord("0")) & (digits != ord("1"))
    if strange.any():
        raise ImageError(f"damaged PNM: {chr(digits[strange.argmax()])!r} is neither 0 nor 1")
    return (ord("1") - digits) * np.uint8(255)


def _numbers(text: bytes, count: int) -> Strip:
    """Return whole numbers, or as many as there are."""
    is_space = np.isin(np.frombuffer(b" " + text, np.uint8), np.frombuffer(_SPACES, np.uint8))
    starts = np.flatnonzero(is_space[:-1] & ~is_space[1:])
    if len(starts) < count:
        return starts
    text = text[: starts[count]] if len(starts) > count else text
    if text.translate(None, b"0123456789" + _SPACES):
        raise ImageError("damaged PNM: a value is no whole number")
    return np.fromstring(text, np.int64, count, sep=" ")  # too large ones become the largest
