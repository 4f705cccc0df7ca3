"""An explanation on the screen, as Markdown, as LaTeX and for machines."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from rich.table import Table
from rich.text import Text

from cnnfilter.errors import ParameterError
from cnnfilter.files import printable
from cnnfilter.run.explanation import Explanation
from cnnfilter.run.story import Grid, Line, Story
from cnnfilter.views.console import console
from cnnfilter.views.terminal import note_lines


def explanation_json(one: Explanation) -> str:
    """Return an explanation for machines, as strict JSON."""
    pool = None
    if one.pool is not None:
        pool = {**one.pool._asdict(), "cells": [cell._asdict() for cell in one.pool.cells]}
    document = {
        "source": one.source, "kernel": one.name, "spec": one.spec, "shape": list(one.shape), "channel": one.channel,
        "at": list(one.at), "cell": list(one.cell), "terms": [term._asdict() for term in one.terms],
        "channel_sums": list(one.channel_sums), "sum": one.sum, "scale": one.scale, "bias": one.bias,
        "value": one.value, "activation": None if one.activation is None else one.activation._asdict(), "pool": pool,
        "requantized": None if one.requantized is None else one.requantized._asdict(),
        "result": one.result, "notes": list(one.notes),
    }  # fmt: skip
    return json.dumps(_strict(document), indent=2, allow_nan=False)


def _strict(value: Any) -> Any:
    """Return what JSON can hold: null for what is not finite."""
    if isinstance(value, dict):
        return {key: _strict(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def print_story(story: Story) -> None:
    """Print an explanation as a page of a textbook: what the kernel lies on, the products, the sums."""
    out = console()
    out.print(Text(printable(story.title), style="bold"))
    out.print(Text(story.place, style="dim"))
    for grids in story.channels:
        out.print()
        out.print(_side_by_side(grids, out.width))
    if any(grids[0].invented.any() for grids in story.channels):
        out.print(Text("[ ] stands where padding invents a cell", style="dim"))
    if story.largest:
        out.print()
        out.print(_largest(story))
    out.print()
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for index, line in enumerate(story.lines):
        last = index == len(story.lines) - 1
        table.add_row(
            line.label, Text.assemble(line.sum, f" {line.sign} ", (story.written(line.result), "bold" if last else ""))
        )
    out.print(table)
    sys.stderr.write("".join(f"{line}\n" for line in note_lines([(story.source, note) for note in story.notes])))


def _largest(story: Story) -> Table:
    """Return the largest products as a table: which cell, and the numbers."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in HEADS:
        table.add_column(name, justify="right", no_wrap=True)
    for row in largest_rows(story):
        table.add_row(*row)
    return table


#: The columns of the largest products.
HEADS = ("channel", "row", "column", "input", "weight", "product")


def largest_rows(story: Story) -> list[list[str]]:
    """Return the largest products as text; input that padding invents in brackets."""
    written = story.written
    return [
        [
            str(term.channel), str(term.row), str(term.column),
            f"[{written(term.input)}]" if term.invented else written(term.input), written(term.weight),
            written(term.product),
        ]
        for term in story.largest
    ]  # fmt: skip


def _side_by_side(grids: Sequence[Grid], width: int) -> Table:
    """Return grids beside one another where they fit, else below."""
    drawn = [_drawn(grid) for grid in grids]
    widths = [max(len(line) for line in text.plain.split("\n")) for text in drawn]
    table = Table.grid(padding=(0, 4, 0, 0))
    if sum(widths) + 4 * len(widths) <= width:
        for _ in drawn:
            table.add_column(no_wrap=True)
        table.add_row(*drawn)
        return table
    table.add_column(no_wrap=True)
    for text in drawn:
        table.add_row(text)
    return table


def _drawn(grid: Grid) -> Text:
    """Return a grid as text: its title, its columns' numbers, its rows."""
    cells = [
        [f"[{text}]" if grid.invented[row, column] else text for column, text in enumerate(line)]
        for row, line in enumerate(grid.cells)
    ]
    numbered = grid.title.startswith("window")
    heads = [str(column) if numbered else "" for column in grid.columns]
    room = max(len(text) for line in [*cells, heads] for text in line)
    label = max(len(str(row)) for row in grid.rows) if numbered else 0
    text = Text(grid.title, style="")
    text.stylize("dim")
    lines = [" " * (label + 3 if numbered else 0) + " ".join(head.rjust(room) for head in heads)] if numbered else [""]
    for row, texts in zip(grid.rows, cells, strict=True):
        front = f"{str(row).rjust(label)} │ " if numbered else ""
        lines.append(front + " ".join(cell.rjust(room) for cell in texts))
    for number, line in enumerate(lines):
        text.append("\n")
        text.append(line, style="dim" if number == 0 else "")
    return text


def as_markdown(story: Story) -> str:
    """Return an explanation as Markdown: a heading, a table for each grid, and the arithmetic as a list."""
    parts = [f"## {printable(story.title)}", f"{story.place[0].upper()}{story.place[1:]}."]
    for grids in story.channels:
        for grid in grids:
            parts.append(f"{grid.title}:".capitalize())
            head = "| " + " | ".join(["", *map(str, grid.columns)]) + " |"
            rule = "|" + "---:|" * (len(grid.columns) + 1)
            rows = [
                "| " + " | ".join([str(number), *_marked(grid, row, line)]) + " |"
                for row, (number, line) in enumerate(zip(grid.rows, grid.cells, strict=True))
            ]
            parts.append("\n".join([head, rule, *rows]))
    if story.largest:
        rows = ["| " + " | ".join(cells) + " |" for cells in (HEADS, *largest_rows(story))]
        parts.append("The largest products:")
        parts.append("\n".join([rows[0], "|" + "---:|" * len(HEADS), *rows[1:]]))
    parts.append("\n".join(_bullet(line, story) for line in story.lines))
    if story.notes:
        parts.append("\n".join(f"> {printable(note)}" for note in story.notes))
    return "\n\n".join(parts) + "\n"


def _marked(grid: Grid, row: int, line: Sequence[str]) -> list[str]:
    """Return the cells of a row; invented ones in brackets."""
    return [f"[{text}]" if grid.invented[row, column] else text for column, text in enumerate(line)]


def _bullet(line: Line, story: Story) -> str:
    """Return one step as an item of a list; a star is no sign of Markdown's."""
    return f"- {line.label}: {line.sum.replace('*', chr(0xB7))} {line.sign} **{story.written(line.result)}**"


_LATEX = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"} | {
    sign: f"\\{sign}" for sign in "&%$#_{}"
}


def as_latex(story: Story) -> str:
    """Return an explanation as a LaTeX document of its own, which any LaTeX compiles."""
    lines = [
        r"\documentclass{article}", r"\usepackage{amsmath}", r"\begin{document}",
        rf"\section*{{{_escaped(story.title)}}}", f"{_escaped(story.place[0].upper() + story.place[1:])}.", "",
    ]  # fmt: skip
    for grids in story.channels:
        lines += [r"\[", r"\begin{array}{ccc}"]
        lines.append(r" & ".join(rf"\text{{{_escaped(grid.title)}}}" for grid in grids) + r" \\")
        lines.append(" & ".join(_matrix(grid) for grid in grids))
        lines += [r"\end{array}", r"\]"]
    if story.largest:
        table = [HEADS, *largest_rows(story)]
        rows = [" & ".join(map(_escaped, cells)) + r" \\" for cells in table]
        lines += [r"\begin{tabular}{" + "r" * len(HEADS) + "}", *rows, r"\end{tabular}", ""]
    lines += [r"\begin{itemize}", *(_item(line, story) for line in story.lines), r"\end{itemize}"]
    lines += [rf"\emph{{{_escaped(note)}}}" for note in story.notes]
    return "\n".join([*lines, r"\end{document}", ""])


def _matrix(grid: Grid) -> str:
    """Return a grid as a matrix; invented cells in gray brackets."""
    rows = (" & ".join(_marked(grid, row, line)) for row, line in enumerate(grid.cells))
    return r"\begin{pmatrix} {} " + r" \\ {} ".join(rows) + r" \end{pmatrix}"


def _item(line: Line, story: Story) -> str:
    """Return one step as an item: text, for a formula may have words in it."""
    words = _escaped(line.sum).replace("*", r"$\cdot$").replace("<", "$<$").replace(">", "$>$")
    sign = "=" if line.sign == "=" else r"$\to$"
    return rf"\item {_escaped(line.label)}: {words} {sign} \textbf{{{_escaped(story.written(line.result))}}}"


def _escaped(text: str) -> str:
    """Return text without LaTeX's own signs; letters that plain LaTeX lacks become question marks."""
    plain = printable(text).encode("latin-1", "replace").decode("latin-1")
    return "".join(_LATEX.get(sign, sign) for sign in plain)


def hidden(story: Story, count: int) -> tuple[Story, list[tuple[str, str, float]]]:
    """Return a story in which some numbers are blanks to be filled in, and the key: label, what it is, the number.

    Hidden are products, and what comes out in the end: nothing that another line tells.

    Raises
    ------
    ParameterError
        If there are not so many numbers.
    """
    totals = [abs(float(np.nansum(grids[2].values))) for grids in story.channels]
    channel = int(np.argmax(totals)) if totals else 0  # the one that a page shows
    places = list(np.ndindex(*story.channels[channel][2].values.shape)) if totals else []
    if not 0 < count <= len(places) + 1:
        raise ParameterError(f"--quiz {count}: from 1 to {len(places) + 1} numbers of this cell can be hidden")
    chosen = np.random.default_rng(len(places)).permutation(len(places))[: count - 1]
    key: list[tuple[str, str, float]] = []
    channels = [list(grids) for grids in story.channels]
    for number, index in enumerate(sorted(map(int, chosen)), 1):
        row, column = places[index]
        grid = channels[channel][2]
        key.append((f"({number})", f"{grid.title} at row {row}, column {column}", float(grid.values[row, column])))
        cells = [list(line) for line in grid.cells]
        cells[row][column] = f"({number})"
        channels[channel][2] = grid._replace(cells=cells)
    last = story.lines[-1]
    key.append((f"({count})", last.label, last.result))
    lines = (*story.lines[:-1], last._replace(result=math.nan))
    written = story.written

    def blank(value: float) -> str:
        return f"({count})" if math.isnan(value) else written(value)

    return story._replace(lines=lines, channels=tuple((a, b, c) for a, b, c in channels), written=blank), key
