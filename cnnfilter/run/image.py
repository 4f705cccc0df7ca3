"""One image through the steps that a request holds, to results and files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from cnnfilter.core.missing import check_sum
from cnnfilter.core.shapes import Pair
from cnnfilter.dumps.names import ONE_ARRAY, check_stack
from cnnfilter.errors import ParameterError
from cnnfilter.images.display import Display, choose_kind
from cnnfilter.images.picture import MAX_PIXELS, Picture
from cnnfilter.library.kernel import Kernel
from cnnfilter.library.load import distinct_kernels
from cnnfilter.run.adopt import Way, check_adopted, convention_of, notes_on, suited, suited_kernel, way_of
from cnnfilter.run.combine import angle_note, auto_display, check_kernels, step_title
from cnnfilter.run.look import (
    Alpha,
    Look,
    auto_kind,
    carries_alpha,
    check_colormap,
    check_zoom,
    exact_type,
    flat_note,
    kept_profile,
    lost_profile,
    notes_on_maps,
)
from cnnfilter.run.maps import MapPlan, Maps, alpha_of, as_bank, plan_maps
from cnnfilter.run.memory import Cost, check_cost, cost_of, held_for, is_deep, made_together
from cnnfilter.run.options import Options
from cnnfilter.run.outputs import DUMP_FORMATS, Output
from cnnfilter.run.render import draw, draw_sheet, measure, shared_looks
from cnnfilter.run.results import MapResult, Statistics
from cnnfilter.run.source import PictureSource

Array = np.ndarray[Any, np.dtype[Any]]


class Step(NamedTuple):
    """One thing to make from every image: its name, how to type it, how the maps are made, and how they are shown."""

    name: str
    spec: str
    plan: Callable[[PictureSource], MapPlan]
    auto: Callable[[PictureSource], str]
    parameters: dict[str, Any]
    notes: tuple[str, ...] = ()
    alpha: Callable[[PictureSource], Array | None] | None = None


class Request(NamedTuple):
    """What to do with every image; the maps are kept for what looks at them afterwards, `preview` at their picture."""

    steps: tuple[Step, ...]
    options: Options
    display: str
    colormap: str | None = None
    compress: str = "fast"
    zoom: int = 1
    scale: str | None = None
    flatten: bool = False
    keep: bool = False
    preview: bool = False
    max_memory: int | None = None
    at: Pair | None = None
    max_pixels: int = MAX_PIXELS
    kernels: tuple[Kernel, ...] = ()

    def on(self, picture: Picture) -> Request:
        """Return the request for one picture: what an adopted tool does depends on the type of its pixels."""
        options = suited(self.options, picture)
        if not options.tool:
            return self
        return self._replace(options=options, steps=kernel_steps(self.kernels, options, picture))


class Done(NamedTuple):
    """A result, and the maps it is about where the request keeps them, and how they are shown, for views of values."""

    result: MapResult
    maps: Maps | None
    look: Look


def kernel_steps(kernels: Sequence[Kernel], options: Options, picture: Picture | None = None) -> tuple[Step, ...]:
    """Return one step for each kernel, or a single one where they are combined; no two kernels have one name.

    Parameters
    ----------
    picture
        What an adopted tool filters, where that is known already: it decides about notes and weights.

    Raises
    ------
    ParameterError
        If they cannot be combined so, however the pictures are, or a flag asks for what the adopted tool's function
        has not.
    """
    check_kernels(kernels, options.combine)
    check_adopted(kernels, options)
    kernels = distinct_kernels(kernels)
    if options.missing == "ignore":
        for kernel in kernels:
            check_sum(kernel.weights, kernel.name)
    processed = options.pool is not None or options.activation is not None
    if picture is not None:
        kernels = [suited_kernel(kernel, options, picture) for kernel in kernels]
    ways = [None if picture is None else way_of(kernel, options, picture) for kernel in kernels]
    words = _words(options)

    def notes(group: Sequence[Kernel], its: Sequence[Way | None]) -> tuple[str, ...]:
        turned = angle_note(group, options.flip) if options.combine == "angle" else ""
        return tuple(dict.fromkeys(filter(None, [*notes_on(group, its), turned, _pool_note(options)])))

    def kind(group: Sequence[Kernel], source: PictureSource) -> str:
        banks = [as_bank(kernel.weights, source.shape[1], options)[0] for kernel in group]
        if options.combine:
            return auto_display(banks, options.combine, processed)
        return choose_kind(banks[0], processed=processed)

    def step(kernel: Kernel, way: Way | None) -> Step:
        pixels = options.cast and not processed and (way is None or bool(way.rounding))
        return Step(
            name=kernel.name,
            spec=kernel.spec,
            plan=lambda source: plan_maps(source, [kernel], options),
            auto=lambda source: "clip" if pixels else kind([kernel], source),
            parameters={"kernel": kernel.weights.tolist(), **_words_of(way, options), **convention_of([way])},
            notes=notes([kernel], [way]),
            alpha=lambda source: alpha_of(source, kernel, options),
        )

    if not options.combine:
        return tuple(step(kernel, way) for kernel, way in zip(kernels, ways, strict=True))
    combined = Step(
        name=options.combine,
        spec=step_title(kernels, options.combine),
        plan=lambda source: plan_maps(source, kernels, options),
        auto=lambda source: kind(kernels, source),
        parameters={
            "kernels": {kernel.name: kernel.weights.tolist() for kernel in kernels}, **words, **convention_of(ways)
        },
        notes=notes(kernels, ways),
    )  # fmt: skip
    return (combined,)


def _words_of(way: Way | None, options: Options) -> dict[str, Any]:
    """Return the options as a dump records them: those that a tool's own function has in place of the job's."""
    return _words(options if way is None else way.options._replace(padding=options.padding))


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

    def auto(_source: PictureSource) -> str:
        return "clip" if options.pool is None and options.activation is None else "minmax"

    return Step(
        name=name,
        spec=name,
        plan=plan,
        auto=auto,
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
        **({"missing": options.missing} if options.missing != "propagate" else {}),
        **({"as": options.tool} if options.tool else {}),
    }  # fmt: skip


def do_image(request: Request, picture: Picture, outputs: Sequence[Output]) -> list[Done]:
    """Compute, measure and write everything that a request asks for of one picture.

    Raises
    ------
    ShapeError
        If a kernel does not fit the picture, or colours are to be coloured.
    ResourceError
        If the job needs more memory than allowed; nothing has been computed then.
    """
    request = request.on(picture)
    source, plans, cost = plan_image(request, picture, outputs)
    check_cost(cost, picture.name, request.max_memory)
    looks = [_look(request, step, source, plan) for step, plan in zip(request.steps, plans, strict=True)]
    hold = held_for(request, outputs)

    def one(index: int, maps: Maps) -> Done:
        its = [output for output in outputs if output.label == index]
        return _one(request, source, index, maps, looks[index], its)

    if made_together(request, outputs):
        made = [plan.maps(hold) for plan in plans]
        if request.scale == "shared":
            looks = shared_looks(made, looks)
        stacked = any(output.label is None for output in outputs)
        done = _stacked(request, source, made, looks, outputs) if stacked else [*map(one, range(len(made)), made)]
    else:  # a map is gone before the next is made
        done = [one(index, plan.maps(hold)) for index, plan in enumerate(plans)]
    return _with_flat_note(done, looks[0].display) if outputs else done


def plan_image(
    request: Request, picture: Picture, outputs: Sequence[Output]
) -> tuple[PictureSource, list[MapPlan], Cost]:
    """Return how a picture goes through every step, and what that takes; nothing is computed.

    Raises
    ------
    ShapeError
        If a kernel does not fit the picture, colours are to be coloured, or maps of several shapes to be one array.
    ParameterError
        If a place that is to be shown lies outside the maps.
    OutputError
        If the maps would be drawn larger than allowed.
    """
    source = PictureSource(picture, request.options)
    plans = [step.plan(source) for step in request.steps]
    for plan in plans:
        check_place(request.at, plan.shape)
        check_colormap(request.colormap, plan.shape[0])
    if any(output.format not in DUMP_FORMATS.values() for output in outputs):
        check_zoom([plan.shape for plan in plans], request.zoom, request.max_pixels)
    if not request.flatten and any(output.label is None and output.format in ONE_ARRAY for output in outputs):
        check_stack(plan.shape[1:] if plan.shape[0] == 1 else plan.shape for plan in plans)
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


def _with_flat_note(done: list[Done], shared: Display | None) -> list[Done]:
    """Return the results; the first says so where most maps show next to nothing under the mapping that they share."""
    notes = flat_note([one.result.statistics for one in done], shared) if shared else []
    first = done[0].result
    return [done[0]._replace(result=first._replace(notes=(*first.notes, *notes))), *done[1:]]


def _missing_notes(step: Step, options: Options, source: PictureSource) -> tuple[str, ...]:
    """Say how many cells were left out, where that was asked for."""
    count = source.missing if options.missing == "ignore" else 0
    if not count:
        return ()
    cells = "1 cell of the input is" if count == 1 else f"{count} cells of the input are"
    filtered = "kernel" in step.parameters or "kernels" in step.parameters
    return (f"{cells} missing; " + ("weights renormalised over what is there" if filtered else "left out"),)


def _one(request: Request, source: PictureSource, index: int, maps: Maps, look: Look, outputs: list[Output]) -> Done:
    """Write the outputs of one kernel."""
    step, picture = request.steps[index], source.picture
    pictures = [output for output in outputs if output.format not in DUMP_FORMATS.values()]
    displays: Sequence[Display] = ()
    notes: list[str] = []
    if pictures:
        facts, displays, kept, ranges = draw(maps, look, pictures)
        notes = flat_note(ranges, displays[-1]) if ranges and look.scale != "each" else []
        notes += lost_profile(picture, look, displays, maps.shape[0], sheet=maps.shape[0] not in (1, 3), kept=kept)
    else:
        facts = measure(maps)
    info = {"source": picture.name, "kernel": step.name, "spec": step.spec, "parameters": step.parameters}
    for output in outputs:
        if output not in pictures:
            from cnnfilter.run.outputs import write_dump  # its formats take as long to load as a small image to do

            write_dump(output, [(step.name, maps.hold())], info, flatten=request.flatten, stack=False)
    return Done(
        _result(request, source, step, maps, look, facts, displays, outputs, notes),
        maps if request.keep else None, look,
    )  # fmt: skip


def _result(
    request: Request, source: PictureSource, step: Step, maps: Maps, look: Look, facts: Statistics,
    displays: Sequence[Display], outputs: Sequence[Output], more: Sequence[str],
) -> MapResult:  # fmt: skip
    """Return the summary row; a single channel is no axis."""
    picture, shape = source.picture, maps.shape
    notes = [*picture.notes, *_missing_notes(step, request.options, source), *step.notes]
    if request.options.range == "unit" and not picture.full_scale:
        notes.append(f"--range unit divided by {picture.white:g}: no value of the input is larger than this white")
    strange = f"holds {facts.nan} NaN and {facts.infinite} infinite values"
    if (facts.nan or facts.infinite) and strange not in picture.notes:
        notes.append(f"its map {step.name} {strange}")
    notes += notes_on_maps(step.name, facts, displays, source, request.options)
    return MapResult(
        source=picture.name,
        kernel=step.name,
        spec=step.spec,
        shape=shape[1:] if shape[0] == 1 else shape,
        statistics=facts,
        display=look.said(displays),
        outputs=tuple(str(output.path) if output.path else "-" for output in outputs),
        notes=(*notes, *more),
    )


def _stacked(
    request: Request, source: PictureSource, made: list[Maps], looks: list[Look], outputs: Sequence[Output]
) -> list[Done]:
    """Write all kernels to one file: an array with the kernels in front, or a contact sheet."""
    done: list[Done] = []
    picture = source.picture
    pictures = [output for output in outputs if output.format not in DUMP_FORMATS.values()]
    names = [step.name for step in request.steps]
    displays: list[Display | None] = [None] * len(made)
    if pictures:
        facts, displays[:] = draw_sheet(made, looks, names, pictures)
    else:
        facts = [measure(maps) for maps in made]
    for output in outputs:
        if output not in pictures:
            from cnnfilter.run.outputs import write_dump

            specs = [step.spec for step in request.steps]
            parameters = _words(request.options)
            if request.options.tool:
                parameters["conventions"] = {step.name: step.parameters["convention"] for step in request.steps}
            info = {"source": picture.name, "kernels": names, "specs": specs, "parameters": parameters}
            held = [(name, maps.hold()) for name, maps in zip(names, made, strict=True)]
            write_dump(output, held, info, flatten=request.flatten, stack=True)
    for step, maps, look, its, display in zip(request.steps, made, looks, facts, displays, strict=True):
        shown = [display] if display else []
        notes = lost_profile(picture, look, shown, maps.shape[0], sheet=True, kept=False)
        result = _result(request, source, step, maps, look, its, shown, outputs, notes)
        done.append(Done(result, maps if request.keep else None, look._replace(display=display)))
    return done


def _look(request: Request, step: Step, source: PictureSource, plan: MapPlan) -> Look:
    """Return how one step's maps are shown."""
    picture, channels = source.picture, plan.shape[0]
    return Look(
        kind=auto_kind(picture, step.auto(source)) if request.display == "auto" else request.display,
        colormap=request.colormap,
        compress=request.compress,
        white=source.white,
        bits=16 if is_deep(picture) else 8,
        alpha=_alpha(step, source, plan) if carries_alpha(picture, channels, request.colormap) else None,
        text={"Kernel": step.spec, "Source": picture.name},
        zoom=request.zoom,
        scale=request.scale,
        exact=exact_type(picture, request.options, request.display, request.colormap),
        profile=kept_profile(picture, source, channels, request.colormap),
    )


def _alpha(step: Step, source: PictureSource, plan: MapPlan) -> Alpha:
    """Return the transparency of each output cell: that of the input cell at the middle of its window.

    Some tools filter it like a colour.
    """
    filtered = None if step.alpha is None else step.alpha(source)
    if filtered is not None:
        return lambda start, stop: filtered[start:stop]
    picture = source.picture
    rows, columns = _centres(plan, (picture.height, picture.width))

    def alpha(start: int, stop: int) -> Array:
        wanted = rows[start:stop]
        first = int(wanted[0])
        block = picture.rows(first, int(wanted[-1]) + 1)[-1]
        part: Array = block[np.ix_(wanted - first, columns)]
        return part

    return alpha


def _centres(plan: MapPlan, size: Pair) -> tuple[Array, Array]:
    """Return the input row of each output row, and the input column of each output column."""
    axes = []
    pooled, its = plan.pooling, plan.sizes
    for axis in range(2):
        middle = np.arange(size[axis])
        if its is not None:
            before = (its.pads.top, its.pads.left)[axis]
            middle = np.arange(its.out[axis]) * its.stride[axis] - before + its.span[axis] // 2
        if pooled is not None:
            cells = [pooled.middle(axis, index) for index in range(pooled.out[axis])]
            middle = middle[np.clip(cells, 0, len(middle) - 1)]
        axes.append(np.clip(middle, 0, size[axis] - 1))
    return axes[0], axes[1]
