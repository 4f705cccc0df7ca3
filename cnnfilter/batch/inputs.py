"""The inputs below each root, as a stream in a fixed order."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from cnnfilter.batch.roots import LONGEST_LINE, Filters, Root
from cnnfilter.errors import OutputError, ParameterError
from cnnfilter.files import quoted

#: The folder beside the outputs that holds what a run remembers.
STATE_FOLDER = ".cnnfilter"


class Found(msgspec.Struct, frozen=True):
    """One input.

    Attributes
    ----------
    key
        Its place in the mirrored tree, with ``/`` between folders.
    source
        The path or URL to open.
    size, stamp
        Its bytes and when they changed, so that a later run can tell.
    real
        The path without links, by which an input given twice is known.
    reason
        Why it cannot be done, where that is known already.
    frame
        Which frame of the file it is, where each is an input of its own.
    """

    key: str
    source: str
    size: int
    stamp: str
    real: str
    reason: str = ""
    frame: int | None = None


#: What several of the things that are passed over are called.
PLURALS = {
    "link": "links", "hidden folder": "hidden folders", "other file": "other files",
    "pipe or device": "pipes or devices",
}  # fmt: skip


def counted(counts: Mapping[str, int]) -> list[str]:
    """Return how many things were passed over, in words.

    Examples
    --------
    >>> counted({"other file": 2, "link": 1, "excluded": 3})
    ['3 excluded', '1 link', '2 other files']
    """
    return [f"{number} {why if number == 1 else PLURALS.get(why, why)}" for why, number in sorted(counts.items())]


@dataclass
class Skips:
    """How many things were passed over, and why."""

    counts: Counter[str] = field(default_factory=Counter)

    def add(self, why: str) -> None:
        """Count one."""
        self.counts[why] += 1


def find(roots: Iterable[Root], filters: Filters, skips: Skips) -> Iterator[Found]:
    """Yield every input once, folder after folder, each in the order of its names.

    Links inside folders are not followed, and only regular files are taken: no circle, pipe or device can
    stop the run. Memory is that of the largest single folder's names.
    """
    roots = list(roots)
    seen: set[int] | None = set() if len(roots) > 1 or roots[0].kind == "list" else None
    for root in roots:
        for found in FINDERS[root.kind](root, filters, skips):
            if seen is not None:
                mark = hash((found.real, found.key if found.reason else ""))  # a folder that cannot be read is its root
                if mark in seen:
                    skips.add("given twice")
                    continue
                seen.add(mark)
            yield found


def _walk(root: Root, filters: Filters, skips: Skips, depth: int | None = None) -> Iterator[Found]:
    """Yield the files below a folder, at most `depth` folders down."""
    real = os.path.realpath(root.path)
    stack = [_listing(root.path, "")]
    while stack:
        entry, key = next(stack[-1], (None, ""))
        if entry is None:
            stack.pop()
            if key:
                yield Found(root.label + key.rpartition("\n")[0], root.path, 0, "", real, key.rpartition("\n")[2])
        elif filters.leaves_out(key):
            skips.add("excluded")
        elif entry.is_symlink():
            skips.add("link")
        elif entry.is_dir(follow_symlinks=False):
            if entry.name.startswith("."):
                skips.add("hidden folder")
            elif depth is None or len(stack) <= depth:
                stack.append(_listing(entry.path, f"{key}/"))
        elif not entry.is_file(follow_symlinks=False):
            skips.add("pipe or device")
        elif not filters.takes(key):
            skips.add("other file")
        else:
            yield _entry(entry, root.label + key, f"{real}/{key}")


def _listing(folder: str, prefix: str) -> Iterator[tuple[os.DirEntry[str] | None, str]]:
    """Yield a folder's entries by name; an unreadable folder yields its name and what is wrong with it."""
    try:
        with os.scandir(folder) as entries:
            ordered = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        yield None, f"{prefix.rstrip('/') or '.'}\n{error.strerror or error}"
        return
    for entry in ordered:
        yield entry, prefix + entry.name


def _entry(entry: os.DirEntry[str], key: str, real: str) -> Found:
    """Return a file of a folder; one that vanished meanwhile is a failure of its own."""
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError as error:
        return Found(key, entry.path, 0, "", real, error.strerror or str(error))
    return Found(key, entry.path, status.st_size, str(status.st_mtime_ns), real)


def _glob(root: Root, filters: Filters, skips: Skips) -> Iterator[Found]:
    """Yield the files that a pattern names."""
    named = Filters((f"./{root.pattern}",), filters.exclude)
    depth = None if "**" in root.pattern else root.pattern.count("/")
    for found in _walk(root, named, skips, depth):
        if found.reason or not filters.include or filters.takes(found.key.removeprefix(root.label)):
            yield found
        else:
            skips.add("other file")


def file_found(path: str, key: str) -> Found:
    """Return a file that was named outright: a link to it counts, a pipe or a device does not."""
    real = os.path.realpath(path)
    try:
        status = Path(path).stat()
    except OSError as error:
        return Found(key, path, 0, "", real, error.strerror or str(error))
    except ValueError:
        return Found(key, path, 0, "", real, "no file name holds a null character")
    if not stat.S_ISREG(status.st_mode):
        what = "a folder" if stat.S_ISDIR(status.st_mode) else "a pipe or a device"
        return Found(key, path, 0, "", real, f"is {what}, not a regular file")
    return Found(key, path, status.st_size, str(status.st_mtime_ns), real)


def _file(root: Root, filters: Filters, skips: Skips) -> Iterator[Found]:
    """Yield one file."""
    name = Path(root.path).name
    if filters.leaves_out(name):
        skips.add("excluded")
    elif Path(root.path).is_file() or not Path(root.path).exists():
        yield file_found(root.path, name)
    else:
        skips.add("pipe or device")


def _list(root: Root, filters: Filters, skips: Skips) -> Iterator[Found]:
    """Yield the files that a list names, one a line, or with null characters between them."""
    folders = {os.path.dirname(_absolute(line)) for line in _lines(root.path)}  # noqa: PTH120
    base = os.path.commonpath(folders) if folders else ""
    for line in _lines(root.path):
        absolute = _absolute(line)
        key = Path(os.path.relpath(absolute, base)).as_posix()
        if filters.leaves_out(key):
            skips.add("excluded")
        elif filters.include and not filters.takes(key):
            skips.add("other file")
        else:
            yield file_found(line, key)


def _absolute(line: str) -> str:
    """Return a path in full, without going through links."""
    return os.path.abspath(line.replace("\0", ""))  # noqa: PTH100


def _lines(path: str) -> Iterator[str]:
    """Yield the names in a list, however long it is."""
    try:
        with Path(path).open("rb") as file:
            ending = b"\0" if b"\0" in file.read(LONGEST_LINE) else b"\n"
            file.seek(0)
            rest = b""
            while block := file.read(1 << 16):
                *lines, rest = (rest + block).split(ending)
                yield from (os.fsdecode(line.rstrip(b"\r")) for line in lines if line.strip())
            if rest.strip():
                yield os.fsdecode(rest)
    except OSError as error:
        raise ParameterError(f"{quoted(path)}: cannot read the list: {error.strerror or error}") from error


def _url(root: Root, filters: Filters, skips: Skips) -> Iterator[Found]:
    """Yield the objects below a URL."""
    from cnnfilter.batch.stores import find_objects

    yield from find_objects(root, filters, skips)


def refuse_nested(roots: Iterable[Root], output: str, filters: Filters) -> None:
    """Raise if the results would go into a folder that is searched, under whatever name or link.

    Raises
    ------
    OutputError
        Unless the output is another folder, or excluded.
    """
    chain = [
        path for path in (Path(os.path.realpath(output)), *Path(os.path.realpath(output)).parents) if path.exists()
    ]
    for root in roots:
        if root.kind not in ("folder", "glob") or not Path(root.path).is_dir():
            continue
        for ancestor in chain:
            if ancestor.samefile(root.path):
                inside = os.path.relpath(os.path.realpath(output), ancestor)
                if inside == ".":
                    raise OutputError(
                        f"{quoted(output)} is the input folder (choose another -o: inputs stay as they are)"
                    )
                if not filters.leaves_out(Path(inside).as_posix()):
                    raise OutputError(
                        f"{quoted(output)} lies inside the input {quoted(root.path)} "
                        f"(choose a folder outside, or leave it out with --exclude {quoted(inside)})"
                    )


#: How each kind of argument is searched.
FINDERS = {"folder": _walk, "glob": _glob, "file": _file, "list": _list, "url": _url}
