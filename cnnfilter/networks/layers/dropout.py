"""Dropout, which does nothing but while a network is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import numpy as np
from msgspec import Meta

from cnnfilter.core.arrays import Array
from cnnfilter.core.terms import Term
from cnnfilter.networks.layers.base import Backward, Flow, Layer, LayerEntry, LayerFacts, Reader, place_of

if TYPE_CHECKING:
    from cnnfilter.networks.onnx_graph import Graph


class Dropout(LayerEntry, tag_field="kind", tag="dropout", frozen=True, kw_only=True):
    """Nothing once a network is trained: the values pass as they are. While it is, a share p of them is left out."""

    p: Annotated[float, Meta(ge=0, le=1)] = 0.5

    def load(self, name: str, sources: tuple[str, ...], reader: Reader) -> DropoutLayer:
        """Return the layer."""
        return DropoutLayer(name=name, sources=sources, p=self.p)


@dataclass(frozen=True, kw_only=True, eq=False)
class DropoutLayer(Layer):
    """Values that pass; with a seed, as while training, each is left out with the probability `p`."""

    p: float
    seed: int | None = None

    kind = "dropout"
    whole = True
    passes: bool = True

    def plan(self, inputs: Sequence[Flow], itemsize: int) -> LayerFacts:
        """Nothing changes."""
        return LayerFacts(flow=inputs[0])

    def run(self, inputs: Sequence[Array], threads: int | None) -> Array:
        """Return the values; while training those that are kept, the larger for it: divided by ``1 - p``."""
        return inputs[0] if self.seed is None else inputs[0] * self._kept(inputs[0])

    def _kept(self, values: Array) -> Array:
        """Return what the values are multiplied by: 0, or 1 / (1 - p)."""
        kept = np.random.default_rng(self.seed).random(values.shape, np.float32) >= self.p
        factors: Array = kept * values.dtype.type(1 / (1 - self.p) if self.p < 1 else 0)
        return factors

    def while_training(self, draw: np.random.Generator) -> DropoutLayer:
        """Leave out others in every step."""
        return replace(self, seed=int(draw.integers(1 << 32)))

    def back(self, inputs: Sequence[Array], output: Array, flow: Array, *, first: bool = False) -> Backward:
        """Flow back to the values that were kept."""
        return Backward((flow if self.seed is None else flow * self._kept(flow),))

    def terms(self, inputs: Sequence[Array], at: tuple[int, ...]) -> tuple[tuple[Term, ...], float]:
        """The same cell."""
        return (Term.of(place_of(at), float(inputs[0][at]), 1.0),), 0.0

    def export(self, graph: Graph, shapes: Sequence[tuple[int, ...]]) -> None:
        """Add an Identity."""
        graph.node("Identity", list(self.sources), self.name)
