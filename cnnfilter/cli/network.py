"""What `run` does with a model: pictures found and opened once each, failures counted, results shown."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from cnnfilter.cli.job import Files, as_resource, inputs_of, open_image
from cnnfilter.cli.network_words import Look
from cnnfilter.errors import (
    CnnFilterError,
    ImageError,
    OutputError,
    ParameterError,
    ResourceError,
    ShapeError,
    UnknownNameError,
)  # fmt: skip

if TYPE_CHECKING:
    from cnnfilter.images.picture import Picture
    from cnnfilter.networks.model import Model
    from cnnfilter.networks.results import LayerResult, NetworkResult
    from cnnfilter.run.layers import File, Save


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
    from cnnfilter.run.layers import select
    from cnnfilter.views.columns import write
    from cnnfilter.views.network import layer_list, outline_json
    from cnnfilter.views.plans import network_plan_json

    if model.input.size is None:
        outline = model.outline()
        names = select(look.layers or ("all",), outline)
        kept = [layer for layer in outline if layer.name in names]
        write(outline_json(model.name, kept) if look.json else layer_list(kept))
        return
    plan = model.plan(None)
    chosen = select(look.layers or ("all",), plan.layers)
    if look.json:
        write(network_plan_json(model.name, plan, chosen))
        return
    write(layer_list([layer for layer in plan.layers if layer.name in chosen]))


def run_pictures(model: Model, names: Sequence[str], look: Look, files: Files) -> None:
    """Run every picture, show the results, and exit with the code that the failures stand for."""
    from cnnfilter.cli.job import report_failure
    from cnnfilter.cli.progress import Progress

    sources = inputs_of(find_pictures(names, quiet=look.quiet), files)
    if not sources and model.input.example is None:
        raise ParameterError("run needs a picture, or a folder of pictures (the network holds no example of its own)")
    shown = [one.name for one in sources] or [f"{model.name}.example"]
    save, planned = _plan_saves(model, shown, look, files.max_pixels)
    model.ready(look.threads)
    if save is not None:
        from cnnfilter.run.names import make_folder

        make_folder(look.output)
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
                failures.append((name, as_resource(error)))
                report_failure(*failures[-1])
            progress.advance()
    _show(results, failures, look)
    if save is not None:
        _write_names(results, _names_file(model, save), quiet=look.quiet or look.json)
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
) -> tuple[Save | None, list[list[File]]]:
    """Check what depends on the layers, and plan every file, before anything is computed."""
    from cnnfilter.cli.job import refuse_terminal
    from cnnfilter.files import check_outputs, quoted
    from cnnfilter.networks.model import whole_plan
    from cnnfilter.run.image import check_place
    from cnnfilter.run.layers import Save, check_saves, plan_files, select
    from cnnfilter.run.names import parse_formats, read_file
    from cnnfilter.run.network import check_options

    plan = whole_plan(model)
    if plan.failure and model.input.size is not None:
        raise ShapeError(f"{quoted(model.files[0])}: {plan.failure}")
    check_options(model, plan, look.options)
    chosen = select(look.layers or ("all",), plan.layers)
    for layer in plan.layers if model.input.size is not None and look.table else ():
        if layer.name in chosen and min(layer.shape, default=0) >= 0:
            check_place(look.at, layer.shape)
    if not look.save:
        return None, [[] for _ in sources]
    save = Save(
        layers=select(look.save, plan.layers), formats=tuple(parse_formats(look.formats, look.output)),
        output=look.output, display=look.display, colormap=look.colormap, compress=look.compress, single=look.single,
        scale=look.scale, zoom=look.zoom, max_pixels=max_pixels,
    )  # fmt: skip
    refuse_terminal(look.output, save.formats)
    check_saves(save, plan.layers)
    names = _names_file(model, save)
    if names is not None:
        check_outputs([names], [*map(read_file, sources), *model.files])
    return save, plan_files(sources, save, plan.layers, model.files)


def _names_file(model: Model, save: Save) -> Path | None:
    """Return where it is told which file is of which layer; nowhere where file names can hold the layers' names."""
    from cnnfilter.run.names import FORMATS, STDOUT
    from cnnfilter.text import file_name, slug

    if save.output == STDOUT or all(slug(name) == name for name in save.layers):
        return None
    place = Path(save.output or "")
    is_file = place.suffix.lower().lstrip(".") in FORMATS and not place.is_dir()
    folder = place.parent if is_file else place
    return folder / file_name(model.name, "layers", extension="json")


def _write_names(results: Sequence[NetworkResult], path: Path | None, *, quiet: bool) -> None:
    """Write which file, or which array of a file, is of which layer."""
    if path is None or not any(one.saved for one in results):
        return
    from cnnfilter.files import atomic_output, printable
    from cnnfilter.views.columns import write
    from cnnfilter.views.network import files_json

    with atomic_output(path) as file:
        file.write(files_json(results).encode() + b"\n")
    if not quiet:
        write(f"wrote {printable(path)} (which file is of which layer)")


def _one(
    model: Model, picture: Picture, look: Look, save: Save | None, files: Sequence[File], *, keep_all: bool
) -> NetworkResult:
    """Run one picture and write its files."""
    from cnnfilter.run.network import classify

    result = classify(picture, model, look.options, save)
    if look.table and look.at:
        from cnnfilter.run.image import check_place

        for layer in _only(result, look) if look.layers else result.layers:
            check_place(look.at, layer.values.shape)
    if save is not None:
        from cnnfilter.run.layers import split_drawable, write_layers

        kept, left_out = split_drawable(files, result.layers)
        if not kept:
            raise OutputError(f"nothing can be written: {left_out[0]}")
        result = write_layers(replace(result, notes=(*result.notes, *left_out)), kept, save)
    if look.table:
        return result
    if not keep_all:
        return replace(result, layers=())  # of many pictures only what the last layer says is shown
    return replace(result, layers=tuple(layer.without_values() for layer in result.layers))


def _show(results: Sequence[NetworkResult], failures: Sequence[tuple[str, CnnFilterError]], look: Look) -> None:
    """Print what the user wants to see."""
    results = [replace(one, layers=_only(one, look)) for one in results] if look.layers else results
    if look.json:
        from cnnfilter.run.results import Failure
        from cnnfilter.views.network import network_json

        values = [layer.name for one in results for layer in one.layers] if look.table else []
        print(network_json(results, [Failure(n, str(e)) for n, e in failures], values=values, top=look.top))  # noqa: T201
        return
    _notes(results, quiet=look.quiet)
    if look.quiet and not look.table:
        return
    from cnnfilter.files import printable
    from cnnfilter.run.names import PICTURE_FORMATS
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
    said = views.prediction_text(results[0].prediction, look.top)
    if said:
        write("\n" + said, stderr=aside)
    for name in results[0].outputs:
        write(f"wrote {printable(name)}", stderr=aside)
    if any(Path(name).suffix.lstrip(".") in PICTURE_FORMATS for name in results[0].outputs):
        each = "map" if look.scale == "each" else "layer"
        kind = "minmax" if look.display == "auto" else look.display
        write(f"(shown as {kind}, each {each} by itself; the range of every map stands under it)", stderr=aside)


def _only(result: NetworkResult, look: Look) -> tuple[LayerResult, ...]:
    """Return the layers that were asked for."""
    from cnnfilter.run.layers import select

    names = select(look.layers, result.layers)
    return tuple(layer for layer in result.layers if layer.name in names)


def _notes(results: Sequence[NetworkResult], *, quiet: bool) -> None:
    """Print what the user should know about the pictures, on standard error."""
    from cnnfilter.views.notes import note_lines

    for line in note_lines([(one.source, note) for one in results if not quiet for note in one.notes]):
        sys.stderr.write(line + "\n")


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
