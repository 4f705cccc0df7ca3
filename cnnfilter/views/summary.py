"""The summary: one row for each map, as a table or as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence

import cnnfilter
from cnnfilter.files import printable
from cnnfilter.job.results import Failure, MapResult
from cnnfilter.views.columns import columns, text_width

#: Columns that every summary has, and on which side their cells are aligned.
COLUMNS = {"map": "<", "shape": "<", "min": ">", "max": ">", "mean": ">", "non-zero": ">"}


def summary_text(results: Sequence[MapResult], *, width: int) -> str:
    """Return one row for each map: shape, range, mean, share of non-zero cells, display mapping, files.

    Nothing is ever cut: where `width` characters do not hold a row, its files stand on lines of their own.
    """
    header, aligned = list(COLUMNS), "".join(COLUMNS.values())
    rows = [[result.kernel, " x ".join(map(str, result.shape)), *_numbers(result)] for result in results]
    if len({result.source for result in results}) > 1:
        header, aligned = ["image", *header], "<" + aligned
        rows = [[result.source, *row] for result, row in zip(results, rows, strict=True)]
    if any(result.display for result in results):
        header, aligned = [*header, "shown as"], aligned + "<"
        rows = [[*row, result.display or "-"] for result, row in zip(results, rows, strict=True)]
    rows = [[printable(cell) for cell in row] for row in rows]
    files = [[printable(path) for path in result.outputs] for result in results]
    if not any(files):
        return columns(rows, aligned, header=header)
    beside = [[*row, ", ".join(names)] for row, names in zip(rows, files, strict=True)]
    text = columns(beside, aligned + "<", header=[*header, "written to"])
    if max(map(text_width, text.splitlines())) <= width:
        return text
    head, rule, *lines = columns(rows, aligned, header=header).splitlines()
    below = [line + "".join(f"\n    {name}" for name in names) for line, names in zip(lines, files, strict=True)]
    return "\n".join([head, rule, *below])


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
