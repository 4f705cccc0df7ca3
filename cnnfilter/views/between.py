"""What two tools make of one kernel, in the terminal and for machines."""

from __future__ import annotations

import json

from rich.box import SIMPLE_HEAD
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from cnnfilter.library.conventions import CONVENTIONS
from cnnfilter.run.between import PARTS, Change, Comparison
from cnnfilter.views.console import console
from cnnfilter.views.maps import number_table

#: Cells of the corner that is shown.
CORNER = (6, 9)


def comparison_json(found: Comparison) -> str:
    """Return a comparison for machines."""
    document = {
        "kernel": found.kernel,
        "tools": [{"name": tool, "call": call} for tool, call in zip(found.tools, found.calls, strict=True)],
        "facts": {PARTS[part]: list(both) for part, both in found.facts.items()},
        "steps": [step._asdict() | {"part": PARTS[step.part]} for step in found.steps],
        "sample": found.sample.tolist(),
        "results": [result.tolist() for result in found.results],
    }
    return json.dumps(document, indent=2)


def print_comparison(found: Comparison) -> None:
    """Print the facts of both tools, what each difference changes, and a corner of both results."""
    out = console()
    first, last = found.tools
    out.print(Text(f"{found.kernel} between {first} and {last}", style="bold"))
    for tool, call in zip(found.tools, found.calls, strict=True):
        out.print(Padding(Text(f"{tool}: {call}", style="dim"), (0, 0, 0, 2), expand=False))
        its = CONVENTIONS[tool]
        for line in filter(None, (its.note, f"may differ from it: {its.differs}")):
            out.print(Padding(Text(line, style="dim"), (0, 0, 0, 4), expand=False))
    out.print()
    out.print(_answer_facts(found))
    out.print()
    if not found.steps:
        out.print("Nothing differs: both give the same numbers.")
        return
    height, width = found.sample.shape
    out.print(
        Text(f"From {first} to {last}, one difference at a time, on a sample of {height} x {width}", style="bold")
    )
    out.print(_steps(found))
    out.print()
    for tool, result in zip(found.tools, found.results, strict=True):
        out.print(Text(f"{tool}, top left", style="bold"))
        corner = result[: CORNER[0], : CORNER[1]]
        out.print(number_table(corner, at=None, width=out.width, height=CORNER[0] + 2, heat=True, moves=False))
        out.print()


def _answer_facts(found: Comparison) -> Table:
    """Return the parts of both tools side by side; those that differ are marked."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("", no_wrap=True)
    table.add_column("", no_wrap=True, style="dim")
    for tool in found.tools:
        table.add_column(tool, overflow="fold")
    for part, (one, other) in found.facts.items():
        differs = one != other
        table.add_row("≠" if differs else "=", PARTS[part], Text(one), Text(other), style="" if differs else "dim")
    return table


def _steps(found: Comparison) -> Table:
    """Return one row for each part that differs."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in ("change", "to", "cells changed", "largest", "where"):
        right = name in ("cells changed", "largest")
        table.add_column(name, justify="right" if right else "left", no_wrap=right, overflow="fold")
    for step in found.steps:
        table.add_row(
            PARTS[step.part], Text(step.after), f"{step.changed} of {step.cells}", f"{step.largest:.6g}", _where(step)
        )
    return table


def _where(step: Change) -> str:
    """Say where the changed cells are."""
    if step.added and not step.changed:
        return f"{abs(step.added)} cells at the border {'more' if step.added > 0 else 'fewer'}"
    if not step.changed:
        return "nowhere on this sample"
    if not step.inside:
        return "at the border only"
    return "everywhere" if step.changed == step.cells else "at the border and inside"
