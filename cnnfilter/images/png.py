"""PNG files, written in segments that threads can prepare: row filters in NumPy, deflate by ISA-L.

A PNG's pixels are one zlib stream. It is put together from raw deflate streams, one a segment of rows: each ends
on a byte boundary (a sync flush), so that they can be joined, and the checksums are combined.

References
----------
W3C, Portable Network Graphics (PNG) Specification, 3rd edition: https://www.w3.org/TR/png-3/
P. Deutsch, RFC 1950 (zlib) and RFC 1951 (deflate), 1996.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from cnnfilter.errors import OutputError, ShapeError, lookup
from cnnfilter.images import filters
from cnnfilter.images.deflate import COMPRESSIONS

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
        filtered = filters.filtered(values[start : start + block], above, step, kind)
        adler = isal_zlib.adler32(filtered, adler)
        length += filtered.size
        data.append(deflate.compress(filtered))
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
