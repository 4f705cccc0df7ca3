"""How a convolution will be computed, in plain integers: its sizes, its plan, its strips.

The plan fixes the engine and the strips. Strips depend on the sizes alone, never on the number of threads,
which is why results are the same bit for bit however many threads there are.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from cnnfilter.core.shapes import Border, Pads, Pair

#: What a strip, its outputs and the engine's buffers may take: a core's share of the cache, and large enough
#: that the cost of starting a strip does not show.
STRIP_BYTES = 4 << 20
#: Multiply-adds under which starting threads costs more than it saves: about a 3x3 on a megapixel.
THREAD_MACS = 1 << 23

#: Products that float32 adds up one after the other, at most: the rounding of this many, all with the same sign,
#: stays within 1.7e-6 of their sum. More are added up in parts, whose sums are then added.
TERMS = 112

ENGINE_NAMES = {
    "im2col": "strips of columns, one matrix product each",
    "banded": "rows copied once for each kernel column, banded weights times views of them",
    "separable": "a column pass and a row pass for each rank of the kernel",
    "fft": "tiles multiplied in the frequency domain",
}


class Sizes(NamedTuple):
    """Everything about a convolution that is an integer: the question, before it is planned."""

    batch: int
    channels: int
    filters: int
    groups: int
    size: Pair
    kernel: Pair
    stride: Pair
    dilation: Pair
    pads: Pads
    border: Border
    out: Pair
    itemsize: int

    @property
    def padded_width(self) -> int:
        """Columns of the padded image."""
        return self.size[1] + self.pads.columns

    @property
    def span(self) -> Pair:
        """Rows and columns that the kernel covers, holes of the dilation included."""
        rows, columns = (d * (k - 1) + 1 for d, k in zip(self.dilation, self.kernel, strict=True))
        return rows, columns

    @property
    def macs(self) -> int:
        """Multiply-adds of the direct computation."""
        cells = self.kernel[0] * self.kernel[1] * (self.channels // self.groups)
        return self.batch * self.filters * self.out[0] * self.out[1] * cells

    def rows_in(self, rows_out: int) -> int:
        """Padded input rows that `rows_out` output rows need."""
        return (rows_out - 1) * self.stride[0] + self.span[0]


class Plan(NamedTuple):
    """The answer: which engine, and which strips.

    Attributes
    ----------
    engine
        A name of ``ENGINE_NAMES``.
    rows
        Output rows of a strip.
    samples
        Images of a strip; more than one where images are small.
    band
        Output rows of one banded matrix (engines ``banded`` and ``separable``).
    columns
        Output columns of a block (engine ``banded``).
    tile
        Rows and columns of a tile (engine ``fft``).
    rank
        Rank of the kernels (engine ``separable``).
    products
        Matrix products that a strip is the sum of (engine ``im2col``): one, or one for each row of the kernel.
    why
        The reason for the engine, in a few words.
    """

    sizes: Sizes
    engine: str
    rows: int
    samples: int = 1
    band: int = 1
    columns: int = 0
    tile: Pair = (0, 0)
    rank: int = 0
    products: int = 1
    why: str = ""

    @property
    def strip_bytes(self) -> int:
        """Working bytes of one strip in one thread: input rows, and what the engine adds."""
        s = self.sizes
        inputs = s.channels * s.rows_in(self.rows) * s.padded_width
        outputs = s.filters * self.rows * s.out[1]
        extra = {
            "im2col": s.channels * s.kernel[1] * s.out[1] * self.column_rows,
            "banded": s.channels // s.groups * s.kernel[1] * s.rows_in(self.rows) * self.columns,
            "separable": (1 + self.rank) * outputs,
            "fft": (6 * s.channels + 2 * (s.channels // s.groups) + 3) * math.prod(self.tile) * 8 // s.itemsize,
        }
        return self.samples * s.itemsize * (inputs + outputs + extra[self.engine])

    @property
    def column_rows(self) -> int:
        """Image rows that one column of kernel cells reads for a strip (engine ``im2col``)."""
        s = self.sizes
        if self.products == 1:
            return s.kernel[0] * self.rows
        return s.stride[0] * (self.rows + (s.span[0] - 1) // s.stride[0])

    @property
    def band_heights(self) -> set[int]:
        """Output rows that banded matrices compute: those of a whole band, and what is left of a strip."""
        last = self.sizes.out[0] % self.rows or self.rows
        return {self.band} | {rows % self.band or self.band for rows in (self.rows, last)}

    @property
    def strip_count(self) -> int:
        """Number of strips."""
        return -(-self.sizes.batch // self.samples) * -(-self.sizes.out[0] // self.rows)

    def strips(self) -> list[Strip]:
        """Return the strips, in order: first image first, top row first."""
        return self.strips_of(Strip(0, self.sizes.batch, 0, self.sizes.out[0]))

    def strips_of(self, part: Strip) -> list[Strip]:
        """Return the strips that a part of the output is cut into."""
        return [
            Strip(first, min(first + self.samples, part.last), top, min(top + self.rows, part.bottom))
            for first in range(part.first, part.last, self.samples)
            for top in range(part.top, part.bottom, self.rows)
        ]


class Strip(NamedTuple):
    """Output rows ``top:bottom`` of the images ``first:last``."""

    first: int
    last: int
    top: int
    bottom: int

    @property
    def samples(self) -> int:
        """Images in the strip."""
        return self.last - self.first

    @property
    def rows(self) -> int:
        """Output rows in the strip."""
        return self.bottom - self.top
