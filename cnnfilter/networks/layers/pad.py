"""A border around maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta

from cnnfilter.core.arrays import Array
from cnnfilter.core.gradients.linear import fold_back
from cnnfilter.core.rows import source_position, with_border
from cnnfilter.core.shapes import Border, Pads, check_cells, parse_border, resolve_pads
from cnnfilter.core.terms import Term
from cnnfilter.networks.layers.base import Backward, Flow, Layer, LayerEntry, LayerFacts, Reader

if TYPE_CHECKING:
    from cnnfilter.networks.onnx_graph import Graph

Sides = Annotated[
    int | str | list[Any],
    Meta(
        description="n, 'rows,cols', 'top,bottom,left,right' or [[top, bottom], [left, right]]: rows before columns, "
        "unlike torch.nn.functional.pad."
    ),
]


class Pad(LayerEntry, tag_field="kind", tag="pad", frozen=True, kw_only=True):
    """A border around maps, as a convolution puts it around what it takes."""

    padding: Sides
    padding_mode: Annotated[
        str, Meta(description="zeros, constant:VALUE, reflect, symmetric, replicate or circular.")
    ] = "zeros"

    def load(self, name: str, sources: tuple[str, ...], reader: Reader) -> PadLayer:
        """Return the layer."""
        if isinstance(self.padding, str) and self.padding.strip().isalpha():
            reader.fail("padding", f"pad has no window that words could mean, got {self.padding!r} (write numbers: n, "
                        "'rows,cols' or 'top,bottom,left,right')")  # fmt: skip
        with reader.at("padding_mode"):
            border = parse_border(self.padding_mode)
        pads = resolve_pads(reader.padding(), (1, 1), (1, 1), (1, 1), (1, 1))
        return PadLayer(name=name, sources=sources, pads=pads, border=border)


@dataclass(frozen=True, kw_only=True, eq=False)
class PadLayer(Layer):
    """Maps with a border."""

    pads: Pads
    border: Border

    kind = "pad"
    whole = True

    def plan(self, inputs: Sequence[Flow], itemsize: int) -> LayerFacts:
        """Plan: rows and columns grow, and the first value's field begins before what it was."""
        channels, height, width = inputs[0].maps
        pads = self.pads
        out = height + pads.rows, width + pads.columns
        check_cells(*out)
        again = bool(pads) and self.border.mode not in ("zeros", "constant")  # the border sees cells again
        return LayerFacts(
            flow=Flow((channels, *out), inputs[0].field.slid((1, 1), (1, 1), (pads.top, pads.left), even=not again)),
            rows=f"{pads.top} + {height} + {pads.bottom} = {out[0]}",
            columns=f"{pads.left} + {width} + {pads.right} = {out[1]}",
        )  # fmt: skip

    def run(self, inputs: Sequence[Array], threads: int | None) -> Array:
        """Put the border around."""
        return with_border(inputs[0], self.pads, self.border)

    def back(self, inputs: Sequence[Array], output: Array, flow: Array, *, first: bool = False) -> Backward:
        """Flow back to the cells inside, from those of the border too that are cells seen again."""
        height, width = inputs[0].shape[-2:]
        return Backward((fold_back(flow, self.pads, (height, width), self.border.mode),))

    def terms(self, inputs: Sequence[Array], at: tuple[int, ...]) -> tuple[tuple[Term, ...], float]:
        """The cell that it is, or that the border invents."""
        maps, (channel, *place) = inputs[0], at
        sides, before = (maps.shape[1], maps.shape[2]), (self.pads.top, self.pads.left)
        row, column = (index - pad for index, pad in zip(place, before, strict=True))
        down, across = (
            source_position(index, side, self.border.mode) for index, side in zip((row, column), sides, strict=True)
        )
        known = down is not None and across is not None
        value = float(maps[channel, down, across]) if known else self.border.value
        return (Term.of((channel, row, column), value, 1.0, invented=(row, column) != (down, across)),), 0.0

    def export(self, graph: Graph, shapes: Sequence[tuple[int, ...]]) -> None:
        """Add a Pad, or what gathers rows and columns again."""
        graph.border(self.sources[0], self.border, self.pads, (shapes[0][1], shapes[0][2]), self.name)
