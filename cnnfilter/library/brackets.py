"""Matrices in the brackets that other programs print and read: JSON, Python, NumPy, PyTorch, MATLAB, C."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cnnfilter.library.numbers import BEFORE_BRACKETS, MatrixError, describe, matrix, number

#: A root has brackets of its own.
_TOKEN = re.compile(r"[-+*0-9]*sqrt\([0-9]+\)(?:/[0-9.]+)?|[\[{(\])};,\n]|[^\s\[\](){};,]+")
_CLOSING = {"[": "]", "{": "}", "(": ")"}
#: After the brackets: more arguments of the call and its end, a factor, a semicolon.
_AFTER = (
    r"\s*(?:,\s*\w+\s*=\s*[\w.'\"]+\s*)*,?\s*(?P<end>\)?)\s*"
    r"(?:\.?(?P<sign>[*/])\s*(?P<number>[-+./0-9eE]{1,40}|\([-+./0-9eE]{1,40}\)))?\s*;?\s*"
)
#: Levels of brackets: channels, rows and columns, and one more that `matrix` names in its message.
_DEEPEST = 4


@dataclass
class _Open:
    """A bracket whose end has not come yet: the rows that ended in it, and the one that has not."""

    bracket: str
    rows: list[Any] = field(default_factory=list)
    items: list[Any] = field(default_factory=list)
    commas: int = 0

    def end_row(self) -> None:
        """End a row of numbers; lists are rows already, and so is the whole where nothing else ends one."""
        if self.items and not isinstance(self.items[0], list):
            if self.commas not in (0, len(self.items) - 1, len(self.items)):
                hint = "write decimals with a point, and part all numbers alike"
                raise MatrixError(f"commas and spaces both part the numbers of a row ({hint})")
            self.rows.append(self.items)
            self.items = []
        self.commas = 0

    def value(self) -> list[Any]:
        """Return what the bracket held."""
        if not self.items or isinstance(self.items[0], list):
            return self.rows + self.items
        self.end_row()
        return self.rows if len(self.rows) > 1 else self.rows[0]


def bracketed(text: str) -> list[Any]:
    r"""Return the matrix that is written in brackets, as `numbers.matrix` does.

    Rows are lists of their own, or end in ``;`` or, in one pair of brackets, in a new line. A factor before or after
    the brackets multiplies or divides every weight.

    Raises
    ------
    MatrixError
        If the brackets do not match, something else stands around them, or they hold no matrix.

    Examples
    --------
    >>> bracketed("[1 2; 3 4]/4"), bracketed("array([[1., 2.],\n       [3., 4.]])")
    ([[0.25, 0.5], [0.75, 1.0]], [[1.0, 2.0], [3.0, 4.0]])
    """
    # MATLAB goes on in the next line; after a number, dots are what NumPy leaves out
    text = re.sub(r"([;,])\s*\.\.\.[ \t]*(?:%[^\n]*)?\n", r"\1 ", text.strip())
    text = re.sub(r"\s*/\s*", "/", text)
    before = re.match(BEFORE_BRACKETS, text)
    assert before is not None  # every part of it may be missing
    values, stop = _parse(text, before.end())
    if re.match(r"\s*[,\n]\s*[\[{(]", text[stop:]) and not any(before.groups()):  # rows without the outer brackets
        return bracketed(f"[{text.rstrip(',; ' + chr(10))}]")
    after = re.fullmatch(_AFTER, text[stop:])
    if after is None or bool(after["end"]) != bool(before["call"]):
        raise MatrixError(f"{describe(text[stop:].strip())} after the brackets means nothing")
    weights = matrix(values)
    try:
        if before["factor"]:
            factor = number(before["factor"])
            weights = _each(weights, lambda weight: weight * factor)
        if after["number"]:
            by = number(after["number"].strip("()"))
            weights = _each(
                weights, (lambda weight: weight * by) if after["sign"] == "*" else lambda weight: weight / by
            )
    except (ValueError, ZeroDivisionError) as error:
        raise MatrixError(f"the factor of the brackets: {error}") from None
    return weights


def _each(values: list[Any], change: Callable[[float], float]) -> list[Any]:
    """Return nested lists with every number changed."""
    return [_each(value, change) if isinstance(value, list) else change(value) for value in values]


def _parse(text: str, start: int) -> tuple[list[Any], int]:
    """Return the nested lists of the bracket at `start`, numbers still as text, and where it ends."""
    stack: list[_Open] = []
    last = ""
    for match in _TOKEN.finditer(text, start):
        token = match[0]
        if token in _CLOSING:
            stack.append(_Open(token))
            if len(stack) > _DEEPEST:
                raise MatrixError(f"brackets nested deeper than {_DEEPEST}")
        elif token in "]})":
            opened = stack.pop()
            if token != _CLOSING[opened.bracket]:
                raise MatrixError(f"{opened.bracket!r} is closed by {token!r}")
            if not stack:
                return opened.value(), match.end()
            stack[-1].items.append(opened.value())
        elif token == ";" or (token == "\n" and len(stack) == 1 and last != ","):
            stack[-1].end_row()
        elif token == ",":
            if not (stack[-1].items and last != ","):
                raise MatrixError("there is nothing before a comma (write 0 where there is no weight)")
            stack[-1].commas += 1
        elif token != "\n":
            stack[-1].items.append(token.strip("'\""))
        last = last if token == "\n" else token
    raise MatrixError(f"{describe(text)} lacks its closing bracket (a matrix needs quotes around it)")
