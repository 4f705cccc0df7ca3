"""Dense."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np
from msgspec import Meta

from cnnfilter.core.arrays import Array, whole_type
from cnnfilter.core.dense import dense
from cnnfilter.core.gradients.linear import dense_gradient
from cnnfilter.core.receptive import EVERYTHING
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
    bias_of,
)

if TYPE_CHECKING:
    from cnnfilter.networks.onnx_graph import Graph


class Dense(LayerEntry, tag_field="kind", tag="dense", frozen=True, kw_only=True):
    """Weighted sums of all inputs: weights (out, in), or outputs that are to be trained."""

    weights: Weights | None = None
    outputs: Annotated[Count | None, Meta(description="In place of weights: how many sums are to be trained.")] = None
    bias: Weights | None = None

    def load(self, name: str, sources: tuple[str, ...], reader: Reader) -> DenseLayer:
        """Return the layer."""
        weights, bias = reader.array("weights"), reader.array("bias")
        if (weights is None) == (self.outputs is None):
            reader.fail("", f"expected one of weights and outputs, got {'none of them' if weights is None else 'both'}")
        if self.outputs is not None:
            fresh = reader.drawn("outputs")
            weights = fresh.weights(self.outputs, math.prod(fresh.inputs[0]))
            bias = np.zeros(self.outputs, np.float32) if bias is None else bias
        assert weights is not None
        return DenseLayer(name=name, sources=sources, weights=reader.check_axes(weights, "out", "in"), bias=bias)


@dataclass(frozen=True, kw_only=True, eq=False)
class DenseLayer(Layer):
    """Weighted sums of everything."""

    weights: Array
    bias: Array | None

    kind = "dense"
    array_fields = ("weights", "bias")
    ending: str = "linear"
    whole = True

    def channels(self, before: Sequence[int | None]) -> int | None:
        """A vector has none."""
        return None

    @property
    def open_shape(self) -> tuple[int | str, ...]:
        """One value for each row of weights."""
        return (len(self.weights),)

    def plan(self, inputs: Sequence[Flow], itemsize: int) -> LayerFacts:
        """Plan: it needs a vector, as long as its rows of weights."""
        weights, shape = self.weights, inputs[0].shape
        if len(shape) != 1:
            count = math.prod(shape)
            raise ShapeError(
                f"dense needs a vector, got {shape}: put a flatten before it, {'*'.join(map(str, shape))} = {count}"
            )
        if weights.ndim != 2 or weights.shape[1] != shape[0]:
            raise ShapeError(f"weights {weights.shape} must be (out, in) = (out, {shape[0]})")
        self.check_bias(len(weights))
        text = f"weights {weights.shape[0]} x {weights.shape[1]} times {shape[0]} = {len(weights)}"
        return LayerFacts(flow=Flow((len(weights),), EVERYTHING), macs=weights.size, rows=text)

    def run(self, inputs: Sequence[Array], threads: int | None) -> Array:
        """Return ``(N, out)``."""
        return dense(inputs[0], self.weights, self.bias, dtype=whole_type(inputs[0]))

    def back(self, inputs: Sequence[Array], output: Array, flow: Array, *, first: bool = False) -> Backward:
        """Flow back along the weights."""
        found = dense_gradient(inputs[0], self.weights, flow)
        return Backward((found.input,), self.of_arrays(found))

    def terms(self, inputs: Sequence[Array], at: tuple[int, ...]) -> tuple[tuple[Term, ...], float]:
        """One product for each value of the vector."""
        pairs = zip(inputs[0].tolist(), self.weights[at[0]].tolist(), strict=True)
        found = tuple(Term.of((0, 0, index), value, weight) for index, (value, weight) in enumerate(pairs))
        return found, bias_of(self.bias, at[0])

    def export(self, graph: Graph, shapes: Sequence[tuple[int, ...]]) -> None:
        """Add a Gemm."""
        graph.node("Gemm", [self.sources[0], *self.export_arrays(graph, len(self.weights))], self.name, transB=1)
