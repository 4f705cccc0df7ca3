"""Kernels from the arrays of ``.npy``, ``.npz`` and ``.safetensors`` files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnfilter.errors import KernelFileError, ResourceError
from cnnfilter.files import quoted
from cnnfilter.library.array_files import READERS, SeveralArraysError
from cnnfilter.library.build import file_label
from cnnfilter.library.kernel import Kernel
from cnnfilter.library.numbers import MAX_SIDE


def read_kernels(path: str, member: str = "", selection: str = "") -> list[Kernel]:
    """Return the kernels in an array.

    Parameters
    ----------
    path
        A file that ends in a key of `READERS`.
    member
        The array's name in an ``.npz`` or ``.safetensors``; may be left out where there is only one.
    selection
        Indices as in NumPy, whole numbers and slices: ``:8`` or ``0, :``.

    Returns
    -------
    list of Kernel
        One for an array ``(kH, kW)`` or ``(C, kH, kW)``, K for ``(K, C, kH, kW)``. A 1-D array is one row,
        and kernels of one channel come out as ``(kH, kW)``.

    Raises
    ------
    KernelFileError
        If the file is broken or lies about its size, has no such member, or holds no such numbers.
    ResourceError
        If it may not be read.
    """
    name, whole = read_array(path, member)
    chosen = whole[_indices(selection, path, whole)] if selection else whole
    weights = _as_weights(chosen, path, name)
    label = file_label(name or Path(path).stem)
    if weights.ndim < 4:
        plane = weights[0] if weights.ndim == 3 and len(weights) == 1 else weights
        part = re.sub(r"\W+", "_", selection).strip("_")
        return [Kernel(f"{label}-{part}" if part else label, _spec(path, name, selection), plane, origin=path)]
    first, _, rest = selection.partition(",")
    numbers = np.arange(len(whole))[_indices(first, path, whole)] if first else np.arange(len(whole))
    tail = f",{rest}" if rest else ""
    return [
        Kernel(
            f"{label}-{number}",
            _spec(path, name, f"{number}{tail}"),
            plane[0] if len(plane) == 1 else plane,
            origin=path,
        )
        for number, plane in zip(numbers, weights, strict=True)
    ]


def member_names(path: str) -> list[str]:
    """Return the names of the arrays in a file; one empty name where it holds one without a name.

    Raises
    ------
    KernelFileError
        As `read_kernels`.
    """
    try:
        return [read_array(path, "")[0]]
    except SeveralArraysError as error:
        return error.names


def read_array(path: str, member: str) -> tuple[str, NDArray[Any]]:
    """Return an array of a file, and the name under which it was found."""
    file = Path(path)
    try:
        if not file.is_file():
            raise KernelFileError(path, "is not a file" if file.exists() else "no such file")
        with file.open("rb") as stream:
            return READERS[file.suffix.lower()](stream, path, member)
    except PermissionError as error:
        raise ResourceError(f"{quoted(path)}: {error.strerror} (check who may read it)") from error
    except OSError as error:
        raise KernelFileError(path, error.strerror or str(error)) from error


def _spec(path: str, name: str, selection: str) -> str:
    """Return how to type an array, or a part of it."""
    shown = f"[{selection}]" if selection else ""
    return f"{path}#{name}{shown}" if name or shown else path


def _indices(selection: str, path: str, whole: NDArray[Any]) -> tuple[int | slice, ...]:
    """Return the indices of a selection such as ``:8, 0``, each inside its axis."""
    indices: list[int | slice] = []
    parts = [part.strip() for part in selection.split(",")]
    if len(parts) > whole.ndim:
        raise KernelFileError(path, f"[{selection}] has {len(parts)} indices, the array has {whole.ndim} axes")
    for axis, part in enumerate(parts):
        if not re.fullmatch(r"-?\d{1,9}|(-?\d{1,9})?:(-?\d{1,9})?(:-?[1-9]\d{0,8})?", part):
            raise KernelFileError(path, f"[{selection}] is not a selection (write [3], [:8] or [0:16:2, 0])")
        if ":" in part:
            indices.append(slice(*(int(text) if text else None for text in part.split(":"))))
        elif -whole.shape[axis] <= int(part) < whole.shape[axis]:
            indices.append(int(part))
        else:
            raise KernelFileError(path, f"[{selection}]: axis {axis} has {whole.shape[axis]}, numbered from 0")
    return tuple(indices)


def _as_weights(array: NDArray[Any], path: str, name: str) -> NDArray[np.float64]:
    """Return an array as float64 weights of two to four axes, refusing what no kernel can be."""
    what = f"{name!r} " if name else ""
    if array.ndim == 1:
        array = array[None]  # (1, kW)
    if not 2 <= array.ndim <= 4:
        raise KernelFileError(path, f"{what}has {array.ndim} axes, expected (kH, kW), (C, kH, kW) or (K, C, kH, kW)")
    if 0 in array.shape:
        raise KernelFileError(path, f"{what}is empty: its shape is {'x'.join(map(str, array.shape))}")
    if max(array.shape[-2:]) > MAX_SIDE:
        sides = "x".join(map(str, array.shape[-2:]))
        raise KernelFileError(path, f"{what}holds kernels of {sides}, more than {MAX_SIDE} a side")
    weights = array.astype(np.float64)
    if not np.isfinite(weights).all():
        count = int(np.count_nonzero(~np.isfinite(weights)))
        raise KernelFileError(path, f"{what}holds {count} NaN or infinite values (weights must be finite)")
    return weights
