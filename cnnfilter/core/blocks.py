"""Work cut into blocks that fit a core's cache, and shared among threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from cnnfilter.core.strips import thread_count

Block = TypeVar("Block")

#: What one block may take, so that it stays in a core's second-level cache.
BLOCK_BYTES = 1 << 20


def row_blocks(planes: int, rows: int, row_bytes: int, least: int = 1) -> list[tuple[slice, slice]]:
    """Cut `planes` planes of `rows` rows into blocks: several whole planes, or some rows of one plane.

    Parameters
    ----------
    planes, rows
        How many there are.
    row_bytes
        Working memory that one row needs.
    least
        No block has fewer rows than this, unless the plane has.

    Examples
    --------
    >>> row_blocks(3, 4, BLOCK_BYTES // 8)
    [(slice(0, 2, None), slice(0, 4, None)), (slice(2, 3, None), slice(0, 4, None))]
    >>> row_blocks(1, 4, BLOCK_BYTES // 3)
    [(slice(0, 1, None), slice(0, 3, None)), (slice(0, 1, None), slice(3, 4, None))]
    """
    height = min(rows, max(1, least, BLOCK_BYTES // row_bytes))
    depth = max(1, BLOCK_BYTES // (rows * row_bytes))
    return [
        (slice(plane, min(plane + depth, planes)), slice(row, min(row + height, rows)))
        for plane in range(0, planes, depth)
        for row in range(0, rows, height)
    ]


def for_each(work: Callable[[Block], None], blocks: Sequence[Block], threads: int | None = None) -> None:
    """Call `work` on every block, in as many threads as there are cores or as `threads` allows.

    NumPy gives up the interpreter lock inside each operation, so the threads run side by side. Floating-point
    warnings are off meanwhile: infinities and NaN are values like any other here.

    Raises
    ------
    ParameterError
        If `threads` is not a whole number of at least 1.
    """
    waiting = deque(blocks)

    def drain() -> None:
        with np.errstate(all="ignore"):  # every thread starts with the warnings on
            while True:
                try:
                    block = waiting.popleft()
                except IndexError:
                    return
                work(block)

    helpers = min(thread_count(threads), len(blocks)) - 1
    if helpers < 1:
        drain()
        return
    from concurrent.futures import ThreadPoolExecutor  # it loads logging: small images start no threads

    with ThreadPoolExecutor(helpers) as pool:
        try:
            others = [pool.submit(drain) for _ in range(helpers)]
            drain()
            for other in others:
                other.result()
        finally:
            waiting.clear()  # after an error or an interrupt nobody starts another block
