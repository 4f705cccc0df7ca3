"""Several maps of one picture to one: gradient magnitude, the strongest direction, and the like."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from cnnfilter.core.arrays import Array
from cnnfilter.errors import ParameterError, ShapeError
from cnnfilter.images.display import choose_kind
from cnnfilter.library.kernel import Kernel


def magnitude(maps: Array) -> Array:
    """Return the root of the sum of squares, without the squares of huge or tiny values; NaN where any is NaN.

    Examples
    --------
    >>> magnitude(np.array([[[3.0, -1.0]], [[4.0, 0.0]]]))
    array([[5., 1.]])
    """
    total: Array = np.abs(maps[0])
    for one in maps[1:]:
        np.hypot(total, one, out=total)
    endless = np.isinf(total)
    if endless.any():  # to hypot, infinity and NaN are infinity
        total[endless & np.isnan(maps).any(axis=0)] = np.nan
    return total


def angle(maps: Array) -> Array:
    """Return the direction in which the picture grows, in degrees above -180 and up to 180; NaN where it grows nowhere.

    The first map is the change from left to right, the second the change from top to bottom:
    ``degrees(atan2(second, first))``. Rows grow downwards, and so angles go round as a clock's hand does: 0 is
    brighter to the right, 90 brighter below, 180 brighter to the left, -90 brighter above.

    Parameters
    ----------
    maps
        ``(2, ...)``.

    Examples
    --------
    >>> across, down = np.array([1.0, 1.0, 0.0, -1.0, 0.0, 0.0]), np.array([0.0, 1.0, 1.0, 0.0, -2.0, 0.0])
    >>> angle(np.stack([across, down]))
    array([  0.,  45.,  90., 180., -90.,  nan])
    """
    across, down = maps
    found: Array = np.degrees(np.arctan2(down, across))
    found[found <= -180] = 180  # a change upwards of next to nothing, or of minus zero
    found[(across == 0) & (down == 0)] = np.nan
    return found


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
    "mean": lambda maps: maps.mean(axis=0, dtype=np.float64).astype(maps.dtype),
    "argmax": argmax,
    "angle": angle,
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


def check_kernels(kernels: Sequence[Kernel], how: str) -> None:
    """Raise unless a combination can be made of these kernels.

    Raises
    ------
    ParameterError
        If an angle is wanted of other than two of them.
    """
    if how == "angle" and len(kernels) != 2:
        raise ParameterError(
            f"--combine angle takes two kernels, the change to the right and then the change downwards, got "
            f"{len(kernels)} (-k sobel-x -k sobel-y --combine angle)"
        )


def angle_note(kernels: Sequence[Kernel], flip: bool) -> str:
    """Return what to know where 0 degrees is not to the right, or 90 not downwards; nothing else."""
    ways = [_way(kernel.weights, flip) for kernel in kernels]
    if None in ways:
        name = kernels[ways.index(None)].name
        return f"--combine angle: {name} answers no slope, so this is the angle of no gradient (-k sobel-x -k sobel-y)"
    if ways == [0, 90]:
        return ""
    first, second = (
        f"in which {kernel.name} grows ({way:.4g} degrees clockwise from the right)"
        for kernel, way in zip(kernels, ways, strict=True)
    )
    return f"--combine angle: 0 degrees is the direction {first}, 90 that {second}"


def _way(weights: Array, flip: bool) -> float | None:
    """Return the direction in degrees of the slope that a kernel answers most; None where it answers none."""
    rows, columns = (np.arange(n) - (n - 1) / 2 for n in weights.shape[-2:])
    down, across = float((weights * rows[:, None]).sum()), float((weights * columns).sum())
    least = 1e-9 * float(np.abs(weights).sum()) * max(weights.shape[-2:])
    down, across = (0.0 if abs(one) <= least else one * (-1 if flip else 1) for one in (down, across))
    return None if down == across == 0 else float(angle(np.array([[across], [down]]))[0])


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
    if how == "angle":
        return "angle"
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
