"""Strips of an image: loaded with their border and in the computing type, and worked on in threads.

The strip buffer does three jobs in one pass over memory: padding, type conversion, and locality.
"""

from __future__ import annotations

import contextlib
import math
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np

from cnnfilter.core.borders import Array, fill_columns, source_position
from cnnfilter.core.plan import Sizes, Strip
from cnnfilter.errors import ParameterError

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

Task = TypeVar("Task")
Result = TypeVar("Result")


class Source(Protocol):
    """Where rows come from: an array, or a decoded picture that is never copied whole."""

    #: Whether the type of the values knows neither NaN nor infinity.
    finite: bool

    def rows(self, first: int, last: int, start: int, stop: int) -> Array:
        """Return rows ``start:stop`` of the images ``first:last``: ``(N, C, rows, W)``, in any real type."""


class ArraySource:
    """Rows of an array ``(N, C, H, W)``."""

    def __init__(self, images: Array) -> None:
        self.images = images
        self.finite = images.dtype.kind != "f"

    def rows(self, first: int, last: int, start: int, stop: int) -> Array:
        """Return a view of the rows."""
        return self.images[first:last, :, start:stop]


class NoPixels:
    """A source that has a size and nothing else, for plans."""

    finite = True

    def rows(self, first: int, last: int, start: int, stop: int) -> Array:
        """Refuse: a plan never reads."""
        raise AssertionError("a plan reads no pixels")


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


class _BlasGuard:
    """Counts who needs BLAS in one thread: the first one in notes how many there were, the last one out restores it.

    The limit is set through the library itself: threadpoolctl's own contexts do nothing in a second Python thread
    where a first one has used them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._before: list[tuple[Any, int]] = []

    def enter(self) -> None:
        with self._lock:
            if not self._users:
                self._before = [(library, library.num_threads) for library in _blas_libraries()]
            self._users += 1
            for library, _ in self._before:  # every time: OpenMP keeps a limit for each thread
                _limit(library, 1)

    def leave(self) -> None:
        with self._lock:
            self._users -= 1
            if not self._users:
                self._restore()

    def hold(self) -> None:
        """Let no other thread be at it while the process forks."""
        self._lock.acquire()

    def release(self) -> None:
        """Go on after a fork."""
        self._lock.release()

    def forget(self) -> None:
        """Start anew in a forked process: it has the count, but not the threads that were counted."""
        if self._users:
            self._users = 0
            self._restore()
        self._lock.release()

    def _restore(self) -> None:
        for library, count in self._before:
            _limit(library, count)


def _limit(library: Any, count: int) -> None:
    """Give a BLAS library so many threads, whichever thread set its limit before."""
    release = getattr(library, "clear_controlling_thread", None)  # threadpoolctl has it from 3.7 on
    if release is not None:
        release(force=True)
    library.set_num_threads(count)
    if release is not None:
        release(force=True)


_GUARD = _BlasGuard()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_GUARD.hold, after_in_parent=_GUARD.release, after_in_child=_GUARD.forget)
_BLAS_VARIABLES = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")


@cache
def _blas_libraries() -> list[Any]:
    """Look once for the BLAS libraries that are loaded."""
    from threadpoolctl import ThreadpoolController  # only array users pay for it

    return list(ThreadpoolController().select(user_api="blas").lib_controllers)


@contextlib.contextmanager
def blas_in_one_thread() -> Iterator[None]:
    """Hold BLAS to one thread: the strips are the parallelism, and one thread adds up in one order."""
    if all(os.environ.get(name) == "1" for name in _BLAS_VARIABLES):  # the command line sets them
        yield
        return
    _GUARD.enter()
    try:
        yield
    finally:
        _GUARD.leave()
