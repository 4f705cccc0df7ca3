"""The output of a layer as a picture: its maps on a contact sheet, one of them, or a vector as a row of cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from cnnfilter.core.arrays import Array
from cnnfilter.errors import ParameterError
from cnnfilter.images.arrange import USUAL, Arrangement
from cnnfilter.images.colour import SIGNED, colour_table, marked, rgb
from cnnfilter.images.display import NUMBERS, Display, extent_of, resolve, to_pixels
from cnnfilter.images.picture import Picture
from cnnfilter.images.sheet import Bar, contact_sheet
from cnnfilter.images.tiles import kernel_picture, picture_tile
from cnnfilter.networks.model import FileModel, Model
from cnnfilter.networks.results import LayerResult
from cnnfilter.run.render import enlarged, in_color, range_of

#: Values of a vector that are drawn one by one, with what they stand for; of a longer one in rows of so many.
MOST_CELLS, VECTOR_COLUMNS = 32, 64
#: Pixels that such rows are wide, at least.
VECTOR_WIDTH = 640


class Around(NamedTuple):
    """What stands on sheets beside a layer's maps.

    Attributes
    ----------
    names
        What a layer's maps or values are called, where that is more than their numbers.
    lead
        The picture, where it is asked for.
    kernels
        A picture of each filter of a layer, where they are asked for and are over 1 or 3 channels.
    """

    names: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    lead: Array | None = None
    kernels: Mapping[str, tuple[Array, ...]] = MappingProxyType({})


#: Where nothing stands beside a layer's maps.
NOTHING = Around()


def around(model: Model, picture: Picture, sheet: Arrangement, last: Sequence[str]) -> Around:
    """Return what a sheet asks for; `last` are the layers whose values stand for classes."""
    kernels: dict[str, tuple[Array, ...]] = {}
    if sheet.with_kernels and isinstance(model, FileModel):
        for layer in model.network.layers:
            weights = layer.arrays.get("weights")
            if layer.kind == "conv" and weights is not None and weights.shape[1] in (1, 3):
                kernels[layer.name] = tuple(kernel_picture(one) for one in weights)
    names = dict.fromkeys(last, model.classes)
    return Around(names, picture_tile(picture) if sheet.with_input else None, kernels)


class Drawing(NamedTuple):
    """How layers are drawn: words of `Save`."""

    display: str = "auto"
    colormap: str | None = None
    scale: str | None = None
    zoom: int = 1
    sheet: Arrangement = USUAL


def layer_displays(layer: LayerResult, how: Drawing, index: int | None = None) -> list[Display]:
    """Return the mapping of a layer's values to pixels: one, so that its maps can be compared, or one for each map.

    With `index`, only that of one map.
    """
    kind = NUMBERS if how.display == "auto" else how.display
    values = floats(layer)
    white = max(1.0, layer.maximum) if np.isfinite(layer.maximum) else 1.0
    parts = [values]
    if how.scale == "each" and values.ndim == 3:
        parts = [*values] if index is None else [values[index]]
    return [resolve(kind, white, extent_of([part], kind)) for part in parts]


def floats(layer: LayerResult) -> Array:
    """Return a layer's values as floats."""
    return layer.values if layer.values.dtype.kind == "f" else layer.values.astype(np.float32)


def drawable(layer: LayerResult) -> bool:
    """Say whether a layer is maps or a vector of real numbers, as pages draw them."""
    return bool(layer.values.size) and layer.values.ndim in (1, 3) and layer.values.dtype.kind in "biuf"


def most_varying(maps: Array, most: int) -> list[int]:
    """Return which maps ``(C, H, W)`` a page shows: all in order, or those whose values vary most, these first.

    Examples
    --------
    >>> most_varying(np.array([[[0.0, 1.0]], [[2.0, 2.0]], [[0.0, 9.0]]]), 2)
    [2, 0]
    """
    if len(maps) <= most:
        return list(range(len(maps)))
    spread = np.nan_to_num(maps.std(axis=(1, 2), dtype=np.float64))
    return [int(index) for index in np.argsort(-spread, kind="stable")[:most]]


def draw_layer(
    layer: LayerResult, displays: Sequence[Display], how: Drawing, index: int | None = None, beside: Around = NOTHING
) -> Array:
    """Return a layer as pixels ``(H, W, C)``: a contact sheet of its maps, one map, or a vector as cells.

    Parameters
    ----------
    displays
        One mapping, or one for each map.
    index
        The map; None for all of them.
    beside
        What stands on a sheet beside the maps.
    """
    values = floats(layer)
    if values.ndim > 3:
        raise ParameterError(f"layer {layer.name!r} of shape {values.shape} is no picture (use -f npy, npz or json)")
    if values.ndim == 3:
        return _maps(layer, values, displays, how, index, beside)
    if values.ndim < 2 and values.size <= MOST_CELLS:
        return _cells(layer, values.reshape(-1), displays[0], how, beside)
    plane = values if values.ndim == 2 else _rows(values.reshape(-1))
    large = how if how.zoom > 1 else how._replace(zoom=max(1, VECTOR_WIDTH // plane.shape[1]))
    tile = _tile(plane, displays[0], large)
    if plane.size > values.size:  # the last row is not full: the ground shows there
        seen = enlarged((np.arange(plane.size) < values.size).reshape(*plane.shape, 1), large.zoom)
        tile = np.concatenate([rgb(tile), seen * np.uint8(255)], axis=2)
    bar = _bar(displays[0], how)
    return contact_sheet([tile], [layer.name], notes=[range_of(values)], bar=bar, how=how.sheet)


def colormap_of(display: Display, how: Drawing) -> str | None:
    """Return the colours of a mapping: those that are asked for, else those of signs where both are there."""
    return how.colormap or (SIGNED if display.by_sign else None)


def _tile(plane: Array, display: Display, how: Drawing) -> Array:
    """Return a plane as pixels."""
    return enlarged(marked(in_color(to_pixels(plane, display), colormap_of(display, how)), plane), how.zoom)


def _maps(
    layer: LayerResult, values: Array, displays: Sequence[Display], how: Drawing, index: int | None, beside: Around
) -> Array:
    """Return one map, or all on a sheet."""
    shown = displays if len(displays) == len(values) else [displays[0]] * len(values)
    if index is not None:  # a picture of its own stays gray, as other programs read it
        return enlarged(in_color(to_pixels(values[index], shown[index]), how.colormap), how.zoom)
    tiles = [_tile(one, display, how) for one, display in zip(values, shown, strict=True)]
    names, notes = _names(layer, values, beside), [range_of(one) for one in values]
    bar = _bar(displays[0], how) if len(displays) == 1 and len(values) > 1 else None
    kernels = beside.kernels.get(layer.name, ())
    return contact_sheet(tiles, names, notes=notes, kernels=kernels, lead=beside.lead, bar=bar, how=how.sheet)


def _bar(display: Display, how: Drawing) -> Bar:
    """Return the bar of a scale."""
    return Bar(display.low, display.high, colour_table(colormap_of(display, how) or "gray"), display.absolute)


def _names(layer: LayerResult, values: Array, beside: Around) -> Sequence[str]:
    """Return what maps or values are called: their names, where each has one, or their numbers."""
    names = beside.names.get(layer.name, ())
    return names if len(names) == len(values) else [str(number) for number in range(len(values))]


def _cells(layer: LayerResult, vector: Array, display: Display, how: Drawing, beside: Around) -> Array:
    """Return a short vector as a cell for each value, with what it stands for."""
    names = _names(layer, vector, beside)
    tiles = [_tile(np.full((1, 1), value, vector.dtype), display, how) for value in vector]
    columns = how.sheet.columns or (len(vector) if len(vector) <= MOST_CELLS // 2 else None)
    lying = how.sheet._replace(columns=columns)
    return contact_sheet(tiles, names, notes=[f"{value:.4g}" for value in vector], how=lying)


def _rows(vector: Array) -> Array:
    """Return a vector as rows of at most VECTOR_COLUMNS cells; those that are left over hold 0."""
    if len(vector) <= VECTOR_COLUMNS:
        return vector[None]
    rows = -(-len(vector) // VECTOR_COLUMNS)
    padded = np.zeros(rows * VECTOR_COLUMNS, vector.dtype)
    padded[: len(vector)] = vector
    return padded.reshape(rows, VECTOR_COLUMNS)
