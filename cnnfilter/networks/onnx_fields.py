"""How the values of an ONNX graph lie over its input: receptive field, jump, and where the first one begins."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from cnnfilter.core.arrays import Array
from cnnfilter.core.receptive import EVERYTHING, UNKNOWN, ReceptiveField, joined
from cnnfilter.library.onnx_arrays import Held

#: Nodes that work on each cell alone, or on cells of the same place.
_CELLWISE = {
    "Relu", "LeakyRelu", "PRelu", "Elu", "Selu", "Celu", "Gelu", "Sigmoid", "HardSigmoid", "Tanh", "Softplus",
    "Softsign", "HardSwish", "Mish", "Clip", "Abs", "Neg", "Exp", "Log", "Sqrt", "Pow", "Erf", "Add", "Sub",
    "Mul", "Div", "Min", "Max", "Sum", "Where", "Greater", "Less", "Equal", "Cast", "Identity", "Dropout",
    "BatchNormalization", "Shrink", "ThresholdedRelu", "Reciprocal", "Floor", "Ceil", "Round", "Sign",
    "Not", "And", "Or", "Mean", "QuantizeLinear", "DequantizeLinear", "LRN",
}  # fmt: skip
#: Nodes whose further inputs are sizes and places, which may be computed.
_OF_THE_FIRST = ("Reshape", "Slice", "Pad", "Split", "Resize", "Upsample", "Squeeze", "Unsqueeze", "Clip")
_SLIDING = ("Conv", "MaxPool", "AveragePool", "LpPool", "QLinearConv", "ConvInteger")
_GLOBAL = ("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool", "ReduceMean", "ReduceMax", "ReduceSum", "ReduceMin")
#: Cells of the input that one value of a resized map is made of.
_TAPS = {"nearest": 1, "linear": 2, "cubic": 4}


class Around(NamedTuple):
    """What is known of the tensors around a node: all shapes, the batch's axis included, and the stored arrays."""

    shapes: Mapping[str, tuple[int, ...]]
    held: Mapping[str, Held]

    def values(self, name: str) -> list[int] | None:
        """Return the whole numbers that a model holds under a name, or None where they are computed."""
        import onnx

        held = self.held.get(name)
        if held is None or held.filled or held.tensor.data_location == onnx.TensorProto.EXTERNAL:
            return None
        array: Array = onnx.numpy_helper.to_array(held.tensor)
        return [int(value) for value in np.ravel(array)]

    def sides(self, name: str) -> tuple[int, ...]:
        """Return the rows and columns of maps, or nothing where they are not known."""
        shape = self.shapes.get(name, ())
        return shape[-2:] if len(shape) >= 3 and min(shape[-2:]) > 0 else ()


def fields_of(node: Any, inputs: Sequence[ReceptiveField], around: Around) -> list[ReceptiveField]:
    """Return how each output of a node lies, by how its computed inputs do."""
    count = len(node.output)
    if node.op_type in _OF_THE_FIRST:
        inputs = inputs[:1]
    if not inputs or not all(one.known for one in inputs):
        return [UNKNOWN] * count
    try:
        return _followed(node, inputs, around)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return [UNKNOWN] * count  # it breaks the rules of its kind: ONNX Runtime will say how


def _followed(node: Any, inputs: Sequence[ReceptiveField], around: Around) -> list[ReceptiveField]:
    """Return how each output of a node lies, by the rule of its kind."""
    if node.op_type == "Split":
        return _split(node, inputs[0], around)
    if node.op_type in _CELLWISE:
        return [joined(inputs)] * len(node.output)
    rule = _RULES.get(node.op_type)
    return [rule(node, inputs, around) if rule else UNKNOWN] * len(node.output)


def attributes(node: Any) -> dict[str, Any]:
    """Return a node's attributes that are whole numbers, lists of them, or words."""
    return {
        one.name: list(one.ints) if one.ints else one.s.decode("utf-8", "replace") if one.s else one.i
        for one in node.attribute
    }


def _window(node: Any, inputs: Sequence[ReceptiveField], around: Around) -> ReceptiveField:
    """Follow a convolution or a pooling over windows."""
    said = attributes(node)
    bank = node.input[3] if node.op_type == "QLinearConv" else node.input[1] if len(node.input) > 1 else ""
    kernel = said.get("kernel_shape") or (list(around.held[bank].shape[2:]) if bank in around.held else [])
    if len(kernel) != 2:
        return UNKNOWN
    if around.sides(node.input[0]) == (1, 1):
        return inputs[0]  # one cell is left
    spread, step = said.get("dilations") or [1, 1], said.get("strides") or [1, 1]
    span = [d * (k - 1) + 1 for d, k in zip(spread, kernel, strict=True)]
    pads = (said.get("pads") or [0, 0, 0, 0])[:2]
    way = said.get("auto_pad", "NOTSET")
    if way.startswith("SAME"):
        sides = around.sides(node.input[0])
        if not sides:
            return UNKNOWN
        whole = [max((-(-n // t) - 1) * t + s - n, 0) for n, t, s in zip(sides, step, span, strict=True)]
        pads = [(one + (way == "SAME_LOWER")) // 2 for one in whole]
    return inputs[0].slid(span, step, pads)


def _global(node: Any, inputs: Sequence[ReceptiveField], around: Around) -> ReceptiveField:
    """Follow a mean, or another number, of all cells of each map."""
    sides, out = around.sides(node.input[0]), around.shapes.get(node.output[0], ())
    all_cells = len(out) == 2 or (len(out) == 4 and out[-2:] == (1, 1))
    if not sides or not all_cells:
        return UNKNOWN
    return inputs[0].slid(sides, (1, 1))._replace(jump=None)


def _slice(node: Any, inputs: Sequence[ReceptiveField], around: Around) -> ReceptiveField:
    """Follow a cut: its first row and column, and its steps."""
    field, said = inputs[0], attributes(node)
    shape = around.shapes.get(node.input[0], ())
    given = [around.values(name) if name else None for name in node.input[1:]]
    starts = said.get("starts") or (given[0] if given else None)
    if starts is None or len(shape) != 4 or field.jump is None:
        return UNKNOWN
    axes = said.get("axes") or (given[2] if len(given) > 2 else None) or list(range(len(starts)))
    steps = (given[3] if len(given) > 3 else None) or [1] * len(starts)
    step, first = [1, 1], [0, 0]
    for start, axis, one in zip(starts, axes, steps, strict=True):
        place = axis % len(shape) - 2
        if place < 0:
            continue
        if one < 0 or shape[axis] <= 0:
            return UNKNOWN
        step[place], first[place] = one, min(max(start + shape[axis] if start < 0 else start, 0), shape[axis])
    return field.slid((1, 1), step, [-one for one in first])


def _split(node: Any, field: ReceptiveField, around: Around) -> list[ReceptiveField]:
    """Follow parts: those of the channels lie as the whole does, those of rows or columns begin later."""
    shape = around.shapes.get(node.input[0], ())
    axis = attributes(node).get("axis", 0)
    place = axis % len(shape) - 2 if len(shape) == 4 else -1
    if not shape or (len(shape) == 4 and place < 0):
        return [field if shape else UNKNOWN] * len(node.output)
    if len(shape) != 4:
        return [field] * len(node.output)
    fields, begin = [], 0
    for name in node.output:
        before = [0, 0]
        before[place] = -begin
        fields.append(field.slid((1, 1), (1, 1), before))
        sides = around.sides(name)
        if not sides:
            return [UNKNOWN] * len(node.output)
        begin += sides[place]
    return fields


def _resize(node: Any, inputs: Sequence[ReceptiveField], around: Around) -> ReceptiveField:
    """Follow maps made larger or smaller."""
    before, after = around.sides(node.input[0]), around.sides(node.output[0])
    said = attributes(node)
    taps = _TAPS.get(said.get("mode", "nearest"), 0)
    if not before or not after or not taps or said.get("antialias"):
        return UNKNOWN
    stride = [n / m for n, m in zip(before, after, strict=True)]
    return inputs[0].slid((taps, taps), stride, (taps // 2, taps // 2), even=False)


def _pad(node: Any, inputs: Sequence[ReceptiveField], around: Around) -> ReceptiveField:
    """Follow a border: the first value begins before."""
    pads = attributes(node).get("pads") or (around.values(node.input[1]) if len(node.input) > 1 else None)
    if not pads or len(pads) != 8:
        return UNKNOWN
    return inputs[0].slid((1, 1), (1, 1), pads[2:4])


def _reshape(node: Any, inputs: Sequence[ReceptiveField], around: Around) -> ReceptiveField:
    """Follow another shape: rows and columns that stay are those that they were; a vector has no next value."""
    field, before, after = inputs[0], around.sides(node.input[0]), around.shapes.get(node.output[0], ())
    if before and len(after) > 3 and after[-2:] == before:
        return field
    return field if field.jump is None else field.flattened(before or (0, 0))


def _transpose(node: Any, inputs: Sequence[ReceptiveField], around: Around) -> ReceptiveField:
    """Follow another order of axes: rows stay before columns, and channels move, or nothing is known."""
    order = attributes(node).get("perm") or []
    kept = order[-2:] == [len(order) - 2, len(order) - 1]
    if kept or order in ([0, 3, 1, 2], [0, 2, 3, 1]) or inputs[0].jump is None:
        return inputs[0]
    return UNKNOWN


def _blocks(node: Any, inputs: Sequence[ReceptiveField], around: Around) -> ReceptiveField:
    """Follow cells to channels, and back."""
    side = attributes(node).get("blocksize", 0)
    if node.op_type == "SpaceToDepth":
        return inputs[0].slid((side, side), (side, side))
    return inputs[0].slid((1, 1), (1 / side, 1 / side), even=False) if side else UNKNOWN


def _along_axis(node: Any, inputs: Sequence[ReceptiveField], around: Around) -> ReceptiveField:
    """Follow a softmax: over the channels of maps a value sees what its cell saw; of a vector, everything."""
    shape = around.shapes.get(node.input[0], ())
    return inputs[0] if len(shape) == 4 and attributes(node).get("axis", -1) % 4 == 1 else EVERYTHING


#: How each kind of node that is not cellwise is followed.
_RULES: dict[str, Callable[[Any, Sequence[ReceptiveField], Around], ReceptiveField]] = {
    **dict.fromkeys(_SLIDING, _window),
    **dict.fromkeys(_GLOBAL, _global),
    **dict.fromkeys(("Gemm", "MatMul", "QGemm", "QLinearMatMul", "MatMulInteger"), lambda *_: EVERYTHING),
    **dict.fromkeys(("Flatten", "Reshape", "Squeeze", "Unsqueeze"), _reshape),
    **dict.fromkeys(("Softmax", "LogSoftmax"), _along_axis),
    **dict.fromkeys(("Resize", "Upsample"), _resize),
    **dict.fromkeys(("SpaceToDepth", "DepthToSpace"), _blocks),
    "Concat": lambda node, inputs, around: joined(inputs),
    "Slice": _slice,
    "Pad": _pad,
    "Transpose": _transpose,
}
