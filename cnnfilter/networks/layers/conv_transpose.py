"""Transposed convolution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cnnfilter.core.arrays import Array, whole_type
from cnnfilter.core.gradients.linear import conv_transpose2d_gradient
from cnnfilter.core.shapes import PaddingLike, Pads, Pair, resolve_pads, transpose_size
from cnnfilter.core.terms import Term
from cnnfilter.core.transpose import conv_transpose2d
from cnnfilter.errors import ParameterError, ShapeError
from cnnfilter.networks.layers.base import (
    Backward,
    Count,
    Flow,
    Layer,
    LayerEntry,
    LayerFacts,
    Padding,
    Reader,
    Size,
    Weights,
    bias_of,
)

if TYPE_CHECKING:
    from cnnfilter.networks.onnx_graph import Graph


class ConvTranspose(LayerEntry, tag_field="kind", tag="conv-transpose", frozen=True, kw_only=True):
    """Transposed convolution: weights (C, K/groups, kH, kW)."""

    weights: Weights
    bias: Weights | None = None
    stride: Size = 1
    padding: Padding = 0
    output_padding: Size = 0
    dilation: Size = 1
    groups: Count = 1

    def load(self, name: str, sources: tuple[str, ...], reader: Reader) -> ConvTransposeLayer:
        """Return the layer."""
        stride, dilation = reader.pair("stride"), reader.pair("dilation")
        extra = reader.pair("output_padding", minimum=0)
        padding = reader.padding()
        weights, bias = reader.array("weights"), reader.array("bias")
        assert weights is not None
        return ConvTransposeLayer(
            name=name, sources=sources, weights=reader.check_axes(weights, "C", "K/groups", "kH", "kW"), bias=bias,
            stride=stride, padding=padding, output_padding=extra, dilation=dilation, groups=self.groups,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class ConvTransposeLayer(Layer):
    """A transposed convolution: it spreads, so the jump gets smaller."""

    weights: Array
    bias: Array | None
    stride: Pair
    padding: PaddingLike
    output_padding: Pair
    dilation: Pair
    groups: int

    kind = "conv-transpose"
    whole = True
    array_fields = ("weights", "bias")
    ending: str = "linear"

    def channels(self, before: Sequence[int | None]) -> int | None:
        """K/groups for each group."""
        return int(self.weights.shape[1]) * self.groups

    @property
    def open_shape(self) -> tuple[int | str, ...]:
        """K/groups maps for each group."""
        return self.weights.shape[1] * self.groups, "?", "?"

    @property
    def _window(self) -> Pair:
        return self.weights.shape[2], self.weights.shape[3]

    def _pads(self, size: Pair) -> Pads:
        return resolve_pads(self.padding, size, self._window, self.stride, self.dilation)

    def plan(self, inputs: Sequence[Flow], itemsize: int) -> LayerFacts:
        """Plan the stamps of all cells."""
        channels, *size = inputs[0].maps
        weights = self.weights
        if weights.ndim != 4 or len(weights) != channels or channels % self.groups:
            raise ShapeError(
                f"weights {weights.shape} must be (C, K/groups, kH, kW) = ({channels}, K/{self.groups}, kH, kW), and "
                f"groups must divide {channels}"
            )
        stride, dilation, window = self.stride, self.dilation, self._window
        if self.padding in ("same", "full"):
            raise ParameterError(f"a transposed convolution needs its padding in numbers, got {self.padding!r}")
        pads = self._pads((size[0], size[1]))
        out = transpose_size((size[0], size[1]), pads, window, stride, dilation, self.output_padding)
        maps = weights.shape[1] * self.groups
        self.check_bias(maps)
        texts = [
            f"({n} - 1)*{t} + {e} + {d}*({k}-1) + 1 - {p} = {o}"
            for n, t, e, d, k, p, o in zip(
                size, stride, self.output_padding, dilation, window, (pads.rows, pads.columns), out, strict=True
            )
        ]
        span = [d * (k - 1) + 1 for d, k in zip(dilation, window, strict=True)]
        reach = [math.ceil(cells / step) for cells, step in zip(span, stride, strict=True)]  # stamps over one cell
        before = [
            (cells - 1 - pad) // step for cells, pad, step in zip(span, (pads.top, pads.left), stride, strict=True)
        ]
        field = inputs[0].field.slid(reach, (1 / stride[0], 1 / stride[1]), before, even=stride == (1, 1))
        return LayerFacts(
            flow=Flow((maps, *out), field),
            macs=channels * size[0] * size[1] * weights.shape[1] * window[0] * window[1], rows=texts[0],
            columns=texts[1], work_bytes=min(1 << 24, maps * window[0] * window[1] * size[0] * size[1] * itemsize),
        )  # fmt: skip

    def run(self, inputs: Sequence[Array], threads: int | None) -> Array:
        """Spread every value."""
        return conv_transpose2d(
            inputs[0], self.weights, bias=self.bias, stride=self.stride, padding=self.padding,
            output_padding=self.output_padding, dilation=self.dilation, groups=self.groups,
            dtype=whole_type(inputs[0]),
        )  # fmt: skip

    def back(self, inputs: Sequence[Array], output: Array, flow: Array, *, first: bool = False) -> Backward:
        """Flow back from every stamp to the value that made it."""
        found = conv_transpose2d_gradient(
            inputs[0], self.weights, flow, stride=self.stride, padding=self.padding,
            output_padding=self.output_padding, dilation=self.dilation, groups=self.groups,
        )  # fmt: skip
        return Backward((found.input,), self.of_arrays(found))

    def terms(self, inputs: Sequence[Array], at: tuple[int, ...]) -> tuple[tuple[Term, ...], float]:
        """Every cell whose stamp reaches this one, and the weight that it lands with."""
        maps, (channel, *cell), per = inputs[0], at, self.weights.shape[1]
        pads, depth = self._pads((maps.shape[1], maps.shape[2])), len(self.weights) // self.groups
        first, found = channel // per * depth, []
        for source, i, j in np.ndindex(depth, *self._window):
            down, across = (
                divmod(place + pad - k * spread, step)
                for place, pad, k, spread, step in zip(
                    cell, (pads.top, pads.left), (i, j), self.dilation, self.stride, strict=True
                )
            )
            if down[1] or across[1] or not (0 <= down[0] < maps.shape[1] and 0 <= across[0] < maps.shape[2]):
                continue
            here = first + source, down[0], across[0]
            found.append(Term.of(here, float(maps[here]), float(self.weights[here[0], channel % per, i, j])))
        return tuple(found), bias_of(self.bias, channel)

    def export(self, graph: Graph, shapes: Sequence[tuple[int, ...]]) -> None:
        """Add a ConvTranspose."""
        pads = self._pads((shapes[0][1], shapes[0][2]))
        graph.node(
            "ConvTranspose", [self.sources[0], *self.export_arrays(graph, self.weights.shape[1] * self.groups)],
            self.name, strides=self.stride, dilations=self.dilation, group=self.groups,
            pads=[pads.top, pads.left, pads.bottom, pads.right], kernel_shape=self._window,
            output_padding=self.output_padding,
        )  # fmt: skip
