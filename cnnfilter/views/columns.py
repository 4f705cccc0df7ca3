"""Plain aligned columns and bars, for commands whose start-up counts: a table library costs as much as a run."""

from __future__ import annotations

import os
import sys
import textwrap
import unicodedata
from collections.abc import Sequence

#: Eighths of a block, from nothing to almost one.
_EIGHTHS = ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")


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
    title = 2 + max(map(text_width, header))
    blocks = []
    for row in rows:
        lines = [row[0]]
        for name, value in zip(header[1:], row[1:], strict=True):
            first, *more = textwrap.wrap(value, max(16, width - title - 2)) or [""]
            lines += [
                f"  {name}{' ' * (title - text_width(name))}{first}",
                *(" " * (title + 2) + line for line in more),
            ]
        blocks.append("\n".join(lines))
    return "\n\n".join([*blocks, *(["  ".join(filter(None, footer))] if footer else [])])


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
