"""The same work in this process, or in worker processes on this machine: no death of one stops the others."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections import deque
from collections.abc import Iterable, Iterator
from multiprocessing.connection import wait as wait_for

from cnnfilter.batch.crew import Worker, warm_up
from cnnfilter.batch.records import Planned
from cnnfilter.batch.work import Job, Outcome, do_item, failed


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
        Processes, started when there is work for them.
    limit
        Bytes that one image may take.
    timeout
        Seconds that one image may take; its worker is killed then, and replaced.
    """
    for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ[name] = "1"
    crew = _Crew(job, limit, workers, timeout)
    done = False
    try:
        yield from crew.each(iter(items))
        done = True
    finally:
        crew.end(kill=not done)


class _Crew:
    """The workers, and inputs that came back because the worker that had them died over another."""

    def __init__(self, job: Job, limit: int | None, size: int, timeout: float) -> None:
        self.job, self.limit, self.size, self.timeout = job, limit, size, timeout
        self.workers: list[Worker] = []
        self.back: deque[Planned] = deque()
        self.warm = False

    def each(self, items: Iterator[Planned]) -> Iterator[Outcome]:
        """Yield the outcomes of all items."""
        while self._hand_out(items):
            busy = {worker.pipe: worker for worker in self.workers if worker.given}
            first = min(worker.since for worker in busy.values())
            for pipe in wait_for(list(busy), max(0.0, first + self.timeout - time.monotonic())):
                worker = busy.pop(pipe)  # type: ignore[call-overload]
                yield worker.take() or self._bury(worker, "")
            now = time.monotonic()
            for worker in busy.values():
                if now - worker.since >= self.timeout and not worker.pipe.poll():
                    limit = f"took longer than {self.timeout:g} seconds (--timeout raises the limit)"
                    yield self._bury(worker, limit)

    def _hand_out(self, items: Iterator[Planned]) -> bool:
        """Give work to all who have room; say whether there is anything to wait for."""
        while (item := self.back.popleft() if self.back else next(items, None)) is not None:
            worker = self._next_worker()
            if worker is None:
                self.back.appendleft(item)
                return True
            worker.give(item)
        return any(worker.given for worker in self.workers)

    def _next_worker(self) -> Worker | None:
        """Return who has least to do: a new one while there are too few, None if nobody has room."""
        idle = min(self.workers, key=lambda worker: len(worker.given), default=None)
        if (idle is None or idle.given) and len(self.workers) < self.size:
            if not self.warm:
                warm_up()
                self.warm = True
            idle = Worker(self.job, self.limit, [worker.pipe for worker in self.workers])
            self.workers.append(idle)
        return idle if idle is not None and idle.has_room else None

    def _bury(self, worker: Worker, reason: str) -> Outcome:
        """Return the outcome of what a dead or overdue worker was doing; others will do the rest."""
        self.workers.remove(worker)
        code = worker.end(kill=True)
        item = worker.given.popleft()
        self.back.extendleft(reversed(worker.given))
        return failed(self.job, item, reason or f"the worker was killed{_why(code)}", again=True)

    def end(self, *, kill: bool) -> None:
        """End all workers."""
        for worker in self.workers:
            if kill:
                worker.process.kill()  # all at once: none is waited for while another writes on
            worker.pipe.close()
        for worker in self.workers:
            worker.end(kill=kill)
        self.workers.clear()


def _why(code: int | None) -> str:
    """Return what an exit code says about a death."""
    if code is None or code >= 0:
        return "" if code is None else f" (exit code {code})"
    with contextlib.suppress(ValueError):
        name = signal.Signals(-code).name
        return f" by {name} (out of memory?)" if name == "SIGKILL" else f" by {name}"
    return f" by signal {-code}"
