"""Layer norm: the values of each cell, or of the whole image, by their own mean and variance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from msgspec import Meta

from cnnfilter.core.arrays import Array
from cnnfilter.core.standardize import affine, affine_gradient, standardize, standardize_gradient
from cnnfilter.core.terms import Term
from cnnfilter.errors import ShapeError
from cnnfilter.networks.layers.base import Backward, Flow, Layer, LayerEntry, LayerFacts, Reader, Weights, place_of

if TYPE_CHECKING:
    from cnnfilter.networks.onnx_graph import Graph


class LayerNorm(LayerEntry, tag_field="kind", tag="layer-norm", frozen=True, kw_only=True):
    """Layer norm, (x - mean) / sqrt(variance + epsilon) * weights + bias: mean and variance are those of the values."""

    over: Annotated[
        Literal["cell", "image"],
        Meta(
            description="What is normalised as one: cell, the channels at one row and column, as in ConvNeXt, with "
            "weights and bias (C); or image, channels, rows and columns, as torch.nn.LayerNorm([C, H, W]), with "
            "weights and bias (C, H, W). Of a vector it is all values, either way."
        ),
    ] = "cell"
    weights: Weights | None = None
    bias: Weights | None = None
    epsilon: Annotated[float, Meta(gt=0)] = 1e-5

    def load(self, name: str, sources: tuple[str, ...], reader: Reader) -> LayerNormLayer:
        """Return the layer."""
        return LayerNormLayer(
            name=name, sources=sources, over=self.over, weights=reader.array("weights"), bias=reader.array("bias"),
            epsilon=self.epsilon,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class LayerNormLayer(Layer):
    """Values by their own mean and variance."""

    over: str
    weights: Array | None
    bias: Array | None
    epsilon: float

    kind = "layer-norm"
    array_fields = ("weights", "bias")

    def _axes(self, rank: int) -> tuple[int, ...]:
        """Return the axes that are normalised as one; the batch's is axis 0."""
        return (1,) if self.over == "cell" else tuple(range(1, rank))

    def plan(self, inputs: Sequence[Flow], itemsize: int) -> LayerFacts:
        """Plan: the shape stays, and so does what a value sees where each cell is normalised by itself."""
        flow = inputs[0]
        shape, each = (flow.shape[:1], "channel") if self.over == "cell" else (flow.shape, "value")
        for key, array in self.arrays.items():
            if array.shape != shape:
                raise ShapeError(f"{key} {array.shape} must be {shape}, one for each {each} (over: {self.over})")
        alone = self.over == "cell" and len(flow.shape) == 3
        values = math.prod(flow.shape)
        return LayerFacts(flow=flow if alone else flow.everything(), macs=2 * values, work_bytes=2 * values * itemsize)

    def run(self, inputs: Sequence[Array], threads: int | None) -> Array:
        """Normalise, then multiply and add."""
        done = standardize(inputs[0], self._axes(inputs[0].ndim), self.epsilon)
        return affine(done.values, self.weights, self.bias)

    def back(self, inputs: Sequence[Array], output: Array, flow: Array, *, first: bool = False) -> Backward:
        """Flow back through the factor, and through mean and variance, which every value moves."""
        axes = self._axes(flow.ndim)
        done = standardize(inputs[0], axes, self.epsilon)
        shaped, arrays = affine_gradient(done.values, self.weights, self.bias, flow)
        return Backward((standardize_gradient(done, axes, shaped),), arrays)

    def terms(self, inputs: Sequence[Array], at: tuple[int, ...]) -> tuple[tuple[Term, ...], float]:
        """One product: for these values it comes down to a factor and an offset."""
        values = inputs[0]
        done = standardize(values[None], self._axes(values.ndim + 1), self.epsilon)
        mean, spread = (float(np.broadcast_to(one, (1, *values.shape))[(0, *at)]) for one in (done.mean, done.spread))
        own = at if self.over == "image" else at[0]
        factor = (1.0 if self.weights is None else float(self.weights[own])) / spread
        offset = (0.0 if self.bias is None else float(self.bias[own])) - mean * factor
        return (Term.of(place_of(at), float(values[at]), factor),), offset

    def export(self, graph: Graph, shapes: Sequence[tuple[int, ...]]) -> None:
        """Add a LayerNormalization, which takes the last axes: channels go there for it, and back."""
        shape, taken = shapes[0], self.sources[0]
        turned = self.over == "cell" and len(shape) == 3
        own = shape if self.over == "image" else shape[:1]
        arrays = [graph.constant(np.ones(own) if self.weights is None else self.weights, f"{self.name}.weight")]
        if self.bias is not None:
            arrays.append(graph.constant(self.bias, f"{self.name}.bias"))
        if turned:
            taken = graph.node("Transpose", [taken], perm=[0, 2, 3, 1])
        made = graph.node(
            "LayerNormalization", [taken, *arrays], "" if turned else self.name, axis=-1 if turned else 1,
            epsilon=self.epsilon,
        )  # fmt: skip
        if turned:
            graph.node("Transpose", [made], self.name, perm=[0, 3, 1, 2])
