"""What to do with every image, in a form that travels to other processes and has one fingerprint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property, partial
from typing import Any, Protocol

import numpy as np

import cnnfilter
from cnnfilter.images.frames import READ, Reading
from cnnfilter.images.limits import MAX_PIXELS
from cnnfilter.images.picture import Picture
from cnnfilter.library.kernel import Kernel
from cnnfilter.library.load import distinct_kernels, origins
from cnnfilter.run.combine import check_kernels
from cnnfilter.run.image import Done, Request, do_image, kernel_steps
from cnnfilter.run.names import Endings, Output, check_vectors
from cnnfilter.run.options import Options

Array = np.ndarray[Any, np.dtype[Any]]


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
            {"name": kernel.name, "spec": kernel.spec, "weights": kernel.weights.tolist()}
            for kernel in distinct_kernels(self.kernels)
        ]
        words = {
            name: getattr(self, name)
            for name in ("display", "colormap", "compress", "scale", "zoom", "formats", "stack", "flatten", "measures")
        }
        reading = self.reading._asdict()
        return {"command": "convolve", "kernels": kernels, "options": options, "reading": reading, **words}

    @cached_property
    def _request(self) -> Request:
        """The request, built once in each process: its steps hold functions, which do not travel."""
        return Request(
            steps=kernel_steps(self.kernels, self.options), options=self.options,
            display=self.display, colormap=self.colormap, compress=self.compress, scale=self.scale,
            zoom=self.zoom, flatten=self.flatten, keep=bool(self.measures), max_pixels=self.max_pixels,
            kernels=self.kernels,
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
