"""Strict YAML to plain values, from libyaml's events.

Aliases, anchors, tags, duplicate keys and second documents are refused with their line, so that nothing in a
file can grow when it is read. Plain scalars follow the core schema of YAML 1.2: ``no`` and ``1:30`` stay
text, ``1e3`` is a number.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NoReturn

from cnnfilter.errors import KernelFileError
from cnnfilter.library.strict.places import MAX_DEPTH, MAX_ITEMS, Lines, Steps, dotted

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
