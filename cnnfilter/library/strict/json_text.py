"""Strict JSON (RFC 8259) to plain values: no NaN, no duplicate keys, bounded depth."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from cnnfilter.errors import KernelFileError
from cnnfilter.library.strict.places import MAX_DEPTH, Lines, dotted

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
