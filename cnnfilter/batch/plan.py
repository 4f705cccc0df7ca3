"""The plan: every input and the place of its results, on disk before the first result is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from cnnfilter.batch.find import Found
from cnnfilter.batch.names import Labels, Namer
from cnnfilter.batch.records import Planned, plan_item, plan_line
from cnnfilter.batch.roots import is_url
from cnnfilter.dumps.names import split_member
from cnnfilter.errors import OutputError
from cnnfilter.files import atomic_output, output_error, quoted


def write_plan(
    path: Path, found: Iterable[Found], labels: Labels, *, output: Path | None, reads: Sequence[str] = ()
) -> int:
    """Write the plan of a run; return how many inputs it has.

    Parameters
    ----------
    path
        The plan's file.
    found
        Inputs, as a stream.
    labels
        What each becomes.
    output
        The output folder where something is in it already: then no result may take the place of an input.
    reads
        Other files that the run reads, such as those of kernels.

    Raises
    ------
    OutputError
        If a result would overwrite an input.

    Notes
    -----
    Holds 8 bytes of digest, in a set, for each input; a million take about 100 MB.
    """
    namer = Namer(labels)
    own = (_identity(split_member(text)[0]) for text in reads) if output is not None else ()
    inputs = {mark for mark in own if mark}
    count = 0
    with atomic_output(path, durable=False) as file:
        for one in found:
            item = Planned.of(one, *namer.place(one.key))
            file.write(plan_line(item))
            count += 1
            if output is not None and not is_url(one.source) and (mark := _identity(Path(one.source))):
                inputs.add(mark)
    if output is not None and inputs:
        _refuse_inputs(path, labels, output, inputs)
    return count


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what a file is told by whatever its names and links; None for nothing."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


def _refuse_inputs(path: Path, labels: Labels, output: Path, inputs: set[tuple[int, int]]) -> None:
    """Raise if a result would go where an input is."""
    for item in read_plan(path):
        for name in labels.files(item.stem):
            target = output / item.folder / name
            if _identity(target) in inputs:
                path.unlink(missing_ok=True)
                raise OutputError(f"{quoted(target)} is an input, and inputs are never overwritten (choose another -o)")


def read_plan(path: Path) -> Iterator[Planned]:
    """Yield the inputs of a plan in order."""
    try:
        with path.open("rb") as file:
            for line in file:
                yield plan_item(line)
    except OSError as error:
        raise output_error(error, path) from error
