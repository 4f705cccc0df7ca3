"""What the last layer of a network is: that, and never what its values look like, decides what they say."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from cnnfilter.networks.layers.base import Layer
from cnnfilter.networks.spec import Network

Shape = tuple[int, ...]


class Ending(NamedTuple):
    """What a network ends in.

    Attributes
    ----------
    layer
        The layer whose values are read: the last.
    decider
        The last layer that is more than a passage: flatten, dropout, reshape, cast and identity are looked through.
    kind
        ``softmax``, ``log-softmax``, ``sigmoid``, ``linear`` (weighted sums: dense, convolution), or ``other``.
    operation
        What the decider is called in the file: ``relu``, ``Gemm``.
    covers
        Whether a softmax of an output of that shape, without the batch's axis, is one over all of its values.
    classifier
        Whether weighted sums are scores of classes by the form of the file alone.
    note
        What a reader should know about the choice of the layer.
    """

    layer: str
    decider: str
    kind: str
    operation: str
    covers: Callable[[Shape], bool] = lambda shape: shape[0] == math.prod(shape)
    classifier: bool = False
    note: str = ""


def network_ending(network: Network) -> Ending:
    """Return what a network file ends in.

    A mean or a sum over weighted sums (pooling), and batch norm after them, leave weighted sums.
    """
    layers = {layer.name: layer for layer in network.layers}
    last = network.layers[-1]
    found: Layer | None = last
    while found is not None and found.passes:
        found = layers.get(found.sources[0])
    if found is None:
        return Ending(last.name, last.name, "other", last.kind)
    return Ending(last.name, found.name, _kind(found, layers), found.operation)


def _kind(layer: Layer, layers: dict[str, Layer]) -> str:
    """Return the kind of an ending by its deciding layer."""
    if layer.ending not in ("", "linear"):
        return layer.ending
    found: Layer | None = layer
    while found is not None and (found.passes or found.keeps_sums):
        found = layers.get(found.sources[0])
    return "linear" if found is not None and found.ending == "linear" else "other"
