"""Kernels from text: rows of numbers as spreadsheets, MATLAB, NumPy and libvips write them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np

from cnnfilter.errors import KernelFileError, UnknownNameError, closest
from cnnfilter.files import decoded, quoted
from cnnfilter.library.build import file_label
from cnnfilter.library.document import read_bytes
from cnnfilter.library.kernel import Kernel
from cnnfilter.library.numbers import MatrixError, describe, is_bracketed, matrix, number, plane, row_note, split_row

#: Most bytes of a file of numbers: what is larger is no kernel, or belongs into an array file.
MAX_TEXT = 16 << 20

#: Comments: after #, % or // at the start of a line, and after # or % behind a space, unless a number follows.
_COMMENT = re.compile(r"^\s*(?:[#%]|//).*|\s[#%](?!\s*[-+.0-9]).*")
#: What spreadsheets write where there is no number; it looks like a comment.
_NO_VALUE = re.compile(r"#(?:N/A|NAME\?|DIV/0!|REF!|VALUE!|NUM!|NULL!|SPILL!|CALC!)")
#: How a dump of several maps begins.
_STACK = ("map", "row")


class Line(NamedTuple):
    """A line that holds something, and its number in the file."""

    number: int
    text: str


class Table(NamedTuple):
    """A matrix of a file: the name that the file gives it, its rows, and what a user should know."""

    name: str
    rows: list[list[float]]
    notes: tuple[str, ...] = ()
    offset: float = 0.0


def read_text_kernels(path: str, member: str = "") -> list[Kernel]:
    """Return the kernels in a file of numbers.

    Parameters
    ----------
    path
        ``.csv``, ``.tsv``, ``.txt``: rows of numbers parted by commas, spaces, tabs or semicolons, or a matrix in
        brackets; matrices with blank lines between them are several kernels. ``.mat``: libvips's matrix, whose first
        line is ``columns rows [scale [offset]]``.
    member
        The name of one of several matrices, or its number from 0.

    Raises
    ------
    KernelFileError
        If the file is missing, too long, no text, or holds anything but numbers in even rows; with the line.
    UnknownNameError
        If it has no such member.
    """
    data = read_bytes(path, MAX_TEXT)
    lines = _lines(path, data)
    tables = _vips(path, lines) if path.lower().endswith(".mat") else _tables(path, lines)
    if len(tables) == 1 and not tables[0].name:
        if member:
            raise KernelFileError(path, f"holds one matrix without a name, so #{member} means nothing")
        return [_kernel(path, "", tables[0])]
    named = {table.name or str(index): table for index, table in enumerate(tables)}
    if not member:
        return [_kernel(path, name, table) for name, table in named.items()]
    if member not in named:
        near = closest(member, list(named))
        hint = f"did you mean {' or '.join(near)}?" if near else f"it holds {', '.join(list(named)[:8])}"
        raise UnknownNameError(f"{quoted(path)}: no matrix {describe(member)} in it ({hint})")
    return [_kernel(path, member, named[member])]


def _kernel(path: str, name: str, table: Table) -> Kernel:
    """Return one matrix as a kernel."""
    stem = Path(path).stem
    label = stem if not name else f"{stem}-{name}" if name.isdecimal() else name
    return Kernel(
        name=file_label(label), spec=f"{path}#{name}" if name else path, weights=np.array(table.rows), origin=path,
        warnings=table.notes or row_note(table.rows), offset=table.offset,
    )  # fmt: skip


def _lines(path: str, data: bytes) -> list[Line]:
    """Return the lines of a file without comments; empty ones part matrices and stay, those of comments alone go."""
    binary = data.startswith((b"MATLAB 5.0", b"MATLAB 7.3", b"\x89HDF"))
    if path.lower().endswith(".mat") and (binary or b"\0" in data):
        hint = "save it as text: writematrix(k, 'kernel.csv'), or as .npy: numpy.save('kernel.npy', k)"
        raise KernelFileError(path, f"is MATLAB's binary format, which is not read ({hint})")
    try:
        text = decoded(data)
    except ValueError as error:
        raise KernelFileError(path, f"{error} (a kernel file of numbers is text)") from error
    found = []
    for index, line in enumerate(text.splitlines(), 1):
        wrong = _NO_VALUE.search(line)
        if wrong:
            raise KernelFileError(path, f"{wrong[0]} is no number (write 0 where there is no weight)", line=index)
        kept = _COMMENT.sub("", line).strip()
        if kept or not line.strip():
            found.append(Line(index, kept))
    if not any(line.text for line in found):
        raise KernelFileError(path, "holds no numbers")
    return found


def _tables(path: str, lines: list[Line]) -> list[Table]:
    """Return the matrices of a file."""
    full = [line for line in lines if line.text]
    if is_bracketed(full[0].text):
        return [_bracketed(path, full)]
    mark = next((mark for mark in ",;\t" if mark in full[0].text), ",")
    if tuple(full[0].text.split(mark)[:2]) == _STACK:
        return _stack(path, full[1:], mark)
    blocks: list[list[Line]] = [[]]
    for line in lines:
        if line.text:
            blocks[-1].append(line)
        elif blocks[-1]:
            blocks.append([])
    blocks = [block for block in blocks if block]
    if len(blocks) > 1 and all(len(block) == 1 for block in blocks):  # every second line is blank
        blocks = [full]
    return [_table(path, block) for block in blocks]


def _bracketed(path: str, lines: list[Line]) -> Table:
    """Return the matrix that a file writes in brackets."""
    try:
        rows = matrix("\n".join(line.text for line in lines))
    except MatrixError as error:
        raise KernelFileError(path, str(error), line=lines[0].number) from None
    return Table("", rows)


def _stack(path: str, lines: list[Line], mark: str) -> list[Table]:
    """Return the maps of a dump, whose first two columns are the map's name and the row."""
    groups: dict[str, list[Line]] = {}
    for line in lines:
        name, _, cells = line.text.split(mark, 2) if line.text.count(mark) > 1 else (line.text, "", "")
        groups.setdefault(name, []).append(Line(line.number, cells))
    if not groups:
        raise KernelFileError(path, "holds no numbers")
    return [_table(path, group)._replace(name=name) for name, group in groups.items()]


def _table(path: str, lines: list[Line]) -> Table:
    """Return the matrix that some lines hold; semicolons end rows, or part numbers where nothing else does."""
    inside = [line.text.rstrip("; ") for line in lines]
    parts_cells = any(";" in text for text in inside) and not any(
        re.search(r"[^\s;][\s]+[^\s;]", re.sub(r"\s*;\s*", ";", text)) for text in inside
    )
    notes: tuple[str, ...] = ()
    rows: list[list[str]] = []
    numbers: list[int] = []
    for line, text in zip(lines, inside, strict=True):
        try:
            made = [_semicolon_cells(text)] if parts_cells else [split_row(row) for row in text.split(";")]
        except MatrixError as error:
            raise KernelFileError(path, str(error), line=line.number) from None
        rows += [[cell.strip("\"'") for cell in row] for row in made]
        numbers += [line.number] * len(made)
    if parts_cells and len(rows) == 1:
        notes = (f"{path}: ; parts the numbers of its one row, as spreadsheets write it (rows end in a new line)",)
    return Table("", _numbers(path, rows, numbers), notes)


def _semicolon_cells(text: str) -> list[str]:
    """Return the cells that semicolons part."""
    if "," in text:
        raise MatrixError(f"{describe(text)} has decimal commas (write decimals with a point, as in 0.5)")
    cells = [cell.strip() for cell in text.split(";")]
    if not all(cells):
        raise MatrixError(f"{describe(text)} has nothing between two semicolons (write 0 where there is no weight)")
    return cells


def _numbers(path: str, rows: list[list[str]], lines: list[int]) -> list[list[float]]:
    """Return rows of texts as numbers; an error has its line."""
    try:
        return plane(rows)
    except MatrixError as error:
        hint = ""
        if error.steps and len(rows[0]) in (2, 4) and error.steps[0] == 1 and len(error.steps) == 1:
            hint = " (a matrix of libvips, which begins with columns and rows, ends in .mat)"
        raise KernelFileError(path, f"{error}{hint}", line=lines[error.steps[0]] if error.steps else None) from None


def _vips(path: str, lines: list[Line]) -> list[Table]:
    """Return the matrix of libvips: the weights are the numbers divided by the scale.

    References
    ----------
    .. [1] libvips, ``vips_matrixload``.
    """
    first, *rest = [line for line in lines if line.text]
    try:
        header = [number(text) for text in _vips_cells(first.text)]
    except ValueError:
        header = []
    if len(header) not in (2, 3, 4) or not all(side >= 1 and side.is_integer() for side in header[:2]):
        _no_vips_header(path, first)
    columns, rows, scale, offset = *header, *(1.0, 0.0)[len(header) - 2 :]
    if scale == 0:
        raise KernelFileError(path, "its scale is 0, and the numbers are divided by it", line=first.number)
    table = _numbers(path, [_vips_cells(line.text) for line in rest], [line.number for line in rest])
    if (len(table), len(table[0])) != (rows, columns):
        raise KernelFileError(
            path, f"holds {len(table)} rows of {len(table[0])}, and its first line says {rows:g} of {columns:g} "
            "(columns come first in libvips)", line=first.number,
        )  # fmt: skip
    note = f"{path}: its offset {offset:g} is not part of the kernel (--bias {offset:g} adds it)"
    return [Table("", [[value / scale for value in row] for row in table], (note,) * (offset != 0), offset)]


def _vips_cells(text: str) -> list[str]:
    """Return the numbers of a line as libvips parts them."""
    return re.split(r"[\s\",;]+", text.strip(' \t",;'))


def _no_vips_header(path: str, line: Line) -> NoReturn:
    """Raise for a first line that is no header."""
    hint = "the first line of libvips's .mat is columns rows [scale [offset]], as in 3 3 9 0; call plain rows .txt"
    raise KernelFileError(path, f"got {describe(line.text)} ({hint})", line=line.number)
