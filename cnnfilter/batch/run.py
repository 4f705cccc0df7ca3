"""The run: plan, compute, remember; a rerun skips what is done and unchanged."""

from __future__ import annotations

import contextlib
import math
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import cnnfilter
from cnnfilter.batch.inputs import STATE_FOLDER, Skips, counted, find
from cnnfilter.batch.item import Job, Outcome, each_frame
from cnnfilter.batch.ledger import Ledger
from cnnfilter.batch.place import JOURNAL, Place, held, is_owned, open_ledger, state_files
from cnnfilter.batch.plan import write_plan
from cnnfilter.batch.recipe import Recipe, endings_of, fingerprint
from cnnfilter.batch.records import DONE, Planned, Record
from cnnfilter.batch.roots import Filters, Root
from cnnfilter.batch.stores import in_this_process_only
from cnnfilter.errors import OutputError, ParameterError, ResourceError
from cnnfilter.files import printable
from cnnfilter.images.frames import ALL

#: Failures that are kept for the list at the end; the manifest has them all.
LISTED = 1000

#: Kinds of notes that are kept for the end.
KINDS = 20
_DIGITS = re.compile(r"[0-9]+")

#: Seconds between two copies of the journal to a store; more where one takes long, so that it is a twentieth at most.
COPY_EVERY = 60.0
SHARE = 20

#: What an engine is: items in, outcomes out, in any order.
Engine = Callable[..., Iterator[Outcome]]


@dataclass(frozen=True, kw_only=True)
class Setup:
    """Everything about a run but the recipe.

    Attributes
    ----------
    jobs
        Worker processes; 0 works in this process.
    max_memory
        Bytes that all images in flight may take together.
    timeout
        Seconds that one image may take.
    cluster
        Address of a Dask scheduler, or ``local:N``.
    reads, writes
        Files that the run reads or writes beside inputs and results, such as kernels and tables.
    """

    roots: Sequence[Root]
    place: Place
    filters: Filters = field(default_factory=Filters)
    resume: bool = False
    overwrite: bool = False
    jobs: int = 1
    max_memory: int | None = None
    timeout: float = 300.0
    cluster: str | None = None
    reads: Sequence[str] = ()
    writes: Sequence[Path] = ()


@dataclass
class Noted:
    """What is to be known about some inputs: the first of them, what is said of it, and how many there are.

    Notes that differ in their numbers alone are of one kind.
    """

    key: str
    note: str
    count: int = 0


@dataclass
class Totals:
    """The count so far."""

    planned: int = 0
    ok: int = 0
    kept: int = 0
    failed: int = 0
    skips: Counter[str] = field(default_factory=Counter)
    failures: list[Record] = field(default_factory=list)
    notes: dict[str, Noted] = field(default_factory=dict)
    stopped: str = ""

    @property
    def skipped(self) -> int:
        """Inputs that were done before, and things that are no inputs."""
        return self.kept + self.skips.total()

    @property
    def finished(self) -> int:
        """Inputs that need nothing more."""
        return self.ok + self.kept + self.failed


class Observer(Protocol):
    """Whoever wants to know how the run goes."""

    def begin(self, totals: Totals) -> None:
        """Everything is planned."""
        ...

    def kept(self, item: Planned, totals: Totals) -> None:
        """An input was done before, and is unchanged."""
        ...

    def outcome(self, record: Record, totals: Totals) -> None:
        """An input came out one way or the other."""
        ...


def run_batch(setup: Setup, recipe: Recipe, observer: Observer, finish: Callable[[Ledger], None]) -> Totals:
    """Do everything that a setup asks for.

    Parameters
    ----------
    setup
        Inputs, output, and how to work.
    recipe
        What to do with each input.
    observer
        Is told how it goes.
    finish
        Called at the end, while the output is still locked: writes manifest and tables.

    Raises
    ------
    OutputError
        If the output is not free to write to; nothing has been written then.
    ResourceError
        If it cannot be written to.
    """
    place = setup.place
    engine = engine_of(setup)
    used = place.check(setup.roots, setup.filters, allowed=setup.resume or setup.overwrite)
    with held(place), open_ledger(place, resume=setup.resume) as ledger:
        job = Job(recipe, place.seen_from_anywhere(), fingerprint(recipe))
        if is_owned(place):
            place.sweep()
        with ledger.renewing(fresh=not setup.resume):
            totals = _planned(setup, recipe, ledger, used)
            ledger.begin(_words(setup, job, totals))
            if not setup.resume:
                (place.state / JOURNAL).unlink(missing_ok=True)
        ledger.follow()
        observer.begin(totals)
        try:
            _Run(setup, job, engine, ledger, observer, totals).all()
            if not totals.stopped:
                finish(ledger)
        except (OutputError, ResourceError) as error:  # a full disk, or a folder that was taken away meanwhile
            totals.stopped = str(error)
        finally:
            with contextlib.suppress(OutputError, ResourceError):  # what is missing may be why it stopped
                export(ledger, place)
    return totals


def export(ledger: Ledger, place: Place) -> None:
    """Write the journal beside the results."""
    path = place.own(f"{STATE_FOLDER}/{JOURNAL}")
    ledger.export(path)
    place.publish(path, f"{STATE_FOLDER}/{JOURNAL}")


class _Copies:
    """Keeps the journal of a store beside the results there, for others to go on from."""

    def __init__(self, ledger: Ledger, place: Place) -> None:
        self.ledger, self.place = ledger, place
        self.next = time.monotonic() if place.root is None else math.inf

    def look(self) -> None:
        """Copy where it is time."""
        began = time.monotonic()
        if began >= self.next:
            export(self.ledger, self.place)
            now = time.monotonic()
            self.next = now + max(COPY_EVERY, SHARE * (now - began))


def _planned(setup: Setup, recipe: Recipe, ledger: Ledger, used: bool) -> Totals:
    """Write the plan, and count."""
    skips = Skips()
    found = find(setup.roots, setup.filters, skips)
    if recipe.reading.frame == ALL:
        found = each_frame(found)
    lists = (root.path for root in setup.roots if root.kind == "list")
    count = write_plan(
        ledger, found, endings_of(recipe), root=setup.place.root, used=used,
        reads=(*recipe.reads, *setup.reads, *lists), writes=(*setup.writes, *state_files(setup.place)),
    )  # fmt: skip
    if not count:
        passed = ", ".join(counted(skips.counts))
        raise ParameterError(
            f"no picture was found{f' ({passed})' if passed else ''}: --include '*' takes every file, whatever its name"
        )
    return Totals(planned=count, skips=skips.counts)


def _words(setup: Setup, job: Job, totals: Totals) -> dict[str, object]:
    """Return what the journal says about a run."""
    return {
        "program": "cnnfilter", "version": cnnfilter.__version__, "job": job.digest, "planned": totals.planned,
        "passed over": dict(totals.skips), "inputs": [printable(root.path) for root in setup.roots],
        "parameters": job.recipe.parameters,
    }  # fmt: skip


def engine_of(setup: Setup) -> Engine:
    """Return what computes: this process, worker processes, or a cluster."""
    if setup.cluster is not None:
        from cnnfilter.batch.cluster import each_on

        return each_on(setup.cluster)
    from cnnfilter.batch.workers import each_here, each_local

    here = setup.jobs == 0 or any(
        in_this_process_only(text) for text in (setup.place.name, *(r.path for r in setup.roots))
    )
    return each_here if here else each_local


class _Run:
    """One pass over the plan, and one over what is worth another try."""

    def __init__(
        self, setup: Setup, job: Job, engine: Engine, ledger: Ledger, observer: Observer, totals: Totals
    ) -> None:
        self.setup, self.job, self.engine, self.ledger = setup, job, engine, ledger
        self.observer, self.totals = observer, totals
        self.copies = _Copies(ledger, setup.place)
        self.flying: dict[str, str] = {}
        self.dirty: set[str] = set()

    def all(self) -> None:
        """Do every input of the plan; those that died or were too large for a share again, alone."""
        again: list[Planned] = []
        share = None if self.setup.max_memory is None else self.setup.max_memory // max(1, self.setup.jobs)
        try:
            self._pass(self._open_items(), again, self.setup.jobs, share)
            if again and not self.totals.stopped:
                self._pass(iter(again), None, 1, self.setup.max_memory)
        except ResourceError as error:
            self.totals.stopped = str(error)
        finally:
            self.setup.place.sweep({STATE_FOLDER, *self.flying.values(), *self.dirty})

    def _open_items(self) -> Iterator[Planned]:
        """Yield what is not done yet."""
        for _, item in self.ledger.items():
            if self._is_done(item):
                self.totals.kept += 1
                self.observer.kept(item, self.totals)
            else:
                yield item

    def _is_done(self, item: Planned) -> bool:
        """Say whether an input was done with these parameters, is unchanged, and its results are there."""
        record = self.ledger.get(item.key)
        if record is None or (record.job, record.state) != (self.job.digest, DONE):
            return False
        if (record.size, record.stamp) != (item.size, item.stamp) or item.reason:
            return False
        return self._same_place(item, record) and all(map(self.setup.place.holds, record.outputs))

    def _same_place(self, item: Planned, record: Record) -> bool:
        """Say whether the results went where the plan has them now."""
        prefix = f"{item.folder}/" if item.folder else ""
        return {one.path for one in record.outputs} == {
            prefix + name for name in endings_of(self.job.recipe).names(item.stem)
        }

    def _pass(self, items: Iterator[Planned], again: list[Planned] | None, workers: int, limit: int | None) -> None:
        """Do the items; collect what is worth another try where there is one."""
        outcomes = self.engine(self.job, self._noted(items), workers=workers, limit=limit, timeout=self.setup.timeout)
        try:
            for outcome in outcomes:
                if outcome.stop:
                    self.totals.stopped = outcome.record.reason
                    return
                folder = self.flying.pop(outcome.item.key)
                if outcome.again:
                    self.dirty.add(folder)  # swept when nobody writes there any more
                if outcome.again and again is not None:
                    again.append(outcome.item)
                else:
                    self._take(outcome.record)
        finally:
            getattr(outcomes, "close", lambda: None)()

    def _noted(self, items: Iterator[Planned]) -> Iterator[Planned]:
        """Pass items on, and remember where unfinished files may lie."""
        for item in items:
            self.flying[item.key] = item.folder
            yield item

    def _take(self, record: Record) -> None:
        """Remember and count one record."""
        self.ledger.add(record)
        self.copies.look()
        for note in record.notes:
            kind = _DIGITS.sub("0", note)
            if len(self.totals.notes) < KINDS:
                self.totals.notes.setdefault(kind, Noted(record.key, note))
            if kind in self.totals.notes:
                self.totals.notes[kind].count += 1
        if record.state == DONE:
            self.totals.ok += 1
        else:
            self.totals.failed += 1
            if len(self.totals.failures) < LISTED:
                self.totals.failures.append(record)
        self.observer.outcome(record, self.totals)
