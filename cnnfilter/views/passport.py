"""A kernel's passport: its coefficients, and what is known of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from rich.table import Table
from rich.text import Text

from cnnfilter.files import printable
from cnnfilter.library.kernel import Kernel
from cnnfilter.views.console import console
from cnnfilter.views.numbers import number_table

Array = np.ndarray[Any, np.dtype[Any]]

#: Denominators that a person reads as a fraction.
LARGEST_DENOMINATOR = 1000


def passport_json(kernels: Sequence[Kernel]) -> str:
    """Return the kernels for machines."""
    rows = [
        {
            "name": kernel.name, "spec": kernel.spec, "title": kernel.title, "family": kernel.family,
            "source": kernel.source, "formula": kernel.formula, "origin": kernel.origin,
            "shape": list(kernel.weights.shape), "sum": float(kernel.weights.sum()),
            "l1": float(np.abs(kernel.weights).sum()), "weights": kernel.weights.tolist(),
        }
        for kernel in kernels
    ]  # fmt: skip
    return json.dumps({"kernels": rows}, indent=2)


def common_denominator(weights: Array) -> int | None:
    """Return the least number that makes all weights whole, or None where no small one does.

    Examples
    --------
    >>> common_denominator(np.array([[0.25, 1 / 6]]))
    12
    """
    least = 1
    for value in weights.ravel():
        fraction = Fraction(float(value)).limit_denominator(LARGEST_DENOMINATOR)
        if abs(float(fraction) - float(value)) > 1e-12 * max(1.0, abs(float(value))):
            return None
        least = np.lcm(least, fraction.denominator).item()
        if least > LARGEST_DENOMINATOR:
            return None
    return least


def print_passport(kernel: Kernel) -> None:
    """Print one kernel: title, coefficients, facts."""
    out = console()
    out.print(Text(printable(kernel.name), style="bold"), Text(printable(kernel.title)))
    planes = kernel.weights if kernel.weights.ndim == 3 else kernel.weights[None]
    least = common_denominator(kernel.weights)
    for index, plane in enumerate(planes):
        if len(planes) > 1:
            out.print(f"channel {index}", style="dim")
        if least is not None and least > 1:
            out.print(f"1/{least} times", style="dim")
            plane = np.rint(plane * least)
        out.print(number_table(plane, at=None, width=out.width, height=40, heat=True))
    out.print(_facts(kernel))


def _facts(kernel: Kernel) -> Table:
    """Return what is known of a kernel, one fact a row."""
    weights = kernel.weights
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    low, high = 255 * float(weights[weights < 0].sum()), 255 * float(weights[weights > 0].sum())
    facts = {
        "type": kernel.spec,
        "family": kernel.family,
        "formula": kernel.formula,
        "source": kernel.source,
        "found in": kernel.origin,
        "sum": f"{weights.sum():.6g}",
        "L1 norm": f"{np.abs(weights).sum():.6g}",
        "8-bit input gives": f"{low:.6g} to {high:.6g}",
        "note": "; ".join(kernel.warnings),
    }
    for name, value in facts.items():
        if value:
            table.add_row(name, Text(printable(value)))
    return table
