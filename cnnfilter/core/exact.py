"""Arithmetic to the bit: how results are rounded, and products added up in an order that is prescribed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from cnnfilter.core.arrays import Array, whole_scale
from cnnfilter.core.conv import Convolution
from cnnfilter.core.plan import Plan, Sizes, Strip
from cnnfilter.core.rows import Scratch, computing_rows, map_in_threads, thread_count

#: The largest value of 16 bits over that of 8 bits.
WORD_PER_BYTE = 257


def half_even(values: Array, top: int) -> None:
    """Round in place to the nearest whole number, a half to the even one, and clip to ``0..top``.

    Examples
    --------
    >>> values = np.array([0.5, 1.5, -3.0, 300.0]); half_even(values, 255); values
    array([  0.,   2.,   0., 255.])
    """
    np.rint(values, out=values)
    np.clip(values, 0, top, out=values)


def half_up(values: Array, top: int) -> None:
    """Add a half and cut off the fraction; clip to ``0..top``.

    Examples
    --------
    >>> values = np.array([0.5, 1.5, -3.0]); half_up(values, 255); values
    array([1., 2., 0.])
    """
    values += values.dtype.type(0.5)
    cut(values, top)


def cut(values: Array, top: int) -> None:
    """Cut off the fraction, where a half has been added already; clip to ``0..top``."""
    np.floor(values, out=values)
    np.clip(values, 0, top, out=values)


def half_away(values: Array, top: int) -> None:
    """Round in place, a half away from zero, and clip to ``0..top``: below zero everything is clipped anyway."""
    half_up(values, top)


def quantum(values: Array, top: int) -> None:
    """Round at 16 bits, and from there cut to 8 bits where the picture has 8.

    Examples
    --------
    >>> values = np.array([0.5, 0.999, 1.0, 300.0]); quantum(values, 255); values
    array([  0.,   1.,   1., 255.])
    """
    if top > 255:
        half_up(values, top)
        return
    values *= WORD_PER_BYTE
    quantum_of_words(values, top)


def quantum_of_words(values: Array, top: int) -> None:
    """Round 16-bit values, and cut them to 8 bits."""
    half_up(values, top * WORD_PER_BYTE)
    np.floor_divide(values, WORD_PER_BYTE, out=values)


def clip_unit(values: Array, top: int) -> None:
    """Clip to 0..1, or for a `top` below 0 to -1..1."""
    np.clip(values, min(top, 0), 1, out=values)


#: Each takes the values, which it changes, and the largest value of the picture's type.
ROUNDINGS: dict[str, Callable[[Array, int], None]] = {
    "half-even": half_even,
    "half-up": half_up,
    "half-away": half_away,
    "cut": cut,
    "quantum": quantum,
    "quantum-of-words": quantum_of_words,
    "clip-unit": clip_unit,
}


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

    What is left to do is to cut off the fraction: see `cnnfilter.core.exact.cut`.
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
    def dtype(self) -> np.dtype[Any]:
        """The type of the maps."""
        return self.convolution.dtype

    @property
    def weights(self) -> Array:
        """The filters ``(C, 1, kH, kW)``, all the same."""
        return self.convolution.weights

    def each_strip(
        self, use: Callable[[Strip, Array], Any], threads: int | None = None, rows: range | None = None
    ) -> Iterator[Any]:
        """Yield ``use(strip, maps)`` for each strip in order, `maps` ``(1, C, rows, oW)``; or for some `rows` alone."""
        sizes, kernel, bias = self.plan.sizes, self.weights[0, 0], self.convolution.bias
        start = 0.0 if bias is None else float(bias.flat[0])

        def work(strip: Strip, scratch: Scratch) -> Any:
            maps = scratch.array("maps", (1, sizes.filters, strip.rows, sizes.out[1]))
            rows = computing_rows(sizes, self.convolution.source, strip, scratch)
            ORDERS[self.order](rows[0], kernel, maps[0], start, sizes)
            return use(strip, maps)

        return map_in_threads(work, self.plan.strips(rows), self.weights.dtype, thread_count(threads))
