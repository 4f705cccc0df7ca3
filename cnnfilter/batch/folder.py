"""The folder of results: its state, its lock, and how results and records reach a store from it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cnnfilter.batch.inputs import STATE_FOLDER
from cnnfilter.batch.stores import fetch_object, join_url, write_object
from cnnfilter.errors import OutputError
from cnnfilter.files import PART_SUFFIX, output_error, quoted

#: Where the journal is, below the output.
JOURNAL = f"{STATE_FOLDER}/journal.jsonl"


@dataclass(frozen=True)
class State:
    """The files that a run keeps beside its outputs."""

    folder: Path

    @property
    def journal(self) -> Path:
        """What was done."""
        return self.folder / "journal.jsonl"

    @property
    def plan(self) -> Path:
        """What there is to do."""
        return self.folder / "plan.jsonl"

    @property
    def lock(self) -> Path:
        """Held by the run that writes here."""
        return self.folder / "lock"

    @property
    def owned(self) -> bool:
        """Say whether an earlier run wrote here."""
        return self.journal.is_file()


def state_of(output: str) -> State:
    """Return the state of a local output folder."""
    return State(Path(output) / STATE_FOLDER)


def check_folder(output: str, *, resume: bool, overwrite: bool) -> bool:
    """Say whether something is in the output folder already.

    Raises
    ------
    OutputError
        If it is a file, or holds what no run of ours put there, and neither flag allows that.
    """
    path = Path(output)
    if os.path.lexists(path) and not path.is_dir():
        raise OutputError(f"{quoted(path)} is a file (batch writes to a folder: choose another -o)")
    try:
        used = path.is_dir() and next(path.iterdir(), None) is not None
    except OSError as error:
        raise output_error(error, path) from error
    if used and not state_of(output).owned and not (resume or overwrite):
        raise OutputError(
            f"{quoted(path)} is not empty, and no batch wrote it "
            "(choose a new folder, or say --overwrite to write into this one)"
        )
    return used


@contextlib.contextmanager
def opened(state: State, output: Path | None) -> Iterator[State]:
    """Make the folders and hold their lock; what was made and never used is taken away again.

    Raises
    ------
    ResourceError
        If the folder cannot be written to.
    OutputError
        If another run is writing there.
    """
    made = [path for path in (*reversed((output or state.folder).parents), output, state.folder) if path]
    made = [path for path in made if not path.exists()]
    with contextlib.ExitStack() as stack:
        stack.callback(_tidy, state, made)
        try:
            state.folder.mkdir(parents=True, exist_ok=True)
            file = stack.enter_context(state.lock.open("wb"))
        except OSError as error:
            raise output_error(error, output or state.folder) from error
        _lock(file.fileno(), output or state.folder)
        yield state


def _tidy(state: State, made: list[Path]) -> None:
    """Take away what was made for a run that never began."""
    if state.journal.exists():
        return
    with contextlib.suppress(OSError):  # not empty: not ours to take away
        for path in (state.plan, state.lock):
            path.unlink(missing_ok=True)
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


def sweep(output: Path, folders: Iterable[str] | None = None) -> int:
    """Delete unfinished files that a killed run left behind; return how many.

    Parameters
    ----------
    output
        The output folder.
    folders
        Look only into these folders below it; into all of them where None.
    """
    count = 0
    tops = [output] if folders is None else [output / folder for folder in set(folders)]
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


#: Seconds between two copies; more where one takes long, so that copying takes a twentieth of the time at most.
COPY_EVERY = 60.0
SHARE = 20

_BLOCK = 1 << 20


def remote_state(url: str) -> State:
    """Return the folder on this machine that remembers a run whose outputs go to a URL."""
    from platformdirs import user_state_path

    digest = hashlib.sha256(url.rstrip("/").encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return State(user_state_path("cnnfilter") / "batch" / digest)


def bring_journal(state: State, output: str) -> None:
    """Take the journal beside the outputs, unless the one on this machine is the same or goes on from there.

    Raises
    ------
    ResourceError
        If the store does not answer, or the folder on this machine cannot be written to.
    """
    try:
        state.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=state.folder) as folder:
            copy = Path(folder, "journal")
            if fetch_object(join_url(output, JOURNAL), copy) and not _goes_on(state.journal, copy):
                copy.replace(state.journal)
    except OSError as error:
        raise output_error(error, state.folder) from error


def _goes_on(ours: Path, copy: Path) -> bool:
    """Say whether a file begins with all that another holds."""
    if not ours.is_file():
        return False
    with ours.open("rb") as one, copy.open("rb") as other:
        while block := other.read(_BLOCK):
            if one.read(len(block)) != block:
                return False
    return True


class JournalCopy:
    """Keeps a copy of the journal beside outputs in a store."""

    def __init__(self, state: State, output: str) -> None:
        self.journal, self.url = state.journal, join_url(output, JOURNAL)
        self.next = time.monotonic() + COPY_EVERY

    def look(self) -> None:
        """Copy where it is time."""
        began = time.monotonic()
        if began >= self.next:
            write_object(self.journal, self.url)
            now = time.monotonic()
            self.next = now + max(COPY_EVERY, SHARE * (now - began))
