"""The inside of a worker process: it ends with its run, leaves signals to it, and takes no more memory than allowed."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.connection import wait as wait_for

from cnnfilter.batch.item import Job, do_item, pack, quiet_errors

#: Address space beyond the memory limit: libraries and threads reserve more than they use.
_SLACK = 2 << 30

_PR_SET_PDEATHSIG = 1

#: glibc's names for when freed memory goes back to the system, and from which size on blocks are mapped one by one.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEPT, _LARGEST = 64 << 20, 32 << 20

#: What a run is stopped by.
SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


def serve(pipe: Connection, begin: Callable[[Job, int | None], None], job: Job, limit: int | None) -> None:
    """Be a worker: do what comes through the pipe, one input after the other, until it is closed.

    The first message says that it is ready, each other one is an outcome, packed: short enough for one write, so that
    there is all of it in the pipe or nothing, whenever the process dies.
    """
    begin(job, limit)
    pipe.send(None)
    while True:
        try:
            number, item = pipe.recv()
        except EOFError:
            return
        pipe.send(pack(job, number, do_item(job, item, limit)))


def start(job: Job, limit: int | None) -> None:
    """Prepare this process to do inputs of `job`, with `limit` bytes for each."""
    _leave_signals()
    _end_with_run()
    keep_memory()
    if limit is not None:
        bound_memory(limit)
    if not os.environ.get("CNNFILTER_DEBUG"):
        quiet_errors()
        warnings.simplefilter("ignore")


def _leave_signals() -> None:
    """Let Ctrl-C be the run's business, and a plain kill ours."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN if number == signal.SIGINT else signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def _end_with_run() -> None:
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
        die_with_parent()
    if not run.is_alive():
        os._exit(1)


def die_with_parent() -> None:
    """Ask the kernel to kill this process when its parent ends."""
    with contextlib.suppress(OSError, AttributeError):
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def keep_memory() -> None:
    """Keep some freed memory for the next image: a thousand page faults an image cost a tenth of the time."""
    with contextlib.suppress(OSError, AttributeError):  # another C library
        import ctypes

        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_THRESHOLD, _LARGEST)
        mallopt(_M_TRIM_THRESHOLD, _KEPT)


def _let_the_server_end() -> None:
    """Close the pipe whose other end the process server watches, so that it ends with the run and not with us."""
    from multiprocessing import forkserver

    server = getattr(forkserver, "_forkserver", None)
    handle = getattr(server, "_forkserver_alive_fd", None)
    if isinstance(handle, int):
        with contextlib.suppress(OSError):
            os.close(handle)
        server._forkserver_alive_fd = None  # type: ignore[union-attr]


def bound_memory(limit: int) -> None:
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
