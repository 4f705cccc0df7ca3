"""The product of layers: gates, as in squeeze and excitation."""

from __future__ import annotations

import math
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

Shape = tuple[int, ...]


class Multiply(LayerEntry, tag_field="kind", tag="multiply", frozen=True, kw_only=True):
    """The product of two or more layers of one shape.

    Beside maps (C, H, W) a layer may have one number for each channel, a vector (C) or maps (C, 1, 1), as in squeeze
    and excitation; or one map (1, H, W) for all channels.
    """

    joins = True

    def load(self, name: str, sources: tuple[str, ...], reader: Reader) -> MultiplyLayer:
        """Return the layer."""
        return MultiplyLayer(name=name, sources=sources)


@dataclass(frozen=True, kw_only=True, eq=False)
class MultiplyLayer(Layer):
    """A product."""

    kind = "multiply"
    whole = True

    def channels(self, before: Sequence[int | None]) -> int | None:
        """As many as the maps have: the most, if that is known and not 1, as that of one map for all may be."""
        most = max((count for count in before if count is not None), default=None)
        return most if None not in before or most != 1 else None

    def plan(self, inputs: Sequence[Flow], itemsize: int) -> LayerFacts:
        """Plan: the shape is the largest, over which each of the others must spread."""
        shapes = [flow.shape for flow in inputs]
        whole = max(shapes, key=lambda shape: (len(shape), math.prod(shape)))
        shown = [_crossed(shape) for shape in shapes]
        if not all(_spreads(shape, whole) for shape in shapes):
            hint = " (beside maps CxHxW also a number for each channel, C or Cx1x1, or one map 1xHxW)" * (
                len(whole) == 3
            )
            raise ShapeError(f"multiply needs one shape, got {' and '.join(shown)}{hint}")
        text = f"{' * '.join(shown)} = {_crossed(whole)}" if len(set(shapes)) > 1 else ""
        fields = [flow.field._replace(jump=None) if _stands(flow.shape, whole) else flow.field for flow in inputs]
        return LayerFacts(flow=Flow(whole, joined(fields)), macs=(len(inputs) - 1) * math.prod(whole), rows=text)

    def run(self, inputs: Sequence[Array], threads: int | None) -> Array:
        """Return the product."""
        total, *others = _aligned(inputs)
        if whole_type(total):
            return whole_fold(np.multiply, [total, *others], "the product")
        for values in others:
            total = total * values
        return total

    def back(self, inputs: Sequence[Array], output: Array, flow: Array, *, first: bool = False) -> Backward:
        """To each layer flows the product of the others; what was spread gets the sum of it."""
        aligned = _aligned(inputs)
        found = []
        for number, (values, spread) in enumerate(zip(inputs, aligned, strict=True)):
            back = flow
            for other in (*aligned[:number], *aligned[number + 1 :]):
                back = back * other
            axes = tuple(axis for axis in range(1, flow.ndim) if spread.shape[axis] < flow.shape[axis])
            if axes:
                back = back.sum(axis=axes, keepdims=True, dtype=np.float64).astype(flow.dtype)
            found.append(back.reshape(values.shape))
        return Backward(tuple(found))

    def terms(self, inputs: Sequence[Array], at: tuple[int, ...]) -> tuple[tuple[Term, ...], float]:
        """One product: the first layer's value, times those of the others as its weight."""
        places = [_place_in(values.shape, at) for values in inputs]
        value, *factors = (float(values[place]) for values, place in zip(inputs, places, strict=True))
        return (Term.of(place_of(places[0]), value, math.prod(factors)),), 0.0

    def export(self, graph: Graph, shapes: Sequence[Shape]) -> None:
        """Add a Mul for each layer after the first; vectors beside maps become maps of one cell."""
        maps = any(len(shape) == 3 for shape in shapes)
        taken = [
            graph.node("Unsqueeze", [source, graph.constant([2, 3])]) if maps and len(shape) == 1 else source
            for source, shape in zip(self.sources, shapes, strict=True)
        ]
        total, *others = taken
        for number, source in enumerate(others, start=1):
            total = graph.node("Mul", [total, source], self.name if number == len(others) else "")


def _crossed(shape: Shape) -> str:
    """Return a shape as it is written: 16x8x8."""
    return "x".join(map(str, shape))


def _spreads(shape: Shape, whole: Shape) -> bool:
    """Say whether values of a shape are meant for each of those of the whole."""
    if len(whole) == 3 and shape in ((whole[0],), (whole[0], 1, 1), (1, *whole[1:])):
        return True
    return shape == whole


def _stands(shape: Shape, whole: Shape) -> bool:
    """Say whether one value is for all rows and columns."""
    return len(whole) == 3 and whole[1:] != (1, 1) and shape[1:] in ((), (1, 1))


def _aligned(inputs: Sequence[Array]) -> list[Array]:
    """Return arrays with the batch in front in shapes that NumPy spreads: beside maps, vectors are maps of one cell."""
    most = max(values.ndim for values in inputs)
    return [values.reshape(*values.shape, *(1,) * (most - values.ndim)) for values in inputs]


def _place_in(shape: Shape, at: tuple[int, ...]) -> tuple[int, ...]:
    """Return where a value of the product stands in an array of a shape that was spread over it."""
    return tuple(min(index, side - 1) for index, side in zip(at, shape, strict=False))
