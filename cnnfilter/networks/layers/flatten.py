"""Flatten."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cnnfilter.core.arrays import Array
from cnnfilter.core.terms import Term
from cnnfilter.networks.layers.base import Backward, Flow, Layer, LayerEntry, LayerFacts, Reader

if TYPE_CHECKING:
    from cnnfilter.networks.onnx_graph import Graph


class Flatten(LayerEntry, tag_field="kind", tag="flatten", frozen=True, kw_only=True):
    """Maps to one vector: channel after channel, row after row."""

    def load(self, name: str, sources: tuple[str, ...], reader: Reader) -> FlattenLayer:
        """Return the layer."""
        return FlattenLayer(name=name, sources=sources)


@dataclass(frozen=True, kw_only=True, eq=False)
class FlattenLayer(Layer):
    """Maps as one vector."""

    kind = "flatten"
    whole = True
    passes: bool = True

    def channels(self, before: Sequence[int | None]) -> int | None:
        """That depends on the size."""
        return None

    def plan(self, inputs: Sequence[Flow], itemsize: int) -> LayerFacts:
        """Channels times rows times columns."""
        shape, count = inputs[0].shape, math.prod(inputs[0].shape)
        text = f"{' * '.join(map(str, shape))} = {count}"
        return LayerFacts(flow=Flow((count,), inputs[0].field.flattened(shape[1:])), rows=text)

    def run(self, inputs: Sequence[Array], threads: int | None) -> Array:
        """Return ``(N, C*H*W)``."""
        return inputs[0].reshape(len(inputs[0]), -1)

    def back(self, inputs: Sequence[Array], output: Array, flow: Array, *, first: bool = False) -> Backward:
        """Give the maps their shape again."""
        return Backward((flow.reshape(inputs[0].shape),))

    def terms(self, inputs: Sequence[Array], at: tuple[int, ...]) -> tuple[tuple[Term, ...], float]:
        """The cell that it is."""
        channel, row, column = (int(index) for index in np.unravel_index(at[0], inputs[0].shape))
        return (Term.of((channel, row, column), float(inputs[0].flat[at[0]]), 1.0),), 0.0

    def export(self, graph: Graph, shapes: Sequence[tuple[int, ...]]) -> None:
        """Add a Flatten."""
        graph.node("Flatten", list(self.sources), self.name, axis=1)
