"""What convolutions do to shapes, receptive fields and budgets; nothing is computed."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from cnnfilter.core.conv import plan_source
from cnnfilter.core.rows import NoPixels
from cnnfilter.core.shapes import Pads, Pair, formula, pair, resolve_pads, transpose_size
from cnnfilter.errors import ParameterError, ShapeError
from cnnfilter.networks.flow import Flow, LayerFacts, check_bias, maps_of, skips, slid
from cnnfilter.networks.spec import Layer


def pads_of(layer: Layer, size: Pair) -> Pads:
    """Return the border that a convolution adds to maps of `size`; a kernel that is turned takes its middle along."""
    s, (rows, columns) = layer.settings, layer.weights["weights"].shape[-2:]
    stride, dilation = pair(s.stride, "stride"), pair(s.dilation, "dilation")
    return resolve_pads(s.padding, size, (rows, columns), stride, dilation, flip=s.flip)


def plan_conv(layer: Layer, inputs: Sequence[Flow], itemsize: int) -> LayerFacts:
    """Plan a convolution as its engine would compute it."""
    s, shape = layer.settings, maps_of(inputs[0])
    weights = layer.weights["weights"]
    if weights.ndim != 4:
        raise ShapeError(f"weights {weights.shape} must be (K, C/groups, kH, kW) = (K, {shape[0] // s.groups}, kH, kW)")
    job = plan_source(
        NoPixels(), (1, *shape), weights, np.dtype(f"f{itemsize}"), bias=layer.weights.get("bias"), stride=s.stride,
        padding=pads_of(layer, (shape[1], shape[2])), padding_mode=s.padding_mode, dilation=s.dilation, groups=s.groups,
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
        warnings=skips(sizes.span, sizes.stride),
    )  # fmt: skip


def plan_conv_transpose(layer: Layer, inputs: Sequence[Flow], itemsize: int) -> LayerFacts:
    """Plan a transposed convolution: it spreads, so the jump gets smaller."""
    s, (channels, *size) = layer.settings, maps_of(inputs[0])
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
    check_bias(layer, maps)
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
