"""Normalisation: batch norm with stored statistics, or min-max."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from msgspec import Meta

from cnnfilter.core.arrays import Array
from cnnfilter.core.gradients.pointwise import normalize_gradient
from cnnfilter.core.terms import Term
from cnnfilter.errors import ParameterError, ShapeError
from cnnfilter.networks.layers.base import Backward, Flow, Layer, LayerEntry, LayerFacts, Reader, Weights, place_of

if TYPE_CHECKING:
    from cnnfilter.networks.onnx_graph import Graph

#: What takes the place of a range of 0 in min-max: the smallest normal float32.
TINY = float(np.finfo(np.float32).tiny)


class Normalize(LayerEntry, tag_field="kind", tag="normalize", frozen=True, kw_only=True):
    """Batch norm with stored statistics, (x - mean) / sqrt(variance + epsilon) * weights + bias; or min-max to 0..1."""

    method: Literal["batch", "minmax"] = "batch"
    mean: Weights | None = None
    variance: Weights | None = None
    weights: Weights | None = None
    bias: Weights | None = None
    epsilon: Annotated[float, Meta(ge=0)] = 1e-5
    over: Annotated[Literal["image", "channel"], Meta(description="What min-max stretches as one.")] = "image"

    def load(self, name: str, sources: tuple[str, ...], reader: Reader) -> NormalizeLayer:
        """Return the layer."""
        for key in ("mean", "variance"):
            if self.method == "batch" and getattr(self, key) is None:
                reader.fail("", f"{key} is missing: batch norm runs on stored statistics")
        for key in ("mean", "variance", "weights", "bias"):
            if self.method == "minmax" and getattr(self, key) is not None:
                reader.fail(key, "means nothing for method minmax, which takes its range from the values")
        weights, bias, mean, variance = map(reader.array, ("weights", "bias", "mean", "variance"))
        return NormalizeLayer(
            name=name, sources=sources, method=self.method, mean=mean, variance=variance, weights=weights, bias=bias,
            epsilon=self.epsilon, over=self.over, keeps_sums=self.method == "batch",
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class NormalizeLayer(Layer):
    """Values shifted and scaled."""

    method: str
    mean: Array | None
    variance: Array | None
    weights: Array | None
    bias: Array | None
    epsilon: float
    over: str

    kind = "normalize"
    array_fields = ("weights", "bias", "mean", "variance")

    def line(self) -> tuple[Array, Array]:
        """Return the factor and the offset ``(C,)`` that batch norm comes down to with stored statistics."""
        arrays = self.arrays
        spread = np.sqrt(arrays["variance"].astype(np.float64) + self.epsilon)
        factor = arrays.get("weights", np.float64(1)) / spread
        return factor, arrays.get("bias", np.float64(0)) - arrays["mean"] * factor

    def plan(self, inputs: Sequence[Flow], itemsize: int) -> LayerFacts:
        """Plan: the shape stays; batch norm needs one statistic a channel."""
        flow = inputs[0]
        if self.method == "minmax":
            return LayerFacts(flow=flow.everything())
        for key, array in self.arrays.items():
            if array.shape != flow.shape[:1]:
                raise ShapeError(f"{key} {array.shape} must be ({flow.shape[0]},), one for each channel")
        variance = self.arrays["variance"]
        if (variance < 0).any() or (self.epsilon == 0 and not variance.all()):
            raise ParameterError("a variance must be 0 or more, and above 0 where epsilon is 0")
        return LayerFacts(flow=flow, macs=math.prod(flow.shape))

    def run(self, inputs: Sequence[Array], threads: int | None) -> Array:
        """Return ``x * factor + offset``, or the values stretched to 0..1."""
        values = inputs[0]
        if self.method == "batch":
            factor, offset = self.line()
            shape = (-1,) + (1,) * (values.ndim - 2)
            scaled: Array = values * factor.astype(values.dtype).reshape(shape)
            scaled += offset.astype(values.dtype).reshape(shape)
            return scaled
        axes = tuple(range(1 if self.over == "image" else 2, values.ndim)) or (1,)
        low, high = values.min(axis=axes, keepdims=True), values.max(axis=axes, keepdims=True)
        stretched: Array = (values - low) / np.maximum(high - low, np.asarray(TINY, values.dtype))
        return stretched

    def back(self, inputs: Sequence[Array], output: Array, flow: Array, *, first: bool = False) -> Backward:
        """Flow back through factor and offset: stored statistics stay as they are, weights and bias are trained."""
        values = inputs[0]
        if self.method == "minmax":
            return Backward((self._back_of_minmax(values, output, flow),))
        arrays = self.arrays
        weights = arrays.get("weights", np.ones(values.shape[1]))
        shape = (*values.shape[:2], *(values.shape[2:] or (1, 1)))
        found = normalize_gradient(
            values.reshape(shape), arrays["mean"], arrays["variance"], weights, flow.reshape(shape),
            epsilon=self.epsilon,
        )  # fmt: skip
        both = {"weights": found.weights, "bias": found.bias}
        trained = {key: array for key, array in both.items() if key in arrays}
        return Backward((found.input.reshape(values.shape),), trained)

    def _back_of_minmax(self, values: Array, output: Array, flow: Array) -> Array:
        """Return what flows back to values that were stretched: smallest and largest ones move all others.

        With ``y = (x - low) / r`` it is ``g / r``, and ``-sum(g * (1 - y)) / r`` more for the smallest value and
        ``-sum(g * y) / r`` for the largest, shared among equals; a constant has no range, and gets nothing.
        """
        axes = tuple(range(1 if self.over == "image" else 2, values.ndim)) or (1,)
        low, high = values.min(axis=axes, keepdims=True), values.max(axis=axes, keepdims=True)
        spread = np.where(high > low, high - low, np.inf).astype(values.dtype)
        back: Array = flow.copy()
        for ends, share in ((low, flow * (1 - output)), (high, flow * output)):
            here = values == ends
            back -= here * (share.sum(axis=axes, keepdims=True) / here.sum(axis=axes, keepdims=True))
        return (back / spread).astype(values.dtype, copy=False)  # type: ignore[no-any-return]

    def terms(self, inputs: Sequence[Array], at: tuple[int, ...]) -> tuple[tuple[Term, ...], float]:
        """One product: what both methods come down to is a factor and an offset."""
        values = inputs[0]
        if self.method == "batch":
            factors, offsets = self.line()
            factor, offset = float(np.atleast_1d(factors)[at[0]]), float(np.atleast_1d(offsets)[at[0]])
        else:
            own = values if self.over == "image" else values[at[0]]
            factor = 1 / max(float(own.max()) - float(own.min()), TINY)
            offset = -float(own.min()) * factor
        return (Term.of(place_of(at), float(values[at]), factor),), offset

    def export(self, graph: Graph, shapes: Sequence[tuple[int, ...]]) -> None:
        """Add a BatchNormalization, or the operators of min-max."""
        taken, shape = self.sources[0], shapes[0]
        if self.method == "batch":
            arrays = self.arrays
            values = (arrays.get("weights", 1.0), arrays.get("bias", 0.0), arrays["mean"], arrays["variance"])
            stored = [graph.constant(np.broadcast_to(np.asarray(value, np.float64), (shape[0],))) for value in values]
            graph.node("BatchNormalization", [taken, *stored], self.name, epsilon=self.epsilon)
            return
        first = 1 if self.over == "image" or len(shape) == 1 else 2
        axes = graph.constant(list(range(first, len(shape) + 1)))
        low, high = (graph.node(kind, [taken, axes], keepdims=1) for kind in ("ReduceMin", "ReduceMax"))
        spread = graph.node("Max", [graph.node("Sub", [high, low]), graph.constant(TINY)])
        graph.node("Div", [graph.node("Sub", [taken, low]), spread], self.name)
