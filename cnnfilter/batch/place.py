"""Where results go: a folder or a store, the folder that remembers what went there, and who may write to it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from platformdirs import user_state_path

from cnnfilter.batch.inputs import STATE_FOLDER, refuse_nested
from cnnfilter.batch.ledger import Ledger
from cnnfilter.batch.records import DONE, FAILED, Written, digest_of
from cnnfilter.batch.roots import Filters, Root, is_url
from cnnfilter.batch.stores import check_output, fetch_object, join_url, object_facts, read_object, write_object
from cnnfilter.errors import OutputError, ResourceError
from cnnfilter.files import PART_SUFFIX, output_error, quoted

LEDGER, JOURNAL, LOCK = "ledger.sqlite", "journal.jsonl", "lock"


class Place(Protocol):
    """Where the results of a run go, whatever keeps them."""

    @property
    def name(self) -> str:
        """The folder or URL as the user said it."""
        ...

    @property
    def state(self) -> Path:
        """The folder on this machine that remembers."""
        ...

    @property
    def root(self) -> Path | None:
        """The folder of the results, where it is one on this machine."""
        ...

    def check(self, roots: Iterable[Root], filters: Filters, *, allowed: bool) -> bool:
        """Say whether something is there already; raise unless it may be written to."""
        ...

    def fetch_journal(self) -> Path | None:
        """Return a copy of the journal beside the results, if there is one."""
        ...

    def writing(self, folder: str) -> contextlib.AbstractContextManager[Path]:
        """Yield the folder on this machine that results for a folder of the tree are written to."""
        ...

    def put(self, local: Path, one: Written) -> Written:
        """Bring a result to its place; return it with what tells it from what others may put there."""
        ...

    def holds(self, one: Written) -> bool:
        """Say whether a result is there as it was written."""
        ...

    def own(self, name: str) -> Path:
        """Return the file on this machine that something of the run's own is written to, such as a manifest."""
        ...

    def publish(self, local: Path, name: str) -> None:
        """Bring such a file to its place."""
        ...

    def address(self, name: str) -> str:
        """Return the path or URL of something below."""
        ...

    def sweep(self, folders: Iterable[str] | None = None) -> None:
        """Delete what a killed run left unfinished, in some folders of the tree or in all."""
        ...

    def seen_from_anywhere(self) -> Place:
        """Return the same place for a process that works in another folder."""
        ...


def place_of(output: str) -> Place:
    """Return the place that a text names."""
    return Store(output) if is_url(output) else Folder(output)


@dataclass(frozen=True)
class Folder:
    """A folder on this machine."""

    name: str

    @property
    def root(self) -> Path:
        """The folder itself."""
        return Path(self.name)

    @property
    def state(self) -> Path:
        """A hidden folder below."""
        return Path(self.name, STATE_FOLDER)

    def check(self, roots: Iterable[Root], filters: Filters, *, allowed: bool) -> bool:
        """Say whether something is in the folder already.

        Raises
        ------
        OutputError
            If it is a file, or searched for inputs, or holds what no run of ours put there and that is not allowed.
        """
        refuse_nested(roots, self.name, filters)
        if os.path.lexists(self.root) and not self.root.is_dir():
            raise OutputError(f"{quoted(self.root)} is a file (batch writes to a folder: choose another -o)")
        try:
            used = self.root.is_dir() and next(self.root.iterdir(), None) is not None
        except OSError as error:
            raise output_error(error, self.root) from error
        if used and not (allowed or is_owned(self)):
            raise OutputError(
                f"{quoted(self.root)} is not empty, and no batch wrote it "
                "(choose a new folder, or say --overwrite to write into this one)"
            )
        return used

    def fetch_journal(self) -> Path | None:
        """Return the journal in the folder of the state, if there is one."""
        path = self.own(f"{STATE_FOLDER}/{JOURNAL}")
        return path if path.is_file() else None

    @contextlib.contextmanager
    def writing(self, folder: str) -> Iterator[Path]:
        """Yield the folder itself."""
        path = Path(self.name, folder)
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise output_error(error, path) from error
        yield path

    def put(self, local: Path, one: Written) -> Written:
        """Return the result: it is where it was written."""
        return one

    def holds(self, one: Written) -> bool:
        """Compare size and digest."""
        path = Path(self.name, one.path)
        try:
            return path.stat().st_size == one.size and digest_of(path) == (one.size, one.digest)
        except (OSError, ResourceError):
            return False

    def own(self, name: str) -> Path:
        """Return the file itself."""
        return Path(self.name, name)

    def publish(self, local: Path, name: str) -> None:
        """Do nothing: it is where it was written."""

    def address(self, name: str) -> str:
        """Return a path."""
        return str(Path(self.name, name))

    def sweep(self, folders: Iterable[str] | None = None) -> None:
        """Delete unfinished files below the folder."""
        sweep(self.root, folders)

    def seen_from_anywhere(self) -> Folder:
        """Return the folder by its whole path."""
        return replace(self, name=os.path.abspath(self.name))  # noqa: PTH100 - links stay


@dataclass(frozen=True)
class Store:
    """A store behind a URL; what is remembered of it lies in the user's state folder."""

    name: str

    @property
    def root(self) -> None:
        """None on this machine."""
        return None

    @property
    def state(self) -> Path:
        """A folder of its own for each URL."""
        digest = hashlib.sha256(self.name.rstrip("/").encode("utf-8", "surrogateescape")).hexdigest()[:16]
        return user_state_path("cnnfilter") / "batch" / digest

    def check(self, roots: Iterable[Root], filters: Filters, *, allowed: bool) -> bool:
        """Raise if nothing can be written there; what is there already is not looked at."""
        check_output(self.name)
        return False

    def fetch_journal(self) -> Path | None:
        """Bring the journal beside the results to this machine."""
        path = self.own(f"{STATE_FOLDER}/{JOURNAL}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            return path if fetch_object(self.address(f"{STATE_FOLDER}/{JOURNAL}"), path) else None
        except OSError as error:
            raise output_error(error, path) from error

    @contextlib.contextmanager
    def writing(self, folder: str) -> Iterator[Path]:
        """Yield a folder that goes away."""
        with tempfile.TemporaryDirectory(prefix="cnnfilter-") as path:
            yield Path(path)

    def put(self, local: Path, one: Written) -> Written:
        """Send a result; note its tag."""
        url = self.address(one.path)
        write_object(local, url)
        return Written(one.path, one.size, one.digest, (object_facts(url) or (0, ""))[1])

    def holds(self, one: Written) -> bool:
        """Compare the size, and the tag or time where the store tells one."""
        facts = object_facts(self.address(one.path))
        return facts is not None and facts[0] == one.size and (not one.tag or facts[1] == one.tag)

    def own(self, name: str) -> Path:
        """Return a file in the folder that remembers."""
        return self.state / Path(name).name

    def publish(self, local: Path, name: str) -> None:
        """Send such a file."""
        write_object(local, self.address(name))

    def address(self, name: str) -> str:
        """Return a URL."""
        return join_url(self.name, name)

    def sweep(self, folders: Iterable[str] | None = None) -> None:
        """Delete what was left in the folder that remembers: results appear whole or not at all."""
        sweep(self.state, ("",))

    def seen_from_anywhere(self) -> Store:
        """Return the store: a URL is the same everywhere."""
        return self


def content_of(source: str) -> Path | bytes:
    """Return what a picture is opened from: a file's path, or what an object holds.

    Raises
    ------
    ImageError
        If an object cannot be read.
    """
    return read_object(source) if is_url(source) else Path(source)


def seen_from_anywhere(source: str) -> str:
    """Return an input for a process that works in another folder."""
    return source if is_url(source) else os.path.abspath(source)  # noqa: PTH100 - links stay


def is_owned(place: Place) -> bool:
    """Say whether an earlier run wrote to a place, as far as this machine knows."""
    ledger = place.state / LEDGER
    return (ledger.is_file() and ledger.stat().st_size > 0) or (place.state / JOURNAL).is_file()


def state_files(place: Place) -> tuple[Path, ...]:
    """Return the files that a run keeps beside its results."""
    return tuple(place.state / name for name in (LEDGER, JOURNAL))


@contextlib.contextmanager
def held(place: Place) -> Iterator[None]:
    """Make the folders of a place and hold its lock; what was made for a run that never began is taken away again.

    Raises
    ------
    ResourceError
        If the folder cannot be written to.
    OutputError
        If another run is writing there.
    """
    root, state = place.root or place.state, place.state
    made = [path for path in dict.fromkeys((*reversed(root.parents), root, state)) if not path.exists()]
    with contextlib.ExitStack() as stack:
        stack.callback(_tidy, place, made)
        try:
            state.mkdir(parents=True, exist_ok=True)
            file = stack.enter_context((state / LOCK).open("wb"))
        except OSError as error:
            raise output_error(error, root) from error
        _lock(file.fileno(), root)
        yield


def _tidy(place: Place, made: list[Path]) -> None:
    """Take away what was made for a run that never began."""
    if is_owned(place):
        return
    with contextlib.suppress(OSError):  # not empty: not ours to take away
        for name in (LEDGER, LOCK):
            (place.state / name).unlink(missing_ok=True)
        for path in reversed(made):
            path.rmdir()


def _lock(handle: int, folder: Path) -> None:
    """Take the lock, which ends with the process however that ends."""
    try:
        import fcntl
    except ImportError:  # no such locks on this system
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise OutputError(
            f"{quoted(folder)}: another batch is writing there (wait for it, or choose another -o)"
        ) from None


def open_ledger(place: Place, *, resume: bool) -> Ledger:
    """Return the ledger of a place, with what a journal beside the results knows and it does not."""
    ledger = Ledger(place.state / LEDGER)
    try:
        if resume and (journal := place.fetch_journal()) is not None and not ledger.knows(journal):
            ledger.take(journal)
    except BaseException:
        ledger.close()
        raise
    return ledger


#: Failures that are named.
LISTED = 50


def status_of(output: str) -> dict[str, Any]:
    """Return the counts of a place's ledger, or of the journal beside the results.

    Raises
    ------
    OutputError
        If no batch wrote there.
    """
    place = place_of(output)
    journal = place.fetch_journal()
    with _readable(place, journal) as ledger:
        runs = ledger.runs()
        last = runs[-1] if runs else {}
        job = str(last.get("job", ""))
        counts = ledger.counts(job)
        failures = [_named(record.key, record.reason) for record in ledger.failures(job, LISTED)]
    planned, done, failed = int(last.get("planned", 0)), counts.get(DONE, 0), counts.get(FAILED, 0)
    return {
        "output": output, "planned": planned, "done": done, "failed": failed, "to do": max(0, planned - done),
        "runs": len(runs), "version": last.get("version", ""), "job": job, "failures": failures,
    }  # fmt: skip


def _readable(place: Place, journal: Path | None) -> Ledger:
    """Return the ledger on this machine, or one in memory that holds a journal which goes beyond it."""
    path = place.state / LEDGER
    ledger = Ledger(path, only_read=True) if path.is_file() and path.stat().st_size else None
    if ledger is not None and (journal is None or ledger.knows(journal)):
        return ledger
    if ledger is not None:
        ledger.close()
    if journal is None:
        raise OutputError(f"{quoted(place.name)}: no batch wrote here, so there is nothing to tell")
    held_here = Ledger()
    held_here.take(journal)
    return held_here


def _named(key: str, reason: str) -> str:
    """Return why an input failed, with its name in front unless the reason has it."""
    return reason if quoted(key) in reason else f"{quoted(key)}: {reason or 'failed'}"


def sweep(top: Path, folders: Iterable[str] | None = None) -> int:
    """Delete unfinished files that a killed run left behind; return how many.

    Parameters
    ----------
    top
        The output folder.
    folders
        Look only into these folders below it; into all of them where None.
    """
    count = 0
    tops = [top] if folders is None else [top / folder for folder in set(folders)]
    while tops:
        try:
            entries = list(os.scandir(tops.pop()))
        except OSError:
            continue
        for entry in entries:
            if entry.name.endswith(PART_SUFFIX) and entry.name.startswith("."):
                with contextlib.suppress(OSError):
                    Path(entry.path).unlink()
                    count += 1
            elif folders is None and entry.is_dir(follow_symlinks=False):
                tops.append(Path(entry.path))
    return count
