"""Layers joined along their channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cnnfilter.core.arrays import Array
from cnnfilter.core.receptive import joined
from cnnfilter.core.terms import Term
from cnnfilter.errors import ShapeError
from cnnfilter.networks.layers.base import Backward, Flow, Layer, LayerEntry, LayerFacts, Reader, place_of

if TYPE_CHECKING:
    from cnnfilter.networks.onnx_graph import Graph


class Concat(LayerEntry, tag_field="kind", tag="concat", frozen=True, kw_only=True):
    """The channels of two or more layers, one after the other."""

    joins = True

    def load(self, name: str, sources: tuple[str, ...], reader: Reader) -> ConcatLayer:
        """Return the layer."""
        return ConcatLayer(name=name, sources=sources)


@dataclass(frozen=True, kw_only=True, eq=False)
class ConcatLayer(Layer):
    """Channels of several layers."""

    kind = "concat"
    whole = True

    def channels(self, before: Sequence[int | None]) -> int | None:
        """As many as all have together."""
        return None if None in before else sum(count or 0 for count in before)

    def plan(self, inputs: Sequence[Flow], itemsize: int) -> LayerFacts:
        """Plan: the rest of the shapes must be one."""
        if len({flow.shape[1:] for flow in inputs}) > 1:
            shown = " and ".join("x".join(map(str, flow.shape)) for flow in inputs)
            raise ShapeError(f"concat joins channels, so rows and columns must be equal, got {shown}")
        counts = [flow.shape[0] for flow in inputs]
        text = f"{' + '.join(map(str, counts))} = {sum(counts)} channels"
        return LayerFacts(
            flow=Flow((sum(counts), *inputs[0].shape[1:]), joined([flow.field for flow in inputs])), rows=text
        )

    def run(self, inputs: Sequence[Array], threads: int | None) -> Array:
        """Join along axis 1."""
        return np.concatenate(inputs, axis=1)

    def back(self, inputs: Sequence[Array], output: Array, flow: Array, *, first: bool = False) -> Backward:
        """To each layer flows what its channels got."""
        ends = np.cumsum([values.shape[1] for values in inputs])[:-1]
        return Backward(tuple(np.split(flow, ends, axis=1)))

    def terms(self, inputs: Sequence[Array], at: tuple[int, ...]) -> tuple[tuple[Term, ...], float]:
        """The cell of the layer that it comes from."""
        channel = at[0]
        for values in inputs:
            if channel < len(values):
                return (Term.of(place_of((channel, *at[1:])), float(values[(channel, *at[1:])]), 1.0),), 0.0
            channel -= len(values)
        raise AssertionError(at)

    def export(self, graph: Graph, shapes: Sequence[tuple[int, ...]]) -> None:
        """Add a Concat."""
        graph.node("Concat", list(self.sources), self.name, axis=1)
