"""An outcome on its way from a worker to the run.

Processes write to a pipe that they share, and one may be killed at any moment. What is short goes through a pipe whole
or not at all; what is longer could be torn, and whoever reads would wait for the rest for ever. So it goes into a file.
"""

from __future__ import annotations

import os
import pickle
import tempfile
from pathlib import Path

from cnnfilter.batch.find import STATE_FOLDER
from cnnfilter.batch.roots import is_url
from cnnfilter.batch.work import Job, Outcome, failed
from cnnfilter.files import PART_SUFFIX, output_error

#: Bytes that go through a pipe whole: PIPE_BUF of Linux, less what the pool writes around them.
SHORT = 3500

#: What travels: an outcome, or the path of the file that holds it.
Parcel = bytes | str


def pack(job: Job, number: int, outcome: Outcome) -> Parcel:
    """Return what to send in place of the outcome of an input."""
    data = pickle.dumps(outcome, pickle.HIGHEST_PROTOCOL)
    if len(data) <= SHORT:
        return data
    folder = Path(tempfile.gettempdir()) if is_url(job.output) else Path(job.output, STATE_FOLDER)
    path = folder / f".{os.getpid()}-{number}{PART_SUFFIX}"  # swept like any unfinished file
    try:
        path.write_bytes(data)
    except OSError as error:
        lost = failed(job, outcome.item, str(output_error(error, path)), stop=True)
        return pickle.dumps(lost, pickle.HIGHEST_PROTOCOL)
    return str(path)


def unpack(parcel: Parcel) -> Outcome:
    """Return the outcome that was sent.

    Raises
    ------
    OSError
        If the file that holds it is gone.
    """
    if isinstance(parcel, str):
        path = Path(parcel)
        parcel = path.read_bytes()
        path.unlink()
    outcome: Outcome = pickle.loads(parcel)
    return outcome
