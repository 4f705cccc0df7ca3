"""What is known of an ONNX graph without running it: shapes, parameters, multiply-adds, receptive fields."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from cnnfilter.core.shapes import Pair
from cnnfilter.library.onnx_arrays import held_arrays
from cnnfilter.network.flow import Flow, joined, slid
from cnnfilter.network.onnx_constants import constant_names
from cnnfilter.network.onnx_ending import graph_ending
from cnnfilter.network.plan import LayerPlan, NetworkPlan, Outline

#: Stands for a side that shape inference cannot tell.
UNKNOWN = -1
#: Types of shapes, axes and conditions, which are no weights: int64 and bool.
INDICES = (7, 9)
#: Stands for a receptive field that is not known.
NO_FIELD: Pair = (0, 0)

#: Nodes that work on each cell alone, or on cells of the same place.
_CELLWISE = {
    "Relu", "LeakyRelu", "PRelu", "Elu", "Selu", "Celu", "Gelu", "Sigmoid", "HardSigmoid", "Tanh", "Softplus",
    "Softsign", "HardSwish", "Mish", "Clip", "Abs", "Neg", "Exp", "Log", "Sqrt", "Pow", "Erf", "Add", "Sub",
    "Mul", "Div", "Min", "Max", "Sum", "Where", "Greater", "Less", "Equal", "Cast", "Identity", "Dropout",
    "BatchNormalization", "Concat", "Shrink", "ThresholdedRelu", "Reciprocal", "Floor", "Ceil", "Round", "Sign",
    "Not", "And", "Or", "Mean",
}  # fmt: skip
_SLIDING = ("Conv", "MaxPool", "AveragePool", "LpPool")
_GLOBAL = ("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool")


def node_plans(proto: Any, feed: str, fed: Mapping[str, tuple[int, ...]], whole: tuple[int, int, int]) -> NetworkPlan:
    """Return the plan of a graph for inputs of these shapes, of which `feed` is `whole` ``(C, H, W)`` to us."""
    shapes, weights = _shapes(proto, fed)
    batch = fed[feed][0] if len(fed[feed]) == 4 else 1
    constant = constant_names(proto)
    one = (1.0, 1.0)
    flows: dict[str, Flow] = {feed: Flow(shape=whole, field=(1, 1), jump=one)}
    plans: list[LayerPlan] = []
    for node in proto.graph.node:
        inputs = [name for name in node.input if name and name not in constant]
        arrays = [weights[name] for name in node.input if name in weights]
        if constant.issuperset(name for name in node.output if name):
            continue
        field, jump = _field(node, [flows[name] for name in inputs if name in flows], shapes, weights)
        for index, name in enumerate(out for out in node.output if out):
            shape = _without_batch(shapes.get(name), batch)
            flows[name] = Flow(shape=shape, field=field, jump=jump)
            plans.append(
                LayerPlan(
                    name=name, kind=node.op_type, inputs=tuple(flows[one].shape for one in inputs if one in flows),
                    shape=shape, parameters=0 if index else sum(math.prod(array) for array in arrays),
                    macs=0 if index else _macs(node, shapes, weights), field=field, jump=jump,
                )
            )  # fmt: skip
    values = sum(math.prod(max(side, 0) for side in plan.shape) for plan in plans)
    parameters = sum(plan.parameters for plan in plans)
    return NetworkPlan(
        size=whole, layers=tuple(plans), peak_bytes=4 * (values + parameters + math.prod(whole)),
        ending=graph_ending(proto, {name: len(shape) for name, shape in shapes.items()}),
    )  # fmt: skip


def _shapes(
    proto: Any, fed: Mapping[str, tuple[int, ...]]
) -> tuple[dict[str, tuple[int, ...]], dict[str, tuple[int, ...]]]:
    """Return the shape of every tensor, and those of the stored arrays of numbers."""
    import onnx

    fixed = onnx.ModelProto()
    fixed.CopyFrom(proto)
    for value in fixed.graph.input:
        dims = value.type.tensor_type.shape.dim
        if len(dims) == len(fed.get(value.name, ())):
            for dim, side in zip(dims, fed[value.name], strict=True):
                dim.dim_value = side
    for out in fixed.graph.output:  # what is written there may be for another size
        out.type.tensor_type.ClearField("shape")
    del fixed.graph.value_info[:]
    try:
        fixed = onnx.shape_inference.infer_shapes(fixed, data_prop=True)
    except Exception:  # a shape that inference cannot tell is shown as unknown, and ONNX Runtime will say
        fixed = proto
    shapes = {
        value.name: tuple(dim.dim_value or UNKNOWN for dim in value.type.tensor_type.shape.dim)
        for value in (*fixed.graph.value_info, *fixed.graph.output, *fixed.graph.input)
    }
    return shapes, {name: one.shape for name, one in held_arrays(proto.graph).items() if one.kind not in INDICES}


def _without_batch(shape: tuple[int, ...] | None, batch: int) -> tuple[int, ...]:
    """Return a shape without its first axis, where that is the batch."""
    if shape is None:
        return (UNKNOWN,)
    return shape[1:] if len(shape) > 1 and shape[0] in (batch, UNKNOWN) else shape


def node_outline(proto: Any, feed: str) -> tuple[Outline, ...]:
    """Return the layers of a graph whose input's size is open: sides by their numbers, else by their names."""
    import onnx

    try:
        known = onnx.shape_inference.infer_shapes(proto, data_prop=True).graph
    except Exception:  # a shape that inference cannot tell is shown as unknown
        known = proto.graph
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


def _attributes(node: Any) -> dict[str, Any]:
    """Return a node's attributes that are numbers."""
    return {one.name: list(one.ints) if one.ints else one.i for one in node.attribute}


def _field(
    node: Any, inputs: Sequence[Flow], shapes: dict[str, tuple[int, ...]], weights: dict[str, tuple[int, ...]]
) -> tuple[Pair | None, Any]:
    """Return the receptive field and the jump after a node."""
    if not inputs or any(flow.field == NO_FIELD for flow in inputs):
        return NO_FIELD, None
    flow, said = inputs[0], _attributes(node)
    if node.op_type in _SLIDING:
        kernel = said.get("kernel_shape") or list(weights.get(node.input[1], ())[2:] if len(node.input) > 1 else ())
        if len(kernel) != 2:
            return NO_FIELD, None
        spread, step = said.get("dilations") or [1, 1], said.get("strides") or [1, 1]
        span = tuple(d * (k - 1) + 1 for d, k in zip(spread, kernel, strict=True))
        return slid(flow, (span[0], span[1]), (step[0], step[1]))
    if node.op_type in _GLOBAL and len(flow.shape) == 3 and min(flow.shape) > 0:
        return slid(flow, (flow.shape[1], flow.shape[2]), (1, 1))[0], None
    if node.op_type in ("Gemm", "MatMul"):
        return None, None
    if node.op_type in ("Flatten", "Reshape", "Squeeze"):
        return flow.field, None
    if node.op_type in ("Softmax", "LogSoftmax"):
        return (flow.field, flow.jump) if len(flow.shape) == 3 else (None, None)
    if node.op_type in _CELLWISE:
        both = joined(inputs, flow.shape)
        return both.field, both.jump
    return NO_FIELD, None


def _macs(node: Any, shapes: dict[str, tuple[int, ...]], weights: dict[str, tuple[int, ...]]) -> int:
    """Return the multiply-adds of a node for one picture, 0 where it has none or they are not known."""
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
        inner = bank[1] if node.op_type == "Gemm" and _attributes(node).get("transB") else bank[-2]
        return math.prod(out) * inner
    return 0
