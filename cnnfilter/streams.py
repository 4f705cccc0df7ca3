"""The standard streams: open, whatever the caller closed, and able to print any text, whatever their encoding."""

from __future__ import annotations

import codecs
import os
import sys
from io import TextIOWrapper

#: What is printed of our own signs where an encoding lacks them.
PLAIN = {"─": "-", "│": "|", "█": "#", "▀": "#", "≠": "!="} | dict.fromkeys("▏▎▍▌▋▊▉", "")


def prepare_streams() -> None:
    """Open what is closed, and let nothing that is printed fail for its letters."""
    _open_closed()
    codecs.register_error("plain", _plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="plain")


def _open_closed() -> None:
    """Open the closed streams, so that no output file takes their number.

    Nothing comes from such an input, and printing to such an output is an error of the system, as it is in C.
    Only standard error has nowhere to report to, and keeps silent.
    """
    for name, mode, opened in (("stdin", "r", os.O_RDONLY), ("stdout", "w", os.O_RDONLY), ("stderr", "w", os.O_WRONLY)):
        if getattr(sys, name) is None:
            handle = os.open(os.devnull, opened)
            setattr(sys, name, open(handle, mode, encoding="utf-8"))  # noqa: PTH123, SIM115 - a handle, for good


def _plain(error: UnicodeError) -> tuple[str | bytes, int]:
    """Return what to print for one letter that an encoding lacks: our own signs in ASCII, others escaped.

    A byte of a file name that was no UTF-8 goes out as it came in.
    """
    if not isinstance(error, UnicodeEncodeError):
        raise error
    char = error.object[error.start]
    if "\udc80" <= char <= "\udcff":
        return os.fsencode(char), error.start + 1
    return PLAIN.get(char, char.encode("ascii", "backslashreplace").decode()), error.start + 1
