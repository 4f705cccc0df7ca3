"""What lies beyond the border: where a padded row or column takes its values from.

Each rule is a map from positions outside the image to positions inside it, one axis at a time, so corners
come out right when rows are filled first and columns after them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cnnfilter.core.shapes import Border, Pads

Array = np.ndarray[Any, np.dtype[Any]]


def source_position(position: int, size: int, mode: str) -> int | None:
    """Return the inside position that stands at `position`, or None where a constant stands.

    ::

        mode        beyond   inside   beyond
        reflect      d c b | a b c d | c b a      does not repeat the border pixel
        symmetric    c b a | a b c d | d c b
        replicate    a a a | a b c d | d d d
        circular     b c d | a b c d | a b c

    Examples
    --------
    >>> [source_position(p, 4, "reflect") for p in (-2, -1, 0, 4, 5)]
    [2, 1, 0, 2, 1]
    """
    if 0 <= position < size:
        return position
    match mode:
        case "reflect":
            period = max(1, 2 * (size - 1))
            folded = position % period
            return min(folded, period - folded) if size > 1 else 0
        case "symmetric":
            folded = position % (2 * size)
            return min(folded, 2 * size - 1 - folded)
        case "replicate":
            return min(max(position, 0), size - 1)
        case "circular":
            return position % size
    return None


def fill_columns(block: Array, pads: Pads, width: int, border: Border) -> None:
    """Fill the left and right border of `block` ``(..., rows, left + width + right)`` from its inside."""
    for position in (*range(-pads.left, 0), *range(width, width + pads.right)):
        source = source_position(position, width, border.mode)
        column = block[..., pads.left + position]
        column[...] = border.value if source is None else block[..., pads.left + source]
