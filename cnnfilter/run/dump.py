"""Maps to dumps: which axes a file has, and what it says about where its numbers come from."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from cnnfilter.dumps.write import WRITERS, Dump
from cnnfilter.files import atomic_output
from cnnfilter.run.names import Output

Array = np.ndarray[Any, np.dtype[Any]]


def arrange(maps: Sequence[tuple[str, Array]], *, stack: bool, flatten: bool) -> list[tuple[str, Array]]:
    """Return the names and arrays of one file: a single channel is no axis, a vector is one row of everything.

    Examples
    --------
    >>> two = [("a", np.zeros((1, 4, 5))), ("b", np.ones((1, 4, 5)))]
    >>> [(name, values.shape) for name, values in arrange(two, stack=True, flatten=False)]
    [('a', (4, 5)), ('b', (4, 5))]
    >>> [(name, values.shape) for name, values in arrange(two, stack=True, flatten=True)]
    [('vector', (40,))]
    """
    if flatten:
        return [("vector", np.concatenate([values.ravel() for _, values in maps]))]
    return [(name, values[0] if len(values) == 1 else values) for name, values in maps]


def write_dump(
    output: Output, maps: Sequence[tuple[str, Array]], info: dict[str, Any], *, flatten: bool, stack: bool
) -> None:
    """Write maps ``(C, oH, oW)`` to the output's file, all or nothing, or to standard output."""
    dump = Dump(arrange(maps, stack=stack, flatten=flatten), stack=stack and not flatten, info=info)
    writer = WRITERS[output.format]
    if output.path is None:
        writer(sys.stdout.buffer, dump)
        sys.stdout.buffer.flush()
        return
    with atomic_output(output.path, durable=output.durable) as file:
        writer(file, dump)
