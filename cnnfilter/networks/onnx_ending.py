"""What an ONNX graph ends in, read from its nodes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from cnnfilter.networks.ending import Ending, Shape
from cnnfilter.networks.onnx_constants import constant_names

#: Nodes that hand the values of their first input on, in another shape or type.
_PASSAGES = {
    "Identity", "Dropout", "Cast", "CastLike", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose",
    "QuantizeLinear", "DequantizeLinear",
}  # fmt: skip
#: Nodes that make weighted sums of one input.
_SUMS = {"Gemm", "MatMul", "Conv", "QGemm", "QLinearMatMul", "QLinearConv", "MatMulInteger", "ConvInteger"}
#: Nodes that leave weighted sums what they are: a bias, a scale, batch norm, a mean or a sum over the places of maps.
_AFFINE = {"Add", "Sub", "Mul", "Div", "QLinearAdd", "QLinearMul", "BatchNormalization"}
_MEANS = {
    "GlobalAveragePool", "AveragePool", "ReduceMean", "ReduceSum", "QLinearGlobalAveragePool", "QLinearAveragePool",
}  # fmt: skip
_DECIDERS = {
    "Softmax": "softmax", "QLinearSoftmax": "softmax", "LogSoftmax": "log-softmax", "Sigmoid": "sigmoid",
    "HardSigmoid": "sigmoid", "QLinearSigmoid": "sigmoid",
}  # fmt: skip
#: Opset from which softmax works along one axis; before, over everything from its axis on.
_ALONG_ONE_AXIS = 13
#: Domains whose operators are known by their names.
_KNOWN = ("", "ai.onnx", "com.microsoft")


def graph_ending(proto: Any, ranks: Mapping[str, int]) -> Ending:
    """Return what an ONNX model ends in: of several outputs the one that says most about classes.

    Parameters
    ----------
    proto
        The model.
    ranks
        The number of axes of each tensor, the batch's included, where it is known.

    Notes
    -----
    Weighted sums (Gemm, MatMul, or the mean over the places of a convolution's maps; a constant may be added or
    multiplied) are the scores of a classifier where they leave the model as ``(1, N)``, one number for each of at
    least two classes. Nothing in a file tells them from an embedding: class names, or their absence, do.
    """
    nodes = {name: node for node in proto.graph.node for name in node.output if name}
    stored = constant_names(proto)
    endings = [_ending(out.name, nodes, stored, ranks, proto) for out in proto.graph.output if out.name in nodes]
    if not endings:
        last = next((node for node in reversed(proto.graph.node) if node.output), None)
        name = last.output[0] if last is not None else ""
        return Ending(name, name, "other", last.op_type if last is not None else "")
    best = min(endings, key=lambda one: _doubt(one, ranks))
    return best._replace(note=f"of {len(endings)} outputs, {best.layer!r} is read") if len(endings) > 1 else best


def _doubt(ending: Ending, ranks: Mapping[str, int]) -> int:
    """Return how far an output is from saying something about classes: 0 for a vector of probabilities."""
    if ending.classifier:
        return 1  # scores by their form alone: these may be an embedding that another output is made from
    if ending.kind in ("linear", "other"):
        return 3
    return 0 if ranks.get(ending.layer, 9) <= 2 else 2


def _ending(
    out: str, nodes: Mapping[str, Any], stored: set[str], ranks: Mapping[str, int], proto: Any
) -> Ending:  # fmt: skip
    """Return what one output of the graph ends in."""
    name = _through(out, nodes, _is_passage)
    node = nodes.get(name)
    if node is None or node.domain not in _KNOWN or not node.input:
        return Ending(out, name, "other", node.op_type if node is not None else "input")
    kind = _DECIDERS.get(node.op_type, "")
    if kind in ("softmax", "log-softmax"):
        before = nodes.get(_through(node.input[0], nodes, _is_passage))
        if before is not None and before.op_type == "Neg":
            return Ending(out, name, "other", "Softmax of negatives")
        return Ending(out, name, kind, node.op_type, covers=_covering(node, ranks.get(name), proto))
    if kind:
        return Ending(out, name, kind, node.op_type)
    source = _through(name, nodes, lambda one: _is_passage(one) or _is_affine(one, stored), stored)
    found = nodes.get(source)
    linear = found is not None and found.op_type in _SUMS
    return Ending(
        out, name, "linear" if linear else "other", node.op_type, classifier=linear and ranks.get(out, 9) <= 2
    )


def _through(name: str, nodes: Mapping[str, Any], passes: Callable[[Any], bool], stored: set[str] | None = None) -> str:
    """Follow a tensor back through the nodes that pass."""
    for _ in range(len(nodes)):  # a graph may be a circle, until ONNX Runtime has looked at it
        node = nodes.get(name)
        if node is None or node.domain not in _KNOWN or not node.input or not passes(node):
            break
        name = next((one for one in node.input if one and one not in (stored or ())), "")
    return name


def _is_passage(node: Any) -> bool:
    """Say whether a node hands its first input's values on."""
    return node.op_type in _PASSAGES


def _is_affine(node: Any, stored: set[str]) -> bool:
    """Say whether a node makes weighted sums of weighted sums: a mean, or one constant added or multiplied."""
    if node.op_type in _MEANS:
        return True
    computed = [name for name in node.input if name and name not in stored]
    if node.op_type == "Div" and node.input[0] in stored:
        return False
    return node.op_type in _AFFINE and len(computed) == 1


def _covering(node: Any, rank: int | None, proto: Any) -> Callable[[Shape], bool]:
    """Return what tells, by a shape without the batch's axis, whether a softmax is one over all values."""
    opset = next((one.version for one in proto.opset_import if one.domain in ("", "ai.onnx")), 1)
    said = {one.name: one.i for one in node.attribute}
    whole = opset < _ALONG_ONE_AXIS and node.domain != "com.microsoft"
    axis = said.get("axis", 1 if whole else -1)

    def covers(shape: Shape) -> bool:
        count, place = math.prod(shape), axis
        if axis >= 0 and rank != 1:
            if axis == 0:  # along the batch, of one picture
                return whole
            place = axis - 1
        sides = shape[place:] if whole else shape[place : place + 1 or None]
        return math.prod(sides) == count

    return covers
