"""What to do with every image, in a form that travels to other processes and has one fingerprint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property, partial
from typing import Any, Protocol

import cnnfilter
from cnnfilter.core.arrays import Array
from cnnfilter.errors import KernelFileError, ShapeError
from cnnfilter.files import quoted
from cnnfilter.images.arrange import USUAL, Arrangement
from cnnfilter.images.frames import READ, Reading
from cnnfilter.images.picture import MAX_PIXELS, Picture
from cnnfilter.library.kernel import Kernel
from cnnfilter.library.load import origins
from cnnfilter.networks.model import Model, open_model, whole_plan
from cnnfilter.networks.results import LayerResult, Prediction
from cnnfilter.networks.spec import Input
from cnnfilter.run.combine import check_kernels
from cnnfilter.run.image import Done, Request, do_image
from cnnfilter.run.layer_pictures import around
from cnnfilter.run.layers import File, Save, select, split_drawable, write_layers
from cnnfilter.run.network import NetworkOptions, check_options, classify
from cnnfilter.run.options import Options
from cnnfilter.run.outputs import Endings, Output, check_vectors
from cnnfilter.run.steps import kernel_steps
from cnnfilter.text import distinct


@dataclass(frozen=True)
class Made:
    """What became of one picture under one label: a row for the record, and the values where they are wanted.

    Attributes
    ----------
    row
        Plain values, without the input's and the outputs' names.
    hold
        Returns the maps as ``(C, H, W)``.
    """

    row: dict[str, Any]
    hold: Callable[[], Array]


class Recipe(Protocol):
    """What a batch does to one picture; it travels by pickle."""

    @property
    def formats(self) -> tuple[str, ...]:
        """File formats to write; none where only features are wanted."""
        ...

    @property
    def stack(self) -> bool:
        """Whether everything made from a picture shares one file."""
        ...

    @property
    def measures(self) -> tuple[str, ...]:
        """What the feature vectors hold; empty for none."""
        ...

    @property
    def max_pixels(self) -> int:
        """Pixels of the largest picture that is opened."""
        ...

    @property
    def reading(self) -> Reading:
        """Which frame of an input, in which order of axes, and whether it may be damaged."""
        ...

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of what is made from a picture, in order and distinct; each becomes part of a file's name."""
        ...

    @property
    def reads(self) -> tuple[str, ...]:
        """Files that it is made from: never overwritten."""
        ...

    @property
    def parameters(self) -> dict[str, Any]:
        """Everything that decides about the results' bytes, in plain values."""
        ...

    def apply(self, picture: Picture, outputs: Sequence[Output], max_memory: int | None) -> list[Made]:
        """Compute and write what is asked for of one picture."""
        ...


@dataclass(frozen=True, kw_only=True)
class Convolve:
    """The recipe of ``convolve``: kernels, and what comes after them."""

    kernels: tuple[Kernel, ...]
    options: Options
    display: str = "auto"
    colormap: str | None = None
    compress: str = "fast"
    scale: str | None = None
    zoom: int = 1
    formats: tuple[str, ...] = ("png",)
    stack: bool = False
    flatten: bool = False
    measures: tuple[str, ...] = ()
    max_pixels: int = MAX_PIXELS
    reading: Reading = READ
    sheet: Arrangement = USUAL

    def __post_init__(self) -> None:
        check_kernels(self.kernels, self.options.combine)
        if self.flatten:
            check_vectors(self.formats)

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The names of the steps: those of the kernels, or that of their combination."""
        return tuple(step.name for step in self._request.steps)

    @property
    def reads(self) -> tuple[str, ...]:
        """The kernels' files."""
        return origins(self.kernels)

    @property
    def parameters(self) -> dict[str, Any]:
        """Everything that decides about the results' bytes, in plain values."""
        options = self.options._replace(threads=None).words()
        kernels = [
            {"name": kernel.name, "spec": kernel.spec, "weights": kernel.weights.tolist()} for kernel in self.kernels
        ]
        words = {
            name: getattr(self, name)
            for name in ("display", "colormap", "compress", "scale", "zoom", "formats", "stack", "flatten", "measures")
        }
        more = {"reading": self.reading._asdict(), "sheet": self.sheet._asdict()}
        return {"command": "convolve", "kernels": kernels, "options": options, **more, **words}

    @cached_property
    def _request(self) -> Request:
        """The request, checked and built once in each process."""
        return Request(
            steps=kernel_steps(self.kernels, self.options), options=self.options,
            display=self.display, colormap=self.colormap, compress=self.compress, scale=self.scale,
            zoom=self.zoom, flatten=self.flatten, keep=bool(self.measures), max_pixels=self.max_pixels,
            sheet=self.sheet,
        )  # fmt: skip

    def __getstate__(self) -> dict[str, Any]:
        return {one.name: getattr(self, one.name) for one in fields(self)}

    def apply(self, picture: Picture, outputs: Sequence[Output], max_memory: int | None) -> list[Made]:
        """Convolve one picture with every kernel, and write the outputs."""
        done = do_image(self._request._replace(max_memory=max_memory), picture, outputs)
        return [Made(_row(one), partial(_values, one)) for one in done]


def _values(done: Done) -> Array:
    """Return the values of maps that the request kept."""
    if done.maps is None:
        raise RuntimeError("the maps were not kept")
    return done.maps.hold()


def _row(done: Done) -> dict[str, Any]:
    """Return the summary row of one map, without what the record says already."""
    words = done.result.as_json()
    return {name: value for name, value in words.items() if name not in ("source", "outputs") and value != []}


def fingerprint(recipe: Recipe) -> str:
    """Return 16 digits that change with any parameter and with the program's version."""
    words = {"version": cnnfilter.__version__, **recipe.parameters}
    text = json.dumps(words, sort_keys=True, default=str, allow_nan=True)
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:16]


def endings_of(recipe: Recipe) -> Endings:
    """Return what the names of an input's results end in."""
    return Endings(
        (label, form) for label in (("stack",) if recipe.stack else recipe.labels) for form in recipe.formats
    )


def plan_files(recipe: Recipe, stem: str) -> list[tuple[int | None, str, str]]:
    """Return label, format and name of every file that one input is made into.

    Examples
    --------
    >>> from cnnfilter.library import load_kernels
    >>> recipe = Convolve(kernels=tuple(load_kernels("sobel-x")), options=Options(), formats=("png", "npy"))
    >>> plan_files(recipe, "cat")
    [(0, 'png', 'cat.sobel-x.png'), (0, 'npy', 'cat.sobel-x.npy')]
    """
    names = iter(endings_of(recipe).names(stem))
    indices: list[int | None] = [None] if recipe.stack else [*range(len(recipe.labels))]
    return [(index, form, next(names)) for index in indices for form in recipe.formats]


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
    softmax
        Whether the last values are scores of classes, whatever layer they come from.
    expected
        What the network takes, where flags say otherwise than its file.
    given
        The values of a model's inputs beside the picture.
    """

    path: str
    digest: str
    layers: tuple[str, ...]
    formats: tuple[str, ...] = ()
    display: str = "auto"
    colormap: str | None = None
    compress: str = "fast"
    scale: str | None = None
    zoom: int = 1
    dtype: str = "float32"
    measures: tuple[str, ...] = ()
    max_pixels: int = MAX_PIXELS
    stack: bool = False
    threads: int = 1
    softmax: bool = False
    expected: Input | None = None
    given: tuple[tuple[str, Array], ...] = ()
    reading: Reading = READ
    sheet: Arrangement = USUAL

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
            "softmax",
        )  # fmt: skip
        changed: dict[str, Any] = {} if self.expected is None else {"input": replace(self.expected, example=None)}
        changed |= {"reading": self.reading._asdict(), "sheet": self.sheet._asdict()}
        if self.given:
            changed["given"] = {name: values.tolist() for name, values in self.given}
        return {"command": "run", **{name: getattr(self, name) for name in words}, **changed}

    @cached_property
    def _model(self) -> Model:
        """The network, loaded once in each process."""
        model = open_model(self.path)
        if digest_of_model(model) != self.digest:
            raise KernelFileError(quoted(self.path), "changed since the run began (start it again)")
        model = model.with_values(dict(self.given)) if self.given else model
        return model if self.expected is None else model.with_input(self.expected)

    def __getstate__(self) -> dict[str, Any]:
        return {one.name: getattr(self, one.name) for one in fields(self)}

    def apply(self, picture: Picture, outputs: Sequence[Output], max_memory: int | None) -> list[Made]:
        """Run one picture, and write the layers."""
        options = NetworkOptions(self.threads, self.dtype, self.softmax, max_memory)
        save = Save(
            layers=self.layers, formats=self.formats, display=self.display, colormap=self.colormap,
            compress=self.compress, scale=self.scale, zoom=self.zoom, max_pixels=self.max_pixels,
            sheet=self.sheet,
        )  # fmt: skip
        result = classify(picture, self._model, options, save)
        files: list[File] = [(output, self.layers[output.label or 0], None) for output in outputs]
        layers = {layer.name: layer for layer in result.layers}
        _, left_out = split_drawable(files, result.layers)
        missing = [name for name in self.layers if name not in layers]
        if left_out or missing:
            raise ShapeError(left_out[0] if left_out else f"layer {missing[0]!r} gives no numbers")
        beside = around(self._model, picture, self.sheet, [result.prediction.layer])
        result = write_layers(result, files, save, beside)
        made = [_made(layers[name]) for name in self.layers]
        if result.notes:
            made[-1].row["notes"] = list(result.notes)
        made[-1].row.update(_said(result.prediction))
        return made


def _said(prediction: Prediction) -> dict[str, Any]:
    """Return what a record says of a picture: the likeliest classes and what kind of probabilities they have."""
    if not prediction.scores:
        return {}
    classes = [[score.name, score.probability] for score in prediction.scores[:TOP]]
    return {
        "class": prediction.answer or classes[0][0], "score": classes[0][1], "classes": classes,
        "prediction": prediction.kind, "softmax_applied": prediction.softmax_applied,
    }  # fmt: skip


def _made(layer: LayerResult) -> Made:
    """Return one layer as a row and its maps; a vector is a map of one cell for each of its values."""

    def hold() -> Array:
        values = layer.values
        return values if values.ndim == 3 else values.reshape(-1, 1, 1)  # (n, 1, 1)

    facts = layer.as_json()
    row = {"kernel": layer.name, "spec": layer.kind, **{name: facts[name] for name in ("shape", "min", "max", "mean")}}
    return Made(row, hold)


def given_of(model: Model) -> tuple[tuple[str, Array], ...]:
    """Return the values of a model's inputs beside the picture."""
    return tuple(getattr(model, "given", {}).items())


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
    KernelFileError, ParameterError
        If the network cannot be run at all, on whatever picture.
    """
    plan = whole_plan(model)
    check_options(model, plan, NetworkOptions(dtype=words["dtype"], softmax=words["softmax"]))
    chosen = select(layers, plan.layers) if layers else (plan.layers[-1].name,)
    model.ready(words.get("threads", 1))
    return Classify(path=path, digest=digest_of_model(model), layers=chosen, **words)
