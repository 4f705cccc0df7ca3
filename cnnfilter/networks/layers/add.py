"""The sum of layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cnnfilter.core.arrays import Array, whole_type
from cnnfilter.core.receptive import joined
from cnnfilter.core.terms import Term
from cnnfilter.core.whole_steps import whole_fold
from cnnfilter.errors import ShapeError
from cnnfilter.networks.layers.base import Backward, Flow, Layer, LayerEntry, LayerFacts, Reader, place_of

if TYPE_CHECKING:
    from cnnfilter.networks.onnx_graph import Graph


class Add(LayerEntry, tag_field="kind", tag="add", frozen=True, kw_only=True):
    """The sum of two or more layers of one shape."""

    joins = True

    def load(self, name: str, sources: tuple[str, ...], reader: Reader) -> AddLayer:
        """Return the layer."""
        return AddLayer(name=name, sources=sources)


@dataclass(frozen=True, kw_only=True, eq=False)
class AddLayer(Layer):
    """A sum."""

    kind = "add"
    whole = True

    def plan(self, inputs: Sequence[Flow], itemsize: int) -> LayerFacts:
        """Plan: all shapes must be one."""
        if len({flow.shape for flow in inputs}) > 1:
            shown = " and ".join("x".join(map(str, flow.shape)) for flow in inputs)
            raise ShapeError(f"add needs one shape, got {shown} (same padding and stride on both ways keep them equal)")
        return LayerFacts(flow=Flow(inputs[0].shape, joined([flow.field for flow in inputs])))

    def run(self, inputs: Sequence[Array], threads: int | None) -> Array:
        """Return the sum."""
        if whole_type(inputs[0]):
            return whole_fold(np.add, inputs, "the sum")
        total: Array = inputs[0] + inputs[1]
        for values in inputs[2:]:
            total += values
        return total

    def back(self, inputs: Sequence[Array], output: Array, flow: Array, *, first: bool = False) -> Backward:
        """All of it flows to each layer."""
        return Backward((flow,) * len(inputs))

    def terms(self, inputs: Sequence[Array], at: tuple[int, ...]) -> tuple[tuple[Term, ...], float]:
        """The same cell of each layer."""
        return tuple(Term.of(place_of(at), float(values[at]), 1.0) for values in inputs), 0.0

    def export(self, graph: Graph, shapes: Sequence[tuple[int, ...]]) -> None:
        """Add a Sum."""
        graph.node("Sum", list(self.sources), self.name)
