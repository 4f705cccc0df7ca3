"""What pictures are known to show, where that is told apart from them: in a file, an array, or by their folders."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cnnfilter.core.arrays import Array
from cnnfilter.errors import ImageError, ParameterError
from cnnfilter.files import decoded, quoted
from cnnfilter.run.dataset import Dataset, Opening, arrays_of, images_of, labels_of, pictures_in, read_folders

#: Word for labels that are the names of the pictures' folders.
FOLDERS = "folders"
#: Words that the first line of a table may have above its labels.
_HEADS = ("label", "labels", "class", "classes", "target", "category")


def with_labels(path: str, data: str, opening: Opening = Opening()) -> Dataset:  # noqa: B008 - it never changes
    """Return the pictures of `data` with the labels that `path` names.

    Parameters
    ----------
    path
        ``folders``, for the names of the folders that the pictures are in; an ``.npz`` that holds ``labels``, or the
        name of an array of `data`; an ``.npy``; or a ``.csv`` or ``.txt``: a label a line, in the order of the
        pictures, or the name of a picture, a comma and its label.
    data
        A folder of pictures, one with a folder for each class, or an ``.npz`` with ``images``.
    opening
        How files are opened.

    Raises
    ------
    ImageError
        If a file cannot be read.
    ParameterError
        If the labels do not match the pictures, or do not say which is whose.
    """
    name, _, member = path.partition("#")
    if Path(data).is_dir():
        if path == FOLDERS or Path(path).is_dir():
            return read_folders(data, opening)
        found = Dataset(data, tuple(pictures_in(Path(data))), opening=opening)
        if not found.files:
            raise ImageError(f"{quoted(data)}: the folder holds no pictures")
    else:
        own = "labels" if Path(name).exists() else path
        arrays = arrays_of(data.partition("#")[0], ("images", own), opening.max_memory)
        if "images" not in arrays:
            raise ParameterError(f"{quoted(data)}: holds no array 'images'")
        images, notes = images_of(arrays["images"], opening.reading.layout, data)
        found = Dataset(data, (), images, (), notes, opening)
        if not Path(name).exists() and own in arrays:
            return _matched(found, labels_of(arrays[own], data), path)
    if not Path(name).is_file():
        raise ParameterError(_missing(path, found))
    if Path(name).suffix.lower() == ".npz":
        wanted = member or "labels"
        arrays = arrays_of(name, (wanted,), opening.max_memory)
        if wanted not in arrays:
            raise ParameterError(f"{quoted(name)}: holds no array {wanted!r}")
        return _matched(found, labels_of(arrays[wanted], name), path)
    if Path(name).suffix.lower() == ".npy":
        return _matched(found, labels_of(_vector(name), name), path)
    return _of_table(found, name)


def _missing(path: str, found: Dataset) -> str:
    """Return what to say of labels that are nowhere."""
    if found.images is None:
        return f"--labels {path}: no such file (it takes {FOLDERS}, or a file of .csv, .txt, .npy or .npz)"
    if path == FOLDERS:
        return f"--labels {FOLDERS} is for a folder of pictures, and {quoted(found.name)} is a file (--labels labels)"
    return f"--labels {path}: no array of {quoted(found.name)}, and no file of .csv, .txt, .npy or .npz"


def _vector(path: str) -> Array:
    """Return the array of a ``.npy`` file."""
    try:
        found: Array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        reason = "holds Python objects" if "pickle" in str(error) else str(error)
        raise ImageError(f"{quoted(path)}: is no readable .npy: {reason}") from error
    return found


def _matched(found: Dataset, labels: Sequence[str], path: str) -> Dataset:
    """Return pictures with as many labels, in the same order."""
    if len(labels) != found.total:
        raise ParameterError(f"{quoted(path)}: {len(labels)} labels for {found.total} pictures of {quoted(found.name)}")
    return found._replace(labels=tuple(labels))


def _of_table(found: Dataset, path: str) -> Dataset:
    """Return pictures with the labels of a text file: one a line, or after the name of its picture."""
    try:
        text = decoded(Path(path).read_bytes())
        rows = [row for row in csv.reader(io.StringIO(text)) if any(map(str.strip, row))]
    except (OSError, ValueError, csv.Error) as error:
        raise ImageError(f"{quoted(path)}: is no readable table of labels: {error}") from error
    if rows and all(len(row) == 1 and row[0].count(";") == 1 for row in rows):  # as spreadsheets write it in Europe
        rows = [row[0].split(";") for row in rows]
    cells = [[cell.strip() for cell in row] for row in rows]
    if all(len(row) == 1 for row in cells):
        lines = [_plain(row[0]) for row in cells]
        headed = len(lines) == found.total + 1 and lines[0].lower() in _HEADS
        return _matched(found, lines[headed:], path)
    return _by_name(found, cells, path)


def _plain(label: str) -> str:
    """Return a label, whole numbers without a point."""
    return label.partition(".")[0] if re.fullmatch(r"-?[0-9]+[.]0+", label) else label


def _by_name(found: Dataset, cells: Sequence[Sequence[str]], path: str) -> Dataset:
    """Return pictures with the labels that stand behind their names; each name must mean one picture."""
    labelled: dict[str, str] = {}
    for row in cells:
        if len(row) < 2:
            raise ParameterError(f"{quoted(path)}: the line {row[0]!r} has no label (lines are name,label)")
        name, label = row[0], _plain(row[1])
        if labelled.setdefault(name, label) != label:
            raise ParameterError(f"{quoted(path)}: {name!r} has two labels, {labelled[name]!r} and {label!r}")
    owners = _owners(found)
    taken: dict[int, str] = {}
    strange: list[str] = []
    for number, (name, label) in enumerate(labelled.items()):
        places = owners.get(name, [])
        if len(places) > 1:
            raise ParameterError(
                f"{quoted(path)}: {name!r} is the name of {len(places)} pictures (write folder/{name})"
            )
        if places:
            taken[places[0]] = label
        elif number:  # the first line may be a head
            strange.append(name)
    missing = [index for index in range(found.total) if index not in taken]
    if missing:
        raise ParameterError(
            f"{quoted(path)}: has no label for {quoted(found.called(missing[0]))} (lines are name,label)"
        )
    notes = (f"{len(strange)} lines of {path} name no picture, the first {strange[0]!r}",) if strange else ()
    labels = tuple(taken[index] for index in range(found.total))
    return found._replace(labels=labels, notes=(*found.notes, *notes))


def _owners(found: Dataset) -> dict[str, list[int]]:
    """Return the pictures that each name may mean: its path, that below the folder, or its bare name."""
    owners: dict[str, list[int]] = {}
    if found.images is not None:
        return {str(index): [index] for index in range(found.total)}
    for index, file in enumerate(found.files):
        names = {file, Path(file).relative_to(found.name).as_posix(), Path(file).name, Path(file).stem}
        for name in names:
            owners.setdefault(name, []).append(index)
    return owners
