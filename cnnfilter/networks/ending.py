"""What the last layer of a network is: that, and never what its values look like, decides what they say."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from cnnfilter.core.activate import activation_name
from cnnfilter.networks.pools import pooling_of
from cnnfilter.networks.spec import Layer, Network

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


#: Activations that decide; all others give values.
_ACTIVATIONS = {"softmax": "softmax", "log-softmax": "log-softmax", "sigmoid": "sigmoid", "hard-sigmoid": "sigmoid"}


def network_ending(network: Network) -> Ending:
    """Return what a network file ends in.

    A mean or a sum over weighted sums (pooling), and batch norm after them, leave weighted sums.
    """
    layers = {layer.name: layer for layer in network.layers}
    last = network.layers[-1]
    found: Layer | None = last
    while found is not None and _is_passage(found):
        found = layers.get(found.sources[0])
    if found is None:
        return Ending(last.name, last.name, "other", last.kind)
    return Ending(last.name, found.name, _kind(found, layers), _operation(found))


def _operation(layer: Layer) -> str:
    """Return what a layer does, in a word: the activation's name, or its kind."""
    return activation_name(layer.settings.activation.partition(":")[0]) if layer.kind == "activation" else layer.kind


def _is_passage(layer: Layer) -> bool:
    """Say whether a layer hands its values on as they are."""
    return layer.kind in ("dropout", "flatten") or _operation(layer) == "identity"


def _kind(layer: Layer, layers: dict[str, Layer]) -> str:
    """Return the kind of an ending by its deciding layer."""
    if layer.kind == "softmax":
        return "softmax"
    if layer.kind == "activation":
        return _ACTIVATIONS.get(_operation(layer), "other")
    found: Layer | None = layer
    while found is not None and (_is_passage(found) or _is_mean(found)):
        found = layers.get(found.sources[0])
    return "linear" if found is not None and found.kind in ("dense", "conv", "conv-transpose") else "other"


def _is_mean(layer: Layer) -> bool:
    """Say whether a layer makes weighted sums of weighted sums."""
    settings = layer.settings
    if layer.kind == "pool":
        return pooling_of(settings).kind in ("avg", "sum")
    return layer.kind == "normalize" and settings.method == "batch"
