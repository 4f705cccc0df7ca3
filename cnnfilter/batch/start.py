"""How Pebble's worker processes start: forked where that is safe, else from a server that has imported everything.

A fork of this process takes a millisecond; a new interpreter with its imports takes half a second. It is safe on Linux
while this process has one thread, which it has when the first workers start. Pebble then has threads of its own, so
whoever replaces a dead worker comes from the server.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import sys
from multiprocessing.process import BaseProcess
from typing import Any

from cnnfilter.batch.worker import SIGNALS


class Starter:
    """The part of a multiprocessing context that Pebble asks for."""

    def __init__(self) -> None:
        methods = multiprocessing.get_all_start_methods()
        self._fresh: Any = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
        if "forkserver" in methods:
            self._fresh.set_forkserver_preload(["cnnfilter.batch.local", "cnnfilter.cli"])
        self.Pipe, self.RLock = self._fresh.Pipe, self._fresh.RLock

    def get_start_method(self) -> str:
        """Return how those start that are not forked."""
        method: str = self._fresh.get_start_method()
        return method

    def Process(self, **words: Any) -> BaseProcess:  # noqa: N802 - the name that contexts have
        """Return a process that is not started yet."""
        process: BaseProcess = _Forked(**words) if may_fork() else self._fresh.Process(**words)
        return process


if sys.platform == "linux":
    from multiprocessing.context import ForkProcess

    class _Forked(ForkProcess):
        """A copy of this process. Signals are held back until it has handlers of its own."""

        def start(self) -> None:
            """Fork."""
            before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
            try:
                super().start()
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)


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


def warm_up() -> None:
    """Import what every picture needs, before processes are forked from this one."""
    for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ[name] = "1"
    if not may_fork():
        return
    import ctypes  # noqa: F401 - workers ask the kernel to end with their run

    import numpy as np

    from cnnfilter.images.png import encode_png
    from cnnfilter.images.read import open_picture

    open_picture(encode_png(np.zeros((1, 1, 3), np.uint8))).array()
    gc.freeze()  # what is here stays: a worker that looks through it would copy its pages
