"""One face for network files and ONNX models: what goes in, what comes out, and how large it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from cnnfilter.core import receptive
from cnnfilter.core.arrays import Array, whole_type
from cnnfilter.core.shapes import Pair
from cnnfilter.errors import ParameterError
from cnnfilter.files import quoted
from cnnfilter.networks.load import load_network
from cnnfilter.networks.plan import UNKNOWN, LayerPlan, NetworkPlan, Outline, plan_network
from cnnfilter.networks.results import LayerResult, measure_layer
from cnnfilter.networks.run import run_layers
from cnnfilter.networks.spec import Input, Network

ONNX_SUFFIX = ".onnx"


class Model(Protocol):
    """What `cnnfilter run` needs to know of a network, whatever file it came from."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    @property
    def input(self) -> Input:
        """What it takes."""
        ...

    @property
    def takes(self) -> np.dtype[Any] | None:
        """The type of the values that it takes, or None for the one that is computed in."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """What its last values stand for."""
        ...

    @property
    def files(self) -> tuple[Path, ...]:
        """What it was read from: never overwritten."""
        ...

    def with_input(self, expected: Input) -> Model:
        """Return the same model for another input."""
        ...

    def plan(
        self, size: Pair | None, channels: int | None = None, *, itemsize: int = 4, partial: bool = False
    ) -> NetworkPlan:
        """Return every layer's shape and cost."""
        ...

    @property
    def remarks(self) -> tuple[str, ...]:
        """What the user should know of how a picture is fed."""
        ...

    def with_values(self, given: Mapping[str, Array], *, alone: bool = False) -> Model:
        """Return the same model with numbers for its inputs beside the picture; for all of them where it is `alone`."""
        ...

    def outline(self) -> tuple[Outline, ...]:
        """Return the layers where no size is known."""
        ...

    def ready(self, threads: int | None = None) -> None:
        """Raise now, once, if the model cannot be run at all."""
        ...

    def run(self, image: Array, *, threads: int | None = None, keep: Sequence[str] | None = None) -> dict[str, Array]:
        """Return the outputs of all layers, or of those to keep, for ``(C, H, W)`` or ``(N, C, H, W)``."""
        ...


class FileModel(NamedTuple):
    """A network file, run by our own engine."""

    network: Network

    @property
    def name(self) -> str:
        """What it is called."""
        return self.network.name

    @property
    def input(self) -> Input:
        """What it takes."""
        return self.network.input

    @property
    def takes(self) -> None:
        """It computes in the type that it is given."""
        return

    @property
    def classes(self) -> tuple[str, ...]:
        """What its last values stand for."""
        return self.network.classes

    @property
    def files(self) -> tuple[Path, ...]:
        """What it was read from."""
        return self.network.files

    def with_input(self, expected: Input) -> FileModel:
        """Return the same network for another input."""
        return FileModel(replace(self.network, input=expected))

    def plan(
        self, size: Pair | None, channels: int | None = None, *, itemsize: int = 4, partial: bool = False
    ) -> NetworkPlan:
        """Return every layer's shape and cost."""
        return plan_network(self.network, size, channels=channels, itemsize=itemsize, partial=partial)

    @property
    def remarks(self) -> tuple[str, ...]:
        """A picture is fed as it is."""
        return ()

    def with_values(self, given: Mapping[str, Array], *, alone: bool = False) -> FileModel:
        """A network file has one input, the picture."""
        if given:
            raise ParameterError(f"{quoted(self.network.path)}: has no input {next(iter(given))!r}: it takes a picture")
        return self

    def outline(self) -> tuple[Outline, ...]:
        """Return the layers where no size is known: how many maps, or values, their weights make."""
        return tuple(Outline(layer.name, layer.kind, layer.open_shape) for layer in self.network.layers)

    def ready(self, threads: int | None = None) -> None:
        """A network that was loaded can be run."""

    def run(self, image: Array, *, threads: int | None = None, keep: Sequence[str] | None = None) -> dict[str, Array]:
        """Return the layers' outputs."""
        return run_layers(self.network, image, threads=threads, keep=keep, dtype=whole_type(image))


#: Rows and columns that a network of any size is planned for, in turn, until every layer fits.
ANY_SIZES = (64, 256, 1024, 4096)


def whole_plan(model: Model) -> NetworkPlan:
    """Return a plan that names every layer, also where the size of the pictures is not known yet.

    Notes
    -----
    No size may fit all layers (a dense layer wants the one that it was trained for), and the layers from there on
    exist all the same: they stand without their sides, which are `UNKNOWN`.
    """
    if model.input.size is not None:
        return model.plan(model.input.size, partial=True)
    plans = []
    for side in ANY_SIZES:
        plans.append(model.plan((side, side), partial=True))
        if not plans[-1].failure:
            return plans[-1]
    best = max(plans, key=lambda plan: len(plan.layers))
    rest = [
        LayerPlan(
            name=one.name, kind=one.kind, inputs=(), parameters=0, macs=0, field=receptive.UNKNOWN,
            shape=tuple(side if isinstance(side, int) else UNKNOWN for side in one.shape),
        )
        for one in model.outline()[len(best.layers) :]
    ]  # fmt: skip
    return best._replace(layers=(*best.layers, *rest))


def open_model(path: str | Path) -> Model:
    """Return the model that a file holds: an ONNX model where its name ends in ``.onnx``, else a network file.

    Raises
    ------
    KernelFileError
        If the file is not what its name says.
    MissingExtraError
        If ONNX Runtime is needed and not installed.
    """
    if str(path).lower().endswith(ONNX_SUFFIX):
        from cnnfilter.networks.onnx_model import load_onnx

        return load_onnx(path)
    return FileModel(load_network(path))


def measure_layers(plans: Sequence[LayerPlan], outputs: dict[str, Array]) -> tuple[LayerResult, ...]:
    """Return the results of the layers that were kept, in order."""
    return tuple(measure_layer(plan, outputs[plan.name]) for plan in plans if plan.name in outputs)
