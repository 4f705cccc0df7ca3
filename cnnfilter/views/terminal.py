"""Plain text for the terminal: aligned columns, bars, notes, the summary of a job; quick to load."""

from __future__ import annotations

import json
import os
import sys
import textwrap
import unicodedata
from collections.abc import Sequence

import cnnfilter
from cnnfilter.files import printable, quoted
from cnnfilter.run.results import Failure, MapResult

#: Eighths of a block, from nothing to almost one.
_EIGHTHS = ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")
#: Characters that a value beside its name takes, at least.
_LEAST_VALUE = 16


def columns(
    rows: Sequence[Sequence[str]], aligned: str, *, header: Sequence[str] = (), footer: Sequence[str] = ()
) -> str:
    """Return rows as aligned columns, two spaces apart.

    Parameters
    ----------
    rows
        Cells; every row has as many.
    aligned
        One letter a column: ``<`` left, ``>`` right.
    header, footer
        Set off by a rule.

    Examples
    --------
    >>> print(columns([["conv1", "160"], ["dense", "1,290"]], "<>", header=["layer", "parameters"]))
    layer  parameters
    ─────────────────
    conv1         160
    dense       1,290
    """
    every = [row for row in (header, *rows, footer) if row]
    widths = [max(text_width(row[index]) for row in every) for index in range(len(aligned))]

    def line(cells: Sequence[str]) -> str:
        made = []
        for cell, width, side in zip(cells, widths, aligned, strict=True):
            space = " " * (width - text_width(cell))
            made.append(space + cell if side == ">" else cell + space)
        return "  ".join(made).rstrip()

    rule = "─" * (sum(widths) + 2 * (len(widths) - 1))
    lines = [line(header), rule] if header else []
    lines += [line(row) for row in rows]
    return "\n".join([*lines, rule, line(footer)] if footer else lines)


def fitted(
    rows: Sequence[Sequence[str]], aligned: str, width: int, *, header: Sequence[str], footer: Sequence[str] = ()
) -> str:
    """Return rows as aligned columns, or where these are wider than `width`, one block of lines for each row.

    Examples
    --------
    >>> print(fitted([["conv1", "160"], ["dense", "1,290"]], "<>", 15, header=["layer", "parameters"]))
    conv1
      parameters  160
    <BLANKLINE>
    dense
      parameters  1,290
    """
    table = columns(rows, aligned, header=header, footer=footer)
    if max(map(text_width, table.splitlines())) <= width:
        return table
    blocks = [_block(row, header, width) for row in rows]
    return "\n\n".join([*blocks, *(["  ".join(filter(None, footer))] if footer else [])])


def _block(row: Sequence[str], header: Sequence[str], width: int) -> str:
    """Return a row as lines: each value beside what it is called, or where that leaves no room, below it."""
    title = 2 + max(map(text_width, header))
    beside = width - title - 2 >= _LEAST_VALUE
    lines = [cut(row[0], width)]
    for name, value in zip(header[1:], row[1:], strict=True):
        texts = textwrap.wrap(value, max(width - (title + 2 if beside else 4), _LEAST_VALUE // 2)) or [""]
        if not beside:
            named = textwrap.wrap(name, max(width - 2, _LEAST_VALUE // 2), initial_indent="  ", subsequent_indent="  ")
            lines += [*named, *(f"    {text}" for text in texts)]
            continue
        lines += [f"  {name}{' ' * (title - text_width(name))}{texts[0]}", *(" " * (title + 2) + t for t in texts[1:])]
    return "\n".join(lines)


def cut(text: str, width: int) -> str:
    """Return text that takes at most `width` cells, cut in its middle if need be: names differ at both ends.

    Examples
    --------
    >>> cut("/layer1/conv1/Conv_output_0", 16), cut("conv1", 16)
    ('/layer1...tput_0', 'conv1')
    """
    if text_width(text) <= width:
        return text
    for kept in range(min(len(text), max(width - 3, 2)), 1, -1):
        short = f"{text[: (kept + 1) // 2]}...{text[len(text) - kept // 2 :]}"
        if text_width(short) <= width:
            return short
    return text[:1]


def text_width(text: str) -> int:
    """Return the cells that text takes in a terminal.

    Examples
    --------
    >>> text_width("cat"), text_width("猫")
    (3, 2)
    """
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return len(text) + wide - sum(unicodedata.combining(char) > 0 for char in text)


def bar(share: float, room: int) -> str:
    """Return a bar of ``share`` times `room` characters, in eighths.

    Examples
    --------
    >>> bar(0.5, 5), bar(0.0, 5)
    ('██▌', '')
    """
    eighths = round(share * room * 8)
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8]


def write(text: str, *, stderr: bool = False) -> None:
    """Print text."""
    (sys.stderr if stderr else sys.stdout).write(text + "\n")


def coloured(text: str, code: str, *, stderr: bool = False) -> str:
    """Return text in a colour where it goes to a terminal that shows it."""
    stream = sys.stderr if stderr else sys.stdout
    if not text or not stream.isatty() or "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb":
        return text
    return f"\x1b[{code}m{text}\x1b[0m"


def terminal_width(pipe: int = 160) -> int:
    """Return the columns of the terminal; `pipe` where there is none."""
    import shutil

    return shutil.get_terminal_size((pipe, 40)).columns if sys.stdout.isatty() or "COLUMNS" in os.environ else pipe


#: Inputs up to which each has its own line.
FEW = 3


def about(name: str, count: int = 1) -> str:
    """Return what a note is about: an input, and how many others.

    Examples
    --------
    >>> about("a.png"), about("a.png", 3)
    ("'a.png'", "'a.png' and 2 other inputs")
    """
    others = f" and {count - 1} other input{'s' * (count > 2)}" if count > 1 else ""
    return f"{quoted(name)}{others}"


def note_lines(notes: Sequence[tuple[str, str]]) -> list[str]:
    """Return the lines for pairs of an input and a note; a note that many inputs share is one line.

    Examples
    --------
    >>> note_lines([("a.png", "alpha is carried over"), ("a.png", "alpha is carried over")])
    ["cnnfilter: note: 'a.png': alpha is carried over"]
    """
    inputs: dict[str, dict[str, None]] = {}
    for name, note in notes:
        inputs.setdefault(note, {})[name] = None
    lines: dict[str, None] = {}
    for name, note in notes:
        names = inputs[note]
        subject = about(next(iter(names)), len(names)) if len(names) > FEW else about(name)
        lines[f"cnnfilter: note: {subject}: {printable(note)}"] = None
    return list(lines)


def write_notes(*notes: str) -> None:
    """Print on standard error what was guessed or left out."""
    sys.stderr.write("".join(f"cnnfilter: note: {printable(note)}\n" for note in notes))


#: Columns that every summary has, and on which side their cells are aligned.
COLUMNS = {"map": "<", "shape": "<", "min": ">", "max": ">", "mean": ">", "non-zero": ">"}


def summary_text(results: Sequence[MapResult], *, width: int) -> str:
    """Return one row for each map: shape, range, mean, share of non-zero cells, display mapping, files.

    Nothing is ever cut: where `width` characters do not hold a row, its files, and then how it is shown, stand on
    lines of their own; then everything does.
    """
    header, aligned = list(COLUMNS), "".join(COLUMNS.values())
    rows = [[result.kernel, " x ".join(map(str, result.shape)), *_numbers(result)] for result in results]
    if len({result.source for result in results}) > 1:
        header, aligned = ["image", *header], "<" + aligned
        rows = [[result.source, *row] for result, row in zip(results, rows, strict=True)]
    rows = [[printable(cell) for cell in row] for row in rows]
    shown = [printable(result.display) for result in results] if any(result.display for result in results) else []
    files = [[printable(path) for path in result.outputs] for result in results]
    beside = [[*row, text or "-"] for row, text in zip(rows, shown, strict=True)] if shown else rows
    head, sides = [*header, *["shown as"][: len(shown)]], aligned + "<" * bool(shown)
    if any(files):
        whole = [[*row, ", ".join(names)] for row, names in zip(beside, files, strict=True)]
        text = columns(whole, sides + "<", header=[*head, "written to"])
        if _fits(text, width):
            return text
    text = columns(beside, sides, header=head)
    below = files
    if shown and not _fits(text, width):
        text = columns(rows, aligned, header=header)
        below = [[f"shown as {how or '-'}", *names] for how, names in zip(shown, files, strict=True)]
    if not _fits(text, width):
        blocks = [fitted([row], aligned, width, header=header) for row in rows]
        return "\n\n".join(
            block + "".join(f"\n    {more}" for more in under) for block, under in zip(blocks, below, strict=True)
        )
    first, rule, *lines = text.splitlines()
    lines = [line + "".join(f"\n    {more}" for more in under) for line, under in zip(lines, below, strict=True)]
    return "\n".join([first, rule, *lines])


def _fits(text: str, width: int) -> bool:
    """Say whether no line of text is wider than `width`."""
    return max(map(text_width, text.splitlines())) <= width


def _numbers(result: MapResult) -> list[str]:
    """Return minimum, maximum, mean and share of non-zero cells."""
    facts = result.statistics
    if not facts.finite:
        return ["-", "-", "-", "-"]
    share = 100 * facts.nonzero / facts.size
    return [short(facts.minimum), short(facts.maximum), short(facts.mean), f"{share:.3g} %"]


def short(value: float) -> str:
    """Return a number in at most six digits, whole numbers as such.

    Examples
    --------
    >>> short(-1020.0), short(2.75), short(0.000123456), short(float("inf"))
    ('-1020', '2.75', '0.000123456', 'inf')
    """
    return f"{value:.0f}" if abs(value) < 1e15 and value == int(value) else f"{value:.6g}"


def summary_json(results: Sequence[MapResult], failures: Sequence[Failure]) -> str:
    """Return the summary for machines."""
    document = {
        "program": "cnnfilter",
        "version": cnnfilter.__version__,
        "results": [result.as_json() for result in results],
        "failures": [{"source": failure.source, "reason": failure.reason} for failure in failures],
    }
    return json.dumps(document, indent=2, ensure_ascii=True, allow_nan=False)
