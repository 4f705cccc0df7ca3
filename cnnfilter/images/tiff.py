"""TIFF files of 8 or 16 bits or of floats, in strips compressed by deflate: Pillow writes no 16-bit colour.

References
----------
Adobe, TIFF Revision 6.0, 1992; Adobe Photoshop TIFF Technical Notes, 2002 (deflate, compression 8).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from cnnfilter.errors import OutputError

_STRIP_BYTES = 1 << 18
_LARGEST = 2**32 - 2**20
_SHORT, _LONG, _ASCII, _BYTES = 3, 4, 2, 7
_DEFLATE, _PLAIN, _DIFFERENCES = 8, 1, 2
_UNSIGNED, _FLOAT = 1, 3
#: What further channels are: anything, or transparency that is not multiplied in.
_ANYTHING, _TRANSPARENCY = 0, 2


def encode_tiff(
    pixels: NDArray[Any], text: Mapping[str, str] | None = None, profile: bytes = b"", *, has_alpha: bool | None = None
) -> bytes:
    """Return a picture as the bytes of a TIFF file.

    Parameters
    ----------
    pixels
        ``(H, W, C)``, uint8 or uint16, with 1 to 4 channels (gray, gray and alpha, RGB, RGBA); or float32 or float64,
        with any number of channels, of which three are RGB.
    text
        Keywords and what they say, kept in the description.
    profile
        The ICC profile of the colours, if any.
    has_alpha
        Whether the last channel is transparency; of integers the second and the fourth are, of floats none, unless
        this says so.

    Raises
    ------
    OutputError
        If the file would pass TIFF's limit of 4 GB.

    Notes
    -----
    Strips of some 256 KB, each pixel as its difference from the one to the left (predictor 2), then deflate. Floats
    go into deflate as they are: a predictor for them is read by few programs.
    """
    height, width, channels = pixels.shape
    floats = pixels.dtype.kind == "f"
    has_alpha = channels in (2, 4) and not floats if has_alpha is None else has_alpha
    colours = 3 if channels - has_alpha == 3 else 1
    if pixels.nbytes > _LARGEST:
        raise OutputError(f"a TIFF holds 4 GB, {width} x {height} pixels are {pixels.nbytes / 1e9:.1f} GB (write png)")
    rows = max(_STRIP_BYTES // (pixels.nbytes // height), 1)
    strips = [_compressed(pixels[start : start + rows]) for start in range(0, height, rows)]
    lengths = np.array([len(strip) for strip in strips], np.int64)
    offsets = 8 + np.concatenate(([0], np.cumsum(lengths)[:-1]))
    entries: list[tuple[int, int, Any]] = [
        (256, _LONG, [width]),
        (257, _LONG, [height]),
        (258, _SHORT, [8 * pixels.dtype.itemsize] * channels),
        (259, _SHORT, [_DEFLATE]),
        (262, _SHORT, [2 if colours == 3 else 1]),  # RGB, or gray whose 0 is black
        (270, _ASCII, _description(text)),
        (273, _LONG, offsets),
        (277, _SHORT, [channels]),
        (278, _LONG, [rows]),
        (279, _LONG, lengths),
        (284, _SHORT, [1]),
        (317, _SHORT, [_PLAIN if floats else _DIFFERENCES]),
    ]
    if channels > colours:
        more = [_ANYTHING] * (channels - colours - has_alpha) + [_TRANSPARENCY] * has_alpha
        entries.append((338, _SHORT, more))
    entries.append((339, _SHORT, [_FLOAT if floats else _UNSIGNED] * channels))
    if profile:
        entries.append((34675, _BYTES, profile))
    body = b"".join(strips)
    body += b"\0" * (len(body) % 2)
    return struct.pack("<2sHI", b"II", 42, 8 + len(body)) + body + _directory(entries, 8 + len(body))


def _compressed(rows: NDArray[Any]) -> bytes:
    """Return one strip."""
    differences = np.array(rows, rows.dtype.newbyteorder("<"), order="C")
    if rows.dtype.kind != "f":
        differences[:, 1:] -= rows[:, :-1]
    return bytes(isal_zlib.compress(differences, 1))


def _description(text: Mapping[str, str] | None) -> bytes:
    """Return keywords and what they say as lines of UTF-8."""
    lines = "\n".join(f"{key}: {value}" for key, value in (text or {}).items())
    return lines.encode("utf-8", "backslashreplace").replace(b"\0", b"") + b"\0"


def _directory(entries: list[tuple[int, int, Any]], start: int) -> bytes:
    """Return the directory of tags; values that do not fit their four bytes follow it."""
    extra = b""
    table = struct.pack("<H", len(entries))
    end = start + 2 + 12 * len(entries) + 4
    for tag, kind, values in entries:
        count = len(values)
        data = values if isinstance(values, bytes) else np.asarray(values, "<u2" if kind == _SHORT else "<u4").tobytes()
        if len(data) > 4:
            data, extra = struct.pack("<I", end + len(extra)), extra + data + b"\0" * (len(data) % 2)
        table += struct.pack("<HHI", tag, kind, count) + data.ljust(4, b"\0")
    return table + struct.pack("<I", 0) + extra
