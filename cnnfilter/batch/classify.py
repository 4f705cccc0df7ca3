"""The recipe of ``run``: every picture through a network, its layers written and its classes recorded."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

from cnnfilter.batch.recipe import Array, Made
from cnnfilter.errors import KernelFileError
from cnnfilter.files import quoted
from cnnfilter.images.frames import READ, Reading
from cnnfilter.images.limits import MAX_PIXELS
from cnnfilter.images.picture import Picture
from cnnfilter.job.layers import Save, select, write_layers
from cnnfilter.job.names import Output
from cnnfilter.job.network import classify
from cnnfilter.network.model import Model, open_model
from cnnfilter.network.results import LayerResult
from cnnfilter.network.spec import Input
from cnnfilter.text import distinct

#: Classes that the record of a picture names.
TOP = 5


@dataclass(frozen=True, kw_only=True)
class Classify:
    """A network, and what of it to keep.

    Attributes
    ----------
    path
        The network's file; each worker loads it once.
    digest
        Of the network's files when the run began: a worker that finds others refuses to go on.
    layers
        Layers to write and to measure.
    expected
        What the network takes, where flags say otherwise than its file.
    """

    path: str
    digest: str
    layers: tuple[str, ...]
    formats: tuple[str, ...] = ()
    display: str = "minmax"
    colormap: str | None = None
    compress: str = "fast"
    scale: str | None = None
    zoom: int = 1
    dtype: str = "float32"
    measures: tuple[str, ...] = ()
    max_pixels: int = MAX_PIXELS
    stack: bool = False
    threads: int = 1
    expected: Input | None = None
    reading: Reading = READ

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The layers' names."""
        return distinct(self.layers)

    @property
    def reads(self) -> tuple[str, ...]:
        """The network's files."""
        return tuple(map(str, self._model.files))

    @property
    def parameters(self) -> dict[str, Any]:
        """Everything that decides about the results' bytes, in plain values."""
        words = (
            "digest", "layers", "formats", "display", "colormap", "compress", "scale", "zoom", "dtype", "measures",
        )  # fmt: skip
        changed: dict[str, Any] = {} if self.expected is None else {"input": replace(self.expected, example=None)}
        changed["reading"] = self.reading._asdict()
        return {"command": "run", **{name: getattr(self, name) for name in words}, **changed}

    @cached_property
    def _model(self) -> Model:
        """The network, loaded once in each process."""
        model = open_model(self.path)
        if digest_of_model(model) != self.digest:
            raise KernelFileError(quoted(self.path), "changed since the run began (start it again)")
        return model if self.expected is None else model.with_input(self.expected)

    def __getstate__(self) -> dict[str, Any]:
        return {one.name: getattr(self, one.name) for one in fields(self)}

    def apply(self, picture: Picture, outputs: Sequence[Output], max_memory: int | None) -> list[Made]:
        """Run one picture, and write the layers."""
        result = classify(picture, self._model, threads=self.threads, dtype=self.dtype, max_memory=max_memory)
        save = Save(
            layers=self.layers, formats=self.formats, display=self.display, colormap=self.colormap,
            compress=self.compress, scale=self.scale, zoom=self.zoom, max_pixels=self.max_pixels,
        )  # fmt: skip
        files = [(output, self.layers[output.label or 0], None) for output in outputs]
        result = write_layers(result, files, save)
        layers = {layer.name: layer for layer in result.layers}
        made = [_made(layers[name]) for name in self.layers]
        if result.notes:
            made[-1].row["notes"] = list(result.notes)
        if result.scores:
            classes = [[score.name, float(score.probability)] for score in result.scores[:TOP]]
            made[-1].row.update({"class": classes[0][0], "score": classes[0][1], "classes": classes})
        return made


def _made(layer: LayerResult) -> Made:
    """Return one layer as a row and its maps; a vector is a map of one cell for each of its values."""

    def hold() -> Array:
        values = layer.values
        return values if values.ndim == 3 else values.reshape(-1, 1, 1)  # (n, 1, 1)

    facts = layer.as_json()
    row = {"kernel": layer.name, "spec": layer.kind, **{name: facts[name] for name in ("shape", "min", "max", "mean")}}
    return Made(row, hold)


def digest_of_model(model: Model) -> str:
    """Return a fingerprint of the files that a network is made of, wherever they lie."""
    found = []
    for path in set(model.files):
        with path.open("rb") as file:
            found.append(hashlib.file_digest(file, "sha256").digest())
    return hashlib.sha256(b"".join(sorted(found))).hexdigest()[:32]


def make_classify(path: str, layers: Sequence[str], model: Model, **words: Any) -> Classify:
    """Return the recipe for a network's file, which holds `model`; the last layer where none is named.

    Raises
    ------
    UnknownNameError
        If a name means no layer.
    """
    plans = model.plan(model.input.size or (64, 64), partial=True).layers
    chosen = select(layers, plans) if layers else (plans[-1].name,)
    return Classify(path=path, digest=digest_of_model(model), layers=chosen, **words)
