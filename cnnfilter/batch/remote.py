"""The journal of a run whose outputs go to a store: written on this machine, and copied beside the outputs.

A store cannot append to an object, so the journal is put there whole, every minute or so and at the end. Another
machine takes up the run from that copy.
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from pathlib import Path

from cnnfilter.batch.folder import JOURNAL, State
from cnnfilter.batch.stores import fetch_object, join_url, write_object
from cnnfilter.files import output_error

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
