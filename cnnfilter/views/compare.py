"""How two arrays, or two collections of them, differ: the reason first, on the screen and for machines."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from cnnfilter.files import printable
from cnnfilter.run.compare import Difference
from cnnfilter.run.compare_files import Pair
from cnnfilter.run.marking import Mark
from cnnfilter.run.story import decimal
from cnnfilter.views.console import console
from cnnfilter.views.terminal import bar

#: Characters of the longest bar of the histogram, and causes that are told.
LONGEST_BAR, MOST_CAUSES = 30, 3


def difference_json(pairs: Sequence[Pair]) -> str:
    """Return differences for machines: one object, or one for each name."""
    if len(pairs) == 1 and not pairs[0].name:
        document: Any = _plain(pairs[0])
    else:
        first = next((pair.name for pair in pairs if not pair.same), None)
        document = {
            "same": all(pair.same for pair in pairs), "first": first,
            "arrays": [{"name": pair.name, **_plain(pair)} for pair in pairs],
        }  # fmt: skip
    return json.dumps(_strict(document), indent=2, allow_nan=False)


def _plain(pair: Pair) -> dict[str, Any]:
    """Return a pair as plain values."""
    if pair.difference is None:
        return {"same": False, "missing": "A" if pair.a is None else "B"}
    words = pair.difference._asdict()
    words["causes"] = [cause._asdict() for cause in pair.difference.causes]
    words["histogram"] = dict(pair.difference.histogram)
    return words


def _strict(value: Any) -> Any:
    """Return what JSON can hold: null for what is not finite."""
    if isinstance(value, dict):
        return {key: _strict(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def print_pairs(pairs: Sequence[Pair]) -> None:
    """Print one difference as facts, several as a table with the first name that differs above it."""
    if len(pairs) == 1 and pairs[0].difference is not None:
        _print_one(pairs[0], pairs[0].difference)
        return
    out = console()
    differing = [pair for pair in pairs if not pair.same]
    if differing:
        first = differing[0]
        out.print(Text(f"{len(differing)} of {len(pairs)} differ, the first one is {printable(first.name)}", "bold"))
        for cause in (first.difference.causes if first.difference else ())[:MOST_CAUSES]:
            out.print(_said(cause.text, cause.remaining))
    else:
        out.print(Text(f"all {len(pairs)} are the same", "bold"))
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in ("name", "", "largest", "steps", "differing", "reason"):
        right = name in ("largest", "steps", "differing")
        table.add_column(name, justify="right" if right else "left", overflow="fold", no_wrap=right)
    for pair in pairs:
        table.add_row(*_row(pair))
    out.print(table)


def _row(pair: Pair) -> list[str]:
    """Return one name of several."""
    found = pair.difference
    name = printable(pair.name)
    if found is None:
        return [name, "!", "", "", "", f"only {'B' if pair.a is None else 'A'} has it"]
    if found.max_abs is None:
        shapes = " and ".join("x".join(map(str, shape)) for shape in found.shapes)
        return [name, "!", "", "", "", found.causes[0].text if found.causes else f"shapes {shapes}"]
    share = "" if found.same else f"{found.differing} of {found.of}"
    reason = found.causes[0].text if found.causes else ""
    return [name, "=" if found.same else "!", decimal(found.max_abs), str(found.max_ulp), share, reason]


def _print_one(pair: Pair, found: Difference) -> None:
    """Print one difference: what B is of A, then how far apart, where, and how often."""
    out = console()
    if found.same:
        zero = found.max_abs == 0
        out.print(Text("A and B are the same" + ("" if zero else " within the tolerance"), "bold"))
    for cause in found.causes[:MOST_CAUSES]:
        out.print(_said(cause.text, cause.remaining))
    if not found.same and not found.causes:
        out.print(Text("A and B differ, for none of the usual reasons", "bold"))
    out.print()
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for label, text in _facts(pair, found):
        table.add_row(label, text)
    out.print(table)


def _said(text: str, remaining: float) -> Text:
    """Return a cause as a line."""
    return Text.assemble((text, "bold"), f" (largest difference then {decimal(remaining)})")


def _facts(pair: Pair, found: Difference) -> list[tuple[str, str]]:
    """Return what is known of a difference."""
    shapes = ["x".join(map(str, shape)) or "one number" for shape in found.shapes]
    facts = [("shapes", shapes[0] if shapes[0] == shapes[1] else " and ".join(shapes))]
    if found.max_abs is None or found.mean_abs is None or found.max_rel is None or not found.max_abs:
        return facts
    where = ""
    if found.at and pair.a is not None and pair.b is not None:
        values = [decimal(float(side[found.at])) for side in (pair.a, pair.b)]
        where = f" at {','.join(map(str, found.at))}: {values[0]} and {values[1]}"
    facts += [
        ("largest difference", f"{decimal(found.max_abs)}{where}"), ("mean difference", decimal(found.mean_abs)),
        ("relative", f"{found.max_rel:.3g} at most"),
        ("in steps", f"{found.max_ulp} of {found.unit if found.unit != '1' else 'whole numbers'} at most"),
        ("differing", f"{found.differing} of {found.of} ({found.differing / max(found.of, 1):.2%})"),
    ]  # fmt: skip
    most = max((count for _, count in found.histogram), default=1)
    return facts + [
        ("" if number else "histogram", f"{name.rjust(6)}  {bar(count / most, LONGEST_BAR)} {count}")
        for number, (name, count) in enumerate(found.histogram if not found.same else ())
    ]


def marks_json(marks: Sequence[Mark]) -> str:
    """Return the marks of a quiz for machines."""
    rows = [{**one._asdict(), "right": one.right} for one in marks]
    return json.dumps({"right": sum(one.right for one in marks), "of": len(marks), "blanks": rows}, indent=2)


def print_marks(marks: Sequence[Mark]) -> None:
    """Print what is to be said of each answer, and how many are right."""
    out = console()
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in ("blank", "what", "answer", "value", ""):
        table.add_column(name, justify="right" if name in ("answer", "value") else "left", overflow="fold")
    for one in marks:
        table.add_row(one.blank, printable(one.what), printable(one.answer), decimal(one.value), one.verdict)
    out.print(table)
    out.print(Text(f"{sum(one.right for one in marks)} of {len(marks)} right", "bold"))
