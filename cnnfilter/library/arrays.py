"""Kernels from files of arrays: .npy, .npz, .mat, .safetensors and .onnx, and which array of a file is meant."""

from __future__ import annotations

import math
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from cnnfilter.dumps.npy import npy_array
from cnnfilter.errors import KernelFileError, ResourceError, UnknownNameError, closest
from cnnfilter.files import quoted
from cnnfilter.library.build import file_label
from cnnfilter.library.document import parse_document
from cnnfilter.library.kernel import Kernel
from cnnfilter.library.numbers import MAX_SIDE, MAX_WEIGHTS, describe
from cnnfilter.library.onnx_arrays import read_onnx

#: Takes an open file, its path for messages and a member's name; returns the name found, and the array.
Reader = Callable[[IO[bytes], str, str], tuple[str, NDArray[Any]]]

#: Longest header of a ``.safetensors`` file that is read.
MAX_HEADER = 1 << 20


def read_npy(stream: IO[bytes], path: str, member: str) -> tuple[str, NDArray[Any]]:
    """Return the array of a ``.npy`` file, which has no members."""
    if member:
        raise KernelFileError(path, f"holds one array without a name, so #{member} means nothing")
    return "", _npy_array(stream, path)


def _npy_array(stream: IO[bytes], path: str) -> NDArray[Any]:
    """Read an array in NumPy's format."""
    try:
        return npy_array(stream, lambda shape, dtype: byte_count(shape, dtype, path))
    except ValueError as error:
        raise KernelFileError(path, str(error)) from error


def read_npz(stream: IO[bytes], path: str, member: str) -> tuple[str, NDArray[Any]]:
    """Return one array of a ``.npz`` archive."""
    try:
        with zipfile.ZipFile(stream) as archive:
            names = [info.filename.removesuffix(".npy") for info in archive.infolist()]
            name = choose(member, names, path)
            with archive.open(archive.infolist()[names.index(name)]) as inside:
                return name, _npy_array(inside, f"{path}#{name}")
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, zlib.error, EOFError) as error:
        raise KernelFileError(path, f"is not a readable .npz archive: {error}") from error


def read_safetensors(stream: IO[bytes], path: str, member: str) -> tuple[str, NDArray[Any]]:
    """Return one tensor of a ``.safetensors`` file.

    References
    ----------
    .. [1] Hugging Face, "Safetensors": 8 bytes of length, a JSON header with dtype, shape and offsets, raw bytes.
    """
    length = int.from_bytes(_exactly(stream, 8, path), "little")
    if length > MAX_HEADER:
        raise KernelFileError(path, f"is not .safetensors: a header of {length} bytes (at most {MAX_HEADER})")
    text = _exactly(stream, length, path)
    try:
        header = parse_document(text, "header.json").value
    except KernelFileError as error:
        raise KernelFileError(path, f"is not .safetensors: its header is {error.reason}") from error
    if not isinstance(header, dict):
        raise KernelFileError(path, "is not .safetensors: its header is not a mapping")
    name = choose(member, [key for key in header if key != "__metadata__"], path)
    dtype_name, shape, (begin, end) = _tensor_info(header[name], path, name)
    bfloat = dtype_name == "BF16"
    dtype = np.dtype(_SAFE_DTYPES[dtype_name])
    if byte_count(shape, dtype, path) != end - begin:
        raise KernelFileError(path, f"{name!r}: shape and offsets disagree about its bytes")
    stream.seek(8 + length + begin)
    array = _array(_exactly(stream, end - begin, path), shape, dtype, path)
    if bfloat:  # the upper half of a float32
        array = (array.astype(np.uint32) << 16).view(np.float32)
    return name, array.reshape(shape)


_SAFE_DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "<u2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "<i1",
    "U8": "<u1",
    "BOOL": "?",
}


def _tensor_info(info: object, path: str, name: str) -> tuple[str, tuple[int, ...], tuple[int, int]]:
    """Return dtype, shape and offsets from a tensor's header."""
    data = info if isinstance(info, dict) else {}
    dtype, shape, offsets = data.get("dtype"), data.get("shape"), data.get("data_offsets")
    if not isinstance(dtype, str) or dtype not in _SAFE_DTYPES:
        known = ", ".join(_SAFE_DTYPES)
        raise KernelFileError(path, f"{name!r} is of type {describe(dtype)}, expected one of {known}")
    sides, ends = _whole_numbers(shape), _whole_numbers(offsets)
    if sides is None or ends is None or len(ends) != 2:
        raise KernelFileError(path, f"{name!r}: its shape or offsets are not whole numbers")
    if ends[0] > ends[1]:
        raise KernelFileError(path, f"{name!r}: its offsets run backwards")
    return dtype, sides, (ends[0], ends[1])


def _whole_numbers(value: object) -> tuple[int, ...] | None:
    """Return a list of whole numbers from 0 to 2^62 as a tuple; None for anything else."""
    if isinstance(value, list) and all(type(item) is int and 0 <= item < 1 << 62 for item in value):
        return tuple(value)
    return None


class SeveralArraysError(KernelFileError):
    """A file of several arrays, of which none was named."""

    def __init__(self, path: str, names: list[str]) -> None:
        self.names = names
        super().__init__(path, f"holds several arrays: write {path}#NAME with one of {_shown(names)}")


def _shown(names: list[str]) -> str:
    """Return the first of some names."""
    return ", ".join(describe(name)[1:-1] for name in names[:6]) + (", ..." if len(names) > 6 else "")


def choose(member: str, names: list[str], path: str) -> str:
    """Return the one member that is meant; of two that have its name, neither."""
    if names.count(member or next(iter(names), "")) > 1:
        raise KernelFileError(path, f"holds several arrays of the name {describe(member or names[0])} (rename them)")
    if member in names:
        return member
    if not names:
        raise KernelFileError(path, "holds no arrays")
    if member:
        near = closest(member, names)
        hint = f"did you mean {' or '.join(near)}?" if near else f"it holds {_shown(names)}"
        raise UnknownNameError(f"{quoted(path)}: no array {member!r} in it ({hint})")
    if len(names) > 1:
        raise SeveralArraysError(path, names)
    return names[0]


def byte_count(shape: tuple[int, ...], dtype: np.dtype[Any], path: str) -> int:
    """Return the bytes that a shape needs, refusing other than numbers and more than MAX_WEIGHTS."""
    if dtype.kind not in "biuf":
        raise KernelFileError(path, f"holds {dtype.name}, expected real numbers")
    if len(shape) > 8:
        raise KernelFileError(path, f"has {len(shape)} axes, expected (kH, kW), (C, kH, kW) or (K, C, kH, kW)")
    if any(side < 0 for side in shape):
        raise KernelFileError(path, f"has a negative side in its shape {shape}")
    count = math.prod(shape)
    if count > MAX_WEIGHTS:
        raise KernelFileError(path, f"promises {count:,} weights, more than {MAX_WEIGHTS:,}")
    return count * dtype.itemsize


def _exactly(stream: IO[bytes], count: int, path: str) -> bytes:
    """Return the next `count` bytes."""
    data = stream.read(count)
    if len(data) != count:
        raise KernelFileError(path, f"is cut short: {count:,} bytes promised, {len(data):,} there")
    return data


def _array(data: bytes, shape: tuple[int, ...], dtype: np.dtype[Any], path: str) -> NDArray[Any]:
    """Return bytes as a flat array."""
    try:
        return np.frombuffer(data, dtype=dtype, count=math.prod(shape))
    except ValueError as error:
        raise KernelFileError(path, f"cannot be read as an array: {error}") from error


def data_files(path: Path, model: Any = None) -> tuple[Path, ...]:
    """Return the files beside an ONNX model that hold its tensors; `model` is what is in it, where that is known."""
    if model is None:
        import onnx

        model = onnx.load_model(path, load_external_data=False)
    parts = (model.graph, *model.functions)
    return tuple(dict.fromkeys(path.parent / name for part in parts for name in _locations(part)))


def _locations(part: Any) -> Iterator[str]:
    """Yield the files that the tensors of a graph or function, and of the graphs in its nodes, lie in."""
    attributes = [attribute for node in part.node for attribute in node.attribute]
    tensors = (tensor for one in attributes for tensor in (*([one.t] if one.HasField("t") else ()), *one.tensors))
    for tensor in (*getattr(part, "initializer", ()), *tensors):
        yield from (entry.value for entry in tensor.external_data if entry.key == "location")
    for one in attributes:
        for inner in (*([one.g] if one.HasField("g") else ()), *one.graphs):
            yield from _locations(inner)


#: How the arrays of each kind of file are read.
READERS: dict[str, Reader] = {
    ".npy": read_npy,
    ".npz": read_npz,
    ".safetensors": read_safetensors,
    ".onnx": read_onnx,
}


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


def read_array(path: str | Path, member: str, shown: str = "") -> tuple[str, NDArray[Any]]:
    """Return an array of a file, and the name under which it was found; messages call the file `shown`, or its path.

    Raises
    ------
    KernelFileError
        If the file is missing or broken, or holds no such array.
    ResourceError
        If it may not be read.
    """
    file, shown = Path(path), shown or str(path)
    try:
        if not file.is_file():
            raise KernelFileError(shown, "is not a file" if file.exists() else "no such file")
        with file.open("rb") as stream:
            return READERS[file.suffix.lower()](stream, shown, member)
    except PermissionError as error:
        raise ResourceError(f"{quoted(shown)}: {error.strerror} (check who may read it)") from error
    except OSError as error:
        raise KernelFileError(shown, error.strerror or str(error)) from error


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
