"""A sum of products, product by product: what a cell of a convolution is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from cnnfilter.core.arrays import Array
from cnnfilter.core.plan import Sizes
from cnnfilter.core.rows import source_position
from cnnfilter.core.shapes import Pair


class Term(NamedTuple):
    """One product of a sum: the cell that the kernel lies on, and its weight.

    Attributes
    ----------
    channel, row, column
        The cell of the input; outside of it where the cell is invented.
    input, weight, product
        The numbers.
    invented
        Whether the cell lies on the border that padding invents.
    """

    channel: int
    row: int
    column: int
    input: float
    weight: float
    product: float
    invented: bool = False

    @classmethod
    def of(cls, cell: tuple[int, int, int], value: float, weight: float, *, invented: bool = False) -> Term:
        """Return the product of a cell and a weight."""
        return cls(*cell, value, weight, value * weight + 0.0, invented)


#: Returns what every channel holds at row and column of the input.
Read = Callable[[int, int], Array]


def convolution_terms(sizes: Sizes, weights: Array, read: Read, channel: int, cell: Pair) -> tuple[Term, ...]:
    """Return every product of one cell of a convolution, channel after channel, row after row.

    Parameters
    ----------
    sizes
        Those of the convolution.
    weights
        ``(K, C/groups, kH, kW)`` as they are slid.
    read
        Reads the input inside; what the border invents comes from its mode.
    channel, cell
        The filter, and row and column of its map.
    """
    own = weights[channel].astype(np.float64)  # (C/groups, kH, kW)
    first = channel // (sizes.filters // sizes.groups) * len(own)
    found: list[Term] = []
    for row, column, i, j in _taps(sizes, cell):
        outside = not (0 <= row < sizes.size[0] and 0 <= column < sizes.size[1])
        for depth, value in enumerate(_seen(sizes, read, row, column)[first : first + len(own)]):
            place = first + depth, row, column
            found.append(Term.of(place, float(value), float(own[depth, i, j]), invented=outside))
    return tuple(sorted(found, key=lambda term: term.channel))  # row after row already


def _taps(sizes: Sizes, cell: Pair) -> Iterator[tuple[int, int, int, int]]:
    """Yield row and column of the input under each tap of a window, outside of it too, and the tap itself."""
    before = sizes.pads.top, sizes.pads.left
    for tap in np.ndindex(*sizes.kernel):
        row, column = (
            at * stride - pad + k * dilation
            for at, stride, pad, k, dilation in zip(cell, sizes.stride, before, tap, sizes.dilation, strict=True)
        )
        yield row, column, *tap


def _seen(sizes: Sizes, read: Read, row: int, column: int) -> Array:
    """Return what a tap sees of each channel: a cell, or what the border invents in its place."""
    down, across = (
        source_position(position, size, sizes.border.mode)
        for position, size in zip((row, column), sizes.size, strict=True)
    )
    if down is None or across is None:
        return np.full(sizes.channels, sizes.border.value)
    return read(down, across)
