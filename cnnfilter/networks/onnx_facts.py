"""What is known of an ONNX graph without running it: shapes, parameters, multiply-adds, receptive fields."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from cnnfilter.library.onnx_arrays import held_arrays
from cnnfilter.networks.onnx_constants import constant_names
from cnnfilter.networks.onnx_ending import graph_ending
from cnnfilter.networks.onnx_fields import Around, Lie, attributes, lies_of
from cnnfilter.networks.plan import UNKNOWN, LayerPlan, NetworkPlan, Outline

#: Types of shapes, axes and conditions, which are no weights: int64 and bool.
INDICES = (7, 9)


def node_plans(proto: Any, feed: str, fed: Mapping[str, tuple[int, ...]], whole: tuple[int, int, int]) -> NetworkPlan:
    """Return the plan of a graph for inputs of these shapes, of which `feed` is `whole` ``(C, H, W)`` to us."""
    shapes, held = _shapes(proto, fed), held_arrays(proto.graph)
    weights = {name: one.shape for name, one in held.items() if one.kind not in INDICES}
    batch = fed[feed][0] if len(fed[feed]) == 4 else 1
    constant = constant_names(proto)
    around = Around(shapes, held)
    known: dict[str, tuple[int, ...]] = {feed: whole}
    lies = {feed: Lie((1, 1), (1.0, 1.0))}
    plans: list[LayerPlan] = []
    for node in proto.graph.node:
        inputs = [name for name in node.input if name in lies]
        if constant.issuperset(name for name in node.output if name):
            continue
        found = lies_of(node, [lies[name] for name in inputs], around)
        parameters = sum(math.prod(weights[name]) for name in node.input if name in weights)
        macs = _macs(node, shapes, weights) // batch
        for name, lie in zip(node.output, found, strict=True):
            if not name:
                continue
            known[name], lies[name] = _without_batch(shapes.get(name), batch), lie
            plans.append(
                LayerPlan(
                    name=name, kind=node.op_type, inputs=tuple(known[one] for one in inputs), shape=known[name],
                    parameters=parameters, macs=macs, field=lie.field, jump=lie.jump,
                )
            )  # fmt: skip
            parameters = macs = 0  # of the node, counted once
    values = math.prod(whole) + sum(math.prod(max(side, 0) for side in plan.shape) for plan in plans)
    parameters = sum(plan.parameters for plan in plans)
    return NetworkPlan(
        size=whole, layers=tuple(plans), peak_bytes=4 * (values * batch + parameters),
        ending=graph_ending(proto, {name: len(shape) for name, shape in shapes.items()}),
    )  # fmt: skip


def _shapes(proto: Any, fed: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """Return the shape of every tensor."""
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
    return {
        value.name: tuple(dim.dim_value or UNKNOWN for dim in value.type.tensor_type.shape.dim)
        for value in (*fixed.graph.value_info, *fixed.graph.output, *fixed.graph.input)
    }


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
