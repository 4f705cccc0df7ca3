"""What two names stand for, held against one another: arrays, pictures, archives, folders, tables, networks."""

from __future__ import annotations

import csv
import math
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cnnfilter.core.arrays import Array
from cnnfilter.dumps.names import GRID_EXTENSIONS
from cnnfilter.dumps.read import read_grid
from cnnfilter.dumps.words import WORD_FORMATS
from cnnfilter.errors import CnnFilterError, ImageError, ParameterError
from cnnfilter.files import quoted
from cnnfilter.images.picture import Picture
from cnnfilter.images.read import open_picture
from cnnfilter.images.sniff import promised
from cnnfilter.networks.model import open_model
from cnnfilter.run.compare import Difference, compare
from cnnfilter.run.golden import is_golden, read_golden, words_of_file
from cnnfilter.run.network import picture_input


class Pair(NamedTuple):
    """Two arrays of one name; None where only the other side has it."""

    name: str
    a: Array | None
    b: Array | None
    difference: Difference | None

    @property
    def same(self) -> bool:
        """Whether both are there, and agree."""
        return self.difference is not None and self.difference.same


def arrays_of(name: str, picture: Picture | None, beside: str = "") -> dict[str, Array]:
    """Return the arrays that a name stands for, in order; a single one has no name of its own.

    Parameters
    ----------
    name
        A picture, a grid or dump, an archive (all of it, or ``file.npz#name``), a folder of these, a table of features,
        or a network, whose layers are those for `picture`; words for hardware, and a folder of golden vectors.
    beside
        The other side: it says what words are that a simulator wrote.

    Raises
    ------
    CnnFilterError
        If it cannot be read.
    """
    path = Path(name)
    if path.is_dir():
        return read_golden(path) if is_golden(path) else _folder(path)
    if path.suffix.lower().lstrip(".") in WORD_FORMATS:
        return {"": words_of_file(path, Path(beside))}
    ending = path.suffix.lower()
    if ending == ".npz" and path.is_file():
        with zipfile.ZipFile(path) as archive:
            members = [info.filename.removesuffix(".npy") for info in archive.infolist()]
        return {member: read_grid(f"{name}#{member}") for member in members}
    if picture is not None and ending in (".yaml", ".yml", ".onnx"):
        model = open_model(path)
        return model.run(picture_input(picture, model))
    if ending == ".csv" and (table := _table(path)) is not None:
        return table
    return {"": _one(name)}


def _one(name: str) -> Array:
    """Return one array as it is stored; a picture's single channel is no axis."""
    if Path(name.partition("#")[0]).suffix.lower() in GRID_EXTENSIONS:
        return read_grid(name)
    return open_picture(name).array()


def _folder(folder: Path) -> dict[str, Array]:
    """Return every array and picture of a folder by its stem, numbers in names in their order."""
    found: dict[str, Array] = {}
    for path in sorted(folder.iterdir(), key=lambda path: _natural(path.name)):
        readable = path.suffix.lower() in GRID_EXTENSIONS or promised(path.name)
        if not path.is_file() or not readable or path.name.startswith((".", "manifest.")):
            continue
        for name, values in arrays_of(str(path), None).items():
            own = f"{path.stem}#{name}" if name else path.stem
            found[path.name if own in found else own] = values
    if not found:
        raise ImageError(f"{quoted(folder)}: holds no arrays and no pictures")
    return found


def _natural(name: str) -> list[tuple[int, str]]:
    """Return what sorts ``conv2`` before ``conv10``."""
    return [(int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"(\d+)", name)]


def _table(path: Path) -> dict[str, Array] | None:
    """Return the rows of a table of features by their input; None where a file is none."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = csv.reader(file)
            if next(rows, [""])[:1] != ["input"]:
                return None
            return {row[0]: np.array([float(cell) if cell else math.nan for cell in row[1:]]) for row in rows if row}
    except (OSError, UnicodeDecodeError, ValueError):
        return None


def pairs_of(
    a: Mapping[str, Array], b: Mapping[str, Array], *, tolerance: float, ulp: int | None, why: bool
) -> list[Pair]:
    """Return what has one name on both sides, in A's order, and then what only one side has.

    Raises
    ------
    ParameterError
        If one side is a single array, and the other one many.
    """
    if ("" in a) != ("" in b):
        many = sorted(name for name in (*a, *b) if name)
        if len(many) != 1:
            raise ParameterError(
                f"one side is a single array, the other {len(many)} (name one, as in file.npz#{many[0]})"
            )
        a, b = ({"": next(iter(side.values()))} for side in (a, b))
    found = []
    for name in dict.fromkeys((*a, *b)):
        one, other = a.get(name), b.get(name)
        made = None
        if one is not None and other is not None:
            one, other = _alike(one, other)
            made = compare(one, other, tolerance=tolerance, ulp=ulp, why=why)
        found.append(Pair(name, one, other, made))
    return found


def _alike(one: Array, other: Array) -> tuple[Array, Array]:
    """Leave out axes of one in front, of which only one side has some."""
    while one.ndim > other.ndim and one.shape[0] == 1:
        one = one[0]
    while other.ndim > one.ndim and other.shape[0] == 1:
        other = other[0]
    return one, other


def failure_of(name: str, error: CnnFilterError) -> str:
    """Return why a side cannot be read, with its name."""
    return str(error) if quoted(name) in str(error) else f"{quoted(name)}: {error}"
