"""Worker processes on this machine: one image each at a time, and no death of one stops the others."""

from __future__ import annotations

import concurrent.futures
import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterable, Iterator
from multiprocessing.connection import wait as wait_for

from pebble import ProcessExpired, ProcessPool

from cnnfilter.batch.records import Planned
from cnnfilter.batch.warm import start_context, warm_up
from cnnfilter.batch.work import Job, Outcome, do_item, failed, quiet_errors

#: Inputs that wait at the workers' door for each worker, so that none stands idle.
QUEUED = 3

#: Address space beyond the memory limit: libraries and threads reserve more than they use.
_SLACK = 2 << 30

_PR_SET_PDEATHSIG = 1


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
    pool = ProcessPool(max_workers=workers, context=start_context(), initializer=_start, initargs=(job, limit))
    pending: dict[concurrent.futures.Future[Outcome], Planned] = {}
    waiting = iter(items)
    try:
        while True:
            while len(pending) < workers * (1 + QUEUED) and (item := next(waiting, None)) is not None:
                pending[pool.schedule(_work, args=[item], timeout=timeout)] = item
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


def _why(code: int | None) -> str:
    """Return what an exit code says about a death."""
    if code is None or code >= 0:
        return "" if code is None else f" (exit code {code})"
    with contextlib.suppress(ValueError):
        name = signal.Signals(-code).name
        return f" by {name} (out of memory?)" if name == "SIGKILL" else f" by {name}"
    return f" by signal {-code}"


#: What the worker does, set once when it starts.
_job: tuple[Job, int | None] | None = None


def _work(item: Planned) -> Outcome:
    """Do one item in a worker."""
    if _job is None:
        raise RuntimeError("the worker was not started")
    return do_item(_job[0], item, _job[1])


def _start(job: Job, limit: int | None) -> None:
    """Prepare a worker: it ends with its parent, leaves signals to it, and takes no more memory than allowed."""
    global _job
    _job = job, limit
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _die_with_parent()
    if limit is not None:
        _bound_memory(limit)
    if not os.environ.get("CNNFILTER_DEBUG"):
        quiet_errors()


def _die_with_parent() -> None:
    """End this process when the run that it works for ends, however that ends."""
    run = multiprocessing.parent_process()
    if run is None:
        return
    sentinel = run.sentinel

    def watch() -> None:
        wait_for([sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="parent-watch").start()
    if sys.platform == "linux":  # a thread cannot stop a library that never lets go: let the kernel do it
        _let_the_server_end()
        with contextlib.suppress(OSError, AttributeError):
            import ctypes

            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if not run.is_alive():
        os._exit(1)


def _let_the_server_end() -> None:
    """Close the pipe whose other end the process server watches, so that it ends with the run and not with us."""
    from multiprocessing import forkserver

    server = getattr(forkserver, "_forkserver", None)
    handle = getattr(server, "_forkserver_alive_fd", None)
    if isinstance(handle, int):
        with contextlib.suppress(OSError):
            os.close(handle)
        server._forkserver_alive_fd = None  # type: ignore[union-attr]


def _bound_memory(limit: int) -> None:
    """Let the system refuse memory beyond what any image may take."""
    try:
        import resource
    except ImportError:  # no such bounds on this system
        return
    with contextlib.suppress(OSError, ValueError):
        with open("/proc/self/statm", "rb") as file:  # noqa: PTH123
            used = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        wanted = used + 2 * limit + _SLACK
        resource.setrlimit(resource.RLIMIT_AS, (wanted if hard < 0 else min(wanted, hard), hard))
