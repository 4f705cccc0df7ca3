"""Names and files: outputs that appear whole or not at all, and text that is safe to print.

Policy in pure functions (`slug`, `file_name`, `printable`, `collision_key`) and the one place that writes
(`atomic_output`).
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from cnnfilter.errors import CnnFilterError, OutputError, ParameterError, ResourceError

#: How the name of an unfinished output ends; what is left of these after a power cut may be deleted.
PART_SUFFIX = ".cnnfilter-part"

#: The longest file name, in bytes, that common file systems take.
LONGEST_NAME = 255

_LONGEST_SLUG = 120
_RESERVED = frozenset({"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))})

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


def slug(text: str, fallback: str = "unnamed") -> str:
    r"""Return `text` made into one safe piece of a file name.

    Letters and digits of every script stay, and ``. _ + = , @ -`` between them; each run of anything else
    becomes one hyphen. The result holds no separator, control or bidirectional character, does not begin
    or end with a dot or hyphen, is no reserved device name, and is at most 120 bytes long.

    Parameters
    ----------
    text
        Any text: the name of a kernel, a layer or a class.
    fallback
        What to use when nothing of `text` is left.

    Examples
    --------
    >>> slug("gabor:theta=22.5"), slug("../../etc/passwd"), slug("NUL"), slug("\u202e")
    ('gabor-theta=22.5', 'etc-passwd', 'NUL-', 'unnamed')
    """
    text = unicodedata.normalize("NFKC", text)
    kept = "".join(char if char.isalnum() or char in "._+=,@-" else " " for char in text)
    name = "-".join(kept.split())
    while ".." in name:
        name = name.replace("..", ".")
    name = _shortened(name.strip(".-"), _LONGEST_SLUG).rstrip(".-")
    if name.partition(".")[0].casefold() in _RESERVED:
        name = name.replace(".", "-", 1) if "." in name else f"{name}-"
    return name or fallback


def _shortened(name: str, limit: int) -> str:
    """Cut `name` to `limit` bytes, with a digest of the whole at its end so that two names stay two."""
    data = name.encode("utf-8", "surrogateescape")
    if len(data) <= limit:
        return name
    import hashlib

    digest = hashlib.sha256(data).hexdigest()[:8]
    return f"{data[: limit - 9].decode('utf-8', 'ignore')}-{digest}"


def file_name(stem: str, *labels: str, extension: str) -> str:
    """Return ``stem.label.extension``, short enough for the file system.

    Parameters
    ----------
    stem
        The name of the input without its extension. It is a file's name already and stays as it is;
        only separators in it, and names of nothing but dots, are replaced.
    labels
        Kernel and map names; each goes through `slug`.
    extension
        Without its dot.

    Examples
    --------
    >>> file_name("my photo", "sobel-x", extension="png")
    'my photo.sobel-x.png'
    """
    tail = "".join(f".{slug(label)}" for label in labels) + f".{extension}"
    stem = stem.replace("/", "-").replace("\\", "-").replace("\0", "")
    if not stem.strip("."):
        stem = "unnamed"
    room = max(LONGEST_NAME - len(PART_SUFFIX) - 10 - len(tail.encode("utf-8", "surrogateescape")), 16)
    return _shortened(stem, room) + tail


def collision_key(path: str | Path) -> tuple[str, str]:
    """Return a key that is equal for two paths that some file system would take for one.

    The folder is resolved through its links; the name is compared without case and in one Unicode form,
    as macOS and Windows do.
    """
    path = Path(path)
    name = unicodedata.normalize("NFC", unicodedata.normalize("NFC", path.name).casefold())
    return os.path.realpath(path.parent), name


def same_file(first: str | Path, second: str | Path) -> bool:
    """Tell whether two paths are one file: by links, hard links, or a file system that ignores case."""
    try:
        return Path(first).samefile(second)
    except (OSError, ValueError):
        return os.path.realpath(first) == os.path.realpath(second)


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
    stem = _shortened(target.name, LONGEST_NAME - len(PART_SUFFIX) - 10)
    part = target.with_name(f".{stem}.{os.urandom(4).hex()}{PART_SUFFIX}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    handle = os.open(part, flags, 0o666)
    try:
        with open(handle, "wb") as file:  # noqa: PTH123 - a handle, not a path
            yield file
            file.flush()
            if mode is not None:
                part.chmod(stat.S_IMODE(mode))
            if durable:
                os.fsync(file.fileno())
        part.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise
