"""Sums in the order and with the roundings of another program, for results that equal its to the last bit.

Float32 sums depend on their order. That does not matter where every product and partial sum is a whole number of
some fraction and below 2**24 of it, as with Sobel's kernels on 8 bits (`is_exact`); elsewhere a result near a half
may round the other way, and only the same sum gives the same picture.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from cnnfilter.core.convolution import Convolution
from cnnfilter.core.plan import Plan, Sizes, Strip
from cnnfilter.core.rounding import WORD_PER_BYTE
from cnnfilter.core.strips import Scratch, computing_rows, map_in_threads, thread_count
from cnnfilter.core.whole import whole_scale

Array = np.ndarray[Any, np.dtype[Any]]

#: Bits of a float32 and a float64.
_BITS = {4: 24, 8: 53}


def is_exact(weights: Array, largest: float, itemsize: int = 4) -> bool:
    """Say whether sums of weights times whole numbers up to `largest` are exact in any order.

    Examples
    --------
    >>> is_exact(np.array([[1, 2, 1]]) / 4, 255), is_exact(np.array([[1, 1, 1]]) / 3, 255)
    (True, False)
    """
    scale = whole_scale(weights)
    return scale is not None and math.fsum(np.abs(weights).ravel()) * scale * largest < 2 ** _BITS[itemsize]


def fused(rows: Array, kernel: Array, out: Array, start: float, sizes: Sizes) -> None:
    """Sum along the kernel's rows, skipping zeros, each multiply-add rounded once, as OpenCV's vector code does.

    The last cells of each row of interleaved channels, fewer than four, are summed with two roundings: they are what
    its vectors leave over.

    Parameters
    ----------
    rows
        Padded input ``(C, R, W)``, float32, whole numbers of at most 16 bits.
    kernel
        ``(kH, kW)``, float32.
    out
        ``(C, oR, oW)``, float32.
    start
        What the sums begin with.
    sizes
        The convolution's stride and dilation.
    """
    out[...] = start
    count = left_over(out)
    for row, column in np.argwhere(kernel):
        weight = kernel[row, column]
        window = _window(rows, row, column, out, sizes)
        rest = rest_of(out, count) + weight * rest_of(window, count)
        # the product of 24 and 16 bits is exact in float64, so that this rounds once, to float32
        np.add(out, np.float64(weight) * window, out=out, casting="same_kind", dtype=np.float64)
        write_rest(out, rest)


def _window(rows: Array, row: int, column: int, out: Array, sizes: Sizes) -> Array:
    """Return the cells ``(C, oR, oW)`` of the padded input that one weight meets."""
    _, height, width = out.shape
    (down, across), top, left = sizes.stride, row * sizes.dilation[0], column * sizes.dilation[1]
    return rows[:, top : top + (height - 1) * down + 1 : down, left : left + (width - 1) * across + 1 : across]


def left_over(values: Array) -> int:
    """Return how many cells of a row of interleaved channels OpenCV's vectors of four leave over."""
    channels, _, width = values.shape
    return int(channels * width % 4)


def rest_of(values: Array, count: int) -> Array:
    """Return the last `count` cells of each interleaved row, the first channel last: blue, green, red."""
    channels, _, width = values.shape
    cells = [divmod(channels * width - 1 - back, channels) for back in range(count)]
    return np.array([values[channels - 1 - channel, :, column] for column, channel in cells], values.dtype)


def write_rest(values: Array, rest: Array) -> None:
    """Write what `rest_of` returned."""
    channels, _, width = values.shape
    for back, cells in enumerate(rest):
        column, channel = divmod(channels * width - 1 - back, channels)
        values[channels - 1 - channel, :, column] = cells


def by_rows(rows: Array, kernel: Array, out: Array, start: float, sizes: Sizes) -> None:
    """Begin with a half, and add the sum of each kernel row, from the lowest row up, as Pillow does.

    What is left to do is to cut off the fraction: see `cnnfilter.core.rounding.cut`.
    """
    out[...] = start + 0.5
    for row in range(len(kernel) - 1, -1, -1):
        line = kernel[row, 0] * _window(rows, row, 0, out, sizes)
        for column in range(1, kernel.shape[1]):
            line = line + kernel[row, column] * _window(rows, row, column, out, sizes)
        out += line


def forward(rows: Array, kernel: Array, out: Array, start: float, sizes: Sizes) -> None:
    """Sum along the kernel's rows from its first cell to its last, as ImageMagick does; zeros add nothing."""
    out[...] = start
    for row, column in np.argwhere(kernel):
        out += kernel[row, column] * _window(rows, row, column, out, sizes)


def forward_in_words(rows: Array, kernel: Array, out: Array, start: float, sizes: Sizes) -> None:
    """Sum as `forward` does what 8-bit values are in 16 bits; the sums are left in 16 bits."""
    forward(rows * rows.dtype.type(WORD_PER_BYTE), kernel, out, start * WORD_PER_BYTE, sizes)


#: Each takes padded input ``(C, R, W)``, one kernel ``(kH, kW)``, the memory for the result, where sums begin, and
#: the sizes.
ORDERS: dict[str, Callable[[Array, Array, Array, float, Sizes], None]] = {
    "fused": fused,
    "rows": by_rows,
    "forward": forward,
    "forward-in-words": forward_in_words,
}


class OrderedConvolution(NamedTuple):
    """A planned convolution, computed in another program's order; every channel by itself."""

    convolution: Convolution
    order: str

    @property
    def plan(self) -> Plan:
        """The plan, of which the strips count."""
        return self.convolution.plan

    @property
    def weights(self) -> Array:
        """The filters ``(C, 1, kH, kW)``, all the same."""
        return self.convolution.weights

    def each_strip(self, use: Callable[[Strip, Array], Any], threads: int | None = None) -> Iterator[Any]:
        """Yield ``use(strip, maps)`` for each strip in order, `maps` ``(1, C, rows, oW)``."""
        sizes, kernel, bias = self.plan.sizes, self.weights[0, 0], self.convolution.bias
        start = 0.0 if bias is None else float(bias.flat[0])

        def work(strip: Strip, scratch: Scratch) -> Any:
            maps = scratch.array("maps", (1, sizes.filters, strip.rows, sizes.out[1]))
            rows = computing_rows(sizes, self.convolution.source, strip, scratch)
            ORDERS[self.order](rows[0], kernel, maps[0], start, sizes)
            return use(strip, maps)

        return map_in_threads(work, self.plan.strips(), self.weights.dtype, thread_count(threads))
