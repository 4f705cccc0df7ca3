"""Where results go: every name is planned, and made distinct, before anything is written."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from cnnfilter.core.arrays import Array
from cnnfilter.dumps.names import split_member
from cnnfilter.dumps.words import PLAIN, Words
from cnnfilter.dumps.write import DUMP_FORMATS, Dump
from cnnfilter.errors import OutputError, lookup
from cnnfilter.files import atomic_output, check_outputs, output_error, quoted
from cnnfilter.text import Numbering, distinct, file_name, folded, numbered, slug

#: File formats by the endings that name them.
PICTURE_FORMATS = {"png": "png", "jpg": "jpg", "jpeg": "jpg", "webp": "webp", "tiff": "tiff", "tif": "tiff"}
FORMATS = PICTURE_FORMATS | {name: name for name in DUMP_FORMATS}

STDOUT = "-"
#: The longest ending of a file's name that says its format.
LONGEST_ENDING = 5

#: Bytes of a stem that need no shortening whatever comes after it.
_SHORT = 80
#: What `file_name` replaces in a stem.
_UNSAFE = frozenset("/\\\0")


class Endings:
    """What follows the stem in the names of everything that one input is made into.

    Attributes
    ----------
    parts
        Label and format of each file. The labels are distinct.
    """

    def __init__(self, parts: Iterable[tuple[str, str]]) -> None:
        self.parts = tuple(parts)
        tails = {folded(slug(label)) for label, _ in self.parts}
        ends = (tail[at + 1 :] for tail in tails for at, char in enumerate(tail) if char == ".")
        self._ambiguous = any(end in tails for end in ends)  # then two stems could give one name
        self._longest = max((label for label, _ in self.parts), key=lambda label: len(slug(label).encode()), default="")
        self._tail = f".{slug(self._longest)}.tiff"

    def names(self, stem: str) -> list[str]:
        """Return the names of all files of a stem.

        Examples
        --------
        >>> Endings([("sobel-x", "png"), ("sobel-x", "npy")]).names("cat")
        ['cat.sobel-x.png', 'cat.sobel-x.npy']
        """
        return [file_name(stem, label, extension=form) for label, form in self.parts]

    def keys(self, stem: str) -> tuple[str, ...]:
        """Return what is equal for two stems that would have a file in common."""
        if self._ambiguous:
            return tuple(map(folded, self.names(stem)))
        if len(stem) < _SHORT and stem.isascii() and _UNSAFE.isdisjoint(stem) and stem.strip("."):
            return (stem.lower(),)
        return (folded(file_name(stem, self._longest, extension="tiff").removesuffix(self._tail)),)


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


def check_vectors(formats: Sequence[str]) -> None:
    """Raise if maps that are made one vector are to become a picture.

    Raises
    ------
    OutputError
        With the formats that hold a vector.
    """
    if any(form not in DUMP_FORMATS for form in formats):
        raise OutputError("--flatten makes a vector, and a vector is no picture (use -f csv, npy, npz or json)")


def plan_outputs(
    inputs: Sequence[str],
    labels: Sequence[str],
    formats: Sequence[str],
    output: str | None,
    *,
    stack: bool = False,
    also_read: Iterable[str | Path] = (),
) -> list[list[Output]]:
    """Return the outputs of each input.

    Parameters
    ----------
    inputs
        Input paths as the user typed them; ``-`` is standard input.
    labels
        Kernel names.
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
    names = ["stack"] if stack else distinct(labels)
    parts = [(name, form) for name in names for form in formats]
    hint = ", or use --stack" if len(inputs) == 1 < len(names) else ""
    planned = place_outputs(inputs, parts, output, also_read, hint)
    indices = [None if stack else index for index in range(len(names)) for _ in formats]
    return [
        [Output(index, form, path) for index, (form, path) in zip(indices, files, strict=True)] for files in planned
    ]


def place_outputs(
    inputs: Sequence[str], parts: Sequence[tuple[str, str]], output: str | None, also_read: Iterable[str | Path],
    hint: str = "",
) -> list[list[tuple[str, Path | None]]]:  # fmt: skip
    """Return format and path of each part, a label and a format, of each input: no two are one file, none is read.

    Parameters, errors: as `plan_outputs`; the labels of the parts are distinct.
    """
    count = len(inputs) * len(parts)
    if output == STDOUT or _is_file(output):
        if count != 1:
            target = "standard output" if output == STDOUT else quoted(output)
            raise OutputError(f"{count} results cannot all go to {target} (name a folder{hint})")
        placed = [[(parts[0][1], None if output == STDOUT else Path(str(output)))]]
    else:
        folder, endings = Path(output or ""), Endings(parts)
        placed = [
            [(form, folder / name) for (_, form), name in zip(parts, endings.names(one), strict=True)]
            for one in _stems(inputs, endings)
        ]
    paths = (1 if path is None else path for files in placed for _, path in files)
    check_outputs(paths, map(read_file, itertools.chain(inputs, also_read)))
    _check_replaced(output)
    return placed


def picture_form(path: str | Path) -> str:
    """Return the picture format that a name ends in.

    Raises
    ------
    UnknownNameError
        If it ends in none.

    Examples
    --------
    >>> picture_form("table.JPEG")
    'jpg'
    """
    return lookup(PICTURE_FORMATS, Path(path).suffix.lower().lstrip("."), "picture format")


def _check_replaced(output: str | None) -> None:
    """Raise where a file that is there would be replaced by one of another kind, as its ending says.

    Raises
    ------
    UnknownNameError
        As for a file that is not there yet.
    """
    ending = Path(output or "").suffix.lower().lstrip(".")
    if ending.isalpha() and len(ending) <= LONGEST_ENDING and Path(output or "").is_file():
        lookup(FORMATS, ending, "format")


def _stems(inputs: Sequence[str], endings: Endings) -> list[str]:
    """Return a stem of its own for each input."""
    stems = [stem(one) for one in inputs]
    numbering = Numbering(endings.keys)
    for one in stems:
        numbering.note(one)
    return [numbered(one, numbering.number(one)) for one in stems]


def read_file(text: str | Path) -> Path | int:
    """Return the file behind an input as it is typed: without the name of an array in it, 0 for standard input."""
    return 0 if text == STDOUT else split_member(text)[0]


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


def arrange(maps: Sequence[tuple[str, Array]], *, stack: bool, flatten: bool) -> list[tuple[str, Array]]:
    """Return the names and arrays of one file: a single channel is no axis, a vector is one row of everything.

    Examples
    --------
    >>> two = [("a", np.zeros((1, 4, 5))), ("b", np.ones((1, 4, 5)))]
    >>> [(name, values.shape) for name, values in arrange(two, stack=True, flatten=False)]
    [('a', (4, 5)), ('b', (4, 5))]
    >>> [(name, values.shape) for name, values in arrange(two, stack=True, flatten=True)]
    [('vector', (40,))]
    """
    if flatten:
        return [("vector", np.concatenate([values.ravel() for _, values in maps]))]
    return [(name, values[0] if len(values) == 1 else values) for name, values in maps]


def write_dump(
    output: Output, maps: Sequence[tuple[str, Array]], info: dict[str, Any], *, flatten: bool, stack: bool,
    words: Words = PLAIN,
) -> None:  # fmt: skip
    """Write maps ``(C, oH, oW)`` to the output's file, all or nothing, or to standard output."""
    dump = Dump(arrange(maps, stack=stack, flatten=flatten), stack=stack and not flatten, info=info, words=words)
    writer = DUMP_FORMATS[output.format].write
    if output.path is None:
        writer(sys.stdout.buffer, dump)
        sys.stdout.buffer.flush()
        return
    with atomic_output(output.path, durable=output.durable) as file:
        writer(file, dump)
