"""From a network file to a network whose layers are known to fit together."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import msgspec
import numpy as np

from cnnfilter.core import receptive
from cnnfilter.core.shapes import Pair, pair
from cnnfilter.errors import CnnFilterError, KernelFileError, closest
from cnnfilter.library.document import Document, read_document
from cnnfilter.library.numbers import MatrixError, matrix
from cnnfilter.library.validate import convert
from cnnfilter.networks import schema
from cnnfilter.networks.layers.base import Flow, Fresh, Layer, LayerEntry, Reader
from cnnfilter.networks.place import Place
from cnnfilter.networks.plan import classes_fit, misfit, plan_network
from cnnfilter.networks.spec import INPUT, Input, Network
from cnnfilter.networks.weights import resolve_array


def load_network(path: str | Path, *, draw: np.random.Generator | None = None, size: Pair | None = None) -> Network:
    """Read a network file and its weights.

    Parameters
    ----------
    path
        YAML, or JSON where it ends in ``.json``, as ``docs/network.schema.json`` says. Weights are found in its
        own folder, and nowhere else.
    draw
        Draws weights for layers that only say how many they have, and are to be trained; they are refused without.
    size
        Rows and columns of the input, where the file leaves them open.

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
    return check_network(read_document(path), Path(path).parent, draw=draw, size=size)


def check_network(
    document: Document, folder: Path, *, draw: np.random.Generator | None = None, size: Pair | None = None
) -> Network:
    """Return the network that a document means, with the weights that lie in `folder`."""
    entry = schema.check_network_file(document)
    expected = read_input(document, entry.input)
    if expected.size is None:
        expected = replace(expected, size=size)
    layers = _Layers(document, folder, entry, draw, expected)
    network = Network(
        name=entry.name or Path(document.path).stem,
        path=document.path,
        input=expected,
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


class _Layers:
    """Reads the layers in order; knows the names and the channels of those before."""

    def __init__(
        self, document: Document, folder: Path, entry: schema.NetworkFile, draw: np.random.Generator | None,
        expected: Input,
    ) -> None:  # fmt: skip
        self.draw = draw
        #: Shapes of what leaves each layer: known only where weights are drawn for them.
        self.flows: dict[str, Flow] = {}
        if draw is not None and expected.size is not None:
            self.flows[INPUT] = Flow((expected.channels or 1, *expected.size), receptive.INPUT)
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

    def read(self, index: int, entry: LayerEntry) -> Layer:
        """Return one layer with its weights."""
        name = self._name(index, entry)
        sources = self._sources(index, entry)
        self.names.append(name)
        before = [self.channels[source] for source in sources]
        inputs = [self.flows[source] for source in sources if source in self.flows]
        known = len(inputs) == len(sources)
        fresh = None
        if self.draw is not None and known:
            fresh = Fresh(self.draw, [flow.shape for flow in inputs], sees_picture=set(sources) == {INPUT})
        reader = Reader(self.document, index, entry, self.folder, self.default, before, self.files, fresh)
        layer = entry.load(name, sources, reader)
        self.channels[name] = layer.channels(before)
        if fresh is not None:
            try:
                self.flows[name] = layer.plan(inputs, 4).flow
            except CnnFilterError as error:
                self.document.fail(("layers", index), misfit(layer, inputs, error))
        return layer

    def _name(self, index: int, entry: LayerEntry) -> str:
        """Return a layer's name: its own, or its kind and a number."""
        name = entry.name
        if name is None:
            name = self._numbered(entry.called)
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

    def _sources(self, index: int, entry: LayerEntry) -> tuple[str, ...]:
        """Return the names of the layers that a layer takes."""
        given = [entry.from_] if isinstance(entry.from_, str) else list(entry.from_)
        sources = given or [self.names[-1] if self.names else INPUT]
        if entry.joins and len(sources) < 2:
            self.fail(index, "from", f"{entry.kind()} takes two or more layers, as in from: [conv1, {sources[0]}]")
        if not entry.joins and len(sources) > 1:
            several = f"{entry.kind()} takes one layer, got {len(sources)}"
            self.fail(index, "from", f"{several} (add, multiply or concat join several)")
        for source in sources:
            if source not in self.channels:
                near = closest(source, list(self.channels))
                hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(self.channels)}"
                self.fail(index, "from", f"no earlier layer {source!r} ({hint})")
        return tuple(sources)

    def fail(self, index: int, key: str, reason: str) -> NoReturn:
        """Raise for one key of a layer."""
        self.document.fail(("layers", index, key), reason)


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
