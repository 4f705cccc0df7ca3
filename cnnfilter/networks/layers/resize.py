"""Maps made larger or smaller, cell by cell as in PyTorch and ONNX."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from msgspec import Meta

from cnnfilter.core.arrays import Array
from cnnfilter.core.resize import CUBIC, Axis, axis_taps, resize2d, resize2d_gradient, resized_axis
from cnnfilter.core.shapes import Pair, check_cells
from cnnfilter.core.terms import Term
from cnnfilter.errors import ShapeError
from cnnfilter.networks.layers.base import Backward, Flow, Layer, LayerEntry, LayerFacts, Reader, Size, skips

if TYPE_CHECKING:
    from cnnfilter.networks.onnx_graph import Graph

Scale = Annotated[
    float | list[float],
    Meta(
        description="What rows and columns are multiplied by, and rounded down: one number, or [rows, columns]. It is "
        "taken exactly as it is written, and 0.29 of 100 is 29."
    ),
]
#: How far places in float32 may be from the true ones where a graph leaves it to the runtime to find them.
NEAR = 1e-6


class Resize(LayerEntry, tag_field="kind", tag="resize", frozen=True, kw_only=True):
    """Maps made larger or smaller, by a scale or to a size; nothing is averaged where cells are left out."""

    scale: Scale | None = None
    size: Annotated[Size | None, Meta(description="In place of scale: rows and columns that come out.")] = None
    mode: Annotated[
        Literal["nearest", "linear", "cubic"],
        Meta(
            description="nearest: cell floor(i / scale), or floor(i * in / out) with a size: PyTorch's nearest, and "
            "asymmetric with floor in ONNX (whose own default is the cell next to the middle); linear: bilinear of "
            "PyTorch; cubic: bicubic of PyTorch, a = -0.75."
        ),
    ] = "nearest"
    align_corners: Annotated[
        bool,
        Meta(
            description="Of linear and cubic: cells are points, and first and last values lie on first and last cells; "
            "else they are areas, half_pixel of ONNX."
        ),
    ] = False

    def load(self, name: str, sources: tuple[str, ...], reader: Reader) -> ResizeLayer:
        """Return the layer."""
        if (self.scale is None) == (self.size is None):
            reader.fail("", f"expected one of scale and size, got {'none of them' if self.size is None else 'both'}")
        if self.align_corners and self.mode == "nearest":
            reader.fail("align_corners", "means nothing for mode nearest, which takes cells as they are")
        return ResizeLayer(
            name=name, sources=sources, scale=None if self.scale is None else self._scales(reader),
            size=None if self.size is None else reader.pair("size"), mode=self.mode, align_corners=self.align_corners,
        )  # fmt: skip

    def _scales(self, reader: Reader) -> tuple[Fraction, Fraction]:
        """Return the scale of rows and columns."""
        scales = self.scale if isinstance(self.scale, list) else [self.scale]
        if len(scales) not in (1, 2) or not all(one is not None and 0 < one < math.inf for one in scales):
            reader.fail("scale", f"expected a number above 0, or two as [rows, columns]; got {self.scale}")
        return Fraction(repr(scales[0])), Fraction(repr(scales[-1]))


@dataclass(frozen=True, kw_only=True, eq=False)
class ResizeLayer(Layer):
    """Maps of other rows and columns: multiplied by `scale`, or of a `size`."""

    scale: tuple[Fraction, Fraction] | None
    size: Pair | None
    mode: str
    align_corners: bool

    kind = "resize"
    keeps_sums: bool = True

    def _axes(self, size: tuple[int, ...]) -> tuple[Axis, Axis]:
        """Return how rows and columns are resized."""
        scales = self.scale or (None, None)
        counts = self.size or [math.floor(length * (one or 1)) for length, one in zip(size, scales, strict=True)]
        rows, columns = (
            resized_axis(length, count, self.mode, one, align_corners=self.align_corners)
            for length, count, one in zip(size, counts, scales, strict=True)
        )
        return rows, columns

    def _texts(self, axes: Sequence[Axis]) -> list[str]:
        """Return how the size comes about."""
        if self.scale is None:
            return [f"{axis.length} to {axis.out}" for axis in axes]
        return [
            f"floor({axis.length}*{float(one):.6g}) = {axis.out}" for axis, one in zip(axes, self.scale, strict=True)
        ]

    def plan(self, inputs: Sequence[Flow], itemsize: int) -> LayerFacts:
        """Plan: rows and columns are made one after the other."""
        channels, height, width = inputs[0].maps
        down, across = axes = self._axes((height, width))
        texts = self._texts(axes)
        for word, axis, text in zip(("rows", "columns"), axes, texts, strict=True):
            if axis.out < 1:
                raise ShapeError(f"nothing is left: {word} = {text} (use a larger scale, or a size)")
        check_cells(down.out, across.out)
        field = inputs[0].field
        (rows, top, level), (columns, left, straight) = windows = [axis.windows() for axis in axes]
        steps = float(down.step), float(across.step)
        if inputs[0].single:
            field = field._replace(jump=None)  # all cells are of the one
        else:
            span = min(rows, height), min(columns, width)
            field = field.slid(span, steps, (-top, -left), even=level and straight)
        between = channels * down.out * width  # the rows are made, and not yet the columns
        out = channels * down.out * across.out
        macs = sum(cells * (one[0] if one[0] > 1 else 0) for cells, one in zip((between, out), windows, strict=True))
        return LayerFacts(
            flow=Flow((channels, down.out, across.out), field), macs=macs, rows=texts[0], columns=texts[1],
            work_bytes=(between + max(between, out)) * itemsize, warnings=skips((rows, columns), steps),
        )  # fmt: skip

    def run(self, inputs: Sequence[Array], threads: int | None) -> Array:
        """Resize."""
        return resize2d(inputs[0], *self._axes(inputs[0].shape[2:]))

    def back(self, inputs: Sequence[Array], output: Array, flow: Array, *, first: bool = False) -> Backward:
        """Flow back to the cells that each value was made of."""
        return Backward((resize2d_gradient(flow, *self._axes(inputs[0].shape[2:])),))

    def terms(self, inputs: Sequence[Array], at: tuple[int, ...]) -> tuple[tuple[Term, ...], float]:
        """Every cell that it is made of; of those at an end that stand for cells beyond it, one product for all."""
        maps, channel = inputs[0], at[0]
        down, across = (
            axis_taps(axis).matrix(axis.length)[index]
            for axis, index in zip(self._axes(maps.shape[1:]), at[1:], strict=True)
        )
        weights = np.outer(down, across)
        return tuple(
            Term.of((channel, row, column), float(maps[channel, row, column]), float(weights[row, column]))
            for row, column in np.argwhere(weights).tolist()
        ), 0.0

    def export(self, graph: Graph, shapes: Sequence[tuple[int, ...]]) -> None:
        """Add a Resize; where runtimes that reckon in float32 would take other places, what each value is made of."""
        axes, taken = self._axes(shapes[0][1:]), self.sources[0]
        way = "align_corners" if self.align_corners else "asymmetric" if self.mode == "nearest" else "half_pixel"
        scales = None if self.scale is None or self.align_corners else np.array(self.scale, np.float32)
        given = [None, None] if scales is None else scales
        if all(_reckoned(axis, way, scale) for axis, scale in zip(axes, given, strict=True)):
            said: dict[str, Any] = {"nearest": {"nearest_mode": "floor"}, "cubic": {"cubic_coeff_a": CUBIC}}
            sizes = graph.constant([axis.out for axis in axes]) if scales is None else graph.constant(scales)
            graph.node(
                "Resize", [taken, "", "", sizes] if scales is None else [taken, "", sizes], self.name, mode=self.mode,
                coordinate_transformation_mode=way, axes=[2, 3], **said.get(self.mode, {}),
            )  # fmt: skip
        elif self.mode == "nearest":
            down, across = (graph.constant(axis_taps(axis).cells[:, 0]) for axis in axes)
            graph.node("Gather", [graph.node("Gather", [taken, down], axis=2), across], self.name, axis=3)
        else:
            rows, columns = (axis_taps(axis).matrix(axis.length) for axis in axes)
            between = graph.node("MatMul", [graph.constant(rows), taken])
            graph.node("MatMul", [between, graph.constant(columns.T)], self.name)


def _reckoned(axis: Axis, way: str, scale: np.float32 | None) -> bool:
    """Say whether a runtime that reckons in float32, as ONNX Runtime does, finds the count and places of an axis."""
    one, index = np.float32, np.arange(axis.out, dtype=np.float32)
    factor = one(axis.out) / one(axis.length) if scale is None else scale
    if scale is not None and math.floor(one(axis.length) * factor) != axis.out:
        return False
    if way == "align_corners":
        found = index * one(axis.length - 1) / one(max(1, axis.out - 1))
    else:
        found = index / factor if way == "asymmetric" else (index + one(0.5)) / factor - one(0.5)
    cells, shares = axis.places()
    if axis.mode == "nearest":
        return bool((np.floor(found) == cells).all())
    return bool((np.abs(found - (np.array(cells) + np.array(shares))) <= NEAR).all())
