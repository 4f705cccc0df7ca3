"""The same work on a Dask cluster: an existing scheduler, or workers of our own on this machine.

Scheduler and workers exchange pickles: whoever can reach their ports can run code, so the network between them
must be trusted. ``local:N`` listens on the loopback interface alone.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import msgspec

import cnnfilter
from cnnfilter.batch.item import Job, Outcome, do_item, failed
from cnnfilter.batch.place import seen_from_anywhere
from cnnfilter.batch.records import Planned
from cnnfilter.batch.worker import keep_memory
from cnnfilter.errors import MissingExtraError, ParameterError, ResourceError

#: Inputs that travel together: enough to hide the scheduler's milliseconds, few enough to lose. So many at first, and
#: then about so many seconds' worth.
CHUNK, LARGEST_CHUNK = 4, 200
CHUNK_SECONDS = 0.5

#: Chunks in flight for each thread of the cluster.
QUEUED = 2

#: Exit code of a worker whose image took too long.
OVERDUE = 75

#: Seconds between two looks at whether the scheduler is still there.
LOOK_EVERY = 5.0


def each_on(address: str) -> Callable[..., Iterator[Outcome]]:
    """Return the engine that computes on the cluster at an address, or on ``local:N``.

    Raises
    ------
    MissingExtraError
        If Dask is not installed.
    ParameterError
        If N is no number of workers.
    """
    try:
        import distributed  # noqa: F401 - whether it is there
    except ImportError:
        raise MissingExtraError("--cluster needs Dask (pip install 'cnnfilter[dask]')") from None
    if address.startswith("local:"):
        _count(address)

    def each(
        job: Job, items: Iterable[Planned], *, workers: int, limit: int | None, timeout: float
    ) -> Iterator[Outcome]:
        """Do the items; yield outcomes as they come. A worker that dies has its chunk done by another."""
        with _client(address) as client:
            yield from _Chunks(client, job, limit, timeout, alone=workers == 1).each(iter(items))

    return each


class _Chunks:
    """Chunks of inputs in flight, as long as the time that the last ones took suggests."""

    def __init__(self, client: Any, job: Job, limit: int | None, timeout: float, *, alone: bool) -> None:
        self.client, self.job, self.limit, self.timeout, self.alone = client, job, limit, timeout, alone
        self.size = 1 if alone else CHUNK
        self.pending: dict[Any, list[Planned]] = {}

    def each(self, items: Iterator[Planned]) -> Iterator[Outcome]:
        """Keep some chunks in flight, and yield what comes back."""
        import distributed

        while self._submit(items):
            with _lost_if_silent(self.client):
                try:
                    done = distributed.wait(list(self.pending), timeout=LOOK_EVERY, return_when="FIRST_COMPLETED").done
                except TimeoutError:
                    _check(self.client)
                    continue
            for future in done:
                yield from self._outcomes(future, self.pending.pop(future))

    def _submit(self, items: Iterator[Planned]) -> bool:
        """Send chunks while there is room; say whether there is anything to wait for."""
        with _lost_if_silent(self.client):
            room = QUEUED * max(1, sum(self.client.nthreads().values())) - len(self.pending)
        for _ in range(room):
            some = [_in_full(item) for item in islice(items, self.size)]
            if not some:
                break
            words = (self.job, some, self.limit, self.timeout, cnnfilter.__version__)
            self.pending[self.client.submit(_do_chunk, *words, pure=False)] = some
        return bool(self.pending)

    def _outcomes(self, future: Any, items: Sequence[Planned]) -> list[Outcome]:
        """Return what became of a chunk."""
        import distributed

        try:
            with _lost_if_silent(self.client):
                seconds, outcomes = future.result()
        except distributed.KilledWorker:
            why = f"its worker was killed, or it took longer than {self.timeout:g} seconds (--timeout raises the limit)"
            return [failed(self.job, item, why, again=True) for item in items]
        if not self.alone:
            wanted = int(CHUNK_SECONDS * len(items) / max(seconds, 1e-6))
            self.size = max(1, min(wanted, 2 * self.size, LARGEST_CHUNK))
        return list(outcomes)


@contextlib.contextmanager
def _lost_if_silent(client: Any) -> Iterator[None]:
    """Say that the scheduler is gone if it does not answer in the block."""
    import distributed

    try:
        yield
    except (distributed.CancelledError, OSError) as error:
        raise _lost(client) from error


def _check(client: Any) -> None:
    """Raise if the scheduler is gone."""
    if client.status != "running":
        raise _lost(client)


def _lost(client: Any) -> ResourceError:
    """Return the error that says so."""
    address = getattr(client.scheduler, "address", "") if client.scheduler else ""
    return ResourceError(f"the scheduler {address} is gone (start it again, then use --resume)")


def _in_full(item: Planned) -> Planned:
    """Return an input whose path means the same in another folder."""
    return msgspec.structs.replace(item, source=seen_from_anywhere(item.source))


def _do_chunk(
    job: Job, items: Sequence[Planned], limit: int | None, timeout: float, version: str
) -> tuple[float, list[Outcome]]:
    """Do some items on a worker of the cluster; return the seconds that they took, and the outcomes."""
    if version != cnnfilter.__version__:
        raise ResourceError(f"a worker runs cnnfilter {cnnfilter.__version__}, this is {version} (install the same)")
    keep_memory()
    began = time.perf_counter()
    outcomes = []
    for item in items:
        with _in_time(timeout):
            outcomes.append(do_item(job, item, limit))
    return time.perf_counter() - began, outcomes


@contextlib.contextmanager
def _in_time(seconds: float) -> Iterator[None]:
    """End this process if the block takes longer: nothing else stops a library; Dask's nanny starts another."""
    watch = threading.Timer(seconds, os._exit, [OVERDUE])
    watch.daemon = True
    watch.start()
    try:
        yield
    finally:
        watch.cancel()


@contextlib.contextmanager
def _client(address: str) -> Iterator[Any]:
    """Yield a client of the cluster; one of our own ends with it."""
    import dask
    import distributed

    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    with contextlib.ExitStack() as stack:
        if address.startswith("local:"):
            stack.enter_context(dask.config.set(_own_settings()))
            try:
                cluster = distributed.LocalCluster(
                    n_workers=_count(address), threads_per_worker=1, processes=True,
                    host="127.0.0.1", dashboard_address="127.0.0.1:0", scheduler_kwargs={"dashboard": False},
                    silence_logs=logging.CRITICAL,
                )  # fmt: skip
                target: Any = stack.enter_context(cluster)
            except RuntimeError as error:  # a worker died before it was one
                raise ResourceError(f"no worker can be started: {error}") from error
        else:
            target = address
        try:
            client = stack.enter_context(distributed.Client(target, timeout="10s"))
        except (OSError, TimeoutError, ValueError) as error:
            raise ResourceError(f"no Dask scheduler answers at {address} (start one, or use local:2)") from error
        yield client


def _own_settings() -> dict[str, Any]:
    """Return Dask's settings for workers of our own: no second try, for we try again alone; imports are done once.

    Dask samples every worker's stack a hundred times a second and its own clock fifty times, for a dashboard that is
    not there: with that, work takes a twentieth longer.
    """
    settings: dict[str, Any] = {
        "distributed.scheduler.allowed-failures": 0,
        "distributed.worker.profile.enabled": False,
        "distributed.admin.tick.interval": "1s",
    }
    if "forkserver" in multiprocessing.get_all_start_methods():
        settings["distributed.worker.multiprocessing-method"] = "forkserver"
    return settings


def _count(address: str) -> int:
    """Return the N of ``local:N``."""
    text = address.removeprefix("local:")
    if not text.isdecimal() or not 1 <= int(text) <= 1024:
        raise ParameterError(f"--cluster {address}: local: takes a number of workers, as in local:4")
    return int(text)
