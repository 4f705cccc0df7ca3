"""PNG, written strip by strip: filters, chunks, and what they hold."""

from __future__ import annotations

import itertools
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from cnnfilter.errors import OutputError, ShapeError, lookup

Bytes = NDArray[np.uint8]

NONE, SUB, UP, AVERAGE, PAETH = range(5)

#: Not a filter of PNG: for each row the one that leaves the smallest sum of differences.
ADAPTIVE = 5

_SAMPLE_ROWS = 6


def filtered(rows: Bytes, above: Bytes | None, step: int, kind: int) -> Bytes:
    """Return rows filtered, each with the number of its filter in front.

    Parameters
    ----------
    rows
        ``(R, n)`` bytes.
    above
        The row before the first, ``(n,)``; None where there is none, or where it must not be used.
    step
        Bytes of a pixel.
    kind
        ``NONE`` to ``PAETH``, or ``ADAPTIVE``.

    Returns
    -------
    numpy.ndarray
        ``(R, 1 + n)``. Without a row `above` the first row is filtered by ``SUB`` where `kind` needs one.
    """
    if kind == ADAPTIVE:
        return _adaptive(rows, above, step)
    out = np.empty((len(rows), rows.shape[1] + 1), np.uint8)
    out[:, 0] = kind
    first = 0
    if above is None and kind > SUB:
        out[0, 0] = SUB
        _sub(rows[:1], rows[:1], step, out[:1, 1:])
        first = 1
    elif above is not None:
        upper = above[None]
        FILTERS[kind](rows[:1], upper, step, out[:1, 1:])
        first = 1
    FILTERS[kind](rows[first:], rows[first - 1 : len(rows) - 1] if first else rows, step, out[first:, 1:])
    return out


def choose_fast(rows: Bytes, step: int) -> int:
    """Return the filter of none, sub and up that leaves the smallest differences in a sample of the rows."""
    if len(rows) < 2:
        return SUB
    step_rows = max(1, len(rows) // _SAMPLE_ROWS)
    here, above = rows[1::step_rows], rows[:-1:step_rows]
    costs = [_cost(here), _cost(here[:, step:] - here[:, :-step]), _cost(here - above)]
    return int(np.argmin(costs))


def _cost(differences: Bytes) -> int:
    """Return the sum of bytes taken as signed, without their signs."""
    return int(np.minimum(differences, -differences).sum(dtype=np.int64))


def _adaptive(rows: Bytes, above: Bytes | None, step: int) -> Bytes:
    """Filter each row by the filter that leaves the smallest sum of differences."""
    each = np.stack([filtered(rows, above, step, kind) for kind in range(ADAPTIVE)])  # (5, R, 1 + n)
    differences = each[:, :, 1:]
    costs = np.minimum(differences, -differences).sum(axis=2, dtype=np.int64)  # (5, R)
    return np.ascontiguousarray(each[costs.argmin(axis=0), np.arange(len(rows))])  # (R, 1 + n)


def _none(rows: Bytes, _above: Bytes, _step: int, out: Bytes) -> None:
    """Keep the bytes."""
    out[...] = rows


def _sub(rows: Bytes, _above: Bytes, step: int, out: Bytes) -> None:
    """Subtract the pixel to the left."""
    out[:, :step] = rows[:, :step]
    np.subtract(rows[:, step:], rows[:, :-step], out=out[:, step:])


def _up(rows: Bytes, above: Bytes, _step: int, out: Bytes) -> None:
    """Subtract the pixel above."""
    np.subtract(rows, above, out=out)


def _average(rows: Bytes, above: Bytes, step: int, out: Bytes) -> None:
    """Subtract the mean of the pixels to the left and above, rounded down."""
    left = np.zeros(rows.shape, np.uint16)
    left[:, step:] = rows[:, :-step]
    left += above
    left >>= 1
    np.subtract(rows, left.astype(np.uint8), out=out)


def _paeth(rows: Bytes, above: Bytes, step: int, out: Bytes) -> None:
    """Subtract the neighbour (left, above or above left) that is nearest to left + above - above left."""
    up = above.astype(np.int16)
    left, corner = np.zeros_like(up), np.zeros_like(up)
    left[:, step:] = rows[:, :-step]
    corner[:, step:] = above[:, :-step]
    to_left, to_up = np.abs(up - corner), np.abs(left - corner)
    to_corner = np.abs(left + up - 2 * corner)
    nearest = np.where(to_up <= to_corner, up, corner)
    nearest = np.where((to_left <= to_up) & (to_left <= to_corner), left, nearest)
    np.subtract(rows, nearest.astype(np.uint8), out=out)


FILTERS: tuple[Callable[[Bytes, Bytes, int, Bytes], None], ...] = (_none, _sub, _up, _average, _paeth)


#: Bytes that the small compression tries everything on.
_SAMPLE = 64 * 1024


def _fast(rows: NDArray[np.uint8], step: int) -> tuple[int, Any]:
    """Return a row filter and a compressor for speed.

    ISA-L takes any match of four bytes, however far away; within the last 512 bytes they are worth it, and photos
    come out 2 to 7 % smaller than with the whole window, in the same time.
    """
    return choose_fast(rows, step), isal_zlib.compressobj(1, isal_zlib.DEFLATED, -9, 9)


def _small(rows: NDArray[np.uint8], step: int) -> tuple[int, Any]:
    """Return the row filter and the strategy of zlib that compress a sample from the middle best."""
    count = max(_SAMPLE // rows.shape[1], 8)
    at = max((len(rows) - count) // 2, 0)

    def size(choice: tuple[int, int]) -> int:
        sample = filtered(rows[at : at + count], None, step, choice[0])
        deflate = _zlib(choice[1])
        return len(deflate.compress(sample)) + len(deflate.flush())

    strategies = (zlib.Z_DEFAULT_STRATEGY, zlib.Z_FILTERED, zlib.Z_RLE, zlib.Z_HUFFMAN_ONLY)
    kind, strategy = min(itertools.product(range(ADAPTIVE + 1), strategies), key=size)
    return kind, _zlib(strategy)


def _zlib(strategy: int) -> Any:
    """Return a compressor that takes its time."""
    return zlib.compressobj(9, zlib.DEFLATED, -15, 8, strategy)


#: Each way to compress: a function that picks a row filter and makes a compressor for some rows.
COMPRESSIONS: dict[str, Callable[[NDArray[np.uint8], int], tuple[int, Any]]] = {"fast": _fast, "small": _small}


Pixels = NDArray[Any]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_ZLIB_HEADER = b"\x78\x01"
_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
_PALETTE_TYPE = 3
_LONGEST_SIDE = 2**31 - 1
_MOD = 65521

#: Bytes that are filtered and compressed at a time: they stay in the cache.
_BLOCK = 128 * 1024


@dataclass(frozen=True, eq=False)
class PngLayout:
    """The header of a PNG.

    Parameters
    ----------
    height, width
        Pixels.
    channels
        1 gray, 2 gray and alpha, 3 RGB, 4 RGBA.
    bits
        8 or 16 a channel.
    palette
        256 RGB colours, 768 bytes, that 8-bit pixels of one channel are indices of; or nothing.

    Raises
    ------
    OutputError
        If PNG has no such pictures.
    """

    height: int
    width: int
    channels: int = 1
    bits: int = 8
    palette: bytes = b""

    def __post_init__(self) -> None:
        if not (0 < self.height <= _LONGEST_SIDE and 0 < self.width <= _LONGEST_SIDE):
            raise OutputError(f"PNG sides go from 1 to {_LONGEST_SIDE}, got {self.width} x {self.height}")
        if self.channels not in _COLOUR_TYPES or self.bits not in (8, 16):
            raise OutputError(f"PNG has 1 to 4 channels of 8 or 16 bits, got {self.channels} of {self.bits}")
        if self.palette and (self.channels, self.bits, len(self.palette)) != (1, 8, 768):
            raise OutputError("a palette needs 768 bytes, and pixels of one 8-bit channel")

    @property
    def pixel_bytes(self) -> int:
        """Bytes of one pixel."""
        return self.channels * self.bits // 8


class Segment(NamedTuple):
    """Some rows of a PNG, filtered and compressed, with what joins them to the others.

    Parameters
    ----------
    data
        Raw deflate streams that follow each other.
    adler
        Adler-32 of the filtered bytes.
    length
        Number of the filtered bytes.
    """

    data: tuple[bytes, ...]
    adler: int
    length: int


def encode_segment(rows: Pixels, layout: PngLayout, compress: str = "fast", *, last: bool) -> Segment:
    """Filter and compress some whole rows of a picture.

    Parameters
    ----------
    rows
        ``(R, W, C)`` or ``(R, W)``, uint8 or uint16 as the layout says. The first row is filtered without the
        one above it, so that segments do not need each other.
    layout
        The picture that the rows belong to.
    compress
        ``fast``, or ``small`` for fewer bytes in many times the time.
    last
        Whether these are the last rows of the picture.

    Raises
    ------
    ShapeError
        If the rows do not fit the layout.
    UnknownNameError
        If `compress` is neither of the two.

    Notes
    -----
    Safe in threads; filters and deflate run outside the interpreter's lock. Beside the rows it needs its result
    and a few hundred kilobytes.
    """
    prepare = lookup(COMPRESSIONS, compress, "compression")
    values = _bytes_of(rows, layout)  # (R, W*C*bits/8)
    step = layout.pixel_bytes
    block = max(_BLOCK // values.shape[1], 1)
    kind, deflate = prepare(values, step)
    data, adler, length = [], 1, 0
    for start in range(0, len(values), block):
        above = values[start - 1] if start else None
        lines = filtered(values[start : start + block], above, step, kind)
        adler = isal_zlib.adler32(lines, adler)
        length += lines.size
        data.append(deflate.compress(lines))
    data.append(deflate.flush(isal_zlib.Z_FINISH if last else isal_zlib.Z_SYNC_FLUSH))
    return Segment(tuple(piece for piece in data if piece), adler, length)


def png_chunks(
    layout: PngLayout, segments: Iterable[Segment], text: Mapping[str, str] | None = None, profile: bytes = b""
) -> Iterator[bytes]:
    """Yield the bytes of a PNG, piece by piece, while its segments arrive.

    Parameters
    ----------
    layout
        The picture.
    segments
        All of its rows, in order.
    text
        Keywords and what they say, kept as text in the file.
    profile
        The ICC profile of the colours, if any.
    """
    yield _SIGNATURE
    colour = _PALETTE_TYPE if layout.palette else _COLOUR_TYPES[layout.channels]
    yield from _chunk(b"IHDR", struct.pack(">IIBBBBB", layout.width, layout.height, layout.bits, colour, 0, 0, 0))
    if profile:
        yield from _chunk(b"iCCP", b"ICC profile\0\0", zlib.compress(profile))
    if layout.palette:
        yield from _chunk(b"PLTE", layout.palette)
    for key, value in (text or {}).items():
        yield from _text_chunk(key, value)
    start, adler = _ZLIB_HEADER, 1
    for segment in segments:
        adler = combine_adler(adler, segment.adler, segment.length)
        yield from _chunk(b"IDAT", start, *segment.data)
        start = b""
    yield from _chunk(b"IDAT", start, struct.pack(">I", adler))
    yield from _chunk(b"IEND")


def encode_png(
    pixels: Pixels,
    text: Mapping[str, str] | None = None,
    *,
    compress: str = "fast",
    palette: bytes = b"",
    profile: bytes = b"",
) -> bytes:
    r"""Return a picture as the bytes of a PNG file.

    Parameters
    ----------
    pixels
        ``(H, W)`` or ``(H, W, C)`` with 1 to 4 channels, uint8 or uint16.
    text
        Keywords and what they say, kept as text in the file.
    compress
        ``fast`` or ``small``.
    palette
        768 bytes of RGB that 8-bit gray pixels are indices of.
    profile
        The ICC profile of the colours, if any.

    Raises
    ------
    OutputError
        If PNG has no such pictures.

    Examples
    --------
    >>> encode_png(np.zeros((2, 3), np.uint8))[:4]
    b'\x89PNG'
    """
    if pixels.ndim == 2:
        pixels = pixels[..., None]  # (H, W, 1)
    if pixels.ndim != 3 or pixels.dtype not in (np.uint8, np.uint16):
        raise ShapeError(f"PNG needs uint8 or uint16 pixels (H, W, C), got {pixels.dtype} {pixels.shape}")
    height, width, channels = pixels.shape
    layout = PngLayout(height, width, channels, 8 * pixels.dtype.itemsize, palette)
    return b"".join(png_chunks(layout, [encode_segment(pixels, layout, compress, last=True)], text, profile))


def combine_adler(first: int, second: int, length: int) -> int:
    """Return the Adler-32 of two runs of bytes from the Adler-32 of each and the length of the second.

    References
    ----------
    ``adler32_combine`` in zlib; the sums of RFC 1950, section 8.2.

    Examples
    --------
    >>> import zlib
    >>> combine_adler(zlib.adler32(b"filtered "), zlib.adler32(b"rows"), 4) == zlib.adler32(b"filtered rows")
    True
    """
    low = (first & 0xFFFF) + (second & 0xFFFF) - 1
    high = (first >> 16) + (second >> 16) + length * ((first & 0xFFFF) - 1)
    return (high % _MOD) << 16 | low % _MOD


def _bytes_of(rows: Pixels, layout: PngLayout) -> NDArray[np.uint8]:
    """Return rows as bytes ``(R, W*C*bits/8)``, the high byte of 16 bits first."""
    if rows.ndim == 2:
        rows = rows[..., None]
    wanted = (layout.width, layout.channels)
    if rows.ndim != 3 or rows.shape[1:] != wanted or rows.dtype.itemsize * 8 != layout.bits or not rows.size:
        raise ShapeError(
            f"rows of {layout.bits}-bit pixels (R, {wanted[0]}, {wanted[1]}) needed, got {rows.dtype} {rows.shape}"
        )
    rows = np.ascontiguousarray(rows, ">u2" if layout.bits == 16 else None)
    return rows.view(np.uint8).reshape(len(rows), -1)


def _chunk(name: bytes, *data: bytes) -> Iterator[bytes]:
    """Yield one chunk: length, name, data, CRC."""
    yield struct.pack(">I", sum(map(len, data))) + name
    crc = isal_zlib.crc32(name)
    for piece in data:
        crc = isal_zlib.crc32(piece, crc)
        yield piece
    yield struct.pack(">I", crc)


def _text_chunk(key: str, value: str) -> Iterator[bytes]:
    """Yield a text chunk: tEXt where Latin-1 will do, iTXt in UTF-8 where it will not."""
    keyword = " ".join(key.encode("latin-1", "replace").decode("latin-1").split())[:79] or "Text"
    value = value.replace("\0", "").replace("\r\n", "\n")
    try:
        plain = value.encode("latin-1")
    except UnicodeEncodeError:
        unicode = value.encode("utf-8", "backslashreplace")
        return _chunk(b"iTXt", keyword.encode("latin-1") + b"\0\0\0\0\0" + unicode)
    return _chunk(b"tEXt", keyword.encode("latin-1") + b"\0" + plain)
