"""One image through the steps that a request holds, to results and files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from cnnfilter.core.shapes import Pair
from cnnfilter.errors import ParameterError
from cnnfilter.images.display import Display, choose_kind
from cnnfilter.images.picture import Picture
from cnnfilter.job.adopt import describe
from cnnfilter.job.combine import angle_note, auto_display, check_kernels, step_title
from cnnfilter.job.maps import MapPlan, Maps, plan_maps
from cnnfilter.job.memory import Cost, check_cost, cost_of, held_for, is_deep
from cnnfilter.job.names import DUMP_FORMATS, Output
from cnnfilter.job.options import Options
from cnnfilter.job.render import Alpha, Look, draw, draw_sheet, measure
from cnnfilter.job.results import MapResult
from cnnfilter.job.source import PictureSource
from cnnfilter.library.kernel import Kernel
from cnnfilter.library.load import distinct_kernels

Array = np.ndarray[Any, np.dtype[Any]]


class Step(NamedTuple):
    """One thing to make from every image: its name, how to type it, and how the maps of an image are made."""

    name: str
    spec: str
    plan: Callable[[PictureSource], MapPlan]
    auto: str
    parameters: dict[str, Any]
    notes: tuple[str, ...] = ()


class Request(NamedTuple):
    """What to do with every image; the maps are kept for what looks at them afterwards, `preview` at their picture."""

    steps: tuple[Step, ...]
    options: Options
    display: str
    colormap: str | None = None
    compress: str = "fast"
    flatten: bool = False
    keep: bool = False
    preview: bool = False
    max_memory: int | None = None
    at: Pair | None = None


class Done(NamedTuple):
    """A result, and the maps it is about where the request keeps them, for views that show the values."""

    result: MapResult
    maps: Maps | None
    display: Display | None


def kernel_steps(kernels: Sequence[Kernel], options: Options) -> tuple[Step, ...]:
    """Return one step for each kernel, or a single one where they are combined; no two kernels have one name.

    Raises
    ------
    ParameterError
        If they cannot be combined so, however the pictures are.
    """
    check_kernels(kernels, options.combine)
    kernels = distinct_kernels(kernels)
    processed = options.pool is not None or options.activation is not None
    adopted = describe(options)
    words = _words(options)

    def notes(group: Sequence[Kernel]) -> tuple[str, ...]:
        turned = angle_note(group, options.flip) if options.combine == "angle" else ""
        said = [*(note for kernel in group for note in kernel.warnings), adopted, turned, _pool_note(options)]
        return tuple(dict.fromkeys(filter(None, said)))

    def step(kernel: Kernel) -> Step:
        return Step(
            name=kernel.name,
            spec=kernel.spec,
            plan=lambda source: plan_maps(source, [kernel], options),
            auto="clip" if options.cast and not processed else choose_kind(kernel.weights, processed=processed),
            parameters={"kernel": kernel.weights.tolist(), **words},
            notes=notes([kernel]),
        )

    if not options.combine:
        return tuple(step(kernel) for kernel in kernels)
    combined = Step(
        name=options.combine,
        spec=step_title(kernels, options.combine),
        plan=lambda source: plan_maps(source, kernels, options),
        auto=auto_display(kernels, options.combine, processed),
        parameters={"kernels": {kernel.name: kernel.weights.tolist() for kernel in kernels}, **words},
        notes=notes(kernels),
    )
    return (combined,)


def plain_step(name: str, options: Options) -> Step:
    """Return the step that pools or activates an image without convolving it.

    Raises
    ------
    ParameterError
        If channels are to be summed, which is what a filter does.
    """
    if options.channels == "sum":
        raise ParameterError("--channels sum adds channels up in a filter, and there is none here (each or gray)")

    def plan(source: PictureSource) -> MapPlan:
        return plan_maps(source, [], options)

    return Step(
        name=name,
        spec=name,
        plan=plan,
        auto="minmax",
        parameters=_words(options),
        notes=tuple(filter(None, [_pool_note(options)])),
    )


def _pool_note(options: Options) -> str:
    """Return what a pooling chose for the user, or nothing."""
    return "" if options.pool is None else options.pool.note


def _words(options: Options) -> dict[str, Any]:
    """Return the options as a dump records them."""
    return {
        "channels": options.channels, "stride": list(options.stride), "padding": options.padding,
        "padding_mode": options.padding_mode, "dilation": list(options.dilation), "flip": options.flip,
        "bias": options.bias, "range": options.range,
        "activation": None if options.activation is None else options.activation._asdict(),
        "pool": None if options.pool is None else options.pool.words(),
        **({"combine": options.combine} if options.combine else {}),
        **({"as": options.tool, "convention": describe(options)} if options.tool else {}),
    }  # fmt: skip


def do_image(request: Request, picture: Picture, outputs: Sequence[Output]) -> list[Done]:
    """Compute, measure and write everything that a request asks for of one picture.

    Raises
    ------
    ShapeError
        If a kernel does not fit the picture.
    ResourceError
        If the job needs more memory than allowed; nothing has been computed then.
    """
    source, plans, cost = plan_image(request, picture, outputs)
    check_cost(cost, picture.name, request.max_memory)
    held = held_for(request, outputs)
    if any(output.label is None for output in outputs):
        return _stacked(request, picture, source, [plan.maps(held) for plan in plans], outputs)
    return [
        _one(request, picture, source, index, plan.maps(held), [one for one in outputs if one.label == index])
        for index, plan in enumerate(plans)
    ]


def plan_image(
    request: Request, picture: Picture, outputs: Sequence[Output]
) -> tuple[PictureSource, list[MapPlan], Cost]:
    """Return how a picture goes through every step, and what that takes; nothing is computed.

    Raises
    ------
    ShapeError
        If a kernel does not fit the picture.
    ParameterError
        If a place that is to be shown lies outside the maps.
    """
    source = PictureSource(picture, request.options)
    plans = [step.plan(source) for step in request.steps]
    for plan in plans:
        check_place(request.at, plan.shape)
    return source, plans, cost_of(request, plans, picture, outputs)


def check_place(at: Pair | None, shape: Sequence[int]) -> None:
    """Raise for a place that a map of this shape does not have; before anything of it is written.

    Raises
    ------
    ParameterError
        With the map's size.
    """
    rows, columns = (1, 1, *shape)[-2:]
    if at is not None and not (at[0] < rows and at[1] < columns):
        raise ParameterError(f"--at {at[0]},{at[1]} lies outside the {rows} x {columns} map (both count from 0)")


def _one(
    request: Request, picture: Picture, source: PictureSource, index: int, maps: Maps, outputs: list[Output]
) -> Done:
    """Write the outputs of one kernel."""
    step = request.steps[index]
    pictures = [output for output in outputs if output.format not in DUMP_FORMATS.values()]
    display: Display | None = None
    look = _look(request, step, picture, source, maps)
    if pictures:
        facts, display = draw(maps, look, pictures)
    else:
        facts = measure(maps)
    info = {"source": picture.name, "kernel": step.name, "spec": step.spec, "parameters": step.parameters}
    for output in outputs:
        if output not in pictures:
            from cnnfilter.job.dump import write_dump  # its formats take as long to load as a small image to do

            write_dump(output, [(step.name, maps.hold())], info, flatten=request.flatten, stack=False)
    result = _result(request, picture, step.name, step, maps.shape, facts, display, outputs)
    return Done(result, maps if request.keep else None, display)


def _result(
    request: Request, picture: Picture, name: str, step: Step, shape: tuple[int, ...], facts: Any,
    display: Display | None, outputs: Sequence[Output],
) -> MapResult:  # fmt: skip
    """Return the summary row; a single channel is no axis."""
    notes = [*picture.notes, *step.notes]
    if request.options.range == "unit" and not picture.full_scale:
        notes.append(f"--range unit divided by {picture.white:g}: no value of the input is larger than this white")
    strange = f"holds {facts.nan} NaN and {facts.infinite} infinite values"
    if (facts.nan or facts.infinite) and strange not in picture.notes:
        notes.append(f"its map {name} {strange}")
    return MapResult(
        source=picture.name,
        kernel=name,
        spec=step.spec,
        shape=shape[1:] if shape[0] == 1 else shape,
        statistics=facts,
        display=str(display) if display else "",
        outputs=tuple(str(output.path) if output.path else "-" for output in outputs),
        notes=tuple(notes),
    )


def _stacked(
    request: Request, picture: Picture, source: PictureSource, made: list[Maps], outputs: Sequence[Output]
) -> list[Done]:
    """Write all kernels to one file: an array with the kernels in front, or a contact sheet."""
    done: list[Done] = []
    pictures = [output for output in outputs if output.format not in DUMP_FORMATS.values()]
    looks = [_look(request, step, picture, source, maps) for step, maps in zip(request.steps, made, strict=True)]
    names = [step.name for step in request.steps]
    displays: list[Display | None] = [None] * len(made)
    if pictures:
        displays = [*draw_sheet(made, looks, names, pictures)]
    for output in outputs:
        if output not in pictures:
            from cnnfilter.job.dump import write_dump

            specs = [step.spec for step in request.steps]
            info = {"source": picture.name, "kernels": names, "specs": specs, "parameters": _words(request.options)}
            held = [(name, maps.hold()) for name, maps in zip(names, made, strict=True)]
            write_dump(output, held, info, flatten=request.flatten, stack=True)
    for step, maps, display in zip(request.steps, made, displays, strict=True):
        result = _result(request, picture, step.name, step, maps.shape, measure(maps), display, outputs)
        done.append(Done(result, maps if request.keep else None, display))
    return done


def _look(request: Request, step: Step, picture: Picture, source: PictureSource, maps: Maps) -> Look:
    """Return how one step's maps are shown."""
    carries = picture.has_alpha and request.colormap is None and maps.shape[0] in (1, 3)
    return Look(
        kind=step.auto if request.display == "auto" else request.display,
        colormap=request.colormap,
        compress=request.compress,
        white=source.white,
        bits=16 if is_deep(picture) else 8,
        alpha=_alpha(picture, source, maps, request.options) if carries else None,
        text={"Kernel": step.spec, "Source": picture.name},
    )


def _alpha(picture: Picture, source: PictureSource, maps: Maps, options: Options) -> Alpha:
    """Return the transparency of each output cell: that of the input cell at the middle of its window."""
    rows, columns = _centres(maps, options, (picture.height, picture.width))

    def alpha(start: int, stop: int) -> Array:
        wanted = rows[start:stop]
        first = int(wanted[0])
        block = picture.rows(first, int(wanted[-1]) + 1)[-1]
        part: Array = block[np.ix_(wanted - first, columns)]
        return part

    return alpha


def _centres(maps: Maps, options: Options, size: Pair) -> tuple[Array, Array]:
    """Return the input row of each output row, and the input column of each output column."""
    axes = []
    pooled = None if options.pool is None else options.pool.plan(size if maps.sizes is None else maps.sizes.out)
    for axis in range(2):
        middle = np.arange(size[axis])
        if maps.sizes is not None:
            its, before = maps.sizes, (maps.sizes.pads.top, maps.sizes.pads.left)[axis]
            middle = np.arange(its.out[axis]) * its.stride[axis] - before + its.span[axis] // 2
        if pooled is not None:
            cells = [pooled.middle(axis, index) for index in range(pooled.out[axis])]
            middle = middle[np.clip(cells, 0, len(middle) - 1)]
        axes.append(np.clip(middle, 0, size[axis] - 1))
    return axes[0], axes[1]
