"""``--open``: what was written, in the user's viewer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cnnfilter.errors import ParameterError
from cnnfilter.views.terminal import write_notes


def check_open(wanted: bool, output: str | None) -> None:
    """Raise where nothing is written that ``--open`` could open.

    Raises
    ------
    ParameterError
        With what writes something.
    """
    if wanted and output is None:
        raise ParameterError("--open opens what is written, and nothing is (say where: -o FILE)")


#: Files that are opened at a time.
MOST_OPENED = 8


def open_files(paths: Sequence[str]) -> None:
    """Open files in the user's viewer; those on standard output are none."""
    import webbrowser  # only who wants to look needs it

    chosen = list(dict.fromkeys(path for path in paths if path != "-"))[:MOST_OPENED]
    opened = [webbrowser.open(Path(path).resolve().as_uri()) for path in chosen]
    if opened and not any(opened):
        write_notes("--open found no viewer on this machine ($BROWSER names one)")
