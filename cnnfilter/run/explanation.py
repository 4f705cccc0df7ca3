"""What an explanation holds: products, sums, and what followed, as plain records."""

from __future__ import annotations

from typing import NamedTuple

from cnnfilter.core.arrays import Array
from cnnfilter.core.shapes import Pair
from cnnfilter.core.terms import Term


class Activated(NamedTuple):
    """What an activation made of a value.

    Attributes
    ----------
    name, formula
        The activation as it is typed, and what it computes.
    value
        The result.
    inputs, results, place
        The values along the axis and their results where they act on one another, and which of them this is.
    """

    name: str
    formula: str
    value: float
    inputs: tuple[float, ...] = ()
    results: tuple[float, ...] = ()
    place: int = 0


class PoolCell(NamedTuple):
    """A cell of a pooling's window; None where it lies on padding."""

    row: int
    column: int
    value: float | None
    taken: bool


class Pooled(NamedTuple):
    """What a pooling made of its window."""

    kind: str
    formula: str
    cells: tuple[PoolCell, ...]
    value: float


class Around(NamedTuple):
    """The input around a window: the channel that counts most, its first row and column, and values ``(H, W)``."""

    channel: int
    top: int
    left: int
    values: Array


class Requantized(NamedTuple):
    """A sum in few bits: its scale, what 0 becomes, the type and the rounding, the sum, and what it is then."""

    scale: float
    zero_point: int
    type: str
    rounding: str
    before: float
    value: float


class Explanation(NamedTuple):
    """How one cell of a map comes about.

    Attributes
    ----------
    source, name, spec
        The picture, the kernel's name, and how it is typed; no kernel where a picture is only pooled or activated.
    shape
        Channels, rows and columns of the map.
    at, channel
        The cell of the map.
    cell
        The cell of the convolution that the terms are about: the one that the pooling takes, or its first.
    size
        Rows and columns of the window; 0 by 0 without a kernel.
    terms
        Every product, channel after channel, row after row.
    channel_sums
        The sum of each channel's products.
    sum, scale, bias, value
        The sum of all; what weights are renormalised by where cells are missing; the bias; and what they come to,
        rounded where an adopted tool rounds.
    activation, pool, requantized
        What followed, if anything.
    result
        The number that the map holds.
    around
        The input around the window, for whoever draws it.
    notes
        What the user should know.
    """

    source: str
    name: str
    spec: str
    shape: tuple[int, int, int]
    at: Pair
    channel: int
    cell: Pair
    size: Pair
    terms: tuple[Term, ...]
    channel_sums: tuple[float, ...]
    sum: float
    scale: float
    bias: float
    value: float
    activation: Activated | None
    pool: Pooled | None
    requantized: Requantized | None
    result: float
    around: Around | None
    notes: tuple[str, ...]
