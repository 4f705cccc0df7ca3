"""Where the windows of a pooling lie, in plain integers; nothing here touches an array."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from cnnfilter.core.shapes import Pair, check_cells, formula, pair, resolve_pads
from cnnfilter.errors import ParameterError, ShapeError


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

    @property
    def formula(self) -> str:
        """The count with its numbers filled in, and the window that hangs over where one does."""
        exact = formula(self.length, self.before + self.after, self.size, self.stride, self.dilation)
        floor = int(exact.rpartition("= ")[2])
        return exact if floor == self.count else f"{exact}, and one more that hangs over = {self.count}"

    @property
    def dropped(self) -> int:
        """Cells, padding included, behind the last window."""
        end = (self.count - 1) * self.stride + self.span
        return max(0, self.length + self.before + self.after - end)

    def middle(self, index: int) -> int:
        """Return the image cell in the middle of a window; it may lie on the padding."""
        return index * self.stride - self.before + (self.span - 1) // 2

    def check_ends(self, name: str, kind: str) -> None:
        """Raise if the first or the last window holds padding alone, and so has no value."""
        for index in (0, self.count - 1):
            start, stop = self.covered(index, index + 1)
            if stop <= 0 or start >= self.length:
                raise ShapeError(self.empty(index, name, kind))

    def empty(self, index: int, name: str, kind: str) -> str:
        """Say that a window holds padding alone."""
        return (
            f"window {index} of the {name} holds only padding, so its {kind} has no value: {self.before} and "
            f"{self.after} cells of padding around {self.length}, windows of {self.size} (use less padding)"
        )

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


def fractional_size(length: Pair, window: Pair, output_size: Any, output_ratio: Any) -> Pair:
    """Return the rows and columns that a fractional pooling leaves, from whichever of the two is given.

    ``out = output_size``, or ``floor(in * output_ratio)``

    Raises
    ------
    ParameterError
        If not exactly one of `output_size` and `output_ratio` is given, or a ratio is not between 0 and 1.
    ShapeError
        If ``output_size + size - 1`` is larger than the image.

    Examples
    --------
    >>> fractional_size((20, 30), (2, 2), None, 0.7)
    (14, 21)
    """
    if (output_size is None) == (output_ratio is None):
        raise ParameterError("fractional pooling needs either output_size or output_ratio, and not both")
    if output_ratio is None:
        wanted = pair(output_size, "output_size")
    else:
        ratios = _ratios(output_ratio)
        wanted = int(length[0] * ratios[0]), int(length[1] * ratios[-1])
    for name, n, k, out in zip(("rows", "columns"), length, window, wanted, strict=True):
        if out < 1 or out + k - 1 > n:
            raise ShapeError(
                f"{out} {name} of output from {n} with windows of {k}: output + size - 1 = {out + k - 1} must be at "
                f"most {n}, and output at least 1 (use a smaller output or window)"
            )
    return wanted


def _ratios(value: Any) -> list[float]:
    """Return one or two numbers between 0 and 1."""
    try:
        ratios = [float(one) for one in (value if isinstance(value, Iterable) else [value])]
    except (TypeError, ValueError):
        ratios = []
    if isinstance(value, str) or len(ratios) not in (1, 2) or not all(0 < ratio < 1 for ratio in ratios):
        raise ParameterError(f"output_ratio must be one or two numbers between 0 and 1, got {value!r}")
    return ratios
