"""What in an ONNX graph does not depend on its input: stored arrays, and what nodes make of these alone."""

from __future__ import annotations

from typing import Any

#: Nodes that give something else each time.
_RANDOM = ("RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Multinomial", "Bernoulli")


def constant_names(proto: Any) -> set[str]:
    """Return the names of all tensors that are the same for every input.

    Notes
    -----
    A node with a graph inside (Loop, If) may see more than its inputs, so what it gives counts as computed.
    """
    names = {array.name for array in proto.graph.initializer}
    names |= {array.values.name for array in proto.graph.sparse_initializer}
    for node in proto.graph.node:
        inside = any(one.HasField("g") or one.graphs for one in node.attribute)
        if inside or node.op_type in _RANDOM or not (node.input or node.op_type == "Constant"):
            continue
        if all(name in names for name in node.input if name):
            names.update(name for name in node.output if name)
    return names


def type_name(kind: int) -> str:
    """Return ONNX's name of a type by its number, or the number where there is no such type."""
    import onnx

    try:
        return str(onnx.TensorProto.DataType.Name(kind)).lower()
    except ValueError:
        return f"values of the unknown type {kind}"
