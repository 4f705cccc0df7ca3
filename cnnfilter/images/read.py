"""Any input as a picture: image files by what they hold, and grids of numbers."""

from __future__ import annotations

import io
import os
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import DTypeLike, NDArray

from cnnfilter.dumps.names import GRID_EXTENSIONS, sniff_grid, split_member
from cnnfilter.errors import CnnFilterError, ImageError, ParameterError, ResourceError
from cnnfilter.files import bytes_text, file_path, quoted
from cnnfilter.images.limits import MAX_PIXELS, Limits
from cnnfilter.images.picture import Picture, Strip
from cnnfilter.images.sniff import PICTURES, promised, sniff_foreign, sniff_picture

#: Files beyond this many bytes are decoded from the disk; smaller ones are read first.
IN_MEMORY = 64_000_000

#: The most bytes that a pipe may hand over, and how much of it is looked at first.
LONGEST_PIPE = 4_000_000_000
_LOOK = 65536

#: Bytes of memory for each byte of text, and for each line of it, while its numbers are read.
_TEXT_BYTE, _TEXT_LINE = 4, 150
#: Bytes of memory for each number that is read from JSON.
_JSON_VALUE = 32

_KNOWN = f"a picture ({', '.join(PICTURES)}) or a grid of numbers (csv, txt, json, npy, npz)"


def open_picture(
    source: str | Path | bytes | BinaryIO,
    *,
    name: str = "",
    max_pixels: int = MAX_PIXELS,
    max_memory: int | None = None,
    fold: bool = False,
) -> Picture:
    r"""Open an image file, or a grid of numbers as an image.

    Parameters
    ----------
    source
        A path (``file.npz#name`` picks one array), the bytes of a file, or a stream of them.
    name
        What messages call it; the path, or ``standard input``, unless given.
    max_pixels
        Refuse larger pictures, from their header.
    max_memory
        Refuse pictures that take more bytes to decode, from their header; and streams of more than a quarter of it.
    fold
        Take a grid of more axes, such as ``(K, C, H, W)``, as one channel for each map.

    Returns
    -------
    Picture
        The first frame, turned upright. Channels are gray, gray and alpha, RGB, or RGBA; those of a grid
        ``(H, W)``, ``(C, H, W)`` or one row ``(W,)`` are its own.

    Raises
    ------
    ImageError
        If the file is missing, damaged, too large, or none of the known formats.
    ResourceError
        If it needs more memory than allowed or than there is.

    Examples
    --------
    >>> picture = open_picture(b"1 2 3\n4 5 6")
    >>> picture.shape, picture.white
    ((1, 2, 3), 255.0)
    """
    limits = Limits(max_pixels, max_memory)
    if isinstance(source, bytes):
        return _picture(source, "", name or "standard input", limits, fold=fold)
    if isinstance(source, io.BufferedIOBase):
        stream: Any = source  # what the standard library calls a BinaryIO
        name = name or "standard input"
        return _picture(_piped(stream, name, limits), "", name, limits, fold=fold)
    path = file_path(source)
    name = name or str(path)
    path, _ = split_member(path)
    try:
        data = _contents(path, name, limits)
    except OSError as error:
        raise ImageError(f"{quoted(name)}: {error.strerror or error}") from error
    except ValueError as error:
        raise ImageError(f"{quoted(name)}: no file name holds a null character") from error
    return _picture(data, str(path), name, limits, fold=fold)


def read_image(
    path: str | Path | bytes,
    *,
    range: str = "stored",
    dtype: DTypeLike = "float32",
    max_pixels: int = MAX_PIXELS,
) -> NDArray[Any]:
    r"""Read an image file, or a grid of numbers, as an array.

    Parameters
    ----------
    path
        The file, or its bytes.
    range
        ``stored`` keeps the stored values (8-bit 0 to 255, 16-bit 0 to 65535); ``unit`` divides by the
        largest value of the type, so that white is 1.
    dtype
        The type of the result.
    max_pixels
        Refuse larger pictures.

    Returns
    -------
    numpy.ndarray
        ``(H, W)`` for one channel, ``(C, H, W)`` for several; alpha is a channel.

    Raises
    ------
    ImageError
        If the file cannot be read.
    ParameterError
        If `path` is no name, `range` neither of the two, or `dtype` no type of real numbers.

    Examples
    --------
    >>> read_image(b"0 128\n255 64", range="unit").round(2)
    array([[0.  , 0.5 ],
           [1.  , 0.25]], dtype=float32)
    """
    if str(range) not in ("stored", "unit"):
        raise ParameterError(f"range must be stored or unit, got {range!r}")
    try:
        wanted = np.dtype(dtype)
    except (TypeError, ValueError):
        raise ParameterError(f"dtype must be a type of numbers, such as float32, got {dtype!r}") from None
    if wanted.kind not in "biuf":
        raise ParameterError(f"dtype must be a type of real numbers, such as float32, got {wanted}")
    picture = open_picture(path, max_pixels=max_pixels)
    values = picture.array(wanted)
    if range == "unit":
        values = (values / picture.white).astype(wanted, copy=False)
    return values[0] if picture.channels == 1 else values


def _contents(path: Path, name: str, limits: Limits) -> bytes | None:
    """Return what a file holds, or None if it is a picture too large to read first."""
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        if stat.S_ISREG(status.st_mode):
            if status.st_size > IN_MEMORY and sniff_picture(file.read(32)):
                return None
            file.seek(0)
            return file.read()
        return _piped(file, name, limits)


def _piped(file: BinaryIO, name: str, limits: Limits) -> bytes:
    """Return what a pipe or a device hands over; only its first bytes where these are nothing that is read.

    Raises
    ------
    ResourceError
        If it is more than a quarter of the memory that may be taken.
    """
    head = file.read(_LOOK)
    if not (sniff_picture(head) or sniff_grid(head, "") in ("npy", "npz") or _is_text(head)):
        return head
    most = LONGEST_PIPE if limits.memory is None else min(LONGEST_PIPE, limits.memory // 4)
    pieces, count = [head], len(head)
    while piece := file.read(1 << 20):
        pieces.append(piece)
        count += len(piece)
        if count > most:
            reason = f"more than {bytes_text(most)} from a pipe"
            raise ResourceError(f"{quoted(name)}: {reason} (--max-memory raises it; a file has no such limit)")
    return b"".join(pieces)


def _is_text(head: bytes) -> bool:
    """Tell whether bytes may be the beginning of numbers in text."""
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):  # UTF-16, as spreadsheets write it
        return True
    text = head.decode("utf-8", "replace").rstrip("\ufffd")
    return "\ufffd" not in text and "\0" not in text


def _head(path: str) -> bytes:
    """Return the first bytes of a file."""
    with Path(path).open("rb") as file:
        return file.read(64)


def _picture(data: bytes | None, path: str, name: str, limits: Limits, *, fold: bool) -> Picture:
    """Send the file to the reader that its content asks for."""
    head = _head(path) if data is None else data[:64]
    if not head:
        raise ImageError(f"{quoted(name)}: the file is empty")
    form = sniff_picture(head)
    if not form:
        return _grid_picture(data or b"", name, limits, fold=fold)
    if form == "PNM":
        from cnnfilter.images.pnm import decode_pnm

        picture = decode_pnm(data, path, name, limits)
    else:
        from cnnfilter.images.decode import decode

        picture = decode(path if data is None else data, form, name, limits)
    return _with_note(replace(picture, reading=picture.nbytes + len(data or b"")), form, name)


def _with_note(picture: Picture, form: str, name: str) -> Picture:
    """Say so when a file's name promises something else than it holds."""
    said = promised(name) or GRID_EXTENSIONS.get(Path(name).suffix.lower(), "")
    if said in ("", form):
        return picture
    return replace(picture, notes=(f"is {form}, whatever its name says", *picture.notes))


def _grid_picture(data: bytes, name: str, limits: Limits, *, fold: bool) -> Picture:
    """Return a grid of numbers as a picture."""
    if kind := sniff_foreign(data[:64]):
        raise ImageError(f"{quoted(name)}: {kind} is not supported (convert it to PNG, or numbers to .npy)")
    if said := promised(name):
        raise ImageError(f"{quoted(name)}: not {said} nor any other known picture, whatever its name says")
    from cnnfilter.dumps.read import read_grid

    form = sniff_grid(data, name)
    if form == "csv":
        need = _TEXT_BYTE * len(data) + _TEXT_LINE * data.count(b"\n")  # known before the numbers are
        if limits.memory is not None and need > limits.memory:
            shown = f"{bytes_text(need)}, over the limit of {bytes_text(limits.memory)}"
            raise ResourceError(f"{quoted(name)}: reading its numbers needs {shown} (--max-memory {need} raises it)")
    try:
        grid = read_grid(data, name=name, max_values=limits.pixels * 64)
    except ImageError as error:
        if Path(name.partition("#")[0]).suffix.lower() in GRID_EXTENSIONS:
            raise
        raise ImageError(f"{quoted(name)}: not {_KNOWN}") from error
    try:
        reading = _reading(form, data, grid)
        if fold and grid.ndim > 3:
            note = f"{' x '.join(map(str, grid.shape))}: its maps are shown one after another"
            folded = _from_array(grid.reshape(-1, *grid.shape[-2:]), name, limits)
            return replace(folded, notes=(note, *folded.notes), reading=reading)
        return replace(_from_array(grid, name, limits), reading=reading)
    except CnnFilterError as error:
        raise type(error)(f"{quoted(name)}: {error}") from error


def _reading(form: str, data: bytes, grid: NDArray[Any]) -> int:
    """Return the bytes that there were at most while a grid was read from the bytes of a file."""
    if form == "csv":
        return _TEXT_BYTE * len(data) + _TEXT_LINE * data.count(b"\n")
    if form == "json":
        return 2 * len(data) + _JSON_VALUE * grid.size
    return len(data) + grid.nbytes


def _from_array(grid: NDArray[Any], name: str, limits: Limits) -> Picture:
    """Return an array of 1 to 3 axes as a picture."""
    if not 1 <= grid.ndim <= 3:
        raise ImageError(f"its shape is {grid.shape}: an image has rows and columns, and channels in front of them")
    values = grid.reshape((1,) * (3 - grid.ndim) + grid.shape)  # (C, H, W)
    channels, height, width = values.shape
    limits.check_size(height, width)
    notes = []
    if grid.dtype.kind == "f" and not np.isfinite(grid).all():
        holes, endless = int(np.isnan(grid).sum()), int(np.isinf(grid).sum())
        notes.append(f"holds {holes} NaN and {endless} infinite values")

    def strip(start: int, stop: int) -> Strip:
        return values[:, start:stop]

    return Picture(name, height, width, channels, has_alpha=False, dtype=grid.dtype, notes=tuple(notes), strip=strip)
