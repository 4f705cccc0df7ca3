"""What a word may mean that stands where another belongs: a kernel, a pooling, a command; and how it is typed then."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence

from cnnfilter.cli.words import check_inputs, in_place, is_folder, typed
from cnnfilter.core.activate import activation_name
from cnnfilter.core.pools import parse_pool
from cnnfilter.errors import CnnFilterError, ParameterError, UnknownNameError, closest
from cnnfilter.files import quoted
from cnnfilter.library.catalog import entries, search_path
from cnnfilter.library.conventions import CONVENTIONS
from cnnfilter.library.numbers import describe, number
from cnnfilter.library.spec import parse_spec
from cnnfilter.library.suggest import looks_like_a_file
from cnnfilter.run.outputs import FORMATS

#: Commands that take kernels beside their inputs.
_WITH_KERNELS = ("convolve", "batch", "plan")


def check_missing(name: str, command: str, kernel_dirs: Sequence[str]) -> None:
    """Raise where a name that is no file means something else."""
    try:
        number(name.strip("[](){},;"))
    except ValueError:
        pass
    else:
        what = (
            "a matrix needs quotes: -k '0 0 1; 0 1 0'" if command in _WITH_KERNELS else "numbers need quotes: '2.5 1.8'"
        )
        raise ParameterError(f"{quoted(name)} is a number, not a file ({what})")
    if command != "batch" and _is_mostly_numbers(name):
        in_place(name)
    for kind, flag, means in _KINDS:
        if means(name, kernel_dirs):
            how = _how(command, flag, f"{flag} {typed(name)}")
            raise ParameterError(f"{quoted(name)} is {kind}: {how} (there is no such file)")


def _is_mostly_numbers(name: str) -> bool:
    """Say whether most words of a text are numbers, as in a vector with a slip of the finger.

    Examples
    --------
    >>> _is_mostly_numbers("2.5 1.8 x"), _is_mostly_numbers("scan 2 of 3.png"), _is_mostly_numbers("1 2.png")
    (True, False, False)
    """
    words = re.findall(r"[^\s,;\[\](){}]+", name)
    numbers = sum(bool(re.match(r"[-+.]?[0-9]", word)) for word in words)
    return 2 * numbers > len(words) > 1 and not looks_like_a_file(name) and not re.search(r"/[A-Za-z]", name)


def _how(command: str, flag: str, words: str) -> str:
    """Return how to type a word with its flag, in a command that has the flag."""
    if flag == "-k" and command == "show":
        return f"cnnfilter kernels show {words.removeprefix('-k ')}"
    if flag in ("-k", "--as") and command not in _WITH_KERNELS:
        return f"cnnfilter convolve IMAGE {words}"
    return words


def is_kernel(name: str, kernel_dirs: Sequence[str] = ()) -> bool:
    """Say whether a word is the name of a kernel or bank, with or without parameters."""
    if looks_like_a_file(name) or not re.match(r"[A-Za-z0-9][-\w.+]*(:|$)", name):
        return False
    try:
        spec = parse_spec(name)
        known = [entry for entry in entries(search_path(kernel_dirs)) if spec.kind in ("name", "bank")]
    except CnnFilterError:
        return False
    return any(spec.body in (entry.name, *entry.aliases) for entry in known)


def _is_activation(name: str, _: Sequence[str]) -> bool:
    """Say whether a word is an activation as it is typed."""
    return _understood(activation_name, name.partition(":")[0])


def _is_pool(name: str, _: Sequence[str]) -> bool:
    """Say whether a word is a pooling as it is typed."""
    return _understood(parse_pool, name)


def _is_format(name: str, _: Sequence[str]) -> bool:
    """Say whether a word is a file format."""
    return name.lower().lstrip(".") in FORMATS


def _is_tool(name: str, _: Sequence[str]) -> bool:
    """Say whether a word is a tool whose conventions can be adopted."""
    return name in CONVENTIONS


def _understood(read: Callable[[str], object], text: str) -> bool:
    """Say whether a word can be read."""
    try:
        read(text)
    except CnnFilterError:
        return False
    return True


#: What a word may be that is no file: what it is called, its flag, and whether it is that.
_KINDS: tuple[tuple[str, str, Callable[[str, Sequence[str]], bool]], ...] = (
    ("a kernel", "-k", is_kernel),
    ("a pooling", "--pool", _is_pool),
    ("an activation", "-a", _is_activation),
    ("a format", "-f", _is_format),
    ("a tool", "--as", _is_tool),
)


def missing_flag(flag: str, example: str, names: Sequence[str], command: str) -> ParameterError:
    """Return the error for a flag that a command cannot do without; a word that stands alone may be its value."""
    try:
        check_inputs(names, command)
    except ParameterError as error:
        return error
    return ParameterError(f"Missing option {flag} (cnnfilter {command} {typed(names[0])} {example})")


def unknown_command(word: str, commands: Sequence[str], group: str = "") -> CnnFilterError:
    """Return the error for a first word that is no command."""
    near = closest(word, list(commands), 1)
    path = typed(word)
    if near:
        hint = f"did you mean cnnfilter {group}{near[0]}?"
    elif is_folder(word):
        hint = f"to convolve a folder: cnnfilter batch {path} -k sobel-x -o OUT"
    elif os.path.lexists(word):
        networks = word.lower().endswith((".onnx", ".yaml", ".yml"))
        hint = f"cnnfilter run {path} IMAGE" if networks else f"cnnfilter convolve {path} -k sobel-x"
    elif is_kernel(word):
        hint = f"a kernel: cnnfilter kernels show {path}, or cnnfilter convolve IMAGE -k {path}"
    elif _is_activation(word, ()):
        hint = f"an activation: cnnfilter activate IMAGE -a {path}"
    elif _is_pool(word, ()):
        hint = f"a pooling: cnnfilter pool IMAGE --pool {path}"
    else:
        hint = f"there are {', '.join(commands)}"
    return UnknownNameError(f"unknown command {describe(word)} ({hint})")
