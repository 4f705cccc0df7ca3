"""Arrays through the layers of a network: one function a kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from cnnfilter.core.activate import activate, parse_activation
from cnnfilter.core.arrays import computing_type
from cnnfilter.core.blas import blas_in_one_thread
from cnnfilter.core.conv import conv2d
from cnnfilter.core.dense import dense
from cnnfilter.core.rows import for_each
from cnnfilter.core.transpose import conv_transpose2d
from cnnfilter.errors import CnnFilterError, ShapeError
from cnnfilter.networks.convs import pads_of
from cnnfilter.networks.pools import pooling_of
from cnnfilter.networks.spec import INPUT, Array, Layer, Network

#: Takes a layer, its inputs ``(N, C, H, W)`` or ``(N, n)``, and the most threads.
Runner = Callable[[Layer, Sequence[Array], "int | None"], Array]

#: Values of one batch that go through all layers together: what one layer leaves is still in the cache for the next.
CHUNK_VALUES = 1 << 17
#: What takes the place of a range of 0 in min-max: the smallest normal float32.
TINY = float(np.finfo(np.float32).tiny)


def run_layers(
    network: Network, images: Array, *, threads: int | None = None, keep: Sequence[str] | None = None
) -> dict[str, Array]:
    """Return every layer's output, in order, by name.

    Parameters
    ----------
    network
        The network, from `load_network`.
    images
        ``(C, H, W)``, or ``(N, C, H, W)`` for a batch, prepared: in the range that the first layer takes. float64 is
        computed in float64, everything else in float32.
    threads
        At most this many; all cores by default. The result does not depend on it.
    keep
        Layers to return; all unless given.

    Returns
    -------
    dict
        Arrays ``(C, H, W)`` or ``(n,)``, with N in front for a batch.

    Raises
    ------
    ShapeError
        If the images do not have the channels and the size that the network takes, or a layer does not fit.

    Notes
    -----
    A batch goes through in parts of a few images, so that what a layer leaves is still in the cache for the next;
    memory is what is returned, and a few megabytes.
    """
    pixels = np.asarray(images)
    _check_images(network, pixels)
    pixels = pixels.astype(computing_type(pixels), copy=False)
    batch = pixels if pixels.ndim == 4 else pixels[None]  # (N, C, H, W)
    network = _in_type(network, batch.dtype)
    wanted = [layer.name for layer in network.layers if keep is None or layer.name in keep]
    parts = max(1, CHUNK_VALUES // max(1, batch[0].size * _widest(network)))
    if len(batch) <= parts:
        results = _run(network, batch, threads, wanted)
    else:
        results = _run_parts(network, batch, parts, threads, wanted)
    return results if pixels.ndim == 4 else {name: values[0] for name, values in results.items()}


def _check_images(network: Network, pixels: Array) -> None:
    """Refuse images that the first layer cannot take."""
    expected = network.input
    size = f"{expected.size[0]}x{expected.size[1]}" if expected.size else "HxW"
    needs = f"({expected.channels or 'C'}, {size.replace('x', ', ')})"
    fits = pixels.ndim in (3, 4) and 0 not in pixels.shape
    fits = fits and expected.channels in (None, pixels.shape[-3])
    if not fits or expected.size not in (None, pixels.shape[-2:]):
        raise ShapeError(f"{network.name}: takes images {needs}, or with N in front; got shape {pixels.shape}")


def _in_type(network: Network, dtype: np.dtype[Any]) -> Network:
    """Return the network with its weights in the computing type."""
    if all(array.dtype == dtype for layer in network.layers for array in layer.weights.values()):
        return network
    from dataclasses import replace

    layers = tuple(
        replace(layer, weights={key: array.astype(dtype) for key, array in layer.weights.items()})
        for layer in network.layers
    )
    return replace(network, layers=layers)


def _widest(network: Network) -> int:
    """Return the largest number of maps of a layer: what a part of a batch grows to."""
    counts = [len(layer.weights["weights"]) for layer in network.layers if layer.kind == "conv"]
    return max(1, *counts, 1)


def _run_parts(
    network: Network, batch: Array, count: int, threads: int | None, wanted: Sequence[str]
) -> dict[str, Array]:
    """Run a batch part by part; each part goes through all layers in one thread."""
    results: dict[str, Array] = {}

    def take(first: int) -> None:
        for name, values in _run(network, batch[first : first + count], 1, wanted).items():
            if name not in results:
                results[name] = np.empty((len(batch), *values.shape[1:]), values.dtype)
            results[name][first : first + count] = values

    with blas_in_one_thread():
        take(0)  # it makes room for the others
        for_each(take, range(count, len(batch), count), threads)
    return results


def _run(network: Network, batch: Array, threads: int | None, wanted: Sequence[str]) -> dict[str, Array]:
    """Run one batch whole."""
    values: dict[str, Array] = {INPUT: batch}
    for layer in network.layers:
        inputs = [values[source] for source in layer.sources]
        try:
            values[layer.name] = RUNNERS[layer.kind](layer, inputs, threads)
        except CnnFilterError as error:
            shapes = " and ".join(str(one.shape[1:]) for one in inputs)
            raise ShapeError(f"layer {layer.name!r} ({layer.kind}) takes {shapes}: {error}") from error
    return {name: values[name] for name in wanted}


def _conv(layer: Layer, inputs: Sequence[Array], threads: int | None) -> Array:
    s = layer.settings
    height, width = inputs[0].shape[-2:]
    padding = pads_of(layer, (height, width)) if s.flip else s.padding  # the weights are turned already
    return conv2d(
        inputs[0], layer.weights["weights"], bias=layer.weights.get("bias"), stride=s.stride, padding=padding,
        padding_mode=s.padding_mode, dilation=s.dilation, groups=s.groups, threads=threads,
    )  # fmt: skip


def _conv_transpose(layer: Layer, inputs: Sequence[Array], threads: int | None) -> Array:
    s = layer.settings
    return conv_transpose2d(
        inputs[0], layer.weights["weights"], bias=layer.weights.get("bias"), stride=s.stride, padding=s.padding,
        output_padding=s.output_padding, dilation=s.dilation, groups=s.groups,
    )  # fmt: skip


def _activation(layer: Layer, inputs: Sequence[Array], threads: int | None) -> Array:
    name, parameters = parse_activation(layer.settings.activation)
    if "weights" in layer.weights:
        parameters["weight"] = layer.weights["weights"]
    if np.size(parameters.get("weight", 0.0)) == 1 and "weight" in parameters:
        parameters["weight"] = float(np.asarray(parameters["weight"]).item())
    return _over_channels(inputs[0], partial(activate, name=name, threads=threads, **parameters), name)


def _over_channels(values: Array, function: Callable[..., Array], name: str) -> Array:
    """Apply an activation; those that work along an axis work over the channels, axis 1."""
    from cnnfilter.core.activate import takes_axis

    if not takes_axis(name):
        return function(values)
    return function(values, axis=1)


def _softmax(layer: Layer, inputs: Sequence[Array], threads: int | None) -> Array:
    return activate(inputs[0], "softmax", axis=1, threads=threads)


def _pool(layer: Layer, inputs: Sequence[Array], threads: int | None) -> Array:
    return pooling_of(layer.settings).run(inputs[0], threads)


def batch_norm_line(weights: Mapping[str, Array], epsilon: float) -> tuple[Array, Array]:
    """Return the factor and the offset ``(C,)`` that batch norm comes down to with stored statistics."""
    spread = np.sqrt(weights["variance"].astype(np.float64) + epsilon)
    factor = weights.get("weights", np.float64(1)) / spread
    return factor, weights.get("bias", np.float64(0)) - weights["mean"] * factor


def _normalize(layer: Layer, inputs: Sequence[Array], threads: int | None) -> Array:
    values, s = inputs[0], layer.settings
    if s.method == "batch":
        factor, offset = batch_norm_line(layer.weights, s.epsilon)
        shape = (-1,) + (1,) * (values.ndim - 2)
        scaled: Array = values * factor.astype(values.dtype).reshape(shape)
        scaled += offset.astype(values.dtype).reshape(shape)
        return scaled
    axes = tuple(range(1 if s.over == "image" else 2, values.ndim)) or (1,)
    low, high = values.min(axis=axes, keepdims=True), values.max(axis=axes, keepdims=True)
    stretched: Array = (values - low) / np.maximum(high - low, np.asarray(TINY, values.dtype))
    return stretched


def _flatten(layer: Layer, inputs: Sequence[Array], threads: int | None) -> Array:
    return inputs[0].reshape(len(inputs[0]), -1)  # (N, C*H*W)


def _dense(layer: Layer, inputs: Sequence[Array], threads: int | None) -> Array:
    return dense(inputs[0], layer.weights["weights"], layer.weights.get("bias"))


def _dropout(layer: Layer, inputs: Sequence[Array], threads: int | None) -> Array:
    return inputs[0]


def _add(layer: Layer, inputs: Sequence[Array], threads: int | None) -> Array:
    total: Array = inputs[0] + inputs[1]
    for values in inputs[2:]:
        total += values
    return total


def _concat(layer: Layer, inputs: Sequence[Array], threads: int | None) -> Array:
    return np.concatenate(inputs, axis=1)


#: How each kind of layer is run.
RUNNERS: dict[str, Runner] = {
    "conv": _conv,
    "conv-transpose": _conv_transpose,
    "activation": _activation,
    "pool": _pool,
    "normalize": _normalize,
    "flatten": _flatten,
    "dense": _dense,
    "dropout": _dropout,
    "softmax": _softmax,
    "add": _add,
    "concat": _concat,
}
