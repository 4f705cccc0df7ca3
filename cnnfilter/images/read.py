"""Any input to a picture: files, streams, bytes; pictures, dumps and grids of numbers."""

from __future__ import annotations

import io
import numbers
import os
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from cnnfilter.core.arrays import exactly, looks_channels_last, may_be_channels_last
from cnnfilter.dumps.names import GRID_EXTENSIONS, sniff_grid, split_member
from cnnfilter.errors import CnnFilterError, ImageError, ParameterError, ResourceError, lookup
from cnnfilter.files import bytes_text, file_path, quoted
from cnnfilter.images.frames import FRAMED, LAYOUTS, READ, Reading, check_frame, count_frames
from cnnfilter.images.picture import MAX_PIXELS, MOST_CHANNELS, Limits, Picture, array_picture
from cnnfilter.images.sniff import PICTURES, promised, sniff_foreign, sniff_picture

_KNOWN = f"a picture ({', '.join(PICTURES)}) or a grid of numbers (csv, txt, json, npy, npz)"


def grid_picture(data: bytes, name: str, limits: Limits, layout: str, *, fold: bool) -> Picture:
    """Return a grid of numbers as a picture; with `fold`, axes beyond three as channels.

    Raises
    ------
    ImageError
        If it is no grid, or one that is no picture.
    ResourceError
        If it needs more memory than allowed.
    """
    if kind := sniff_foreign(data[:64]):
        raise ImageError(f"{quoted(name)}: {kind} is not supported (convert it to PNG, or numbers to .npy)")
    if said := promised(name):
        raise ImageError(f"{quoted(name)}: not {said} nor any other known picture, whatever its name says")
    from cnnfilter.dumps.read import read_grid, reading_bytes  # the door to numbers: pictures need none of it

    try:
        grid = read_grid(
            data, name=name, max_values=limits.pixels * MOST_CHANNELS, max_cells=limits.pixels,
            max_memory=limits.memory,
        )  # fmt: skip
    except ImageError as error:
        if Path(name.partition("#")[0]).suffix.lower() in GRID_EXTENSIONS:
            raise
        raise ImageError(f"{quoted(name)}: not {_KNOWN}") from error
    try:
        reading = reading_bytes(sniff_grid(data, name), data, grid)
        notes: list[str] = []
        while grid.ndim > 3 and len(grid) == 1:  # axes of one in front of three are those of a batch
            grid = grid[0]
        if grid.ndim == 3 or (grid.ndim == 4 and fold):
            grid, notes = _channels_first(grid, layout, known=_is_own(data, name))
        if fold and grid.ndim > 3:
            notes = [*notes, f"{' x '.join(map(str, grid.shape))}: its maps are shown one after another"]
            grid = grid.reshape(-1, *grid.shape[-2:])
        return replace(_from_array(grid, name, notes, limits), reading=reading)
    except CnnFilterError as error:
        raise type(error)(f"{quoted(name)}: {error}") from error


def _is_own(data: bytes, name: str) -> bool:
    """Say whether a grid says itself in which order its axes are: a stack in text, and a dump of this program."""
    return sniff_grid(data, name) == "csv" or b'"program": "cnnfilter"' in data[:200]


def _channels_first(grid: NDArray[Any], layout: str, *, known: bool) -> tuple[NDArray[Any], list[str]]:
    """Return a stored array with its channels in front of rows and columns, and what to say about it."""
    shape = grid.shape
    if layout == "CHW" or (layout == "auto" and known):
        return grid, []
    last, first = (
        f"{rows} x {columns} pixels of {count} channel{'s' * (count != 1)}"
        for rows, columns, count in (shape[-3:], (*shape[-2:], shape[-3]))
    )
    if layout == "HWC" or looks_channels_last(shape):
        note = [f"{shape} is read as {last} (--layout CHW reads {first})"] if layout == "auto" else []
        return np.moveaxis(grid, -1, -3), note
    return grid, [f"{shape} is read as {first} (--layout HWC reads {last})"] * may_be_channels_last(shape)


def _from_array(grid: NDArray[Any], name: str, notes: list[str], limits: Limits) -> Picture:
    """Return an array of 1 to 3 axes as a picture."""
    if not 1 <= grid.ndim <= 3:
        raise ImageError(f"its shape is {grid.shape}: an image has rows and columns, and channels in front of them")
    values = grid.reshape((1,) * (3 - grid.ndim) + grid.shape)  # (C, H, W)
    limits.check_size(*values.shape[1:])
    if grid.dtype.kind == "f" and not np.isfinite(grid).all():
        holes, endless = int(np.isnan(grid).sum()), int(np.isinf(grid).sum())
        notes = [*notes, f"holds {holes} NaN and {endless} infinite values"]
    return array_picture(values, name, tuple(notes), grid=True)


#: Files beyond this many bytes are decoded from the disk; smaller ones are read first.
IN_MEMORY = 64_000_000

#: The most bytes that a pipe may hand over, and how much of it is looked at first.
LONGEST_PIPE = 4_000_000_000
_LOOK = 65536


def open_picture(
    source: str | Path | bytes | BinaryIO,
    *,
    name: str = "",
    max_pixels: int = MAX_PIXELS,
    max_memory: int | None = None,
    fold: bool = False,
    reading: Reading = READ,
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
    reading
        Which frame of several, the order of a grid's axes, and whether a damaged picture is read as far as it goes.

    Returns
    -------
    Picture
        One frame, the first unless `reading` says otherwise, turned upright. Channels are gray, gray and alpha, RGB, or
        RGBA, or more in a TIFF; those of a grid ``(H, W)``, ``(C, H, W)`` or one row ``(W,)`` are its own.

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
    how = How(limits, reading, fold)
    if isinstance(source, bytes):
        return _picture(source, "", name or "standard input", how)
    if isinstance(source, io.BufferedIOBase):
        stream: Any = source  # what the standard library calls a BinaryIO
        name = name or "standard input"
        return _picture(_piped(stream, name, limits), "", name, how)
    path = file_path(source)
    name = name or str(path)
    path, _ = split_member(path)
    data = _read(path, name, limits)
    return _picture(data, str(path), name, how)


def count_pictures(source: str | Path | bytes, *, name: str = "", max_memory: int | None = None) -> int:
    """Return how many frames a file holds, one where it cannot be read; ``MOST_FRAMES + 1`` for more.

    Raises
    ------
    ImageError
        If it is missing.
    """
    if isinstance(source, bytes):
        return count_frames(source, sniff_picture(source[:32]))
    path, _ = split_member(file_path(source))
    data = _read(path, name or str(path), Limits(memory=max_memory))
    if data is not None:
        return count_frames(data, sniff_picture(data[:32]))
    import mmap

    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
        return count_frames(view, sniff_picture(view[:32]))


def read_stream(file: BinaryIO, *, name: str = "standard input", max_memory: int | None = None) -> bytes:
    """Return what a pipe hands over; only its first bytes where these are nothing that is read.

    Raises
    ------
    ResourceError
        If it is more than a quarter of the memory that may be taken.
    """
    return _piped(file, name, Limits(memory=max_memory))


class How(NamedTuple):
    """How an input is opened: what it may take, what is read of it, and whether its axes beyond three are folded."""

    limits: Limits
    reading: Reading
    fold: bool


def read_image(
    path: str | Path | bytes,
    *,
    range: str = "stored",
    dtype: DTypeLike = "float32",
    max_pixels: int = MAX_PIXELS,
    layout: str = "auto",
    frame: int = 0,
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
    layout
        The order of the axes of a stored array: ``CHW``, ``HWC``, or ``auto``, which takes an array for ``HWC`` that
        can only sensibly be that, such as ``(480, 640, 3)``. The result is ``(C, H, W)`` whichever it is.
    frame
        Which frame of an animation, or page of a TIFF, from 0.

    Returns
    -------
    numpy.ndarray
        ``(H, W)`` for one channel, ``(C, H, W)`` for several; alpha is a channel.

    Raises
    ------
    ImageError
        If the file cannot be read.
    ParameterError
        If `path` is no name, `range` neither of the two, or `dtype` no type of real numbers, or one that cannot hold
        the values: fractions in whole numbers, or values beyond its range.

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
    if range == "unit" and wanted.kind in "iub":
        raise ParameterError(f"range unit makes fractions, and {wanted} holds whole numbers alone (dtype='float32')")
    lookup(LAYOUTS, layout, "layout")
    if not isinstance(frame, numbers.Integral) or frame < 0:
        raise ParameterError(f"frame must be a whole number from 0, got {frame!r}")
    picture = open_picture(path, max_pixels=max_pixels, reading=Reading(layout, int(frame) or None))
    values = picture.array()
    if range == "unit":
        values = values / np.asarray(picture.white, np.result_type(wanted, np.float32))
    values = exactly(values, wanted, quoted(picture.name))
    return values[0] if picture.channels == 1 else values


def _read(path: Path, name: str, limits: Limits) -> bytes | None:
    """Return what a file holds, or None if it is a picture too large to read first; say why it cannot be read."""
    try:
        return _contents(path, name, limits)
    except OSError as error:
        raise ImageError(f"{quoted(name)}: {error.strerror or error}") from error
    except ValueError as error:
        raise ImageError(f"{quoted(name)}: no file name holds a null character") from error


def _contents(path: Path, name: str, limits: Limits) -> bytes | None:
    """Return what a file holds, or None if it is a picture too large to read first.

    Raises
    ------
    ResourceError
        If it is larger than the memory that may be taken.
    """
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        if stat.S_ISREG(status.st_mode):
            if status.st_size > IN_MEMORY and sniff_picture(file.read(32)):
                return None
            _check_file(status.st_size, name, limits)
            file.seek(0)
            return file.read()
        return _piped(file, name, limits)


def _check_file(size: int, name: str, limits: Limits) -> None:
    """Refuse a file that is larger than the memory that may be taken, before it is read into it."""
    if limits.memory is not None and size > limits.memory:
        reason = f"reading it needs {bytes_text(size)}, over the limit of {bytes_text(limits.memory)}"
        raise ResourceError(f"{quoted(name)}: {reason} (--max-memory {size} raises it)")


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


def _picture(data: bytes | None, path: str, name: str, how: How) -> Picture:
    """Send the file to the reader that its content asks for."""
    head = _head(path) if data is None else data[:64]
    if not head:
        raise ImageError(f"{quoted(name)}: the file is empty")
    form = sniff_picture(head)
    if form not in FRAMED and how.reading.frame:
        try:
            check_frame(how.reading.frame, 1)
        except ImageError as error:
            raise ImageError(f"{quoted(name)}: {error}") from error
    if not form:
        return grid_picture(data or b"", name, how.limits, how.reading.layout, fold=how.fold)
    if form == "PNM":
        from cnnfilter.images.pnm import decode_pnm

        picture = decode_pnm(data, path, name, how.limits)
    else:
        from cnnfilter.images.decode import decode

        key = (path, *_stamp(path)) if path else None
        picture = decode(path if data is None else data, form, name, how.limits, how.reading, key)
    return _with_note(replace(picture, reading=picture.nbytes + len(data or b"")), form, name)


def _stamp(path: str) -> tuple[int, ...]:
    """Return what tells a file from a later one of its name."""
    status = Path(path).stat()
    return status.st_ino, status.st_size, status.st_mtime_ns


def _with_note(picture: Picture, form: str, name: str) -> Picture:
    """Say so when a file's name promises something else than it holds."""
    said = promised(name) or GRID_EXTENSIONS.get(Path(name).suffix.lower(), "")
    if said in ("", form):
        return picture
    return replace(picture, notes=(f"is {form}, whatever its name says", *picture.notes))
