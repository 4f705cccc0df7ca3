"""Which maps can stand behind each other in one array."""

from __future__ import annotations

from collections.abc import Iterable

from cnnfilter.errors import ShapeError

#: Formats of dumps whose stack is one array; the others hold each map by itself.
ONE_ARRAY = ("npy", "csv", "json")


def check_stack(shapes: Iterable[tuple[int, ...]]) -> None:
    """Raise unless all maps of a stack are of one shape.

    Raises
    ------
    ShapeError
        With the shapes.
    """
    found = sorted(set(shapes))
    if len(found) > 1:
        raise ShapeError(
            f"maps of different shapes cannot be stacked: {', '.join(map(str, found))} "
            "(write npz, or use kernels of one size or --padding same)"
        )
