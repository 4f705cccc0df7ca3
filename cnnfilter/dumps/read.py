"""Grids of numbers from npy, npz, csv, txt and json, read without trusting a byte of them."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnfilter.dumps.names import sniff_grid, split_member
from cnnfilter.dumps.npy import npy_array
from cnnfilter.dumps.words import WORD_FORMATS, read_words
from cnnfilter.errors import CnnFilterError, ImageError, ResourceError
from cnnfilter.files import bytes_text, printable, quoted

Grid = NDArray[Any]

#: Bytes of memory for each byte of text, and for each line of it, while its numbers are read.
_TEXT_BYTE, _TEXT_LINE, _JSON_BYTE = 4, 150, 24
#: Bytes of memory for each number that is read from JSON.
_JSON_VALUE = 32


class Bounds(NamedTuple):
    """The most values of a grid, and of one with two axes, and the most bytes of memory (None for any number)."""

    values: int | None = None
    cells: int | None = None
    memory: int | None = None


def read_grid(
    source: str | Path | bytes,
    format: str | None = None,
    *,
    name: str = "",
    max_values: int | None = None,
    max_cells: int | None = None,
    max_memory: int | None = None,
) -> Grid:
    r"""Read a grid of numbers of any number of axes.

    Parameters
    ----------
    source
        A path (``file.npz#name`` picks one array of several), or the bytes of a file.
    format
        ``npy``, ``npz``, ``csv`` (also for text with tabs, semicolons or spaces), ``json``, or words for hardware that
        say what they are: ``mem``, ``coe`` and ``h``; by default from the content and the name.
    name
        What messages call bytes; for ``npz`` bytes it may end in ``#array``.
    max_values, max_cells
        Refuse a file that declares more values than this, or a matrix of more, before anything is allocated.
    max_memory
        Refuse a file whose values take more bytes.

    Returns
    -------
    numpy.ndarray
        Its stored type for npy and npz, and for JSON dumps that name one; float64 for other text.
        One line of text, or a flat JSON list, is a vector ``(n,)``.

    Raises
    ------
    ImageError
        If the file is missing or damaged, holds objects, text or ragged rows, or declares a shape that it
        does not hold. Pickled objects are never loaded.
    ResourceError
        If it takes more memory than allowed or than there is.

    Examples
    --------
    >>> read_grid(b"1 2 3\n4 5 6").shape
    (2, 3)
    """
    member = ""
    if not isinstance(source, bytes):
        path, member = split_member(source)
        name = name or str(source)
        data = _load(path, name)
    else:
        name = name or "standard input"
        data = source
        member = split_member(name)[1]
    if not data[:4096].strip() and not data.strip():  # which copies the file
        raise ImageError(f"{quoted(name)}: the file is empty")
    form = format or sniff_grid(data, str(split_member(name)[0]))
    try:
        with np.errstate(all="ignore"):
            return READERS[form](data, member, Bounds(max_values, max_cells, max_memory))
    except CnnFilterError as error:
        raise type(error)(f"{quoted(name)}: {error}") from error
    except MemoryError as error:
        raise ResourceError(f"{quoted(name)}: no memory for it (close some programs)") from error
    except Exception as error:
        raise ImageError(f"{quoted(name)}: not a readable {form} file: {_reason(error)}") from error


def _load(path: Path, name: str) -> bytes:
    """Return the bytes of a file, or say why there are none."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ImageError(f"{quoted(name)}: {error.strerror or error}") from error


def _reason(error: Exception) -> str:
    """Return the first line of what a library says."""
    lines = str(error).strip().splitlines()
    return printable(lines[0])[:160] if lines else type(error).__name__


def _check_shape(shape: tuple[int, ...], itemsize: int, bounds: Bounds) -> int:
    """Return how many values a declared shape has, if that is allowed."""
    if any(size < 0 for size in shape):
        raise ImageError(f"declares the shape {shape}")
    count = math.prod(shape)
    if count == 0:
        raise ImageError(f"holds no values: its shape is {shape}")
    if bounds.cells is not None and len(shape) == 2 and count > bounds.cells:
        size = f"{shape[1]} x {shape[0]} = {count} pixels"
        raise ImageError(f"{size} are over the limit of {bounds.cells} (--max-pixels {count} raises it)")
    if bounds.values is not None and count > bounds.values:
        raise ImageError(f"declares {count} values, over the limit of {bounds.values} (--max-pixels raises it)")
    _check_memory(count * itemsize, bounds)
    return count


def _check_memory(needed: int, bounds: Bounds) -> None:
    """Refuse what takes more memory than allowed."""
    if bounds.memory is not None and needed > bounds.memory:
        shown = f"{bytes_text(needed)}, over the limit of {bytes_text(bounds.memory)}"
        raise ResourceError(f"reading its numbers needs {shown} (--max-memory {needed} raises it)")


def _read_npy(data: bytes, _member: str, bounds: Bounds) -> Grid:
    """Read one array; its header must agree with the length of the data."""
    return _array_from(io.BytesIO(data), len(data), bounds)


def _array_from(file: Any, size: int, bounds: Bounds) -> Grid:
    """Read an npy stream of `size` bytes: header, checks, then values."""

    def check(shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
        needed = _check_shape(shape, dtype.itemsize, bounds) * dtype.itemsize
        left = size - file.tell()
        if needed != left:
            raise ImageError(f"its header declares {shape} of {dtype}, {needed} bytes, but {left} bytes follow")
        return needed

    grid = npy_array(file, check)
    if grid.dtype.itemsize > 8:
        return _narrowed(grid, np.dtype(np.float64))
    return grid.astype(grid.dtype.newbyteorder("="), copy=False)


def _narrowed(grid: Grid, dtype: np.dtype[Any]) -> Grid:
    """Return numbers in a type of fewer bits that holds them all."""
    narrow = grid.astype(dtype)
    if (np.isinf(narrow) & ~np.isinf(grid)).any():
        raise ImageError(f"holds numbers that {dtype} does not: they are larger than {np.finfo(dtype).max:.3g}")
    return narrow


def _read_npz(data: bytes, member: str, bounds: Bounds) -> Grid:
    """Read one array of an archive, whose declared sizes are checked before it is unpacked."""
    import zipfile  # half of the time to import this file

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        arrays = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
        if not arrays:
            raise ImageError("the archive is empty")
        if len(arrays) < len(archive.infolist()):
            raise ImageError("holds several arrays of one name (rename them)")
        names = ", ".join(printable(key) for key in list(arrays)[:8]) + (", ..." if len(arrays) > 8 else "")
        if member and member not in arrays:
            raise ImageError(f"holds no array {quoted(member)} (it has {names})")
        if not member and len(arrays) > 1:
            first = printable(next(iter(arrays)))
            raise ImageError(f"holds {len(arrays)} arrays, {names} (name one, as in file.npz#{first})")
        info = arrays[member or next(iter(arrays))]
        with archive.open(info) as file:
            return _array_from(file, info.file_size, bounds)


def _read_json(data: bytes, _member: str, bounds: Bounds) -> Grid:
    """Read nested lists, or an object that has them under ``data``; null is NaN."""
    import json

    _check_memory(_JSON_BYTE * len(data), bounds)
    try:
        document = json.loads(
            data.decode("utf-8-sig"), parse_constant=_refuse_constant, object_pairs_hook=_without_twins
        )
    except RecursionError:
        raise ImageError("lists are nested too deeply") from None
    dtype = np.dtype(np.float64)
    declared = None
    if isinstance(document, dict):
        if "data" not in document:
            raise ImageError("a JSON object needs a key 'data' with nested lists of numbers")
        if document.get("dtype") in ("float16", "float32"):
            dtype = np.dtype(document["dtype"])
        declared = document.get("shape")
        document = document["data"]
    if not isinstance(document, list):
        raise ImageError("needs nested lists of numbers, as in [[1, 2], [3, 4]]")
    shape = _nested_shape(document)
    if declared not in (None, [*shape]):
        raise ImageError(f"declares the shape {printable(json.dumps(declared))[:80]}, but its data are {[*shape]}")
    _check_shape(shape, dtype.itemsize, bounds)
    flat = document
    for axis in range(1, len(shape)):
        flat = _flattened(flat, shape[axis], axis)
    if bad := set(map(type, flat)) - {int, float, type(None)}:
        position = next(index for index, value in enumerate(flat) if type(value) in bad)
        where = [int(index) for index in np.unravel_index(position, shape)]
        raise ImageError(f"{where} is {printable(json.dumps(flat[position]))[:40]}, not a number")
    values = [math.nan if value is None else value for value in flat] if None in flat else flat
    grid = np.array(values, np.float64)
    if np.isinf(grid).any():  # nothing else is written that long
        place = [int(index) for index in np.unravel_index(int(np.isinf(grid).argmax()), shape)]
        raise ImageError(f"{place} is a number beyond 1.8e308")
    return _narrowed(grid, dtype).reshape(shape)


def _refuse_constant(text: str) -> float:
    """Refuse what Python takes for JSON and nobody else does."""
    raise ImageError(f"{text} is not JSON (write null)")


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object, unless a key in it comes twice: one of the two would be lost."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twin = next(key for key in keys if keys.count(key) > 1)
        raise ImageError(f"the key {quoted(twin)} is given twice (remove one)")
    return found


def _nested_shape(document: Any) -> tuple[int, ...]:
    """Return the shape that the first items of nested lists announce."""
    shape = []
    while isinstance(document, list):
        shape.append(len(document))
        if not document or len(shape) > 8:
            break
        document = document[0]
    return tuple(shape)


def reading_bytes(form: str, data: bytes, grid: Grid) -> int:
    """Return the bytes of memory that there were at most while a grid was read from the bytes of a file."""
    if form == "csv":
        return _TEXT_BYTE * len(data) + _TEXT_LINE * data.count(b"\n")
    return 2 * len(data) + _JSON_VALUE * grid.size if form == "json" else len(data) + grid.nbytes


def _flattened(rows: list[Any], width: int, axis: int) -> list[Any]:
    """Join lists of `width` items into one list."""
    for index, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != width:
            found = f"has {len(row)} items" if isinstance(row, list) else "is no list"
            raise ImageError(f"ragged lists: item {index} at depth {axis} {found}, the first has {width}")
    return [value for row in rows for value in row]


def _read_csv(data: bytes, _member: str, bounds: Bounds) -> Grid:
    """Read text cells; a first line ``map,row,...`` announces a stack of maps."""
    from cnnfilter.dumps.text import parse_text

    _check_memory(_TEXT_BYTE * len(data) + _TEXT_LINE * data.count(b"\n"), bounds)
    return parse_text(data)


def _reader_of_words(form: str) -> Callable[[bytes, str, Bounds], Grid]:
    """Return what reads words that say themselves what they are."""

    def read(data: bytes, _member: str, bounds: Bounds) -> Grid:
        _check_memory(_TEXT_BYTE * len(data), bounds)
        packed = read_words(data, form)
        _check_shape(packed.shape, packed.values.dtype.itemsize, bounds)
        return packed.array()

    return read


READERS: dict[str, Callable[[bytes, str, Bounds], Grid]] = {
    "npy": _read_npy, "npz": _read_npz, "csv": _read_csv, "json": _read_json,
    **{form: _reader_of_words(form) for form in WORD_FORMATS},
}  # fmt: skip
