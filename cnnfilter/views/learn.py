"""A learned kernel: its numbers, how well they fit, and what it is called."""

from __future__ import annotations

import json
import math

from rich.table import Table
from rich.text import Text

from cnnfilter.run.learn import Learned
from cnnfilter.run.story import decimal
from cnnfilter.views.console import console
from cnnfilter.views.maps import number_table
from cnnfilter.views.terminal import write_notes


def learned_json(found: Learned) -> str:
    """Return what was learned for machines."""
    document = {
        "weights": found.weights.tolist(), "bias": found.bias, "residual": found.residual, "largest": found.largest,
        "condition": found.condition if math.isfinite(found.condition) else None, "used": found.used,
        "clipped": found.clipped, "closest": None if found.closest is None else found.closest._asdict(),
        "notes": list(found.notes),
    }  # fmt: skip
    return json.dumps(document, indent=2, allow_nan=False)


def print_learned(found: Learned, output: str | None) -> None:
    """Print the kernel as numbers, and the facts of the fit."""
    out = console()
    planes = found.weights if found.weights.ndim == 3 else found.weights[None]
    for channel, plane in enumerate(planes):
        if len(planes) > 1:
            out.print(Text(f"channel {channel}", style="dim"))
        out.print(number_table(plane.round(9) + 0.0, at=None, width=out.width, height=40, heat=True, moves=False))
    out.print()
    near = "none of the library's" if found.closest is None else found.closest.spec
    share = "" if found.closest is None else f", {found.closest.distance:.2%} off"
    condition = "infinite" if math.isinf(found.condition) else f"{found.condition:.3g}"
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for label, text in (
        ("closest kernel", f"{near}{share}"), ("bias", decimal(found.bias)),
        ("left over", f"{decimal(found.residual)} (root mean square), {decimal(found.largest)} at most"),
        ("condition", f"{condition}: an error of the second picture may grow as much in the weights"),
        ("windows", f"{found.used:,} used, {found.clipped:,} left out because the result is clipped"),
    ):  # fmt: skip
        table.add_row(label, text)
    if output is not None:
        table.add_row("written to", output)
    out.print(table)
    write_notes(*found.notes)
