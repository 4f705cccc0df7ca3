"""A network without a picture, as a picture: its layers as columns, with their weights."""

from __future__ import annotations

from cnnfilter.core.arrays import Array
from cnnfilter.images.colour import SIGNS, rgb
from cnnfilter.images.network_page import MOST_COLUMNS, MOST_MAPS, Column, NetworkPage, draw_network
from cnnfilter.images.tiles import kernel_picture
from cnnfilter.images.write import encode_image
from cnnfilter.networks.layers.base import Layer
from cnnfilter.networks.spec import Network
from cnnfilter.text import counted


def network_png(network: Network) -> bytes:
    """Return a network as a PNG: a column for each layer, filters and matrices by sign."""
    counts = counted(len(network.layers), network.parameters)
    left_out = f"; the first {MOST_COLUMNS} are drawn" if len(network.layers) > MOST_COLUMNS else ""
    note = f"{counts}{left_out}; {SIGNS}, each filter by itself"
    columns = tuple(_column(layer) for layer in network.layers[:MOST_COLUMNS])
    page = NetworkPage(title=network.name, note=note, columns=columns, bars=(), bars_title="")
    return encode_image(draw_network(page), "png")


def _column(layer: Layer) -> Column:
    """Return a layer: of many filters the first, and of a filter over many channels its first plane."""
    weights = layer.arrays.get("weights")
    if weights is None or layer.kind not in ("conv", "dense"):  # others have no filters in front
        return Column(layer.name, (layer.operation,), ())
    lines: tuple[str, ...] = layer.operation, " x ".join(map(str, weights.shape))
    if weights.ndim == 2:
        return Column(layer.name, lines, (_pixels(weights),))
    if weights.shape[1] not in (1, 3):
        lines = *lines, f"channel 0 of {weights.shape[1]}"
    more = f"{MOST_MAPS} of {len(weights)}" if len(weights) > MOST_MAPS else ""
    return Column(layer.name, lines, tuple(_pixels(one) for one in weights[:MOST_MAPS]), more)


def _pixels(weights: Array) -> Array:
    """Return weights as RGB pixels."""
    return rgb(kernel_picture(weights))
