"""A network that was read and checked: its input, its layers with their weights, its classes."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path

from cnnfilter.core.arrays import Array
from cnnfilter.core.shapes import Pair
from cnnfilter.files import printable
from cnnfilter.networks.layers.base import Layer

#: Rows and columns, None where a model leaves one open.
Sides = tuple[int | None, int | None]

#: What layers call the network's own input.
INPUT = "input"


@dataclass(frozen=True, kw_only=True, eq=False)
class Input:
    """What the first layer takes, and how a picture becomes that.

    Parameters
    ----------
    channels
        How many; None for as many as the picture has.
    size
        Rows and columns; None for any.
    sides
        What a model of open size fixes of it: rows, or columns; the other side keeps the picture's proportions.
    range
        ``stored``, or ``unit`` for values divided by white.
    mean, std
        ``(1,)`` or ``(channels,)``: each value becomes ``(value - mean) / std``.
    resize
        ``stretch``, ``crop``, ``letterbox`` or ``none``.
    order
        ``RGB``, or ``BGR`` for networks that take blue first; mean and std are in the network's order.
    layout
        ``NCHW``, or ``NHWC`` for models that have the channels last.
    example
        Numbers ``(rows, columns)`` or ``(C, H, W)`` to run where no picture is given.
    """

    channels: int | None = 1
    size: Pair | None = None
    sides: Sides = (None, None)
    range: str = "stored"
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    resize: str = "stretch"
    order: str = "RGB"
    layout: str = "NCHW"
    example: Array | None = None

    def size_for(self, size: Pair) -> Pair:
        """Return the rows and columns that a picture of a size is made into.

        Examples
        --------
        >>> Input(size=(8, 8)).size_for((30, 40)), Input(sides=(15, None)).size_for((30, 40))
        ((8, 8), (15, 20))
        """
        if self.size is not None:
            return self.size
        rows, columns = self.sides
        if rows is not None:
            return rows, columns or max(1, round(size[1] * rows / size[0]))
        if columns is not None:
            return max(1, round(size[0] * columns / size[1])), columns
        return size


@dataclass(frozen=True, kw_only=True, eq=False)
class Network:
    """A network file that was read and checked; `files` are those that it was read from."""

    name: str
    path: str
    input: Input
    layers: tuple[Layer, ...]
    classes: tuple[str, ...] = ()
    description: str = ""
    files: tuple[Path, ...] = ()

    @property
    def parameters(self) -> int:
        """Numbers in all layers."""
        return sum(layer.parameters for layer in self.layers)

    def _repr_html_(self) -> str:
        """Return what a notebook shows: a row for each layer."""
        rows = "".join(
            f"<tr><td>{escape(printable(layer.name))}</td><td>{escape(printable(layer.operation))}</td>"
            f"<td>{escape(printable(', '.join(layer.sources)))}</td><td>{layer.parameters:,}</td></tr>"
            for layer in self.layers
        )
        head = "<tr><th>layer</th><th>kind</th><th>takes</th><th>numbers</th></tr>"
        title = f"<div>{escape(printable(self.name))}: {len(self.layers)} layers, {self.parameters:,} numbers</div>"
        return f"{title}<table>{head}{rows}</table>"

    def _repr_png_(self) -> bytes:
        """Return what a notebook shows where it shows no HTML: the layers as columns, with their weights."""
        from cnnfilter.networks.pictures import network_png  # what draws is loaded where something is drawn

        return network_png(self)
