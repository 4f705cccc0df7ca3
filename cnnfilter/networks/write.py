"""A network as files: what was read, with the weights that it has now beside it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import yaml

from cnnfilter.library.document import Document
from cnnfilter.networks.layers.base import Layer, LayerEntry
from cnnfilter.networks.schema import check_network_file
from cnnfilter.networks.spec import Input, Network

#: What the arrays of a layer are called in a file of weights: as PyTorch calls them.
NAMES = {"weights": "weight", "bias": "bias", "mean": "running_mean", "variance": "running_var"}
#: Keys that make weights, and mean nothing beside those that were made.
_MADE = ("kernels", "filters", "size", "outputs")

#: The network that is trained unless another is given: what the textbooks draw, with small filters.
TEXTBOOK = """\
layers:
  - {name: conv1, kind: conv, filters: 16, size: 3, padding: same}
  - {name: relu1, kind: activation, activation: relu}
  - {name: pool1, kind: pool, pool: max, size: 2}
  - {name: conv2, kind: conv, filters: 32, size: 3, padding: same}
  - {name: relu2, kind: activation, activation: relu}
  - {name: pool2, kind: pool, pool: max, size: 2}
  - {name: flatten, kind: flatten}
  - {name: dense, kind: dense, outputs: %d}
  - {name: softmax, kind: softmax}
"""


def weights_file(network: Network) -> bytes:
    """Return the arrays of all layers as a ``.npz`` file; the same arrays are the same bytes."""
    arrays = {f"{layer.name}.{NAMES[key]}": array for layer in network.layers for key, array in layer.stored.items()}
    file = io.BytesIO()
    np.savez(file, **{name: np.ascontiguousarray(array) for name, array in arrays.items()})  # type: ignore[arg-type]
    return file.getvalue()


def network_file(network: Network, document: Document, weights: str) -> bytes:
    """Return the network file that a network was read from, with its input, its classes, and where its weights are.

    Parameters
    ----------
    network
        The network.
    document
        What it was read from.
    weights
        The name of the file of weights, beside it.
    """
    entry = check_network_file(document)
    head: dict[str, Any] = {"name": network.name, "description": network.description}
    lines = [yaml_line({key: value}) for key, value in head.items() if value]
    example = {} if entry.input.example is None else {"example": entry.input.example}
    lines += [f"input: {flow(_input(network.input) | example)}", f"weights: {flow(weights)}"]
    lines += [f"classes: {flow(list(network.classes))}", "layers:"]
    for own, layer in zip(entry.layers, network.layers, strict=True):
        lines.append(f"  - {flow(_layer(own, layer))}")
    return ("\n".join(lines) + "\n").encode()


def flow(value: Any) -> str:
    """Return a value as YAML in one line.

    Examples
    --------
    >>> flow({"kind": "conv", "size": [3, 3]}), flow("7")
    ('{kind: conv, size: [3, 3]}', "'7'")
    """
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=1 << 30)
    return text.removesuffix("...\n").strip()


def yaml_line(value: dict[str, Any]) -> str:
    """Return one key and its value as a line of a YAML mapping."""
    ((key, one),) = value.items()
    return f"{key}: {flow(one)}"


def _input(expected: Input) -> dict[str, Any]:
    """Return the keys of an input that say something."""
    made: dict[str, Any] = {"channels": expected.channels, "size": list(expected.size or ()) or None}
    made |= {key: getattr(expected, key) for key in ("range", "resize", "order")}
    usual = Input()
    made = {
        key: value
        for key, value in made.items()
        if value is not None and (key in ("channels", "size") or value != getattr(usual, key))
    }
    for key in ("mean", "std"):
        numbers: Sequence[float] = getattr(expected, key)
        if tuple(numbers) != getattr(usual, key):
            made[key] = list(numbers) if len(numbers) > 1 else numbers[0]
    return made


def _layer(entry: LayerEntry, layer: Layer) -> dict[str, Any]:
    """Return the keys of a layer's entry, its arrays named."""
    usual = {
        one.encode_name: one.default if one.default is not msgspec.NODEFAULT or one.required else one.default_factory()
        for one in msgspec.structs.fields(entry)
    }
    written = msgspec.to_builtins(entry)
    kept = {key: value for key, value in written.items() if key != "name" and value != usual.get(key)}
    made = {"name": layer.name} | {key: value for key, value in kept.items() if key not in layer.arrays}
    if "weights" in layer.arrays:
        made = {key: value for key, value in made.items() if key not in _MADE}
    return made | {key: f"#{layer.name}.{NAMES[key]}" for key in layer.arrays}
