"""Pooling: over windows, over everything, to a size, or over windows drawn at random."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from msgspec import Meta

from cnnfilter.core.arrays import Array, whole_type
from cnnfilter.core.fractional import draw_samples, fractional_pool2d
from cnnfilter.core.gradients.pooling import (
    adaptive_pool2d_gradient,
    fractional_pool2d_gradient,
    global_pool2d_gradient,
    pool2d_gradient,
)
from cnnfilter.core.pools import POOL_FORMULAS, POOL_MODES, Pooling, parse_pool
from cnnfilter.core.reduce import Windows, plan_windows
from cnnfilter.core.shapes import pair
from cnnfilter.core.whole_steps import WHOLE_POOLINGS
from cnnfilter.networks.layers.base import Backward, Flow, Layer, LayerEntry, LayerFacts, Padding, Reader, Size, skips

if TYPE_CHECKING:
    from cnnfilter.networks.onnx_graph import Graph

Ratio = Annotated[float | list[float], Meta(description="Between 0 and 1: one number, or rows and columns.")]
Shape = tuple[int, ...]

#: Keys that are sizes, in any of the forms that a network file takes.
_SIZES = ("size", "stride", "output_size")
#: The keys that each mode takes, of those that have no value of their own.
_TAKES: dict[str, set[str]] = {
    "window": {"size", "stride"},
    "global": set(),
    "adaptive": {"output_size"},
    "fractional": {"size", "output_size", "output_ratio"},
}


class Pool(LayerEntry, tag_field="kind", tag="pool", frozen=True, kw_only=True):
    """Pooling over windows, over everything (global), to a size (adaptive), or over random windows (fractional)."""

    pool: Annotated[
        str,
        Meta(description="max, min, avg, sum or lp; or all of it as on the command line: max:3:2:ceil, global-avg."),
    ]
    mode: Literal["window", "global", "adaptive", "fractional"] = "window"
    size: Size | None = None
    stride: Size | None = None
    padding: Padding = 0
    dilation: Size = 1
    ceil_mode: bool = False
    count_include_pad: bool = True
    p: float = 2
    output_size: Size | None = None
    output_ratio: Ratio | None = None
    seed: int = 0

    def load(self, name: str, sources: tuple[str, ...], reader: Reader) -> PoolLayer:
        """Return the layer."""
        for key in ("stride", "dilation", "size", "output_size"):
            if getattr(self, key) is not None:
                reader.pair(key)
        pooling = self._one_text(reader) if self.pool not in POOL_FORMULAS else self._by_keys(reader)
        return PoolLayer(name=name, sources=sources, pooling=pooling, keeps_sums=pooling.kind in ("avg", "sum"))

    def _one_text(self, reader: Reader) -> Pooling:
        """Return a pooling that is one text, as on the command line: no other key means anything beside it."""
        with reader.at("pool"):
            pooling = parse_pool(self.pool)
        for key in Pooling._fields[1:]:
            if getattr(self, key) != Pooling._field_defaults.get(key, "window"):
                reader.fail(key, f"means nothing beside pool: {self.pool}, which says it all")
        return pooling

    def _by_keys(self, reader: Reader) -> Pooling:
        """Return a pooling that is said key by key: each mode has its own."""
        reader.padding()
        takes = _TAKES[self.mode]
        given = {key for key in ("size", "stride", "output_size", "output_ratio") if getattr(self, key) is not None}
        for key in sorted(given - takes):
            reader.fail(key, f"means nothing for a pooling of mode {self.mode}")
        if "size" in takes and "size" not in given:
            reader.fail("", f"size is missing: a pooling of mode {self.mode} has windows")
        if self.mode == "adaptive" and "output_size" not in given:
            reader.fail("", "output_size is missing: adaptive pooling needs it")
        if self.mode == "fractional" and len(given & {"output_size", "output_ratio"}) != 1:
            reader.fail("", "fractional pooling needs either output_size or output_ratio")
        placed, named = POOL_MODES[self.mode]
        words = {key: getattr(self, key) for key in (*placed, *named)}
        sizes = {key: pair(words[key], key) for key in _SIZES if words.get(key) is not None}
        return Pooling(self.pool, self.mode, **(words | sizes))


@dataclass(frozen=True, kw_only=True, eq=False)
class PoolLayer(Layer):
    """A pooling of any mode."""

    pooling: Pooling

    kind = "pool"

    @property
    def slides(self) -> bool:  # type: ignore[override]
        """Only a pooling over windows does."""
        return self.pooling.mode == "window"

    @property
    def whole(self) -> bool:  # type: ignore[override]
        """The largest, the smallest and the sum of whole numbers are whole."""
        return self.pooling.kind in WHOLE_POOLINGS

    def plan(self, inputs: Sequence[Flow], itemsize: int) -> LayerFacts:
        """Plan as the pooling itself does."""
        flow = inputs[0]
        channels, *size = flow.maps
        plan = self.pooling.plan((size[0], size[1]))
        field = flow.field if flow.single else plan.seen(flow.field)
        return LayerFacts(
            flow=Flow((channels, *plan.out), field), rows=plan.texts[0], columns=plan.texts[1],
            dropped=plan.dropped, warnings=() if plan.stride is None else skips(plan.span, plan.stride),
        )  # fmt: skip

    def run(self, inputs: Sequence[Array], threads: int | None) -> Array:
        """Pool."""
        return self.pooling.run(inputs[0], threads, dtype=whole_type(inputs[0]))

    def back(self, inputs: Sequence[Array], output: Array, flow: Array, *, first: bool = False) -> Backward:
        """Flow back to the cells that the windows took."""
        return Backward((_GRADIENTS[self.pooling.mode](self.pooling, inputs[0], flow),))

    def export(self, graph: Graph, shapes: Sequence[Shape]) -> None:
        """Add the nodes of a pooling of any mode."""
        _EXPORTERS[self.pooling.mode](graph, self.pooling, self.sources[0], shapes[0], self.name)


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


#: How each mode lets flow back: the pooling, what it was given, and the gradient of what it made.
_GRADIENTS: dict[str, Callable[[Pooling, Array, Array], Array]] = {
    "window": lambda s, values, flow: pool2d_gradient(
        values, s.kind, pair(s.size, "size"), flow, stride=s.stride, padding=s.padding, dilation=s.dilation,
        ceil_mode=s.ceil_mode, count_include_pad=s.count_include_pad, p=s.p,
    ),
    "global": lambda s, values, flow: global_pool2d_gradient(values, s.kind, flow[..., 0, 0]),
    "adaptive": lambda s, values, flow: adaptive_pool2d_gradient(values, pair(s.output_size, "size"), s.kind, flow),
    "fractional": lambda s, values, flow: fractional_pool2d_gradient(
        values, pair(s.size, "size"), flow, output_size=s.output_size, output_ratio=s.share, kind=s.kind,
        samples=draw_samples(s.seed, values.shape[:-2]),
    ),
}  # fmt: skip

_EXPORTERS: dict[str, Callable[[Graph, Pooling, str, Shape, str], None]] = {
    "window": _windows,
    "global": _global,
    "adaptive": _adaptive,
    "fractional": _fractional,
}
