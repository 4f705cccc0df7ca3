"""Gradients of poolings: what flows back goes to the cells that a window took, or is shared among them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from cnnfilter.core.arrays import Array, as_planes, channels_back, channels_first, computing_type
from cnnfilter.core.fractional import fractional_bounds
from cnnfilter.core.gradients.linear import in_shape
from cnnfilter.core.pooling import adaptive_bounds, gather, taps_inside
from cnnfilter.core.reduce import Windows, find_pooling, plan_windows
from cnnfilter.core.shapes import PaddingLike, Pair, pair


def pool2d_gradient(
    image: ArrayLike,
    kind: str,
    size: int | str | tuple[int, int],
    gradient: ArrayLike,
    *,
    stride: int | str | tuple[int, int] | None = None,
    padding: PaddingLike = 0,
    dilation: int | str | tuple[int, int] = 1,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    p: float = 2,
    layout: str = "CHW",
) -> Array:
    """Return the gradient of a loss with respect to the image that ``pool2d`` was given.

    Parameters
    ----------
    image, kind, size, stride, padding, dilation, ceil_mode, count_include_pad, p, layout
        As ``pool2d`` was given them.
    gradient
        The gradient with respect to the result of ``pool2d``, in its shape.

    Returns
    -------
    numpy.ndarray
        In the shape of the image.

    Raises
    ------
    ShapeError
        If the shapes do not fit together.

    Notes
    -----
    With ``g`` for the gradient of a window and ``y`` for its result, a cell ``x`` of it gets

    ========  ==================================================
    max, min  g, if it is the first of the largest (smallest)
    avg       g / number of cells that the average divides by
    sum       g
    lp        g * sign(x) * (abs(x) / y)^(p-1), and 0 where y is 0
    ========  ==================================================

    and the sum over all windows that hold it.

    Examples
    --------
    >>> pool2d_gradient([[1, 5, 2], [4, 3, 6]], "max", 2, [[10, 20]], stride=1)
    array([[ 0., 10.,  0.],
           [ 0.,  0., 20.]], dtype=float32)
    >>> pool2d_gradient([[1, 0], [4, 6]], "avg", 2, [[1]])
    array([[0.25, 0.25],
           [0.25, 0.25]], dtype=float32)
    """
    planes, lead = as_planes(channels_first(image, layout))
    both = plan_windows(planes.shape[1:], size, stride, padding, dilation, ceil_mode)
    pooling = find_pooling(kind)
    dtype = computing_type(planes)
    counted = count_include_pad or kind == "lp"
    cells = np.outer(*(taps_inside(axis, counted) for axis in both)).astype(dtype)
    flows = _planes_of(gradient, (*lead, both[0].count, both[1].count), layout, dtype)
    taps = _Sliding(planes, both, pooling.padding, dtype)
    _SHARES[kind](taps, flows, cells, float(both[0].size * both[1].size), p)
    return channels_back(taps.inside().reshape((*lead, *planes.shape[1:])), layout)


def global_pool2d_gradient(image: ArrayLike, kind: str, gradient: ArrayLike, *, layout: str = "CHW") -> Array:
    """Return the gradient of a loss with respect to the image that ``global_pool2d`` was given.

    Parameters
    ----------
    image, kind, layout
        As ``global_pool2d`` was given them.
    gradient
        The gradient with respect to its result: ``()``, ``(C,)`` or ``(N, C)``.

    Returns
    -------
    numpy.ndarray
        In the shape of the image; the formulas are those of `pool2d_gradient`, each channel being one window.

    Examples
    --------
    >>> global_pool2d_gradient([[1, 5], [4, 3]], "max", 2)
    array([[0., 2.],
           [0., 0.]], dtype=float32)
    """
    planes, lead = as_planes(channels_first(image, layout))
    find_pooling(kind)
    dtype = computing_type(planes)
    flows = in_shape(gradient, lead, dtype).reshape(-1, 1)
    flat = planes.reshape(len(planes), -1).astype(dtype, copy=False)  # (P, H*W)
    if kind in ("max", "min"):
        first = flat.argmax(axis=1) if kind == "max" else flat.argmin(axis=1)
        back = np.zeros_like(flat)
        np.put_along_axis(back, first[:, None], flows, axis=1)
    elif kind == "lp":
        back = flows * _norm_slope(flat, np.sqrt(np.square(flat, dtype=np.float64).sum(axis=1, keepdims=True)), 2)
    else:
        back = np.broadcast_to(flows / (flat.shape[1] if kind == "avg" else 1), flat.shape)
    return channels_back(np.ascontiguousarray(back, dtype).reshape((*lead, *planes.shape[1:])), layout)


def adaptive_pool2d_gradient(
    image: ArrayLike, output_size: int | str | tuple[int, int], kind: str, gradient: ArrayLike, *, layout: str = "CHW"
) -> Array:
    """Return the gradient of a loss with respect to the image that ``adaptive_pool2d`` was given.

    Parameters
    ----------
    image, output_size, kind, layout
        As ``adaptive_pool2d`` was given them.
    gradient
        The gradient with respect to its result, in its shape.

    Returns
    -------
    numpy.ndarray
        In the shape of the image; the formulas are those of `pool2d_gradient`.

    Examples
    --------
    >>> adaptive_pool2d_gradient([[1, 2, 3]], (1, 2), "avg", [[10, 20]])
    array([[ 5., 15., 10.]], dtype=float32)
    """
    planes, lead = as_planes(channels_first(image, layout))
    find_pooling(kind)
    wanted = pair(output_size, "output_size")
    dtype = computing_type(planes)
    flows = _planes_of(gradient, (*lead, *wanted), layout, dtype)
    rows, columns = (adaptive_bounds(n, count) for n, count in zip(planes.shape[1:], wanted, strict=True))
    back = _through_bounds(planes, rows, columns, kind, flows)
    return channels_back(back.reshape((*lead, *planes.shape[1:])), layout)


def fractional_pool2d_gradient(
    image: ArrayLike,
    size: int | str | tuple[int, int],
    gradient: ArrayLike,
    *,
    output_size: int | str | tuple[int, int] | None = None,
    output_ratio: float | tuple[float, float] | None = None,
    kind: str = "max",
    samples: ArrayLike | None = None,
    seed: int | None = None,
    layout: str = "CHW",
) -> Array:
    """Return the gradient of a loss with respect to the image that ``fractional_pool2d`` was given.

    Parameters
    ----------
    image, size, output_size, output_ratio, kind, samples, seed, layout
        As ``fractional_pool2d`` was given them; one of `samples` and `seed` must be given, for the windows to be the
        same ones.
    gradient
        The gradient with respect to its result, in its shape.

    Returns
    -------
    numpy.ndarray
        In the shape of the image; the formulas are those of `pool2d_gradient`.
    """
    planes, lead = as_planes(channels_first(image, layout))
    find_pooling(kind)
    wanted, places = fractional_bounds(planes, lead, pair(size, "size"), output_size, output_ratio, samples, seed)
    flows = _planes_of(gradient, (*lead, *wanted), layout, computing_type(planes))
    back = [
        _through_bounds(planes[index : index + 1], rows, columns, kind, flows[index : index + 1])
        for index, (rows, columns) in enumerate(places)
    ]
    return channels_back(np.concatenate(back).reshape((*lead, *planes.shape[1:])), layout)


def _planes_of(gradient: ArrayLike, shape: tuple[int, ...], layout: str, dtype: np.dtype[Any]) -> Array:
    """Return a gradient as planes ``(P, oH, oW)``."""
    flows = np.asarray(channels_first(gradient, layout, certain=True))
    return in_shape(flows, shape, dtype).reshape(-1, *shape[-2:])


class _Taps(Protocol):
    """The cells that each window takes, tap by tap, and where what flows back to them is added up."""

    def places(self) -> Iterator[Pair]:
        """Yield each tap, row after row."""
        ...

    def read(self, tap: Pair) -> Array:
        """Return what a tap sees in each window: ``(P, oH, oW)``."""
        ...

    def give(self, tap: Pair, flows: Array) -> None:
        """Let as much flow back to what a tap sees."""
        ...


class _Sliding:
    """Windows of one size, evenly apart: a tap sees every so many cells of the padded planes."""

    def __init__(self, planes: Array, both: tuple[Windows, Windows], padding: float, dtype: np.dtype[Any]) -> None:
        self.both, self.size = both, planes.shape[1:]
        covered = (both[0].covered(0, both[0].count), both[1].covered(0, both[1].count))
        self.cells = gather(planes, *covered, padding, dtype)
        self.back: Array = np.zeros(self.cells.shape, dtype)

    def places(self) -> Iterator[Pair]:
        return itertools.product(range(self.both[0].size), range(self.both[1].size))

    def read(self, tap: Pair) -> Array:
        return self.cells[self._seen(tap)]

    def give(self, tap: Pair, flows: Array) -> None:
        self.back[self._seen(tap)] += flows

    def _seen(self, tap: Pair) -> tuple[slice, ...]:
        """Return the part of the planes that a tap sees."""
        return (slice(None), *(
            slice(k * axis.dilation, k * axis.dilation + (axis.count - 1) * axis.stride + 1, axis.stride)
            for k, axis in zip(tap, self.both, strict=True)
        ))  # fmt: skip

    def inside(self) -> Array:
        """Return what flows to the planes themselves; cells behind the last window get nothing."""
        out: Array = np.zeros((len(self.back), *self.size), self.back.dtype)
        part = self.back[:, self.both[0].before :, self.both[1].before :][:, : self.size[0], : self.size[1]]
        out[:, : part.shape[1], : part.shape[2]] = part
        return out


class _Bounded:
    """Windows of any sizes, from start to stop: a tap that some of them have not sees nothing there."""

    def __init__(self, planes: Array, rows: Array, columns: Array, nothing: float, dtype: np.dtype[Any]) -> None:
        self.cells, self.rows, self.columns = planes.astype(dtype, copy=False), rows, columns
        self.nothing = nothing
        self.back: Array = np.zeros(planes.shape, dtype)

    def places(self) -> Iterator[Pair]:
        rows, columns = (int((bounds[:, 1] - bounds[:, 0]).max()) for bounds in (self.rows, self.columns))
        return itertools.product(range(rows), range(columns))

    def read(self, tap: Pair) -> Array:
        here, (rows, columns) = self._seen(tap)
        return np.where(here, self.cells[:, rows, columns], self.nothing)

    def give(self, tap: Pair, flows: Array) -> None:
        here, (rows, columns) = self._seen(tap)
        where: Any = (slice(None), rows, columns)
        np.add.at(self.back, where, np.where(here, flows, 0))

    def _seen(self, tap: Pair) -> tuple[Array, tuple[Array, Array]]:
        """Return which windows have a tap, and rows and columns of what it sees."""
        rows, columns = (
            np.minimum(bounds[:, 0] + k, bounds[:, 1] - 1)
            for k, bounds in zip(tap, (self.rows, self.columns), strict=True)
        )
        has = [bounds[:, 0] + k < bounds[:, 1] for k, bounds in zip(tap, (self.rows, self.columns), strict=True)]
        return np.logical_and.outer(*has), (rows[:, None], columns)


def _through_bounds(planes: Array, rows: Array, columns: Array, kind: str, flows: Array) -> Array:
    """Return what flows back to planes through windows from start to stop."""
    cells = np.outer(*(bounds[:, 1] - bounds[:, 0] for bounds in (rows, columns))).astype(flows.dtype)
    taps = _Bounded(planes, rows, columns, find_pooling(kind).padding, flows.dtype)
    _SHARES[kind](taps, flows, cells, cells, 2)
    return taps.back


def _to_the_first(taps: _Taps, flows: Array, wins: np.ufunc) -> None:
    """Let all of it flow to the cell that was taken, the first of equals; NaN is taken before numbers."""
    places = list(taps.places())
    best = np.array(taps.read(places[0]))
    for tap in places[1:]:
        wins(best, taps.read(tap), out=best)
    if np.isfinite(flows).all() and not np.isnan(best).any():
        for tap in places:  # products with truth values are several times faster than choices, and do for numbers
            here = flows * (taps.read(tap) == best)
            taps.give(tap, here)
            flows = flows - here
        return
    none = np.min_scalar_type(len(places)).type(len(places))
    taken = np.full(flows.shape, none)
    for number, tap in reversed(list(enumerate(places))):
        taken = np.where(taps.read(tap) == best, none.dtype.type(number), taken)
    for number, tap in enumerate(places):
        taken = np.where(np.isnan(taps.read(tap)), none.dtype.type(number), taken)
    for number, tap in enumerate(places):
        taps.give(tap, np.where(taken == number, flows, flows.dtype.type(0)))


def _to_all(taps: _Taps, flows: Array) -> None:
    """Let as much flow to every cell."""
    for tap in taps.places():
        taps.give(tap, flows)


def _to_the_large(taps: _Taps, flows: Array, cells: Array, whole: Any, p: float) -> None:
    """Let more flow to larger cells: the p-norm, of windows that hang over scaled up to whole ones."""
    total = np.zeros(flows.shape)
    for tap in taps.places():
        total += np.abs(taps.read(tap), dtype=np.float64) ** p
    scale = whole / cells
    norm = (scale * total) ** (1 / p)
    for tap in taps.places():
        taps.give(tap, (flows * scale * _norm_slope(taps.read(tap), norm, p)).astype(flows.dtype))


def _norm_slope(x: Array, norm: Array, p: float) -> Array:
    """Return ``sign(x) * (abs(x) / norm)**(p - 1)``, and 0 where the norm is 0."""
    share = np.divide(np.abs(x), norm, out=np.zeros(np.broadcast_shapes(x.shape, norm.shape)), where=norm > 0)
    return np.where(x == 0, 0, np.sign(x) * share ** (p - 1))


#: How each kind shares what flows back: taps, flows, cells of each window, cells of a whole one, and p.
_SHARES: dict[str, Callable[[_Taps, Array, Array, Any, float], None]] = {
    "max": lambda taps, flows, *_: _to_the_first(taps, flows, np.maximum),
    "min": lambda taps, flows, *_: _to_the_first(taps, flows, np.minimum),
    "avg": lambda taps, flows, cells, *_: _to_all(taps, flows / cells),
    "sum": lambda taps, flows, *_: _to_all(taps, flows),
    "lp": _to_the_large,
}
