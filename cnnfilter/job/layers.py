"""The outputs of layers to files: contact sheets, pictures of single maps, and dumps of the numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np

import cnnfilter
from cnnfilter.dumps.write import WRITERS, Dump
from cnnfilter.errors import ParameterError, UnknownNameError, closest
from cnnfilter.files import atomic_output
from cnnfilter.images.colour import apply_colormap, colour_table
from cnnfilter.images.display import Display, extent_of, resolve, to_pixels
from cnnfilter.images.limits import MAX_PIXELS
from cnnfilter.images.sheet import contact_sheet
from cnnfilter.images.write import encode_image
from cnnfilter.job.look import check_zoom, flat_note
from cnnfilter.job.names import DUMP_FORMATS, Output, place_outputs
from cnnfilter.job.render import enlarged, range_text
from cnnfilter.network.plan import LayerPlan
from cnnfilter.network.results import LayerResult, NetworkResult
from cnnfilter.text import distinct

Array = np.ndarray[Any, np.dtype[Any]]

#: An output, the layer that goes into it, and the map, or None for all of them.
File: TypeAlias = tuple[Output, str, "int | None"]

#: Widest a vector is drawn before it is broken into rows.
VECTOR_COLUMNS = 64


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
    """

    layers: tuple[str, ...]
    formats: tuple[str, ...]
    output: str | None = None
    display: str = "minmax"
    colormap: str | None = None
    compress: str = "fast"
    single: bool = False
    scale: str | None = None
    zoom: int = 1
    max_pixels: int = MAX_PIXELS


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


def plan_files(
    sources: Sequence[str], save: Save, plans: Sequence[LayerPlan], keep_away: Sequence[Path]
) -> list[list[File]]:
    """Return what to write of each picture: the output, the layer, and the map (None for all of them).

    Raises
    ------
    OutputError
        If several results would go to one file, or a result would overwrite an input or one of `keep_away`.
    """
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


def write_layers(
    result: NetworkResult, files: Sequence[File], save: Save
) -> NetworkResult:  # fmt: skip
    """Write the layers of one picture; return the result with the names of the files."""
    layers = {layer.name: layer for layer in result.layers}
    for output, name, index in files:
        data = _encoded(result, layers[name], index, output, save)
        if output.path is None:
            import sys

            sys.stdout.buffer.write(data if isinstance(data, bytes) else b"")
            sys.stdout.buffer.flush()
            continue
        with atomic_output(output.path, durable=output.durable) as file:
            file.write(data)
    drawn = [layers[name] for name in dict.fromkeys(one[1] for one in files if one[0].format not in WRITERS)]
    notes = [note for layer in drawn for note in _flat_notes(layer, save)]
    outputs = tuple(str(output.path or "-") for output, _, _ in files)
    return replace(result, outputs=outputs, notes=(*result.notes, *notes))


def _flat_notes(layer: LayerResult, save: Save) -> list[str]:
    """Return the note that most of a layer's maps show next to nothing, if that is so."""
    if layer.values.ndim != 3 or save.scale == "each":
        return []
    ranges = [extent_of([one]) for one in _floats(layer)]
    return [f"layer {layer.name}: {note}" for note in flat_note(ranges, layer_displays(layer, save.display)[0])]


def _encoded(result: NetworkResult, layer: LayerResult, index: int | None, output: Output, save: Save) -> bytes:
    """Return the bytes of one file."""
    if output.format in WRITERS:
        import io

        stream = io.BytesIO()
        info = {"source": result.source, "network": result.network, "layer": layer.name, "kind": layer.kind}
        values = layer.values if layer.values.ndim else layer.values.reshape(1)
        WRITERS[output.format](stream, Dump([(layer.name, values)], info=info))
        return stream.getvalue()
    check_zoom([layer.values.shape] if layer.values.ndim > 1 else [], save.zoom, save.max_pixels)
    displays = layer_displays(layer, save.display, save.scale, index)
    pixels = draw_layer(layer, displays, save.colormap, index, save.zoom)
    kind = "minmax" if save.display == "auto" else save.display
    shown = str(displays[0]) if len(displays) == 1 else f"each map by itself, {kind}"
    text = {
        "Software": f"cnnfilter {cnnfilter.__version__}",
        "Display": f"{shown}, {save.colormap}" if save.colormap else shown,
        "Source": result.source, "Network": result.network, "Layer": layer.name,
    }  # fmt: skip
    return encode_image(pixels, output.format, text, compress=save.compress)


def _floats(layer: LayerResult) -> Array:
    """Return a layer's values as floats."""
    return layer.values if layer.values.dtype.kind == "f" else layer.values.astype(np.float32)


def layer_displays(
    layer: LayerResult, kind: str, scale: str | None = None, index: int | None = None
) -> list[Display]:  # fmt: skip
    """Return the mapping of a layer's values to pixels: one, so that its maps can be compared, or one for each map.

    With `index`, only that of one map.
    """
    kind = "minmax" if kind == "auto" else kind
    values = _floats(layer)
    white = max(1.0, layer.maximum) if np.isfinite(layer.maximum) else 1.0
    parts = [values]
    if scale == "each" and values.ndim == 3:
        parts = [*values] if index is None else [values[index]]
    return [resolve(kind, white, extent_of([part], kind)) for part in parts]


def draw_layer(
    layer: LayerResult, displays: Sequence[Display], colormap: str | None = None, index: int | None = None,
    zoom: int = 1,
) -> Array:  # fmt: skip
    """Return a layer as pixels ``(H, W, C)``: a contact sheet of its maps, one map, or a vector as a strip of cells.

    Parameters
    ----------
    displays
        One mapping, or one for each map.
    index
        The map; None for all of them.
    """
    values = _floats(layer)
    if values.ndim > 3:
        raise ParameterError(f"layer {layer.name!r} of shape {values.shape} is no picture (use -f npy, npz or json)")
    if values.ndim == 3:
        chosen = range(len(values)) if index is None else [index]
        shown = displays if len(displays) == len(values) else [displays[0]] * len(values)
        tiles = [enlarged(_colored(to_pixels(values[one], shown[one]), colormap), zoom) for one in chosen]
        if index is not None:
            return tiles[0]
        ranges = [range_text(*extent_of([one])) for one in values]
        return contact_sheet(tiles, [str(number) for number in chosen], notes=ranges)
    plane = values if values.ndim == 2 else _strip(values.reshape(-1))
    tile = enlarged(_colored(to_pixels(plane, displays[0]), colormap), zoom)
    return contact_sheet([tile], [layer.name], notes=[range_text(*extent_of([values]))])


def _strip(vector: Array) -> Array:
    """Return a vector as rows of at most VECTOR_COLUMNS cells; cells without a value hold NaN."""
    if len(vector) <= VECTOR_COLUMNS:
        return vector[None]
    rows = -(-len(vector) // VECTOR_COLUMNS)
    padded = np.full(rows * VECTOR_COLUMNS, np.nan, vector.dtype)
    padded[: len(vector)] = vector
    return padded.reshape(rows, VECTOR_COLUMNS)


def _colored(pixels: Array, colormap: str | None) -> Array:
    """Return pixels through the colour map, where there is one."""
    return apply_colormap(pixels, colour_table(colormap)) if colormap else pixels
