"""One value of a network's layer, taken apart: the cells of the layers before it, and what the layer does with them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cnnfilter.core.activate import activate, takes_axis
from cnnfilter.core.activations import ACTIVATIONS
from cnnfilter.core.arrays import Array
from cnnfilter.core.terms import Term
from cnnfilter.errors import ParameterError, lookup
from cnnfilter.images.picture import Picture
from cnnfilter.networks.layers.activation import ActivationLayer
from cnnfilter.networks.layers.base import Layer
from cnnfilter.networks.layers.conv import ConvLayer
from cnnfilter.networks.layers.flatten import FlattenLayer
from cnnfilter.networks.layers.pool import PoolLayer
from cnnfilter.networks.layers.softmax import SoftmaxLayer
from cnnfilter.networks.model import FileModel
from cnnfilter.networks.spec import INPUT
from cnnfilter.run.explain import around, channel_sums, pooled_cells
from cnnfilter.run.explanation import Activated, Around, Explanation, Pooled
from cnnfilter.run.network import NetworkOptions, picture_input, plan_picture


def explain_layer(
    model: FileModel, picture: Picture, name: str, at: Sequence[int] | None, options: NetworkOptions
) -> Explanation:
    """Return how one value of a layer comes about for a picture.

    Parameters
    ----------
    model
        A network file.
    name
        The layer.
    at
        Channel, row and column, or the number of a value in a vector; the layer's largest value where None.

    Raises
    ------
    UnknownNameError
        If there is no such layer.
    ParameterError
        If it has no such value.
    """
    layers = {layer.name: layer for layer in model.network.layers}
    layer = lookup(layers, name, "layer")
    plan_picture(picture, model, options)
    prepared = picture_input(picture, model, options.dtype)
    values = {INPUT: prepared, **model.run(prepared, threads=options.threads)}
    result = values[name]
    notes = list(picture.notes)
    if at is None:
        largest = np.unravel_index(int(np.nan_to_num(result, nan=-np.inf).argmax()), result.shape)
        at = tuple(int(index) for index in largest)
        notes.append(f"explained at {','.join(map(str, at))}, the largest value (--at takes another)")
    place = _checked(tuple(at), result.shape, name)
    inputs = [values[source] for source in layer.sources]
    terms, bias = layer.in_type(prepared.dtype).terms(inputs, place)
    if len(layer.sources) == 1 and result.ndim == 1:
        terms = _before_flatten(terms, layers, layer.sources[0], values)
    sums = channel_sums(terms)
    own = float(result[place])
    alone = isinstance(layer, ActivationLayer) and not ACTIVATIONS[layer.function].over_axis
    total = sum(sums) if terms else float(inputs[0][place]) if alone else own
    shape = (result.shape[0], *result.shape[1:]) if result.ndim == 3 else (1, 1, result.size)
    channel, row, column = place if len(place) == 3 else (0, 0, place[0])
    return Explanation(
        source=f"{model.name}, {' and '.join(layer.sources)} for {picture.name}", name=f"{name} ({layer.kind})",
        spec=name, shape=(shape[0], shape[1], shape[2]), at=(row, column), channel=channel, cell=(row, column),
        size=_window(layer), terms=terms, channel_sums=sums, sum=total, scale=1.0, bias=bias, value=total + bias,
        activation=_activated(layer, inputs[0], place, own), pool=_pooled(layer, inputs[0], place, own),
        requantized=None, result=own,
        around=_around(layer, terms, inputs[0]),
        notes=tuple(notes),
    )  # fmt: skip


def _checked(at: tuple[int, ...], shape: tuple[int, ...], name: str) -> tuple[int, ...]:
    """Return a place in a layer, or say what places it has."""
    ranges = [f"0 to {size - 1}" for size in shape]
    words = f"channel {ranges[0]}, row {ranges[1]}, column {ranges[2]}" if len(shape) == 3 else f"{ranges[0]}"
    if len(at) != len(shape) or any(not 0 <= index < size for index, size in zip(at, shape, strict=False)):
        shown = ",".join(map(str, at))
        raise ParameterError(f"--at {shown} is no value of layer {name!r}: it has {words}")
    return at


def _before_flatten(
    terms: tuple[Term, ...], layers: Mapping[str, Layer], source: str, values: Mapping[str, Array]
) -> tuple[Term, ...]:
    """Return terms of a vector under the cells of the maps that it was made of."""
    layer = layers.get(source)
    while layer is not None and layer.passes and not isinstance(layer, FlattenLayer):
        layer = layers.get(layer.sources[0])
    if not isinstance(layer, FlattenLayer):
        return terms
    shape = values[layer.sources[0]].shape
    if len(shape) != 3 or math.prod(shape) != len(terms):
        return terms
    cells = (np.unravel_index(term.column, shape) for term in terms)
    return tuple(
        term._replace(channel=int(channel), row=int(row), column=int(column))
        for term, (channel, row, column) in zip(terms, cells, strict=True)
    )


def _window(layer: Layer) -> tuple[int, int]:
    """Return rows and columns of a layer's window, where it has one that can be drawn."""
    if not isinstance(layer, ConvLayer):
        return 0, 0
    rows, columns = layer.weights.shape[-2:]
    return rows, columns


def _around(layer: Layer, terms: Sequence[Term], maps: Array) -> Around | None:
    """Return the maps around a window, where there is one."""
    if not isinstance(layer, ConvLayer):
        return None
    return around(terms, maps.shape[1:], lambda first, last: maps[:, first:last])


def _activated(layer: Layer, values: Array, place: tuple[int, ...], result: float) -> Activated | None:
    """Return what an activation made of a value, or softmax of a vector or of the channels of a cell."""
    if isinstance(layer, SoftmaxLayer):
        name, given = "softmax", {}
    elif isinstance(layer, ActivationLayer):
        name, given = layer.function, layer.given
    else:
        return None
    formula = ACTIVATIONS[name].formula
    if not ACTIVATIONS[name].over_axis:
        words: dict[str, Any] = given if layer.arrays.get("weights") is None else {**given, "weight": "its own"}
        typed = ",".join(f"{key}={value}" for key, value in words.items())
        return Activated(f"{name}:{typed}" if typed else name, formula, result)
    line = values[:, place[1], place[2]] if values.ndim == 3 else values
    made = activate(line, name) if takes_axis(name) else line
    return Activated(name, formula, result, tuple(map(float, line)), tuple(map(float, made)), place[0])


def _pooled(layer: Layer, values: Array, place: tuple[int, ...], result: float) -> Pooled | None:
    """Return what a pooling took."""
    if not isinstance(layer, PoolLayer):
        return None
    pooling = layer.pooling.plan((values.shape[1], values.shape[2]))
    channel, row, column = place
    return pooled_cells(layer.pooling.kind, pooling, values[channel], 0, (row, column, channel), result)
