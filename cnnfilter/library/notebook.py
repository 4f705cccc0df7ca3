"""Kernels as notebooks show them: numbers in cells, blue below 0 and orange above."""

from __future__ import annotations

import base64
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnfilter.files import printable
from cnnfilter.images.colour import largest_of, signed_colour
from cnnfilter.images.draw import as_image
from cnnfilter.images.tiles import kernel_picture
from cnnfilter.images.write import encode_image

#: Longest side whose numbers are written, and the most kernels of a bank that are shown.
NUMBERED, MOST = 11, 64
#: Longest side of the picture of a larger kernel, and pixels of a cell where it is small.
LONGEST, CELL = 256, 6


def kernel_html(name: str, title: str, weights: NDArray[Any]) -> str:
    """Return a kernel as HTML.

    Examples
    --------
    >>> kernel_html("a<b", "", np.array([[1.0]])).count("a&lt;b")
    1
    """
    planes = weights if weights.ndim == 3 else weights[None]
    drawn = _table if max(planes.shape[1:]) <= NUMBERED else _image
    shown = "".join(drawn(plane, largest_of(weights)) for plane in planes[:MOST])
    said = f'<div style="opacity:.7">{escape(printable(title))}</div>' if title else ""
    more = "" if len(planes) <= MOST else f"<div>and {len(planes) - MOST} more channels</div>"
    return (
        f'<div style="display:inline-block;margin:6px;vertical-align:top"><div>{escape(printable(name))}</div>{said}'
        f'<div style="display:flex;gap:6px;flex-wrap:wrap">{shown}</div>{more}</div>'
    )


def bank_html(kernels: Any) -> str:
    """Return the kernels of a bank as HTML, side by side."""
    shown = "".join(kernel_html(one.name, "", one.weights) for one in kernels[:MOST])
    return shown + (f"<div>and {len(kernels) - MOST} more kernels</div>" if len(kernels) > MOST else "")


def _table(plane: NDArray[Any], largest: float) -> str:
    """Return one plane as a table of its numbers."""
    rows = []
    for line in plane:
        cells = []
        for value in line:
            colour = ",".join(map(str, signed_colour(float(value) / largest)))
            style = f"background:rgb({colour});color:#000;text-align:right;padding:3px 7px"
            cells.append(f'<td style="{style}">{float(value):.4g}</td>')
        rows.append(f"<tr>{''.join(cells)}</tr>")
    return f'<table style="border-collapse:collapse">{"".join(rows)}</table>'


def _image(plane: NDArray[Any], largest: float) -> str:
    """Return one plane that has too many cells for numbers as a picture inside the page."""
    picture = as_image(kernel_picture(plane, largest))
    picture.thumbnail((LONGEST, LONGEST))
    width = picture.width * max(min(LONGEST // max(picture.size), CELL), 1)
    text = base64.b64encode(encode_image(np.asarray(picture), "png", compress="small")).decode()
    size = " x ".join(map(str, plane.shape))
    style = f"width:{width}px;image-rendering:pixelated"
    return f'<img alt="{size} weights" src="data:image/png;base64,{text}" style="{style}">'
