"""The summary: one row for each map, as a table or as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

import cnnfilter
from cnnfilter.files import printable
from cnnfilter.job.results import Failure, MapResult


def summary_table(results: Sequence[MapResult]) -> Table:
    """Return one row for each map: shape, range, mean, share of non-zero cells, display mapping, file."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    many = len({result.source for result in results}) > 1
    if many:
        table.add_column("image", overflow="fold")
    for name in ("map", "shape"):
        table.add_column(name, no_wrap=True)
    for name in ("min", "max", "mean", "non-zero"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("shown as", no_wrap=True)
    table.add_column("written to", overflow="fold")
    for result in results:
        row = [
            result.kernel,
            " x ".join(map(str, result.shape)),
            *_numbers(result),
            result.display or "-",
            "\n".join(result.outputs) or "-",
        ]
        table.add_row(*(Text(printable_lines(cell)) for cell in ([result.source, *row] if many else row)))
    return table


def _numbers(result: MapResult) -> list[str]:
    """Return minimum, maximum, mean and share of non-zero cells."""
    facts = result.statistics
    if not facts.finite:
        return ["-", "-", "-", "-"]
    share = 100 * facts.nonzero / facts.count
    return [short(facts.minimum), short(facts.maximum), short(facts.mean), f"{share:.3g} %"]


def short(value: float) -> str:
    """Return a number in at most six digits, whole numbers as such.

    Examples
    --------
    >>> short(-1020.0), short(2.75), short(0.000123456)
    ('-1020', '2.75', '0.000123456')
    """
    return f"{value:.0f}" if value == int(value) and abs(value) < 1e15 else f"{value:.6g}"


def printable_lines(text: str) -> str:
    """Return text that is safe to print, its own line ends kept."""
    return "\n".join(printable(line) for line in text.split("\n"))


def summary_json(results: Sequence[MapResult], failures: Sequence[Failure]) -> str:
    """Return the summary for machines."""
    document = {
        "program": "cnnfilter",
        "version": cnnfilter.__version__,
        "results": [result.as_json() for result in results],
        "failures": [{"source": failure.source, "reason": failure.reason} for failure in failures],
    }
    return json.dumps(document, indent=2, ensure_ascii=True, allow_nan=False)
