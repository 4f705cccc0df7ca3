"""Feature maps in Python, as pictures: one sheet of any maps, and what a notebook shows of a network's layers."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from cnnfilter.core.arrays import Array, real_array
from cnnfilter.errors import ParameterError, ShapeError, lookup
from cnnfilter.files import printable
from cnnfilter.images.arrange import Arrangement
from cnnfilter.images.colour import SIGNS
from cnnfilter.images.display import parse_display
from cnnfilter.images.draw import PillowImage, as_image
from cnnfilter.images.network_page import MOST_COLUMNS, NetworkPage, draw_network
from cnnfilter.images.write import encode_image
from cnnfilter.networks.results import LayerResult, bare_layer
from cnnfilter.run.layer_pictures import MOST_CELLS, Around, Drawing, draw_layer, drawable, layer_displays, most_varying
from cnnfilter.run.network_page import columns_of
from cnnfilter.run.render import range_text

#: Maps of a layer that a notebook shows, and the longest side of their sheet.
MOST_MAPS, LONGEST = 16, 720
#: The least that the longest side of a sheet may be.
LEAST = 100


def maps_html(title: str, layers: Iterable[LayerResult]) -> str:
    """Return layers as HTML: each one's shape, range, and the maps that vary most."""
    rows, every = [], list(layers)
    for layer in every[:MOST_COLUMNS]:
        shape = " x ".join(map(str, layer.shape))
        said = f"{escape(printable(layer.name))}: {shape}, {range_text(layer.minimum, layer.maximum, layer.strange)}"
        if layer.values.ndim == 3 and len(layer.values) > MOST_MAPS:
            said += f"; the {MOST_MAPS} maps that vary most"
        rows.append(f"<div>{said}</div>{_thumbnails(layer)}")
    more = f"<div>and {len(every) - MOST_COLUMNS} more layers</div>" if len(every) > MOST_COLUMNS else ""
    return f"<div>{escape(printable(title))}</div>{''.join(rows)}{more}"


def maps_png(title: str, layers: Iterable[LayerResult]) -> bytes:
    """Return layers as the columns of a PNG."""
    every = list(layers)
    note = f"; the first {MOST_COLUMNS} of {len(every)} layers" if len(every) > MOST_COLUMNS else ""
    columns = columns_of(every[:MOST_COLUMNS], Drawing())
    page = NetworkPage(title, f"{SIGNS}; each layer by itself{note}", columns, (), "")
    return encode_image(draw_network(page), "png")


def _thumbnails(layer: LayerResult) -> str:
    """Return a layer's maps as a picture inside a page; nothing where they are none."""
    if not drawable(layer):
        return ""
    values, names = layer.values, None
    if values.ndim == 3 and len(values) > MOST_MAPS:
        kept = sorted(most_varying(values, MOST_MAPS))
        values, names = values[kept], [str(place) for place in kept]
    pixels = draw_maps(values, names=names, longest=LONGEST)
    text = base64.b64encode(encode_image(np.asarray(pixels), "png", compress="small")).decode()
    return f'<img alt="{escape(printable(layer.name))}" src="data:image/png;base64,{text}" style="max-width:100%">'


def draw_maps(
    maps: Any,
    *,
    names: Sequence[str] | None = None,
    display: str = "auto",
    scale: str = "shared",
    colormap: str | None = None,
    columns: int | None = None,
    ground: str = "light",
    longest: int = 4096,
) -> PillowImage:
    """Draw feature maps on one contact sheet, as ``--stack`` does.

    Parameters
    ----------
    maps
        ``(K, H, W)``, ``(H, W)``, a vector ``(n,)``, or ``(K, C, H, W)`` as `conv2d` gives of a bank and a picture of
        C channels.
    names
        What stands under each; numbers unless given. Vectors of more than 32 values have none.
    display
        How values become pixels: ``auto`` (symmetric about a neutral zero where both signs are there, else from the
        smallest to the largest), ``clip``, ``abs``, ``minmax``, ``symmetric`` or ``percentile:P``.
    scale
        ``shared``, so that maps can be compared, or ``each``.
    colormap
        The name of a colour map; unless given, gray, or the colours of signs where both are there.
    columns
        Maps beside one another; a square, or what comes near to 16:9, unless given.
    ground
        ``light`` or ``dark``.
    longest
        The longest side of the sheet in pixels, 100 at least.

    Returns
    -------
    PIL.Image.Image
        RGB. A notebook shows it; its ``save`` writes it.

    Raises
    ------
    ShapeError
        If it is no map and no vector, or there are not as many names.
    ParameterError
        If a word means nothing.

    Examples
    --------
    >>> from cnnfilter import conv2d
    >>> maps = conv2d(np.arange(48.0).reshape(6, 8), "bank:laws-3")
    >>> maps.shape, draw_maps(maps).mode
    ((9, 4, 6), 'RGB')
    """
    if isinstance(maps, Mapping):
        raise ParameterError(f"draw_maps takes the maps of one layer, got a dict of {len(maps)} (such as maps[NAME])")
    lookup(dict.fromkeys(("shared", "each")), scale, "scale")
    values, labels = _as_layer(real_array(maps, "maps"))
    labels = labels if names is None else tuple(map(str, names))
    if len(labels) != len(values):
        raise ShapeError(f"{len(labels)} names for {len(values)} maps")
    if names is not None and values.ndim == 1 and len(values) > MOST_CELLS:
        raise ShapeError(f"{len(values)} values are drawn as rows, without names; up to {MOST_CELLS} have some")
    if not (isinstance(longest, int | np.integer) and longest >= LEAST):
        raise ParameterError(f"longest must be a whole number of pixels, at least {LEAST}, got {longest!r}")
    layer = bare_layer("maps", values)
    how = Drawing(
        parse_display(display), colormap, scale, sheet=Arrangement(columns, ground, longest=longest).checked()
    )
    sheet = as_image(draw_layer(layer, layer_displays(layer, how), how, beside=Around({"maps": labels})))
    sheet.thumbnail((longest, longest))  # names and ranges may have made it longer
    return sheet


def _as_layer(values: Array) -> tuple[Array, tuple[str, ...]]:
    """Return maps ``(K, H, W)`` or a vector, and what each is called."""
    if values.ndim not in (1, 2, 3, 4) or not values.size:
        raise ShapeError(f"draw_maps takes (K, H, W), (H, W), (n,) or (K, C, H, W), got {values.shape}")
    if values.ndim == 2:
        return values[None], ("map",)
    if values.ndim == 4:
        names = tuple(f"{kernel}/{channel}" for kernel, channel in np.ndindex(*values.shape[:2]))
        return values.reshape(-1, *values.shape[2:]), names
    return values, tuple(map(str, range(len(values))))
