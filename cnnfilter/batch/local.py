"""Worker processes on this machine: one image each at a time, and no death of one stops the others.

The standard library's pool gives up when one of its processes dies, because the dead may have held a lock that the
others need. That is the safe thing to do, so a pool here is something that breaks: what died is told apart from what
was only interrupted by the seats of `batch.start`, and a new pool goes on with the rest.
"""

from __future__ import annotations

import contextlib
import itertools
import signal
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool, ProcessPoolExecutor
from functools import partial
from multiprocessing.connection import wait as wait_for
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, cast

from cnnfilter.batch.parcel import Parcel, unpack
from cnnfilter.batch.records import Planned
from cnnfilter.batch.start import Context, Seat, held_signals, warm_up
from cnnfilter.batch.work import Job, Outcome, do_item, failed
from cnnfilter.batch.worker import start, work
from cnnfilter.errors import ResourceError

if TYPE_CHECKING:
    from multiprocessing.context import BaseContext

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
