"""Arrays through the layers of a network: one function a kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from cnnfilter.core.arrays import Array, computing_type, exactly
from cnnfilter.core.blas import blas_in_one_thread
from cnnfilter.core.rows import for_each
from cnnfilter.errors import CnnFilterError, ParameterError, ShapeError
from cnnfilter.networks.spec import INPUT, Network

#: Values of one batch that go through all layers together: what one layer leaves is still in the cache for the next.
CHUNK_VALUES = 1 << 17


def run_layers(
    network: Network, images: Array, *, threads: int | None = None, keep: Sequence[str] | None = None,
    dtype: np.dtype[Any] | None = None,
) -> dict[str, Array]:  # fmt: skip
    """Return every layer's output, in order, by name.

    Parameters
    ----------
    network
        The network, from `load_network`.
    images
        ``(C, H, W)``, or ``(N, C, H, W)`` for a batch, prepared: in the range that the first layer takes. float64 is
        computed in float64, everything else in float32.
    dtype
        ``int32`` or ``int64`` for whole numbers: every sum exact.
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
    ParameterError
        If whole numbers are asked for, and there are fractions, a layer makes some, or a sum does not fit.

    Notes
    -----
    A batch goes through in parts of a few images, so that what a layer leaves is still in the cache for the next;
    memory is what is returned, and a few megabytes.
    """
    pixels = np.asarray(images)
    _check_images(network, pixels)
    network = network_in(network, dtype or computing_type(pixels))
    pixels = exactly(pixels, dtype, "the image") if dtype else pixels.astype(computing_type(pixels), copy=False)
    batch = pixels if pixels.ndim == 4 else pixels[None]  # (N, C, H, W)
    wanted = [layer.name for layer in network.layers if keep is None or layer.name in keep]
    parts = max(1, CHUNK_VALUES // max(1, batch[0].size * _widest(network)))
    if len(batch) <= parts:
        results = _run(network, batch, threads, wanted)
    else:
        results = _run_parts(network, batch, parts, threads, wanted)
    return results if pixels.ndim == 4 else {name: values[0] for name, values in results.items()}


def network_in(network: Network, dtype: np.dtype[Any]) -> Network:
    """Return a network with its arrays in the type that is computed in.

    Raises
    ------
    ParameterError
        If it is one of whole numbers, and a layer has fractions, or makes some.
    """
    for layer in network.layers if dtype.kind == "i" else ():
        if not layer.whole:
            raise ParameterError(
                f"layer {layer.name!r} ({layer.operation}) makes fractions, and {dtype} holds whole numbers alone"
            )
    return replace(network, layers=tuple(layer.in_type(dtype) for layer in network.layers))


def _check_images(network: Network, pixels: Array) -> None:
    """Refuse images that the first layer cannot take."""
    expected = network.input
    size = f"{expected.size[0]}x{expected.size[1]}" if expected.size else "HxW"
    needs = f"({expected.channels or 'C'}, {size.replace('x', ', ')})"
    fits = pixels.ndim in (3, 4) and 0 not in pixels.shape
    fits = fits and expected.channels in (None, pixels.shape[-3])
    if not fits or expected.size not in (None, pixels.shape[-2:]):
        raise ShapeError(f"{network.name}: takes images {needs}, or with N in front; got shape {pixels.shape}")


def _widest(network: Network) -> int:
    """Return the largest number of maps of a layer: what a part of a batch grows to."""
    return max(1, *(len(layer.arrays["weights"]) for layer in network.layers if layer.kind == "conv"), 1)


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
            values[layer.name] = layer.run(inputs, threads)
        except CnnFilterError as error:
            if batch.dtype.kind == "i" and isinstance(error, ParameterError):  # a sum that does not fit
                raise ParameterError(f"layer {layer.name!r} ({layer.kind}): {error}") from error
            shapes = " and ".join(str(one.shape[1:]) for one in inputs)
            raise ShapeError(f"layer {layer.name!r} ({layer.kind}) takes {shapes}: {error}") from error
    return {name: values[name] for name in wanted}
