"""A crew of worker processes, each with a pipe of its own: no lock is shared, so no death can hold up the others.

Where it is safe, workers are forked from this process, which has everything imported: that takes a millisecond, a new
interpreter with its imports half a second. It is safe on Linux while this process has one thread.
"""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any

from cnnfilter.batch.records import Planned
from cnnfilter.batch.work import Job, Outcome
from cnnfilter.batch.worker import SIGNALS, serve

#: Inputs that wait at a worker's door beside the one that it does: few where one takes long, so that none waits for
#: a worker while another is idle at the end.
WAITING = 1
WAITING_SHORT = 3

#: Seconds that a short one takes at most.
SHORT = 0.05

#: Seconds that workers get to end by themselves.
PATIENCE = 1.0


class Worker:
    """One process, its pipe, and what it was given: the first of that is what it does now."""

    def __init__(self, job: Job, limit: int | None, others: list[Connection]) -> None:
        """Start the process; `others` are our ends of the other workers' pipes."""
        self.pipe, theirs = multiprocessing.Pipe()
        self.given: deque[Planned] = deque()
        self.since = time.monotonic()
        self.took = SHORT * 2
        forked = may_fork()
        context = start_context(forked)
        ends, parent = ([self.pipe, *others], os.getpid()) if forked else ([], 0)
        with _held_signals() if forked else contextlib.nullcontext():
            self.process = context.Process(target=serve, args=(theirs, job, limit, ends, parent), daemon=True)
            self.process.start()
        theirs.close()

    @property
    def has_room(self) -> bool:
        """Say whether it may be given one more."""
        return len(self.given) <= (WAITING_SHORT if self.took < SHORT else WAITING)

    def give(self, item: Planned) -> None:
        """Give it one more; should it be dead, that shows when it is asked for results."""
        if not self.given:
            self.since = time.monotonic()
        self.given.append(item)
        with contextlib.suppress(OSError):
            self.pipe.send(item)

    def take(self) -> Outcome | None:
        """Return what came out of the first input that it was given; None if the process is dead."""
        try:
            outcome: Outcome = self.pipe.recv()
        except (EOFError, OSError):
            return None
        now = time.monotonic()
        self.since, self.took = now, now - self.since
        self.given.popleft()
        return outcome

    def end(self, *, kill: bool) -> int | None:
        """End the process; return its exit code."""
        if kill:
            self.process.kill()
        self.pipe.close()
        self.process.join(PATIENCE)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        code: int | None = self.process.exitcode
        return code


def warm_up() -> None:
    """Import what every picture needs, before processes are forked from this one."""
    import ctypes  # noqa: F401 - workers ask the kernel to end with their run

    import numpy as np

    from cnnfilter.images.png import encode_png
    from cnnfilter.images.read import open_picture

    open_picture(encode_png(np.zeros((1, 1, 3), np.uint8))).array()
    gc.freeze()  # what is here stays: a worker that looks through it would copy its pages


def may_fork() -> bool:
    """Say whether a process forked from this one can do everything.

    Not if a thread may hold a lock, which would stay locked in the copy; and not if an object store or an archive is
    open, whose connections and positions the copies would share.
    """
    if sys.platform != "linux" or "fsspec" in sys.modules:
        return False
    try:
        return len(os.listdir("/proc/self/task")) == 1  # noqa: PTH208 - names are enough
    except OSError:
        return False


def start_context(forked: bool) -> Any:
    """Return how processes start: by a fork, from a server that has imported everything, or as a new interpreter."""
    if forked:
        return multiprocessing.get_context("fork")
    methods = multiprocessing.get_all_start_methods()
    if "forkserver" not in methods:
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["cnnfilter.batch.worker", "cnnfilter.cli"])
    return context


@contextlib.contextmanager
def _held_signals() -> Iterator[None]:
    """Hold signals back while a process is forked, until it has handlers of its own."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
