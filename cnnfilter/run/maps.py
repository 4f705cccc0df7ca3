"""Feature maps, either held as an array or computed strip by strip each time they are walked through."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np

from cnnfilter.core.arrays import Array
from cnnfilter.core.conv import Convolution
from cnnfilter.core.exact import OrderedConvolution
from cnnfilter.core.plan import Sizes
from cnnfilter.core.requantize import Requantization
from cnnfilter.core.rows import Scratch, map_in_threads, thread_count
from cnnfilter.core.whole import WholeConvolution

#: Called with the first row of a strip and its values ``(C, rows, W)``.
Use = Callable[[int, Array], Any]
#: Called with the first row of a strip and the maps of all filters ``(F, rows, W)``; returns ``(C, rows, W)``.
Finish = Callable[[int, Array], Array]

#: Fewest rows of held maps that are worked on at a time.
HELD_ROWS = 64


class Maps(Protocol):
    """The feature maps of one kernel on one image: ``(C, oH, oW)``."""

    @property
    def sizes(self) -> Sizes | None:
        """The sizes of the convolution that they come from, if any."""
        ...

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, rows, columns."""
        ...

    def walk(self, use: Use) -> Iterator[Any]:
        """Yield ``use(row, values)`` for each strip in order; `use` runs in threads and must not keep `values`."""
        ...

    def hold(self) -> Array:
        """Return all values ``(C, oH, oW)``."""
        ...


class HeldMaps(NamedTuple):
    """Maps that are an array already; `sizes` are those of the convolution that they come from, if any."""

    values: Array
    threads: int | None
    sizes: Sizes | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, rows, columns."""
        channels, rows, columns = self.values.shape
        return channels, rows, columns

    def walk(self, use: Use) -> Iterator[Any]:
        """Yield ``use(row, values)`` for each strip in order."""
        channels, height, width = self.shape
        step = held_rows(channels, width)
        starts = range(0, height, step)
        threads = min(thread_count(self.threads), len(starts))

        def one(start: int, _: Scratch) -> Any:
            return use(start, self.values[:, start : start + step])

        return map_in_threads(one, starts, self.values.dtype, threads)

    def hold(self) -> Array:
        """Return the array."""
        return self.values


def held_rows(channels: int, width: int) -> int:
    """Return the rows of held maps that are worked on at a time."""
    return max(HELD_ROWS, (1 << 18) // (channels * width))


class ComputedMaps(NamedTuple):
    """Maps that are computed anew each time: a second pass costs less than holding a large map."""

    convolution: Convolution | OrderedConvolution | WholeConvolution
    channels: int
    finish: Finish
    threads: int | None

    @property
    def sizes(self) -> Sizes:
        """The convolution's sizes."""
        return self.convolution.plan.sizes

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, rows, columns."""
        return self.channels, *self.sizes.out

    def walk(self, use: Use) -> Iterator[Any]:
        """Yield ``use(row, values)`` for each strip in order."""

        def done(strip: Any, maps: Array) -> Any:
            return use(strip.top, self.finish(strip.top, maps[0]))

        return self.convolution.each_strip(done, self.threads)

    def rows(self, rows: range) -> Array:
        """Return some rows ``(C, rows, oW)``, to the bit those of the whole map; no more strips are computed."""
        found: list[Array] = []

        def keep(strip: Any, maps: Array) -> Array:
            values = self.finish(strip.top, maps[0])
            return values[:, max(rows.start - strip.top, 0) : rows.stop - strip.top].copy()

        found += self.convolution.each_strip(keep, self.threads, rows)
        return np.concatenate(found, axis=1)

    def hold(self) -> Array:
        """Compute all values at once."""
        if (
            not isinstance(self.convolution, OrderedConvolution)
            and self.channels == self.convolution.plan.sizes.filters
        ):
            return self.finish(0, self.convolution.run(self.threads)[0])
        whole = np.empty(self.shape, self.convolution.dtype)

        def put(row: int, values: Array) -> None:
            whole[:, row : row + values.shape[1]] = values

        for _ in self.walk(put):
            pass
        return whole


class RequantizedMaps(NamedTuple):
    """Maps of exact sums, each strip of which is requantised."""

    sums: Maps
    how: Requantization

    @property
    def sizes(self) -> Sizes | None:
        """The convolution's sizes."""
        return self.sums.sizes

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, rows, columns."""
        return self.sums.shape

    def walk(self, use: Use) -> Iterator[Any]:
        """Yield ``use(row, values)`` for each strip in order."""
        return self.sums.walk(lambda row, values: use(row, self.how.apply(values, 0)))

    def hold(self) -> Array:
        """Return all values."""
        return self.how.apply(self.sums.hold(), 0)
