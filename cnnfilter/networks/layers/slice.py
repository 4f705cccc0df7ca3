"""A part of the channels, rows and columns."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np
from msgspec import Meta

from cnnfilter.core.arrays import Array
from cnnfilter.core.terms import Term
from cnnfilter.errors import ShapeError
from cnnfilter.networks.layers.base import Backward, Flow, Layer, LayerEntry, LayerFacts, Reader, place_of

if TYPE_CHECKING:
    from cnnfilter.networks.onnx_graph import Graph

Part = Annotated[
    str,
    Meta(
        description="start:stop or start:stop:step, as in Python: '0:16', '1:-1', '::2'. Counted from 0, below 0 from "
        "the end; stop is the first that is left out, and beyond the end means the end."
    ),
]
#: What is cut, in the order of the axes.
AXES = ("channels", "rows", "columns")
_FORM = re.compile(r"(-?\d{1,9})?:(-?\d{1,9})?(:0*[1-9]\d{0,8})?")


class Slice(LayerEntry, tag_field="kind", tag="slice", frozen=True, kw_only=True):
    """A part of the channels, rows and columns; of a vector, channels are its values."""

    channels: Part | None = None
    rows: Part | None = None
    columns: Part | None = None

    def load(self, name: str, sources: tuple[str, ...], reader: Reader) -> SliceLayer:
        """Return the layer."""
        if all(getattr(self, key) is None for key in AXES):
            reader.fail("", f"expected {', '.join(AXES[:-1])} or {AXES[-1]}, as in rows: '1:-1'")
        return SliceLayer(name=name, sources=sources, parts=tuple(self._part(key, reader) for key in AXES))

    def _part(self, key: str, reader: Reader) -> slice | None:
        """Return one part, None where everything is taken."""
        text = getattr(self, key)
        if text is None:
            return None
        found = _FORM.fullmatch("".join(text.split()))
        if found is None:
            reader.fail(
                key, f"expected start:stop or start:stop:step, as in 0:16 or ::2, the step 1 or more; got {text!r}"
            )
        start, stop, step = (int(part.lstrip(":")) if part else None for part in found.groups())
        return slice(start, stop, step)


@dataclass(frozen=True, kw_only=True, eq=False)
class SliceLayer(Layer):
    """Values left out; `parts` are those of channels, rows and columns that stay, None for all."""

    parts: tuple[slice | None, ...]

    kind = "slice"
    whole = True
    keeps_sums: bool = True

    def channels(self, before: Sequence[int | None]) -> int | None:
        """As many as stay."""
        if self.parts[0] is None or before[0] is None:
            return before[0]
        return len(range(*self.parts[0].indices(before[0])))

    def _ranges(self, shape: Sequence[int]) -> list[range]:
        """Return what stays of each axis."""
        parts = self.parts[: len(shape)]
        return [
            range(side) if part is None else range(*part.indices(side)) for part, side in zip(parts, shape, strict=True)
        ]

    def plan(self, inputs: Sequence[Flow], itemsize: int) -> LayerFacts:
        """Plan: something must stay of each axis."""
        flow = inputs[0]
        shape = flow.maps if any(self.parts[1:]) else flow.shape
        ranges = self._ranges(shape)
        texts = []
        for word, part, side, kept in zip(AXES, self.parts, shape, ranges, strict=False):
            if part is not None:
                texts.append(f"{word} {_written(part)} of {side} = {len(kept)}")
            if not kept:
                raise ShapeError(f"nothing is left: {texts[-1]}")
        field = flow.field
        if len(ranges) == 3:
            field = field.slid((1, 1), [one.step for one in ranges[1:]], [-one.start for one in ranges[1:]])
        return LayerFacts(flow=Flow(tuple(map(len, ranges)), field), rows="; ".join(texts))

    def run(self, inputs: Sequence[Array], threads: int | None) -> Array:
        """Return a copy of what stays."""
        return np.ascontiguousarray(inputs[0][self._where(inputs[0])])

    def _where(self, values: Array) -> tuple[slice, ...]:
        """Return the indices of what stays of a batch."""
        return slice(None), *(slice(None) if part is None else part for part in self.parts[: values.ndim - 1])

    def back(self, inputs: Sequence[Array], output: Array, flow: Array, *, first: bool = False) -> Backward:
        """To what was left out nothing flows."""
        back = np.zeros_like(inputs[0])
        back[self._where(back)] = flow
        return Backward((back,))

    def terms(self, inputs: Sequence[Array], at: tuple[int, ...]) -> tuple[tuple[Term, ...], float]:
        """The cell that it is."""
        here = tuple(kept[index] for kept, index in zip(self._ranges(inputs[0].shape), at, strict=True))
        return (Term.of(place_of(here), float(inputs[0][here]), 1.0),), 0.0

    def export(self, graph: Graph, shapes: Sequence[tuple[int, ...]]) -> None:
        """Add a Slice."""
        kept = self._ranges(shapes[0])
        axes = [axis for axis, one in enumerate(kept) if self.parts[axis] is not None]
        numbers = ([kept[axis].start for axis in axes], [kept[axis].stop for axis in axes], [axis + 1 for axis in axes],
                   [kept[axis].step for axis in axes])  # fmt: skip
        graph.node("Slice", [self.sources[0], *(graph.constant(row) for row in numbers)], self.name)


def _written(part: slice) -> str:
    """Return a part as it is written."""
    ends = f"{'' if part.start is None else part.start}:{'' if part.stop is None else part.stop}"
    return ends if part.step is None else f"{ends}:{part.step}"
