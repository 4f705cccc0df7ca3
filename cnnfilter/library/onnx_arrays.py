"""The arrays that an ONNX model holds: stored ones, those of constant nodes, and what copies or fills them."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnfilter.errors import KernelFileError, MissingExtraError

#: Attributes of a Constant node that hold numbers in place of a tensor, and the type that they have.
_NUMBERS = {"value_float": 1, "value_floats": 1, "value_int": 7, "value_ints": 7}
#: Longest shape that a filled array has.
_MOST_AXES = 8


class Held(NamedTuple):
    """An array of a model: its shape, ONNX's number of its type, and the tensor that it comes from.

    Attributes
    ----------
    filled
        Whether the tensor is one number that fills the shape.
    """

    shape: tuple[int, ...]
    kind: int
    tensor: Any
    filled: bool = False


def held_arrays(graph: Any) -> dict[str, Held]:
    """Return every array of a graph by name; the values of arrays in other files are not read.

    Notes
    -----
    Initializers, Constant nodes (where some exporters keep all weights), and Identity and ConstantOfShape nodes over
    these.
    """
    held = {tensor.name: _of_tensor(tensor) for tensor in graph.initializer}
    for node in graph.node:
        if node.domain not in ("", "ai.onnx") or len(node.output) != 1:
            continue
        found = None
        if node.op_type == "Constant":
            found = _constant(node)
        elif node.op_type == "Identity" and node.input:
            found = held.get(node.input[0])
        elif node.op_type == "ConstantOfShape" and node.input:
            found = _filled(node, held.get(node.input[0]))
        if found is not None:
            held[node.output[0]] = found
    return held


def _of_tensor(tensor: Any) -> Held:
    """Return a tensor as an array of the model."""
    return Held(tuple(tensor.dims), tensor.data_type, tensor)


def _constant(node: Any) -> Held | None:
    """Return what a Constant node holds, or None where it is text or sparse."""
    import onnx

    for said in node.attribute:
        if said.name == "value":
            return _of_tensor(said.t)
        if said.name in _NUMBERS:
            value = onnx.helper.get_attribute_value(said)
            dims = [len(value)] if isinstance(value, list) else []
            values = list(value) if isinstance(value, list) else [value]
            return _of_tensor(onnx.helper.make_tensor("", _NUMBERS[said.name], dims, values))
    return None


def _filled(node: Any, sides: Held | None) -> Held | None:
    """Return what a ConstantOfShape node gives, or None where its shape is not held in the file itself."""
    import onnx

    outside = onnx.TensorProto.EXTERNAL
    if sides is None or sides.filled or sides.tensor.data_location == outside or len(sides.shape) != 1:
        return None
    if sides.shape[0] > _MOST_AXES:
        return None
    try:
        shape = tuple(int(side) for side in onnx.numpy_helper.to_array(sides.tensor))
    except (ValueError, TypeError):  # fewer bytes than promised, or no whole numbers
        return None
    value = next((said.t for said in node.attribute if said.name == "value"), None)
    return Held(shape, value.data_type if value is not None else 1, value, filled=True)


def read_onnx(stream: IO[bytes], path: str, member: str) -> tuple[str, NDArray[Any]]:
    """Return one array of an ONNX model, such as ``conv1.weight``; nothing of the model is run.

    Raises
    ------
    MissingExtraError
        If onnx is not installed.
    KernelFileError
        If the file is no model, has no such array, or one that is broken, or in a file of another folder.
    """
    from cnnfilter.library.arrays import byte_count, choose

    try:
        import onnx
    except ImportError as error:
        raise MissingExtraError("kernels from ONNX models need onnx (pip install 'cnnfilter[onnx]')") from error
    try:
        graph = onnx.load_model(stream, load_external_data=False).graph
    except Exception as error:  # protobuf has classes of its own
        raise KernelFileError(path, "is not an ONNX model that can be read") from error
    held = held_arrays(graph)
    stored = [tensor.name for tensor in graph.initializer]  # two may have one name
    names = [*stored, *(name for name in held if name not in set(stored))]
    arrays = [name for name in names if len(held[name].shape) > 1 or name == member]
    if not arrays and not graph.node:
        raise KernelFileError(path, "is not an ONNX model: it holds no graph")
    name = choose(member, arrays, path)
    try:
        dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(held[name].kind))
    except (KeyError, TypeError) as error:
        raise KernelFileError(path, f"{name!r} has a type that is not known") from error
    byte_count(held[name].shape, dtype, path)
    return name, _values(held[name], dtype, name, path)


def _values(held: Held, dtype: np.dtype[Any], name: str, path: str) -> NDArray[Any]:
    """Return the values of an array; those in a file of their own are read from the model's folder."""
    import onnx
    from onnx.external_data_helper import load_external_data_for_tensor

    tensor = held.tensor
    if tensor is None:
        return np.zeros(held.shape, dtype)
    try:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            load_external_data_for_tensor(tensor, str(Path(path).parent))
        values = np.asarray(onnx.numpy_helper.to_array(tensor))
        return np.full(held.shape, values.reshape(-1)[0]) if held.filled else values
    except MemoryError:
        raise
    except Exception as error:  # onnx checks the place of the data with classes of its own
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise KernelFileError(path, f"{name!r} cannot be read as an array: {first}") from error
