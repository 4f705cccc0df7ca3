"""Strict, fast reading of YAML and JSON written by people and by strangers.

Both formats give the same plain values: dict, list, str, int, float, bool and None. What makes files
ambiguous or dangerous is refused with a line. A file is read once without keeping lines; only a mistake
pays for a second reading that finds its line.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from cnnfilter.errors import KernelFileError, ResourceError
from cnnfilter.library.strict.places import MAX_BYTES, Lines, Steps, dotted

__all__ = ["Document", "parse_document", "read_bytes", "read_document"]


class Document(NamedTuple):
    """A file's plain value, and the lines of everything in it.

    Parameters
    ----------
    path
        The file, as messages name it; ``.json`` is read as JSON, anything else as YAML.
    value
        What it holds, as plain Python values.
    text
        Its text, which is read again where lines are asked for.
    """

    path: str
    value: Any
    text: str

    def line(self, steps: Steps) -> int | None:
        """Return the line, from 1, of the value at `steps`, or of the nearest thing around it."""
        lines = self.lines()
        while steps and steps not in lines:
            steps = steps[:-1]
        return lines.get(steps)

    def lines(self) -> Lines:
        """Return the line of every value."""
        return _lines_of(self.text, self.path)

    def mistake(self, steps: Steps, reason: str, *, at: Steps | None = None) -> KernelFileError:
        """Return the error about the value at `steps`, with the line of `at` or else of `steps`."""
        place = steps if at is None else at
        return KernelFileError(self.path, reason, line=self.line(place), field=dotted(steps), steps=place)

    def fail(self, steps: Steps, reason: str, *, at: Steps | None = None) -> NoReturn:
        """Raise that error."""
        raise self.mistake(steps, reason, at=at)


def read_document(path: str | Path) -> Document:
    """Read a ``.json`` file as JSON, any other as YAML.

    Raises
    ------
    KernelFileError
        If it is missing, not a regular file, longer than 1 MiB, not UTF-8, or not strict YAML or JSON.
    ResourceError
        If it may not be read.
    """
    return parse_document(read_bytes(path), str(path))


def read_bytes(path: str | Path, limit: int = MAX_BYTES) -> bytes:
    """Return the bytes of a regular file of at most `limit` bytes.

    Raises
    ------
    KernelFileError
        If it is missing, not a regular file, or longer.
    ResourceError
        If it may not be read.
    """
    file = Path(path)
    try:
        if not file.is_file():
            raise KernelFileError(str(path), "is not a file" if file.exists() else "no such file")
        with file.open("rb") as stream:
            data = stream.read(limit + 1)
    except PermissionError as error:
        from cnnfilter.files import quoted

        raise ResourceError(f"{quoted(path)}: {error.strerror} (check who may read it)") from error
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        raise KernelFileError(str(path), getattr(error, "strerror", None) or str(error)) from error
    if len(data) > limit:
        raise KernelFileError(str(path), f"longer than {limit:,} bytes, the most that is read")
    return data


def parse_document(data: bytes, path: str) -> Document:
    r"""Read bytes as `read_document` does; `path` gives the format, and the name for messages.

    Raises
    ------
    KernelFileError
        If `data` is longer than 1 MiB, not UTF-8, or not strict YAML or JSON.

    Examples
    --------
    >>> parse_document(b"edge:\n  size: 1e3\n  on: no", "mine.yaml").value
    {'edge': {'size': 1000.0, 'on': 'no'}}
    >>> parse_document(b"a: 1\na: 2", "mine.yaml")
    Traceback (most recent call last):
        ...
    cnnfilter.errors.KernelFileError: mine.yaml:2: a: the key is given twice (remove one)
    """
    if len(data) > MAX_BYTES:
        raise KernelFileError(path, f"longer than {MAX_BYTES:,} bytes, the most that is read")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise KernelFileError(path, "is not UTF-8 text (save it as UTF-8)", line=line) from error
    return Document(path, _parse(text, path, None), text)


@lru_cache(maxsize=1)
def _lines_of(text: str, path: str) -> Lines:
    """Return the line of every value in a text; a file with a mistake may have many, and is read once more for all."""
    lines: Lines = {}
    _parse(text, path, lines)
    return lines


def _parse(text: str, path: str, lines: Lines | None) -> Any:
    """Read text in the format that its file's name says."""
    if path.lower().endswith(".json"):
        from cnnfilter.library.strict.json_text import read_json

        return read_json(text, path, lines)
    from cnnfilter.library.strict.yaml_text import read_yaml

    return read_yaml(text, path, lines)
