"""What each kind of layer does to a shape, a receptive field and a budget: one function a kind, integers only."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from cnnfilter.core.conv import plan_source
from cnnfilter.core.fractional import fractional_pool2d
from cnnfilter.core.shapes import Pair, formula, pair, resolve_pads, transpose_size
from cnnfilter.core.windows import plan_windows
from cnnfilter.core.words import ACTIVATIONS, parse_activation
from cnnfilter.errors import ParameterError, ShapeError
from cnnfilter.network.spec import Array, Layer

Jump = tuple[float, float]


class Flow(NamedTuple):
    """What leaves a layer: its shape, and how it lies over the network's input."""

    shape: tuple[int, ...]
    field: Pair | None
    jump: Jump | None


class LayerFacts(NamedTuple):
    """What a planner finds out about a layer."""

    flow: Flow
    macs: int = 0
    rows: str = ""
    columns: str = ""
    dropped: Pair = (0, 0)
    engine: str = ""
    work_bytes: int = 0
    warnings: tuple[str, ...] = ()


class _NoPixels:
    """A source that has a size and nothing else."""

    finite = True

    def rows(self, first: int, last: int, start: int, stop: int) -> Array:
        """Refuse: a plan never reads."""
        raise AssertionError("a plan reads no pixels")


def _maps(flow: Flow) -> tuple[int, int, int]:
    """Return a shape that must be maps."""
    if len(flow.shape) != 3:
        raise ShapeError(f"it needs maps (C, H, W), got a vector of {flow.shape[0]} (flatten comes after it)")
    channels, height, width = flow.shape
    return channels, height, width


def slid(flow: Flow, span: Pair, stride: Pair) -> tuple[Pair | None, Jump | None]:
    """Return field and jump after a window of `span` input cells that moves by `stride`.

    ``field = field + (span - 1) * jump``, ``jump = jump * stride``
    """
    if flow.field is None or flow.jump is None:
        return None, None
    rows, columns = (f + math.ceil((s - 1) * j) for f, s, j in zip(flow.field, span, flow.jump, strict=True))
    return (rows, columns), (flow.jump[0] * stride[0], flow.jump[1] * stride[1])


def _skips(span: Pair, stride: Pair) -> tuple[str, ...]:
    """Warn of windows that never touch some of the input."""
    if stride[0] > span[0] or stride[1] > span[1]:
        return (f"stride {stride[0]},{stride[1]} is larger than the window {span[0]}x{span[1]}: cells are never seen",)
    return ()


def plan_conv(layer: Layer, inputs: Sequence[Flow], itemsize: int) -> LayerFacts:
    """Plan a convolution as its engine would compute it."""
    s, shape = layer.settings, _maps(inputs[0])
    weights = layer.weights["weights"]
    if weights.ndim != 4:
        raise ShapeError(f"weights {weights.shape} must be (K, C/groups, kH, kW) = (K, {shape[0] // s.groups}, kH, kW)")
    job = plan_source(
        _NoPixels(), (1, *shape), weights, np.dtype(f"f{itemsize}"), bias=layer.weights.get("bias"), stride=s.stride,
        padding=s.padding, padding_mode=s.padding_mode, dilation=s.dilation, groups=s.groups,
    )  # fmt: skip
    sizes = job.plan.sizes
    added = (sizes.pads.rows, sizes.pads.columns)
    terms = list(zip(sizes.size, added, sizes.kernel, sizes.stride, sizes.dilation, strict=True))
    field, jump = slid(inputs[0], sizes.span, sizes.stride)
    dropped = tuple((n + p - span) % step for (n, p, _, step, _), span in zip(terms, sizes.span, strict=True))
    return LayerFacts(
        flow=Flow(shape=(sizes.filters, *sizes.out), field=field, jump=jump), macs=sizes.macs,
        rows=formula(*terms[0]), columns=formula(*terms[1]), dropped=(dropped[0], dropped[1]),
        engine=f"{job.plan.engine}: {job.plan.why}", work_bytes=job.plan.strip_bytes,
        warnings=_skips(sizes.span, sizes.stride),
    )  # fmt: skip


def plan_conv_transpose(layer: Layer, inputs: Sequence[Flow], itemsize: int) -> LayerFacts:
    """Plan a transposed convolution: it spreads, so the jump gets smaller."""
    s, (channels, *size) = layer.settings, _maps(inputs[0])
    weights = layer.weights["weights"]
    if weights.ndim != 4 or len(weights) != channels or channels % s.groups:
        raise ShapeError(
            f"weights {weights.shape} must be (C, K/groups, kH, kW) = ({channels}, K/{s.groups}, kH, kW), and groups "
            f"must divide {channels}"
        )
    stride, dilation = pair(s.stride, "stride"), pair(s.dilation, "dilation")
    extra = pair(s.output_padding, "output_padding", minimum=0)
    window = (weights.shape[2], weights.shape[3])
    if s.padding in ("same", "full"):
        raise ParameterError(f"a transposed convolution needs its padding in numbers, got {s.padding!r}")
    pads = resolve_pads(s.padding, (size[0], size[1]), window, stride, dilation)
    out = transpose_size((size[0], size[1]), pads, window, stride, dilation, extra)
    maps = weights.shape[1] * s.groups
    _check_bias(layer, maps)
    texts = [
        f"({n} - 1)*{t} + {e} + {d}*({k}-1) + 1 - {p} = {o}"
        for n, t, e, d, k, p, o in zip(
            size, stride, extra, dilation, window, (pads.rows, pads.columns), out, strict=True
        )
    ]
    span = [d * (k - 1) + 1 for d, k in zip(dilation, window, strict=True)]
    seen = (math.ceil(span[0] / stride[0]), math.ceil(span[1] / stride[1]))
    field, _ = slid(inputs[0], seen, (1, 1))
    jump = inputs[0].jump
    return LayerFacts(
        flow=Flow(shape=(maps, *out), field=field, jump=jump and (jump[0] / stride[0], jump[1] / stride[1])),
        macs=channels * size[0] * size[1] * weights.shape[1] * window[0] * window[1], rows=texts[0], columns=texts[1],
        work_bytes=min(1 << 24, maps * window[0] * window[1] * size[0] * size[1] * itemsize),
    )  # fmt: skip


def _check_bias(layer: Layer, maps: int) -> None:
    """Raise unless a bias is one number, or one for each output."""
    bias = layer.weights.get("bias")
    if bias is not None and bias.shape not in ((), (1,), (maps,)):
        raise ShapeError(f"bias {bias.shape} must be one number, or ({maps},)")


def plan_pool(layer: Layer, inputs: Sequence[Flow], itemsize: int) -> LayerFacts:
    """Plan a pooling of any mode."""
    return _POOL_MODES[layer.settings.mode](layer.settings, inputs[0], _maps(inputs[0]))


def _pool_windows(s: Any, flow: Flow, shape: tuple[int, int, int]) -> LayerFacts:
    """Plan windows of one size."""
    both = plan_windows(shape[1:], s.size, s.stride, s.padding, s.dilation, s.ceil_mode)
    span, stride = (both[0].span, both[1].span), (both[0].stride, both[1].stride)
    field, jump = slid(flow, span, stride)
    texts, dropped = [], []
    for axis in both:
        exact = formula(axis.length, axis.before + axis.after, axis.size, axis.stride, axis.dilation)
        floor = int(exact.rpartition("= ")[2])
        texts.append(exact if floor == axis.count else f"{exact}, and one more that hangs over = {axis.count}")
        end = (axis.count - 1) * axis.stride + axis.span
        dropped.append(max(0, axis.length + axis.before + axis.after - end))
    return LayerFacts(
        flow=Flow(shape=(shape[0], both[0].count, both[1].count), field=field, jump=jump), rows=texts[0],
        columns=texts[1], dropped=(dropped[0], dropped[1]), warnings=_skips(span, stride),
    )  # fmt: skip


def _pool_global(s: Any, flow: Flow, shape: tuple[int, int, int]) -> LayerFacts:
    """Plan one value a channel; maps of 1x1, so that what follows may still be a convolution."""
    field, _ = slid(flow, shape[1:], (1, 1))
    flow = Flow(shape=(shape[0], 1, 1), field=field, jump=None)
    return LayerFacts(flow=flow, rows=f"all {shape[1]} = 1", columns=f"all {shape[2]} = 1")


def _pool_adaptive(s: Any, flow: Flow, shape: tuple[int, int, int]) -> LayerFacts:
    """Plan windows that share the input out: floor(i*in/out) up to ceil((i+1)*in/out)."""
    wanted = pair(s.output_size, "output_size")
    span = tuple(
        max(-((i + 1) * n // -out) - i * n // out for i in range(out)) for n, out in zip(shape[1:], wanted, strict=True)
    )
    field, _ = slid(flow, (span[0], span[1]), (1, 1))
    jump = flow.jump and (flow.jump[0] * shape[1] / wanted[0], flow.jump[1] * shape[2] / wanted[1])
    texts = [f"{n} shared by {out} windows of up to {k}" for n, out, k in zip(shape[1:], wanted, span, strict=True)]
    return LayerFacts(flow=Flow(shape=(shape[0], *wanted), field=field, jump=jump), rows=texts[0], columns=texts[1])


def _pool_fractional(s: Any, flow: Flow, shape: tuple[int, int, int]) -> LayerFacts:
    """Plan windows at places drawn from the seed: their shape is the pooling's own."""
    window = pair(s.size, "size")
    out = fractional_pool2d(
        np.zeros((1, *shape[1:]), np.float32), window, output_size=s.output_size, output_ratio=s.output_ratio, seed=0,
        threads=1,
    ).shape  # fmt: skip
    field, _ = slid(flow, window, (1, 1))
    jump = flow.jump and (flow.jump[0] * shape[1] / out[1], flow.jump[1] * shape[2] / out[2])
    texts = [f"{count} windows of {k} spread over {n}" for count, k, n in zip(out[1:], window, shape[1:], strict=True)]
    return LayerFacts(flow=Flow(shape=(shape[0], *out[1:]), field=field, jump=jump), rows=texts[0], columns=texts[1])


_POOL_MODES: dict[str, Callable[[Any, Flow, tuple[int, int, int]], LayerFacts]] = {
    "window": _pool_windows,
    "global": _pool_global,
    "adaptive": _pool_adaptive,
    "fractional": _pool_fractional,
}


def plan_activation(layer: Layer, inputs: Sequence[Flow], itemsize: int) -> LayerFacts:
    """Plan an activation: the shape stays, but for glu, which halves the channels."""
    flow = inputs[0]
    name, parameters = parse_activation(layer.settings.activation)
    weights = np.asarray(layer.weights.get("weights", parameters.get("weight", 0.0)))
    if weights.size > 1 and weights.shape != flow.shape[:1]:
        raise ShapeError(f"prelu has weights {weights.shape} for {flow.shape[0]} channels: one, or ({flow.shape[0]},)")
    if name == "glu":
        if flow.shape[0] % 2:
            raise ShapeError(f"glu halves the {flow.shape[0]} channels; it needs an even number")
        return LayerFacts(flow=Flow(shape=(flow.shape[0] // 2, *flow.shape[1:]), field=flow.field, jump=flow.jump))
    if ACTIVATIONS[name].over_axis and len(flow.shape) == 1:
        return LayerFacts(flow=_everything(flow))
    return LayerFacts(flow=flow)


def _everything(flow: Flow) -> Flow:
    """Return a flow whose every value sees all that came in."""
    return Flow(shape=flow.shape, field=None, jump=None)


def plan_normalize(layer: Layer, inputs: Sequence[Flow], itemsize: int) -> LayerFacts:
    """Plan a normalisation: the shape stays; batch norm needs one statistic a channel."""
    flow = inputs[0]
    if layer.settings.method == "minmax":
        return LayerFacts(flow=_everything(flow))
    for key, array in layer.weights.items():
        if array.shape != flow.shape[:1]:
            raise ShapeError(f"{key} {array.shape} must be ({flow.shape[0]},), one for each channel")
    if (layer.weights["variance"] < 0).any() or (
        layer.settings.epsilon == 0 and not layer.weights["variance"].all()
    ):  # fmt: skip
        raise ParameterError("a variance must be 0 or more, and above 0 where epsilon is 0")
    return LayerFacts(flow=flow, macs=math.prod(flow.shape))


def plan_flatten(layer: Layer, inputs: Sequence[Flow], itemsize: int) -> LayerFacts:
    """Plan a flatten: channels times rows times columns."""
    shape, count = inputs[0].shape, math.prod(inputs[0].shape)
    text = f"{' * '.join(map(str, shape))} = {count}"
    return LayerFacts(flow=Flow(shape=(count,), field=inputs[0].field, jump=None), rows=text)


def plan_dense(layer: Layer, inputs: Sequence[Flow], itemsize: int) -> LayerFacts:
    """Plan weighted sums of everything."""
    weights, shape = layer.weights["weights"], inputs[0].shape
    if len(shape) != 1:
        count = math.prod(shape)
        raise ShapeError(
            f"dense needs a vector, got {shape}: put a flatten before it, {'*'.join(map(str, shape))} = {count}"
        )
    if weights.ndim != 2 or weights.shape[1] != shape[0]:
        raise ShapeError(f"weights {weights.shape} must be (out, in) = (out, {shape[0]})")
    _check_bias(layer, len(weights))
    text = f"weights {weights.shape[0]} x {weights.shape[1]} times {shape[0]} = {len(weights)}"
    return LayerFacts(flow=Flow(shape=(len(weights),), field=None, jump=None), macs=weights.size, rows=text)


def plan_softmax(layer: Layer, inputs: Sequence[Flow], itemsize: int) -> LayerFacts:
    """Plan a softmax: over the channels of maps a value sees what its cell saw; of a vector, everything."""
    return LayerFacts(flow=inputs[0] if len(inputs[0].shape) == 3 else _everything(inputs[0]))


def plan_same(layer: Layer, inputs: Sequence[Flow], itemsize: int) -> LayerFacts:
    """Plan a layer that changes nothing."""
    return LayerFacts(flow=inputs[0])


def plan_add(layer: Layer, inputs: Sequence[Flow], itemsize: int) -> LayerFacts:
    """Plan a sum: all shapes must be one."""
    if len({flow.shape for flow in inputs}) > 1:
        shown = " and ".join("x".join(map(str, flow.shape)) for flow in inputs)
        raise ShapeError(f"add needs one shape, got {shown} (same padding and stride on both ways keep them equal)")
    return LayerFacts(flow=joined(inputs, inputs[0].shape))


def plan_concat(layer: Layer, inputs: Sequence[Flow], itemsize: int) -> LayerFacts:
    """Plan a join along the channels: the rest of the shapes must be one."""
    if len({flow.shape[1:] for flow in inputs}) > 1:
        shown = " and ".join("x".join(map(str, flow.shape)) for flow in inputs)
        raise ShapeError(f"concat joins channels, so rows and columns must be equal, got {shown}")
    counts = [flow.shape[0] for flow in inputs]
    text = f"{' + '.join(map(str, counts))} = {sum(counts)} channels"
    return LayerFacts(flow=joined(inputs, (sum(counts), *inputs[0].shape[1:])), rows=text)


def joined(inputs: Sequence[Flow], shape: tuple[int, ...]) -> Flow:
    """Return the flow of several: the largest field, and the jump where all agree."""
    fields = [flow.field for flow in inputs]
    field = None
    known = [one for one in fields if one is not None]
    if len(known) == len(fields):
        field = (max(one[0] for one in known), max(one[1] for one in known))
    return Flow(shape=shape, field=field, jump=inputs[0].jump if len({flow.jump for flow in inputs}) == 1 else None)


#: How each kind of layer is planned.
PLANNERS: dict[str, Callable[[Layer, Sequence[Flow], int], LayerFacts]] = {
    "conv": plan_conv,
    "conv-transpose": plan_conv_transpose,
    "activation": plan_activation,
    "pool": plan_pool,
    "normalize": plan_normalize,
    "flatten": plan_flatten,
    "dense": plan_dense,
    "dropout": plan_same,
    "softmax": plan_softmax,
    "add": plan_add,
    "concat": plan_concat,
}
