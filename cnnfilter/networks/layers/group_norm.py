"""Group norm: the channels of each group by their own mean and variance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np
from msgspec import Meta

from cnnfilter.core.arrays import Array
from cnnfilter.core.standardize import Standard, affine, affine_gradient, standardize, standardize_gradient
from cnnfilter.core.terms import Term
from cnnfilter.errors import ShapeError
from cnnfilter.networks.layers.base import (
    Backward,
    Count,
    Flow,
    Layer,
    LayerEntry,
    LayerFacts,
    Reader,
    Weights,
    place_of,
)

if TYPE_CHECKING:
    from cnnfilter.networks.onnx_graph import Graph


class GroupNorm(LayerEntry, tag_field="kind", tag="group-norm", frozen=True, kw_only=True):
    """Group norm, (x - mean) / sqrt(variance + epsilon) * weights + bias: mean and variance are those of a group."""

    groups: Annotated[
        Count,
        Meta(description="Parts that the channels fall into, one after the other; as many as channels: instance norm."),
    ]
    weights: Annotated[Weights | None, Meta(description="One for each channel: (C).")] = None
    bias: Annotated[Weights | None, Meta(description="One for each channel: (C).")] = None
    epsilon: Annotated[float, Meta(gt=0)] = 1e-5

    def load(self, name: str, sources: tuple[str, ...], reader: Reader) -> GroupNormLayer:
        """Return the layer."""
        return GroupNormLayer(
            name=name, sources=sources, groups=self.groups, weights=reader.array("weights"),
            bias=reader.array("bias"), epsilon=self.epsilon,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class GroupNormLayer(Layer):
    """Groups of channels by their own mean and variance."""

    groups: int
    weights: Array | None
    bias: Array | None
    epsilon: float

    kind = "group-norm"
    array_fields = ("weights", "bias")

    def plan(self, inputs: Sequence[Flow], itemsize: int) -> LayerFacts:
        """Plan: the shape stays, and a value sees what all cells of its group see."""
        flow = inputs[0]
        channels = flow.shape[0]
        if channels % self.groups:
            raise ShapeError(f"groups {self.groups} must divide the {channels} channels")
        for key, array in self.arrays.items():
            if array.shape != (channels,):
                raise ShapeError(f"{key} {array.shape} must be ({channels},), one for each channel")
        values = math.prod(flow.shape)
        return LayerFacts(
            flow=flow.everything(), macs=2 * values, rows=f"{channels} channels / {self.groups} groups",
            work_bytes=2 * values * itemsize,
        )  # fmt: skip

    def _standard(self, values: Array) -> Standard:
        """Return the values ``(N, groups, n)`` by their own mean and variance."""
        return standardize(values.reshape(len(values), self.groups, -1), (2,), self.epsilon)

    def run(self, inputs: Sequence[Array], threads: int | None) -> Array:
        """Normalise each group, then multiply and add."""
        return affine(self._standard(inputs[0]).values.reshape(inputs[0].shape), self.weights, self.bias)

    def back(self, inputs: Sequence[Array], output: Array, flow: Array, *, first: bool = False) -> Backward:
        """Flow back through the factor, and through mean and variance, which every value moves."""
        done = self._standard(inputs[0])
        shaped, arrays = affine_gradient(done.values.reshape(flow.shape), self.weights, self.bias, flow)
        found = standardize_gradient(done, (2,), shaped.reshape(done.values.shape))
        return Backward((found.reshape(flow.shape),), arrays)

    def terms(self, inputs: Sequence[Array], at: tuple[int, ...]) -> tuple[tuple[Term, ...], float]:
        """One product: for these values it comes down to a factor and an offset."""
        values, channel = inputs[0], at[0]
        done, group = self._standard(values[None]), channel * self.groups // len(values)
        factor = (1.0 if self.weights is None else float(self.weights[channel])) / float(done.spread[0, group, 0])
        offset = (0.0 if self.bias is None else float(self.bias[channel])) - float(done.mean[0, group, 0]) * factor
        return (Term.of(place_of(at), float(values[at]), factor),), offset

    def export(self, graph: Graph, shapes: Sequence[tuple[int, ...]]) -> None:
        """Add an InstanceNormalization of the groups as rows of one map each, and the factors of the channels."""
        shape, taken = shapes[0], self.sources[0]
        rows = graph.node("Reshape", [taken, graph.constant([0, self.groups, -1])])
        plain = [graph.constant(np.full(self.groups, value)) for value in (1.0, 0.0)]
        made = graph.node("InstanceNormalization", [rows, *plain], epsilon=self.epsilon)
        steps = [
            ("Reshape", graph.constant([0, *shape])),
            *(
                (kind, graph.constant(array.reshape(-1, *(1,) * (len(shape) - 1)), f"{self.name}.{key}"))
                for kind, key, array in (("Mul", "weight", self.weights), ("Add", "bias", self.bias))
                if array is not None
            ),
        ]
        for number, (kind, second) in enumerate(steps, start=1):
            made = graph.node(kind, [made, second], self.name if number == len(steps) else "")
