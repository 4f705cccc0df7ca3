"""Several maps of one picture to one: gradient magnitude, the strongest direction, and the like."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cnnfilter.errors import ShapeError
from cnnfilter.images.display import choose_kind
from cnnfilter.library.kernel import Kernel

Array = np.ndarray[Any, np.dtype[Any]]


def magnitude(maps: Array) -> Array:
    """Return the root of the sum of squares.

    Examples
    --------
    >>> magnitude(np.array([[[3.0, -1.0]], [[4.0, 0.0]]]))
    array([[5., 1.]])
    """
    total: Array = np.square(maps[0])
    for one in maps[1:]:
        total += np.square(one)
    return np.sqrt(total, out=total)


def argmax(maps: Array) -> Array:
    """Return which map is the largest, counted from 0, the first of equals; NaN where any is NaN.

    Examples
    --------
    >>> argmax(np.array([[[3.0, -1.0]], [[4.0, -1.0]]]))
    array([[1., 0.]])
    """
    largest: Array = maps.argmax(axis=0).astype(maps.dtype)
    largest[np.isnan(maps).any(axis=0)] = np.nan
    return largest


#: Each takes maps ``(K, ...)`` and returns one ``(...)``.
COMBINERS: dict[str, Callable[[Array], Array]] = {
    "magnitude": magnitude,
    "max": lambda maps: maps.max(axis=0),
    "min": lambda maps: maps.min(axis=0),
    "sum": lambda maps: maps.sum(axis=0),
    "mean": lambda maps: maps.mean(axis=0),
    "argmax": argmax,
}


def combine(name: str, maps: Array, root_mean: bool = False) -> Array:
    """Return one map of several.

    Parameters
    ----------
    name
        A key of ``COMBINERS``.
    maps
        ``(K, C, oH, oW)``.
    root_mean
        Divide a magnitude by the root of K: the convention of scikit-image.

    Returns
    -------
    numpy.ndarray
        ``(C, oH, oW)``.
    """
    result = COMBINERS[name](maps)
    if root_mean and name == "magnitude":
        result /= np.sqrt(len(maps)).astype(result.dtype)
    return result


def by_channel(banks: Sequence[Array]) -> Array:
    """Return the filter bank that holds, for each channel, all kernels: their maps come out side by side.

    Parameters
    ----------
    banks
        One bank for each kernel, all ``(F, depth, kH, kW)``.

    Returns
    -------
    numpy.ndarray
        ``(F * K, depth, kH, kW)``; the kernel varies fastest.
    """
    whole = np.stack(banks, axis=1)  # (F, K, depth, kH, kW)
    return whole.reshape(-1, *whole.shape[2:])  # (F*K, depth, kH, kW)


def same_shape(names: Sequence[str], shapes: Sequence[tuple[int, ...]], how: str) -> None:
    """Raise unless all maps have one shape.

    Raises
    ------
    ShapeError
        With the sizes, if they differ.
    """
    if len(set(shapes)) > 1:
        sizes = ", ".join(
            f"{name} {' x '.join(map(str, shape))}" for name, shape in zip(names[:4], shapes[:4], strict=True)
        )
        more = ", ..." if len(names) > 4 else ""
        raise ShapeError(
            f"--combine {how} needs maps of one size, got {sizes}{more} (--padding same keeps the picture's size)"
        )


def auto_display(banks: Sequence[Array], how: str, processed: bool) -> str:
    """Return the display mapping that suits a combined map of a picture.

    Parameters
    ----------
    banks
        The weights of each kernel over all channels that it adds up.
    how
        A key of ``COMBINERS``.
    processed
        Whether the values went through an activation or pooling.

    Examples
    --------
    >>> edge, mean = np.array([[-1.0, 1.0]]), np.array([[0.5, 0.5]])
    >>> [auto_display(both, "magnitude", False) for both in ([edge, edge], [mean, mean])]
    ['abs', 'minmax']
    """
    if processed or how == "argmax":
        return "minmax"
    kinds = {choose_kind(bank, processed=False) for bank in banks}
    if how == "magnitude":
        return "abs" if kinds == {"abs"} else "minmax"
    if how in ("sum", "mean") and len({bank.shape for bank in banks}) == 1:
        total = np.sum(banks, axis=0)
        return choose_kind(total / (len(banks) if how == "mean" else 1), processed=False)
    return kinds.pop() if len(kinds) == 1 else "minmax"


def step_title(kernels: Sequence[Kernel], how: str) -> str:
    """Return how the combination is written in summaries and files.

    Examples
    --------
    >>> step_title([Kernel("sobel-x", "sobel-x", np.ones((1, 1)))], "max")
    'max(sobel-x)'
    """
    return f"{how}({', '.join(kernel.spec for kernel in kernels)})"
