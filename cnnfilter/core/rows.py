"""Pictures as rows: what lies beyond their border, strips of them with their borders, blocks that fit a cache."""

from __future__ import annotations

import math
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np

from cnnfilter.core.arrays import Array
from cnnfilter.core.blas import blas_in_one_thread
from cnnfilter.core.plan import THREAD_MACS, Plan, Sizes, Strip
from cnnfilter.core.shapes import Border, Pads, Pair
from cnnfilter.errors import ParameterError

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor


def source_position(position: int, size: int, mode: str) -> int | None:
    """Return the inside position that stands at `position`, or None where a constant stands.

    ::

        mode        beyond   inside   beyond
        reflect      d c b | a b c d | c b a      does not repeat the border pixel
        symmetric    c b a | a b c d | d c b
        replicate    a a a | a b c d | d d d
        circular     b c d | a b c d | a b c

    Examples
    --------
    >>> [source_position(p, 4, "reflect") for p in (-2, -1, 0, 4, 5)]
    [2, 1, 0, 2, 1]
    """
    if 0 <= position < size:
        return position
    match mode:
        case "reflect":
            period = max(1, 2 * (size - 1))
            folded = position % period
            return min(folded, period - folded) if size > 1 else 0
        case "symmetric":
            folded = position % (2 * size)
            return min(folded, 2 * size - 1 - folded)
        case "replicate":
            return min(max(position, 0), size - 1)
        case "circular":
            return position % size
    return None


def fill_columns(block: Array, pads: Pads, width: int, border: Border) -> None:
    """Fill the left and right border of `block` ``(..., rows, left + width + right)`` from its inside."""
    for position in (*range(-pads.left, 0), *range(width, width + pads.right)):
        source = source_position(position, width, border.mode)
        column = block[..., pads.left + position]
        column[...] = border.value if source is None else block[..., pads.left + source]


def with_border(images: Array, pads: Pads, border: Border) -> Array:
    """Return images ``(..., H, W)`` with their border, ``(..., top + H + bottom, left + W + right)``.

    Examples
    --------
    >>> with_border(np.array([[1, 2, 3]]), Pads(1, 0, 2, 1), Border("reflect"))
    array([[3, 2, 1, 2, 3, 2],
           [3, 2, 1, 2, 3, 2]])
    """
    if not pads:
        return images
    height, width = images.shape[-2:]
    whole = np.full((*images.shape[:-2], height + pads.rows, width + pads.columns), border.value, images.dtype)
    inside = whole[..., pads.top : pads.top + height, :]
    inside[..., pads.left : pads.left + width] = images
    fill_columns(inside, pads, width, border)
    for position in (*range(-pads.top, 0), *range(height, height + pads.bottom)):
        source = source_position(position, height, border.mode)
        if source is not None:
            whole[..., pads.top + position, :] = inside[..., source, :]
    return whole


Task = TypeVar("Task")
Result = TypeVar("Result")


class Source(Protocol):
    """Where rows come from: an array, or a decoded picture that is never copied whole."""

    #: Whether the type of the values knows neither NaN nor infinity.
    finite: bool

    def rows(self, first: int, last: int, start: int, stop: int) -> Array:
        """Return rows ``start:stop`` of the images ``first:last``: ``(N, C, rows, W)``, in any real type."""


class WholeSource(Source, Protocol):
    """A source of whole numbers."""

    def extent(self) -> Pair:
        """Return a number that no value is below, and one that none is above."""


class ArraySource:
    """Rows of an array ``(N, C, H, W)``."""

    def __init__(self, images: Array) -> None:
        self.images = images
        self.finite = images.dtype.kind != "f"

    def rows(self, first: int, last: int, start: int, stop: int) -> Array:
        """Return a view of the rows."""
        return self.images[first:last, :, start:stop]

    def extent(self) -> Pair:
        """Return the smallest and the largest value."""
        return int(self.images.min()), int(self.images.max())


class NoPixels:
    """A source that has a size and nothing else, for plans."""

    finite = True

    def __init__(self, values: Pair = (0, 0)) -> None:
        self.values = values

    def rows(self, first: int, last: int, start: int, stop: int) -> Array:
        """Refuse: a plan never reads."""
        raise AssertionError("a plan reads no pixels")

    def extent(self) -> Pair:
        """Return what the values are said to lie between."""
        return self.values


class Scratch:
    """Buffers of one thread, kept from strip to strip: first use of fresh memory costs as much as a 3x3.

    `kept` is for whatever else an engine makes once for a thread; ``kept["rows"]`` are the rows that were read last.
    """

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.dtype = dtype
        self.kept: dict[Any, Any] = {}
        self._buffers: dict[tuple[str, np.dtype[Any]], Array] = {}

    def array(self, name: str, shape: tuple[int, ...], dtype: np.dtype[Any] | None = None) -> Array:
        """Return an uninitialised array, the same memory every time that `name` asks for no more."""
        count, dtype = math.prod(shape), dtype or self.dtype
        buffer = self._buffers.get((name, dtype))
        if buffer is None or buffer.size < count:
            buffer = self._buffers[name, dtype] = np.empty(count, dtype)
        return buffer[:count].reshape(shape)


def stored_rows(sizes: Sizes, source: Source, strip: Strip, scratch: Scratch) -> Array:
    """Return the padded input rows of `strip`, ``(N, C, rows_in, padded width)``, in the type they are stored in.

    Without a border they are the source's own rows, which no one may write to. A border is put around a copy: of
    bytes, where a picture holds bytes, which costs a quarter of what padding floats does.
    """
    if not sizes.pads:
        start = strip.top * sizes.stride[0]
        view = source.rows(strip.first, strip.last, start, start + sizes.rows_in(strip.rows))
        scratch.kept["rows"] = view
        return view
    if "stored" not in scratch.kept:
        scratch.kept["stored"] = _border_type(source.rows(0, 1, 0, 1).dtype, sizes.border.value, scratch.dtype)
    dtype = scratch.kept["stored"]
    block = scratch.array(
        "strip", (strip.samples, sizes.channels, sizes.rows_in(strip.rows), sizes.padded_width), dtype
    )
    load_rows(sizes, source, strip, block)
    scratch.kept["rows"] = block
    return block


def _border_type(stored: np.dtype[Any], border: float, computing: np.dtype[Any]) -> np.dtype[Any]:
    """Return the stored type where it is small and holds the border's value, else the computing type."""
    if stored.kind not in "iu" or stored.itemsize >= computing.itemsize or not float(border).is_integer():
        return computing
    limits = np.iinfo(stored)
    return stored if limits.min <= border <= limits.max else computing


def computing_rows(sizes: Sizes, source: Source, strip: Strip, scratch: Scratch) -> Array:
    """Return the padded input rows of `strip` in the computing type, in memory that BLAS takes as it is."""
    rows = stored_rows(sizes, source, strip, scratch)
    if rows.dtype == scratch.dtype and rows.flags.aligned and rows.strides[-1] == rows.itemsize:
        return rows
    block = scratch.array("converted", rows.shape)
    np.copyto(block, rows, casting="unsafe")
    return block


def load_rows(sizes: Sizes, source: Source, strip: Strip, out: Array) -> None:
    """Write the padded input rows of `strip` to `out`.

    Parameters
    ----------
    out
        ``(N, C, rows_in, padded width)``, any strides, in the computing type.
    """
    pads, width = sizes.pads, sizes.size[1]
    start = strip.top * sizes.stride[0] - pads.top
    stop = start + out.shape[2]
    inside = out[..., pads.left : pads.left + width]
    low, high = max(start, 0), min(stop, sizes.size[0])
    if low < high:
        inside[:, :, low - start : high - start] = source.rows(strip.first, strip.last, low, high)
    for position in (*range(start, min(0, stop)), *range(max(sizes.size[0], start), stop)):
        origin = source_position(position, sizes.size[0], sizes.border.mode)
        row = inside[:, :, position - start]
        if origin is None:
            row[...] = sizes.border.value
        else:
            row[...] = source.rows(strip.first, strip.last, origin, origin + 1)[:, :, 0]
    fill_columns(out, pads, width, sizes.border)


def thread_count(threads: int | None) -> int:
    """Return how many threads to use: all cores that this process may use, unless bounded.

    Raises
    ------
    ParameterError
        If `threads` is not a whole number of at least 1.
    """
    if threads is None:
        affinity = getattr(os, "sched_getaffinity", None)
        return len(affinity(0)) if affinity else os.cpu_count() or 1
    if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
        raise ParameterError(f"threads must be a whole number of at least 1, got {threads!r}")
    return threads


@cache
def _pool(threads: int, process: int) -> ThreadPoolExecutor:
    """Return a pool that lives as long as the program: starting threads costs more than a small image.

    One for each `process`, because a fork copies the pool but not its threads.
    """
    from concurrent.futures import ThreadPoolExecutor  # it loads logging: small images start no threads

    return ThreadPoolExecutor(threads, thread_name_prefix="cnnfilter")


def map_in_threads(
    work: Callable[[Task, Scratch], Result], tasks: Sequence[Task], dtype: np.dtype[Any], threads: int
) -> Iterator[Result]:
    """Yield ``work(task, scratch)`` for each task, in order; each thread keeps one scratch.

    At most ``2 * threads`` results wait to be taken, so what they hold stays bounded.
    """
    with blas_in_one_thread():
        if threads == 1 or len(tasks) == 1:
            scratch = Scratch(dtype)
            for task in tasks:
                yield work(task, scratch)
            return
        local = threading.local()

        def run(task: Task) -> Result:
            if not hasattr(local, "scratch"):
                local.scratch = Scratch(dtype)
            with blas_in_one_thread():
                return work(task, local.scratch)

        pool = _pool(threads, os.getpid())
        waiting = [pool.submit(run, task) for task in tasks[: 2 * threads]]
        following = iter(tasks[2 * threads :])
        try:
            while waiting:
                result = waiting.pop(0).result()
                for task in following:
                    waiting.append(pool.submit(run, task))
                    break
                yield result
        finally:
            for future in waiting:
                future.cancel()


def walk_strips(
    plan: Plan, compute: Callable[[Strip, Scratch, Array], None], use: Callable[[Strip, Array], Result], *,
    dtype: np.dtype[Any], computing: np.dtype[Any], out: Array | None = None, threads: int | None = None,
    rows: range | None = None,
) -> Iterator[Result]:  # fmt: skip
    """Compute each strip of a convolution and hand it to `use`, in threads where the work repays them.

    Parameters
    ----------
    compute
        Writes a strip's maps ``(N, K, rows, oW)``.
    use
        Takes the strip and its maps.
    dtype, computing
        Type of the maps, and of what is computed in.
    out
        Memory ``(N, K, oH, oW)`` for all maps; without it each strip's are overwritten by the next.
    rows
        Some rows of the output: only the strips that hold some of them.
    """
    sizes = plan.sizes
    count = thread_count(threads) if sizes.macs >= THREAD_MACS else min(1, thread_count(threads))

    def work(strip: Strip, scratch: Scratch) -> Result:
        if out is None:
            maps = scratch.array("maps", (strip.samples, sizes.filters, strip.rows, sizes.out[1]), dtype)
        else:
            maps = out[strip.first : strip.last, :, strip.top : strip.bottom]
        compute(strip, scratch, maps)
        return use(strip, maps)

    return map_in_threads(work, plan.strips(rows), computing, count)


Block = TypeVar("Block")

#: What one block may take, so that it stays in a core's second-level cache.
BLOCK_BYTES = 1 << 20


def row_blocks(planes: int, rows: int, row_bytes: int, least: int = 1) -> list[tuple[slice, slice]]:
    """Cut `planes` planes of `rows` rows into blocks: several whole planes, or some rows of one plane.

    Parameters
    ----------
    planes, rows
        How many there are.
    row_bytes
        Working memory that one row needs.
    least
        No block has fewer rows than this, unless the plane has.

    Examples
    --------
    >>> row_blocks(3, 4, BLOCK_BYTES // 8)
    [(slice(0, 2, None), slice(0, 4, None)), (slice(2, 3, None), slice(0, 4, None))]
    >>> row_blocks(1, 4, BLOCK_BYTES // 3)
    [(slice(0, 1, None), slice(0, 3, None)), (slice(0, 1, None), slice(3, 4, None))]
    """
    height = min(rows, max(1, least, BLOCK_BYTES // row_bytes))
    depth = max(1, BLOCK_BYTES // (rows * row_bytes))
    return [
        (slice(plane, min(plane + depth, planes)), slice(row, min(row + height, rows)))
        for plane in range(0, planes, depth)
        for row in range(0, rows, height)
    ]


def for_each(work: Callable[[Block], None], blocks: Sequence[Block], threads: int | None = None) -> None:
    """Call `work` on every block, in as many threads as there are cores or as `threads` allows.

    NumPy gives up the interpreter lock inside each operation, so the threads run side by side. Floating-point
    warnings are off meanwhile: infinities and NaN are values like any other here.

    Raises
    ------
    ParameterError
        If `threads` is not a whole number of at least 1.
    """
    waiting = deque(blocks)

    def drain() -> None:
        with np.errstate(all="ignore"):  # every thread starts with the warnings on
            while True:
                try:
                    block = waiting.popleft()
                except IndexError:
                    return
                work(block)

    helpers = min(thread_count(threads), len(blocks)) - 1
    if helpers < 1:
        drain()
        return
    from concurrent.futures import ThreadPoolExecutor  # it loads logging: small images start no threads

    with ThreadPoolExecutor(helpers) as pool:
        try:
            others = [pool.submit(drain) for _ in range(helpers)]
            drain()
            for other in others:
                other.result()
        finally:
            waiting.clear()  # after an error or an interrupt nobody starts another block
