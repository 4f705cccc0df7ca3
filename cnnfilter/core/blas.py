"""BLAS in one thread: strips are the parallelism, and one thread adds up in one order.

Nothing here loads NumPy, because what decides about the threads of BLAS is said before NumPy is loaded.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from functools import cache
from typing import Any

#: What the builds of BLAS read when they are loaded, and never again.
_VARIABLES = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")
#: Says, here and in processes that are started from here, that the others were there before BLAS was.
_BEGAN = "CNNFILTER_BLAS_BEGAN_IN_ONE_THREAD"


def begin_in_one_thread() -> None:
    """Let BLAS begin with one thread, in this process and those that it starts, unless NumPy is loaded already."""
    if "numpy" not in sys.modules:
        os.environ.update(dict.fromkeys((*_VARIABLES, _BEGAN), "1"))


class _BlasGuard:
    """Counts who needs BLAS in one thread: the first one in notes how many there were, the last one out restores it.

    The limit is set through the library itself: threadpoolctl's own contexts do nothing in a second Python thread
    where a first one has used them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._before: list[tuple[Any, int]] = []

    def enter(self) -> None:
        with self._lock:
            if not self._users:
                self._before = [(library, library.num_threads) for library in _blas_libraries()]
            self._users += 1
            for library, _ in self._before:  # every time: OpenMP keeps a limit for each thread
                _limit(library, 1)

    def leave(self) -> None:
        with self._lock:
            self._users -= 1
            if not self._users:
                self._restore()

    def hold(self) -> None:
        """Let no other thread be at it while the process forks."""
        self._lock.acquire()

    def release(self) -> None:
        """Go on after a fork."""
        self._lock.release()

    def forget(self) -> None:
        """Start anew in a forked process: it has the count, but not the threads that were counted."""
        if self._users:
            self._users = 0
            self._restore()
        self._lock.release()

    def _restore(self) -> None:
        for library, count in self._before:
            _limit(library, count)


def _limit(library: Any, count: int) -> None:
    """Give a BLAS library so many threads, whichever thread set its limit before."""
    release = getattr(library, "clear_controlling_thread", None)  # threadpoolctl has it from 3.7 on
    if release is not None:
        release(force=True)
    library.set_num_threads(count)
    if release is not None:
        release(force=True)


_GUARD = _BlasGuard()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_GUARD.hold, after_in_parent=_GUARD.release, after_in_child=_GUARD.forget)


@cache
def _blas_libraries() -> list[Any]:
    """Look once for the BLAS libraries that are loaded."""
    from threadpoolctl import ThreadpoolController  # only array users pay for it

    return list(ThreadpoolController().select(user_api="blas").lib_controllers)


@contextlib.contextmanager
def blas_in_one_thread() -> Iterator[None]:
    """Hold BLAS to one thread: the strips are the parallelism, and one thread adds up in one order."""
    if all(os.environ.get(name) == "1" for name in (_BEGAN, *_VARIABLES)):
        yield
        return
    _GUARD.enter()
    try:
        yield
    finally:
        _GUARD.leave()
