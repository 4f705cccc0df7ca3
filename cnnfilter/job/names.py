"""Where results go: every name is planned, and made distinct, before anything is written."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from cnnfilter.dumps.names import split_member
from cnnfilter.errors import OutputError, lookup
from cnnfilter.files import collision_key, file_name, output_error, quoted, same_file

#: File formats by the endings that name them.
PICTURE_FORMATS = {"png": "png", "jpg": "jpg", "jpeg": "jpg", "webp": "webp", "tiff": "tiff", "tif": "tiff"}
DUMP_FORMATS = {"npy": "npy", "npz": "npz", "csv": "csv", "json": "json"}
FORMATS = PICTURE_FORMATS | DUMP_FORMATS

STDOUT = "-"
#: The longest ending of a file's name that says its format.
LONGEST_ENDING = 5


class Output(NamedTuple):
    """One file to write.

    Attributes
    ----------
    label
        Index of the kernel whose maps it holds; None for all of them in one file.
    format
        A value of ``FORMATS``.
    path
        The file, or None for standard output.
    durable
        Wait for the disk; a batch, which checks its files when it resumes, need not.
    """

    label: int | None
    format: str
    path: Path | None
    durable: bool = True


def parse_formats(formats: Sequence[str], output: str | None) -> list[str]:
    """Return the formats to write: those asked for, else the one that the output's name ends in, else PNG.

    Examples
    --------
    >>> parse_formats(["NPY", "png"], None), parse_formats([], "map.csv"), parse_formats([], None)
    (['npy', 'png'], ['csv'], ['png'])
    """
    named = list(dict.fromkeys(lookup(FORMATS, text.lower().lstrip("."), "format") for text in formats))
    ending = _ending(output)
    if ending and not _is_folder(output):
        if named and named != [ending]:
            raise OutputError(f"{quoted(output)} ends in {ending}, but -f says {', '.join(named)} (drop one of them)")
        return [ending]
    return named or ["png"]


def plan_outputs(
    inputs: Sequence[str],
    labels: Sequence[str],
    formats: Sequence[str],
    output: str | None,
    *,
    stack: bool = False,
    also_read: Sequence[str] = (),
) -> list[list[Output]]:
    """Return the outputs of each input.

    Parameters
    ----------
    inputs
        Input paths as the user typed them; ``-`` is standard input.
    labels
        Kernel names, distinct.
    formats
        Formats of `parse_formats`.
    output
        What ``-o`` says: a file, a folder, ``-``, or None for the current folder.
    stack
        One file for all kernels.
    also_read
        Other files that the job reads, such as those of kernels.

    Raises
    ------
    OutputError
        If several results would go to one file or to standard output, or a result would overwrite an input.
    """
    files = [
        (image, None if stack else label, form)
        for image in range(len(inputs))
        for label in ([0] if stack else range(len(labels)))
        for form in formats
    ]
    if output == STDOUT or _is_file(output):
        if len(files) != 1:
            target = "standard output" if output == STDOUT else quoted(output)
            raise OutputError(
                f"{len(files)} results cannot all go to {target} (name a folder{'' if stack else ', or use --stack'})"
            )
        paths: list[Path | None] = [None if output == STDOUT else Path(str(output))]
    else:
        folder = Path(output) if output is not None else Path()
        names = ["stack"] if stack else labels
        paths = [*_distinct([folder / file_name(stem(inputs[i]), names[k or 0], extension=f) for i, k, f in files])]
    _refuse_inputs(paths, [*inputs, *also_read])
    planned: list[list[Output]] = [[] for _ in inputs]
    for (image, label, form), path in zip(files, paths, strict=True):
        planned[image].append(Output(label, form, path))
    return planned


def stem(source: str) -> str:
    """Return the name of an input without folder and ending.

    Examples
    --------
    >>> stem("photos/cat.png"), stem("-"), stem("maps.npz#sobel-x")
    ('cat', 'stdin', 'maps-sobel-x')
    """
    if source == STDOUT:
        return "stdin"
    path, _, member = source.partition(".npz#")
    return f"{Path(path).name}-{member}" if member else Path(source).stem


def make_folder(output: str | None) -> None:
    """Create the folder that ``-o`` names; the folder of a file must be there already.

    Raises
    ------
    OutputError
        If the folder of a file does not exist.
    ResourceError
        If a folder cannot be created, or not be written to.
    """
    if output is None or output == STDOUT:
        return
    path = Path(output)
    if _is_file(output):
        if not path.parent.is_dir():
            raise OutputError(f"{quoted(output)}: the folder {quoted(path.parent)} does not exist (create it first)")
        return
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(error, path) from error


def _ending(output: str | None) -> str:
    """Return the format that a name ends in, or nothing where it ends in none.

    Raises
    ------
    UnknownNameError
        If it ends like a file of a format that is not written, such as ``.bmp``.
    """
    ending = Path(output).suffix.lower().lstrip(".") if output and not _is_folder(output) else ""
    if not ending.isalpha() or len(ending) > LONGEST_ENDING or Path(str(output)).exists():
        return FORMATS.get(ending, "")
    return lookup(FORMATS, ending, "format")


def _is_folder(output: str | None) -> bool:
    """Say whether ``-o`` names a folder: it is one, or ends in a slash."""
    return output is not None and (output.endswith(("/", "\\")) or Path(output).is_dir())


def _is_file(output: str | None) -> bool:
    """Say whether ``-o`` names a file: it ends in a format, or something that is no folder has that name."""
    return output is not None and not _is_folder(output) and bool(_ending(output) or Path(output).exists())


def _distinct(paths: Sequence[Path]) -> list[Path]:
    """Number the names that some file system would take for one, but with no number that another input has itself."""
    own = {collision_key(path) for path in paths}
    taken: set[tuple[str, str]] = set()
    result = []
    for path in paths:
        candidate, number = path, 1
        while (key := collision_key(candidate)) in taken or (candidate is not path and key in own):
            number += 1
            base, label, extension = path.name.rsplit(".", 2)
            candidate = path.with_name(f"{base}-{number}.{label}.{extension}")
        taken.add(key)
        result.append(candidate)
    return result


def _refuse_inputs(paths: Sequence[Path | None], inputs: Sequence[str]) -> None:
    """Raise if an output is one of the inputs, under whatever name or link."""
    sources = [split_member(text)[0] for text in inputs if text != STDOUT]
    for path in paths:
        if path is None or not path.exists():
            continue
        read = any(source.exists() and same_file(path, source) for source in sources)
        if read or (STDOUT in inputs and _is_stdin(path)):
            raise OutputError(f"{quoted(path)} is an input, and inputs are never overwritten (choose another -o)")


def _is_stdin(path: Path) -> bool:
    """Say whether standard input is redirected from this file."""
    try:
        return path.is_file() and os.path.samestat(path.stat(), os.fstat(0))
    except OSError:
        return False
