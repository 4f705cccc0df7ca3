"""Convolution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np
from msgspec import Meta, field

from cnnfilter.core.arrays import Array, whole_type
from cnnfilter.core.conv import conv2d, plan_source, prepare
from cnnfilter.core.gradients.linear import conv2d_gradient
from cnnfilter.core.rows import NoPixels
from cnnfilter.core.shapes import PaddingLike, Pads, Pair, parse_border, resolve_pads
from cnnfilter.core.terms import Term, convolution_terms
from cnnfilter.errors import ShapeError
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
    skips,
)

if TYPE_CHECKING:
    from cnnfilter.networks.onnx_graph import Graph


class Conv(LayerEntry, tag_field="kind", tag="conv", frozen=True, kw_only=True):
    """Convolution: one of kernels, weights (K, C/groups, kH, kW), and filters that are to be trained."""

    kernels: Annotated[str | list[str], Meta(description="Kernel specs, as on the command line.")] = field(
        default_factory=list
    )
    weights: Weights | None = None
    filters: Annotated[Count | None, Meta(description="In place of weights: how many filters are to be trained.")] = (
        None
    )
    size: Annotated[Size | None, Meta(description="With filters: rows and columns of each.")] = None
    bias: Weights | None = None
    stride: Size = 1
    padding: Padding = "valid"
    padding_mode: str = "zeros"
    dilation: Size = 1
    groups: Count = 1
    flip: bool = False

    def load(self, name: str, sources: tuple[str, ...], reader: Reader) -> ConvLayer:
        """Return the layer; a kernel that is to be flipped is turned here."""
        stride, dilation = reader.pair("stride"), reader.pair("dilation")
        given = [key for key in ("kernels", "weights", "filters") if getattr(self, key)]
        if len(given) != 1:
            reader.fail(
                "", f"expected one of kernels, weights and filters, got {' and '.join(given) or 'none of them'}"
            )
        if (self.size is None) == bool(self.filters):
            reader.fail("size" if self.size else "", "filters and size go together: how many, and how large")
        padding = reader.padding()
        with reader.at("padding_mode"):
            parse_border(self.padding_mode)
        weights, bias = reader.array("weights"), reader.array("bias")
        if self.filters:
            fresh = reader.drawn("filters")
            depth = (reader.before[0] or 1) // self.groups
            weights = fresh.weights(self.filters, max(1, depth), *reader.pair("size"))
            bias = np.zeros(self.filters, np.float32) if bias is None else bias
        elif weights is None:
            weights = reader.kernels([self.kernels] if isinstance(self.kernels, str) else self.kernels, self.groups)
        reader.check_axes(weights, "K", "C/groups", "kH", "kW")
        return ConvLayer(
            name=name, sources=sources, weights=weights[..., ::-1, ::-1] if self.flip else weights, bias=bias,
            stride=stride, padding=padding, padding_mode=self.padding_mode, dilation=dilation, groups=self.groups,
            flip=self.flip,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class ConvLayer(Layer):
    """A convolution; `weights` are turned already where `flip` says that they were to be."""

    weights: Array
    bias: Array | None
    stride: Pair
    padding: PaddingLike
    padding_mode: str
    dilation: Pair
    groups: int
    flip: bool

    kind = "conv"
    array_fields = ("weights", "bias")
    ending: str = "linear"
    slides = True
    whole = True

    @property
    def stored(self) -> dict[str, Array]:
        """Its arrays, the kernels not turned yet."""
        return {key: array[..., ::-1, ::-1] if key == "weights" and self.flip else array
                for key, array in self.arrays.items()}  # fmt: skip

    def channels(self, before: Sequence[int | None]) -> int | None:
        """One for each filter."""
        return len(self.weights)

    @property
    def open_shape(self) -> tuple[int | str, ...]:
        """One map for each filter."""
        return len(self.weights), "?", "?"

    def _pads(self, size: Pair) -> Pads:
        """Return the border of maps of `size`; a kernel that is turned takes its middle along."""
        rows, columns = self.weights.shape[-2:]
        return resolve_pads(self.padding, size, (rows, columns), self.stride, self.dilation, flip=self.flip)

    def plan(self, inputs: Sequence[Flow], itemsize: int) -> LayerFacts:
        """Plan the convolution as its engine would compute it."""
        shape = inputs[0].maps
        if self.weights.ndim != 4:
            raise ShapeError(
                f"weights {self.weights.shape} must be (K, C/groups, kH, kW) = (K, {shape[0] // self.groups}, kH, kW)"
            )
        job = plan_source(
            NoPixels(), (1, *shape), self.weights, np.dtype(f"f{itemsize}"), bias=self.bias, stride=self.stride,
            padding=self._pads((shape[1], shape[2])), padding_mode=self.padding_mode, dilation=self.dilation,
            groups=self.groups,
        )  # fmt: skip
        sizes = job.plan.sizes
        before = inputs[0]
        rows, columns = sizes.formulas
        return LayerFacts(
            flow=Flow((sizes.filters, *sizes.out), before.field if before.single else sizes.field(before.field)),
            macs=sizes.macs, rows=rows, columns=columns, dropped=sizes.dropped,
            engine=f"{job.plan.engine}: {job.plan.why}", work_bytes=job.plan.strip_bytes,
            warnings=skips(sizes.span, sizes.stride),
        )  # fmt: skip

    def run(self, inputs: Sequence[Array], threads: int | None) -> Array:
        """Convolve; the weights are turned already, and so must be what "same" means."""
        height, width = inputs[0].shape[-2:]
        return conv2d(
            inputs[0], self.weights, bias=self.bias, stride=self.stride,
            padding=self._pads((height, width)) if self.flip else self.padding, padding_mode=self.padding_mode,
            dilation=self.dilation, groups=self.groups, threads=threads, dtype=whole_type(inputs[0]),
        )  # fmt: skip

    def back(self, inputs: Sequence[Array], output: Array, flow: Array, *, first: bool = False) -> Backward:
        """Flow back through the windows."""
        maps = inputs[0]
        found = conv2d_gradient(
            maps, self.weights, flow, stride=self.stride, padding=self._pads((maps.shape[2], maps.shape[3])),
            padding_mode=self.padding_mode, dilation=self.dilation, groups=self.groups, of_input=not first,
        )  # fmt: skip
        return Backward((found.input,), self.of_arrays(found))

    def terms(self, inputs: Sequence[Array], at: tuple[int, ...]) -> tuple[tuple[Term, ...], float]:
        """Every tap of the window."""
        maps = inputs[0]
        job = prepare(
            maps, self.weights, stride=self.stride, padding=self._pads((maps.shape[1], maps.shape[2])),
            padding_mode=self.padding_mode, dilation=self.dilation, groups=self.groups,
        )  # fmt: skip
        found = convolution_terms(
            job.plan.sizes, self.weights, lambda row, column: maps[:, row, column], at[0], (at[1], at[2])
        )
        return found, bias_of(self.bias, at[0])

    def export(self, graph: Graph, shapes: Sequence[tuple[int, ...]]) -> None:
        """Add a Conv, and before it what makes a border that is not of zeros."""
        size, taken = (shapes[0][1], shapes[0][2]), self.sources[0]
        pads = self._pads(size)
        if self.padding_mode != "zeros" and pads:
            taken, pads = graph.border(taken, parse_border(self.padding_mode), pads, size), Pads()
        graph.node(
            "Conv", [taken, *self.export_arrays(graph, len(self.weights))], self.name, strides=self.stride,
            dilations=self.dilation, group=self.groups, pads=[pads.top, pads.left, pads.bottom, pads.right],
            kernel_shape=self.weights.shape[2:],
        )  # fmt: skip
