"""Where a value sits in a file, how messages write that down, and the limits of what is read."""

from __future__ import annotations

from typing import TypeAlias

#: Keys and indices from the top of a document.
Steps: TypeAlias = tuple[str | int, ...]
#: The line, from 1, of each value of a document.
Lines: TypeAlias = dict[Steps, int]

MAX_BYTES = 1 << 20
MAX_DEPTH = 50
#: Values of one YAML list, of which each takes as long as a hundred letters; long rows of weights are for arrays.
MAX_ITEMS = 1 << 15


def dotted(steps: Steps) -> str:
    """Return steps as one dotted field.

    Examples
    --------
    >>> dotted(("kernels", "edge", "matrix", 2))
    'kernels.edge.matrix[2]'
    """
    text = ""
    for step in steps:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text
