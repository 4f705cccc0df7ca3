"""A kernel in the terminal: its passport."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from cnnfilter.files import printable
from cnnfilter.library.parameters import Parameter
from cnnfilter.library.passport import Passport, rank_words, symmetry_words
from cnnfilter.views.console import console, draws_blocks
from cnnfilter.views.maps import number_table, preview

#: Columns of the response in the terminal, of what stands under it, and of the gap beside it.
RESPONSE_WIDTH = 27
CAPTION_WIDTH = 34
GAP = 4
#: Columns that a kernel needs to stand beside its response.
LEAST_ROOM = 40
KERNEL_HEIGHT = 40


def passport_json(passports: Sequence[Passport]) -> str:
    """Return passports for machines."""
    return json.dumps({"kernels": [_json(one) for one in passports]}, indent=2)


def _json(one: Passport) -> dict[str, Any]:
    """Return one passport for machines."""
    kernel, facts = one.kernel, one.measures
    return {
        "name": kernel.name, "spec": kernel.spec, "title": kernel.title, "family": kernel.family,
        "source": kernel.source, "formula": kernel.formula, "description": one.description, "origin": kernel.origin,
        "place": one.place, "hides": list(one.hides), "aliases": list(one.aliases),
        "variants": dict(one.variants), "parameters": {each.name: _plain_default(each) for each in one.parameters},
        "shape": list(facts.shape), "sum": facts.total, "l1": facts.l1, "l2": facts.l2, "nonzero": facts.nonzero,
        "smallest": facts.smallest, "largest": facts.largest, "symmetry": facts.symmetry, "rank": facts.rank,
        "factors": [{"column": column.tolist(), "row": row.tolist()} for column, row in one.pairs],
        "bounds_8bit": [one.low, one.high], "clipping": one.clipping,
        "response": {"at_zero": one.gain[0], "largest": one.gain[1], "peak": list(one.peak), "kind": one.passes},
        "exact": {"scale": str(one.scale), "numbers": one.numbers.astype(int).tolist()} if one.exact else None,
        "offset": kernel.offset, "warnings": list(kernel.warnings), "weights": kernel.weights.tolist(),
    }  # fmt: skip


def print_passport(one: Passport) -> None:
    """Print one kernel: title, coefficients beside the frequency response, facts."""
    out = console()
    kernel = one.kernel
    out.print(Text.assemble((printable(kernel.name), "bold"), "  ", printable(kernel.title)))
    if one.description:
        out.print(Text(printable(one.description), style="dim"))
    out.print()
    room = out.width - CAPTION_WIDTH - GAP
    if room >= LEAST_ROOM:
        side = Table.grid(padding=(0, GAP, 0, 0))
        side.add_column()
        side.add_column(width=CAPTION_WIDTH)
        side.add_row(_numbers(one, room), _response(one, out))
        out.print(side)
    else:
        out.print(_numbers(one, out.width))
        out.print(_response(one, out))
    out.print(_facts(one))


def _numbers(one: Passport, width: int) -> Group:
    """Return the coefficients as a heat table, one a channel."""
    planes = one.numbers if one.numbers.ndim == 3 else one.numbers[None]
    parts: list[Any] = []
    if one.scale != 1:
        parts.append(Text(f"{one.scale} times", style="dim"))
    for index, plane in enumerate(planes):
        if len(planes) > 1:
            parts.append(Text(f"channel {index}", style="dim"))
        parts.append(number_table(plane, at=None, width=width, height=KERNEL_HEIGHT, heat=True))
    return Group(*parts)


def _response(one: Passport, out: Console) -> Group:
    """Return the frequency response as a small picture, its largest value white."""
    fine = one.response(2 * RESPONSE_WIDTH - 1)
    magnitude = fine[1::2, ::2] / (one.gain[1] or 1.0)  # two rows a line, 0 in the middle of both sides
    pixels = np.rint(255 * magnitude).astype(np.uint8)[..., None]
    picture = preview(pixels, width=RESPONSE_WIDTH, height=RESPONSE_WIDTH // 2, color=draws_blocks(out))
    down, across = one.peak
    caption = (
        f"0 in the middle, 1/2 at the rim\n{one.gain[0]:.4g} at 0, most {one.gain[1]:.4g} at {down:.3g},{across:.3g}"
    )
    return Group(Text("frequency response", style="dim"), picture, Text(caption, style="dim"))


def _facts(one: Passport) -> Table:
    """Return what is known of a kernel, one fact a row."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts_of(one).items():
        if value:
            table.add_row(name, Text("\n".join(printable(line) for line in value.split("\n"))))
    return table


def facts_of(one: Passport) -> dict[str, str]:
    """Return the facts in words, in the order of the page; empty where there is nothing to say."""
    kernel, facts = one.kernel, one.measures
    size = " x ".join(map(str, facts.shape))
    count = kernel.weights.size
    return {
        "type": f"-k {_quoted(kernel.spec)}",
        "also called": ", ".join(one.aliases),
        "parameters": "\n".join(map(parameter_words, one.parameters)),
        "variants": "\n".join(f"variant={name}{f': {note}' if note else ''}" for name, note in one.variants),
        "family": kernel.family,
        "formula": kernel.formula,
        "source": kernel.source,
        "found in": one.place or kernel.origin,
        "hides": "\n".join(f"{path} (the first on the search path wins)" for path in one.hides),
        "size": f"{size}, {facts.nonzero} of {count} weights are not 0",
        "sum": f"{facts.total:.6g}{_sum_word(facts.total)}",
        "L1 norm": f"{facts.l1:.6g}",
        "symmetry": symmetry_words(facts),
        "rank": rank_words(one),
        "8-bit input gives": f"{one.low:.6g} to {one.high:.6g}; {one.clipping}",
        "frequencies": one.passes,
        "offset": f"{kernel.offset:g}, which its tool adds to each 8-bit result" if kernel.offset else "",
        "note": "; ".join(kernel.warnings),
    }


def _plain_default(one: Parameter) -> str:
    """Return the value of a parameter that is not typed; nothing where a rule gives it."""
    if one.default is None:
        return ""
    if isinstance(one.default, tuple):
        rows, columns = one.default
        return str(rows) if rows == columns else f"{rows},{columns}"
    return ("yes" if one.default else "no") if isinstance(one.default, bool) else str(one.default)


def parameter_words(one: Parameter) -> str:
    """Return a parameter as it is typed, what it means, and what it may be.

    Examples
    --------
    >>> parameter_words(Parameter("wavelength", "number", 8.0, "period of the wave", unit="pixels", above=0))
    'wavelength=8: period of the wave (> 0 pixels)'
    """
    default = f"{one.default:g}" if isinstance(one.default, float) else _plain_default(one)
    return f"{one.name}{'=' * bool(default)}{default}: {one.meaning} ({one.range})"


def _sum_word(total: float) -> str:
    """Say what the sum means."""
    if abs(total) < 1e-9:
        return ": flat areas become 0"
    return ": flat areas stay as they are" if abs(total - 1) < 1e-9 else ""


def _quoted(spec: str) -> str:
    """Return a spec as a shell takes it."""
    return spec if all(sign not in spec for sign in " ;|[]'\"*") else f'"{spec}"'
