"""The summary: one row for each map, as a table or as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence

import cnnfilter
from cnnfilter.files import printable
from cnnfilter.run.results import Failure, MapResult
from cnnfilter.views.columns import columns, text_width

#: Columns that every summary has, and on which side their cells are aligned.
COLUMNS = {"map": "<", "shape": "<", "min": ">", "max": ">", "mean": ">", "non-zero": ">"}


def summary_text(results: Sequence[MapResult], *, width: int) -> str:
    """Return one row for each map: shape, range, mean, share of non-zero cells, display mapping, files.

    Nothing is ever cut: where `width` characters do not hold a row, its files, and then how it is shown, stand on
    lines of their own.
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
