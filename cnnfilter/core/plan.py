"""The plan of a convolution, in integers: its sizes, the engine and why, the strips it is cut into."""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

from cnnfilter.core import receptive
from cnnfilter.core.receptive import ReceptiveField
from cnnfilter.core.shapes import Border, Pads, Pair, formula
from cnnfilter.errors import ParameterError, lookup

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
    def formulas(self) -> tuple[str, str]:
        """The formulas of the output's rows and columns, with their numbers."""
        added = (self.pads.rows, self.pads.columns)
        terms = zip(self.size, added, self.kernel, self.stride, self.dilation, strict=True)
        rows, columns = (formula(*one) for one in terms)
        return rows, columns

    @property
    def dropped(self) -> Pair:
        """Rows and columns of the padded image that the stride leaves out at the end."""
        added = (self.pads.rows, self.pads.columns)
        each = zip(self.size, added, self.span, self.stride, strict=True)
        rows, columns = ((n + p - span) % step for n, p, span, step in each)
        return rows, columns

    def field(self, before: ReceptiveField = receptive.INPUT) -> ReceptiveField:
        """Return what one output sees, where the values of the image see `before` of theirs."""
        repeats = bool(self.pads) and self.border.mode not in ("zeros", "constant")  # the edge sees cells again
        return before.slid(self.span, self.stride, (self.pads.top, self.pads.left), even=not repeats)

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

    def strips(self, rows: range | None = None) -> list[Strip]:
        """Return the strips, in order: first image first, top row first; those alone that hold some of `rows`."""
        strips = self.strips_of(Strip(0, self.sizes.batch, 0, self.sizes.out[0]))
        return strips if rows is None else [one for one in strips if one.top < rows.stop and one.bottom > rows.start]

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


#: Output rows that one banded matrix computes: BLAS takes four rows at a time, and more only add zeros.
BAND_ROWS = 4
#: Filters from which bands of one row are better: they have no zeros, and all filters share one product.
STACKED_FILTERS = 4
#: Columns of a block of engine ``banded``, at most: longer rows ask for too many pages of memory at a time.
BLOCK_COLUMNS = 832
#: Output rows of a strip of engine ``banded``, at most: a picture should make enough strips for all threads.
STRIP_ROWS = 128
#: Bytes of the shifted rows that engine ``banded`` keeps in the cache.
SHIFTED_BYTES = 1 << 20
#: Values in one row of a window from which engine ``im2col`` multiplies row by row: fewer leave BLAS idle.
DEEP = 64
#: Kernel cells from which tiles in the frequency domain win over banded products.
FFT_CELLS = 12 * 12
#: Rows and columns that such a kernel has at least: a narrow one transforms mostly what it does not need.
FFT_SIDE = 6
#: Rows and columns of a tile of engine ``fft``, at most: it and its transforms stay in the cache.
TILE = 400
#: Kernel cells from which even a small image is not multiplied cell by cell.
LARGE_CELLS = 128 * 128
#: Kernel cells from which a column pass and a row pass win over one banded product.
SEPARABLE_CELLS = 7 * 7


def make_plan(sizes: Sizes, rank: int, engine: str = "auto") -> Plan:
    """Choose the engine and cut the output into strips.

    Parameters
    ----------
    sizes
        The convolution.
    rank
        The largest rank among the two-dimensional kernels: how many column and row passes they need. 0 where
        `wants_rank` says that it does not matter.
    engine
        A name of ``ENGINE_NAMES`` to force it, or ``auto``.

    Raises
    ------
    UnknownNameError
        If there is no such engine.
    ParameterError
        If the engine cannot do this convolution: the message says why.
    """
    if engine == "auto":
        engine, why = _choose(sizes, rank)
    else:
        lookup(ENGINE_NAMES, engine, "engine")
        why = "asked for"
        reason = refusal(sizes, engine)
        if reason:
            raise ParameterError(f"engine {engine} cannot do this: {reason} (engine im2col can, and auto picks one)")
    return _CUTTERS[engine](sizes, rank, why)


def wants_rank(sizes: Sizes, engine: str) -> bool:
    """Say whether the choice of an engine depends on the rank of the kernels."""
    if refusal(sizes, "separable"):
        return False
    return engine == "separable" or (engine == "auto" and sizes.kernel[0] * sizes.kernel[1] >= SEPARABLE_CELLS)


def refusal(sizes: Sizes, engine: str) -> str:
    """Say why `engine` cannot compute this, or nothing where it can."""
    if engine in ("im2col", "banded"):
        return ""
    if sizes.stride != (1, 1):
        return f"stride {sizes.stride[0]},{sizes.stride[1]} is not 1"
    if engine == "separable" and sizes.channels != sizes.groups:
        return f"each filter sums {sizes.channels // sizes.groups} channels"
    if engine in ("separable", "fft") and sizes.dilation != (1, 1):
        return f"dilation {sizes.dilation[0]},{sizes.dilation[1]} is not 1"
    return ""


def _choose(sizes: Sizes, rank: int) -> tuple[str, str]:
    """Return the engine that measured fastest for sizes like these, and why."""
    able = {name for name in ENGINE_NAMES if not refusal(sizes, name)}
    kernel_rows, kernel_columns = sizes.kernel
    cells = kernel_rows * kernel_columns
    depth = sizes.channels // sizes.groups
    if sizes.dilation[0] > 1 and depth > 1:
        return "im2col", "bands would multiply the holes of the dilation"
    if cells == 1:
        return "im2col", "a 1x1 kernel is one matrix product"
    if sizes.out[0] * sizes.out[1] < 4096 and cells < LARGE_CELLS:
        return "im2col", "the image is small"
    if "separable" in able and cells >= SEPARABLE_CELLS and rank * (kernel_rows + kernel_columns) * 2 < cells:
        return (
            "separable",
            f"rank {rank}: {rank * (kernel_rows + kernel_columns)} products a pixel, not {cells}",
        )
    if "fft" in able and min(sizes.kernel) >= FFT_SIDE and cells >= FFT_CELLS * max(1, depth // 4):
        return "fft", f"{cells} cells and no low rank"
    if direct_engine(sizes) == "im2col":
        return "im2col", f"{depth} channels make large matrices of each kernel row"
    return "banded", "rows are copied once for each kernel column, not for each cell"


def direct_engine(sizes: Sizes) -> str:
    """Return the engine that is faster at multiplying every window out."""
    return "im2col" if sizes.channels // sizes.groups * sizes.kernel[1] >= DEEP else "banded"


def _cut_im2col(sizes: Sizes, rank: int, why: str) -> Plan:
    """Strips whose column matrix fits the cache; several images at once where they are small."""
    products = sizes.kernel[0] if sizes.channels // sizes.groups * sizes.kernel[1] >= DEEP else 1
    cells = sizes.channels * sizes.kernel[1] * (sizes.stride[0] if products > 1 else sizes.kernel[0])
    row_bytes = (cells + sizes.filters) * sizes.out[1] * sizes.itemsize
    rows = min(sizes.out[0], max(1, STRIP_BYTES // 2 // row_bytes))
    samples = 1
    if rows == sizes.out[0]:
        samples = min(sizes.batch, max(1, STRIP_BYTES // (row_bytes * rows)))
    return Plan(sizes=sizes, engine="im2col", rows=rows, samples=samples, products=products, why=why)


def _cut_banded(sizes: Sizes, rank: int, why: str) -> Plan:
    """Strips of whole bands whose shifted rows stay in the cache, in blocks of columns of about one width."""
    band = 1 if sizes.filters // sizes.groups >= STACKED_FILTERS else min(BAND_ROWS, sizes.out[0])
    blocks = -(-sizes.out[1] // BLOCK_COLUMNS)
    columns = min(sizes.out[1], -(-sizes.out[1] // blocks // 16) * 16)
    row_bytes = sizes.channels // sizes.groups * sizes.kernel[1] * columns * sizes.itemsize
    least = max(8 * band, 6 * sizes.span[0])  # every strip lays out the span above it anew
    one_thread = sizes.macs < THREAD_MACS  # to start a strip costs more there than to leave the nearest cache
    most, room = (STRIP_ROWS * 4, STRIP_BYTES) if one_thread else (STRIP_ROWS, SHIFTED_BYTES)
    rows = max(least, min(most, room // row_bytes // sizes.stride[0])) // band * band
    return Plan(sizes=sizes, engine="banded", rows=min(sizes.out[0], rows), band=band, columns=columns, why=why)


def _cut_separable(sizes: Sizes, rank: int, why: str) -> Plan:
    """Strips of whole bands as tall as the kernel, so that half of a band's products count."""
    band = max(1, min(32, max(8, sizes.kernel[0]), sizes.out[0]))
    row_bytes = (1 + sizes.filters * (rank + 1)) * sizes.padded_width * sizes.itemsize
    bands = max(1, min(16, STRIP_BYTES // (row_bytes * band)))
    rows = min(sizes.out[0], band * bands)
    return Plan(sizes=sizes, engine="separable", rows=rows, band=band, rank=rank, why=why)


def _cut_fft(sizes: Sizes, rank: int, why: str) -> Plan:
    """Strips one tile high; tiles of the size that transforms the fewest values in all, and fits the cache."""
    rows, columns = (_tile(k, out) for k, out in zip(sizes.kernel, sizes.out, strict=True))
    strip = min(sizes.out[0], rows - sizes.kernel[0] + 1)
    return Plan(sizes=sizes, engine="fft", rows=strip, tile=(rows, columns), why=why)


def _tile(kernel: int, out: int) -> int:
    """Return the tile's length along one axis: whole tiles over `out` outputs should cost least."""

    def cost(length: int) -> int:
        return -(-out // (length - kernel + 1)) * length  # a point costs much the same in any length

    whole = out + kernel - 1
    lengths = range(min(whole, max(128, 2 * kernel)), min(whole, max(TILE, 4 * kernel)) + 1)
    smooth = [length for length in lengths if _is_smooth(length)]
    return min(smooth or [_smooth(whole)], key=cost)


def _is_smooth(size: int) -> bool:
    """Say whether 2, 3 and 5 are the only prime factors of `size`: such transforms are fast."""
    for prime in (2, 3, 5):
        while size % prime == 0:
            size //= prime
    return size == 1


def _smooth(size: int) -> int:
    """Return the first smooth number from `size` up."""
    return next(length for length in itertools.count(size) if _is_smooth(length))


_CUTTERS = {"im2col": _cut_im2col, "banded": _cut_banded, "separable": _cut_separable, "fft": _cut_fft}
