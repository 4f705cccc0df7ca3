"""Which kernels there are: the search path, the files on it, and the entries they hold. No NumPy here.

A file is a mapping ``kernels: {name: {...}}, banks: {name: {...}}``, or just a matrix. The first folder on the
path that knows a name wins; later ones are hidden, and remembered. Files of users are checked against the
schema when they are read; the shipped ones are valid (a test proves it), so that they are not checked again.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from cnnfilter.errors import CnnFilterError, KernelFileError, ParameterError, ResourceError
from cnnfilter.files import file_path, quoted
from cnnfilter.library.document import Document, Steps, parse_document, read_bytes, read_document
from cnnfilter.library.numbers import describe
from cnnfilter.library.spec import DOCUMENT_SUFFIXES, canonical

SCHEMA_NAME = "schema.json"


class Entry(NamedTuple):
    """One kernel or bank as its file describes it.

    Parameters
    ----------
    name
        As typed: lower case, with hyphens.
    kind
        ``kernel`` or ``bank``.
    data
        The entry's keys and values, as in the file.
    document
        The file, which knows the lines.
    steps
        Where in the file the entry is.
    bare
        Whether the entry is just a matrix.
    hidden_by
        The file that holds the entry which wins over this one; empty for a visible one.
    """

    name: str
    kind: str
    data: Mapping[str, Any]
    document: Document
    steps: Steps
    bare: bool = False
    hidden_by: str = ""

    @property
    def title(self) -> str:
        """What it is, in a line."""
        return str(self.data.get("title", ""))

    @property
    def family(self) -> str:
        """Its shelf, such as ``gradient``."""
        return str(self.data.get("family", ""))

    @property
    def source(self) -> str:
        """The paper or standard that it is from."""
        return str(self.data.get("source", ""))

    @property
    def aliases(self) -> tuple[str, ...]:
        """Other names that find it."""
        return tuple(canonical(alias) for alias in self.data.get("aliases", ()))

    @property
    def path(self) -> str:
        """The file that holds it."""
        return self.document.path

    @property
    def words(self) -> tuple[str, ...]:
        """Every text that a search looks through."""
        variants = self.data.get("variants", {})
        notes = (text for name, variant in variants.items() for text in (name, str(variant.get("note", ""))))
        texts = (str(self.data.get(key, "")) for key in ("description", "formula", "generator", "spec"))
        kind = "bank banks" if self.kind == "bank" else "kernel"
        return (self.name, *self.aliases, self.title, self.family, self.source, kind, *texts, *notes)

    @property
    def line(self) -> int | None:
        """The line where it begins; this reads the file again."""
        return self.document.line(self.steps)

    def place(self, key: str, *more: str | int) -> Steps:
        """Return where in the file the value of `key` is."""
        return (*self.steps, *more) if self.bare and key == "matrix" else (*self.steps, key, *more)


class KernelFile(NamedTuple):
    """The kernels and banks of one file, by name and in order."""

    document: Document
    kernels: dict[str, Entry]
    banks: dict[str, Entry]

    def find(self, name: str, kind: str = "kernel") -> Entry | None:
        """Return the entry of that name or alias, a name before an alias."""
        table = self.kernels if kind == "kernel" else self.banks
        if name in table:
            return table[name]
        return next((entry for entry in table.values() if name in entry.aliases), None)


@lru_cache(maxsize=1)
def shipped_folder() -> Path:
    """Return the folder of the kernels that come with the program.

    In a wheel it lies inside the package; in a checkout, an editable install and an sdist beside it.
    """
    package = Path(__file__).resolve().parents[1]
    inside = package / "kernels"
    return inside if (inside / SCHEMA_NAME).is_file() else package.parent / "kernels"


def user_folder() -> Path:
    """Return the user's own kernel folder, whether it exists or not."""
    if sys.platform.startswith("linux"):  # what platformdirs would say, without importing it
        base = os.environ.get("XDG_CONFIG_HOME", "")
        home = os.path.expanduser("~")  # noqa: PTH111 -- where nobody has a home this returns "~" and raises nothing
        return Path(base if base.startswith("/") else f"{home}/.config", "cnnfilter", "kernels")
    import platformdirs

    return Path(platformdirs.user_config_dir("cnnfilter", appauthor=False)) / "kernels"


def search_path(kernel_dirs: Sequence[str | Path] = ()) -> list[Path]:
    """Return the folders where kernels are looked for, in order.

    Parameters
    ----------
    kernel_dirs
        Folders that come first. A folder among them, or in ``$CNNFILTER_KERNELS``, that does not exist is an error;
        the user's folder may be missing.

    Raises
    ------
    KernelFileError
        If a named folder does not exist.
    """
    named = [Path(folder) for folder in kernel_dirs]
    named += [Path(text) for text in os.environ.get("CNNFILTER_KERNELS", "").split(os.pathsep) if text]
    for folder in named:
        if not os.path.isdir(folder):  # noqa: PTH112 -- False, not an error, where a parent may not be read
            raise KernelFileError(str(folder), "no such kernel folder (check --kernel-dir and CNNFILTER_KERNELS)")
    user = user_folder()
    own = [user] if os.path.isdir(user) else []  # noqa: PTH112
    return list(dict.fromkeys([*named, *own, shipped_folder()]))


def folders(search: Sequence[str | Path] | None) -> list[Path]:
    """Return the folders that a caller wants searched; the search path where it is None.

    Raises
    ------
    ParameterError
        If `search` is no list of folders.
    """
    if search is None:
        return search_path()

    if isinstance(search, str | bytes) or not isinstance(search, Iterable):
        raise ParameterError(f"search is a list of folders, got {describe(search)}")
    return [file_path(folder, "a folder to search") for folder in search]


def kernel_files(folder: Path) -> list[Path]:
    """Return the kernel files of a folder, in order of name."""
    try:
        with os.scandir(folder) as items:
            names = sorted(
                item.name for item in items if item.name.lower().endswith(DOCUMENT_SUFFIXES) and item.is_file()
            )
    except PermissionError as error:
        raise ResourceError(f"{quoted(folder)}: {error.strerror} (a kernel folder; check who may read it)") from error
    except (OSError, ValueError) as error:  # ValueError: a name that no folder can have
        raise KernelFileError(str(folder), f"{getattr(error, 'strerror', None) or error} (a kernel folder)") from error
    return [folder / name for name in names if name != SCHEMA_NAME]


def read_kernel_file(path: str | Path, *, check: bool = True) -> KernelFile:
    """Read one kernel file.

    Parameters
    ----------
    path
        YAML or JSON.
    check
        Whether to hold it to the schema.

    Raises
    ------
    KernelFileError
        With path, line and dotted field, if anything in it is not as the schema says.
    """
    return entries_of(read_document(path), check)


def entries_of(document: Document, check: bool) -> KernelFile:
    """Return the entries of a document, checked unless it is one of ours."""
    if check:
        from cnnfilter.library.schema import check_kernel_file

        check_kernel_file(document)
    value = document.value
    if not isinstance(value, dict):
        name = canonical(Path(document.path).stem)
        return KernelFile(document, {name: Entry(name, "kernel", {"matrix": value}, document, (), True)}, {})
    kernels: dict[str, Entry] = {}
    for key, data in value.get("kernels", {}).items():
        name, bare = canonical(key), not isinstance(data, dict)
        whole = {"matrix": data} if bare else data
        kernels[name] = Entry(name, "kernel", whole, document, ("kernels", key), bare)
    banks = {
        canonical(key): Entry(canonical(key), "bank", data, document, ("banks", key))
        for key, data in value.get("banks", {}).items()
    }
    return KernelFile(document, kernels, banks)


@lru_cache(maxsize=256)
def _cached(path: str, data: bytes, check: bool) -> KernelFile:
    """Parse one file of a kernel folder once."""
    return entries_of(parse_document(data, path), check)


def find(name: str, kind: str, search: Sequence[Path]) -> Entry:
    """Return the entry that a name means, reading only the files that mention it.

    Parameters
    ----------
    name
        A name or alias, in any case, with hyphens or underscores.
    kind
        ``kernel`` or ``bank``.
    search
        Folders, first wins; within a folder a name wins over an alias.

    Raises
    ------
    UnknownNameError
        If no file knows it; the message gives the closest names.
    KernelFileError
        If a file that mentions the name is broken.
    """
    wanted = canonical(name)
    for thorough in (False, True):  # a name that is escaped in its file is found the second time
        for folder in search:
            found = None
            for file in _files(folder, "" if thorough else wanted):
                entry = file.find(wanted, kind)
                if entry is not None and entry.name == wanted:
                    return entry
                found = found or entry
            if found is not None:
                return found
    from cnnfilter.library.suggest import unknown

    raise unknown(wanted, kind, [entry for entry in entries(search) if not entry.hidden_by])


def _files(folder: Path, mention: str) -> Iterator[KernelFile]:
    """Yield the files of a folder whose bytes mention a name."""
    ours = folder == shipped_folder()
    sought = mention.encode("utf-8", "backslashreplace")  # what is no text comes through the command line too
    for path in kernel_files(folder):
        data = read_bytes(path)
        if sought in data.lower().replace(b"_", b"-"):
            yield _cached(str(path), data, not ours)


def entries(search: Sequence[Path], problems: list[CnnFilterError] | None = None) -> list[Entry]:
    """Return every kernel and bank on the path, by name; hidden ones say which file hides them.

    Parameters
    ----------
    search
        Folders, first wins.
    problems
        Collects the errors of broken files, whose entries are then missing; None passes over them.
    """
    seen: dict[tuple[str, str], str] = {}
    found: list[Entry] = []
    for folder in search:
        ours = folder == shipped_folder()
        for path in kernel_files(folder):
            try:
                file = _cached(str(path), read_bytes(path), not ours)
            except CnnFilterError as error:
                if problems is not None:
                    problems.append(error)
                continue
            for entry in (*file.kernels.values(), *file.banks.values()):
                hider = seen.setdefault((entry.kind, entry.name), entry.path)
                found.append(entry if hider == entry.path else entry._replace(hidden_by=hider))
    return sorted(found, key=lambda entry: (entry.name, entry.kind, bool(entry.hidden_by)))
