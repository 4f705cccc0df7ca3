"""Files and streams: read, checked against one another, written whole or not at all."""

from __future__ import annotations

import codecs
import contextlib
import errno
import os
import stat
import sys
from collections.abc import Iterable, Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO

from cnnfilter.errors import CnnFilterError, OutputError, ParameterError, ResourceError
from cnnfilter.text import LONGEST_PART, folded, shortened

#: How the name of an unfinished output ends; what is left of these after a power cut may be deleted.
PART_SUFFIX = ".cnnfilter-part"

#: What a user can do about an operating system error.
_HINTS: dict[int, str] = {
    errno.ENOSPC: "free some space, or write to another disk",
    errno.EDQUOT: "free some of your quota, or write to another disk",
    errno.EACCES: "check the permissions, or write somewhere else",
    errno.EPERM: "check the permissions, or write somewhere else",
    errno.EROFS: "write somewhere else",
    errno.EMFILE: "raise the limit with ulimit -n",
    errno.ENFILE: "close some programs",
    errno.EFBIG: "raise the limit with ulimit -f, or write to another disk",
    errno.ENOMEM: "close some programs, or lower --max-memory",
}

#: Errors that mean a wrong name rather than a lack of something.
_MISNAMED: dict[int, str] = {
    errno.ENOENT: "its folder does not exist",
    errno.ENOTDIR: "its folder is a file",
    errno.EISDIR: "it is a folder",
    errno.ENAMETOOLONG: "the name is too long",
    errno.EINVAL: "the file system refuses this name",
    errno.ELOOP: "its links go round in a circle",
}


def printable(text: object) -> str:
    r"""Return `text` with everything escaped that a terminal might obey or that would break a line.

    Control characters, escape sequences, bidirectional marks and bytes that are no UTF-8 come out as
    ``\x1b``, ``\u202e`` and so on; ordinary text of any script comes out unchanged.

    Examples
    --------
    >>> print(printable("café \x1b[31m.png"))
    café \x1b[31m.png
    """
    text = str(text)
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    """Return one unprintable character as an escape; a smuggled byte comes out as that byte."""
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return char.encode("unicode_escape", "backslashreplace").decode("ascii")


def file_path(value: object, what: str = "path") -> Path:
    """Return a path made of what a caller gave for one.

    Raises
    ------
    ParameterError
        If it is no text and no path.
    """
    if not isinstance(value, str | os.PathLike):
        raise ParameterError(f"{what} must be the name of a file or folder, got {type(value).__name__}")
    return Path(value)


def bytes_text(count: int) -> str:
    """Return bytes in a unit that people read.

    Examples
    --------
    >>> bytes_text(512), bytes_text(40_000), bytes_text(3_200_000_000)
    ('512 bytes', '40 kB', '3.2 GB')
    """
    for limit, unit in ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if count >= limit:
            return f"{count / limit:.4g} {unit}"
    return f"{count} bytes"


def decoded(data: bytes) -> str:
    """Return the text that bytes are, in the encodings that spreadsheets write: UTF-8, or UTF-16 with its mark.

    Raises
    ------
    ValueError
        If they are no such text, or hold null characters.
    """
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise ValueError(f"not text: {error.reason} at byte {error.start}") from None
    if "\0" in text:
        raise ValueError("not text: it holds null characters")
    return text


def quoted(path: object) -> str:
    """Return a file name as messages show it: printable, in single quotes."""
    return f"'{printable(os.fsdecode(path) if isinstance(path, bytes | os.PathLike) else path)}'"


def collision_key(path: str | Path) -> tuple[str, str]:
    """Return a key that is equal for two paths that some file system would take for one.

    The folder is resolved through its links; the name is compared as `folded` has it.
    """
    path = Path(path)
    return os.path.realpath(path.parent), folded(path.name)


def identity(file: str | Path | int) -> tuple[int, int] | None:
    """Return what tells a file whatever its names and links; None for nothing, and for what is no regular file.

    A number is an open file's: 0 for standard input, 1 for standard output.
    """
    try:
        status = os.stat(file)  # noqa: PTH116 - a path, or an open file
    except (OSError, ValueError):
        return None
    return (status.st_dev, status.st_ino) if stat.S_ISREG(status.st_mode) else None


def check_outputs(outputs: Iterable[str | Path | int], inputs: Iterable[str | Path | int], flag: str = "-o") -> None:
    """Raise if a job would write over something that it reads, or twice to one file.

    Parameters
    ----------
    outputs
        Everything that the job writes.
    inputs
        Everything that it reads: pictures, kernel files, networks with their weights, lists. They are walked through
        only if an output is there already.
    flag
        What names the outputs.

    Raises
    ------
    OutputError
        If one file is both, under whatever name or link; or if links lead from two outputs to one file.
    """
    there: dict[tuple[int, int], str | Path | int] = {}
    for output in outputs:
        mark = identity(output)
        if mark is None:
            continue
        other = there.setdefault(mark, output)
        if other is output or isinstance(other, int) or isinstance(output, int):
            continue
        if os.path.realpath(other) == os.path.realpath(output):  # and not two names of a file: each gets its own then
            raise OutputError(f"{quoted(other)} and {quoted(output)} are one file by a link (choose another {flag})")
    for file in inputs if there else ():
        mark = identity(file)
        if mark in there:
            raise overwrites(there[mark], flag)


def overwrites(output: str | Path | int, flag: str = "-o") -> OutputError:
    """Return the error for an output that is an input."""
    shown = "standard output" if output == 1 else quoted(output)
    return OutputError(f"{shown} is an input, and inputs are never overwritten (choose another {flag})")


def output_error(error: OSError, path: str | Path) -> CnnFilterError:
    """Return the error to raise for an output that the operating system refused.

    A name that cannot be is an `OutputError`; a lack of space, permission or handles is a `ResourceError`.
    Raise it ``from error``, so that the error number is kept.
    """
    number = error.errno or 0
    if number in _MISNAMED:
        return OutputError(f"{quoted(path)}: cannot write: {_MISNAMED[number]} (choose another output)")
    reason = os.strerror(number) if number else printable(error)
    hint = _HINTS.get(number)
    return ResourceError(f"{quoted(path)}: cannot write: {reason}" + (f" ({hint})" if hint else ""))


@contextlib.contextmanager
def atomic_output(path: str | Path, *, durable: bool = True) -> Iterator[BinaryIO]:
    """Yield a binary file that takes the place of `path` when the block ends well, and only then.

    The bytes go to a new file in the same folder, which is renamed over `path` at the end; on any error or
    interrupt it is deleted, and what was at `path` stays as it was. A link is followed, so that its target
    is replaced. Pipes and devices, which cannot be replaced, are written to directly.

    Parameters
    ----------
    path
        The file to write.
    durable
        Wait for the disk before renaming, so that a power cut leaves the old file or the new one.

    Raises
    ------
    OutputError
        If `path` is a folder, or lies in a folder that does not exist.
    ResourceError
        If disk space, permission or file handles run out. ``__cause__`` is the operating system's error.
    """
    try:
        target = Path(os.path.realpath(path))
        mode = _existing_mode(target)
        if mode is not None and not stat.S_ISREG(mode):
            with target.open("wb") as file:
                yield file
            return
        with _replacing(target, mode, durable) as file:
            yield file
    except BrokenPipeError:
        raise
    except OSError as error:
        raise output_error(error, path) from error
    except ValueError as error:
        if "null" not in str(error):
            raise
        raise OutputError(f"{quoted(path)}: cannot write: no file name holds a null character") from error


def _existing_mode(path: Path) -> int | None:
    """Return the mode of what is at `path`, or None for nothing."""
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return None


@contextlib.contextmanager
def _replacing(target: Path, mode: int | None, durable: bool) -> Iterator[BinaryIO]:
    """Yield a new file beside `target` that replaces it on success."""
    if mode is not None and not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    stem = shortened(target.name, LONGEST_PART)
    part = target.with_name(f".{stem}.{os.urandom(4).hex()}{PART_SUFFIX}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        handle = os.open(part, flags, 0o666)  # in here: a signal may come as soon as there is a file
        with open(handle, "wb") as file:  # noqa: PTH123 - a handle, not a path
            yield file
            file.flush()
            if mode is not None:
                part.chmod(stat.S_IMODE(mode))
            if durable:
                os.fsync(file.fileno())
        part.replace(target)
    except BaseException as error:
        if not (isinstance(error, FileExistsError) and error.filename == os.fspath(part)):  # then it is not ours
            with contextlib.suppress(OSError):
                part.unlink()
        raise


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
