"""What stands on the page of a network: which layers, which of their maps, and what the last one says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from cnnfilter.core.arrays import Array
from cnnfilter.files import atomic_output
from cnnfilter.images.display import Display, to_pixels
from cnnfilter.images.network_page import MOST_MAPS, Column, NetworkPage, draw_network, encode_pdf
from cnnfilter.images.picture import Picture
from cnnfilter.images.tiles import picture_tile
from cnnfilter.images.write import write_drawing
from cnnfilter.networks.results import LayerResult, NetworkResult, Saved
from cnnfilter.run.layer_pictures import Drawing, colormap_of, drawable, floats, layer_displays, most_varying
from cnnfilter.run.outputs import PICTURE_FORMATS
from cnnfilter.run.render import in_color

#: Layers that change no value: a column of them would only repeat the one before.
SAME = ("flatten", "dropout", "identity", "reshape", "cast", "squeeze", "unsqueeze")
#: Columns of a page, values of a vector that are drawn, and classes with a bar.
MOST_COLUMNS, MOST_VALUES, MOST_BARS = 48, 64, 10


def network_page(result: NetworkResult, picture: Picture, how: Drawing) -> Array:
    """Return a network's page for one picture as pixels ``(900, W, 3)``, and what was left out as its last line."""
    said = result.prediction
    barred = said.layer if said.scores else ""  # bars say what a column of it would
    shown = [one for one in result.layers if one.kind.lower() not in SAME and drawable(one) and one.name != barred]
    left_out = len(shown) - MOST_COLUMNS
    if left_out > 0:  # the last layers say what came of it, the first ones what was seen
        shown = [*shown[: MOST_COLUMNS // 2], *shown[-(MOST_COLUMNS - MOST_COLUMNS // 2) :]]
    columns = _input(picture), *columns_of(shown, how)
    bars = tuple((score.name, score.probability) for score in said.scores[:MOST_BARS])
    note = f"{len(result.layers)} layers, {sum(layer.parameters for layer in result.layers):,} numbers; " + (
        f"{left_out} layers in the middle are left out; " if left_out > 0 else ""
    )
    return draw_network(
        NetworkPage(
            title=f"{result.network} sees {result.source}",
            note=note + "blue below 0, orange above, or black to white; each layer by itself",
            columns=columns, bars=bars, bars_title=said.answer or (said.layer if bars else ""),
        )
    )  # fmt: skip


def _input(picture: Picture) -> Column:
    """Return the picture as the first column."""
    tile = picture_tile(picture)
    colours = np.broadcast_to(tile, (*tile.shape[:2], 3))
    shape = " x ".join(map(str, picture.shape))
    return Column("input", (shape,), (np.ascontiguousarray(colours),))


def columns_of(layers: Iterable[LayerResult], how: Drawing) -> tuple[Column, ...]:
    """Return layers that can be drawn as columns."""
    return tuple(_column(layer, how) for layer in layers if drawable(layer))


def _column(layer: LayerResult, how: Drawing) -> Column:
    """Return a layer as a column: its most telling maps first where there are too many, else all in order."""
    values = floats(layer)
    lines = [*([layer.kind] if layer.kind else []), " x ".join(map(str, layer.shape))]
    if layer.field.size is not None and layer.field.known and values.ndim == 3:
        lines.append(f"sees {layer.field.size[0]} x {layer.field.size[1]}")
    displays = layer_displays(layer, how)
    display = displays[0]
    if values.ndim == 1:
        kept = values[:MOST_VALUES]
        more = f"{len(kept)} of {len(values)}" if len(values) > len(kept) else ""
        return Column(layer.name, tuple(lines), (_pixels(kept[:, None], display, how),), more)
    order = most_varying(values, MOST_MAPS)
    shown = displays if len(displays) == len(values) else [display] * len(values)
    tiles = tuple(_pixels(values[index], shown[index], how) for index in order)
    more = f"{len(order)} of {len(values)}" if len(order) < len(values) else ""
    return Column(layer.name, tuple(lines), tiles, more)


def _pixels(plane: Array, display: Display, how: Drawing) -> Array:
    """Return a plane as RGB pixels."""
    pixels = in_color(to_pixels(plane, display), colormap_of(display, how))
    return np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)))


#: Endings of pages, and their form: those of pictures, and PDF.
PAGE_FORMATS = {**PICTURE_FORMATS, "pdf": "pdf"}


def page_form(output: str) -> str:
    """Return the form of a page by the ending of its name; nothing where it is none."""
    return PAGE_FORMATS.get(Path(output).suffix.lower().lstrip("."), "")


def write_page(result: NetworkResult, picture: Picture, how: Drawing, path: str) -> NetworkResult:
    """Write a network's page; return the result with its name."""
    pixels = network_page(result, picture, how)
    form = page_form(path)
    if form == "pdf":
        with atomic_output(path) as file:
            file.write(encode_pdf(pixels, f"{result.network} sees {result.source}"))
    else:
        write_drawing(path, pixels, form, {"Source": result.source, "Network": result.network})
    return replace(result, saved=(*result.saved, Saved(path, "")))
