"""The same work on a Dask cluster: an existing scheduler, or workers of our own on this machine.

Scheduler and workers exchange pickles: whoever can reach their ports can run code, so the network between them
must be trusted. ``local:N`` listens on the loopback interface alone.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import msgspec

import cnnfilter
from cnnfilter.batch.records import Planned
from cnnfilter.batch.stores import is_url
from cnnfilter.batch.work import Job, Outcome, do_item, failed
from cnnfilter.errors import MissingExtraError, ParameterError, ResourceError

#: Inputs that travel together: enough to hide the scheduler's milliseconds, few enough to lose.
CHUNK = 8

#: Chunks in flight for each thread of the cluster.
QUEUED = 2

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
            yield from _each(client, job, items, limit, chunk=1 if workers == 1 else CHUNK)

    return each


def _each(client: Any, job: Job, items: Iterable[Planned], limit: int | None, chunk: int) -> Iterator[Outcome]:
    """Keep some chunks in flight, and yield what comes back."""
    import distributed

    waiting = iter(items)
    pending: dict[Any, list[Planned]] = {}
    while True:
        room = QUEUED * max(1, sum(client.nthreads().values())) - len(pending)
        for _ in range(room):
            some = [_in_full(item) for item in islice(waiting, chunk)]
            if not some:
                break
            pending[client.submit(_do_chunk, job, some, limit, cnnfilter.__version__, pure=False)] = some
        if not pending:
            return
        try:
            done = distributed.wait(list(pending), timeout=LOOK_EVERY, return_when="FIRST_COMPLETED").done
        except (TimeoutError, distributed.TimeoutError):
            _check(client)
            continue
        except (distributed.CancelledError, OSError) as error:
            raise _lost(client) from error
        for future in done:
            yield from _outcomes(client, job, future, pending.pop(future))


def _outcomes(client: Any, job: Job, future: Any, items: Sequence[Planned]) -> list[Outcome]:
    """Return what became of a chunk."""
    import distributed

    try:
        return list(future.result())
    except distributed.KilledWorker:
        return [failed(job, item, "the worker was killed, and so were others that tried", again=True) for item in items]
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
    return item if is_url(item.source) else msgspec.structs.replace(item, source=os.path.abspath(item.source))  # noqa: PTH100


def _do_chunk(job: Job, items: Sequence[Planned], limit: int | None, version: str) -> list[Outcome]:
    """Do some items on a worker of the cluster."""
    if version != cnnfilter.__version__:
        raise ResourceError(f"a worker runs cnnfilter {cnnfilter.__version__}, this is {version} (install the same)")
    return [do_item(job, item, limit) for item in items]


@contextlib.contextmanager
def _client(address: str) -> Iterator[Any]:
    """Yield a client of the cluster; one of our own ends with it."""
    import distributed

    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    with contextlib.ExitStack() as stack:
        if address.startswith("local:"):
            cluster = distributed.LocalCluster(
                n_workers=_count(address), threads_per_worker=1, processes=True, dashboard_address=None,
                host="127.0.0.1", silence_logs=logging.CRITICAL,
            )  # fmt: skip
            target: Any = stack.enter_context(cluster)
        else:
            target = address
        try:
            client = stack.enter_context(distributed.Client(target, timeout="10s"))
        except (OSError, TimeoutError, ValueError) as error:
            raise ResourceError(f"no Dask scheduler answers at {address} (start one, or use local:2)") from error
        yield client


def _count(address: str) -> int:
    """Return the N of ``local:N``."""
    text = address.removeprefix("local:")
    if not text.isdecimal() or not 1 <= int(text) <= 1024:
        raise ParameterError(f"--cluster {address}: local: takes a number of workers, as in local:4")
    return int(text)
