"""One image through the steps that a request holds, to results and files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from cnnfilter.core.arrays import Array
from cnnfilter.core.shapes import Pair
from cnnfilter.dumps.names import check_stack
from cnnfilter.dumps.words import PLAIN, Words
from cnnfilter.dumps.write import DUMP_FORMATS
from cnnfilter.errors import ParameterError
from cnnfilter.images.arrange import USUAL, Arrangement
from cnnfilter.images.display import Display, choose_kind
from cnnfilter.images.picture import MAX_PIXELS, Picture
from cnnfilter.run.adopt import convention_of, notes_on, suited, way_of
from cnnfilter.run.combine import angle_note, auto_display
from cnnfilter.run.look import (
    Alpha,
    Look,
    auto_kind,
    by_sign,
    carries_alpha,
    check_colormap,
    check_sheet,
    check_zoom,
    exact_type,
    flat_note,
    kept_profile,
    lost_profile,
    notes_on_maps,
)
from cnnfilter.run.map_plan import MapPlan, alpha_of, as_bank, plan_maps
from cnnfilter.run.maps import Maps
from cnnfilter.run.memory import check_cost, cost_of, held_for, is_deep, made_together
from cnnfilter.run.options import Options
from cnnfilter.run.outputs import Output, write_dump
from cnnfilter.run.render import draw, draw_sheet, extras_of, kindred_looks, measure, shared_looks
from cnnfilter.run.results import MapResult, Statistics
from cnnfilter.run.source import PictureSource
from cnnfilter.run.steps import Step


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
    sheet: Arrangement = USUAL
    words: Words = PLAIN

    def on(self, picture: Picture) -> Request:
        """Return the request for one picture: what an adopted tool does depends on the type of its pixels."""
        return self._replace(options=suited(self.options, picture))


class Work(NamedTuple):
    """One step on one picture, made once: checking, costing, drawing, dumping and results take it.

    Attributes
    ----------
    step
        What is made.
    plan
        How: the source, the options for this picture, how each kernel is applied, the shapes.
    look
        How the maps are shown; transparency is added once it is known that the picture fits into memory.
    """

    step: Step
    plan: MapPlan
    look: Look

    @property
    def picture(self) -> Picture:
        """The picture."""
        return self.plan.source.picture

    @property
    def parameters(self) -> dict[str, Any]:
        """What a dump records of how its numbers were made: what a tool's own function has in place of the job's."""
        options, ways, kernels = self.plan.options, self.plan.ways, [way.kernel for way in self.plan.ways]
        if not ways:
            return _words(options)
        if options.combine:
            weights: dict[str, Any] = {"kernels": {one.name: one.weights.tolist() for one in kernels}}
            return {**weights, **_words(options), **convention_of(ways)}
        words = _words(ways[0].options._replace(padding=options.padding))
        return {"kernel": kernels[0].weights.tolist(), **words, **convention_of(ways)}

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know about kernels, tool and pooling."""
        options, ways = self.plan.options, self.plan.ways
        turned = angle_note([way.kernel for way in ways], options.flip) if options.combine == "angle" else ""
        pooled = "" if options.pool is None else options.pool.note
        return tuple(dict.fromkeys(filter(None, [*notes_on(ways), turned, pooled])))


class Done(NamedTuple):
    """A result, and the maps it is about where the request keeps them, and how they are shown, for views of values."""

    result: MapResult
    maps: Maps | None
    look: Look


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
    works = plan_image(request, picture)
    check_works(request, works, outputs)
    plans = [work.plan for work in works]
    check_cost(
        cost_of(request, plans, picture, outputs, [work.look.kind for work in works]), picture.name, request.max_memory
    )
    works = [_with_alpha(work) for work in works]
    hold = held_for(request, outputs)

    def one(index: int, work: Work, maps: Maps) -> Done:
        return _one(request, work, maps, [output for output in outputs if output.label == index])

    if made_together(request, outputs):
        made = [plan.maps(hold) for plan in plans]
        stacked = any(output.label is None for output in outputs)
        drawn = stacked and any(output.format not in DUMP_FORMATS for output in outputs)
        if drawn and request.display == "auto":
            works = [work._replace(look=by_sign(work.look)) for work in works]
        if request.scale == "shared" or (request.scale is None and drawn):
            alike = shared_looks if request.scale == "shared" else kindred_looks
            looks = alike(made, [work.look for work in works])
            works = [work._replace(look=look) for work, look in zip(works, looks, strict=True)]
        done = _stacked(request, works, made, outputs) if stacked else [*map(one, range(len(made)), works, made)]
    else:  # a map is gone before the next is made
        done = [one(index, work, work.plan.maps(hold)) for index, work in enumerate(works)]
    displays = {work.look.display for work in works}
    return _with_flat_note(done, displays.pop() if len(displays) == 1 else None) if outputs else done


def plan_image(request: Request, picture: Picture) -> list[Work]:
    """Return how a picture goes through every step; nothing is computed.

    Raises
    ------
    ShapeError
        If a kernel does not fit the picture, or colours are to be coloured.
    ParameterError
        If a place that is to be shown lies outside the maps.
    """
    source = PictureSource(picture, request.options)
    return [plan_step(request, step, source) for step in request.steps]


def plan_step(request: Request, step: Step, source: PictureSource) -> Work:
    """Return how a picture goes through one step; `request` is that for this picture."""
    ways = [way_of(kernel, request.options, source.picture) for kernel in step.kernels]
    plan = plan_maps(source, ways, request.options)._replace(few=step.few)
    check_place(request.at, plan.shape)
    check_colormap(request.colormap, plan.shape[0])
    return Work(step, plan, _look(request, step, plan))


def check_works(request: Request, works: Sequence[Work], outputs: Sequence[Output]) -> None:
    """Raise where the maps cannot become the files that are asked for.

    Raises
    ------
    ShapeError
        If maps of several shapes are to be one array.
    OutputError
        If the maps would be drawn larger than allowed.
    """
    shapes = [work.plan.shape for work in works]
    if any(output.format not in DUMP_FORMATS for output in outputs):
        check_zoom(shapes, request.zoom, request.max_pixels)
    if any(output.format not in DUMP_FORMATS and output.label is None for output in outputs):
        check_sheet(shapes, request.zoom, request.max_pixels)
    arrays = [one for one in outputs if one.label is None and one.format in DUMP_FORMATS]
    if not request.flatten and any(DUMP_FORMATS[one.format].one_array for one in arrays):
        check_stack(shape[1:] if shape[0] == 1 else shape for shape in shapes)


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


def _missing_notes(work: Work) -> tuple[str, ...]:
    """Say how many cells were left out, where that was asked for."""
    count = work.plan.source.missing if work.plan.options.missing == "ignore" else 0
    if not count:
        return ()
    cells = "1 cell of the input is" if count == 1 else f"{count} cells of the input are"
    return (f"{cells} missing; " + ("weights renormalised over what is there" if work.step.kernels else "left out"),)


def _one(request: Request, work: Work, maps: Maps, outputs: list[Output]) -> Done:
    """Write the outputs of one step."""
    step, picture, look = work.step, work.picture, work.look
    pictures = [output for output in outputs if output.format not in DUMP_FORMATS]
    displays: Sequence[Display] = ()
    notes: list[str] = []
    if pictures:
        facts, displays, kept, ranges = draw(maps, look, pictures)
        notes = flat_note(ranges, displays[-1]) if ranges and look.scale != "each" else []
        notes += lost_profile(picture, look, displays, maps.shape[0], sheet=maps.shape[0] not in (1, 3), kept=kept)
    else:
        facts = measure(maps)
    dumps = [output for output in outputs if output not in pictures]
    if dumps:
        info = {"source": picture.name, "kernel": step.name, "spec": step.spec, "parameters": work.parameters}
        for output in dumps:
            write_dump(
                output, [(step.name, maps.hold())], info, flatten=request.flatten, stack=False, words=request.words
            )
    return Done(_result(work, maps, facts, displays, outputs, notes), maps if request.keep else None, look)


def _result(
    work: Work, maps: Maps, facts: Statistics, displays: Sequence[Display], outputs: Sequence[Output],
    more: Sequence[str],
) -> MapResult:  # fmt: skip
    """Return the summary row; a single channel is no axis."""
    picture, step, source, shape = work.picture, work.step, work.plan.source, maps.shape
    notes = [*picture.notes, *_missing_notes(work), *work.notes]
    if work.plan.options.range == "unit" and not picture.full_scale:
        notes.append(f"--range unit divided by {picture.white:g}: no value of the input is larger than this white")
    strange = f"holds {facts.nan} NaN and {facts.infinite} infinite values"
    if (facts.nan or facts.infinite) and strange not in picture.notes:
        notes.append(f"its map {step.name} {strange}")
    notes += notes_on_maps(step.name, facts, displays, source, work.plan.options)
    return MapResult(
        source=picture.name,
        kernel=step.name,
        spec=step.spec,
        shape=shape[1:] if shape[0] == 1 else shape,
        statistics=facts,
        display=work.look.said(displays),
        outputs=tuple(str(output.path) if output.path else "-" for output in outputs),
        notes=(*notes, *more),
    )


def _stacked(
    request: Request, works: Sequence[Work], made: Sequence[Maps], outputs: Sequence[Output]
) -> list[Done]:  # fmt: skip
    """Write all kernels to one file: an array with the kernels in front, or a contact sheet."""
    done: list[Done] = []
    picture, names = works[0].picture, [work.step.name for work in works]
    pictures = [output for output in outputs if output.format not in DUMP_FORMATS]
    displays: list[Display | None] = [None] * len(made)
    if pictures:
        extras = extras_of(request.sheet, works[0].picture, [work.step.kernels for work in works])
        facts, displays[:] = draw_sheet(made, [work.look for work in works], names, pictures, extras)
    else:
        facts = [measure(maps) for maps in made]
    dumps = [output for output in outputs if output not in pictures]
    if dumps:
        parameters = _words(request.options)
        if request.options.tool:
            parameters["conventions"] = {work.step.name: work.parameters["convention"] for work in works}
        specs = [work.step.spec for work in works]
        info = {"source": picture.name, "kernels": names, "specs": specs, "parameters": parameters}
        held = [(name, maps.hold()) for name, maps in zip(names, made, strict=True)]
        for output in dumps:
            write_dump(output, held, info, flatten=request.flatten, stack=True, words=request.words)
    for work, maps, its, display in zip(works, made, facts, displays, strict=True):
        shown = [display] if display else []
        notes = lost_profile(picture, work.look, shown, maps.shape[0], sheet=True, kept=False)
        result = _result(work, maps, its, shown, outputs, notes)
        done.append(Done(result, maps if request.keep else None, work.look._replace(display=display)))
    return done


def _look(request: Request, step: Step, plan: MapPlan) -> Look:
    """Return how one step's maps are shown, but for their transparency."""
    source, channels = plan.source, plan.shape[0]
    picture = source.picture
    return Look(
        kind=auto_kind(picture, _display(plan)) if request.display == "auto" else request.display,
        colormap=request.colormap,
        compress=request.compress,
        white=source.white,
        bits=16 if is_deep(picture) else 8,
        alpha=None,
        text={"Kernel": step.spec, "Source": picture.name},
        zoom=request.zoom,
        scale=request.scale,
        exact=exact_type(picture, request.options, request.display, request.colormap),
        profile=kept_profile(picture, source, channels, request.colormap),
        sheet=request.sheet._replace(most=request.max_pixels),
    )


def _display(plan: MapPlan) -> str:
    """Return the mapping that ``auto`` means: by the kernel's sum, and by what follows it."""
    options = plan.options
    processed = options.pool is not None or options.activation is not None
    if not plan.ways:
        return "minmax" if processed else "clip"
    banks = [as_bank(way.kernel.weights, plan.source.shape[1], options)[0] for way in plan.ways]
    if options.combine:
        return auto_display(banks, options.combine, processed)
    pixels = options.cast and not processed and bool(plan.ways[0].rounding)
    return "clip" if pixels else choose_kind(banks[0], processed=processed)


def _with_alpha(work: Work) -> Work:
    """Return the work with the transparency that its pictures carry over, if they do."""
    carries = carries_alpha(work.picture, work.plan.shape[0], work.look.colormap)
    return work._replace(look=work.look._replace(alpha=_alpha(work.plan))) if carries else work


def _alpha(plan: MapPlan) -> Alpha:
    """Return the transparency of each output cell: that of the input cell at the middle of its window.

    Some tools filter it like a colour.
    """
    filtered = alpha_of(plan.source, plan.ways[0]) if plan.ways and not plan.options.combine else None
    if filtered is not None:
        return lambda start, stop: filtered[start:stop]
    picture = plan.source.picture
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
