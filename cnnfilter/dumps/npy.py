"""NumPy's own format: a header, then exactly the bytes that it promises."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

Shape = tuple[int, ...]

_LONGEST_HEADER = 10_000

_HEADERS: dict[tuple[int, int], Callable[..., tuple[Shape, bool, np.dtype[Any]]]] = {
    (1, 0): npy_format.read_array_header_1_0,
    (2, 0): npy_format.read_array_header_2_0,
}


def npy_array(file: IO[bytes], check: Callable[[Shape, np.dtype[Any]], int]) -> NDArray[Any]:
    """Return the array of an npy stream.

    Parameters
    ----------
    file
        Is read from where it stands.
    check
        Is told shape and type before any value is read: raises for what is not allowed, and returns the bytes of the
        values.

    Raises
    ------
    ValueError
        If the header makes no sense, or fewer bytes follow than it promises.
    """
    shape, fortran, dtype = _header(file)
    if dtype.hasobject:
        raise ValueError("object arrays are refused: they can run code (save plain numbers)")
    if dtype.kind not in "biuf":
        raise ValueError(f"holds {dtype.name}, expected real numbers")
    wanted = check(shape, dtype)
    data = file.read(wanted)
    if len(data) != wanted:
        raise ValueError(f"is cut short: {wanted:,} bytes promised, {len(data):,} there")
    values = np.frombuffer(data, dtype)
    return values.reshape(shape[::-1]).T if fortran else values.reshape(shape)


def _header(file: IO[bytes]) -> tuple[Shape, bool, np.dtype[Any]]:
    """Return shape, order and type; NumPy answers a strange header in words of Python's parser."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of headers that Python 2 wrote
            version = npy_format.read_magic(file)
            if version in _HEADERS:
                return _HEADERS[version](file, max_header_size=_LONGEST_HEADER)
    except MemoryError:
        raise
    except Exception as error:
        said = str(error)
        ends = said.startswith("EOF: ")  # when it reads, not when it parses
        other = said.startswith("the magic string")
        words = "the file ends in its header" if ends else "its header makes no sense"
        raise ValueError("is not a .npy array: it begins otherwise" if other else words) from error
    raise ValueError(f"npy version {version[0]}.{version[1]} is not supported (save it with numpy.save)")
