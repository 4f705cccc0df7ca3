"""Worker processes on this machine: one image each at a time, and no death of one stops the others."""

from __future__ import annotations

import concurrent.futures
import contextlib
import signal
from collections.abc import Iterable, Iterator
from concurrent.futures.process import BrokenProcessPool

from pebble import ProcessExpired, ProcessPool

from cnnfilter.batch.records import Planned
from cnnfilter.batch.start import Starter, warm_up
from cnnfilter.batch.work import Job, Outcome, do_item, failed
from cnnfilter.batch.worker import start, work
from cnnfilter.errors import ResourceError

#: Inputs that wait at the workers' door for each worker, so that none stands idle.
QUEUED = 3


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
    """
    warm_up()
    pool = ProcessPool(max_workers=workers, context=Starter(), initializer=start, initargs=(job, limit))
    pending: dict[concurrent.futures.Future[Outcome], Planned] = {}
    waiting = iter(items)
    try:
        while True:
            while len(pending) < workers * (1 + QUEUED) and (item := next(waiting, None)) is not None:
                pending[pool.schedule(work, args=[item], timeout=timeout)] = item
            if not pending:
                return
            finished, _ = concurrent.futures.wait(pending, return_when=concurrent.futures.FIRST_COMPLETED)
            for future in finished:
                yield _outcome(job, pending.pop(future), future, timeout)
    finally:
        pool.stop()  # type: ignore[no-untyped-call]
        pool.join()


def _outcome(job: Job, item: Planned, future: concurrent.futures.Future[Outcome], timeout: float) -> Outcome:
    """Return what a worker handed back, or what became of the worker."""
    try:
        return future.result()
    except concurrent.futures.TimeoutError:
        return failed(job, item, f"took longer than {timeout:g} seconds (--timeout raises the limit)", again=True)
    except ProcessExpired as error:
        return failed(job, item, f"the worker was killed{_why(error.exitcode)}", again=True)
    except BrokenProcessPool as error:
        raise ResourceError(f"worker processes end as soon as they start ({error}; -j 0 works without them)") from error


def _why(code: int | None) -> str:
    """Return what an exit code says about a death."""
    if code is None or code >= 0:
        return "" if code is None else f" (exit code {code})"
    with contextlib.suppress(ValueError):
        name = signal.Signals(-code).name
        return f" by {name} (out of memory?)" if name == "SIGKILL" else f" by {name}"
    return f" by signal {-code}"
