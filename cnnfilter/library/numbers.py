"""Numbers as people type them: fractions, matrices, nested brackets."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

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


#: Most rows or columns of a kernel, and most weights that one spec may load.
MAX_SIDE = 4095
MAX_WEIGHTS = 1 << 24

_TERM = (
    r"(?P<sign>[-+]?)(?:(?P<root>(?P<times>[0-9]+)?\*?sqrt\((?P<of>[0-9]{1,9})\))"
    r"|(?P<plain>(?:[0-9]{1,300}(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,4})?))"
)


#: What may stand before the brackets of a matrix: a name, in C with its type and sizes, and ``=``, a factor and ``*``,
#: a function's name.
BEFORE_BRACKETS = (
    r"\s*(?:(?:[a-z]\w{0,20}\s+){0,4}[A-Za-z_]\w*\s*(?:\[\w{0,10}\]\s*){0,3}=\s*)?(?:(?P<factor>[-+./0-9eE]{1,40})\s*\.?\*\s*)?"
    r"(?P<call>[A-Za-z_][A-Za-z_.]{0,40}\(\s*(?=[\[{(]))?"
)


class MatrixError(ValueError):
    """A matrix that is not one: what is wrong, and the indices that lead there."""

    def __init__(self, reason: str, *steps: int) -> None:
        super().__init__(reason)
        self.steps = steps


def number(value: object) -> float:
    """Return a number, or the text of a number, a fraction or a square root, as a float.

    Raises
    ------
    ValueError
        If `value` is anything else, or not finite.

    Examples
    --------
    >>> number("1/4"), number("-sqrt(2)/4"), number(3)
    (0.25, -0.3535533905932738, 3.0)
    """
    if isinstance(value, str):
        over, slash, under = value.partition("/")
        below = _term(under) if slash else 1.0
        if below == 0:
            raise ValueError(f"{value!r} divides by zero")
        result = _term(over) / below
    elif isinstance(value, int | float) and not isinstance(value, bool):
        try:
            result = float(value)
        except OverflowError:
            raise ValueError("the number is too large") from None
    else:
        raise ValueError(f"expected a number, got {describe(value)}")
    if not math.isfinite(result):
        raise ValueError(f"expected a finite number, got {describe(value)}")
    return result


def _term(text: str) -> float:
    """Return one side of a fraction."""
    if len(text) <= 300 and text.strip("0123456789.") in (
        "",
        "-",
        "+",
    ):  # most numbers: the pattern takes four times as long
        with contextlib.suppress(ValueError):
            return float(text)
    match = re.fullmatch(_TERM, text.strip().replace("\u2212", "-"))  # the minus sign of typeset text
    if match is None:
        raise ValueError(f"expected a number, got {describe(text)}")
    sign = -1.0 if match["sign"] == "-" else 1.0
    if match["root"]:
        return sign * float(match["times"] or 1) * math.sqrt(int(match["of"]))
    return sign * float(match["plain"])


def describe(value: object) -> str:
    """Return a value as messages show it: short, on one line.

    Examples
    --------
    >>> describe("abc"), describe(None), describe(True), describe([1])
    ("'abc'", 'nothing', 'true', 'a list')
    """
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "a list"
    if isinstance(value, dict):
        return "a mapping"
    text = repr(value[:200] if isinstance(value, str) else value)
    return text if len(text) <= 40 else f"{text[:36]}...{text[-1] if isinstance(value, str) else ''}"


def shown(text: str) -> str:
    r"""Return what a user typed as it stands, or with escapes where it would break the line or the terminal.

    Examples
    --------
    >>> shown("45"), shown("4\n5")
    ('45', "'4\\n5'")
    """
    return text if text.isprintable() else describe(text)


def is_matrix_text(text: str) -> bool:
    """Return whether a spec is a matrix written in place, rather than a name or a file.

    Examples
    --------
    >>> is_matrix_text("0 -1 0; -1 5 -1"), is_matrix_text("[[1, 2]]"), is_matrix_text("sobel-x")
    (True, True, False)
    """
    text = text.strip().replace("\u2212", "-")  # the minus sign of typeset text
    if is_bracketed(text) or ";" in text:
        return True
    first = re.split(r"[\s,]", text, maxsplit=1)
    return bool(re.match(r"[-+.]*[0-9]|[-+]?sqrt\(", first[0])) and (len(first) > 1 or _is_number(text))


def is_bracketed(text: str) -> bool:
    """Return whether text is a matrix in brackets, alone, in a call, after a name, or before or after a factor.

    Examples
    --------
    >>> is_bracketed("[1 2; 3 4]/16"), is_bracketed("k = np.array([[1, 2]])"), is_bracketed("1 2; 3 4")
    (True, True, False)
    """
    return re.match(BEFORE_BRACKETS + r"[\[{(]", text) is not None


def _is_number(text: str) -> bool:
    """Return whether `text` is one number."""
    try:
        number(text)
    except ValueError:
        return False
    return True


def matrix(value: object) -> list[Any]:
    """Return a 2-D (rows, columns) or 3-D (channels, rows, columns) matrix as nested lists of floats.

    Parameters
    ----------
    value
        Nested lists of numbers and fraction texts; or text whose rows end in ``;`` or a new line and
        whose numbers are parted by spaces or commas; or the brackets of JSON, Python, NumPy, MATLAB and C. A flat
        list is one row.

    Returns
    -------
    list
        Two or three levels deep, every row of the same length.

    Raises
    ------
    MatrixError
        If it is empty, ragged, too large, or holds anything but finite numbers.

    Examples
    --------
    >>> matrix("0 1/4; 2 3")
    [[0.0, 0.25], [2.0, 3.0]]
    >>> matrix([[1, 2, 3], [4, 5]])
    Traceback (most recent call last):
        ...
    cnnfilter.library.numbers.MatrixError: row 2 has 2 values, expected 3
    """
    if isinstance(value, str):
        if is_bracketed(value):
            return bracketed(value)
        return plane(_split(value))
    if not isinstance(value, list):
        raise MatrixError(f"expected a matrix, as in '0 1 0; 1 -4 1; 0 1 0', got {describe(value)}")
    if not value:
        raise MatrixError("the matrix is empty")
    if not isinstance(value[0], list):
        return plane([value])
    if not (value[0] and isinstance(value[0][0], list)):
        return plane(value)
    return _planes(value)


def _planes(value: list[Any]) -> list[Any]:
    """Return a 3-D matrix, one plane a channel."""
    planes: list[Any] = []
    for index, rows in enumerate(value):
        if not isinstance(rows, list):
            raise MatrixError(f"channel {index + 1}: expected a list of rows, got {describe(rows)}", index)
        try:
            planes.append(plane(rows))
        except MatrixError as error:
            raise MatrixError(f"channel {index + 1}: {error}", index, *error.steps) from None
        sizes = [(len(item), len(item[0])) for item in (planes[0], planes[-1])]
        if sizes[0] != sizes[1]:
            (first, last) = (f"{high}x{wide}" for high, wide in sizes)
            raise MatrixError(f"channel {index + 1} is {last}, expected {first}", index)
    return planes


def _split(text: str) -> list[Any]:
    """Return the rows of a matrix written as text."""
    rows: list[Any] = []
    for index, row in enumerate(re.split(r";\s*|\s*\n\s*", text.strip().rstrip(";"))):
        try:
            rows.append(split_row(row))
        except MatrixError as error:
            raise MatrixError(f"row {index + 1}: {error}", index) from None
    return rows


def split_row(text: str) -> list[str]:
    """Return the numbers of one row as texts; commas part them, or spaces where there is no comma.

    Raises
    ------
    MatrixError
        If commas and spaces both part numbers, which decimal commas do too, or nothing stands before a comma.

    Examples
    --------
    >>> split_row("1, 0, -1"), split_row("1 / 9 2/9")
    (['1', '0', '-1'], ['1/9', '2/9'])
    """
    text = re.sub(r"\s*/\s*", "/", text.strip())
    if "," not in text:
        return text.split()
    cells = [cell.strip() for cell in text.removesuffix(",").split(",")]
    if not all(cells):
        raise MatrixError(f"{describe(text)} has nothing between two commas (write 0 where there is no weight)")
    if any(len(cell.split()) > 1 for cell in cells):
        hint = "write decimals with a point, and part all numbers alike"
        raise MatrixError(f"{describe(text)} has commas and spaces between its numbers ({hint})")
    return cells


def plane(rows: list[Any]) -> list[list[float]]:
    """Return rows of numbers, all of one length.

    Raises
    ------
    MatrixError
        As `matrix`.
    """
    if not rows or not rows[0]:
        raise MatrixError("the matrix is empty")
    if len(rows) > MAX_SIDE:
        raise MatrixError(f"{len(rows)} rows are more than the {MAX_SIDE} a kernel may have")
    result = []
    for index, row in enumerate(rows):
        if not isinstance(row, list):
            raise MatrixError(f"row {index + 1}: expected a list of numbers, got {describe(row)}", index)
        if len(row) != len(rows[0]):
            raise MatrixError(f"row {index + 1} has {len(row)} values, expected {len(rows[0])}", index)
        if len(row) > MAX_SIDE:
            raise MatrixError(f"{len(row)} columns are more than the {MAX_SIDE} a kernel may have", index)
        result.append(_row(row, index))
    return result


def row_note(rows: list[Any]) -> tuple[str, ...]:
    """Return a note about one row of as many numbers as a square has, which may have been meant as one.

    Examples
    --------
    >>> row_note([[-1, -1, -1, -1, 8, -1, -1, -1, -1]])
    ('9 numbers in a row make a kernel of 1 x 9 (rows end in ;)',)
    >>> row_note([[1, 2, 1]])
    ()
    """
    count = 0 if isinstance(rows[0][0], list) else len(rows[0])
    if len(rows) > 1 or count < 4 or math.isqrt(count) ** 2 != count:
        return ()
    return (f"{count} numbers in a row make a kernel of 1 x {count} (rows end in ;)",)


def _row(row: list[Any], index: int) -> list[float]:
    """Return one row of numbers."""
    numbers = []
    for column, value in enumerate(row):
        try:
            numbers.append(number(value))
        except ValueError as error:
            raise MatrixError(f"row {index + 1}, column {column + 1}: {error}", index, column) from None
    return numbers


def digits(value: float) -> str:
    """Return the shortest decimal that reads back as the same float64, whole numbers as such.

    Examples
    --------
    >>> digits(-2.0), digits(0.1), digits(1e-7)
    ('-2', '0.1', '1e-07')
    """
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(float(value))
