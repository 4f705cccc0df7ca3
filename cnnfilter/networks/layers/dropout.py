"""Dropout, which does nothing once a network is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from cnnfilter.core.arrays import Array
from cnnfilter.core.terms import Term
from cnnfilter.networks.layers.base import Flow, Layer, LayerEntry, LayerFacts, Reader, place_of

if TYPE_CHECKING:
    from cnnfilter.networks.onnx_graph import Graph


class Dropout(LayerEntry, tag_field="kind", tag="dropout", frozen=True, kw_only=True):
    """Nothing at inference: the values pass as they are."""

    p: Annotated[float, Meta(ge=0, le=1)] = 0.5

    def load(self, name: str, sources: tuple[str, ...], reader: Reader) -> DropoutLayer:
        """Return the layer."""
        return DropoutLayer(name=name, sources=sources)


@dataclass(frozen=True, kw_only=True, eq=False)
class DropoutLayer(Layer):
    """Values that pass."""

    kind = "dropout"
    passes: bool = True

    def plan(self, inputs: Sequence[Flow], itemsize: int) -> LayerFacts:
        """Nothing changes."""
        return LayerFacts(flow=inputs[0])

    def run(self, inputs: Sequence[Array], threads: int | None) -> Array:
        """Return the values."""
        return inputs[0]

    def terms(self, inputs: Sequence[Array], at: tuple[int, ...]) -> tuple[tuple[Term, ...], float]:
        """The same cell."""
        return (Term.of(place_of(at), float(inputs[0][at]), 1.0),), 0.0

    def export(self, graph: Graph, shapes: Sequence[tuple[int, ...]]) -> None:
        """Add an Identity."""
        graph.node("Identity", list(self.sources), self.name)
