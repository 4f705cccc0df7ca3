"""The strips and tiles of a TIFF file: found, unpacked, their differences added up, and put in their places.

Pillow and libtiff unpack bytes here, and bytes alone: what the bytes mean (how wide a value is and which byte of it
comes first, planes apart or together, signed or not) is decided in this module, for every compression alike.
"""

from __future__ import annotations

import contextlib
import io
import struct
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from isal import isal_zlib

from cnnfilter.core.arrays import Array
from cnnfilter.errors import ImageError
from cnnfilter.images.damage import INFLATE_ERRORS
from cnnfilter.images.tiff_tags import Tags

_REVERSED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))

#: Unpacked bytes of the strips that are unpacked together.
_GROUP = 1 << 24

#: Bytes beyond a strip's size that are unpacked to come to its checksum, and how many at a time.
_MOST_SURPLUS, _BLOCK = 1 << 26, 1 << 18

_UNCOMPRESSED, _LZW, _DEFLATE, _OLD_DEFLATE, _PACKBITS, _LZMA, _ZSTD = 1, 5, 8, 32946, 32773, 34925, 50000

#: Place and length of a chunk that was never written, as GDAL leaves them out: all of it is 0.
ABSENT = (0, 0)

#: The compressions that pack bytes whatever these mean.
BYTE_COMPRESSIONS = (_UNCOMPRESSED, _LZW, _DEFLATE, _OLD_DEFLATE, _PACKBITS, _LZMA, _ZSTD)

_NO_PREDICTOR, _DIFFERENCES, _FLOAT_DIFFERENCES = 1, 2, 3


class Grid(NamedTuple):
    """How a picture is cut into chunks, which are strips or tiles.

    Attributes
    ----------
    height, width
        Of the picture.
    rows, columns
        Of a chunk; the last strip has fewer rows, the last tile is filled up.
    tiled
        Whether chunks are tiles.
    planes, samples
        How often the picture is cut, and the values of each of its pixels that lie in one chunk.
    """

    height: int
    width: int
    rows: int
    columns: int
    tiled: bool
    planes: int
    samples: int

    @property
    def across(self) -> int:
        """Chunks beside each other."""
        return -(-self.width // self.columns)

    @property
    def chunks(self) -> int:
        """Chunks of one plane."""
        return self.across * -(-self.height // self.rows)

    def rows_of(self, index: int) -> int:
        """Return the stored rows of a chunk of a plane."""
        return self.rows if self.tiled else min(self.rows, self.height - index * self.rows)

    def target(self, index: int) -> tuple[slice, slice]:
        """Return where a chunk of a plane lies in the picture."""
        row, column = divmod(index, self.across)
        return (
            slice(row * self.rows, min((row + 1) * self.rows, self.height)),
            slice(column * self.columns, min((column + 1) * self.columns, self.width)),
        )


def grid_of(tags: Tags) -> Grid:
    """Return how a picture is cut.

    Raises
    ------
    ImageError
        If that makes no sense.
    """
    height, width = tags.one(257, 0), tags.one(256, 0)
    samples, apart = tags.one(277, 1), tags.one(284, 1) == 2
    tiled = 322 in tags.values
    rows, columns = (tags.one(323, 0), tags.one(322, 0)) if tiled else (min(tags.one(278, height), height), width)
    if min(rows, columns, samples) < 1:
        raise ImageError("damaged TIFF: its strips or tiles hold no rows")
    return Grid(height, width, rows, columns, tiled, samples if apart else 1, 1 if apart else samples)


def read_samples(data: Any, tags: Tags, grid: Grid, dtype: np.dtype[Any], bits: int, *, whole: bool) -> Array:
    """Return the values of a picture as ``(S, H, W)``.

    Parameters
    ----------
    data
        The bytes of the file, or a map of it.
    tags, grid
        Of the picture.
    dtype
        What holds a value, in the file's byte order.
    bits
        How many bits of it are stored.
    whole
        Raise where a chunk is damaged or cut off, instead of leaving 0.

    Raises
    ------
    ImageError
        If a chunk is damaged or cut off, and none may be.
    """
    out = np.zeros((grid.planes * grid.samples, grid.height, grid.width), dtype.newbyteorder("="))
    row_bytes = -(-grid.columns * grid.samples * bits // 8)
    spans = spans_of(data, tags, grid, row_bytes)
    per_group = max(_GROUP // (row_bytes * grid.rows), 1) if whole else 1
    for plane in range(grid.planes):
        places = spans[plane * grid.chunks : (plane + 1) * grid.chunks]
        there = [index for index in range(grid.chunks) if places[index] != ABSENT]
        for indices in (there[start : start + per_group] for start in range(0, len(there), per_group)):
            rows = [grid.rows_of(index) for index in indices]
            flat = _chunks(data, tags, [places[index] for index in indices], rows, row_bytes, whole=whole)
            values = _values(flat, tags, grid, dtype, bits)  # (rows, columns, samples)
            for index, part in zip(indices, np.split(values, np.cumsum(rows)[:-1]), strict=True):
                down, right = grid.target(index)
                fits = part[: down.stop - down.start, : right.stop - right.start]
                band = slice(plane * grid.samples, (plane + 1) * grid.samples)
                out[band, down, right] = fits.transpose(2, 0, 1)
    return out


def _chunks(
    data: Any, tags: Tags, places: list[tuple[int, int]], rows: list[int], row_bytes: int, *, whole: bool
) -> Array:
    """Return the bytes of some chunks, one below the other; a damaged one, alone, as far as it goes where allowed."""
    compression = tags.one(259, 1)
    try:
        return _unpacked([_piece(data, tags, place) for place in places], rows, row_bytes, compression)
    except (ImageError, OSError):  # OSError: libtiff's, by way of Pillow
        if whole:
            raise
        return _what_is_left(_piece(data, tags, places[0], short=True), rows[0], row_bytes, compression)


def spans_of(data: Any, tags: Tags, grid: Grid, row_bytes: int) -> list[tuple[int, int]]:
    """Return where each chunk begins and how many bytes it has."""
    offsets = tags.need(324 if 324 in tags.values else 273)
    lengths = tags.values.get(325 if 325 in tags.values else 279)
    wanted = grid.chunks * grid.planes
    if (there := min(len(offsets), len(lengths or offsets))) < wanted:
        raise ImageError(f"damaged TIFF: {wanted} strips or tiles are needed, {there} are there")
    if lengths is None:  # early writers left it out
        lengths = tuple(max(len(data) - offset, 0) for offset in offsets)
    if tags.one(259, 1) == _UNCOMPRESSED:  # what is said beyond what is needed may lie beyond the end of the file
        needed = [row_bytes * grid.rows_of(index) for index in range(grid.chunks)] * grid.planes
        lengths = tuple(map(min, lengths, needed)) if row_bytes else lengths
    return list(zip(offsets[:wanted], lengths[:wanted], strict=True))


def _piece(data: Any, tags: Tags, span: tuple[int, int], short: bool = False) -> bytes:
    """Return the bytes of one chunk as they are stored, their bits in the usual order; fewer where allowed."""
    start, length = span
    if start + length > len(data) and not short:
        raise ImageError("truncated TIFF: the file ends before its pixels do")
    piece = bytes(data[start : start + length])
    return piece.translate(_REVERSED) if tags.one(266, 1) == 2 else piece


def _unpacked(packed: list[bytes], rows: list[int], row_bytes: int, compression: int) -> Array:
    """Return the bytes of some chunks, one below the other: ``(rows, row_bytes)``."""
    if compression not in (_UNCOMPRESSED, _DEFLATE, _OLD_DEFLATE):
        return _by_libtiff(packed, rows, row_bytes, compression)
    unpack: Callable[[bytes, int], bytes] = _plain if compression == _UNCOMPRESSED else _inflated
    whole = b"".join(unpack(piece, count * row_bytes) for piece, count in zip(packed, rows, strict=True))
    return np.frombuffer(whole, np.uint8).reshape(-1, row_bytes)


def _what_is_left(piece: bytes, rows: int, row_bytes: int, compression: int) -> Array:
    """Return the bytes of a damaged chunk up to the damage, and 0 for the rest: ``(rows, row_bytes)``."""
    found = b""
    if compression == _UNCOMPRESSED:
        found = piece
    elif compression in (_DEFLATE, _OLD_DEFLATE):
        with contextlib.suppress(*INFLATE_ERRORS):
            found = isal_zlib.decompressobj().decompress(piece, rows * row_bytes)
    return np.frombuffer(found[: rows * row_bytes].ljust(rows * row_bytes, b"\0"), np.uint8).reshape(rows, row_bytes)


def _plain(piece: bytes, size: int) -> bytes:
    """Return the first `size` bytes of a chunk that is not compressed."""
    if len(piece) < size:
        raise ImageError(f"damaged TIFF: a strip has {len(piece)} bytes where {size} are needed")
    return piece[:size]


def _inflated(piece: bytes, size: int) -> bytes:
    """Return `size` bytes that were packed by deflate, once the checksum behind all of them is found to be right."""
    unpack = isal_zlib.decompressobj()
    try:
        whole: bytes = unpack.decompress(piece, size)
        surplus = _MOST_SURPLUS  # the last strip may be filled up with rows beyond the picture
        while len(whole) == size and not unpack.eof and surplus > 0:
            more = len(unpack.decompress(unpack.unconsumed_tail, _BLOCK))
            if not more and not unpack.unconsumed_tail:
                break
            surplus -= more
    except INFLATE_ERRORS as error:
        raise ImageError("damaged TIFF: its compressed pixels make no sense") from error
    if len(whole) < size:
        raise ImageError("truncated TIFF: a strip holds fewer pixels than its size")
    if not unpack.eof:
        raise ImageError("damaged TIFF: the compressed pixels of a strip do not end")
    return whole


def _by_libtiff(packed: list[bytes], rows: list[int], row_bytes: int, compression: int) -> Array:
    """Unpack bytes as the strips of a gray picture of 8 bits, for which libtiff cannot mistake anything."""
    from PIL.TiffImagePlugin import TiffImageFile

    offsets = 8 + np.concatenate(([0], np.cumsum([len(piece) for piece in packed])))
    body = b"".join(packed)
    body += b"\0" * (len(body) % 2)
    count = len(packed)
    table = 8 + len(body)
    lists = table + 2 + 12 * 9 + 4
    inline = count == 1
    entries = [
        (256, 4, 1, row_bytes), (257, 4, 1, sum(rows)), (258, 3, 1, 8), (259, 3, 1, compression), (262, 3, 1, 1),
        (273, 4, count, offsets[0] if inline else lists), (277, 3, 1, 1), (278, 4, 1, rows[0]),
        (279, 4, count, len(packed[0]) if inline else lists + 4 * count),
    ]  # fmt: skip
    file = struct.pack("<2sHI", b"II", 42, table) + body + struct.pack("<H", len(entries))
    file += b"".join(struct.pack("<HHII", *map(int, entry)) for entry in entries) + bytes(4)
    if not inline:
        file += offsets[:-1].astype("<u4").tobytes() + np.diff(offsets).astype("<u4").tobytes()
    with TiffImageFile(io.BytesIO(file)) as image:
        image.load()
        return np.asarray(image)


def _values(flat: Array, tags: Tags, grid: Grid, dtype: np.dtype[Any], bits: int) -> Array:
    """Return rows of bytes as values ``(rows, columns, samples)`` in the machine's byte order."""
    predictor, compression = tags.one(317, 1), tags.one(259, 1)
    if compression == _UNCOMPRESSED:
        predictor = _NO_PREDICTOR  # it belongs to a compression, and means nothing without one
    elif compression == _PACKBITS and predictor != _NO_PREDICTOR:
        raise ImageError("TIFF of PackBits with a predictor is not supported: readers differ (save it with deflate)")
    shape = (len(flat), grid.columns, grid.samples)
    if predictor == _FLOAT_DIFFERENCES:
        return _float_sums(flat, shape, dtype)
    if predictor not in (_NO_PREDICTOR, _DIFFERENCES):
        raise ImageError(f"TIFF with predictor {predictor} is not supported (save it again without one)")
    if bits % 8:
        if predictor != _NO_PREDICTOR:
            raise ImageError(f"TIFF with differences of {bits} bits is not supported (save it again without predictor)")
        return _from_bits(flat, shape, bits).astype(dtype.newbyteorder("="))
    values: Array = np.ascontiguousarray(flat).view(dtype).reshape(shape)
    values = values.astype(dtype.newbyteorder("="), copy=False)
    if predictor == _DIFFERENCES:
        words = values.view(f"u{dtype.itemsize}")
        values = np.cumsum(words, axis=1, dtype=words.dtype).view(values.dtype)
    return values


def _float_sums(flat: Array, shape: tuple[int, int, int], dtype: np.dtype[Any]) -> Array:
    """Undo Adobe's predictor for floats: differences of bytes, the highest byte of all values of a row first."""
    if dtype.kind != "f":
        raise ImageError("damaged TIFF: its predictor is for floats, and its values are none")
    rows, columns, samples = shape
    steps = flat.reshape(rows, -1, samples)
    sums = np.cumsum(steps, axis=1, dtype=np.uint8).reshape(rows, dtype.itemsize, columns * samples)
    words = np.ascontiguousarray(sums.transpose(0, 2, 1))  # (rows, values, bytes), the highest byte first
    big = words.view(dtype.newbyteorder(">")).reshape(shape)
    return big.astype(dtype.newbyteorder("="))


def _from_bits(flat: Array, shape: tuple[int, int, int], bits: int) -> Array:
    """Return values of so few or so odd bits that they share bytes."""
    rows, columns, samples = shape
    out = np.empty((rows, columns * samples), np.uint32)
    weights = (1 << np.arange(bits - 1, -1, -1)).astype(np.uint32)
    for row, packed in enumerate(flat):
        single = np.unpackbits(packed, count=columns * samples * bits).reshape(-1, bits)
        out[row] = single @ weights
    return out.reshape(shape)
