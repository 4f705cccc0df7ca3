"""Pictures through a network: opened, prepared, run, measured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cnnfilter.core.arrays import real_array
from cnnfilter.errors import ParameterError, ResourceError, ShapeError
from cnnfilter.files import bytes_text, quoted
from cnnfilter.images.picture import Picture
from cnnfilter.images.read import open_picture
from cnnfilter.network.model import FileModel, Model, measure_layers, open_model
from cnnfilter.network.plan import NetworkPlan
from cnnfilter.network.prepare import prepare, white_of
from cnnfilter.network.results import NetworkResult, scores_of
from cnnfilter.network.spec import Network

Array = np.ndarray[Any, np.dtype[Any]]


def run_network(path_or_network: Any, image: Any, *, threads: int | None = None) -> dict[str, Array]:
    """Run a picture through a network, and return every layer's output.

    Parameters
    ----------
    path_or_network
        A network file or an ONNX model, or what `cnnfilter.network.load_network` returned: many pictures share one
        load of the weights.
    image
        The path of a picture or of a grid of numbers, or an array with the stored values: ``(H, W)``, ``(C, H, W)``
        or ``(N, C, H, W)``. It gets the channels, size, range, mean and std that the network asks for.
    threads
        At most this many; all cores by default. The result does not depend on it.

    Returns
    -------
    dict
        Arrays by layer, in order: ``(C, H, W)`` or ``(n,)``, with N in front for a batch.

    Raises
    ------
    KernelFileError
        If the network file is not as it should be.
    ImageError
        If the picture cannot be read.
    ShapeError
        If the image does not fit the network.

    Notes
    -----
    ``range: unit`` divides integers by the largest value of their type, and floating-point numbers by the smallest
    of 1, 255 and 65535 that holds them all.

    Examples
    --------
    >>> outputs = run_network("samples/digits/digits.yaml", "samples/digits/digit-7.png")  # doctest: +SKIP
    >>> outputs["conv1"].shape, outputs["softmax"].argmax()  # doctest: +SKIP
    ((16, 8, 8), 7)
    """
    model = _model(path_or_network)
    if isinstance(image, str | Path):
        return model.run(picture_input(open_picture(image), model), threads=threads)
    return model.run(array_input(real_array(image, "image"), model), threads=threads)


def _model(path_or_network: Any) -> Model:
    """Return a model from what the caller has."""
    if isinstance(path_or_network, str | Path):
        return open_model(path_or_network)
    if isinstance(path_or_network, Network):
        return FileModel(path_or_network)
    if hasattr(path_or_network, "run") and hasattr(path_or_network, "input"):
        model: Model = path_or_network
        return model
    raise ParameterError(f"a network is a path or what load_network returns, got {type(path_or_network).__name__}")


def array_input(values: Array, model: Model) -> Array:
    """Return an array as the model takes it: ``(C, H, W)``, or ``(N, C, H, W)`` for a batch."""
    from cnnfilter.images.resize import resize

    if values.ndim not in (2, 3, 4) or values.size == 0 or values.dtype.kind not in "biuf":
        raise ShapeError(f"image must be (H, W), (C, H, W) or (N, C, H, W) of real numbers, got shape {values.shape}")
    dtype = "float64" if values.dtype == np.float64 else "float32"
    white = white_of(values) if model.input.range == "unit" else 1.0
    if values.ndim == 4:
        if values.shape[1:] == (model.input.channels, *(model.input.size or values.shape[2:])):
            whole = prepare(values.reshape(-1, *values.shape[2:]), _per_plane(model), white, resize, dtype)
            if len(model.input.mean) == len(model.input.std) == 1:
                return whole.reshape(values.shape)
        return np.stack([prepare(one, model.input, white, resize, dtype) for one in values])
    return prepare(values[None] if values.ndim == 2 else values, model.input, white, resize, dtype)


def _per_plane(model: Model) -> Any:
    """Return the model's input as that of planes, each by itself: a whole batch is prepared in one go."""
    from dataclasses import replace

    return replace(model.input, channels=None, mean=model.input.mean[:1], std=model.input.std[:1])


def picture_input(picture: Picture, model: Model, dtype: str = "float32") -> Array:
    """Return a picture as the model takes it, ``(C, H, W)``; transparency is left out."""
    from cnnfilter.images.resize import resize

    planes = picture.array()[: picture.channels - picture.has_alpha]
    white = picture.white if model.input.range == "unit" else 1.0
    return prepare(planes, model.input, white or 1.0, resize, dtype)


def check_peak(plan: NetworkPlan, name: str, limit: int | None) -> None:
    """Raise if a network takes more bytes for a picture than allowed.

    Raises
    ------
    ResourceError
        With what it needs, and what is allowed.
    """
    if limit is not None and plan.peak_bytes > limit:
        raise ResourceError(
            f"{quoted(name)}: the network needs {bytes_text(plan.peak_bytes)} for it, the limit is "
            f"{bytes_text(limit)} (--max-memory {plan.peak_bytes} raises it)"
        )


def classify(
    picture: Picture,
    model: Model,
    *,
    threads: int | None = None,
    keep: Sequence[str] | None = None,
    dtype: str = "float32",
    max_memory: int | None = None,
) -> NetworkResult:
    """Return what every layer makes of a picture.

    Raises
    ------
    ShapeError
        If the picture does not fit the network.
    ResourceError
        If all layers together need more memory than allowed; nothing has been computed then.
    """
    image = picture_input(picture, model, dtype)
    plan = model.plan((image.shape[1], image.shape[2]), len(image))
    check_peak(plan, picture.name, max_memory)
    outputs = model.run(image, threads=threads, keep=keep)
    layers = measure_layers(plan.layers, outputs)
    last = layers[-1] if layers and plan.layers and layers[-1].name == plan.layers[-1].name else None
    scores, normalized = scores_of(last.values, model.classes) if last else ((), False)
    notes = list(picture.notes)
    if model.input.size is not None and (picture.height, picture.width) != model.input.size:
        has, made = (f"{rows}x{columns}" for rows, columns in ((picture.height, picture.width), model.input.size))
        notes.append(f"{has} made {made} for the network ({model.input.resize})")
    strange = [layer.name for layer in layers if layer.strange]
    if strange:
        notes.append(f"NaN or infinite values first in layer {strange[0]}")
    return NetworkResult(
        source=picture.name, network=model.name, layers=layers, scores=scores, normalized=normalized,
        notes=tuple(notes),
    )  # fmt: skip
