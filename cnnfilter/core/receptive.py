"""Receptive fields: what one value sees of the input, how far it is to the next, and where the first one begins."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

from cnnfilter.core.shapes import Pair

Jump: TypeAlias = tuple[float, float]


class ReceptiveField(NamedTuple):
    """How maps lie over the input: a value at `at` sees `size` cells from ``begin + at * jump`` on.

    Attributes
    ----------
    size
        Rows and columns that one value sees, padding included; None for everything, ``(0, 0)`` where it is not known.
    jump
        Rows and columns from one value to the next; None where there is no next one.
    begin
        The row and the column at which the first value's field begins: below 0 in the padding.
    even
        Whether that is so for every value; else windows lie unevenly, `size` is that of the largest, and the places
        are near to those.

    References
    ----------
    .. [1] A. Araujo, W. Norris and J. Sim, "Computing receptive fields of convolutional neural networks",
       Distill, 2019.
    """

    size: Pair | None
    jump: Jump | None = None
    begin: Jump = (0.0, 0.0)
    even: bool = True

    @property
    def known(self) -> bool:
        """Whether anything is known of it."""
        return self.size != (0, 0)

    def as_json(self) -> dict[str, Any]:
        """Return it for machines: null where a value sees everything, or there is no next one; 0, 0 is not known."""
        return {
            "receptive_field": None if self.size is None else list(self.size),
            "jump": None if self.jump is None else list(self.jump),
            "begin": None if self.size is None or not (self.known and self.even) else list(self.begin),
        }

    def slid(
        self,
        span: Sequence[int],
        stride: Sequence[float] | None,
        before: Sequence[float] = (0, 0),
        *,
        even: bool = True,
    ) -> ReceptiveField:
        """Return that of what a window makes.

        ``size = size + (span - 1) * jump``, ``begin = begin - before * jump``, ``jump = jump * stride``

        Parameters
        ----------
        span
            Rows and columns of the window, dilation included.
        stride
            From window to window; None where there is one window.
        before
            Cells of padding above and to the left.
        even
            Whether all windows are of this span and lie this far apart.

        Examples
        --------
        >>> INPUT.slid((3, 3), (2, 2), (1, 1)).slid((3, 3), (1, 1))
        ReceptiveField(size=(7, 7), jump=(2.0, 2.0), begin=(-1.0, -1.0), even=True)
        """
        if self.size is None or not self.known:
            return self
        if self.jump is None:
            return self if tuple(span) == (1, 1) else UNKNOWN
        steps = list(zip(self.size, span, self.jump, self.begin, before, strict=True))
        rows, columns = (size + math.ceil((cells - 1) * jump) for size, cells, jump, _, _ in steps)
        top, left = (begin - pad * jump for _, _, jump, begin, pad in steps)
        after = None if stride is None else (self.jump[0] * stride[0], self.jump[1] * stride[1])
        return ReceptiveField((rows, columns), after, (top, left), self.even and even)

    def flattened(self, sides: Sequence[int]) -> ReceptiveField:
        """Return that of a vector of maps of these sides: of more than one cell, each value begins elsewhere."""
        return self._replace(jump=None, even=self.even and all(side == 1 for side in sides))


#: Of the input itself, of a value that sees all of it, and of one of which nothing is known.
INPUT = ReceptiveField((1, 1), (1.0, 1.0))
EVERYTHING = ReceptiveField(None)
UNKNOWN = ReceptiveField((0, 0))


def joined(fields: Sequence[ReceptiveField]) -> ReceptiveField:
    """Return that of values made of several at one place: from the first begin to the last end.

    Maps beside a single value of all of them see everything.

    Examples
    --------
    >>> joined([INPUT, INPUT.slid((3, 3), (1, 1), (1, 1))])
    ReceptiveField(size=(3, 3), jump=(1.0, 1.0), begin=(-1.0, -1.0), even=True)
    """
    jumps = {one.jump for one in fields}
    sizes = [one.size for one in fields if one.size is not None]
    if len(sizes) < len(fields) or (None in jumps and len(jumps) > 1):  # what stands still beside maps is a mean of all
        return EVERYTHING
    if len(jumps) > 1 or not all(one.known for one in fields):
        return UNKNOWN
    top, left = (min(one.begin[axis] for one in fields) for axis in range(2))
    bottom, right = (
        max(one.begin[axis] + size[axis] for one, size in zip(fields, sizes, strict=True)) for axis in range(2)
    )
    size = math.ceil(bottom - top), math.ceil(right - left)
    return ReceptiveField(size, next(iter(jumps), None), (top, left), all(one.even for one in fields))
