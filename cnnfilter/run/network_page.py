"""What stands on the page of a network: which layers, which of their maps, and what the last one says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from cnnfilter.core.arrays import Array
from cnnfilter.errors import OutputError
from cnnfilter.files import atomic_output, quoted
from cnnfilter.images.colour import SIGNS, marked, rgb
from cnnfilter.images.display import Display, to_pixels
from cnnfilter.images.network_page import MOST_COLUMNS, MOST_MAPS, Column, NetworkPage, draw_network, encode_pdf
from cnnfilter.images.picture import Picture
from cnnfilter.images.tiles import picture_tile
from cnnfilter.images.write import write_drawing
from cnnfilter.networks.results import LayerResult, NetworkResult, Saved, share_text
from cnnfilter.networks.spec import Input
from cnnfilter.run.layer_pictures import Drawing, colormap_of, drawable, floats, layer_displays, most_varying
from cnnfilter.run.outputs import PICTURE_FORMATS
from cnnfilter.run.render import in_color
from cnnfilter.text import counted

#: Layers that change no value: a column of them would only repeat the one before.
SAME = ("flatten", "dropout", "identity", "reshape", "cast", "squeeze", "unsqueeze")
#: Layers whose maps are each made of the one of the same number before.
APART = (
    "activation", "pool", "normalize", "dropout", "relu", "leakyrelu", "prelu", "clip", "sigmoid", "tanh", "hardswish",
    "maxpool", "averagepool", "batchnormalization", "globalaveragepool",
)  # fmt: skip
#: Values of a vector that are drawn, and classes with a bar.
MOST_VALUES, MOST_BARS = 64, 10


def network_page(result: NetworkResult, picture: Picture, expected: Input, how: Drawing) -> Array:
    """Return a network's page for one picture as pixels ``(900, W, 3)``; `expected` is what the network takes."""
    said = result.prediction
    barred = said.layer if said.scores else ""  # bars say what a column of it would
    shown = [one for one in result.layers if one.kind.lower() not in SAME and drawable(one) and one.name != barred]
    left_out = len(shown) - MOST_COLUMNS
    if left_out > 0:  # the last layers say what came of it, the first ones what was seen
        shown = [*shown[: MOST_COLUMNS // 2], *shown[-(MOST_COLUMNS - MOST_COLUMNS // 2) :]]
    columns = _input(picture, expected), *columns_of(shown, how)
    bars = tuple((score.name, score.probability, share_text(score.probability)) for score in said.scores[:MOST_BARS])
    note = counted(len(result.layers), sum(layer.parameters for layer in result.layers)) + (
        f"; {left_out} layers in the middle are left out" if left_out > 0 else ""
    )
    strange = any(layer.strange for layer in shown)
    note += f"; of more than {MOST_MAPS} maps those that vary most" if any(one.labels for one in columns) else ""
    return draw_network(
        NetworkPage(
            title=f"{result.network} sees {Path(result.source).name}",
            note=f"{note}; {SIGNS}{', magenta what is not finite' if strange else ''}; each layer by itself",
            columns=columns, bars=bars, bars_title=said.answer or (said.layer if bars else ""),
        )
    )  # fmt: skip


def _input(picture: Picture, expected: Input) -> Column:
    """Return the picture as the first column, and what is made of it."""
    lines = [" x ".join(map(str, picture.shape))]
    taken = expected.channels or picture.channels, *expected.size_for((picture.height, picture.width))
    if taken != tuple(picture.shape):
        lines.append(f"made {'x'.join(map(str, taken))}")
    return Column("input", tuple(lines), (rgb(picture_tile(picture)),))


def columns_of(layers: Iterable[LayerResult], how: Drawing) -> tuple[Column, ...]:
    """Return layers that can be drawn as columns.

    Of too many maps those stand there that vary most, by their numbers; the layers behind them that keep maps apart,
    such as activations and poolings, show the same ones.
    """
    how = how._replace(display="symmetric") if how.display == "auto" and how.colormap is None else how
    columns: list[Column] = []
    order: list[int] = []
    for layer in filter(drawable, layers):
        same = layer.kind.lower() in APART and layer.values.ndim == 3
        if not same or len(order) != min(len(layer.values), MOST_MAPS):
            order = sorted(most_varying(floats(layer), MOST_MAPS)) if layer.values.ndim == 3 else []
        columns.append(_column(layer, how, order))
    return tuple(columns)


def _column(layer: LayerResult, how: Drawing, order: Sequence[int]) -> Column:
    """Return a layer as a column: the maps of these numbers, or a vector."""
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
    shown = displays if len(displays) == len(values) else [display] * len(values)
    tiles = tuple(_pixels(values[index], shown[index], how) for index in order)
    chosen = len(order) < len(values)
    more, labels = (f"{len(order)} of {len(values)}", tuple(map(str, order))) if chosen else ("", ())
    return Column(layer.name, tuple(lines), tiles, more, labels)


def _pixels(plane: Array, display: Display, how: Drawing) -> Array:
    """Return a plane as RGB pixels."""
    pixels = marked(in_color(to_pixels(plane, display), colormap_of(display, how)), plane)
    return rgb(pixels)


#: Endings of pages, and their form: those of pictures, and PDF.
PAGE_FORMATS = {**PICTURE_FORMATS, "pdf": "pdf"}


def page_form(output: str) -> str:
    """Return the form of a page by the ending of its name; nothing where it is none."""
    return PAGE_FORMATS.get(Path(output).suffix.lower().lstrip("."), "")


#: Endings of pictures that are often asked for.
_NOT_OURS = (".svg", ".eps", ".ps", ".gif", ".bmp", ".avif", ".html")


def check_page(output: str) -> None:
    """Raise for the name of a page in a form that there is not.

    Raises
    ------
    OutputError
        With the forms that there are.
    """
    if Path(output).suffix.lower() in _NOT_OURS:
        forms = ", ".join(f".{form}" for form in PAGE_FORMATS)
        hint = "; cnnfilter report writes .html" if output.lower().endswith(".html") else ""
        raise OutputError(f"{quoted(output)}: a network's page is {forms}{hint}")


def write_page(result: NetworkResult, picture: Picture, expected: Input, how: Drawing, path: str) -> NetworkResult:
    """Write a network's page; return the result with its name."""
    pixels = network_page(result, picture, expected, how)
    how.sheet.check(pixels.shape[1], pixels.shape[0])
    form = page_form(path)
    if form == "pdf":
        with atomic_output(path) as file:
            file.write(encode_pdf(pixels, f"{result.network} sees {result.source}"))
    else:
        write_drawing(path, pixels, form, {"Source": result.source, "Network": result.network})
    return replace(result, saved=(*result.saved, Saved(path, "")))
