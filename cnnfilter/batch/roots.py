"""What the arguments mean: folders, patterns, files, lists of files and URLs, and which pictures are taken of them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path, PurePosixPath

from cnnfilter.errors import ParameterError
from cnnfilter.files import quoted
from cnnfilter.images.sniff import PICTURE_EXTENSIONS
from cnnfilter.text import distinct, folded

#: Endings that a folder is searched for unless patterns say otherwise.
ENDINGS = frozenset((*PICTURE_EXTENSIONS, ".npy"))

_MAGIC = re.compile(r"[*?\[]")
_PIECES = re.compile(r"(\*\*/|\*\*|\*|\?|\[!?\]?[^\]]*\])")


def is_pattern(text: str) -> bool:
    """Say whether a text holds ``*``, ``?`` or ``[``."""
    return _MAGIC.search(text) is not None


def split_pattern(text: str) -> tuple[str, str]:
    """Return the folder that a pattern starts in, and the rest of it.

    Examples
    --------
    >>> split_pattern("photos/2024/**/*.png"), split_pattern("*.png")
    (('photos/2024', '**/*.png'), ('.', '*.png'))
    """
    pieces = text.split("/")
    fixed = next(index for index, piece in enumerate(pieces) if is_pattern(piece))
    base = "/".join(pieces[:fixed])
    return base or ("/" if text.startswith("/") else "."), "/".join(pieces[fixed:])


def translate(pattern: str) -> str:
    """Return a pattern as a regular expression: ``*`` stays within one folder, ``**`` crosses them.

    Examples
    --------
    >>> [bool(re.fullmatch(translate(text), "a/b/c.png")) for text in ("a/**/*.png", "a/*.png", "a/?/c.*")]
    [True, False, True]
    """
    out = []
    for piece in _PIECES.split(pattern):
        if piece == "**/":
            out.append("(?:.*/)?")
        elif piece == "**":
            out.append(".*")
        elif piece == "*":
            out.append("[^/]*")
        elif piece == "?":
            out.append("[^/]")
        elif piece.startswith("[") and len(piece) > 2:
            body = piece[1:-1].replace("\\", r"\\")
            out.append(f"(?!/)[{'^' + body[1:] if body.startswith('!') else body}]")
        else:
            out.append(re.escape(piece))
    return "".join(out)


@cache
def _matcher(patterns: tuple[str, ...]) -> Callable[[str], bool]:
    """Return what says whether a path with ``/`` between its folders matches one of the patterns."""
    if not patterns:
        return lambda _: False
    parts = []
    for pattern in patterns:
        clean = pattern.rstrip("/")
        fixed = "/" in clean
        parts.append(("" if fixed else "(?:.*/)?") + translate(clean.removeprefix("./")))
    expression = re.compile("|".join(f"(?:{part})" for part in parts), re.IGNORECASE | re.DOTALL)
    return lambda path: expression.fullmatch(path) is not None


@dataclass(frozen=True)
class Filters:
    """What to take of a folder.

    Attributes
    ----------
    include
        Take only these; every picture where empty.
    exclude
        Leave these out, files and whole folders. Patterns know no case.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    @classmethod
    def of(cls, include: Sequence[str] | None, exclude: Sequence[str] | None) -> Filters:
        """Return the filters that the flags' texts mean."""
        return cls(tuple(include or ()), tuple(exclude or ()))

    def leaves_out(self, path: str) -> bool:
        """Say whether a file or folder is excluded."""
        return bool(self.exclude) and _matcher(self.exclude)(path)

    def takes(self, path: str) -> bool:
        """Say whether a file is wanted, by its pattern or, where there is none, by its ending.

        Examples
        --------
        >>> [Filters().takes(name) for name in ("a/b.PNG", "a/notes.txt", ".hidden.png")]
        [True, False, False]
        """
        if self.include:
            return _matcher(self.include)(path)
        name = path.rpartition("/")[2]
        return not name.startswith(".") and PurePosixPath(name).suffix.lower() in ENDINGS


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
