"""Plans as tables or as JSON: every size with its formula filled in."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Sequence
from typing import Any

from cnnfilter.files import bytes_text, printable
from cnnfilter.networks.plan import LayerPlan, NetworkPlan
from cnnfilter.run.memory import Cost
from cnnfilter.run.plans import JobPlan, StepPlan
from cnnfilter.views.network import count_text, crossed, field_text
from cnnfilter.views.terminal import columns, fitted, terminal_width, text_width, write, write_notes

#: Wide enough for every table.
ANY_WIDTH = 1 << 20


def _facts(step: StepPlan) -> dict[str, Any]:
    """Return what a plan says, in order."""
    s = step.plan.sizes
    rows, across = s.formulas
    pooling = {"pooled rows": step.pooling[0], "pooled columns": step.pooling[1]} if step.pooling else {}
    sums, few = step.sums, step.few
    exact = {"smallest sum": sums.low, "largest sum": sums.high, "accumulator bits": sums.bits} if sums else {}
    return {
        "kernel": step.name,
        "input": [s.channels, *s.size],
        "output": list(step.shape),
        "rows": rows,
        "columns": across,
        **pooling,
        "dropped by the stride": list(step.dropped[0]),
        **({"dropped by the pooling": list(step.dropped[1])} if pooling else {}),
        "receptive field": list(step.field.size or ()),
        "jump": None if step.field.jump is None else list(step.field.jump),
        "engine": step.plan.engine,
        "why": step.plan.why,
        "strips": step.plan.strip_count,
        "rows in a strip": step.plan.rows,
        "bytes of a strip": step.plan.strip_bytes,
        "peak bytes": step.cost.peak,
        "multiply-adds, computed directly": step.macs,
        **exact,
        **({"requantised": str(few)} if few else {}),
        "notes": list(step.notes),
        "warnings": list(step.warnings),
    }


def plan_json(jobs: Sequence[JobPlan]) -> str:
    """Return the plans for machines: those of all steps, and for each picture what its job takes at its peak."""
    plans = [
        {"image": job.image, **_facts(step), "begin": step.field.as_json()["begin"]}
        for job in jobs
        for step in job.steps
    ]
    images = [{"image": job.image, "peak_bytes": job.cost.peak, "bytes": job.cost._asdict()} for job in jobs]
    peak = max(job.cost.peak for job in jobs)
    return json.dumps({"plans": plans, "images": images, "peak_bytes": peak}, indent=2)


def plan_table(job: JobPlan, width: int = ANY_WIDTH) -> str:
    """Return one column for each step, or one block for each where that is wider than `width`; then the peak."""
    facts = [_facts(step) for step in job.steps]
    keys = [key for key in facts[0] if key not in ("kernel", "notes", "warnings")]
    names = [printable(one["kernel"]) for one in facts]
    table = columns(
        [[key, *(_text(one[key]) for one in facts)] for key in keys], "<" + "<" * len(facts), header=["", *names]
    )
    if max(map(text_width, table.splitlines())) > width:
        blocks = [[name, *(_text(one[key]) for key in keys)] for name, one in zip(names, facts, strict=True)]
        table = fitted(blocks, "<" * (len(keys) + 1), width, header=["kernel", *keys])
    return f"{table}\n\n{_peak_text(job.cost, min(width, 80))}"


def _peak_text(cost: Cost, width: int) -> str:
    """Return where the memory of a job goes."""
    parts = {
        "the picture": cost.picture, "strips at work": cost.working,
        "maps and what is made of them": max(cost.maps, cost.output),
    }  # fmt: skip
    shown = ", ".join(f"{name} {bytes_text(count)}" for name, count in parts.items() if count)
    reading = f"; {bytes_text(cost.reading)} while it is read" if cost.peak == cost.reading else ""
    return textwrap.fill(f"at most {bytes_text(cost.peak)} of memory for one picture: {shown}{reading}", width)


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
            field_text(layer.field), layer.engine.partition(":")[0] or "-", count_text(layer.macs),
        ]
        for layer in plan.layers
    ]  # fmt: skip
    footer = [f"{len(rows)} layers", *[""] * 7, count_text(plan.macs)]
    table = fitted(rows, "<<<<<<<<>", width, header=header, footer=footer)
    cost = f"{plan.parameters:,} parameters; at most {bytes_text(plan.peak_bytes)} for one picture"
    return f"{table}\n\n{textwrap.fill(cost, min(width, 80))}"


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
                "dropped": list(layer.dropped), **layer.field.as_json(), "engine": layer.engine or None,
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


def print_plans(jobs: Sequence[JobPlan], *, json_wanted: bool) -> None:
    """Print what would be done with each picture; what a run would say, and warnings, on standard error."""
    if json_wanted:
        write(plan_json(jobs))
        return
    for job in jobs:
        write((f"{printable(job.image)}\n" if len(jobs) > 1 else "") + plan_table(job, terminal_width(ANY_WIDTH)))
        write_notes(*dict.fromkeys(note for step in job.steps for note in step.notes))
        print_warnings([(step.name, step.warnings) for step in job.steps])


def print_network_plan(name: str, plan: NetworkPlan, *, json_wanted: bool) -> None:
    """Print the plan of a network, and its warnings."""
    write(network_plan_json(name, plan) if json_wanted else network_plan_table(plan, terminal_width(ANY_WIDTH)))
    print_warnings([(layer.name, layer.warnings) for layer in plan.layers])


def print_warnings(named: Sequence[tuple[str, Sequence[str]]]) -> None:
    """Print what a plan warns of, on standard error."""
    for name, warnings in named:
        for text in warnings:
            sys.stderr.write(f"cnnfilter: warning: {printable(name)}: {printable(text)}\n")
