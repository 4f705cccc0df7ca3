"""How worker processes start: forked where that is safe, else from a server that has imported everything.

A fork of this process takes a millisecond; a new interpreter with its imports takes half a second. A fork is safe on
Linux while this process has one thread, which it has whenever a pool of workers is started.
"""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, MutableSequence
from multiprocessing.process import BaseProcess
from multiprocessing.sharedctypes import RawArray
from typing import Any, NamedTuple

from cnnfilter.batch.worker import SIGNALS, sit_down
from cnnfilter.core.blas import begin_in_one_thread
from cnnfilter.errors import CnnFilterError

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
            self._context.set_forkserver_preload(["cnnfilter.batch.local", "cnnfilter.cli"])
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
