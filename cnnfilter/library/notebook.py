"""Kernels as notebooks show them: numbers in cells, blue below 0 and orange above."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnfilter.files import printable
from cnnfilter.images.colour import signed_colour

#: Longest side whose numbers are written, and the most kernels of a bank that are shown.
NUMBERED, MOST = 11, 64


def kernel_html(name: str, title: str, weights: NDArray[Any]) -> str:
    """Return a kernel as HTML.

    Examples
    --------
    >>> kernel_html("a<b", "", np.array([[1.0]])).count("a&lt;b")
    1
    """
    planes = weights if weights.ndim == 3 else weights[None]
    tables = "".join(_table(plane, float(np.abs(weights).max()) or 1.0) for plane in planes[:MOST])
    said = f'<div style="opacity:.7">{escape(printable(title))}</div>' if title else ""
    more = "" if len(planes) <= MOST else f"<div>and {len(planes) - MOST} more channels</div>"
    return (
        f'<div style="display:inline-block;margin:6px;vertical-align:top"><div>{escape(printable(name))}</div>{said}'
        f'<div style="display:flex;gap:6px;flex-wrap:wrap">{tables}</div>{more}</div>'
    )


def bank_html(kernels: Any) -> str:
    """Return the kernels of a bank as HTML, side by side."""
    shown = "".join(kernel_html(one.name, "", one.weights) for one in kernels[:MOST])
    return shown + (f"<div>and {len(kernels) - MOST} more kernels</div>" if len(kernels) > MOST else "")


def _table(plane: NDArray[Any], largest: float) -> str:
    """Return one plane as a table."""
    numbered = max(plane.shape) <= NUMBERED
    rows = []
    for line in plane:
        cells = []
        for value in line:
            colour = ",".join(map(str, signed_colour(float(value) / largest)))
            text = f"{float(value):.4g}" if numbered else ""
            size = "padding:3px 7px" if numbered else "padding:0;width:6px;height:6px"
            cells.append(f'<td style="background:rgb({colour});color:#000;text-align:right;{size}">{text}</td>')
        rows.append(f"<tr>{''.join(cells)}</tr>")
    return f'<table style="border-collapse:collapse">{"".join(rows)}</table>'
