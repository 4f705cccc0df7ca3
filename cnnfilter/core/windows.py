"""Where the windows of a pooling lie, in plain integers; nothing here touches an array."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cnnfilter.core.shapes import Pair, check_cells, formula, pair, resolve_pads
from cnnfilter.errors import ShapeError


@dataclass(frozen=True)
class Windows:
    """Equal windows along one axis: `count` of them, `stride` apart, each of `size` taps `dilation` apart.

    Parameters
    ----------
    length
        Cells of the image along the axis.
    before, after
        Cells of padding on either side.
    """

    count: int
    size: int
    stride: int
    dilation: int
    length: int
    before: int
    after: int

    @property
    def span(self) -> int:
        """Cells that a window covers, holes of the dilation included."""
        return self.dilation * (self.size - 1) + 1

    @property
    def inside(self) -> bool:
        """Whether every window lies wholly on the image."""
        return not self.before and self.covered(0, self.count)[1] <= self.length

    def covered(self, first: int, last: int) -> Pair:
        """Return the image cells ``start, stop`` that the windows ``first:last`` cover, padding included.

        Examples
        --------
        >>> Windows(count=3, size=3, stride=2, dilation=1, length=4, before=1, after=1).covered(0, 3)
        (-1, 6)
        """
        start = first * self.stride - self.before
        return start, start + (last - 1 - first) * self.stride + self.span


def pool_size(length: int, before: int, after: int, size: int, stride: int, dilation: int, ceil_mode: bool) -> int:
    """Return how many windows a pooling has along one axis; 0 or less where none fits.

    ``out = (in + pads - dilation*(size-1) - 1) // stride + 1``, rounded up instead of down with `ceil_mode`, but a
    window that hangs over the end must start on the image or on the padding before it (PyTorch's rule).

    Examples
    --------
    >>> pool_size(6, 0, 0, 3, 2, 1, False), pool_size(6, 0, 0, 3, 2, 1, True)
    (2, 3)
    """
    room = length + before + after - dilation * (size - 1) - 1
    count = room // stride + 1
    hangs_over = bool(ceil_mode) and room % stride > 0 and count * stride < length + before
    return count + hangs_over


def plan_windows(
    image: Sequence[int], size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> tuple[Windows, Windows]:
    """Return the windows down the rows and along the columns of an image of ``(rows, columns)``.

    Raises
    ------
    ShapeError
        If not a single window fits; the message shows the sum.
    """
    length = int(image[0]), int(image[1])
    window = pair(size, "size")
    step, spread = pair(size if stride is None else stride, "stride"), pair(dilation, "dilation")
    pads = resolve_pads(padding, length, window, step, spread)
    sides = ((pads.top, pads.bottom), (pads.left, pads.right))
    planned = []
    for name, n, (before, after), k, s, d in zip(("rows", "columns"), length, sides, window, step, spread, strict=True):
        count = pool_size(n, before, after, k, s, d, ceil_mode)
        if count < 1:
            raise ShapeError(
                f"window {window[0]}x{window[1]} does not fit the {length[0]}x{length[1]} image: {name} = "
                f"(in + pads - dilation*(size-1) - 1) // stride + 1 = {formula(n, before + after, k, s, d)} "
                "(add padding, or use a smaller window)"
            )
        planned.append(Windows(count, k, s, d, n, before, after))
    check_cells(planned[0].count, planned[1].count)
    return planned[0], planned[1]
