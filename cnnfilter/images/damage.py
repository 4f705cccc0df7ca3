"""What a decoder does not tell: pixels that are missing or wrong in a file that it takes for whole.

Pillow leaves rows black where a PNG's stream ends early, and hears nothing of what libjpeg warns of.

References
----------
ISO/IEC 15948 (PNG), 2004; ITU-T T.81 (JPEG), 1992.
"""

from __future__ import annotations

import importlib
import re
import struct
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple, cast

from isal import isal_zlib

from cnnfilter.errors import ImageError
from cnnfilter.files import printable
from cnnfilter.images.picture import Limits

#: First column and row, and the steps, of each pass of an interlaced PNG.
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}

#: What unpacking raises for bytes that make no sense.
INFLATE_ERRORS = (cast("type[Exception]", isal_zlib.IsalError), zlib.error, ValueError)

#: Bytes of a PNG's pixels that are unpacked at a time, to be counted, and the compressed ones it takes.
_BLOCK, _PIECE = 1 << 18, 1 << 16

#: Scans of a progressive JPEG; real ones have some ten, and each is a pass over the whole picture.
MOST_SCANS = 100

#: Bytes of memory for each pixel of a WebP: two canvases of its decoder, and two copies.
_WEBP_PIXEL = 16

#: Packing of a BMP by run lengths, and what stands for no run in it.
_RLE8, _RLE4 = 1, 2
_ROW_ENDS, _PICTURE_ENDS, _MOVES = 0, 1, 2

_SCAN, _COMMENT = 0xDA, 0xFE
_MARKER = rb"\xff[^\x00\xd0-\xd7\xff]"

#: Kinds of JPEG by the number of their header; arithmetic ones are left out of many builds of libjpeg.
_UNSUPPORTED = {
    3: "lossless", 5: "hierarchical", 6: "hierarchical", 7: "lossless", 9: "arithmetic", 10: "arithmetic",
    11: "lossless arithmetic", 13: "hierarchical", 14: "hierarchical", 15: "lossless arithmetic",
}  # fmt: skip


class Png(NamedTuple):
    """What the chunks of a PNG say before its pixels are decoded.

    Attributes
    ----------
    fault
        Why pixels are missing or wrong, or nothing.
    notes
        What is strange, with pixels that are right.
    """

    fault: str
    notes: list[str]


def check_png(data: Any, frame: int = 0) -> Png:
    """Compare a PNG's pixels with its header, up to a frame.

    Parameters
    ----------
    data
        The bytes of the file, or a map of it.
    frame
        Number of the last frame to look at, where there are several.
    """
    notes: list[str] = []
    stream: _Stream | None = None
    header: tuple[int, ...] = ()
    pictures = -1
    for kind, place, length, right in _chunks(data):
        name = printable(kind.decode("latin-1"))
        if not right:
            notes = notes or [f"wrong checksum in its {name} chunk: some pixels may be wrong"]
        if place + length + 4 > len(data):
            return Png(f"truncated PNG: its {name} chunk runs past the end of the file", notes)
        if kind == b"IHDR" and length >= 13:
            header = struct.unpack_from(">IIBBBBB", data, place)
        elif kind in (b"IDAT", b"fdAT") and header:
            if stream is None:
                pictures += 1
                stream = _Stream(header)
            if fault := stream.feed(data, place + 4 * (kind == b"fdAT"), place + length):
                return Png(fault, notes)
        elif stream is not None and kind in (b"fcTL", b"IEND"):
            if (fault := stream.end()) or pictures >= frame:
                return Png(fault, notes)
            stream = None
        if kind == b"fcTL" and length >= 26 and header:
            header = (*struct.unpack_from(">II", data, place + 4), *header[2:])
    return Png(stream.end() if stream is not None else "", notes)


def _chunks(data: Any) -> Iterator[tuple[bytes, int, int, bool]]:
    """Yield name, place, length of each chunk, and whether its checksum is right."""
    at = 8
    with memoryview(data) as view:
        while at + 12 <= len(view):
            (length,) = struct.unpack_from(">I", view, at)
            end = at + 8 + length
            right = end + 4 > len(view) or zlib.crc32(view[at + 4 : end]) == struct.unpack_from(">I", view, end)[0]
            yield bytes(view[at + 4 : at + 8]), at + 8, length, right
            at = end + 4


class _Stream:
    """The compressed pixels of one picture, counted."""

    def __init__(self, header: tuple[int, ...]) -> None:
        width, height, depth, colours, _, _, interlaced = header
        bits = depth * _SAMPLES.get(colours, 1)
        passes = _PASSES if interlaced else ((0, 0, 1, 1),)
        sizes = [(max(-(-(width - x) // dx), 0), max(-(-(height - y) // dy), 0)) for x, y, dx, dy in passes]
        self.left = sum(rows * (1 + -(-columns * bits // 8)) for columns, rows in sizes if columns)
        self.unpack = isal_zlib.decompressobj()

    def feed(self, data: Any, start: int, stop: int) -> str:
        """Unpack some more; return what is wrong with it."""
        try:  # piece by piece: what is not yet unpacked of one is copied each time
            for at in range(start, stop, _PIECE):
                if fault := self._take(bytes(data[at : min(at + _PIECE, stop)])):
                    return fault
        except INFLATE_ERRORS:
            return "damaged PNG: its pixels cannot be decoded"
        return ""

    def _take(self, piece: bytes) -> str:
        """Unpack a piece; return what is wrong with it."""
        while piece and not self.unpack.eof:
            found = len(self.unpack.decompress(piece, _BLOCK))
            self.left -= found
            if self.left < 0:
                return "damaged PNG: it holds more pixels than its size"
            if self.unpack.unconsumed_tail == piece and not found:
                break
            piece = self.unpack.unconsumed_tail
        return ""

    def end(self) -> str:
        """Return what is missing."""
        return "truncated PNG: it holds fewer pixels than its size" if self.left else ""


def check_jpeg_kind(data: Any) -> None:
    """Refuse a JPEG of a kind that is not read, or made to take for ever.

    Raises
    ------
    ImageError
        If it is lossless, hierarchical, or of other than 8 bits; or has more than ``MOST_SCANS`` scans.
    """
    scans = 0
    for kind, place in _segments(data):
        if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            bits = data[place] if place < len(data) else 8
            words = _UNSUPPORTED.get(kind - 0xC0) or (f"{bits}-bit" if bits != 8 else "")
            if words:
                raise ImageError(f"{words} JPEG is not supported (save it as baseline JPEG of 8 bits, or as PNG)")
        scans += kind == _SCAN
        if scans > MOST_SCANS:
            raise ImageError(f"more than {MOST_SCANS} scans, which no real JPEG has (save it as PNG)")


def check_jpeg(data: Any) -> str:
    """Return why the pixels of a JPEG are missing or wrong, as far as that can be told; nothing where they are right.

    Notes
    -----
    The compressed pixels are looked at where simplejpeg is installed, which hands over what libjpeg warns of. Changed
    bytes that still make sense as codes, and end where they should, go unnoticed: a JPEG holds no checksum.
    """
    try:
        libjpeg = importlib.import_module("simplejpeg")
    except ImportError:
        return ""
    words = _warning(libjpeg, data)
    if "extraneous" in words and not _has_broken_table(data):
        words = _warning(libjpeg, _without_junk(data))  # the last warning hides those before it
    if not words.startswith(("Corrupt JPEG", "Premature end", "Inconsistent")) or "ICC" in words:
        return ""  # it says nothing of pixels, or nothing that Pillow would not say too
    return f"damaged JPEG: {words.removeprefix('Corrupt JPEG data: ')}"


def _warning(libjpeg: Any, data: Any) -> str:
    """Return what libjpeg says of a JPEG, nothing where that is nothing."""
    words = ""
    with memoryview(data) as view:
        for colours in ("GRAY", "CMYK"):  # as little as can be asked for; what is CMYK is never made gray
            try:
                libjpeg.decode_jpeg(view, colours, min_height=1, min_width=1, min_factor=1)
                return ""
            except ValueError as error:
                words = printable(str(error))
            if "color conversion" not in words:
                break
    return words


def _has_broken_table(data: Any) -> bool:
    """Say whether junk follows a table of a JPEG, which lost bytes then; behind texts it harms nothing."""
    end, needed = 2, False
    for kind, place in _segments(data):
        if needed and bytes(data[end : place - 4]).strip(b"\xff"):
            return True
        if kind == _SCAN:
            break
        needed = not (0xE0 <= kind <= 0xEF or kind == _COMMENT)
        end = place - 2 + int.from_bytes(data[place - 2 : place], "big")
    return False


def _without_junk(data: Any) -> bytes:
    """Return a JPEG without what lies between the segments before its first scan."""
    head = b"\xff\xd8"
    for kind, place in _segments(data):
        if kind == _SCAN:
            return head + bytes(data[place - 4 :])
        head += bytes(data[place - 4 : place - 2 + int.from_bytes(data[place - 2 : place], "big")])
    return bytes(data)


def _segments(data: Any) -> Iterator[tuple[int, int]]:
    """Yield the marker of each segment of a JPEG, and where its content begins."""
    marker, at = re.compile(_MARKER), 2
    while found := marker.search(data, at):
        kind, at = data[found.start() + 1], found.end()
        if kind == 0xD9:
            return
        if kind == 0x01 or kind == 0xD8:
            continue
        yield kind, at + 2
        at += int.from_bytes(data[at : at + 2], "big")


def check_bmp(data: Any) -> tuple[str, list[str]]:
    """Return what is wrong with the runs of a BMP that is packed by run lengths, and what to note of them."""
    packed = int.from_bytes(data[30:34], "little")
    if packed not in (_RLE8, _RLE4) or int.from_bytes(data[14:18], "little") < 40:
        return "", []
    at, width = int.from_bytes(data[10:14], "little"), int.from_bytes(data[18:22], "little")
    if at % 2:
        return "damaged BMP: its pixels begin at an odd place", []  # Pillow looks for runs in the wrong places then
    step = 4 if packed == _RLE8 else 8  # writers fill rows up to whole words of four bytes
    column, most, notes = 0, -(-width // step) * step, []
    while at + 2 <= len(data) and (data[at], data[at + 1]) != (0, _PICTURE_ENDS):
        count, value = data[at], data[at + 1]
        at += 2
        if count:
            column += count
            if column > most:
                notes = ["rows hold more pixels than its size: those beyond are left out"]
        elif value == _ROW_ENDS:
            column = 0
        elif value == _MOVES:
            column += data[at] if at < len(data) else 0
            at += 2
        else:  # so many pixels as they are, filled up to whole words
            column += value
            at += -(-(value if packed == _RLE8 else -(-value // 2)) // 2) * 2
            if column > width:
                return "damaged BMP: a row holds more pixels than its size", notes
    return "", notes


def check_webp(data: Any, limits: Limits, *, whole: bool) -> None:
    """Refuse a WebP that takes too much memory, which its decoder allocates at once, or ends too early.

    Raises
    ------
    ImageError
        If it ends too early, and has to be whole.
    ResourceError
        If it needs more memory than allowed.
    """
    kind, head = bytes(data[12:16]), bytes(data[16:40])
    if kind == b"VP8X":
        width, height = (1 + int.from_bytes(head[at : at + 3], "little") for at in (8, 11))
    elif kind == b"VP8L":
        bits = int.from_bytes(head[5:9], "little")
        width, height = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    else:
        width, height = (int.from_bytes(head[at : at + 2], "little") & 0x3FFF for at in (10, 12))
    limits.check_memory(_WEBP_PIXEL * width * height)
    if whole and len(data) < 8 + int.from_bytes(data[4:8], "little"):
        raise ImageError("truncated WebP: the file ends too early")
