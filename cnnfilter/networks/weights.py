"""The arrays of a network: from files in its folder, from kernel specs, or from numbers in place."""

from __future__ import annotations

import os
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np

from cnnfilter.core.arrays import Array
from cnnfilter.errors import CnnFilterError, ParameterError, ShapeError
from cnnfilter.files import quoted
from cnnfilter.library.arrays import read_array
from cnnfilter.library.load import files_read, load_kernels
from cnnfilter.library.numbers import MatrixError, describe, matrix, number
from cnnfilter.library.spec import Spec, parse_spec

#: Endings of the files that hold arrays.
ARRAY_SUFFIXES = (".npz", ".npy", ".safetensors")


def inside(folder: Path, text: str) -> Path:
    """Return the file that a network file names, which must lie in the network's own folder.

    Raises
    ------
    ParameterError
        If the path is absolute, leads out of the folder, or goes through a link that does.

    References
    ----------
    .. [1] ONNX, "External data": the same rule, for the same reason.
    """
    windows = PureWindowsPath(text)
    if Path(text).is_absolute() or windows.drive or windows.root:
        raise ParameterError(f"{quoted(text)} is an absolute path (weights lie in the network file's own folder)")
    if ".." in windows.parts:
        raise ParameterError(f"{quoted(text)} leads out of the network file's folder (put the file into it)")
    root = Path(os.path.realpath(folder))
    try:
        target = Path(os.path.realpath(folder / text))
    except ValueError as error:
        raise ParameterError(f"{quoted(text)} is not a file name: {error}") from error
    if not target.is_relative_to(root):
        raise ParameterError(f"{quoted(text)} is a link out of the network file's folder (put the file itself into it)")
    return target


def resolve_array(value: Any, folder: Path, default: str) -> Array:
    """Return the array that a value of a network file means.

    Parameters
    ----------
    value
        ``FILE#NAME``, ``#NAME`` of the file `default`, text of numbers, a number, or nested lists of numbers.
    folder
        Where files are.

    Raises
    ------
    CnnFilterError
        If there is no such file or array, or the values are not finite numbers.
    """
    if isinstance(value, str):
        name, _, member = value.partition("#")
        name = name or (default if value.startswith("#") else "")
        if name.lower().endswith(ARRAY_SUFFIXES):
            return _checked(read_array(inside(folder, name), member, name)[1], value)
        if "#" in value:
            hint = "" if default else "; or name a file in the network's own weights: first"
            raise ParameterError(
                f"{describe(value)} names no file of {', '.join(ARRAY_SUFFIXES)} (write FILE#NAME{hint})"
            )
    return _in_place(value)


def _checked(array: Array, shown: str) -> Array:
    """Refuse what weights cannot be: text, truth values, nothing at all, NaN and infinity."""
    if array.dtype.kind not in "iuf":
        raise ParameterError(f"{shown} holds {array.dtype.name}, expected real numbers such as float32")
    if array.size == 0:
        raise ShapeError(f"{shown} is empty: its shape is {array.shape}")
    finite = np.isfinite(array)
    if not finite.all():
        count = int(array.size - np.count_nonzero(finite))
        first = tuple(int(i) for i in np.argwhere(~finite)[0])
        raise ParameterError(
            f"{shown} holds {count} NaN or infinite values, the first at {first} (weights must be finite)"
        )
    if array.dtype.kind == "f" and array.dtype.itemsize in (4, 8) and array.dtype.isnative:
        return array
    return array.astype(np.float32 if array.dtype.itemsize <= 2 else np.float64)


def _in_place(value: Any) -> Array:
    """Return numbers that stand in the network file itself."""
    if isinstance(value, str):
        try:
            rows = np.array(matrix(value))
        except MatrixError as error:
            raise ParameterError(str(error)) from None
        return rows[0] if len(rows) == 1 and ";" not in value else rows
    return np.array(_numbers(value, ""))


def _numbers(value: Any, where: str) -> Any:
    """Return nested lists with every number as a float, refusing lists of unequal length or depth."""
    if not isinstance(value, list):
        try:
            return number(value)
        except ValueError as error:
            raise ParameterError(f"{where and where + ': '}{error}") from None
    if not value:
        raise ParameterError(f"{where and where + ': '}the list is empty")
    made = [_numbers(item, f"{where}[{index}]") for index, item in enumerate(value)]
    shapes = [np.shape(item) for item in made]
    for index, shape in enumerate(shapes):
        if shape != shapes[0]:
            raise ShapeError(
                f"{where}[{index}] has shape {shape}, {where}[0] has {shapes[0]}: rows of one length are needed"
            )
    return made


def resolve_kernels(specs: list[str], folder: Path, depth: int | None, groups: int) -> tuple[Array, tuple[Path, ...]]:
    """Return the filter bank ``(K, depth, kH, kW)`` of kernel specs, and the files that hold the kernels.

    Parameters
    ----------
    specs
        As on the command line; files are those of the network's folder.
    depth
        Channels that each filter sums, or None where it is not known yet (then that of the kernels).
    groups
        With one channel a group, each kernel filters each channel by itself: ``groups * K`` filters.

    Raises
    ------
    CnnFilterError
        If a spec means nothing, or the kernels are not of one size.
    """
    kernels = load_kernels(*(_contained(parse_spec(spec), folder) for spec in specs))
    planes = [kernel.weights for kernel in kernels]
    sizes = {plane.shape[-2:] for plane in planes}
    if len(sizes) > 1:
        shown = ", ".join(f"{kernel.name} {'x'.join(map(str, kernel.weights.shape))}" for kernel in kernels[:6])
        raise ShapeError(f"kernels of one layer must have one size, got {shown}")
    wanted = depth or max((len(plane) for plane in planes if plane.ndim == 3), default=1)
    for kernel, plane in zip(kernels, planes, strict=True):
        if plane.ndim == 3 and len(plane) != wanted:
            raise ShapeError(f"kernel {kernel.name} is {len(plane)} channels deep, each filter here sums {wanted}")
    bank = np.stack([np.broadcast_to(plane, (wanted, *plane.shape[-2:])) for plane in planes])  # (K, C/groups, kH, kW)
    if groups > 1 and wanted == 1:
        bank = np.tile(bank, (groups, 1, 1, 1))  # (groups*K, 1, kH, kW)
    return bank, tuple(map(Path, files_read(kernels, ())))


def _contained(spec: Spec, folder: Path) -> Spec:
    """Return a kernel spec whose file, if it names one, is that of the network's folder."""
    if spec.kind != "file":
        return spec
    try:
        return spec._replace(body=str(inside(folder, spec.body)))
    except CnnFilterError as error:
        raise ParameterError(str(error)) from error
