"""Fractional pooling: windows at random places, so that an image can shrink by any factor between 1 and its size."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from cnnfilter.core.arrays import Array, as_planes, channels_back, channels_first, computing_type, real_array
from cnnfilter.core.missing import over_what_is_there
from cnnfilter.core.reduce import find_pooling, fractional_size, in_a_type_that_holds, pool_bounds
from cnnfilter.core.rows import for_each, row_blocks
from cnnfilter.core.shapes import Pair, pair
from cnnfilter.core.whole_steps import in_a_type_asked_for
from cnnfilter.errors import ParameterError, ShapeError


@in_a_type_asked_for
@over_what_is_there
def fractional_pool2d(
    image: ArrayLike,
    size: int | str | tuple[int, int],
    *,
    output_size: int | str | tuple[int, int] | None = None,
    output_ratio: float | tuple[float, float] | None = None,
    kind: str = "max",
    samples: ArrayLike | None = None,
    seed: int | None = None,
    missing: str = "propagate",
    threads: int | None = None,
    layout: str = "CHW",
    dtype: DTypeLike | None = None,
) -> Array:
    """Pool each channel over windows whose places are drawn at random, evenly spread on the whole.

    Parameters
    ----------
    image
        ``(H, W)``, ``(C, H, W)`` or ``(N, C, H, W)``, any real type. float64 is computed in float64, everything
        else in float32.
    size
        Rows and columns of a window: n, or both.
    output_size
        Rows and columns of the result: n, or both. Either this or `output_ratio` must be given.
    output_ratio
        The result's share of the image's rows and columns, each between 0 and 1: one number, or both.
    kind
        ``max``, ``min``, ``avg``, ``sum`` or ``lp`` (p = 2).
    samples
        ``(N, C, 2)`` in [0, 1), without N for an image without it: as in PyTorch, the first of each pair places the
        columns of that channel, the second its rows.
    seed
        Draws the samples where they are not given, ``numpy.random.default_rng(seed).random((N, C, 2))``, without N for
        an image without it: the same seed gives the same result.
    missing
        ``propagate``: a window with NaN gives NaN. ``ignore``: NaN is a cell that is missing, and a window is reduced
        from the cells that are there; NaN where none is.
    threads
        At most this many; all cores by default. The result does not depend on it.
    layout
        ``CHW``, or ``HWC`` for channels last, as OpenCV, Pillow and scikit-image have them; the result is as the image.
    dtype
        ``float32`` or ``float64`` to compute in; ``int32`` or ``int64`` for exact whole numbers, of max, min and sum.

    Returns
    -------
    numpy.ndarray
        ``(oH, oW)``, ``(C, oH, oW)`` or ``(N, C, oH, oW)``: `output_size`, or ``floor(in * output_ratio)``.

    Raises
    ------
    ShapeError
        If ``output_size + size - 1`` is larger than the image, or the samples have another shape.
    ParameterError
        If not exactly one of `output_size` and `output_ratio` is given, if both samples and a seed are, or if a ratio
        or sample is out of its range.
    UnknownNameError
        If there is no such kind.

    Notes
    -----
    Along an axis, with sample u and ``alpha = (in - size) / (out - 1)``, window i starts at
    ``floor((i + u)*alpha) - floor(u*alpha)`` and the last one at ``in - size``, in the image's computing type.

    References
    ----------
    .. [1] B. Graham, "Fractional max-pooling", 2014, arXiv:1412.6071.

    Examples
    --------
    >>> fractional_pool2d(np.arange(35).reshape(5, 7), 2, output_size=(3, 4), samples=[0.5, 0.25])
    array([[ 8., 10., 12., 13.],
           [15., 17., 19., 20.],
           [29., 31., 33., 34.]], dtype=float32)
    """
    planes, lead = as_planes(channels_first(image, layout))
    pooling = find_pooling(kind)
    window = pair(size, "size")
    wanted, places = fractional_bounds(planes, lead, window, output_size, output_ratio, samples, seed)

    def compute(dtype: np.dtype[Any]) -> Array:
        out: Array = np.empty((len(planes), *wanted), dtype)

        def work(block: tuple[int, slice]) -> None:
            plane, part = block
            rows, columns = places[plane]
            one = slice(plane, plane + 1)
            pool_bounds(planes[one], rows[part], columns, pooling, out[one, part])

        height, width = planes.shape[1:]
        row_bytes = width * out.itemsize * math.ceil(height / wanted[0])
        parts = [part for _, part in row_blocks(1, wanted[0], row_bytes)]
        for_each(work, [(plane, part) for plane in range(len(planes)) for part in parts], threads)
        return out

    out = in_a_type_that_holds(planes, kind, 2, window[0] * window[1], compute)
    return channels_back(out.reshape((*lead, *wanted)), layout)


def fractional_bounds(
    planes: Array, lead: tuple[int, ...], window: Pair, output_size: Any, output_ratio: Any, samples: Any, seed: Any
) -> tuple[Pair, list[tuple[Array, Array]]]:
    """Return rows and columns of the result, and for each plane start and stop of its windows along both.

    Parameters
    ----------
    planes, lead
        ``(P, H, W)``, and the axes that P stands for.
    window, output_size, output_ratio, samples, seed
        As `fractional_pool2d` takes them.
    """
    height, width = planes.shape[1:]
    wanted = fractional_size((height, width), window, output_size, output_ratio)
    draws = _samples(samples, seed, lead).astype(computing_type(planes))  # (P, 2)
    return wanted, [
        (_bounds(draw[1], height, window[0], wanted[0]), _bounds(draw[0], width, window[1], wanted[1]))
        for draw in draws
    ]


def _samples(samples: Any, seed: int | None, lead: tuple[int, ...]) -> Array:
    """Return two numbers in [0, 1) for each plane: ``(P, 2)``."""
    if samples is None:
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int) or seed < 0):
            raise ParameterError(f"seed must be a whole number of at least 0, got {seed!r}")
        return np.random.default_rng(seed).random((*lead, 2)).reshape(-1, 2)
    if seed is not None:
        raise ParameterError("give either samples or a seed: samples leave nothing to draw")
    values = real_array(samples, "samples")
    if values.shape not in {(*lead, 2), (1, 1, *lead, 2)[-3:]}:  # with N = 1 too, and C = 1
        raise ShapeError(f"samples must have shape {(*lead, 2)}, two for each channel; got {values.shape}")
    if not np.all((values >= 0) & (values < 1)):
        raise ParameterError(f"samples must be at least 0 and below 1, got {values.min()} to {values.max()}")
    return values.reshape(-1, 2)


def draw_samples(seed: int, lead: tuple[int, ...]) -> Array:
    """Return samples ``(C, 2)`` or ``(N, C, 2)`` for planes ``(C,)`` or ``(N, C)``: the same for each image of a batch.

    They are those that `fractional_pool2d` draws from the same seed for one image of C channels.
    """
    return np.broadcast_to(np.random.default_rng(seed).random((lead[-1], 2)), (*lead, 2))


def drawn_window(
    seed: int, size: Pair, window: Pair, out: Pair, channel: int, axis: int, index: int
) -> tuple[int, int]:
    """Return start and stop of one window along an axis, of those that `draw_samples` places in float32."""
    sample = draw_samples(seed, (channel + 1,))[channel, 1 - axis].astype(np.float32)
    start, stop = _bounds(sample, size[axis], window[axis], out[axis])[index]
    return int(start), int(stop)


def _bounds(sample: Any, length: int, window: int, count: int) -> Array:
    """Return the start and stop of `count` windows along one axis: ``(count, 2)``; rounds as PyTorch does."""
    starts = np.zeros(count, np.int64)
    if count > 1:
        alpha = sample.dtype.type(length - window) / sample.dtype.type(count - 1)
        steps = (np.arange(count, dtype=sample.dtype) + sample) * alpha
        starts = steps.astype(np.int64) - int(sample * alpha)
    starts[-1] = length - window
    return np.stack([starts, starts + window], axis=1)
