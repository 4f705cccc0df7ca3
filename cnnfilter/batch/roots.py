"""What the arguments are: folders, patterns, files, lists of files and URLs."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cnnfilter.batch.patterns import is_pattern, split_pattern
from cnnfilter.errors import ParameterError
from cnnfilter.files import quoted
from cnnfilter.text import distinct, folded

#: Endings of files that list other files.
LIST_ENDINGS = (".lst", ".list")

_NUMBERS = re.compile(rb"[\s0-9.,;+\-eEnaif]*")

#: Bytes of a list's longest line that are looked at.
LONGEST_LINE = 32_768


@dataclass(frozen=True)
class Root:
    """One argument: where to look, and the folder that its results get in the mirrored tree."""

    kind: str
    path: str
    pattern: str = ""
    label: str = ""


def parse_roots(arguments: Sequence[str]) -> list[Root]:
    """Return what each argument is: a folder, a pattern, a file, a list of files, or a URL.

    Raises
    ------
    ParameterError
        If an argument is none of them.
    """
    roots = [_root(plain(text)) for text in arguments]
    return roots if len(roots) == 1 else _labelled(roots)


def is_url(text: str) -> bool:
    """Say whether a text is a URL rather than a path."""
    return "://" in text


def plain(text: str) -> str:
    """Return the path in a ``file://`` URL, and any other text as it is."""
    return text.removeprefix("file://")


def _root(text: str) -> Root:
    """Return what one argument is."""
    if is_url(text):
        return Root("url", text)
    if text.startswith("@") and len(text) > 1:
        return Root("list", text[1:])
    if Path(text).is_dir():
        return Root("folder", text)
    if os.path.lexists(text):
        return Root("list" if _is_list(text) else "file", text)
    if is_pattern(text):
        return Root("glob", *split_pattern(text))
    raise ParameterError(f"{quoted(text)}: no such file or folder (name a folder, a pattern, a file or @LIST)")


def _is_list(path: str) -> bool:
    """Say whether a file lists files: by its ending, or a text that does not begin with numbers."""
    lower = path.lower()
    if lower.endswith(LIST_ENDINGS):
        return True
    if not lower.endswith(".txt"):
        return False
    try:
        with Path(path).open("rb") as file:
            return _NUMBERS.fullmatch(file.readline(LONGEST_LINE)) is None
    except OSError:
        return False


def _labelled(roots: Sequence[Root]) -> list[Root]:
    """Give each folder its own name in the tree of results; one named twice has one."""
    trees = ("folder", "glob", "url")
    places = [root.path if root.kind == "url" else os.path.realpath(root.path) for root in roots if root.kind in trees]
    once = tuple(dict.fromkeys(places))
    bases = (place.rstrip("/").rpartition("/")[2].replace("*", "") or "root" for place in once)
    labels = dict(zip(once, distinct(bases, folded), strict=True))
    left = iter(places)
    return [root if root.kind not in trees else replace(root, label=f"{labels[next(left)]}/") for root in roots]
