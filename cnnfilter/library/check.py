"""Everything that is wrong with a kernel file, or with any other spec: what is loaded stops at the first thing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from cnnfilter.errors import CnnFilterError, KernelFileError
from cnnfilter.library.arrays import member_names, read_array, read_kernels
from cnnfilter.library.catalog import entries_of, kernel_files
from cnnfilter.library.document import read_document
from cnnfilter.library.load import kernels_of, load_kernels
from cnnfilter.library.numbers import is_matrix_text
from cnnfilter.library.schema import MOST_MISTAKES, mistakes
from cnnfilter.library.spec import DOCUMENT_SUFFIXES, KERNEL_SUFFIXES
from cnnfilter.library.suggest import looks_like_a_file, no_file


class Checked(NamedTuple):
    """What a check found: kernels that load, what is wrong, and in how many more kernels something is."""

    what: str
    kernels: int
    problems: list[CnnFilterError]
    more: int = 0


def places(text: str) -> list[str]:
    """Return what to check where a user names a folder, a file or a spec.

    Raises
    ------
    KernelFileError
        If a folder holds no kernel files.
    """
    if is_matrix_text(text) or not Path(text).is_dir():
        return [text]
    found = [str(path) for path in kernel_files(Path(text))]
    if not found:
        raise KernelFileError(text, "the folder holds no kernel files (.yaml, .yml or .json)")
    return found


def check(text: str, search: Sequence[Path]) -> Checked:
    """Return what a file, or another spec, holds, and what is wrong with it.

    Parameters
    ----------
    text
        A file of any kind that a spec may name, of which everything is checked, or a spec.
    search
        Folders where names are looked for.
    """
    try:
        lower = text.lower()
        if lower.endswith(DOCUMENT_SUFFIXES):
            return _document(text)
        if looks_like_a_file(text) and not is_matrix_text(text) and not lower.endswith(KERNEL_SUFFIXES):
            raise KernelFileError(text, no_file(text).partition(" ")[2])
        if lower.endswith((".npz", ".safetensors", ".onnx")):
            return _arrays(text)
        return Checked(text, len(load_kernels(text, search=search)), [])
    except CnnFilterError as error:
        return Checked(text, 0, [error])


def _document(path: str) -> Checked:
    """Check a file of named kernels."""
    document = read_document(path)
    if not isinstance(document.value, dict):  # a matrix alone
        return Checked(path, len(load_kernels(path)), [])
    found = mistakes(document)
    problems: list[CnnFilterError] = [*found.listed]
    held = entries_of(document._replace(value=found.rest), check=False)
    count = 0
    for name in (*held.kernels, *held.banks):
        try:
            count += len(kernels_of(held, name))
        except CnnFilterError as error:
            problems.append(error)
    return Checked(path, count, problems[:MOST_MISTAKES], found.more + max(0, len(problems) - MOST_MISTAKES))


def _arrays(path: str) -> Checked:
    """Check a file of named arrays: those that are no kernels, such as biases, are no mistake where others are."""
    count = 0
    broken: list[CnnFilterError] = []
    unfit: list[CnnFilterError] = []
    for name in member_names(path):
        try:
            read_array(path, name)
        except CnnFilterError as error:
            broken.append(error)
            continue
        try:
            count += len(read_kernels(path, name))
        except CnnFilterError as error:
            unfit.append(error)
    return Checked(path, count, [*broken, *unfit[: int(not count)]][:MOST_MISTAKES])
