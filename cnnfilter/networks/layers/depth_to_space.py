"""Channels to rows and columns: the pixel shuffle that follows a convolution which makes maps larger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta

from cnnfilter.core.arrays import Array
from cnnfilter.core.shapes import check_cells
from cnnfilter.core.terms import Term
from cnnfilter.errors import ShapeError
from cnnfilter.networks.layers.base import Backward, Count, Flow, Layer, LayerEntry, LayerFacts, Reader

if TYPE_CHECKING:
    from cnnfilter.networks.onnx_graph import Graph

#: For each mode, from ``(N, axes of channels, H, W)`` to ``(N, K, H, block, W, block)``: what stands where.
_ORDERS = {"CRD": (0, 1, 4, 2, 5, 3), "DCR": (0, 3, 4, 1, 5, 2)}


class DepthToSpace(LayerEntry, tag_field="kind", tag="depth-to-space", frozen=True, kw_only=True):
    """Channels to blocks of cells: (C, H, W) becomes (C / b**2, H * b, W * b), b being block_size."""

    block_size: Annotated[Count, Meta(description="Rows and columns of a block; upscale_factor of PyTorch.")]
    mode: Annotated[
        Literal["CRD", "DCR"],
        Meta(
            description="Which channels make a block: CRD, b**2 channels that follow one another, as "
            "torch.nn.PixelShuffle has it, and networks that were trained with PyTorch; DCR, one of each b**2-th part "
            "of the channels, as ONNX has it where no mode is said, and TensorFlow."
        ),
    ] = "CRD"

    def load(self, name: str, sources: tuple[str, ...], reader: Reader) -> DepthToSpaceLayer:
        """Return the layer."""
        return DepthToSpaceLayer(name=name, sources=sources, block=self.block_size, mode=self.mode)


@dataclass(frozen=True, kw_only=True, eq=False)
class DepthToSpaceLayer(Layer):
    """Values at other places."""

    block: int
    mode: str

    kind = "depth-to-space"
    whole = True
    passes: bool = True

    def channels(self, before: Sequence[int | None]) -> int | None:
        """One for each block of cells."""
        return None if before[0] is None else before[0] // self.block**2

    def plan(self, inputs: Sequence[Flow], itemsize: int) -> LayerFacts:
        """Plan: each cell becomes a block, all of whose cells see what it saw."""
        channels, height, width = inputs[0].maps
        block = self.block
        if channels % block**2:
            raise ShapeError(f"blocks of {block}x{block} take {block**2} channels each, which do not divide {channels}")
        out = height * block, width * block
        check_cells(*out)
        field = inputs[0].field
        if inputs[0].single:
            field = field._replace(jump=None)  # all cells are of the one
        else:
            field = field.slid((1, 1), (1 / block, 1 / block), even=block == 1)
        return LayerFacts(
            flow=Flow((channels // block**2, *out), field), rows=f"{height}*{block} = {out[0]}",
            columns=f"{width}*{block} = {out[1]}",
        )  # fmt: skip

    def run(self, inputs: Sequence[Array], threads: int | None) -> Array:
        """Lay the channels out."""
        count, channels, height, width = inputs[0].shape
        block, maps = self.block, channels // self.block**2
        parts = (maps, block, block) if self.mode == "CRD" else (block, block, maps)
        laid = inputs[0].reshape(count, *parts, height, width).transpose(_ORDERS[self.mode])
        return laid.reshape(count, maps, height * block, width * block)

    def back(self, inputs: Sequence[Array], output: Array, flow: Array, *, first: bool = False) -> Backward:
        """Lay the cells back."""
        count, maps, height, width = flow.shape
        order, block = _ORDERS[self.mode], self.block
        blocks = flow.reshape(count, maps, height // block, block, width // block, block)
        return Backward((blocks.transpose([order.index(axis) for axis in range(6)]).reshape(inputs[0].shape),))

    def terms(self, inputs: Sequence[Array], at: tuple[int, ...]) -> tuple[tuple[Term, ...], float]:
        """The cell that it is."""
        (row, down), (column, across) = divmod(at[1], self.block), divmod(at[2], self.block)
        part = down * self.block + across
        maps = len(inputs[0]) // self.block**2
        here = at[0] * self.block**2 + part if self.mode == "CRD" else part * maps + at[0], row, column
        return (Term.of(here, float(inputs[0][here]), 1.0),), 0.0

    def export(self, graph: Graph, shapes: Sequence[tuple[int, ...]]) -> None:
        """Add a DepthToSpace."""
        graph.node("DepthToSpace", list(self.sources), self.name, blocksize=self.block, mode=self.mode)
