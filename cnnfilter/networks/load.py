"""From a network file to a checked network with its weights."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, NoReturn

from cnnfilter.errors import CnnFilterError, KernelFileError, closest
from cnnfilter.library.strict import Document, read_document
from cnnfilter.networks import schema
from cnnfilter.networks.check import check_words
from cnnfilter.networks.place import Place
from cnnfilter.networks.plan import classes_fit, plan_network
from cnnfilter.networks.read_input import read_input
from cnnfilter.networks.spec import INPUT, Array, Layer, Network
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
