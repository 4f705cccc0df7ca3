"""Words that stand where others belong: said before any file is opened, with the way that was meant."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cnnfilter.dumps.names import GRID_EXTENSIONS
from cnnfilter.errors import ParameterError
from cnnfilter.files import quoted
from cnnfilter.images.sniff import promised
from cnnfilter.library.numbers import MatrixError, describe, matrix
from cnnfilter.text import distinct

#: What an input that is written in place is called.
IN_PLACE = "inline"

#: How a job over a folder is typed.
_FOR_FOLDERS = {
    "convolve": "batch {} -k sobel-x -o OUT",
    "pool": "batch {} -k 1 --pool max:2 -o OUT",
    "activate": "batch {} -k 1 -a relu -o OUT",
    "show": "show FILE, one of them",
    "plan": "plan FILE, one of them",
}
#: Endings of files that hold kernels or networks, and never pictures.
_NO_PICTURES = (".yaml", ".yml", ".safetensors", ".onnx")
#: How a missing cell is written among numbers in place, as in grids of numbers.
_GAP = re.compile(r"(?<![\w.#/])(?:nan|null|#?n/?a)(?![\w.#/])", re.IGNORECASE)


def typed(word: str) -> str:
    """Return a word as a shell takes it."""
    return shlex.quote(word)


def is_folder(name: str) -> bool:
    """Say whether a word names a folder."""
    return os.path.isdir(name)  # noqa: PTH112 - False, not an error, for a word of any length


def is_in_place(name: str) -> bool:
    """Say whether an input is numbers written in place: no file, and more than one number.

    Examples
    --------
    >>> is_in_place("2.5 nan 0.2"), is_in_place("[[1, 2], [3, 4]]"), is_in_place("7"), is_in_place("scan 2.png")
    (True, True, False, False)
    """
    text = _GAP.sub("0", name)
    numbers = re.fullmatch(r"[-+0-9.eE/,;\s\[\]()]+", text) and re.search(r"[0-9]\s*[\s,;\[\]]+\s*[-+.0-9\[]", text)
    return bool(numbers) and not os.path.lexists(name)


def called(names: Sequence[str]) -> list[str]:
    """Return what inputs are called in records and files: numbers in place by a name of their own.

    Examples
    --------
    >>> called(["a.png", "1 2 3", "4 5 6"])
    ['a.png', 'inline', 'inline-2']
    """
    words = iter(distinct([IN_PLACE] * sum(map(is_in_place, names))))
    return [next(words) if is_in_place(name) else name for name in names]


def in_place(name: str) -> bytes:
    """Return numbers written in place as the file that would hold them; NaN, null and NA are missing cells.

    Examples
    --------
    >>> in_place("1 nan; 1/4 -2")
    b'[[1.0, null], [0.25, -2.0]]'

    Raises
    ------
    ParameterError
        If the rows differ in length, or a number is none.
    """
    try:
        rows, others = (matrix(_GAP.sub(digit, name)) for digit in "01")
    except MatrixError as error:
        raise ParameterError(f"input {describe(name)}: {error}") from None
    if rows != others:  # what differs was written as missing
        rows = _with_gaps(rows, others)
    return json.dumps(rows[0] if len(rows) == 1 else rows).encode()


def _with_gaps(first: object, second: object) -> Any:
    """Return nested lists of numbers with None where two readings of them differ."""
    if isinstance(first, list) and isinstance(second, list):
        return [_with_gaps(one, other) for one, other in zip(first, second, strict=True)]
    return first if first == second else None


def check_given(value: object, flag: str, example: str, names: Sequence[str], command: str) -> None:
    """Raise where a flag is not given that a command cannot do without."""
    if not value:
        from cnnfilter.cli.mistakes import missing_flag

        raise missing_flag(flag, example, names, command)


def check_inputs(names: Sequence[str], command: str, kernel_dirs: Sequence[str] = ()) -> None:
    """Raise for an input that is a folder, or no file but another word of the command.

    Parameters
    ----------
    names
        Inputs as they were typed.
    command
        The command that takes them.
    kernel_dirs
        Folders where kernels are looked for first.

    Raises
    ------
    ParameterError
        With the way to type what was meant.
    """
    for name in names:
        if not name.strip():
            raise ParameterError("an input has no name (is a variable of the shell empty?)")
        if name == "-" or ".npz#" in name.lower():
            continue
        if is_in_place(name) and command != "batch":
            in_place(name)
        elif is_folder(name) and command in _FOR_FOLDERS:
            how = _FOR_FOLDERS[command].format(typed(name))
            raise ParameterError(f"{quoted(name)} is a folder, and {command} takes files (cnnfilter {how})")
        elif not os.path.lexists(name):
            from cnnfilter.cli.mistakes import check_missing  # the door to what else a word may mean

            check_missing(name, command, kernel_dirs)
        elif name.lower().endswith(_NO_PICTURES) and command == "convolve":
            raise ParameterError(f"{quoted(name)} is a kernel file, not a picture (-k {typed(name)})")


def is_network(path: str) -> bool:
    """Say whether a file is a network: by its name, and for JSON, which may be numbers, by what it holds."""
    name = path.lower()
    if name.endswith(".json") and Path(path).is_file():
        with Path(path).open("rb") as file:
            return b'"layers"' in file.read(1 << 20)
    return name.endswith((".yaml", ".yml", ".onnx"))


def check_order(network: str, images: Sequence[str]) -> None:
    """Raise where a picture stands in the network's place.

    Raises
    ------
    ParameterError
        With the words in the right order.
    """
    if is_network(network):
        return
    swapped = next((name for name in images if is_network(name)), None)
    if swapped is not None or _is_input(network):
        words = f"{swapped or 'NETWORK'} {network}"
        raise ParameterError(f"{quoted(network)} is no network: the network comes first (cnnfilter run {words})")


def check_network(name: str) -> None:
    """Raise where a picture, a grid or a folder is named as a network.

    Raises
    ------
    ParameterError
        With what a network is.
    """
    if not is_network(name) and _is_input(name):
        raise ParameterError(f"{quoted(name)} is no network (a network is a file in YAML or JSON, or an ONNX model)")


def _is_input(name: str) -> bool:
    """Say whether a word names a picture, a grid or a folder."""
    ending = Path(name).suffix.lower()
    is_grid = ending in GRID_EXTENSIONS and ending != ".json"  # a network may be JSON that is not right yet
    return bool(promised(name)) or is_grid or os.path.isdir(name)  # noqa: PTH112 - False for any long word
