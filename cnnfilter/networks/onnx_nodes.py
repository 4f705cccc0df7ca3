"""ONNX graphs under construction: nodes and constants, activations from their expressions, poolings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cnnfilter.core.activate import check_activation
from cnnfilter.core.activations import ACTIVATIONS, FIRST, SECOND, Expression, X
from cnnfilter.core.fractional import draw_samples, fractional_pool2d
from cnnfilter.core.pools import Pooling
from cnnfilter.core.reduce import Windows, plan_windows
from cnnfilter.core.shapes import pair
from cnnfilter.networks.pools import pooling_of
from cnnfilter.networks.spec import Array

#: The version of ONNX's operators that is written: the first with Gelu.
OPSET = 20
#: The version of the file format, which ONNX Runtime 1.17 and later reads.
IR_VERSION = 9


class Graph:
    """Collects nodes in order.

    Parameters
    ----------
    onnx
        The module.
    dtype
        The type of all numbers.
    """

    def __init__(self, onnx: Any, dtype: str = "float32") -> None:
        self.onnx, self.dtype = onnx, np.dtype(dtype)
        self.nodes: list[Any] = []
        self.arrays: list[Any] = []
        self._count = 0

    def constant(self, values: Any, name: str = "") -> str:
        """Store an array; numbers with a point take the graph's type, whole ones stay int64."""
        array = np.asarray(values)
        array = array.astype(np.int64 if array.dtype.kind in "iu" else self.dtype)
        name = name or self._fresh("constant")
        self.arrays.append(self.onnx.numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), name))
        return name

    def node(self, kind: str, inputs: list[str], out: str = "", **attributes: Any) -> str:
        """Add a node and return the name of what it computes."""
        out = out or self._fresh(kind.lower())
        self.nodes.append(self.onnx.helper.make_node(kind, inputs, [out], name=f"{out}/{kind}", **attributes))
        return out

    def split(self, taken: str, axis: int) -> tuple[str, str]:
        """Halve a tensor along an axis."""
        first, second = self._fresh("half"), self._fresh("half")
        self.nodes.append(
            self.onnx.helper.make_node(
                "Split", [taken], [first, second], name=f"{first}/Split", axis=axis, num_outputs=2
            )
        )
        return first, second

    def _fresh(self, base: str) -> str:
        """Return a name that no layer can have: layers' names hold no slash."""
        self._count += 1
        return f"{base}/{self._count}"

    def model(self, name: str, feed: tuple[str, tuple[Any, ...]], out: tuple[str, tuple[Any, ...]]) -> Any:
        """Return the whole as a model of one input and one output; a side that is text stays open."""
        helper = self.onnx.helper
        kind = helper.np_dtype_to_tensor_dtype(self.dtype)
        graph = helper.make_graph(
            self.nodes, name or "network", [helper.make_tensor_value_info(feed[0], kind, feed[1])],
            [helper.make_tensor_value_info(out[0], kind, out[1])], self.arrays,
        )  # fmt: skip
        return helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="cnnfilter"
        )


def whole_array(values: Array | float, count: int) -> Array:
    """Return one number, or one for each, as an array of `count`."""
    return np.broadcast_to(np.asarray(values, np.float64), (count,))


def export_activation(graph: Graph, name: str, parameters: dict[str, Any], taken: str, axes: int, out: str) -> None:
    """Add the nodes of an activation of a tensor with so many axes, the batch's included."""
    given = dict(parameters)
    weight = given.pop("weight", None)
    name, full = check_activation(name, given)
    known: dict[Any, str] = {X: taken}
    if weight is not None or "weight" in full:
        slopes = np.atleast_1d(np.asarray(full["weight"] if weight is None else weight, np.float64))
        full["weight"] = slopes.reshape(-1, *(1,) * (axes - 2))
    _add(graph, ACTIVATIONS[name].onnx, full, known, out)


def _add(graph: Graph, expression: Expression, parameters: dict[str, Any], known: dict[Any, str], out: str = "") -> str:
    """Add an expression; return the name of its result. `known` holds the names of what has been added already."""
    operator, *taken = expression
    names = taken.pop() if isinstance(taken[-1], dict) else {}
    attributes = {key: _value(parameters, value) for key, value in names.items()}
    inputs = [_input(graph, one, parameters, known) for one in taken]
    return graph.node(operator, inputs, out, **attributes)


def _input(graph: Graph, one: Any, parameters: dict[str, Any], known: dict[Any, str]) -> str:
    """Return the name of what an operator takes: the values, a half of them, a constant, or another result."""
    if one in (FIRST, SECOND) and FIRST not in known:
        known[FIRST], known[SECOND] = graph.split(known[X], 1)
    if one not in known:
        made = isinstance(one, tuple)
        known[one] = _add(graph, one, parameters, known) if made else graph.constant(_value(parameters, one))
    return known[one]


def _value(parameters: dict[str, Any], word: Any) -> Any:
    """Return a parameter's value, numbers with a point; what is no parameter's name stands for itself."""
    value = parameters[word] if isinstance(word, str) and word in parameters else word
    return float(value) if word is not value and isinstance(value, int | float) else value


Shape = tuple[int, ...]


def export_pool(graph: Graph, settings: Pooling, taken: str, shape: Shape, out: str) -> None:
    """Add the nodes of a pooling of any mode; `shape` is ``(C, H, W)`` of what it takes."""
    pooling = pooling_of(settings)
    _MODES[pooling.mode](graph, pooling, taken, shape, out)


def _windows(graph: Graph, s: Pooling, taken: str, shape: Shape, out: str) -> None:
    """Add a pooling over windows."""
    both = plan_windows(shape[1:], s.size, s.stride, s.padding, s.dilation, s.ceil_mode)
    _slide(graph, s, taken, both, out)


def _slide(graph: Graph, s: Pooling, taken: str, both: tuple[Windows, Windows], out: str) -> None:
    """Add a pooling over planned windows."""
    ends = [max(0, one.covered(0, one.count)[1] - one.length) for one in both]  # a last window may hang over
    pads = [both[0].before, both[1].before, ends[0], ends[1]]
    window: dict[str, Any] = {
        "kernel_shape": [one.size for one in both], "strides": [one.stride for one in both],
        "dilations": [one.dilation for one in both],
    }  # fmt: skip
    if s.kind in ("max", "min"):
        held = taken if s.kind == "max" else graph.node("Neg", [taken])
        padded = _padded(graph, held, pads, -np.inf)
        graph.node("MaxPool", [padded], out if s.kind == "max" else (name := f"{out}/max"), **window)
        if s.kind == "min":
            graph.node("Neg", [name], out)
        return
    if s.kind == "avg" and not s.ceil_mode and pads == [both[0].before, both[1].before, both[0].after, both[1].after]:
        graph.node("AveragePool", [taken], out, pads=pads, count_include_pad=int(s.count_include_pad), **window)
        return
    cells = both[0].size * both[1].size
    powers = taken
    if s.kind == "lp":
        powers = graph.node("Pow", [graph.node("Abs", [taken]), graph.constant(float(s.p))])
    mean = graph.node("AveragePool", [_padded(graph, powers, pads, 0.0)], **window)
    counts = np.outer(*(_counts(one, padding=s.kind == "lp" or s.count_include_pad) for one in both))
    if s.kind == "sum":
        graph.node("Mul", [mean, graph.constant(float(cells))], out)
    elif s.kind == "avg":
        graph.node("Mul", [mean, graph.constant(cells / counts)], out)
    else:
        scaled = graph.node("Mul", [mean, graph.constant(cells * cells / counts)])
        graph.node("Pow", [scaled, graph.constant(1 / s.p)], out)


def _counts(one: Windows, *, padding: bool) -> Array:
    """Return how many taps of each window lie on the image, or on the image and its padding."""
    low, high = (-one.before, one.length + one.after) if padding else (0, one.length)
    taps = np.arange(one.count)[:, None] * one.stride - one.before + np.arange(one.size) * one.dilation
    counts: Array = np.count_nonzero((taps >= low) & (taps < high), axis=1).astype(np.float64)
    return counts


def _padded(graph: Graph, taken: str, pads: list[int], value: float) -> str:
    """Return a tensor with a border of one value."""
    if not any(pads):
        return taken
    amounts = graph.constant([0, 0, pads[0], pads[1], 0, 0, pads[2], pads[3]])
    return graph.node("Pad", [taken, amounts, graph.constant(value)])


def _global(graph: Graph, s: Pooling, taken: str, shape: Shape, out: str) -> None:
    """Add one value a channel."""
    if s.kind in ("max", "avg"):
        graph.node("GlobalMaxPool" if s.kind == "max" else "GlobalAveragePool", [taken], out)
        return
    axes = graph.constant([2, 3])
    if s.kind == "min":
        graph.node("ReduceMin", [taken, axes], out, keepdims=1)
    elif s.kind == "sum":
        graph.node("ReduceSum", [taken, axes], out, keepdims=1)
    else:  # lp, p = 2
        total = graph.node("ReduceSum", [graph.node("Mul", [taken, taken]), axes], keepdims=1)
        graph.node("Sqrt", [total], out)


def _adaptive(graph: Graph, s: Pooling, taken: str, shape: Shape, out: str) -> None:
    """Add windows that share the input out: each side by itself, as every kind of pooling allows."""
    wanted = pair(s.output_size, "output_size")
    bounds = [
        [(i * n // count, -((i + 1) * n // -count)) for i in range(count)]
        for n, count in zip(shape[1:], wanted, strict=True)
    ]
    if s.kind in ("max", "min"):
        for axis, sides in enumerate(bounds, start=2):
            longest = max(stop - start for start, stop in sides)
            cells = [min(start + k, stop - 1) for start, stop in sides for k in range(longest)]
            taken = graph.node("Gather", [taken, graph.constant(cells)], axis=axis)
            window = [longest, 1] if axis == 2 else [1, longest]
            held = taken if s.kind == "max" else graph.node("Neg", [taken])
            name = out if axis == 3 and s.kind == "max" else ""
            taken = graph.node("MaxPool", [held], name, kernel_shape=window, strides=window)
            if s.kind == "min":
                taken = graph.node("Neg", [taken], out if axis == 3 else "")
        return
    rows, across = (
        np.array([[float(start <= i < stop) for i in range(n)] for start, stop in sides])
        for n, sides in zip(shape[1:], bounds, strict=True)
    )
    if s.kind == "avg":
        rows, across = rows / rows.sum(1, keepdims=True), across / across.sum(1, keepdims=True)
    values = graph.node("Mul", [taken, taken]) if s.kind == "lp" else taken
    left = graph.node("MatMul", [graph.constant(rows), values])
    both = graph.node("MatMul", [left, graph.constant(across.T)], "" if s.kind == "lp" else out)
    if s.kind == "lp":
        graph.node("Sqrt", [both], out)


def _fractional(graph: Graph, s: Pooling, taken: str, shape: Shape, out: str) -> None:
    """Add windows at the places that the seed draws: gathered side by side, then pooled."""
    channels, height, width = shape
    window = pair(s.size, "size")
    starts = []
    for axis in (1, 2):  # pooling the numbers of rows, or columns, with min gives where each window starts
        index = np.broadcast_to(np.expand_dims(np.arange(shape[axis], dtype=np.float32), 1 if axis == 1 else 0), shape)
        drawn = fractional_pool2d(
            index, window, output_size=s.output_size, output_ratio=s.share, kind="min",
            samples=draw_samples(s.seed, (channels,)),
        )  # fmt: skip
        starts.append((drawn[:, :, 0] if axis == 1 else drawn[:, 0]).astype(np.int64))
    rows = (starts[0][:, :, None] + np.arange(window[0])).reshape(channels, -1)
    across = (starts[1][:, :, None] + np.arange(window[1])).reshape(channels, -1)
    cells = np.arange(channels)[:, None, None] * height * width + rows[:, :, None] * width + across[:, None]
    flat = graph.node("Reshape", [taken, graph.constant([0, channels * height * width])])
    gathered = graph.node("Gather", [flat, graph.constant(cells.ravel())], axis=1)
    laid = graph.node("Reshape", [gathered, graph.constant([0, *cells.shape])])
    _slide(graph, Pooling(s.kind), laid, plan_windows(cells.shape[1:], window, None, 0, 1, False), out)


_MODES: dict[str, Callable[[Graph, Pooling, str, Shape, str], None]] = {
    "window": _windows,
    "global": _global,
    "adaptive": _adaptive,
    "fractional": _fractional,
}
