"""Plans without pixels: what a convolution of this size would do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from cnnfilter.core.conv import plan_source
from cnnfilter.core.missing import check_sum
from cnnfilter.core.plan import Plan
from cnnfilter.core.shapes import Pair, formula
from cnnfilter.core.strips import NoPixels, thread_count
from cnnfilter.core.windows import plan_windows
from cnnfilter.core.words import ACTIVATIONS
from cnnfilter.errors import ShapeError
from cnnfilter.job.maps import as_bank, sums_channels
from cnnfilter.job.options import Options
from cnnfilter.library.kernel import Kernel
from cnnfilter.library.load import distinct_kernels

#: Steps of one kind after which maps that are gone are warned of.
FEW_STEPS = 2


class StepPlan(NamedTuple):
    """What convolving with one kernel, and activating and pooling after it, would do.

    Attributes
    ----------
    plan
        The convolution's own plan.
    shape
        ``(C, H, W)`` of the maps in the end.
    pooling
        The size formulas of the pooling, rows and columns; nothing without one.
    field, jump
        Input rows and columns that one value sees, and from one value to the next.
    dropped
        Rows and columns that the strides leave out: those of the convolution's padded input, then the pooling's.
    peak_bytes
        The decoded picture, the working memory of all threads, and maps that have to be held.
    """

    kernel: Kernel
    plan: Plan
    shape: tuple[int, int, int]
    pooling: tuple[str, ...]
    field: Pair
    jump: Pair
    dropped: tuple[Pair, ...]
    peak_bytes: int
    warnings: tuple[str, ...]


def plan_kernels(
    kernels: Sequence[Kernel], shape: tuple[int, int, int], options: Options, *, pixel_bytes: int = 1
) -> list[StepPlan]:
    """Return the plan of each kernel for an image of shape ``(C, H, W)`` whose values take `pixel_bytes` each.

    Raises
    ------
    ShapeError
        If nothing would be left of the maps: the kernel, the shape and the formula.
    """
    if options.missing == "ignore":
        for kernel in kernels:
            check_sum(kernel.weights, kernel.name)
    return [_plan_step(kernel, shape, options, pixel_bytes) for kernel in distinct_kernels(kernels)]


def _plan_step(kernel: Kernel, shape: tuple[int, int, int], options: Options, pixel_bytes: int) -> StepPlan:
    """Return the plan of one kernel."""
    colors = 1 if options.channels == "gray" else shape[0]
    whole = (1, colors, *shape[1:])
    groups = 1 if sums_channels(kernel.weights, options) else colors
    bank = as_bank(kernel.weights, colors, options)
    try:
        job = plan_source(
            NoPixels(), whole, bank, np.dtype(options.dtype), bias=options.bias, groups=groups, **options.convolution()
        )
        sizes = job.plan.sizes
        field, jump, out = sizes.span, sizes.stride, sizes.out
        texts: tuple[str, ...] = ()
        added = (sizes.pads.rows, sizes.pads.columns)
        dropped = [_pair((n + p - k) % s for n, p, k, s in zip(sizes.size, added, field, jump, strict=True))]
        if options.pool is not None:
            windows = plan_windows(out, options.pool.size, options.pool.stride, 0, 1, False)
            texts = tuple(formula(one.length, 0, one.size, one.stride, 1) for one in windows)
            dropped.append(_pair((one.length - one.span) % one.stride for one in windows))
            field = _pair(f + (one.span - 1) * j for f, one, j in zip(field, windows, jump, strict=True))
            jump = _pair(j * one.stride for j, one in zip(jump, windows, strict=True))
            out = _pair(one.count for one in windows)
    except ShapeError as error:
        raise ShapeError(
            f"{kernel.name} on {'x'.join(map(str, whole[1:]))}: nothing is left of the maps: {error}"
        ) from error
    held = sizes.filters * (sizes.out[0] * sizes.out[1] + out[0] * out[1]) * sizes.itemsize if _holds(options) else 0
    threads = min(thread_count(options.threads), job.plan.strip_count)
    return StepPlan(
        kernel=kernel, plan=job.plan, shape=(sizes.filters, *out), pooling=texts, field=field, jump=jump,
        dropped=tuple(dropped),
        peak_bytes=shape[0] * shape[1] * shape[2] * pixel_bytes + threads * job.plan.strip_bytes + held,
        warnings=_warnings(sizes.size, out, field, jump),
    )  # fmt: skip


def _pair(numbers: Any) -> Pair:
    """Return two numbers as a pair."""
    rows, columns = numbers
    return rows, columns


def _holds(options: Options) -> bool:
    """Say whether the maps have to be held whole: for a pooling, or an activation over channels."""
    activation = options.activation
    return options.pool is not None or (activation is not None and ACTIVATIONS[activation.name].over_axis)


def _warnings(size: Pair, out: Pair, field: Pair, jump: Pair) -> tuple[str, ...]:
    """Warn of cells that no window sees, and of maps that are gone after few more such steps."""
    found = []
    if jump[0] > field[0] or jump[1] > field[1]:
        found.append(
            f"one value sees {field[0]}x{field[1]} and the next is {jump[0]},{jump[1]} on: cells are never seen"
        )
    if out[0] >= size[0] and out[1] >= size[1]:
        return tuple(found)
    rows, columns = out
    steps = 1
    while min(rows, columns) > 0 and steps <= FEW_STEPS:
        lost = size[0] - out[0], size[1] - out[1]
        rows, columns = (
            _again(n, before, after, less, j)
            for n, before, after, less, j in zip((rows, columns), size, out, lost, jump, strict=True)
        )
        steps += 1
    if steps <= FEW_STEPS:
        found.append(
            f"the maps vanish: {out[0]}x{out[1]} are left, and {steps} such steps leave nothing (pad, or --size)"
        )
    return tuple(found)


def _again(size: int, before: int, after: int, lost: int, jump: int) -> int:
    """Return what one more step like the one from `before` to `after` leaves of `size`."""
    return size - lost if jump == 1 else (size - (before - after * jump)) // jump
