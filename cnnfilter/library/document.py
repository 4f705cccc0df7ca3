"""Documents in YAML and JSON, read strictly, with the line that every value stands in."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, TypeAlias

from cnnfilter.errors import KernelFileError, ResourceError
from cnnfilter.files import quoted

#: Keys and indices from the top of a document.
Steps: TypeAlias = tuple[str | int, ...]
#: The line, from 1, of each value of a document.
Lines: TypeAlias = dict[Steps, int]

MAX_BYTES = 1 << 20
MAX_DEPTH = 50
#: Values of one YAML list, of which each takes as long as a hundred letters; long rows of weights are for arrays.
MAX_ITEMS = 1 << 15


def dotted(steps: Steps) -> str:
    """Return steps as one dotted field.

    Examples
    --------
    >>> dotted(("kernels", "edge", "matrix", 2))
    'kernels.edge.matrix[2]'
    """
    text = ""
    for step in steps:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


#: How half of a letter beyond the first 65,536 is written; its other half may follow.
_HALF = re.compile(r"\\u[dD][89a-fA-F]")

_TOKEN = r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+'


def read_json(text: str, path: str, lines: Lines | None) -> Any:
    """Return the value of strict JSON; with `lines`, note the line of every value in it.

    Raises
    ------
    KernelFileError
        If `text` is not JSON, holds NaN or Infinity, gives a key twice, or nests too deep.
    """
    duplicates: list[str] = []

    def mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            duplicates.append("")
        return made

    def constant(name: str) -> NoReturn:
        raise KernelFileError(path, f"{name} is not JSON (write a finite number)", line=_line_of(text, name))

    try:
        value = json.loads(text, object_pairs_hook=mapping, parse_constant=constant)
    except json.JSONDecodeError as error:
        reason = f"not JSON: {error.msg}, column {error.colno}"
        raise KernelFileError(path, reason, line=error.lineno) from error
    except RecursionError:
        raise KernelFileError(path, f"nested deeper than {MAX_DEPTH}") from None
    except ValueError as error:  # a number of more digits than Python converts
        raise KernelFileError(path, f"not JSON: {error}") from error
    _check_depth(value, path)
    if found := _HALF.search(text):
        _check_letters(value, path, text.count("\n", 0, found.start()) + 1)
    if duplicates or lines is not None:
        _locate(text, path, {} if lines is None else lines)
    return value


def _check_depth(value: Any, path: str) -> None:
    """Refuse lists and mappings nested deeper than MAX_DEPTH."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(MAX_DEPTH):
        items = (inner for item in level for inner in (item.values() if isinstance(item, dict) else item))
        level = [inner for inner in items if isinstance(inner, dict | list)]
        if not level:
            return
    raise KernelFileError(path, f"nested deeper than {MAX_DEPTH}")


def _check_letters(value: Any, path: str, line: int) -> None:
    """Refuse text with half of a letter in it, which no file can hold."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise KernelFileError(path, "a \\u escape is half of a letter (write both halves)", line=line) from error


def _line_of(text: str, token: str) -> int:
    """Return the line of the first token of `text` that is `token`."""
    starts = (match.start() for match in re.finditer(_TOKEN, text) if match[0] == token)
    return text.count("\n", 0, next(starts, 0)) + 1


def _locate(text: str, path: str, lines: Lines) -> None:
    """Note the line of every value of valid JSON, and refuse a key that is given twice."""
    frames: list[list[Any]] = []  # an opening bracket, and the key or index that is being read
    line, seen = 1, 0
    for match in re.finditer(_TOKEN, text):
        token = match[0]
        line += text.count("\n", seen, match.start())
        seen = match.start()
        if token in ("}", "]"):
            frames.pop()
        elif token == ",":
            frames[-1][1] = frames[-1][1] + 1 if frames[-1][0] == "[" else None
        elif token == ":":
            continue
        elif frames and frames[-1] == ["{", None]:
            frames[-1][1] = json.loads(token)
            steps = tuple(frame[1] for frame in frames)
            if steps in lines:
                reason = "the key is given twice (remove one)"
                raise KernelFileError(path, reason, line=line, field=dotted(steps))
            lines[steps] = line
        else:
            lines.setdefault(tuple(frame[1] for frame in frames), line)
            if token in ("{", "["):
                frames.append([token, 0 if token == "[" else None])


_INTEGER = re.compile(r"[-+]?[0-9]{1,300}")
_OCTAL_OR_HEX = re.compile(r"0o[0-7]{1,300}|0x[0-9a-fA-F]{1,300}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}


@dataclass
class _Open:
    """A list or mapping whose end has not come yet."""

    value: Any
    steps: Steps
    key: str | None = None
    top: bool = False


def read_yaml(text: str, path: str, lines: Lines | None) -> Any:
    """Return the value of strict YAML; with `lines`, note the line of every value in it.

    Raises
    ------
    KernelFileError
        If `text` is not YAML, nests too deep, or uses what is refused here.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    top = _Open([], (), top=True)
    stack = [top]
    documents = 0
    try:
        event: Any
        for event in yaml.parse(text, Loader=loader):
            kind = type(event)
            if kind is yaml.ScalarEvent or kind is yaml.SequenceStartEvent or kind is yaml.MappingStartEvent:
                opened = _place(event, stack[-1], path, text, lines)
                if opened is not None:
                    stack.append(opened)
                    if len(stack) > MAX_DEPTH + 1:
                        _refuse(path, event, f"nested deeper than {MAX_DEPTH}")
            elif kind is yaml.SequenceEndEvent or kind is yaml.MappingEndEvent:
                stack.pop()
            elif kind is yaml.AliasEvent:
                _refuse(path, event, f"alias *{event.anchor} is not allowed (write the value again)")
            elif kind is yaml.DocumentStartEvent:
                documents += 1
                if documents > 1:
                    _refuse(path, event, "a second document is not allowed (remove the ---)")
                if event.tags:
                    _refuse(path, event, "%TAG is not allowed")
    except yaml.YAMLError as error:
        raise _yaml_error(path, text, error) from error
    return top.value[0] if top.value else None


def _place(event: Any, parent: _Open, path: str, text: str, lines: Lines | None) -> _Open | None:
    """Put one scalar or an empty container into `parent`; return the container that it opens."""
    if event.anchor is not None:
        _refuse(path, event, f"anchor &{event.anchor} is not allowed (write the value again)")
    if event.tag is not None:
        _refuse(path, event, f"tag {event.tag} is not allowed (write a plain value)")
    scalar = getattr(event, "value", None)
    if isinstance(parent.value, dict) and parent.key is None:
        if scalar is None:
            _refuse(path, event, "a key must be text")
        if scalar == "<<" and event.implicit[0]:
            _refuse(path, event, "merge key << is not allowed (write the values again)")
        steps = (*parent.steps, scalar)
        if scalar in parent.value:
            _refuse(path, event, "the key is given twice (remove one)", dotted(steps))
        parent.key = scalar
        if lines is not None:
            lines[steps] = event.start_mark.line + 1
        return None
    value: Any
    if scalar is not None:
        value = _resolve(scalar) if event.implicit[0] else scalar
    else:
        value = {} if type(event).__name__ == "MappingStartEvent" else []
    if isinstance(parent.value, dict):
        steps = (*parent.steps, str(parent.key))
        parent.value[parent.key], parent.key = value, None
    else:
        steps = () if parent.top else (*parent.steps, len(parent.value))
        parent.value.append(value)
        if len(parent.value) > MAX_ITEMS:
            reason = f"more than {MAX_ITEMS:,} values in one list (keep so many in .npy, .npz or .safetensors)"
            _refuse(path, event, reason, dotted(parent.steps))
    if lines is not None:
        _note(event, steps, lines, text)
    return _Open(value, steps) if scalar is None else None


def _note(event: Any, steps: Steps, lines: Lines, text: str) -> None:
    """Note the line of a value, and of each row of a matrix that is written as text over several lines."""
    line = event.start_mark.line + 1
    lines.setdefault(steps, line)
    if event.end_mark.line > event.start_mark.line and hasattr(event, "value"):
        source = text[event.start_mark.index : event.end_mark.index]
        block = event.style in ("|", ">")
        rows = re.finditer(r"[^;\n]*[^;\s][^;\n]*" if block else r"[^;]*[^;\s][^;]*", source)
        counted = 0
        for number, row in enumerate(rows, start=-1 if block else 0):  # a block begins with its header
            first = row.start() + len(row[0]) - len(row[0].lstrip())
            line += source.count("\n", counted, first)
            counted = first
            lines[(*steps, number)] = line


@lru_cache(maxsize=4096)
def _resolve(text: str) -> Any:
    """Return what a plain YAML scalar means in the core schema of YAML 1.2."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _OCTAL_OR_HEX.fullmatch(text):
        return int(text, 0)
    return float(text) if _FLOAT.fullmatch(text) else text


def _refuse(path: str, event: Any, reason: str, steps: str = "") -> NoReturn:
    """Raise an error at the line of a YAML event."""
    raise KernelFileError(path, reason, line=event.start_mark.line + 1, field=steps)


def _yaml_error(path: str, text: str, error: Any) -> KernelFileError:
    """Return the error of a YAML parser as ours, with its line and column."""
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "unreadable"
    if mark is None:  # a character that YAML does not allow
        found = re.search(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", text)
        line = text.count("\n", 0, found.start() if found else 0) + 1
        return KernelFileError(path, f"not YAML: {problem}", line=line)
    if problem == "did not find expected key":
        problem += " (is it indented like its neighbours? in a | block no line may start left of the first)"
    return KernelFileError(path, f"not YAML: {problem}, column {mark.column + 1}", line=mark.line + 1)


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
        return read_json(text, path, lines)

    return read_yaml(text, path, lines)
