"""The outputs of layers to files: contact sheets, pictures of single maps, and dumps of the numbers."""

from __future__ import annotations

import contextlib
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol, TypeAlias

import numpy as np

import cnnfilter
from cnnfilter.dumps.write import DUMP_FORMATS, Dump
from cnnfilter.errors import ResourceError, UnknownNameError, closest
from cnnfilter.files import atomic_output
from cnnfilter.images.arrange import USUAL, Arrangement
from cnnfilter.images.display import extent_of
from cnnfilter.images.picture import MAX_PIXELS
from cnnfilter.images.write import encode_image
from cnnfilter.networks.plan import LayerPlan
from cnnfilter.networks.results import LayerResult, NetworkResult, Saved
from cnnfilter.run.layer_pictures import NOTHING, Around, Drawing, colormap_of, draw_layer, floats, layer_displays
from cnnfilter.run.look import check_sheet, check_zoom, flat_note
from cnnfilter.run.outputs import STDOUT, Output, place_outputs
from cnnfilter.text import distinct, slug

#: Stands for all layers, which go into one file.
ALL = ""
#: An output, the layer that goes into it, and the map, or None for all of them.
File: TypeAlias = tuple[Output, str, "int | None"]

#: The longest side of a contact sheet, and the shortest of one of its maps, in pixels.
LONGEST_SHEET, SMALLEST_TILE = 4096, 160
#: The most pictures of single maps that are written of one picture.
MOST_MAPS = 100_000


class Save(NamedTuple):
    """What to write of every picture.

    Attributes
    ----------
    layers
        Names of the layers.
    single
        Each map as a picture of its own, beside the layer's sheet.
    scale
        ``each`` stretches every map by itself; else a layer's maps have one mapping, so that they can be compared.
    zoom
        Pixels along each side of the square that one value becomes.
    max_pixels
        Pixels of the largest map that is drawn enlarged.
    sheet
        How the maps of a layer lie.
    """

    layers: tuple[str, ...]
    formats: tuple[str, ...]
    output: str | None = None
    display: str = "auto"
    colormap: str | None = None
    compress: str = "fast"
    single: bool = False
    scale: str | None = None
    zoom: int = 1
    max_pixels: int = MAX_PIXELS
    sheet: Arrangement = USUAL

    @property
    def drawing(self) -> Drawing:
        """How layers are drawn."""
        return Drawing(self.display, self.colormap, self.scale, self.zoom, self.sheet._replace(most=self.max_pixels))

    @property
    def in_one(self) -> bool:
        """Whether all layers go into one file: an ``.npz``, which holds arrays of any shapes."""
        to_file = self.output == STDOUT or (self.output is not None and not Path(self.output).is_dir())
        return to_file and tuple(self.formats) == ("npz",) and len(self.layers) > 1 and not self.single

    @property
    def members(self) -> dict[str, str]:
        """The name of each layer in a file of all of them."""
        return dict(zip(self.layers, map(slug, distinct(self.layers)), strict=True))


class Named(Protocol):
    """A layer's plan or its result."""

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def kind(self) -> str: ...  # noqa: D102


def select(patterns: Sequence[str], plans: Sequence[Named]) -> tuple[str, ...]:
    """Return the layers that any of the patterns means, in the network's order.

    Parameters
    ----------
    patterns
        ``all``, names, or patterns with ``*`` and ``?``; each may hold several, parted by commas. A pattern also
        finds a layer by its kind, and without the slash that PyTorch puts before its names.
    plans
        The layers that there are.

    Raises
    ------
    UnknownNameError
        If a pattern means no layer; the closest names are given.
    """
    names = [plan.name for plan in plans]
    chosen: set[str] = set()
    for pattern in [part.strip() for text in patterns for part in _parts(text, names)]:
        found = {plan.name for plan in plans if pattern == "all" or _matches(pattern, plan)}
        if not found:
            near = closest(pattern, names)
            shown = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
            hint = f"did you mean {' or '.join(near)}?" if near else f"there are {shown}"
            raise UnknownNameError(f"no layer {pattern!r} ({hint})")
        chosen |= found
    return tuple(name for name in names if name in chosen)


def _parts(text: str, names: Sequence[str]) -> list[str]:
    """Return what a text parted by commas holds, unless it is a name itself."""
    return [text] if text in names else text.split(",")


def _matches(pattern: str, plan: Named) -> bool:
    """Say whether a pattern means a layer."""
    if pattern == plan.name:
        return True
    lowered = pattern.lower()
    return any(fnmatchcase(name.lower(), lowered) for name in (plan.name, plan.name.lstrip("/"), plan.kind))


def check_saves(save: Save, plans: Sequence[LayerPlan]) -> None:
    """Refuse more pictures of single maps than anybody looks at, before their names are made.

    Raises
    ------
    ResourceError
        If there are more than `MOST_MAPS`.
    """
    if not save.single:
        return
    count = sum(plan.shape[0] for plan in plans if plan.name in save.layers and len(plan.shape) == 3)
    if count > MOST_MAPS:
        raise ResourceError(f"--maps would write {count:,} pictures, more than {MOST_MAPS:,} (choose layers: --save)")


def save_bytes(save: Save, plans: Sequence[LayerPlan]) -> int:
    """Return the bytes that drawing the largest layer takes, beyond its values: its maps as pixels, and their sheet.

    Dumps are written as they come.
    """
    if all(form in DUMP_FORMATS for form in save.formats):
        return 0
    depth = 3  # a sheet has colours: of a map, of signs, or of its ground
    need = 0
    for plan in plans:
        if plan.name in save.layers:
            maps, *sides = plan.shape if len(plan.shape) == 3 else (1, *plan.shape, 1)
            cell = max(*sides, SMALLEST_TILE) + 40  # with its label
            pixels = math.prod(plan.shape) * save.zoom**2
            need = max(need, pixels + 3 * min(maps * cell * cell, LONGEST_SHEET**2))
    return depth * need


def plan_files(
    sources: Sequence[str], save: Save, plans: Sequence[LayerPlan], keep_away: Sequence[Path]
) -> list[list[File]]:
    """Return what to write of each picture: the output, the layer, and the map (None for all of them).

    Raises
    ------
    OutputError
        If several results would go to one file, or a result would overwrite an input or one of `keep_away`.
    """
    if save.in_one:
        placed = place_outputs(sources, [("layers", "npz")], save.output, keep_away)
        return [[(Output(None, form, path), ALL, None) for form, path in group] for group in placed]
    pictures = [form for form in save.formats if form not in DUMP_FORMATS]
    shapes = {plan.name: plan.shape for plan in plans}
    maps: list[tuple[str, int | None]] = [(name, None) for name in save.layers]
    if save.single and pictures:
        maps += [(name, one) for name in save.layers if len(shapes[name]) == 3 for one in range(shapes[name][0])]
    labels = distinct(name if one is None else f"{name}.{one}" for name, one in maps)
    files = [
        (label, form, what)
        for label, what in zip(labels, maps, strict=True)
        for form in (save.formats if what[1] is None else pictures)
    ]
    placed = place_outputs(sources, [(label, form) for label, form, _ in files], save.output, keep_away)
    return [
        [(Output(None, form, path), *what) for (form, path), (_, _, what) in zip(group, files, strict=True)]
        for group in placed
    ]


def split_drawable(files: Sequence[File], layers: Sequence[LayerResult]) -> tuple[list[File], list[str]]:
    """Return the files that can be written of these layers, and a note for each layer of which some cannot.

    A model of a stranger may have tensors that are no picture: empty ones, of more than three axes, sequences.
    """
    known = {layer.name: layer for layer in layers}
    kept, notes = [], {}
    for output, name, index in files:
        if name == ALL and any(layer.values.size for layer in layers):
            kept.append((output, name, index))
            continue
        layer = known.get(name)
        if layer is None:
            notes[name] = f"layer {name!r} gives no numbers: nothing is written of it"
        elif not layer.values.size:
            notes[name] = f"layer {name!r} of shape {layer.values.shape} is empty: nothing is written of it"
        elif output.format in DUMP_FORMATS or layer.values.ndim <= 3:
            kept.append((output, name, index))
        else:
            shape = " x ".join(map(str, layer.values.shape))
            notes[name] = f"layer {name!r} of {shape} is no picture: not written as one (-f npy holds it)"
    return kept, list(notes.values())


def write_layers(
    result: NetworkResult, files: Sequence[File], save: Save, beside: Around = NOTHING
) -> NetworkResult:  # fmt: skip
    """Write the layers of one picture; return the result with the names of the files."""
    layers = {layer.name: layer for layer in result.layers}
    _check_sizes(files, layers, save)
    saved: list[Saved] = []
    for output, name, index in files:
        path = str(output.path or STDOUT)
        with _opened(output) as file:
            if name == ALL:
                saved += [Saved(path, *one) for one in _write_all(file, result, save)]
            else:
                _write(file, result, layers[name], index, output.format, save, beside)
                saved.append(Saved(path, name, index))
    drawn = [layers[name] for name in dict.fromkeys(one[1] for one in files if one[0].format not in DUMP_FORMATS)]
    notes = [note for layer in drawn for note in (*_flat_notes(layer, save), *_kernel_notes(layer, save, beside))]
    return replace(result, saved=tuple(saved), notes=(*result.notes, *notes))


def _check_sizes(files: Sequence[File], layers: Mapping[str, LayerResult], save: Save) -> None:
    """Raise for a picture of more pixels than allowed, before the first is written."""
    for output, name, index in files:
        if output.format in DUMP_FORMATS or layers[name].values.ndim < 2:
            continue
        shape = layers[name].values.shape
        check_zoom([shape], save.zoom, save.max_pixels)
        if index is None and len(shape) == 3:
            check_sheet([shape[1:]] * shape[0], save.zoom, save.max_pixels)


@contextlib.contextmanager
def _opened(output: Output) -> Iterator[BinaryIO]:
    """Open an output, or standard output."""
    if output.path is not None:
        with atomic_output(output.path, durable=output.durable) as file:
            yield file
        return

    yield sys.stdout.buffer
    sys.stdout.buffer.flush()


def _flat_notes(layer: LayerResult, save: Save) -> list[str]:
    """Return the note that most of a layer's maps show next to nothing, if that is so."""
    if layer.values.ndim != 3 or save.scale == "each":
        return []
    ranges = [extent_of([one]) for one in floats(layer)]
    return [f"layer {layer.name}: {note}" for note in flat_note(ranges, layer_displays(layer, save.drawing)[0])]


def _kernel_notes(layer: LayerResult, save: Save, beside: Around) -> list[str]:
    """Return the note that the kernels asked for do not stand beside a convolution's maps, if that is so."""
    if not save.sheet.with_kernels or layer.kind.lower() != "conv" or layer.name in beside.kernels:
        return []
    return [
        f"layer {layer.name}: no kernels beside its maps (only those of a network file over 1 or 3 channels are drawn)"
    ]


def _write_all(file: BinaryIO, result: NetworkResult, save: Save) -> list[tuple[str, None, str]]:
    """Write all layers that hold numbers into one file; return each, its map, and its name in the file."""
    members = save.members
    held = [layer for layer in result.layers if layer.name in members and layer.values.size]
    maps = [(members[layer.name], np.atleast_1d(layer.values)) for layer in held]
    DUMP_FORMATS["npz"].write(file, Dump(maps, stack=True))
    return [(layer.name, None, members[layer.name]) for layer in held]


def _write(
    file: BinaryIO, result: NetworkResult, layer: LayerResult, index: int | None, form: str, save: Save, beside: Around
) -> None:  # fmt: skip
    """Write one file: the numbers as they come, or a picture."""
    if form in DUMP_FORMATS:
        info = {"source": result.source, "network": result.network, "layer": layer.name, "kind": layer.kind}
        values = layer.values if layer.values.ndim else layer.values.reshape(1)
        DUMP_FORMATS[form].write(file, Dump([(layer.name, values)], info=info))
        return
    displays = layer_displays(layer, save.drawing, index)
    pixels = draw_layer(layer, displays, save.drawing, index, beside)
    shown = str(displays[0]) if len(displays) == 1 else f"each map by itself, {displays[0].kind}"
    colours = colormap_of(displays[0], save.drawing)
    text = {
        "Software": f"cnnfilter {cnnfilter.__version__}",
        "Display": f"{shown}, {colours}" if colours else shown,
        "Source": result.source, "Network": result.network, "Layer": layer.name,
    }  # fmt: skip
    file.write(encode_image(pixels, form, text, compress=save.compress))
