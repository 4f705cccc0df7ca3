"""What each kind of ONNX node makes of how its inputs lie over the picture."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from cnnfilter.core.receptive import EVERYTHING, UNKNOWN, ReceptiveField, joined
from cnnfilter.networks.onnx_lies import NOWHERE, Around, Lie, Node, all_of, attributes, beside, standing, stilled

#: Domains whose operators are known by their names.
DOMAINS = ("", "ai.onnx", "com.microsoft")
#: Nodes that work on each cell alone, or on cells of the same place.
_CELLWISE = (
    "Relu", "LeakyRelu", "PRelu", "Elu", "Selu", "Celu", "Gelu", "Sigmoid", "HardSigmoid", "Tanh", "Softplus",
    "Softsign", "HardSwish", "Mish", "Clip", "Abs", "Neg", "Exp", "Log", "Sqrt", "Pow", "Erf", "Add", "Sub",
    "Mul", "Div", "Min", "Max", "Sum", "Where", "Greater", "Less", "Equal", "Cast", "Identity", "Dropout",
    "BatchNormalization", "Shrink", "ThresholdedRelu", "Reciprocal", "Floor", "Ceil", "Round", "Sign",
    "Not", "And", "Or", "Mean", "QuantizeLinear", "DequantizeLinear",
)  # fmt: skip
#: Nodes whose further inputs are sizes and places, which may be computed.
_OF_THE_FIRST = ("Reshape", "Slice", "Pad", "Split", "Resize", "Upsample", "Squeeze", "Unsqueeze", "Expand")
SLIDING = ("Conv", "MaxPool", "AveragePool", "LpPool", "QLinearConv", "ConvInteger")
_GLOBAL = ("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool")
_REDUCING = ("ReduceMean", "ReduceMax", "ReduceSum", "ReduceMin")
_MATRIX = ("Gemm", "MatMul", "QGemm", "QLinearMatMul", "MatMulInteger")
#: Cells of the input that one value of a resized map is made of.
_TAPS = {"nearest": 1, "linear": 2, "cubic": 4}
#: Opset from which softmax works along one axis; before, over everything from its axis on.
ALONG_ONE_AXIS = 13
#: Rows and columns of what convolutions and poolings take: (N, C, H, W).
_MAPS = (2, 3)


def lies_of(proto: Any, known: Mapping[str, Lie], around: Around) -> list[Lie]:
    """Return how each output of a node lies; `known` are those of all tensors that are computed of the picture."""
    names = [name for name in proto.input if name in known]
    if proto.op_type in _OF_THE_FIRST:
        names = [name for name in names if name == proto.input[0]]
    lies = {name: known[name] for name in names}
    rule = _RULES.get(proto.op_type) if proto.domain in DOMAINS else None
    if rule is None or not lies or not all(lie.field.known for lie in lies.values()):
        return [NOWHERE] * len(proto.output)
    try:
        made = rule(Node(proto, attributes(proto), lies, around))
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return [NOWHERE] * len(proto.output)  # it breaks the rules of its kind, or something is not known
    return made if isinstance(made, list) else [made] * len(proto.output)


def _cellwise(node: Node) -> Lie:
    """Follow values made of values at the same place, of which lower ranks and single cells are spread."""
    if node.said.get("training_mode"):
        return NOWHERE
    if len(node.proto.input) == 1:
        return node.first
    given, lies = node.given, []
    for name, one in node.lies.items():
        shape = node.around.shape(name)
        more = len(given) - len(shape)
        lie = stilled(one, shape) if math.prod(given) > math.prod(shape) else one
        if lie.axes is not None:
            placed = (lie.axes[0] + more, lie.axes[1] + more)
            if any(shape[axis] != given[axis + more] for axis in lie.axes):
                return NOWHERE  # a row, or a column, is spread over maps
            lie = lie._replace(axes=placed)
        elif lie.whole is not UNKNOWN and math.prod(shape) != math.prod(given):
            return NOWHERE
        lies.append(lie)
    if any(lie.axes is None for lie in lies):
        lies = [stilled(lie, given) for lie in lies]
    return beside(lies, node.around)


def _concat(node: Node) -> Lie:
    """Follow tensors side by side: maps of one place along another axis than rows and columns."""
    given = node.given
    axis = node.said["axis"] % len(given)
    lies = list(node.lies.values())
    if any(lie.axes is not None and axis in lie.axes for lie in lies):
        return NOWHERE
    if any(lie.whole is not UNKNOWN for lie in lies):
        sizes = [lie.field.size or (0, 0) for lie in lies]
        largest = max(size[0] for size in sizes), max(size[1] for size in sizes)
        wholes = [lie.field if lie.whole is UNKNOWN else lie.whole for lie in lies]
        together = any(lie.axes is not None or lie.field.size is None for lie in lies)
        field = ReceptiveField(largest, None, lies[0].field.begin, even=False)
        return NOWHERE if together else Lie(field, whole=joined(wholes))
    return beside(lies, node.around)


def _window(node: Node) -> Lie:
    """Follow a convolution or a pooling over windows of rows and columns."""
    lie, said, proto = node.first, node.said, node.proto
    bank = proto.input[3] if proto.op_type == "QLinearConv" else proto.input[1] if len(proto.input) > 1 else ""
    kernel = said.get("kernel_shape") or (list(node.around.held[bank].shape[2:]) if bank in node.around.held else [])
    if len(kernel) != 2 or lie.axes not in (None, _MAPS):
        return NOWHERE
    spread, step = said.get("dilations") or [1, 1], said.get("strides") or [1, 1]
    if lie.axes is None or node.taken[2:] == (1, 1):  # one cell is left, and the window holds it
        alone = node.taken[2:] == node.given[2:] == (1, 1) and max(spread) == 1 and lie.whole is UNKNOWN
        return lie if alone else NOWHERE
    span = [d * (k - 1) + 1 for d, k in zip(spread, kernel, strict=True)]
    pads = said.get("pads") or [0, 0, 0, 0]
    way = said.get("auto_pad", "NOTSET")
    if way.startswith("SAME"):
        whole = [max((-(-n // t) - 1) * t + s - n, 0) for n, t, s in zip(node.taken[2:], step, span, strict=True)]
        first = [(one + (way == "SAME_LOWER")) // 2 for one in whole]
        pads = [*first, *(one - before for one, before in zip(whole, first, strict=True))]
    hidden = lie.cut and any(pads)
    return lie._replace(field=lie.field.slid(span, step, pads[:2], even=not hidden))


def _reduced(node: Node) -> Lie:
    """Follow a mean, or another number, of all values along some axes."""
    lie, shape = node.first, node.taken
    axes = node.numbers("axes", 1)
    if axes is None and node.has(1):
        return NOWHERE  # they are computed
    if not axes:
        if node.said.get("noop_with_empty_axes"):
            return lie
        axes = list(range(len(shape)))
    gone = {axis % len(shape) for axis in axes}
    made = standing(lie, shape, gone)
    if node.said.get("keepdims", 1):
        return made
    made = stilled(made, shape)
    if made.axes is None:
        return made
    if gone & set(made.axes):
        return NOWHERE
    rows, columns = (axis - sum(one < axis for one in gone) for axis in made.axes)
    return made._replace(axes=(rows, columns))


def _over(axes: Callable[[Node], Collection[int]]) -> Callable[[Node], Lie]:
    """Return the rule of nodes whose values are made of all along some axes, and keep their place."""
    return lambda node: standing(node.first, node.taken, axes(node))


def _softmax_axes(node: Node) -> Collection[int]:
    """Return the axes that a softmax goes along: one, or before opset 13 all from its own on."""
    rank, alone = len(node.taken), node.around.opset >= ALONG_ONE_AXIS
    axis = node.said.get("axis", -1 if alone else 1) % rank
    return (axis,) if alone else range(axis, rank)


def _from_axis_on(node: Node) -> Collection[int]:
    """Return the axes from the one that is named, the last unless it is."""
    rank = len(node.taken)
    return range(node.said.get("axis", -1) % rank, rank)


def _matrix(node: Node) -> Lie:
    """Follow sums along the last axis, or of a transposed matrix along the first."""
    names = [*node.lies]
    if names == [node.proto.input[1]] and node.proto.op_type == "MatMul":
        shape = node.around.shape(names[0])
        lie, axis = node.lies[names[0]], max(len(shape) - 2, 0)
    else:
        lie, shape = node.first, node.taken
        axis = 0 if node.said.get("transA") else len(shape) - 1
    made = standing(lie, shape, {axis})
    if made.axes is not None and (len(node.given) != len(shape) or node.said.get("transA")):
        return NOWHERE
    return Lie(EVERYTHING) if made.axes is None and node.around.covers(made.field) else made


def _slice(node: Node) -> Lie:
    """Follow a cut: its first row and column, and its steps."""
    lie, shape = node.first, node.taken
    starts, ends = node.numbers("starts", 1), node.numbers("ends", 2)
    if lie.axes is None:
        return lie if lie.whole is UNKNOWN else NOWHERE
    if starts is None or ends is None or ((axes := node.numbers("axes", 3)) is None and node.has(3)):
        return NOWHERE
    steps = node.numbers("steps", 4) or [1] * len(starts)
    step, first, cut = [1, 1], [0, 0], lie.cut
    for start, end, axis, one in zip(starts, ends, axes or range(len(starts)), steps, strict=True):
        side = shape[axis]
        if axis % len(shape) not in lie.axes:
            continue
        if one < 0:
            return NOWHERE
        place = lie.axes.index(axis % len(shape))
        begin, stop = (min(max(at + side if at < 0 else at, 0), side) for at in (start, end))
        step[place], first[place] = one, begin
        cut = cut or begin > 0 or stop < side
    return lie._replace(field=lie.field.slid((1, 1), step, [-one for one in first]), cut=cut)


def _split(node: Node) -> list[Lie]:
    """Follow parts: those of the channels lie as the whole does, those of rows or columns begin later."""
    lie, shape = node.first, node.taken
    axis = node.said.get("axis", 0)
    if not -len(shape) <= axis < len(shape) or lie.whole is not UNKNOWN:
        return [NOWHERE] * len(node.proto.output)
    axis %= len(shape)
    if lie.axes is None or axis not in lie.axes:
        return [lie] * len(node.proto.output)
    lies, begin, place = [], 0, lie.axes.index(axis)
    for name in node.proto.output:
        before = [0, 0]
        before[place] = -begin
        lies.append(lie._replace(field=lie.field.slid((1, 1), (1, 1), before), cut=True))
        begin += node.around.shape(name)[axis]
    return lies


def _pad(node: Node) -> Lie:
    """Follow a border: the first value begins before; one that repeats cells brings them elsewhere."""
    lie, rank = node.first, len(node.taken)
    pads, axes = node.numbers("pads", 1), node.numbers("axes", 3)
    if pads is None or lie.axes is None or (axes is None and node.has(3)):
        return NOWHERE
    axes = [axis % rank for axis in axes] if axes else list(range(rank))
    befores = dict(zip(axes, pads[: len(axes)], strict=True))
    afters = dict(zip(axes, pads[len(axes) :], strict=True))
    before, after = ([side.get(axis, 0) for axis in lie.axes] for side in (befores, afters))
    hidden = lie.cut and any([*before, *after])
    even = node.said.get("mode", "constant") == "constant" and not hidden
    field = lie.field.slid((1, 1), (1, 1), before, even=even)
    return lie._replace(field=field, cut=lie.cut or min(*before, *after) < 0)


def _resize(node: Node) -> Lie:
    """Follow maps made larger or smaller."""
    lie, taken, given, said = node.first, node.taken, node.given, node.said
    taps = _TAPS.get(said.get("mode", "nearest"), 0)
    if taken == given:
        return lie
    if lie.axes is None or not taps or said.get("antialias"):
        return NOWHERE
    if said.get("coordinate_transformation_mode") == "tf_crop_and_resize":
        return NOWHERE
    if any(a != b for axis, (a, b) in enumerate(zip(taken, given, strict=True)) if axis not in lie.axes):
        return NOWHERE
    stride = [taken[axis] / given[axis] for axis in lie.axes]
    return lie._replace(field=lie.field.slid((taps, taps), stride, (taps // 2, taps // 2), even=False))


def _reshape(node: Node) -> Lie:
    """Follow another shape: an axis of as many values, as far apart, is the same one; else values lie in a row."""
    lie, before = node.first, node.taken
    lie = stilled(lie, before)
    if lie.axes is None:
        return lie
    after = node.around.shapes.get(node.proto.output[0], ())
    rows, columns = (_same_axis(axis, before, after) for axis in lie.axes)
    if rows is not None and columns is not None and rows != columns:
        return lie._replace(axes=(rows, columns))
    sides = before[lie.axes[0]], before[lie.axes[1]]
    return Lie(lie.field.flattened(sides), whole=all_of(lie, before))


def _same_axis(axis: int, before: Sequence[int], after: Sequence[int]) -> int | None:
    """Return the axis of another shape along which values are those along one of this shape; None if there is none."""
    if min(after, default=0) < 1:
        return None
    side, step = before[axis], math.prod(before[axis + 1 :])
    found = [one for one, length in enumerate(after) if length == side and math.prod(after[one + 1 :]) == step]
    return axis if axis in found else found[-1] if found else None  # of a single cell each will do


def _transpose(node: Node) -> Lie:
    """Follow another order of axes."""
    lie = node.first
    if lie.axes is None:
        return lie
    order = node.said.get("perm") or list(reversed(range(len(node.taken))))
    return lie._replace(axes=(order.index(lie.axes[0]), order.index(lie.axes[1])))


def _expand(node: Node) -> Lie:
    """Follow values that are spread: what stands still does so everywhere, maps keep their sides."""
    lie, taken, given = node.first, node.taken, node.given
    lie = stilled(lie, taken)
    if lie.axes is None:
        return lie if lie.whole is UNKNOWN else NOWHERE
    rows, columns = (axis + len(given) - len(taken) for axis in lie.axes)
    same = (taken[lie.axes[0]], taken[lie.axes[1]]) == (given[rows], given[columns])
    return lie._replace(axes=(rows, columns)) if same else NOWHERE


def _gather(node: Node) -> Lie:
    """Follow chosen channels: their order changes no place."""
    lie, shape = node.first, node.taken
    axis = node.said.get("axis", 0) % len(shape)
    if lie.axes is None:
        return lie if lie.whole is UNKNOWN else NOWHERE
    more = len(node.given) - len(shape)
    rows, columns = (one + more * (one > axis) for one in lie.axes)
    return NOWHERE if axis in lie.axes else lie._replace(axes=(rows, columns))


def _blocks(node: Node) -> Lie:
    """Follow cells to channels, and back."""
    lie, side = node.first, node.said.get("blocksize", 0)
    if lie.axes != _MAPS:
        return NOWHERE
    if node.proto.op_type == "SpaceToDepth":
        return lie._replace(field=lie.field.slid((side, side), (side, side)))
    return lie._replace(field=lie.field.slid((1, 1), (1 / side, 1 / side), even=False))


#: How each kind of node is followed.
_RULES: dict[str, Callable[[Node], Lie | list[Lie]]] = {
    **dict.fromkeys(_CELLWISE, _cellwise),
    **dict.fromkeys(SLIDING, _window),
    **dict.fromkeys(_GLOBAL, _over(lambda node: range(2, len(node.taken)))),
    **dict.fromkeys(_REDUCING, _reduced),
    **dict.fromkeys(_MATRIX, _matrix),
    **dict.fromkeys(("Flatten", "Reshape", "Squeeze", "Unsqueeze"), _reshape),
    **dict.fromkeys(("Softmax", "LogSoftmax"), _over(_softmax_axes)),
    **dict.fromkeys(("InstanceNormalization", "GroupNormalization"), _over(lambda node: range(2, len(node.taken)))),
    **dict.fromkeys(("Resize", "Upsample"), _resize),
    **dict.fromkeys(("SpaceToDepth", "DepthToSpace"), _blocks),
    "LayerNormalization": _over(_from_axis_on),
    "LRN": _over(lambda node: (1,)),
    "Concat": _concat,
    "Split": _split,
    "Slice": _slice,
    "Pad": _pad,
    "Transpose": _transpose,
    "Expand": _expand,
    "Gather": _gather,
}
