"""A plan as a table or as JSON: every size with its formula filled in."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from cnnfilter.core.plan import Plan
from cnnfilter.core.shapes import formula
from cnnfilter.library.kernel import Kernel


def _facts(kernel: Kernel, plan: Plan) -> dict[str, Any]:
    """Return what a plan says, in order."""
    s = plan.sizes
    added = (s.pads.rows, s.pads.columns)
    rows, columns = (formula(s.size[a], added[a], s.kernel[a], s.stride[a], s.dilation[a]) for a in range(2))
    dropped = [(s.size[a] + added[a] - s.span[a]) % s.stride[a] for a in range(2)]
    return {
        "kernel": kernel.name,
        "input": [s.channels, *s.size],
        "output": [s.filters, *s.out],
        "rows": rows,
        "columns": columns,
        "dropped by the stride": dropped,
        "engine": plan.engine,
        "why": plan.why,
        "strips": len(plan.strips()),
        "rows in a strip": plan.rows,
        "bytes of a strip": plan.strip_bytes,
        "multiply-adds": s.macs,
    }


def plan_json(plans: Sequence[tuple[Kernel, Plan]]) -> str:
    """Return the plans for machines."""
    return json.dumps({"plans": [_facts(kernel, plan) for kernel, plan in plans]}, indent=2)


def plan_table(plans: Sequence[tuple[Kernel, Plan]]) -> Table:
    """Return one column for each kernel."""
    facts = [_facts(kernel, plan) for kernel, plan in plans]
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("")
    for one in facts:
        table.add_column(Text(one["kernel"]), overflow="fold")
    for key in list(facts[0])[1:]:
        table.add_row(key, *(Text(_text(one[key])) for one in facts))
    return table


def _text(value: Any) -> str:
    """Return a fact as text: sizes with crosses, large numbers in groups of three."""
    if isinstance(value, list):
        return " x ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) else str(value)
