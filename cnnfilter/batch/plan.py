"""The plan: every input and the place of its results, on disk before the first result is written."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from cnnfilter.batch.find import Found
from cnnfilter.batch.names import Places
from cnnfilter.batch.records import Planned, plan_item, plan_line
from cnnfilter.batch.roots import is_url
from cnnfilter.errors import OutputError
from cnnfilter.files import atomic_output, check_outputs, collision_key, identity, output_error, overwrites, quoted
from cnnfilter.run.names import Endings, read_file
from cnnfilter.text import folded

#: What names the files that a run writes beside its results.
_FLAGS = "-o or --features"


def write_plan(
    path: Path, found: Iterable[Found], endings: Endings, *, output: Path | None, used: bool = True,
    reads: Sequence[str] = (), writes: Sequence[Path] = (),
) -> int:  # fmt: skip
    """Write the plan of a run; return how many inputs it has.

    Parameters
    ----------
    path
        The plan's file.
    found
        Inputs, as a stream.
    endings
        What each becomes.
    output
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
    place, the plan is written a second time, when all names are known.
    """
    others = [read_file(text) for text in reads]
    check_outputs(writes, others, _FLAGS)
    there = {mark: one for one in writes if (mark := identity(one))}
    used = used and output is not None
    inputs = {mark for one in others if (mark := identity(one))} if used else set()
    places, count = Places(endings), 0
    with atomic_output(path, durable=False) as file:
        for one in found:
            file.write(plan_line(Planned.of(one, *places.note(one.key))))
            count += 1
            if not (used or there) or is_url(one.source):
                continue
            mark = identity(one.source)
            if mark in there:
                raise overwrites(there[mark], _FLAGS)
            if used and mark:
                inputs.add(mark)
    if not places.settled:
        with atomic_output(path, durable=False) as file:
            for item in read_plan(path):
                file.write(plan_line(item.at(*places.place(item.key))))
    if output is not None and (wrong := _collision(path, endings, output, inputs, writes)):
        path.unlink(missing_ok=True)
        raise wrong
    return count


def _collision(
    path: Path, endings: Endings, output: Path, inputs: set[tuple[int, int]], writes: Sequence[Path]
) -> OutputError | None:
    """Return the error for a result that would go where an input is, or where another file of the run goes."""
    base = os.path.realpath(output)
    others = {collision_key(one): one for one in writes if one.name.count(".") > 1}  # as in STEM.KERNEL.csv
    for item in read_plan(path) if inputs or others else ():
        for name in endings.names(item.stem):
            target = output / item.folder / name
            if inputs and identity(target) in inputs:
                return overwrites(target)
            if others and (other := others.get((os.path.join(base, item.folder).rstrip("/"), folded(name)))):  # noqa: PTH118
                return OutputError(f"{quoted(other)} is a result of {quoted(item.key)} too (choose another --features)")
    return None


def read_plan(path: Path) -> Iterator[Planned]:
    """Yield the inputs of a plan in order."""
    try:
        with path.open("rb") as file:
            for line in file:
                yield plan_item(line)
    except OSError as error:
        raise output_error(error, path) from error
