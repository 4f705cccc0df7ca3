"""Pictures through a network: opened, prepared, run, measured."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from cnnfilter.core.arrays import Array, channels_first, computing_type, real_array, type_of
from cnnfilter.core.shapes import pair
from cnnfilter.errors import ImageError, ParameterError, ResourceError, ShapeError, lookup
from cnnfilter.files import bytes_text, quoted
from cnnfilter.images.picture import Picture
from cnnfilter.images.read import open_picture
from cnnfilter.images.resize import resize
from cnnfilter.networks.model import FileModel, Model, measure_layers, open_model
from cnnfilter.networks.plan import NetworkPlan
from cnnfilter.networks.prepare import prepare, white_of
from cnnfilter.networks.results import NetworkResult, predict
from cnnfilter.networks.run import network_in
from cnnfilter.networks.spec import Network
from cnnfilter.run.feature_maps import FeatureMaps
from cnnfilter.run.layers import Save, save_bytes


def run_network(
    path_or_network: Any,
    image: Any = None,
    *,
    range: str | None = None,
    mean: Any = None,
    std: Any = None,
    size: Any = None,
    order: str = "RGB",
    inputs: Mapping[str, Any] | None = None,
    threads: int | None = None,
    dtype: DTypeLike | None = None,
) -> FeatureMaps:
    """Run a picture through a network, and return every layer's output.

    Parameters
    ----------
    path_or_network
        A network file or an ONNX model, or what `cnnfilter.networks.load_network` returned: many pictures share one
        load of the weights.
    image
        The path of a picture or of a grid of numbers, or an array with the stored values: ``(H, W)``, ``(C, H, W)``
        or ``(N, C, H, W)``. It gets the channels, size, range, mean and std that the network asks for. None where
        `inputs` holds all inputs of an ONNX model, or a network file its own example.
    range, mean, std, size
        Replace what the network says: ``stored`` or ``unit``; one number, or one for each channel; rows and columns.
    order
        ``BGR`` for a network that takes blue first; mean and std are in that order. What the network itself says
        stays with ``RGB``.
    inputs
        Numbers for the inputs that an ONNX model has beside the picture, by name.
    threads
        At most this many; all cores by default. The result does not depend on it.
    dtype
        Of a network file: ``float32`` or ``float64`` to compute in; ``int32`` or ``int64`` for whole numbers, every sum
        exact.

    Returns
    -------
    FeatureMaps
        A dict of arrays by layer, in order: ``(C, H, W)`` or ``(n,)``, with N in front for a batch. A notebook shows
        it as pictures.

    Raises
    ------
    KernelFileError
        If the network file is not as it should be.
    ParameterError
        If a word or a number means nothing there, or an input of the model has no values.
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
    changes = {"range": range, "mean": mean, "std": std, "size": size, "order": None if order == "RGB" else order}
    model = adapt(_model(path_or_network), changes, inputs or {}, alone=image is None)
    made = None if dtype is None else type_of(dtype)
    if made is not None:
        check_type(model, made, "dtype")
    if image is None:
        image = model.input.example
        if image is None:
            raise ParameterError(f"{model.name} needs an image (it holds no example, and not all inputs are given)")
    if isinstance(image, str | Path):
        fed = picture_input(open_picture(image), model, made or "float32")
        return FeatureMaps(model.run(fed, threads=threads), model.name)
    values = real_array(channels_first(image, "CHW"), "image")
    outputs = model.run(array_input(values, model, made), threads=threads)
    return FeatureMaps(outputs, model.name, len(values) if values.ndim == 4 else None)


#: The words that say how a picture is prepared.
PREPARATIONS = {
    "range": ("stored", "unit"), "resize": ("stretch", "crop", "letterbox", "none"), "layout": ("NCHW", "NHWC"),
    "order": ("RGB", "BGR"),
}  # fmt: skip


def adapt(
    model: Model, changes: Mapping[str, Any], inputs: Mapping[str, Any] = MappingProxyType({}), *, alone: bool = False
) -> Model:
    """Return a model with changes to what it says about its input, and values for its other inputs.

    Parameters
    ----------
    changes
        By the name in `Input`; None changes nothing.
    inputs
        Numbers for inputs, by name.
    alone
        Whether there is no picture beside these.

    Raises
    ------
    UnknownNameError, ParameterError, ShapeError
        If a change means nothing for this model.
    """
    values = {name: real_array(value, f"input {name!r}") for name, value in inputs.items()}
    model = model.with_values(values, alone=alone) if values else model  # which may leave another input for the picture
    made: dict[str, Any] = {}
    for name, value in changes.items():
        if value is None:
            continue
        if name in PREPARATIONS:
            lookup(dict.fromkeys(PREPARATIONS[name]), value, name)
            made[name] = value
        elif name == "size":
            made[name] = pair(value, name)
        else:
            made[name] = _per_channel(name, value, model.input.channels)
    if made.get("order") == "BGR" and model.input.channels not in (None, 3, 4):
        raise ParameterError(f"order BGR is for colours, and the network takes {model.input.channels} channels")
    return model.with_input(replace(model.input, **made)) if made else model


def _per_channel(name: str, value: Any, channels: int | None) -> tuple[float, ...]:
    """Return one finite number, or one for each channel."""
    numbers = np.atleast_1d(real_array(value, name)).astype(float)
    fits = numbers.ndim == 1 and len(numbers) in (1, channels or len(numbers)) and np.isfinite(numbers).all()
    if not fits or (name == "std" and not numbers.all()):
        many = f"{channels} for the channels" if channels else "one for each channel"
        rule = f"one number, or {many}{', none of them 0' if name == 'std' else ''}"
        raise ParameterError(f"{name} takes {rule}, got {numbers.tolist()}")
    return tuple(numbers.tolist())


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


def array_input(values: Array, model: Model, made: np.dtype[Any] | None = None) -> Array:
    """Return an array as the model takes it: ``(C, H, W)``, or ``(N, C, H, W)`` for a batch."""
    values = values[None] if values.ndim == 1 else values  # a row of numbers
    if values.ndim not in (2, 3, 4) or values.size == 0 or values.dtype.kind not in "biuf":
        raise ShapeError(f"image must be (H, W), (C, H, W) or (N, C, H, W) of real numbers, got shape {values.shape}")
    dtype = model.takes or made or computing_type(values)
    white = white_of(values) if _needs_white(model) else 1.0
    if values.ndim == 4:
        fed = model.input.size_for((values.shape[2], values.shape[3]))
        if values.shape[1:] == (model.input.channels, *fed) and model.input.order == "RGB":
            whole = prepare(values.reshape(-1, *values.shape[2:]), _per_plane(model), white, resize, dtype)
            if len(model.input.mean) == len(model.input.std) == 1:
                return whole.reshape(values.shape)
        return np.stack([prepare(one, model.input, white, resize, dtype) for one in values])
    return prepare(values[None] if values.ndim == 2 else values, model.input, white, resize, dtype)


def _needs_white(model: Model) -> bool:
    """Say whether the value of white decides about the network's input."""
    return model.input.range == "unit" or model.input.resize == "letterbox"


def _per_plane(model: Model) -> Any:
    """Return the model's input as that of planes, each by itself: a whole batch is prepared in one go."""
    return replace(model.input, channels=None, mean=model.input.mean[:1], std=model.input.std[:1])


def picture_input(picture: Picture, model: Model, dtype: DTypeLike = "float32") -> Array:
    """Return a picture as the model takes it, ``(C, H, W)``; transparency counts where that makes its channels."""
    keeps_alpha = picture.channels == model.input.channels
    planes = picture.array()[: picture.channels - (picture.has_alpha and not keeps_alpha)]
    white = picture.white if _needs_white(model) else 1.0
    try:
        return prepare(planes, model.input, white or 1.0, resize, model.takes or dtype)
    except ParameterError as error:
        raise ImageError(f"{quoted(picture.name)}: {error}") from error


class NetworkOptions(NamedTuple):
    """How pictures go through a network.

    Attributes
    ----------
    dtype
        The type that a network file computes in; an ONNX model has its own.
    softmax
        Whether the last values are scores of classes, whatever layer they come from.
    max_memory
        Bytes that one picture may take.
    """

    threads: int | None = None
    dtype: str = "float32"
    softmax: bool = False
    max_memory: int | None = None


DEFAULTS = NetworkOptions()


def plan_picture(
    picture: Picture, model: Model, options: NetworkOptions = DEFAULTS, save: Save | None = None
) -> NetworkPlan:
    """Return the plan of the network for a picture, before any of its values is there.

    Raises
    ------
    ShapeError
        If the picture does not fit the network.
    ResourceError
        If all layers together, and drawing what is saved of them, need more memory than allowed.
    """
    size = model.input.size_for((picture.height, picture.width))
    channels = model.input.channels or picture.channels - picture.has_alpha
    plan = model.plan(size, channels, itemsize=np.dtype(options.dtype).itemsize)
    check_peak(plan, picture.name, options.max_memory, drawing=save_bytes(save, plan.layers) if save else 0)
    return plan


def check_type(model: Model, dtype: np.dtype[Any], name: str) -> None:
    """Refuse a type to compute in that a model does not: `name` is what the user calls it.

    Raises
    ------
    ParameterError
        If it is an ONNX model, or whole numbers are asked of a network that has fractions, or makes some.
    """
    if model.takes is not None:
        raise ParameterError(f"{name} is for network files: an ONNX model computes in its own types (leave it out)")
    if isinstance(model, FileModel) and dtype.kind == "i":
        network_in(model.network, dtype)


def check_options(model: Model, plan: NetworkPlan, options: NetworkOptions) -> None:
    """Refuse options that this network makes nothing of.

    Raises
    ------
    ParameterError
        If another computing type is asked of an ONNX model, or softmax of what has been through a sigmoid, of maps,
        or of one value.
    """
    if options.dtype != DEFAULTS.dtype:
        check_type(model, np.dtype(options.dtype), "--dtype")
    if not options.softmax or plan.failure:
        return
    shape = next((layer.shape for layer in plan.layers if layer.name == plan.ending.layer), ())
    if plan.ending.kind == "sigmoid":
        raise ParameterError("--softmax takes scores, and the network ends in sigmoids: probabilities, each by itself")
    if min(shape, default=1) > 0 and max(shape, default=1) != math.prod(shape):
        raise ParameterError(f"--softmax takes a vector, and the network ends in {' x '.join(map(str, shape))} maps")
    if set(shape) == {1}:
        raise ParameterError("--softmax takes scores of two classes or more, and the network ends in one value")


def check_peak(plan: NetworkPlan, name: str, limit: int | None, *, drawing: int = 0) -> None:
    """Raise if a network, and drawing what is saved of it, take more bytes for a picture than allowed.

    Raises
    ------
    ResourceError
        With what it needs, and what is allowed.
    """
    need = plan.peak_bytes + drawing
    if limit is not None and need > limit:
        raise ResourceError(
            f"{quoted(name)}: the network needs {bytes_text(need)} for it, the limit is {bytes_text(limit)} "
            f"(--max-memory {need} raises it)"
        )


def classify(
    picture: Picture, model: Model, options: NetworkOptions = DEFAULTS, save: Save | None = None
) -> NetworkResult:
    """Return what every layer makes of a picture; `save` is what will be written of them.

    Raises
    ------
    ShapeError
        If the picture does not fit the network.
    ResourceError
        If all layers together need more memory than allowed; nothing has been computed then.
    """
    plan = plan_picture(picture, model, options, save)
    outputs = model.run(picture_input(picture, model, options.dtype), threads=options.threads)
    layers = measure_layers(plan.layers, outputs)
    prediction = predict(plan.ending, outputs, model.classes, softmax=options.softmax)
    notes = [*picture.notes, *model.remarks, *prediction.notes]
    stored, fed = (picture.height, picture.width), model.input.size_for((picture.height, picture.width))
    if stored != fed:
        has, made = ("x".join(map(str, size)) for size in (stored, fed))
        notes.append(f"{has} made {made} for the network ({model.input.resize})")
    if model.input.range == "unit" and picture.dtype.kind == "f" and picture.white not in (0.0, 1.0):
        notes.append(f"its values go beyond 1, so they are divided by {picture.white:g} (--range stored keeps them)")
    strange = [layer.name for layer in layers if layer.strange]
    if strange:
        notes.append(f"NaN or infinite values first in layer {strange[0]}")
    return NetworkResult(
        source=picture.name, network=model.name, layers=layers, prediction=prediction, notes=tuple(notes)
    )
