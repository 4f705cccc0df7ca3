"""Softmax."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cnnfilter.core.activate import activate
from cnnfilter.core.arrays import Array
from cnnfilter.core.gradients.pointwise import activate_gradient
from cnnfilter.networks.layers.base import Backward, Flow, Layer, LayerEntry, LayerFacts, Reader

if TYPE_CHECKING:
    from cnnfilter.networks.onnx_graph import Graph


class Softmax(LayerEntry, tag_field="kind", tag="softmax", frozen=True, kw_only=True):
    """Scores to probabilities: over a vector, or over the channels of maps."""

    def load(self, name: str, sources: tuple[str, ...], reader: Reader) -> SoftmaxLayer:
        """Return the layer."""
        return SoftmaxLayer(name=name, sources=sources)


@dataclass(frozen=True, kw_only=True, eq=False)
class SoftmaxLayer(Layer):
    """Scores that become probabilities."""

    kind = "softmax"
    ending: str = "softmax"

    def plan(self, inputs: Sequence[Flow], itemsize: int) -> LayerFacts:
        """Plan: over the channels of maps a value sees what its cell saw; of a vector, everything."""
        return LayerFacts(flow=inputs[0] if len(inputs[0].shape) == 3 else inputs[0].everything())

    def run(self, inputs: Sequence[Array], threads: int | None) -> Array:
        """Return the probabilities."""
        return activate(inputs[0], "softmax", axis=1, threads=threads)

    def back(self, inputs: Sequence[Array], output: Array, flow: Array, *, first: bool = False) -> Backward:
        """Flow back to the scores."""
        return Backward((activate_gradient(inputs[0], "softmax", flow, axis=1),))

    def export(self, graph: Graph, shapes: Sequence[tuple[int, ...]]) -> None:
        """Add a Softmax."""
        graph.node("Softmax", list(self.sources), self.name, axis=1)
