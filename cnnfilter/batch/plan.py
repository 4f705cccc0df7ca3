"""The plan: every input's own name and place in the mirrored tree, and no two results in one file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from cnnfilter.batch.inputs import Found
from cnnfilter.batch.ledger import Ledger
from cnnfilter.batch.records import Planned
from cnnfilter.errors import OutputError
from cnnfilter.files import (
    check_outputs,
    collision_key,
    identity,
    overwrites,
    printable,
    quoted,
)
from cnnfilter.run.outputs import Endings, read_file
from cnnfilter.text import Numbering, folded, numbered


def safe_folder(key: str) -> str:
    """Return the folder of a key with nothing in it that leaves the tree.

    Examples
    --------
    >>> safe_folder("a/b/c.png"), safe_folder("../../etc/x.png"), safe_folder("a//./b/x.png")
    ('a/b', '_/_/etc', 'a/b')
    """
    pieces = key.replace("\0", "").split("/")[:-1]
    return "/".join("_" if piece == ".." else piece for piece in pieces if piece not in ("", "."))


def stem_of(key: str) -> str:
    """Return the name of an input without folder and ending.

    Examples
    --------
    >>> stem_of("a/b.tar.png"), stem_of("a/.png"), stem_of("a/b"), stem_of("...")
    ('b.tar', '.png', 'b', 'unnamed')
    """
    name = key.rpartition("/")[2]
    if "\\" in name or "\0" in name:
        name = name.replace("\\", "-").replace("\0", "")
    base, dot, _ = name.rpartition(".")
    stem = base if dot and base else name
    return stem if stem.strip(".") else "unnamed"


def numbered_key(key: str, number: int) -> str:
    """Return a key with a number at the end of its stem.

    Examples
    --------
    >>> numbered_key("a/cat.png", 2), numbered_key("a/cat.png", 1), numbered_key(".png", 3)
    ('a/cat-2.png', 'a/cat.png', '.png-3')
    """
    if number == 1:
        return key
    head, slash, name = key.rpartition("/")
    base, dot, ending = name.rpartition(".")
    if not (dot and base):
        base, dot, ending = name, "", ""
    return f"{head}{slash}{numbered(base if base.strip('.') else 'unnamed', number)}{dot}{ending}"


class Place(NamedTuple):
    """What an input is called in every record, and the folder and the stem of its results."""

    key: str
    folder: str
    stem: str


class Places:
    """Gives every input a key and a place of its own; all are noted first, in the same order.

    Holds 8 bytes of digest for each input. Two names that some file system takes for one count as one, and so do
    two keys that look the same once they are printed. Should two digests ever be equal, a name gets a number that
    it would not need; none is lost.

    Examples
    --------
    >>> places, keys = Places(Endings([("sobel-x", "png")])), ("a/cat.png", "a/cat.jpg", "b/cat.png", "a/cat.png")
    >>> for key in keys:
    ...     _ = places.note(key)
    >>> [tuple(places.place(key)) for key in keys]
    [('a/cat.png', 'a', 'cat'), ('a/cat.jpg', 'a', 'cat-2'), ('b/cat.png', 'b', 'cat'), ('a/cat-3.png', 'a', 'cat-3')]
    """

    def __init__(self, endings: Endings) -> None:
        self._endings = endings
        self._numbering = Numbering(self._marks, numbered_key)
        self._used: set[int] = set()
        self._head, self._last = "", ("", "")  # most keys have their folder in common with the one before

    @property
    def settled(self) -> bool:
        """Whether every key and place that was noted is an input's own as it is."""
        return not self._numbering.needed

    def note(self, key: str) -> Place:
        """Take note of an input; return the place that it has if nobody shares it."""
        self._numbering.note(key)
        return Place(key, self._folders(key)[0], stem_of(key))

    def place(self, key: str) -> Place:
        """Return the key and the place of an input that was noted; an input that has its key alone keeps it."""
        number = self._numbering.number(key)
        own, count = key, number
        while (mark := hash(printable(own))) in self._used:
            count = max(count, 2)
            own = numbered_key(key, count)
            count += 1
        self._used.add(mark)
        return Place(own, self._folders(key)[0], stem_of(numbered_key(key, number)))

    def _folders(self, key: str) -> tuple[str, str]:
        """Return the folder of a key, and what is equal for two that some file system takes for one."""
        head = key.rpartition("/")[0]
        if head != self._head:
            folder = safe_folder(key)
            self._head = head
            self._last = folder, "/".join(folded(piece).rstrip(". ") for piece in folder.split("/"))
        return self._last

    def _marks(self, key: str) -> tuple[int, ...]:
        """Return digests of what a key takes up: the names of its results, and how it is printed."""
        folder = self._folders(key)[1]
        marks = tuple(hash((folder, one)) for one in self._endings.keys(stem_of(key)))
        if "\\" in key or not key.isprintable():
            return (*marks, hash(printable(key)))
        return marks


#: What names the files that a run writes beside its results.
_FLAGS = "-o or --features"


def write_plan(
    ledger: Ledger, found: Iterable[Found], endings: Endings, *, root: Path | None, used: bool = True,
    reads: Sequence[str] = (), writes: Sequence[Path] = (),
) -> int:  # fmt: skip
    """Write the plan of a run into its ledger; return how many inputs it has.

    Parameters
    ----------
    ledger
        Takes the plan; `Ledger.renewing` takes it back if something is wrong.
    found
        Inputs, as a stream.
    endings
        What each becomes.
    root
        The output folder; None for a store.
    used
        Whether something is in it already, so that a result may take the place of an input.
    reads
        Other files that the run reads, such as those of kernels.
    writes
        Other files that it writes, such as a table.

    Raises
    ------
    OutputError
        If anything that the run writes would overwrite something that it reads, or something else that it writes.

    Notes
    -----
    Holds 8 bytes of digest, in a set, for each input; a million take about 100 MB. Where inputs share a key or a
    place, those are named again when all names are known.
    """
    others = [read_file(text) for text in reads]
    check_outputs(writes, others, _FLAGS)
    there = {mark: one for one in writes if (mark := identity(one))}
    used = used and root is not None
    inputs = {mark for one in others if (mark := identity(one))} if used else set()
    places = Places(endings)

    def items() -> Iterator[Planned]:
        for one in found:
            if used or there:
                mark = identity(one.source)
                if mark in there:
                    raise overwrites(there[mark], _FLAGS)
                if used and mark:
                    inputs.add(mark)
            yield Planned.of(one, *places.note(one.key))

    count = ledger.plan(items())
    if not places.settled:
        named = ((number, item, places.place(item.key)) for number, item in ledger.items())
        ledger.move((number, item.at(*place)) for number, item, place in named if place != item.place)
    if root is not None:
        _check_results(ledger, endings, root, inputs, writes)
    return count


def _check_results(
    ledger: Ledger, endings: Endings, root: Path, inputs: set[tuple[int, int]], writes: Sequence[Path]
) -> None:
    """Raise if a result would go where an input is, or where another file of the run goes."""
    base = os.path.realpath(root)
    others = {collision_key(one): one for one in writes if one.name.count(".") > 1}  # as in STEM.KERNEL.csv
    for _, item in ledger.items() if inputs or others else ():
        for name in endings.names(item.stem):
            target = root / item.folder / name
            if inputs and identity(target) in inputs:
                raise overwrites(target)
            if others and (other := others.get((os.path.join(base, item.folder).rstrip("/"), folded(name)))):  # noqa: PTH118
                raise OutputError(f"{quoted(other)} is a result of {quoted(item.key)} too (choose another --features)")
