"""Patterns for paths: ``*.png`` names files anywhere, ``scans/**/a?.tif`` names them by their folders."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import PurePosixPath

#: Endings that a folder is searched for unless patterns say otherwise.
ENDINGS = frozenset(
    (
        ".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".tif", ".tiff", ".btf", ".gif", ".bmp", ".dib",
        ".webp", ".pbm", ".pgm", ".ppm", ".pnm", ".pfm", ".npy",
    )
)  # fmt: skip

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
