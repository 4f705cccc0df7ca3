"""Where every result goes: the tree of the inputs mirrored, and no two results in one file."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

from cnnfilter.files import file_name, slug

#: Bytes of a stem that need no shortening whatever comes after it.
_SHORT = 80


def safe_folder(key: str) -> str:
    """Return the folder of a key with nothing in it that leaves the tree.

    Examples
    --------
    >>> safe_folder("a/b/c.png"), safe_folder("../../etc/x.png"), safe_folder("a//./b/x.png")
    ('a/b', '_/_/etc', 'a/b')
    """
    pieces = key.replace("\0", "").split("/")[:-1]
    return "/".join("_" if piece == ".." else piece for piece in pieces if piece not in ("", "."))


def stem_of(key: str) -> str:
    """Return the name of an input without folder and ending.

    Examples
    --------
    >>> stem_of("a/b.tar.png"), stem_of("a/.png"), stem_of("a/b"), stem_of("...")
    ('b.tar', '.png', 'b', 'unnamed')
    """
    name = key.rpartition("/")[2]
    if "\\" in name or "\0" in name:
        name = name.replace("\\", "-").replace("\0", "")
    base, dot, _ = name.rpartition(".")
    stem = base if dot and base else name
    return stem if stem.strip(".") else "unnamed"


@dataclass(frozen=True)
class Labels:
    """What each input is made into: the labels of the kernels, and the formats.

    Attributes
    ----------
    names
        One for each file of one format; ``("stack",)`` where all kernels share a file.
    formats
        File formats, which are their endings too.
    """

    names: tuple[str, ...]
    formats: tuple[str, ...]

    @property
    def ambiguous(self) -> bool:
        """Say whether one label ends in another, so that two stems could give one name."""
        tails = [slug(name) for name in self.names]
        return any(one != other and one.endswith(f".{other}") for one in tails for other in tails)

    def files(self, stem: str) -> list[str]:
        """Return the names of all files of a stem, kernel after kernel."""
        return [file_name(stem, name, extension=form) for name in self.names for form in self.formats]


@dataclass
class Namer:
    """Gives every input a stem of its own in its folder, in the order of the inputs.

    Holds 8 bytes of digest for each name instead of the name. Two names that some file system takes for one,
    by case or Unicode form, count as one. Should two digests ever be equal, a name gets a number that it would
    not need; none is lost.
    """

    labels: Labels
    taken: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._whole = self.labels.ambiguous
        self._head, self._folder = "", ""  # of the last key: most have their folder in common with the one before

    def place(self, key: str) -> tuple[str, str]:
        """Return the folder and the stem of an input's results.

        Examples
        --------
        >>> namer = Namer(Labels(("sobel-x",), ("png",)))
        >>> [namer.place(key) for key in ("a/cat.png", "a/cat.jpg", "a/CAT.tif", "b/cat.png")]
        [('a', 'cat'), ('a', 'cat-2'), ('a', 'CAT-3'), ('b', 'cat')]
        """
        head = key.rpartition("/")[0]
        if head != self._head:
            self._head, self._folder = head, safe_folder(key)
        folder, stem = self._folder, stem_of(key)
        candidate, number = stem, 1
        marks = self._marks(folder, candidate)
        while not self.taken.isdisjoint(marks):
            number += 1
            candidate = f"{stem}-{number}"
            marks = self._marks(folder, candidate)
        self.taken.update(marks)
        return folder, candidate

    def _marks(self, folder: str, stem: str) -> Sequence[int]:
        """Return digests of the names that a stem takes."""
        if self._whole:
            return [hash((folded(folder), folded(name))) for name in self.labels.files(stem)]
        if len(stem) >= _SHORT or not (stem.isascii() or len(stem.encode("utf-8", "surrogateescape")) < _SHORT):
            stem = file_name(stem, self.labels.names[0], extension="tiff")
        return (hash((folded(folder), folded(stem))),)


def folded(name: str) -> str:
    """Return a name as the file systems see it that know neither case nor Unicode forms."""
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
