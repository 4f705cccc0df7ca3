"""What the graph of an ONNX model says: constants, the weights behind a tensor, and what its last nodes mean."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from typing import Any

from cnnfilter.core.receptive import INPUT
from cnnfilter.library.onnx_arrays import held_arrays
from cnnfilter.networks.ending import Ending, Shape
from cnnfilter.networks.onnx_fields import ALONG_ONE_AXIS, DOMAINS, SLIDING, lies_of
from cnnfilter.networks.onnx_lies import NOWHERE, Around, Lie, attributes
from cnnfilter.networks.onnx_session import stands_still
from cnnfilter.networks.plan import UNKNOWN, LayerPlan, NetworkPlan, Outline

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
    if node is None or node.domain not in DOMAINS or not node.input:
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
        if node is None or node.domain not in DOMAINS or not node.input or not passes(node):
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
    said = {one.name: one.i for one in node.attribute}
    whole = _opset(proto) < ALONG_ONE_AXIS and node.domain != "com.microsoft"
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


#: Types of shapes, axes and conditions, which are no weights: int64 and bool.
INDICES = (7, 9)


def _opset(proto: Any) -> int:
    """Return the version of ONNX's operators that a model is written in."""
    return next((one.version for one in proto.opset_import if one.domain in ("", "ai.onnx")), 1)


def node_plans(
    proto: Any, feed: str, fed: Mapping[str, tuple[int, ...]], whole: tuple[int, int, int], layout: str = "NCHW"
) -> NetworkPlan:
    """Return the plan of a graph for inputs of these shapes, of which `feed` is `whole` ``(C, H, W)`` to us."""
    shapes, empty = _shapes(proto, fed)
    held = held_arrays(proto.graph)
    weights = {name: one.shape for name, one in held.items() if one.kind not in INDICES}
    batch = fed[feed][0] if len(fed[feed]) == 4 else 1
    constant = constant_names(proto)
    around = Around(shapes, held, whole[1:], _opset(proto))
    known: dict[str, tuple[int, ...]] = {feed: whole}
    first = len(fed[feed]) - (2 if layout == "NCHW" else 3)
    lies = {feed: Lie(INPUT, (first, first + 1)) if len(fed[feed]) > 2 else NOWHERE}
    plans: list[LayerPlan] = []
    for node in proto.graph.node:
        inputs = [name for name in node.input if name in lies]
        if constant.issuperset(name for name in node.output if name):
            continue
        found = lies_of(node, lies, around)
        parameters = sum(math.prod(weights[name]) for name in node.input if name in weights)
        macs = _macs(node, shapes, weights) // batch
        for name, lie in zip(node.output, found, strict=True):
            if not name:
                continue
            known[name], lies[name] = _without_batch(shapes.get(name), batch), lie
            plans.append(
                LayerPlan(
                    name=name, kind=node.op_type, inputs=tuple(known[one] for one in inputs), shape=known[name],
                    parameters=parameters, macs=macs, field=lie.told(len(shapes.get(name, ()))),
                )
            )  # fmt: skip
            parameters = macs = 0  # of the node, counted once
    values = math.prod(whole) + sum(math.prod(max(side, 0) for side in plan.shape) for plan in plans)
    parameters = sum(plan.parameters for plan in plans)
    return NetworkPlan(
        size=whole, layers=tuple(plans), peak_bytes=4 * (values * batch + parameters),
        ending=graph_ending(proto, {name: len(shape) for name, shape in shapes.items()}),
        failure=_nothing_left(proto, shapes, empty),
    )  # fmt: skip


def _nothing_left(proto: Any, shapes: Mapping[str, tuple[int, ...]], empty: Collection[str]) -> str:
    """Say which window is larger than the maps under it, or nothing: ONNX Runtime may die of what is left of these."""
    node = next((one for one in proto.graph.node if one.op_type in SLIDING and one.output[0] in empty), None)
    if node is None:
        return ""
    taken = "x".join(map(str, shapes.get(node.input[0], ("?",))))
    return f"layer {node.output[0]!r} ({node.op_type}) leaves nothing of {taken} (a larger --size?)"


def _inferred(proto: Any) -> Any:
    """Return a model with the shapes that ONNX tells, or None where it cannot: they are shown as unknown then."""
    import onnx

    if stands_still(proto):
        return None  # earlier releases of ONNX divide by it, and the process dies
    try:
        return onnx.shape_inference.infer_shapes(proto, data_prop=True)
    except Exception:  # ONNX Runtime will say why
        return None


def _shapes(proto: Any, fed: Mapping[str, tuple[int, ...]]) -> tuple[dict[str, tuple[int, ...]], set[str]]:
    """Return the shape of every tensor, and the names of those that hold nothing."""
    import onnx

    fixed = onnx.ModelProto()
    fixed.CopyFrom(proto)
    for value in fixed.graph.input:
        dims = value.type.tensor_type.shape.dim
        if value.name in fed and len(dims) == len(fed[value.name]):
            for dim, side in zip(dims, fed[value.name], strict=True):
                dim.dim_value = side
    for out in fixed.graph.output:  # what is written there may be for another size
        out.type.tensor_type.ClearField("shape")
    del fixed.graph.value_info[:]
    fixed = _inferred(fixed) or proto
    dims = {
        value.name: value.type.tensor_type.shape.dim
        for value in (*fixed.graph.value_info, *fixed.graph.output, *fixed.graph.input)
    }
    empty = {name for name, own in dims.items() if any(dim.HasField("dim_value") and dim.dim_value < 1 for dim in own)}
    return {name: tuple(dim.dim_value or UNKNOWN for dim in own) for name, own in dims.items()}, empty


def _without_batch(shape: tuple[int, ...] | None, batch: int) -> tuple[int, ...]:
    """Return a shape without its first axis, where that is the batch."""
    if shape is None:
        return (UNKNOWN,)
    return shape[1:] if len(shape) > 1 and shape[0] in (batch, UNKNOWN) else shape


def node_outline(proto: Any, feed: str) -> tuple[Outline, ...]:
    """Return the layers of a graph whose input's size is open: sides by their numbers, else by their names."""
    known = (_inferred(proto) or proto).graph
    shapes = {one.name: _named_sides(one) for one in (*known.value_info, *known.output, *known.input)}
    batch = shapes[feed][:1] if len(shapes[feed]) == 4 else (1,)
    constant = constant_names(proto)
    return tuple(
        Outline(name, node.op_type, shape[1:] if len(shape) > 1 and shape[:1] in (batch, (1,)) else shape or ("?",))
        for node in proto.graph.node
        for name in node.output
        if name and name not in constant
        for shape in (shapes.get(name, ("?",)),)
    )


def _named_sides(value: Any) -> tuple[int | str, ...]:
    """Return the sides of a tensor: numbers, names, or a question mark."""
    return tuple(dim.dim_value or dim.dim_param or "?" for dim in value.type.tensor_type.shape.dim)


def _macs(node: Any, shapes: dict[str, tuple[int, ...]], weights: dict[str, tuple[int, ...]]) -> int:
    """Return the multiply-adds of a node for all that it is fed, 0 where it has none or they are not known."""
    bank = next((weights[name] for name in node.input if len(weights.get(name, ())) > 1), ())
    out = shapes.get(node.output[0], ())
    if not bank or not out or UNKNOWN in out:
        return 0
    if node.op_type == "Conv":
        return math.prod(out) * math.prod(bank[1:])
    if node.op_type == "ConvTranspose":
        taken = shapes.get(node.input[0], ())
        return 0 if not taken or UNKNOWN in taken else math.prod(taken) * math.prod(bank[1:])
    if node.op_type in ("Gemm", "MatMul"):
        inner = bank[1] if node.op_type == "Gemm" and attributes(node).get("transB") else bank[-2]
        return math.prod(out) * inner
    return 0
