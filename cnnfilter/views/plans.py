"""Plans as tables or as JSON: every size with its formula filled in."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from cnnfilter.core.shapes import formula
from cnnfilter.files import bytes_text, printable
from cnnfilter.job.plans import StepPlan
from cnnfilter.network.plan import LayerPlan, NetworkPlan
from cnnfilter.views.columns import columns, fitted, text_width
from cnnfilter.views.network import count_text, crossed, field_text

#: Wide enough for every table.
ANY_WIDTH = 1 << 20


def _facts(step: StepPlan) -> dict[str, Any]:
    """Return what a plan says, in order."""
    s = step.plan.sizes
    added = (s.pads.rows, s.pads.columns)
    rows, across = (formula(s.size[a], added[a], s.kernel[a], s.stride[a], s.dilation[a]) for a in range(2))
    pooling = {"pooled rows": step.pooling[0], "pooled columns": step.pooling[1]} if step.pooling else {}
    return {
        "kernel": step.kernel.name,
        "input": [s.channels, *s.size],
        "output": list(step.shape),
        "rows": rows,
        "columns": across,
        **pooling,
        "dropped by the stride": list(step.dropped[0]),
        **({"dropped by the pooling": list(step.dropped[1])} if pooling else {}),
        "receptive field": list(step.field),
        "jump": None if step.jump is None else list(step.jump),
        "engine": step.plan.engine,
        "why": step.plan.why,
        "strips": step.plan.strip_count,
        "rows in a strip": step.plan.rows,
        "bytes of a strip": step.plan.strip_bytes,
        "peak bytes": step.peak_bytes,
        "multiply-adds, computed directly": s.macs,
        "warnings": list(step.warnings),
    }


def plan_json(plans: Sequence[StepPlan]) -> str:
    """Return the plans for machines."""
    return json.dumps({"plans": [_facts(step) for step in plans]}, indent=2)


def plan_table(plans: Sequence[StepPlan], width: int = ANY_WIDTH) -> str:
    """Return one column for each kernel, or one block for each where that is wider than `width`."""
    facts = [_facts(step) for step in plans]
    keys = [key for key in facts[0] if key not in ("kernel", "warnings")]
    names = [printable(one["kernel"]) for one in facts]
    table = columns(
        [[key, *(_text(one[key]) for one in facts)] for key in keys], "<" + "<" * len(facts), header=["", *names]
    )
    if max(map(text_width, table.splitlines())) <= width:
        return table
    blocks = [[name, *(_text(one[key]) for key in keys)] for name, one in zip(names, facts, strict=True)]
    return fitted(blocks, "<" * (len(keys) + 1), width, header=["kernel", *keys])


def _text(value: Any) -> str:
    """Return a fact as text: sizes with crosses, large numbers in groups of three."""
    if value is None:
        return "-"
    if isinstance(value, list):
        return crossed(value)
    return f"{value:,}" if isinstance(value, int) else str(value)


def network_plan_table(plan: NetworkPlan, width: int = ANY_WIDTH) -> str:
    """Return one row for each layer, or a block: shapes, formulas, what a stride drops, field and cost."""
    header = ["layer", "kind", "input", "output", "rows and columns", "dropped", "sees", "engine", "multiply-adds"]
    rows = [
        [
            printable(layer.name), printable(layer.kind), " + ".join(crossed(shape) for shape in layer.inputs),
            crossed(layer.shape), _sums(layer), crossed(layer.dropped) if any(layer.dropped) else "-",
            field_text(layer), layer.engine.partition(":")[0] or "-", count_text(layer.macs),
        ]
        for layer in plan.layers
    ]  # fmt: skip
    footer = [f"{len(rows)} layers", *[""] * 7, count_text(plan.macs)]
    table = fitted(rows, "<<<<<<<<>", width, header=header, footer=footer)
    return f"{table}\n\n{plan.parameters:,} parameters; at most {bytes_text(plan.peak_bytes)} for one picture"


def _sums(layer: LayerPlan) -> str:
    """Return a layer's formulas: one where rows and columns are alike."""
    if layer.rows == layer.columns or not layer.columns:
        return layer.rows or "-"
    return f"{layer.rows}; {layer.columns}"


def network_plan_json(name: str, plan: NetworkPlan, chosen: Sequence[str] | None = None) -> str:
    """Return a network's plan for machines."""
    document = {
        "network": name,
        "input": list(plan.size),
        "layers": [
            {
                "name": layer.name, "kind": layer.kind, "inputs": [list(shape) for shape in layer.inputs],
                "shape": list(layer.shape), "rows": layer.rows or None, "columns": layer.columns or None,
                "dropped": list(layer.dropped), "receptive_field": list(layer.field) if layer.field else None,
                "jump": list(layer.jump) if layer.jump else None, "engine": layer.engine or None,
                "parameters": layer.parameters, "macs": layer.macs, "work_bytes": layer.work_bytes,
                "warnings": list(layer.warnings),
            }
            for layer in plan.layers
            if chosen is None or layer.name in chosen
        ],
        "parameters": plan.parameters,
        "macs": plan.macs,
        "peak_bytes": plan.peak_bytes,
        "failure": plan.failure or None,
    }  # fmt: skip
    return json.dumps(document, indent=2)


def print_warnings(named: Sequence[tuple[str, Sequence[str]]]) -> None:
    """Print what a plan warns of, on standard error."""
    for name, warnings in named:
        for text in warnings:
            sys.stderr.write(f"cnnfilter: warning: {printable(name)}: {printable(text)}\n")
