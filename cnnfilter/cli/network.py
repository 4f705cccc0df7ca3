"""What `run` does with a model: pictures found and opened once each, failures counted, results shown."""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import typer

from cnnfilter.cli.job import Files, as_resource, inputs_of, open_image
from cnnfilter.errors import CnnFilterError, ImageError, ParameterError, ResourceError, UnknownNameError, lookup

if TYPE_CHECKING:
    from cnnfilter.images.picture import Picture
    from cnnfilter.job.layers import File, Save
    from cnnfilter.network.model import Model
    from cnnfilter.network.results import LayerResult, NetworkResult


class Look(NamedTuple):
    """What the user wants to see and to keep."""

    top: int
    layers: tuple[str, ...]
    table: bool
    at: tuple[int, int] | None
    json: bool
    quiet: bool
    save: tuple[str, ...]
    single: bool
    output: str | None
    formats: tuple[str, ...]
    display: str
    colormap: str | None
    compress: str
    scale: str | None
    zoom: int
    dtype: str
    threads: int | None
    max_memory: int | None


#: The layouts of a model's input; those of stored arrays have no N.
MODEL_LAYOUTS = ("NCHW", "NHWC")


def parted_layout(text: str) -> tuple[str | None, str]:
    """Return the layout of the model, if one is said, and that of stored arrays.

    Examples
    --------
    >>> parted_layout("NHWC"), parted_layout("HWC")
    (('NHWC', 'auto'), (None, 'HWC'))
    """
    lookup(dict.fromkeys(("auto", "CHW", "HWC", *MODEL_LAYOUTS)), text, "layout")
    return (text, "auto") if text in MODEL_LAYOUTS else (None, text)


def override(
    model: Model, *, size: str | None, range: str | None, mean: str | None, std: str | None, resize: str | None,
    layout: str | None,
) -> Model:  # fmt: skip
    """Return the model with what the flags say about its input."""
    from cnnfilter.core.shapes import pair

    changes: dict[str, object] = {}
    if size is not None:
        changes["size"] = pair(size.lower().replace("x", ","), "--size")
    for name, value, known in (
        ("range", range, ("stored", "unit")),
        ("resize", resize, ("stretch", "crop", "none")),
        ("layout", layout, MODEL_LAYOUTS),
    ):
        if value is not None:
            lookup(dict.fromkeys(known), value, name)
            changes[name] = value
    for name, text in (("mean", mean), ("std", std)):
        if text is not None:
            changes[name] = _numbers(name, text, model.input.channels)
    return model.with_input(replace(model.input, **changes)) if changes else model  # type: ignore[arg-type]


def _numbers(name: str, text: str, channels: int | None) -> tuple[float, ...]:
    """Read one number, or one for each channel."""
    try:
        numbers = tuple(float(part) for part in text.split(","))
        if not all(map(math.isfinite, numbers)):
            raise ValueError(text)
    except ValueError:
        raise ParameterError(f"--{name} takes one finite number, or one for each channel, got {text!r}") from None
    if len(numbers) not in (1, channels or len(numbers)) or (name == "std" and 0 in numbers):
        raise ParameterError(
            f"--{name} takes one number, or {channels} for the channels (none 0 for std), got {text!r}"
        )
    return numbers


def find_pictures(names: Sequence[str], *, quiet: bool = False) -> list[str]:
    """Return the inputs, with the pictures of a folder in its place, and each of them once.

    Raises
    ------
    ImageError
        If a folder holds no pictures.
    """
    from cnnfilter.files import quoted
    from cnnfilter.images.sniff import promised

    found: list[str] = []
    for name in names:
        if not Path(name).is_dir():
            found.append(name)
            continue
        inside = sorted(str(path) for path in Path(name).iterdir() if path.is_file() and promised(path.name))
        if not inside:
            raise ImageError(f"{quoted(name)}: the folder holds no pictures")
        found += inside
    once = Counter(found)
    for name, count in once.items():
        if count > 1 and not quiet:
            sys.stderr.write(f"cnnfilter: note: {quoted(name)} is given {count} times, and run once\n")
    return list(once)


def list_layers(model: Model, look: Look) -> None:
    """Print the layers with their shapes; nothing is run."""
    from cnnfilter.job.layers import select
    from cnnfilter.views.columns import write
    from cnnfilter.views.network import layer_list
    from cnnfilter.views.plans import network_plan_json

    plan = model.plan(None)
    chosen = select(look.layers or ("all",), plan.layers)
    if look.json:
        print(network_plan_json(model.name, plan, chosen))  # noqa: T201
        return
    write(layer_list([layer for layer in plan.layers if layer.name in chosen]))


def check_look(look: Look) -> None:
    """Raise for a word that no model understands, before any file is opened."""
    from cnnfilter.job.names import parse_formats
    from cnnfilter.job.options import DTYPES, check_threads

    lookup(DTYPES, look.dtype, "dtype")
    check_threads(look.threads)
    parse_formats(look.formats, look.output)


def _check_layers(model: Model, look: Look) -> None:
    """Raise for a layer that the network lacks, and a place that a layer lacks, where its plan tells before it runs."""
    if not (look.layers or look.at):
        return
    from cnnfilter.job.image import check_place
    from cnnfilter.job.layers import select

    plan = model.plan(model.input.size or (64, 64), partial=True)
    if plan.failure:  # what comes after it is not known
        return
    chosen = select(look.layers or ("all",), plan.layers)
    for layer in plan.layers if model.input.size and look.table else ():
        if layer.name in chosen:
            check_place(look.at, layer.shape)


def run_pictures(model: Model, names: Sequence[str], look: Look, files: Files) -> None:
    """Run every picture, show the results, and exit with the code that the failures stand for."""
    from cnnfilter.cli.progress import Progress

    sources = inputs_of(find_pictures(names, quiet=look.quiet), files)
    if not sources and model.input.example is None:
        raise ParameterError("run needs a picture, or a folder of pictures (the network holds no example of its own)")
    model.ready(look.threads)
    shown = [one.name for one in sources] or [f"{model.name}.example"]
    _check_layers(model, look)
    save, planned = _plan_saves(model, shown, look, files.max_pixels) or (None, [[] for _ in shown])
    results: list[NetworkResult] = []
    failures: list[tuple[str, CnnFilterError]] = []
    with Progress(len(shown), quiet=look.quiet or look.json) as progress:
        for index, name in enumerate(shown):
            progress.start(name)
            try:
                picture = open_image(sources[index], files) if sources else _example(model)
                keep_all = len(shown) == 1 or look.json
                results.append(_one(model, picture, look, save, planned[index], keep_all=keep_all))
            except (ParameterError, UnknownNameError):
                raise  # a word that no picture understands
            except (CnnFilterError, MemoryError) as error:
                from cnnfilter.cli.job import _report

                failures.append((name, as_resource(error)))
                _report(*failures[-1])
            progress.advance()
    _show(results, failures, look)
    if failures:
        raise typer.Exit(4 if any(isinstance(error, ResourceError) for _, error in failures) else 3)


def _example(model: Model) -> Picture:
    """Return the numbers that the network file itself holds."""
    import numpy as np

    from cnnfilter.images.picture import Picture

    values = np.asarray(model.input.example)[None]

    def strip(start: int, stop: int) -> Any:
        return values[:, start:stop]

    name, (height, width) = f"{model.name}: its example", values.shape[1:]
    return Picture(name, height, width, 1, has_alpha=False, dtype=values.dtype, notes=(), strip=strip, grid=True)


def _plan_saves(
    model: Model, sources: Sequence[str], look: Look, max_pixels: int
) -> tuple[Save, list[list[File]]] | None:
    """Plan every file before anything is computed."""
    if not look.save:
        return None
    from cnnfilter.cli.job import refuse_terminal
    from cnnfilter.job.layers import Save, plan_files, select
    from cnnfilter.job.names import make_folder, parse_formats

    plans = model.plan(model.input.size or (64, 64), partial=True).layers
    save = Save(
        layers=select(look.save, plans), formats=tuple(parse_formats(look.formats, look.output)), output=look.output,
        display=look.display, colormap=look.colormap, compress=look.compress, single=look.single,
        scale=look.scale, zoom=look.zoom, max_pixels=max_pixels,
    )  # fmt: skip
    refuse_terminal(look.output, save.formats)
    planned = plan_files(sources, save, plans, model.files)
    make_folder(look.output)
    return save, planned


def _one(
    model: Model, picture: Picture, look: Look, save: Save | None, files: Sequence[File], *, keep_all: bool
) -> NetworkResult:
    """Run one picture and write its files."""
    from cnnfilter.job.network import classify

    result = classify(picture, model, threads=look.threads, dtype=look.dtype, max_memory=look.max_memory)
    if look.table and look.at:
        from cnnfilter.job.image import check_place

        for layer in _only(result, look) if look.layers else result.layers:
            check_place(look.at, layer.values.shape)
    if save is not None:
        from cnnfilter.job.layers import write_layers

        result = write_layers(result, files, save)
    if not keep_all and not look.table:
        result = replace(result, layers=())  # of many pictures only the scores are shown
    return result


def _show(results: Sequence[NetworkResult], failures: Sequence[tuple[str, CnnFilterError]], look: Look) -> None:
    """Print what the user wants to see."""
    results = [replace(one, layers=_only(one, look)) for one in results] if look.layers else results
    if look.json:
        from cnnfilter.job.results import Failure
        from cnnfilter.views.network import network_json

        values = [layer.name for one in results for layer in one.layers] if look.table else []
        print(network_json(results, [Failure(n, str(e)) for n, e in failures], values=values, top=look.top))  # noqa: T201
        return
    _notes(results, quiet=look.quiet)
    if look.quiet and not look.table:
        return
    from cnnfilter.files import printable
    from cnnfilter.job.names import PICTURE_FORMATS
    from cnnfilter.views import network as views
    from cnnfilter.views.columns import write

    for one in results if look.table else ():
        _print_values(one, look)
    if look.quiet or not results:
        return
    aside = look.output == "-"
    if len(results) > 1:
        write(views.many_table(results, min(look.top, 3)), stderr=aside)
        return
    write(views.layer_table(results[0]), stderr=aside)
    if results[0].scores:
        write("\n" + views.bars(results[0].scores[: look.top]), stderr=aside)
        if results[0].normalized:
            write("(softmax of the last layer's scores)", stderr=aside)
    for name in results[0].outputs:
        write(f"wrote {printable(name)}", stderr=aside)
    if any(Path(name).suffix.lstrip(".") in PICTURE_FORMATS for name in results[0].outputs):
        each = "map" if look.scale == "each" else "layer"
        kind = "minmax" if look.display == "auto" else look.display
        write(f"(shown as {kind}, each {each} by itself; the range of every map stands under it)", stderr=aside)


def _only(result: NetworkResult, look: Look) -> tuple[LayerResult, ...]:
    """Return the layers that were asked for."""
    from cnnfilter.job.layers import select

    names = select(look.layers, result.layers)
    return tuple(layer for layer in result.layers if layer.name in names)


def _notes(results: Sequence[NetworkResult], *, quiet: bool) -> None:
    """Print what the user should know about the pictures, on standard error."""
    from cnnfilter.files import printable, quoted

    for one in results if not quiet else ():
        for note in one.notes:
            sys.stderr.write(f"cnnfilter: note: {quoted(one.source)}: {printable(note)}\n")


def _print_values(result: NetworkResult, look: Look) -> None:
    """Print the layers' outputs as numbers, map after map."""
    from cnnfilter.files import printable
    from cnnfilter.views.console import console
    from cnnfilter.views.numbers import number_table

    out = console(stderr=look.output == "-")
    for layer in result.layers:
        values = layer.values
        planes = [values.reshape(1, -1)] if values.ndim < 2 else [*values.reshape(-1, *values.shape[-2:])]
        for index, plane in enumerate(planes):
            name = printable(layer.name)
            out.print(name if len(planes) == 1 else f"{name}, map {index}", style="bold")
            out.print(number_table(plane, at=look.at, width=out.width, height=max(12, out.height - 6)))
            out.print()
