"""Plans without pixels: what a job would do with a picture of this size, and what it would take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from cnnfilter.core.plan import Plan
from cnnfilter.core.receptive import ReceptiveField
from cnnfilter.core.requantize import Requantization
from cnnfilter.core.shapes import Pair
from cnnfilter.core.whole import Bounds, WholeConvolution
from cnnfilter.errors import OutputError, ShapeError
from cnnfilter.files import quoted
from cnnfilter.images.picture import Picture
from cnnfilter.run.image import Request, Work, check_works, plan_step
from cnnfilter.run.map_plan import MapPlan
from cnnfilter.run.memory import Cost, cost_of
from cnnfilter.run.outputs import Output
from cnnfilter.run.source import PictureSource

#: Steps of one kind after which maps that are gone are warned of.
FEW_STEPS = 2


class StepPlan(NamedTuple):
    """What one step, a kernel or several combined, and activation and pooling after it, would do.

    Attributes
    ----------
    name
        The step's name.
    plan
        The convolution's own plan; the first where kernels of several sizes are combined.
    macs
        Multiply-adds of all convolutions, computed directly.
    shape
        ``(C, H, W)`` of the maps in the end.
    pooling
        The size formulas of the pooling, rows and columns; nothing without one.
    field
        What one value sees of the input.
    dropped
        Rows and columns that the strides leave out: those of the convolution's padded input, then the pooling's.
    cost
        What the step takes by itself.
    notes
        What a run would say.
    sums, few
        What exact sums can come to, bias included, and how they are requantised; None where they are floats, or not.
    """

    name: str
    plan: Plan
    macs: int
    shape: tuple[int, int, int]
    pooling: tuple[str, ...]
    field: ReceptiveField
    dropped: tuple[Pair, ...]
    cost: Cost
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    sums: Bounds | None = None
    few: Requantization | None = None


class JobPlan(NamedTuple):
    """Every step of a job on one picture, and what all of them take, which is what a run is checked against."""

    image: str
    steps: tuple[StepPlan, ...]
    cost: Cost


def picture_of_size(size: Pair) -> Picture:
    """Return a gray picture of 8 bits that has a size and nothing else."""

    def strip(start: int, stop: int) -> Any:
        raise AssertionError("a plan reads no pixels")

    return Picture(
        f"{size[0]}x{size[1]}", size[0], size[1], 1, has_alpha=False, dtype=np.dtype(np.uint8), notes=(), strip=strip,
        full_scale=255.0,
    )  # fmt: skip


def plan_job(request: Request, picture: Picture, outputs: Sequence[Output]) -> JobPlan:
    """Return what a request would do with a picture, by the very plans that a run is made from.

    Raises
    ------
    ShapeError
        If nothing would be left of the maps: the kernel, the shape and the formula.
    OutputError
        If the maps would be drawn larger than allowed.
    """
    request, works, steps = request.on(picture), [], []
    source = PictureSource(picture, request.options)
    for index, step in enumerate(request.steps):
        own = [one._replace(label=0) for one in outputs if one.label in (None, index)]
        try:
            works.append(plan_step(request, step, source))
            check_works(request, works[-1:], own)
        except (OutputError, ShapeError) as error:
            gone = "nothing is left of the maps: " if " // " in str(error) else ""  # it shows the sum
            raise type(error)(f"{_where(picture)}{step.name} on {_size(picture)}: {gone}{error}") from error
        steps.append(_plan_step(works[-1], cost_of(request, [works[-1].plan], picture, own, [works[-1].look.kind])))
    try:
        check_works(request, works, outputs)
    except (OutputError, ShapeError) as error:
        raise type(error)(f"{_where(picture)}{error}") from error
    kinds = [work.look.kind for work in works]
    whole = cost_of(request, [work.plan for work in works], picture, outputs, kinds)
    return JobPlan(picture.name, tuple(steps), whole)


def _size(picture: Picture) -> str:
    """Return a picture's size as it is typed."""
    return f"{picture.height}x{picture.width}"


def _where(picture: Picture) -> str:
    """Return the beginning of a message: the picture's name, where it is more than a size."""
    return "" if picture.name == _size(picture) else f"{quoted(picture.name)}: "


def _plan_step(work: Work, cost: Cost) -> StepPlan:
    """Return the plan of one step, with the notes on the picture, whose guesses a plan shares with a run."""
    plan = work.plan
    convolution = plan.parts[0].convolution.plan
    sizes, pooled = convolution.sizes, plan.pooling
    dropped, field = [sizes.dropped], sizes.field()
    shrinks = pooled is None or plan.options.pool is None or plan.options.pool.mode == "window"
    if pooled is not None:
        field = pooled.seen(field)
        dropped.append(pooled.dropped)
    return StepPlan(
        name=work.step.name, plan=convolution, macs=sum(part.sizes.macs for part in plan.parts), shape=plan.shape,
        pooling=() if pooled is None else pooled.texts, field=field, dropped=tuple(dropped), cost=cost,
        notes=(*work.picture.notes, *work.notes),
        warnings=_warnings(sizes.size, plan.shape[1:], field) if shrinks else (),
        sums=_sums(plan), few=work.step.few,
    )  # fmt: skip


def _sums(plan: MapPlan) -> Bounds | None:
    """Return what the exact sums of all convolutions can come to."""
    bounds = [part.convolution.bounds for part in plan.parts if isinstance(part.convolution, WholeConvolution)]
    if not bounds:
        return None
    return Bounds(min(one.low for one in bounds), max(one.high for one in bounds))


def _warnings(size: Pair, out: Pair, field: ReceptiveField) -> tuple[str, ...]:
    """Warn of cells that no window sees, and of maps that are gone after few more such steps."""
    seen, jump, found = field.size, field.jump, []
    if seen is None or jump is None:
        return ()
    if jump[0] > seen[0] or jump[1] > seen[1]:
        found.append(f"one value sees {seen[0]}x{seen[1]} and the next is {jump[0]},{jump[1]} on: cells are never seen")
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


def _again(size: int, before: int, after: int, lost: int, jump: float) -> int:
    """Return what one more step like the one from `before` to `after` leaves of `size`."""
    return size - lost if jump == 1 else int((size - (before - after * jump)) // jump)
