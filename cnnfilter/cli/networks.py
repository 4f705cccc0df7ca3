"""What `run` does with a model: pictures found and opened once each, failures counted, results shown."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from cnnfilter.cli.flags import ModelFlags, ViewFlags
from cnnfilter.cli.opening import open_files
from cnnfilter.cli.shared import (
    Failures,
    Files,
    inputs_of,
    memory_limit,
    open_image,
    refuse_terminal,
)  # fmt: skip
from cnnfilter.cli.words import check_network
from cnnfilter.core.shapes import rows_by_columns
from cnnfilter.dumps.read import read_grid
from cnnfilter.errors import (
    CnnFilterError,
    ImageError,
    OutputError,
    ParameterError,
    ShapeError,
    UnknownNameError,
    lookup,
)  # fmt: skip
from cnnfilter.files import atomic_output, check_outputs, printable, quoted
from cnnfilter.images.arrange import USUAL
from cnnfilter.images.picture import MAX_PIXELS, Picture
from cnnfilter.images.sniff import promised
from cnnfilter.networks.load import load_network
from cnnfilter.networks.model import Model, whole_plan
from cnnfilter.networks.plan import plan_network
from cnnfilter.networks.results import LayerResult, NetworkResult
from cnnfilter.run.image import check_place
from cnnfilter.run.layer_pictures import Drawing, around
from cnnfilter.run.layers import File, Save, check_saves, plan_files, select, split_drawable, write_layers
from cnnfilter.run.network import PREPARATIONS, NetworkOptions, adapt, check_options, check_peak, classify
from cnnfilter.run.network_page import write_page
from cnnfilter.run.options import DTYPES, check_threads
from cnnfilter.run.outputs import FORMATS, PICTURE_FORMATS, STDOUT, make_folder, parse_formats, read_file
from cnnfilter.run.results import Failure
from cnnfilter.text import file_name, slug
from cnnfilter.views import network as views
from cnnfilter.views.network import files_json, layer_list, network_json, outline_json
from cnnfilter.views.plans import network_plan_json
from cnnfilter.views.progress import Progress
from cnnfilter.views.terminal import note_lines, write, write_notes


class Wanted(NamedTuple):
    """What is to be shown of a run, and what is to be kept; `pictures` are the words of `Save` about pictures.

    `page` is the file that a single picture's page goes to.
    """

    view: ViewFlags
    at: tuple[int, int] | None
    top: int
    layers: tuple[str, ...]
    save: tuple[str, ...]
    single: bool
    output: str | None
    formats: tuple[str, ...]
    pictures: dict[str, Any]
    options: NetworkOptions
    page: str | None = None
    max_pixels: int = MAX_PIXELS

    def check(self) -> None:
        """Raise for a word that no model understands, before any file is opened."""
        lookup(DTYPES, self.options.dtype, "dtype")
        check_threads(self.options.threads)
        if self.page is None:
            parse_formats(self.formats, self.output)
            return
        sheet = self.pictures["sheet"]
        given = {
            "--columns": sheet.columns is not None, "--ground": sheet.ground != USUAL.ground,
            "--with-input": sheet.with_input, "--with-kernels": sheet.with_kernels,
            "--zoom": self.pictures["zoom"] != 1,
        }  # fmt: skip
        if strange := [name for name, said in given.items() if said]:
            raise ParameterError(
                f"{strange[0]} is about contact sheets, and {quoted(self.page)} is a page of the whole network "
                "(leave it out; --save all -o FOLDER/ writes sheets)"
            )


def find_pictures(names: Sequence[str], *, quiet: bool = False) -> list[str]:
    """Return the inputs, with the pictures of a folder in its place, and each of them once.

    Raises
    ------
    ImageError
        If a folder holds no pictures.
    """
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
            write_notes(f"{quoted(name)} is given {count} times, and run once")
    return list(once)


def list_layers(model: Model, wanted: Wanted) -> None:
    """Print the layers with their shapes; nothing is run."""
    if model.input.size is None:
        outline = model.outline()
        names = select(wanted.layers or ("all",), outline)
        kept = [layer for layer in outline if layer.name in names]
        write(outline_json(model.name, kept) if wanted.view.json else layer_list(kept))
        return
    plan = model.plan(None)
    chosen = select(wanted.layers or ("all",), plan.layers)
    if wanted.view.json:
        write(network_plan_json(model.name, plan, chosen))
        return
    write(layer_list([layer for layer in plan.layers if layer.name in chosen]))


def run_pictures(model: Model, names: Sequence[str], wanted: Wanted, files: Files) -> None:
    """Run every picture, show the results, and exit with the code that the failures stand for."""
    sources = inputs_of(find_pictures(names, quiet=wanted.view.quiet), files)
    if not sources and model.input.example is None:
        raise ParameterError("run needs a picture, or a folder of pictures (the network holds no example of its own)")
    shown = [one.name for one in sources] or [f"{model.name}.example"]
    if wanted.page is not None:
        if len(shown) > 1:
            raise ParameterError(
                f"-o {wanted.page}: a page shows one picture, got {len(shown)} (-o FOLDER/ holds many)"
            )
        check_outputs([wanted.page], [*map(read_file, shown), *model.files])
    save, planned = _plan_saves(model, shown, wanted)
    model.ready(wanted.options.threads)
    if save is not None:
        make_folder(wanted.output)
    results: list[NetworkResult] = []
    failures = Failures()
    with Progress(len(shown), quiet=wanted.view.quiet or wanted.view.json) as progress:
        for index, name in enumerate(shown):
            progress.start(name)
            try:
                picture = open_image(sources[index], files) if sources else _example(model)
                keep_all = len(shown) == 1 or wanted.view.json
                results.append(_one(model, picture, wanted, save, planned[index], keep_all=keep_all))
            except (ParameterError, UnknownNameError):
                raise  # a word that no picture understands
            except (CnnFilterError, MemoryError) as error:
                failures.add(name, error)
            progress.advance()
    _show(results, failures, wanted)
    if wanted.view.open_:
        open_files([path for one in results for path in one.outputs])
    if save is not None:
        _write_names(results, _names_file(model, save), quiet=wanted.view.quiet or wanted.view.json)
    failures.leave()


def _example(model: Model) -> Picture:
    """Return the numbers that the network file itself holds."""
    values = np.asarray(model.input.example)
    values = values[None] if values.ndim == 2 else values  # (C, H, W)

    def strip(start: int, stop: int) -> Any:
        return values[:, start:stop]

    name, (height, width) = f"{model.name}: its example", values.shape[1:]
    return Picture(
        name, height, width, len(values), has_alpha=False, dtype=values.dtype, notes=(), strip=strip, grid=True
    )


def _plan_saves(model: Model, sources: Sequence[str], wanted: Wanted) -> tuple[Save | None, list[list[File]]]:
    """Check what depends on the layers, and plan every file, before anything is computed."""
    plan = whole_plan(model)
    if plan.failure and model.input.size is not None:
        raise ShapeError(f"{quoted(model.files[0])}: {plan.failure}")
    check_options(model, plan, wanted.options)
    chosen = select(wanted.layers or ("all",), plan.layers)
    for layer in plan.layers if model.input.size is not None and wanted.view.numbers else ():
        if layer.name in chosen and min(layer.shape, default=0) >= 0:
            check_place(wanted.at, layer.shape)
    if not wanted.save:
        return None, [[] for _ in sources]
    save = Save(
        layers=select(wanted.save, plan.layers), formats=tuple(parse_formats(wanted.formats, wanted.output)),
        output=wanted.output, single=wanted.single, max_pixels=wanted.max_pixels, **wanted.pictures,
    )  # fmt: skip
    refuse_terminal(wanted.output, save.formats)
    check_saves(save, plan.layers)
    names = _names_file(model, save)
    if names is not None:
        check_outputs([names], [*map(read_file, sources), *model.files])
    return save, plan_files(sources, save, plan.layers, model.files)


def _names_file(model: Model, save: Save) -> Path | None:
    """Return where it is told which file is of which layer; nowhere where file names can hold the layers' names."""
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

    with atomic_output(path) as file:
        file.write(files_json(results).encode() + b"\n")
    if not quiet:
        write(f"wrote {printable(path)} (which file is of which layer)")


def _one(
    model: Model, picture: Picture, wanted: Wanted, save: Save | None, files: Sequence[File], *, keep_all: bool
) -> NetworkResult:
    """Run one picture and write its files."""
    result = classify(picture, model, wanted.options, save)
    if wanted.view.numbers and wanted.at:
        for layer in _only(result, wanted) if wanted.layers else result.layers:
            check_place(wanted.at, layer.values.shape)
    if save is not None:
        kept, left_out = split_drawable(files, result.layers)
        if not kept:
            raise OutputError(f"nothing can be written: {left_out[0]}")
        beside = around(model, picture, save.sheet, [result.prediction.layer])
        result = write_layers(replace(result, notes=(*result.notes, *left_out)), kept, save, beside)
    if wanted.page is not None:
        sheet = wanted.pictures["sheet"]._replace(most=wanted.max_pixels)
        how = Drawing(**{key: wanted.pictures[key] for key in ("display", "colormap", "scale")}, sheet=sheet)
        shown = replace(result, layers=_only(result, wanted)) if wanted.layers else result
        result = replace(result, saved=write_page(shown, picture, model.input, how, wanted.page).saved)
    if wanted.view.numbers:
        return result
    if not keep_all:
        return replace(result, layers=())  # of many pictures only what the last layer says is shown
    return replace(result, layers=tuple(layer.without_values() for layer in result.layers))


def _show(results: Sequence[NetworkResult], failures: Sequence[tuple[str, CnnFilterError]], wanted: Wanted) -> None:
    """Print what the user wants to see."""
    results = [replace(one, layers=_only(one, wanted)) for one in results] if wanted.layers else results
    if wanted.view.json:
        values = [layer.name for one in results for layer in one.layers] if wanted.view.numbers else []
        print(network_json(results, [Failure(n, str(e)) for n, e in failures], values=values, top=wanted.top))  # noqa: T201
        return
    _notes(results, quiet=wanted.view.quiet)
    if wanted.view.quiet and not wanted.view.numbers:
        return

    for one in results if wanted.view.numbers else ():
        _print_values(one, wanted)
    if wanted.view.quiet or not results:
        return
    aside = wanted.output == "-"
    if len(results) > 1 or not results[0].layers:  # one is left of several
        write(views.many_table(results, min(wanted.top, 3)), stderr=aside)
        return
    write(views.layer_table(results[0]), stderr=aside)
    said = views.prediction_text(results[0].prediction, wanted.top)
    if said:
        write("\n" + said, stderr=aside)
    for name in results[0].outputs:
        write(f"wrote {printable(name)}", stderr=aside)
    if wanted.page is None and any(Path(name).suffix.lstrip(".") in PICTURE_FORMATS for name in results[0].outputs):
        each = "map" if wanted.pictures["scale"] == "each" else "layer"
        kind = wanted.pictures["display"]
        how = "blue below 0 and orange above, or black to white" if kind == "auto" else f"shown as {kind}"
        write(f"({how}; each {each} by itself, the range of every map under it)", stderr=aside)


def _only(result: NetworkResult, wanted: Wanted) -> tuple[LayerResult, ...]:
    """Return the layers that were asked for."""
    names = select(wanted.layers, result.layers)
    return tuple(layer for layer in result.layers if layer.name in names)


def _notes(results: Sequence[NetworkResult], *, quiet: bool) -> None:
    """Print what the user should know about the pictures, on standard error."""
    for line in note_lines([(one.source, note) for one in results if not quiet for note in one.notes]):
        sys.stderr.write(line + "\n")


def _print_values(result: NetworkResult, wanted: Wanted) -> None:
    """Print the layers' outputs as numbers, map after map."""
    from cnnfilter.views.console import console
    from cnnfilter.views.maps import number_table

    out = console(stderr=wanted.output == "-")
    for layer in result.layers:
        values = layer.values
        planes = [values.reshape(1, -1)] if values.ndim < 2 else [*values.reshape(-1, *values.shape[-2:])]
        for index, plane in enumerate(planes):
            name = printable(layer.name)
            out.print(name if len(planes) == 1 else f"{name}, map {index}", style="bold")
            height = max(12, out.height - 6)
            out.print(number_table(plane, at=wanted.at, width=out.width, height=height, heat=wanted.view.heat))
            out.print()


def parted_layout(text: str) -> tuple[str | None, str]:
    """Return the layout of the model, if one is said, and that of stored arrays, which has no N.

    Examples
    --------
    >>> parted_layout("NHWC"), parted_layout("HWC")
    (('NHWC', 'auto'), (None, 'HWC'))
    """
    lookup(dict.fromkeys(("auto", "CHW", "HWC", *PREPARATIONS["layout"])), text, "layout")
    return (text, "auto") if text in PREPARATIONS["layout"] else (None, text)


def override(model: Model, flags: ModelFlags, *, range: str | None, layout: str | None, alone: bool = False) -> Model:
    """Return the model with what the flags say about its inputs; `alone` where no picture is given beside them."""
    changes: dict[str, object] = {"range": range, "layout": layout, "resize": flags.resize, "order": flags.order}
    changes["size"] = None if flags.size is None else rows_by_columns(flags.size, "--size")
    for name, text in (("mean", flags.mean), ("std", flags.std)):
        changes[name] = None if text is None else _numbers(f"--{name}", text)
    given = list(map(_input, flags.input_ or ()))
    twice = [name for name, count in Counter(name for name, _ in given).items() if count > 1]
    if twice:
        raise ParameterError(f"--input {twice[0]} is given twice")
    return adapt(model, changes, dict(given), alone=alone)


def _numbers(flag: str, text: str) -> list[float]:
    """Read numbers parted by commas."""
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise ParameterError(f"{flag} takes numbers parted by commas, got {text!r}") from None


def _input(text: str) -> tuple[str, Any]:
    """Read the name of an input, and numbers in place or in a file."""
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise ParameterError(f"--input takes NAME=1,2,3 or NAME=FILE, got {text!r}")
    if os.path.isfile(value):  # noqa: PTH113 - False for any long word
        try:
            return name, read_grid(Path(value).read_bytes(), name=value)
        except OSError as error:
            raise ParameterError(f"--input {name}: {value!r}: {error.strerror}") from error
        except ImageError as error:
            raise ParameterError(f"--input {name}: {error}") from error
    try:
        return name, _numbers("--input", value)
    except ParameterError:
        raise ParameterError(f"--input {name}: {value!r} is no file, and no numbers parted by commas") from None


def export_model(path: str, output: str | None, size: str | None, max_memory: str | None, *, quiet: bool) -> None:
    """Do what `export` does: write a network file as an ONNX model, compared with it first."""
    from cnnfilter.networks.onnx_export import COMPARED, export_network  # the door to ONNX: `run` seldom needs it

    check_network(path)
    if path.lower().endswith(".onnx"):
        raise ParameterError(f"{quoted(path)}: is an ONNX model already (export takes a network file)")
    network = load_network(path)
    target = output or f"{slug(network.name)}.onnx"
    if not target.lower().endswith(".onnx"):
        raise OutputError(f"{target!r} does not end in .onnx, and ONNX is what export writes")
    wanted = rows_by_columns(size, "--size") if size else None
    plan = plan_network(network, wanted, partial=True)
    if plan.failure:
        raise ShapeError(f"{quoted(path)}: {plan.failure}")
    check_peak(plan._replace(peak_bytes=COMPARED * plan.peak_bytes), path, memory_limit(max_memory))
    difference = export_network(network, target, wanted)
    if not quiet:
        count = len(network.layers)
        write(f"wrote {printable(target)}: {count} layers, checked; ONNX Runtime differs by at most {difference:.1e}")
