"""What poolings of every mode do to shapes and receptive fields; nothing is computed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cnnfilter.core.fractional import fractional_pool2d
from cnnfilter.core.shapes import formula, pair
from cnnfilter.core.windows import plan_windows
from cnnfilter.network.flow import Flow, LayerFacts, maps_of, skips, slid
from cnnfilter.network.spec import Layer


def plan_pool(layer: Layer, inputs: Sequence[Flow], itemsize: int) -> LayerFacts:
    """Plan a pooling of any mode."""
    return _POOL_MODES[layer.settings.mode](layer.settings, inputs[0], maps_of(inputs[0]))


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
        columns=texts[1], dropped=(dropped[0], dropped[1]), warnings=skips(span, stride),
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
