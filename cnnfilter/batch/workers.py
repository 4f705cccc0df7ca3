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
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import wait as wait_for
from multiprocessing.process import BaseProcess
from typing import Any

from cnnfilter.batch.item import Job, Outcome, do_item, failed, unpack
from cnnfilter.batch.records import Planned
from cnnfilter.batch.worker import SIGNALS, serve, start
from cnnfilter.core.blas import begin_in_one_thread
from cnnfilter.errors import CnnFilterError, ResourceError

#: How often a process is looked at before it is taken to have more than one thread.
_LOOKS = 10


class Context:
    """How processes start here: forked where that is safe, else from a server that has imported everything."""

    def __init__(self) -> None:
        if may_fork():
            self._context: Any = multiprocessing.get_context("fork")
        elif "forkserver" in multiprocessing.get_all_start_methods():
            self._context = multiprocessing.get_context("forkserver")
            self._context.set_forkserver_preload(["cnnfilter.batch.workers", "cnnfilter.cli"])
        else:
            self._context = multiprocessing.get_context("spawn")

    def Process(self, *, target: Callable[..., None], args: tuple[Any, ...]) -> BaseProcess:  # noqa: N802 - its name
        """Return a process that is not started yet."""
        process: BaseProcess = self._context.Process(target=target, args=args)
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


#: Inputs that a worker has in hand: the one that it is at, and one that waits, so that it never stands idle.
IN_HAND = 2

#: Inputs that are taken from the plan ahead of the workers, for each.
AHEAD = 4

#: Seconds between two looks at the clock, at most.
TICK = 0.5

#: Seconds that a worker gets to be ready, beyond an image's time limit.
GRACE = 10.0

#: Seconds that a worker which closed its pipe gets to end.
PATIENCE = 2.0

#: Workers in a row that may end before they are ready.
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
    crew = _Crew(job, limit, workers, timeout)
    waiting = enumerate(items)
    try:
        while crew.take(waiting):
            yield from crew.round()
    finally:
        crew.end()


class _Worker:
    """A worker process, its own pipe, and the inputs that it has in hand; it is at the first of them."""

    def __init__(self, context: Context, job: Job, limit: int | None) -> None:
        self.hand: deque[int] = deque()
        self.ready, self.late, self.since = False, False, time.monotonic()
        self.pipe, theirs = multiprocessing.Pipe()
        try:
            self.process = context.Process(target=serve, args=(theirs, start, job, limit))
            self.process.start()
        except BaseException:
            self.pipe.close()
            raise
        finally:
            theirs.close()  # so that its death, and nothing else, closes the pipe

    def give(self, number: int, item: Planned) -> None:
        """Hand over an input. If the worker is dead, that is seen when it is heard."""
        if not self.hand:
            self.since = time.monotonic()
        self.hand.append(number)
        with contextlib.suppress(OSError):
            self.pipe.send((number, item))

    def watch(self, timeout: float) -> None:
        """Kill a worker that takes too long."""
        limit = timeout if self.ready else timeout + GRACE
        if (self.hand or not self.ready) and time.monotonic() - self.since > limit:
            self.late = True
            self.process.kill()

    def end(self) -> None:
        """End the process, whatever it does."""
        self.process.kill()
        self.process.join()
        self.pipe.close()

    def why(self, timeout: float) -> str:
        """Return what the worker died of."""
        if self.late:
            return f"took longer than {timeout:g} seconds (--timeout raises the limit)"
        return f"the worker was killed{_told(self.process.exitcode)}"


class _Crew:
    """Workers that share nothing: the death of one closes its own pipe, and costs the input that it was at."""

    def __init__(self, job: Job, limit: int | None, most: int, timeout: float) -> None:
        self.job, self.limit, self.most, self.timeout = job, limit, most, timeout
        self.tick = min(TICK, timeout / 4)
        self.context = Context()
        self.workers: list[_Worker] = []
        self.opened: dict[int, Planned] = {}
        self.pending: deque[int] = deque()
        self.false_starts, self.trouble = 0, ""

    def take(self, waiting: Iterator[tuple[int, Planned]]) -> bool:
        """Open some inputs ahead of the workers; say whether any is open."""
        for number, item in itertools.islice(waiting, max(0, self.most * AHEAD - len(self.opened))):
            self.opened[number] = item
            self.pending.append(number)
        return bool(self.opened)

    def round(self) -> Iterator[Outcome]:
        """Hire, give, listen once, look at the clock; yield what was done, and what was lost."""
        self._hire()
        for _ in range(IN_HAND):
            for worker in self.workers:
                if self.pending and len(worker.hand) < IN_HAND:
                    number = self.pending.popleft()
                    worker.give(number, self.opened[number])
        heard = wait_for([worker.pipe for worker in self.workers], self.tick)
        for worker in [one for one in self.workers if one.pipe in heard]:
            yield from self._hear(worker)
        for worker in self.workers:
            worker.watch(self.timeout)

    def _hire(self) -> None:
        """Start workers up to the number that there is work for; go on with fewer where the system has no more."""
        wanted = min(self.most, len(self.opened))
        with held_signals():
            while len(self.workers) < wanted:
                try:
                    self.workers.append(_Worker(self.context, self.job, self.limit))
                except (OSError, EOFError, RuntimeError) as error:  # no process, or no server to start one
                    self.trouble = str(error)
                    if self.workers:
                        self.most = len(self.workers)
                        return
                    self._count_false_start()

    def _hear(self, worker: _Worker) -> Iterator[Outcome]:
        """Take what a worker has to say: that it is ready, an outcome, or by a closed pipe that it is no more."""
        try:
            parcel = worker.pipe.recv()
        except (EOFError, OSError):
            yield from self._bury(worker)
            return
        worker.since = time.monotonic()
        if not worker.ready:
            worker.ready, self.false_starts = True, 0
            return
        item = self.opened.pop(worker.hand.popleft())
        try:
            yield unpack(parcel)
        except OSError as error:  # somebody took the file away
            yield failed(self.job, item, f"its outcome was lost: {error}", again=True)

    def _bury(self, worker: _Worker) -> Iterator[Outcome]:
        """Give what a dead worker had in hand to others, but for what it was at, which it may have died of."""
        self.workers.remove(worker)
        worker.process.join(PATIENCE)
        worker.end()
        lost = worker.hand.popleft() if worker.ready and worker.hand else None
        self.pending.extendleft(reversed(worker.hand))
        if not worker.ready:
            self._count_false_start()
        if lost is not None:
            yield failed(self.job, self.opened.pop(lost), worker.why(self.timeout), again=True)

    def _count_false_start(self) -> None:
        """Raise where several workers in a row ended before they were ready."""
        self.false_starts += 1
        if self.false_starts == FALSE_STARTS:
            why = self.trouble or "they end as soon as they start"
            raise ResourceError(f"no worker can be started: {why} (-j takes fewer, -j 0 works without them)")

    def end(self) -> None:
        """End every process."""
        for worker in self.workers:
            worker.end()


def _told(code: int | None) -> str:
    """Return what an exit code says about a death."""
    if code is None or code >= 0:
        return "" if code is None else f" (exit code {code})"
    with contextlib.suppress(ValueError):
        name = signal.Signals(-code).name
        return f" by {name} (out of memory?)" if name == "SIGKILL" else f" by {name}"
    return f" by signal {-code}"
