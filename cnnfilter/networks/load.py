"""From a network file to a network whose layers are known to fit together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import msgspec
import numpy as np

from cnnfilter.core.activate import parse_activation
from cnnfilter.core.pools import POOL_FORMULAS, Pooling, parse_pool
from cnnfilter.core.shapes import pair, parse_border, resolve_pads
from cnnfilter.errors import CnnFilterError, KernelFileError, closest
from cnnfilter.library.document import Document, read_document
from cnnfilter.library.numbers import MatrixError, matrix
from cnnfilter.library.validate import convert
from cnnfilter.networks import schema
from cnnfilter.networks.place import Place
from cnnfilter.networks.plan import classes_fit, plan_network
from cnnfilter.networks.spec import INPUT, Array, Input, Layer, Network
from cnnfilter.networks.weights import ARRAY_SUFFIXES, resolve_array, resolve_kernels


def load_network(path: str | Path) -> Network:
    """Read a network file and its weights.

    Parameters
    ----------
    path
        YAML, or JSON where it ends in ``.json``, as ``docs/network.schema.json`` says. Weights are found in its
        own folder, and nowhere else.

    Returns
    -------
    Network
        Checked: kinds, keys, weights, and, where the input's size is known, every shape.

    Raises
    ------
    KernelFileError
        If the file, or something that it names, is missing or not as it should be: path, line, dotted field.
    ShapeError
        If a layer does not fit what it takes; both shapes and the formula are in the message.

    Notes
    -----
    No code from the file is run, and nothing outside its folder is opened.
    """
    return check_network(read_document(path), Path(path).parent)


def check_network(document: Document, folder: Path) -> Network:
    """Return the network that a document means, with the weights that lie in `folder`."""
    entry = schema.check_network_file(document)
    layers = _Layers(document, folder, entry)
    network = Network(
        name=entry.name or Path(document.path).stem,
        path=document.path,
        input=read_input(document, entry.input),
        layers=tuple(layers.read(index, layer) for index, layer in enumerate(entry.layers)),
        classes=tuple(entry.classes),
        description=entry.description,
        files=(Path(document.path), *layers.files),
    )
    if network.input.size is not None:
        try:
            plan = plan_network(network)
        except CnnFilterError as error:
            index = layers.index_of(str(error))
            raise KernelFileError(document.path, str(error), line=document.line(("layers", index))) from error
        reason = classes_fit(network, plan)
        if reason:
            document.fail(("classes",), reason)
    return network


#: The axes of the weights of each kind of layer that has some.
WEIGHT_AXES = {
    "conv": ("K", "C/groups", "kH", "kW"),
    "conv-transpose": ("C", "K/groups", "kH", "kW"),
    "dense": ("out", "in"),
}


class _Layers:
    """Reads the layers in order; knows the names and the channels of those before."""

    def __init__(self, document: Document, folder: Path, entry: schema.NetworkFile) -> None:
        self.document, self.folder, self.default = document, folder, entry.weights
        self.own = {layer.name for layer in entry.layers}
        self.counts: Counter[str] = Counter()
        self.names: list[str] = []
        self.files: list[Path] = []
        self.channels: dict[str, int | None] = {INPUT: entry.input.channels}

    def index_of(self, message: str) -> int:
        """Return the index of the layer that an error of the plan names first."""
        found = [(message.find(f"layer {name!r}"), index) for index, name in enumerate(self.names)]
        return min((place for place in found if place[0] >= 0), default=(0, 0))[1]

    def read(self, index: int, entry: Any) -> Layer:
        """Return one layer with its weights."""
        kind = entry.__struct_config__.tag
        name = self._name(index, kind, entry)
        sources = self._sources(index, kind, entry)
        self.names.append(name)
        check_words(self.document, index, kind, entry)
        weights = {
            key: self._array(index, key, getattr(entry, key))
            for key in ("weights", "bias", "mean", "variance")
            if getattr(entry, key, None) is not None
        }
        if kind == "conv" and entry.kernels:
            weights["weights"] = self._kernels(index, entry, sources[0])
        self._check_axes(index, kind, weights.get("weights"))
        if kind == "conv" and entry.flip:
            weights["weights"] = weights["weights"][..., ::-1, ::-1]
        layer = Layer(name=name, kind=kind, sources=sources, settings=entry, weights=weights)
        self.channels[name] = _channels_after(layer, [self.channels[source] for source in sources])
        return layer

    def _name(self, index: int, kind: str, entry: Any) -> str:
        """Return a layer's name: its own, or its kind and a number."""
        name = entry.name
        if name is None:
            name = self._numbered(entry.activation.partition(":")[0].strip() if kind == "activation" else kind)
        if name in self.channels:
            what = "is what the network's own input is called" if name == INPUT else "is the name of an earlier layer"
            self.fail(index, "name", f"{name!r} {what} (names must differ)")
        return str(name)

    def _numbered(self, base: str) -> str:
        """Return a word with the next number that makes no name that a layer has by itself."""
        while True:
            self.counts[base] += 1
            name = f"{base}{self.counts[base]}"
            if name not in self.own and name not in self.channels:
                return name

    def _sources(self, index: int, kind: str, entry: Any) -> tuple[str, ...]:
        """Return the names of the layers that a layer takes."""
        given = [entry.from_] if isinstance(entry.from_, str) else list(entry.from_)
        sources = given or [self.names[-1] if self.names else INPUT]
        several = kind in ("add", "concat")
        if several and len(sources) < 2:
            self.fail(index, "from", f"{kind} takes two or more layers, as in from: [conv1, {sources[0]}]")
        if not several and len(sources) > 1:
            self.fail(index, "from", f"{kind} takes one layer, got {len(sources)} (add or concat join several)")
        for source in sources:
            if source not in self.channels:
                near = closest(source, list(self.channels))
                hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(self.channels)}"
                self.fail(index, "from", f"no earlier layer {source!r} ({hint})")
        return tuple(sources)

    def _array(self, index: int, key: str, value: Any) -> Array:
        """Return one array of a layer."""
        with Place(self.document, ("layers", index, key)):
            name = (value.partition("#")[0] or self.default) if isinstance(value, str) else ""
            if name.lower().endswith(ARRAY_SUFFIXES):
                self.files.append(self.folder / name)
            return resolve_array(value, self.folder, self.default)
        raise AssertionError

    def _check_axes(self, index: int, kind: str, weights: Array | None) -> None:
        """Refuse weights of other axes than their kind of layer has, whether or not its input's size is known."""
        form = WEIGHT_AXES.get(kind)
        if form is not None and weights is not None and weights.ndim != len(form):
            has = f"shape {weights.shape}" if weights.ndim else "one number"
            self.fail(index, "weights", f"expected ({', '.join(form)}), got {has}")

    def _kernels(self, index: int, entry: schema.Conv, source: str) -> Array:
        """Return the filter bank that kernel specs make."""
        specs = [entry.kernels] if isinstance(entry.kernels, str) else entry.kernels
        channels = self.channels[source]
        with Place(self.document, ("layers", index, "kernels")):
            depth = None if channels is None else max(1, channels // entry.groups)
            bank, files = resolve_kernels(specs, self.folder, depth, entry.groups)
            self.files += files
            return bank
        raise AssertionError

    def fail(self, index: int, key: str, reason: str) -> NoReturn:
        """Raise for one key of a layer."""
        self.document.fail(("layers", index, key), reason)


def _channels_after(layer: Layer, before: list[int | None]) -> int | None:
    """Return how many channels a layer gives, where that is known without sizes."""
    weights = layer.weights.get("weights")
    if layer.kind == "conv" and weights is not None:
        return len(weights)
    if layer.kind == "conv-transpose" and weights is not None:
        return int(weights.shape[1]) * int(layer.settings.groups)
    if layer.kind == "concat":
        return None if None in before else sum(count or 0 for count in before)
    if layer.kind in ("flatten", "dense"):
        return None
    if layer.kind == "activation" and layer.settings.activation.partition(":")[0].strip() == "glu":
        return None if before[0] is None else before[0] // 2
    return before[0]


def check_words(document: Document, index: int, kind: str, entry: Any) -> None:
    """Raise for the first word of a layer's entry that is not understood, or means nothing there."""
    for key in ("stride", "dilation", "output_padding", "size", "output_size"):
        value = getattr(entry, key, None)
        if value is not None:
            with Place(document, ("layers", index, key)):
                pair(value, key, minimum=0 if key == "output_padding" else 1)
    if kind in _CHECKS:
        _CHECKS[kind](document, index, entry)


def _check_conv(document: Document, index: int, entry: schema.Conv) -> None:
    """Check a convolution's words."""
    if bool(entry.kernels) == (entry.weights is not None):
        got = "both" if entry.kernels else "none of them"
        document.fail(("layers", index), f"expected one of kernels and weights, got {got}")
    _check_padding(document, index, entry)
    with Place(document, ("layers", index, "padding_mode")):
        parse_border(entry.padding_mode)


def _check_padding(document: Document, index: int, entry: Any) -> None:
    """Check the form of a padding."""
    with Place(document, ("layers", index, "padding")):
        resolve_pads(entry.padding, (9, 9), (1, 1), (1, 1), (1, 1))


def _check_activation(document: Document, index: int, entry: schema.Activation) -> None:
    """Check an activation's name and parameters."""
    with Place(document, ("layers", index, "activation")):
        name, parameters = parse_activation(entry.activation)
    if "axis" in parameters:
        document.fail(
            ("layers", index, "activation"), f"{name} works over the channels here, or over a vector; it takes no axis"
        )
    if entry.weights is not None and (name != "prelu" or "weight" in parameters):
        document.fail(("layers", index, "weights"), "only prelu has weights, and not twice")


def _check_pool(document: Document, index: int, entry: schema.Pool) -> None:
    """Check a pooling's words: each mode has its own; or all of it is one text, as on the command line."""
    if entry.pool not in POOL_FORMULAS:
        with Place(document, ("layers", index, "pool")):
            parse_pool(entry.pool)
        for key in Pooling._fields[1:]:
            if getattr(entry, key) != Pooling._field_defaults.get(key, "window"):
                document.fail(("layers", index, key), f"means nothing beside pool: {entry.pool}, which says it all")
        return
    _check_padding(document, index, entry)
    given = {key for key in ("size", "stride", "output_size", "output_ratio") if getattr(entry, key) is not None}
    takes = {
        "window": {"size", "stride"},
        "global": set(),
        "adaptive": {"output_size"},
        "fractional": {"size", "output_size", "output_ratio"},
    }[entry.mode]
    for key in sorted(given - takes):
        document.fail(("layers", index, key), f"means nothing for a pooling of mode {entry.mode}")
    if "size" in takes and "size" not in given:
        document.fail(("layers", index), f"size is missing: a pooling of mode {entry.mode} has windows")
    if entry.mode == "adaptive" and "output_size" not in given:
        document.fail(("layers", index), "output_size is missing: adaptive pooling needs it")
    if entry.mode == "fractional" and len(given & {"output_size", "output_ratio"}) != 1:
        document.fail(("layers", index), "fractional pooling needs either output_size or output_ratio")


def _check_normalize(document: Document, index: int, entry: schema.Normalize) -> None:
    """Check that a normalisation has the statistics it needs, and no others."""
    for key in ("mean", "variance"):
        if entry.method == "batch" and getattr(entry, key) is None:
            document.fail(("layers", index), f"{key} is missing: batch norm runs on stored statistics")
    for key in ("mean", "variance", "weights", "bias"):
        if entry.method == "minmax" and getattr(entry, key) is not None:
            document.fail(
                ("layers", index, key), "means nothing for method minmax, which takes its range from the values"
            )


_CHECKS: dict[str, Callable[[Document, int, Any], None]] = {
    "conv": _check_conv,
    "conv-transpose": _check_padding,
    "activation": _check_activation,
    "pool": _check_pool,
    "normalize": _check_normalize,
}


def read_description(document: Document, base: Input) -> tuple[Input, tuple[str, ...]]:
    """Return the input and the class names that the file beside an ONNX model gives it.

    Raises
    ------
    KernelFileError
        If it is not as it should be, or does not fit the model.
    """
    entry = convert(document, schema.Description)
    channels = entry.input.channels
    if None not in (channels, base.channels) and channels != base.channels:
        document.fail(("input", "channels"), f"{channels}, but the model takes {base.channels}")
    made = read_input(document, msgspec.structs.replace(entry.input, channels=channels or base.channels))
    return replace(made, layout=entry.input.layout or base.layout), tuple(entry.classes)


def read_input(document: Document, entry: schema.InputEntry) -> Input:
    """Return the input, its numbers checked."""

    def per_channel(key: str) -> tuple[float, ...]:
        with Place(document, ("input", key)):
            values = np.atleast_1d(resolve_array(getattr(entry, key), Path(), ""))
            if values.ndim != 1 or len(values) not in (1, entry.channels or len(values)):
                document.fail(("input", key), f"expected one number, or one for each of {entry.channels} channels, "
                              f"got shape {values.shape}")  # fmt: skip
            if key == "std" and not values.all():
                document.fail(("input", key), "0 cannot divide")
            return tuple(values.tolist())
        raise AssertionError

    size = None
    if entry.size is not None:
        with Place(document, ("input", "size")):
            size = pair(entry.size, "size")
    example = None
    if entry.example is not None:
        try:
            example = np.array(matrix(entry.example))
        except MatrixError as error:
            document.fail(("input", "example"), str(error))
    return Input(
        channels=entry.channels, size=size, range=entry.range, mean=per_channel("mean"), std=per_channel("std"),
        resize=entry.resize, order=entry.order, example=example,
    )  # fmt: skip
