"""Names: what is safe in the name of a file, when two names are one, and how they are told apart.

Names of images, kernels, layers, maps, columns and files are made distinct here and nowhere else.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Hashable, Iterable

#: The longest file name, in bytes, that common file systems take.
LONGEST_NAME = 255
#: The longest that a name may be whose file is written beside its place first, under a longer one.
LONGEST_PART = LONGEST_NAME - 25

_LONGEST_SLUG = 120
_RESERVED = frozenset({"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))})

#: What two names have in common that must not share a place; some names take up several.
Keys = Callable[[str], tuple[Hashable, ...]]


def slug(text: str, fallback: str = "unnamed") -> str:
    r"""Return `text` made into one safe piece of a file name.

    Letters and digits of every script stay, and ``. _ + = , @ -`` between them; each run of anything else
    becomes one hyphen. The result holds no separator, control or bidirectional character, does not begin
    or end with a dot or hyphen, is no reserved device name, and is at most 120 bytes long.

    Parameters
    ----------
    text
        Any text: the name of a kernel, a layer or a class.
    fallback
        What to use when nothing of `text` is left.

    Examples
    --------
    >>> slug("gabor:theta=22.5"), slug("../../etc/passwd"), slug("NUL"), slug("\u202e")
    ('gabor-theta=22.5', 'etc-passwd', 'NUL-', 'unnamed')
    """
    text = unicodedata.normalize("NFKC", text)
    kept = "".join(char if char.isalnum() or char in "._+=,@-" else " " for char in text)
    name = "-".join(kept.split())
    while ".." in name:
        name = name.replace("..", ".")
    name = shortened(name.strip(".-"), _LONGEST_SLUG).rstrip(".-")
    if name.partition(".")[0].casefold() in _RESERVED:
        name = name.replace(".", "-", 1) if "." in name else f"{name}-"
    return name or fallback


def shortened(name: str, limit: int) -> str:
    """Cut `name` to `limit` bytes, with a digest of the whole at its end so that two names stay two."""
    data = name.encode("utf-8", "surrogateescape")
    if len(data) <= limit:
        return name
    import hashlib

    digest = hashlib.sha256(data).hexdigest()[:8]
    return f"{data[: limit - 9].decode('utf-8', 'ignore')}-{digest}"


def file_name(stem: str, *labels: str, extension: str) -> str:
    """Return ``stem.label.extension``, short enough for the file system.

    Parameters
    ----------
    stem
        The name of the input without its extension. It is a file's name already and stays as it is;
        only separators in it, and names of nothing but dots, are replaced.
    labels
        Kernel and map names; each goes through `slug`.
    extension
        Without its dot.

    Examples
    --------
    >>> file_name("my photo", "sobel-x", extension="png")
    'my photo.sobel-x.png'
    """
    tail = "".join(f".{slug(label)}" for label in labels) + f".{extension}"
    stem = stem.replace("/", "-").replace("\\", "-").replace("\0", "")
    if not stem.strip("."):
        stem = "unnamed"
    room = max(LONGEST_PART - len(tail.encode("utf-8", "surrogateescape")), 16)
    return shortened(stem, room) + tail


def folded(name: str) -> str:
    r"""Return what is equal for two file names that some file system takes for one.

    Case and Unicode form make no difference to macOS and Windows.

    Examples
    --------
    >>> folded("Caf\u00e9.PNG") == folded("cafe\u0301.png")
    True
    """
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def name_key(name: str) -> str:
    """Return what is equal for two names that are one: on some file system, once they are a piece of a file's name.

    Examples
    --------
    >>> name_key("Conv/1") == name_key("conv-1"), name_key("conv1") == name_key("conv2")
    (True, False)
    """
    return folded(slug(name))


def distinct(names: Iterable[str], key: Callable[[str], Hashable] = name_key) -> tuple[str, ...]:
    """Return as many names, of which no two are equal: a number goes behind those that come again.

    Parameters
    ----------
    names
        Any names.
    key
        What is equal for two names that are one.

    Returns
    -------
    tuple of str
        The first of equal names keeps its own, and so does every name that comes once: a number is passed over
        where it would make a name that is somebody else's.

    Notes
    -----
    Takes time in proportion to the number of names, however many are equal: see `Numbering`.

    Examples
    --------
    >>> distinct(["edge", "blur", "EDGE", "edge-2", "edge"])
    ('edge', 'blur', 'EDGE-3', 'edge-2', 'edge-4')
    """
    names = tuple(names)
    numbering = Numbering(lambda name: (key(name),))
    for name in names:
        numbering.note(name)
    return tuple(numbered(name, numbering.number(name)) for name in names)


def numbered(name: str, number: int) -> str:
    """Return a name with its number behind it; the first one has none.

    Examples
    --------
    >>> numbered("edge", 1), numbered("edge", 2)
    ('edge', 'edge-2')
    """
    return name if number == 1 else f"{name}-{number}"


class Numbering:
    """Numbers that tell equal names apart: `distinct` for names that come as a stream, twice.

    Every name is noted first; then each gets its number, in the same order. What is held of each name is its keys.

    Parameters
    ----------
    keys
        What two names must not have in common.
    named
        Puts a number to a name.

    Notes
    -----
    A number that was refused to a name, or given to one equal to it, is not tried again for either. It is refused
    where a name has it by itself or through another name; each such name stands in the way of one other at most,
    that which is left of it without the number. So n names are tried at most 2 n times.

    Examples
    --------
    >>> numbering = Numbering(lambda name: (name.lower(),))
    >>> for name in ("a", "A", "b"):
    ...     numbering.note(name)
    >>> [numbering.number(name) for name in ("a", "A", "b")]
    [1, 2, 1]
    """

    def __init__(self, keys: Keys, named: Callable[[str, int], str] = numbered) -> None:
        self._keys, self._named = keys, named
        self._own: set[Hashable] = set()
        self._shared: set[Hashable] = set()
        self._taken: set[Hashable] = set()
        self._last: dict[Hashable, int] = {}

    @property
    def needed(self) -> bool:
        """Whether any two of the names noted so far are equal."""
        return bool(self._shared)

    def note(self, name: str) -> None:
        """Take note of a name."""
        for key in self._keys(name):
            (self._shared if key in self._own else self._own).add(key)

    def number(self, name: str) -> int:
        """Return the number of a name that was noted: 1 where it stays as it is, else the one to go behind it."""
        keys = self._keys(name)
        shared = self._shared.intersection(keys)
        if not shared:
            return 1
        if self._taken.isdisjoint(shared):
            self._taken |= shared
            return 1
        number = self._last.get(keys, 1) + 1
        marks = self._keys(self._named(name, number))
        while not (self._own.isdisjoint(marks) and self._taken.isdisjoint(marks)):
            number += 1
            marks = self._keys(self._named(name, number))
        self._last[keys] = number
        self._taken.update(marks)
        return number


def counted(layers: int, numbers: int) -> str:
    """Return how large a network is.

    Examples
    --------
    >>> counted(1, 6090)
    '1 layer, 6,090 numbers'
    """
    return f"{layers} layer{'s' * (layers != 1)}, {numbers:,} numbers"
