"""Worker processes on this machine: how they start, what each has in hand, and what becomes of it when one dies."""

from __future__ import annotations

import contextlib
import gc
import itertools
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, MutableSequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool, ProcessPoolExecutor
from functools import partial
from multiprocessing.connection import wait as wait_for
from multiprocessing.process import BaseProcess
from multiprocessing.sharedctypes import RawArray
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from cnnfilter.batch.item import Job, Outcome, Parcel, do_item, failed, unpack
from cnnfilter.batch.ledger import Planned
from cnnfilter.batch.worker import SIGNALS, sit_down, start, work
from cnnfilter.core.blas import begin_in_one_thread
from cnnfilter.errors import CnnFilterError, ResourceError

if TYPE_CHECKING:
    from multiprocessing.context import BaseContext

#: How often a process is looked at before it is taken to have more than one thread.
_LOOKS = 10


class Seat(NamedTuple):
    """A worker process, and memory that it shares with the run: which input it is at, and since when."""

    process: BaseProcess
    board: MutableSequence[float]

    def at(self) -> int | None:
        """Return the number of the input that the worker is at, or was at when it died."""
        number = int(self.board[0])
        return None if number < 0 else number

    def late(self, limit: float) -> int | None:
        """Return the number of the input that the worker has been at for more than some seconds."""
        number = self.at()
        return number if time.monotonic() - self.board[1] > limit else None


class Context:
    """What `concurrent.futures` takes for a multiprocessing context; it remembers the processes that it starts."""

    def __init__(self) -> None:
        if may_fork():
            self._context: Any = multiprocessing.get_context("fork")
        elif "forkserver" in multiprocessing.get_all_start_methods():
            self._context = multiprocessing.get_context("forkserver")
            self._context.set_forkserver_preload(["cnnfilter.batch.workers", "cnnfilter.cli"])
        else:
            self._context = multiprocessing.get_context("spawn")
        self.seats: list[Seat] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def Process(self, *, target: Callable[..., None], args: tuple[Any, ...]) -> BaseProcess:  # noqa: N802 - their name
        """Return a process that is not started yet."""
        board = RawArray("d", [-1.0, 0.0])
        process: BaseProcess = self._context.Process(target=sit_down, args=(board, target, args))
        self.seats.append(Seat(process, board))
        return process


@contextlib.contextmanager
def held_signals() -> Iterator[None]:
    """Hold signals back while workers are forked: the copies take them again when they have handlers of their own."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def may_fork() -> bool:
    """Say whether a process forked from this one can do everything.

    Not if a thread may hold a lock, which would stay locked in the copy; and not if an object store or an archive is
    open, whose connections and positions the copies would share.
    """
    if sys.platform != "linux" or "fsspec" in sys.modules:
        return False
    with contextlib.suppress(OSError):
        for _ in range(_LOOKS):
            if len(os.listdir("/proc/self/task")) == 1:  # noqa: PTH208 - names are enough
                return True
            if threading.active_count() > 1:
                break
            time.sleep(0.005)  # a thread that has done its work takes a moment to leave
    return False


def warm_up() -> None:
    """Import what every picture needs, before processes are forked from this one."""
    begin_in_one_thread()
    if not may_fork():
        return
    import ctypes  # noqa: F401 - workers ask the kernel to end with their run

    import numpy as np

    from cnnfilter.images.png import encode_png
    from cnnfilter.images.read import open_picture

    with contextlib.suppress(CnnFilterError):  # no memory even for that: the first picture will say so
        open_picture(encode_png(np.zeros((1, 1, 3), np.uint8))).array()
    gc.freeze()  # what is here stays: a worker that looks through it would copy its pages


#: Inputs that wait at the workers' door for each worker, so that none stands idle.
QUEUED = 3

#: Seconds between two looks at the clock, at most.
TICK = 0.5

#: Seconds beyond an image's time limit after which workers that hand nothing back are taken for stuck.
GRACE = 10.0

#: Seconds that workers get to end when one of them died.
PATIENCE = 2.0

#: Pools in a row that may break before one input was begun.
FALSE_STARTS = 3


def each_here(
    job: Job, items: Iterable[Planned], *, workers: int, limit: int | None, timeout: float
) -> Iterator[Outcome]:
    """Do the items one after the other in this process: slower, but plain to debug."""
    for item in items:
        yield do_item(job, item, limit)


def each_local(
    job: Job, items: Iterable[Planned], *, workers: int, limit: int | None, timeout: float
) -> Iterator[Outcome]:
    """Do the items in worker processes; yield outcomes as they come.

    Parameters
    ----------
    job
        What to do.
    items
        Taken one by one, never more than a few ahead of the workers.
    workers
        Processes. Each computes in one thread.
    limit
        Bytes that one image may take.
    timeout
        Seconds that one image may take; its worker is killed then, and replaced.

    Raises
    ------
    ResourceError
        If workers die before they begin.
    """
    warm_up()
    waiting = enumerate(items)
    opened: dict[int, Planned] = {}
    false_starts = 0
    while _take(waiting, opened, workers) or opened:
        pool = _Pool(job, limit, min(workers, len(opened)), timeout)
        try:
            yield from pool.outcomes(opened, waiting)
        finally:
            pool.end()
        blamed = pool.blamed() if pool.died else {}
        false_starts = 0 if blamed or pool.fruitful else false_starts + 1
        if false_starts == FALSE_STARTS:
            why = pool.trouble or "they end as soon as they start"
            raise ResourceError(f"no worker can be started: {why} (-j takes fewer, -j 0 works without them)")
        for number in blamed.keys() & opened.keys():
            yield failed(job, opened.pop(number), blamed[number], again=True)


def _take(waiting: Iterator[tuple[int, Planned]], opened: dict[int, Planned], workers: int) -> dict[int, Planned]:
    """Open some inputs ahead of the workers; return the new ones."""
    new = dict(itertools.islice(waiting, max(0, workers * (1 + QUEUED) - len(opened))))
    opened.update(new)
    return new


class _StartError(Exception):
    """A process could not be started; the cause says why."""


class _Pool:
    """Worker processes until one of them dies."""

    def __init__(self, job: Job, limit: int | None, workers: int, timeout: float) -> None:
        self.died, self.fruitful, self.trouble = False, False, ""
        self._job, self._workers, self._timeout = job, workers, timeout
        self._tick = min(TICK, timeout / 4)
        self._context = Context()
        self._moved = time.monotonic()
        self._look_at = self._moved + self._tick
        self._late: set[int] = set()
        self._done: SimpleQueue[tuple[int, Future[Parcel]]] = SimpleQueue()
        self._pool = ProcessPoolExecutor(
            workers, mp_context=cast("BaseContext", self._context), initializer=start, initargs=(job, limit)
        )

    def outcomes(self, opened: dict[int, Planned], waiting: Iterator[tuple[int, Planned]]) -> Iterator[Outcome]:
        """Do what is opened and what waits; take out of `opened` what is done."""
        try:
            with held_signals():  # the first inputs start the workers
                self._give(opened)
            while opened:
                self._look_at_the_clock()
                try:
                    number, future = self._done.get(timeout=self._tick)
                except Empty:
                    continue
                parcel = future.result()
                self.fruitful = True
                yield self._unpacked(opened.pop(number), parcel)
                self._moved = time.monotonic()
                self._give(_take(waiting, opened, self._workers))
        except BrokenProcessPool:
            self.died = True
        except _StartError as error:
            self.trouble = str(error.__cause__ or "no answer")

    def _unpacked(self, item: Planned, parcel: Parcel) -> Outcome:
        """Return the outcome that a worker sent."""
        try:
            return unpack(parcel)
        except OSError as error:  # somebody took the file away
            return failed(self._job, item, f"its outcome was lost: {error}", again=True)

    def _give(self, new: dict[int, Planned]) -> None:
        """Give the workers some inputs."""
        for number, item in new.items():
            try:
                future = self._pool.submit(work, number, item)
            except BrokenProcessPool:
                raise
            except (OSError, EOFError, RuntimeError) as error:  # no process, no thread, or no server to start them
                raise _StartError from error
            future.add_done_callback(partial(self._put, number))

    def _put(self, number: int, future: Future[Parcel]) -> None:
        """Note that an input is done; the pool's thread calls this."""
        self._done.put((number, future))

    def _look_at_the_clock(self) -> None:
        """Kill whoever takes too long, now and then."""
        now = time.monotonic()
        if now < self._look_at:
            return
        self._look_at = now + self._tick
        stuck = now - self._moved > self._timeout + GRACE  # somebody holds a lock for ever, or a thread died
        for seat in self._context.seats:
            late = seat.late(self._timeout)
            if late is not None:
                self._late.add(late)
            if stuck or late is not None:
                seat.process.kill()
        if stuck:
            raise BrokenProcessPool

    def end(self) -> None:
        """End every process. If one died, the pool ends the others by SIGTERM, which tells them apart."""
        for seat in self._context.seats:
            if self.died:
                wait_for([seat.process.sentinel], timeout=PATIENCE)
            if seat.process.pid is not None:
                seat.process.kill()
        with contextlib.suppress(RuntimeError):  # its thread may be what could not be started
            self._pool.shutdown(wait=True, cancel_futures=True)

    def blamed(self) -> dict[int, str]:
        """Return the inputs that workers died of, and how."""
        busy = {number: seat for seat in self._context.seats if (number := seat.at()) is not None}
        dead = {number: seat for number, seat in busy.items() if seat.process.exitcode != -signal.SIGTERM}
        return {number: self._why(number, seat) for number, seat in (dead or busy).items()}

    def _why(self, number: int, seat: Seat) -> str:
        """Return what a worker died of."""
        if number in self._late:
            return f"took longer than {self._timeout:g} seconds (--timeout raises the limit)"
        return f"the worker was killed{_told(seat.process.exitcode)}"


def _told(code: int | None) -> str:
    """Return what an exit code says about a death."""
    if code is None or code >= 0:
        return "" if code is None else f" (exit code {code})"
    with contextlib.suppress(ValueError):
        name = signal.Signals(-code).name
        return f" by {name} (out of memory?)" if name == "SIGKILL" else f" by {name}"
    return f" by signal {-code}"
