"""Activations at work: as they are typed, checked, and applied to every value or along an axis."""

from __future__ import annotations

import math
import numbers
import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from cnnfilter.core.activations import ACTIVATIONS
from cnnfilter.core.arrays import Array, computing_type, doubt_first_axis, real_array
from cnnfilter.core.missing import along_present, ignores
from cnnfilter.core.rows import for_each
from cnnfilter.errors import ParameterError, ShapeError, lookup

Parameters: TypeAlias = dict[str, Any]

#: Values of a block: with its result and scratch beside it, it stays in a second-level cache.
BLOCK = 1 << 16
#: Blocks that a thread takes at a time.
RUN = 8
#: Each thread's memory for intermediate values.
_buffers = threading.local()
#: The largest float32: a parameter beyond it would be infinite.
LARGEST_PARAMETER = (2 - 2**-23) * 2.0**127

#: The smallest float32 with all its digits: what is divided by must not become 0.
SMALLEST_DIVISOR = 2.0**-126
#: What gelu's `approximate` may be.
APPROXIMATIONS = ("none", "tanh")


def activate(
    image: ArrayLike,
    name: str,
    *,
    axis: int | None = None,
    missing: str = "propagate",
    threads: int | None = None,
    **parameters: Any,
) -> Array:
    """Apply an activation to every value of an array, or along one of its axes.

    Parameters
    ----------
    image
        An array of any shape and real type: an image, feature maps, a vector of scores. float64 is computed in
        float64, everything else in float32.
    name
        A name in `ACTIVATIONS`, or one of its aliases.
    axis
        For softmax, log-softmax, softmin, glu, and prelu with several weights: the axis along which they work. By
        default a vector's only axis, or the channel axis of an image ``(C, H, W)`` or ``(N, C, H, W)``. Weights of
        prelu in any other number are spread over the array from its last axis on, as in ONNX: for an image
        ``(3, 4, 5)``, three weights are one for each channel (PyTorch), five one for each column.
    missing
        ``propagate``: softmax and its kind give NaN all along an axis with NaN in it. ``ignore``: NaN is a value that
        is missing; the others share what there is, and it stays NaN.
    threads
        At most this many; all cores by default. The result does not depend on it.
    **parameters
        The activation's own parameters, by the names in `ACTIVATIONS`. The defaults are PyTorch's.

    Returns
    -------
    numpy.ndarray
        An array of the same shape; glu halves the axis.

    Raises
    ------
    UnknownNameError
        If the activation or a parameter is unknown.
    ParameterError
        If a value is of the wrong kind or out of its range, or the axis does not exist or cannot be guessed.
    ShapeError
        If the array is empty, glu's axis cannot be halved, or prelu's weights are not as many as the channels.

    Warns
    -----
    LayoutWarning
        If softmax, its kin or glu take an array's first axis, and its channels seem to come last.

    Notes
    -----
    Infinities and NaN are values like any other and raise no warning. Beyond input and output it takes about a
    megabyte for each thread; an input whose axes lie in another order in memory is copied once.

    References
    ----------
    .. [1] D. Hendrycks and K. Gimpel, "Gaussian error linear units", 2016, arXiv:1606.08415.
    .. [2] D. Misra, "Mish: a self regularized non-monotonic activation function", 2019, arXiv:1908.08681.

    Examples
    --------
    >>> activate([-2, -1, 0, 1], "leaky-relu", negative_slope=0.5)
    array([-1. , -0.5,  0. ,  1. ], dtype=float32)
    >>> activate([2.5, 1.8, 0.2], "softmax").round(2)
    array([0.63, 0.31, 0.06])
    """
    values = real_array(image, "image")
    if values.size == 0:
        raise ShapeError(f"the image is empty: shape {values.shape}")
    name, full = check_activation(name, parameters)
    over_what_is_there = ignores(missing)
    if axis is not None and not takes_axis(name):
        raise ParameterError(f"{name} takes no axis: it works on each value alone")
    if axis is None and ACTIVATIONS[name].over_axis:
        doubt_first_axis(image)
    if name == "glu":
        return _glu(values, find_axis(values.shape, axis, name), threads)
    if name == "prelu" and real_array(full["weight"], "weight of prelu").size != 1:
        return _prelu(values, axis, full["weight"], threads)
    if ACTIVATIONS[name].over_axis:
        axis = find_axis(values.shape, axis, name)

        def along(values: Array) -> Array:
            return _along_axis(values, axis, ACTIVATIONS[name].function, threads)

        return along_present(along, values, name) if over_what_is_there else along(values)
    return _cell_by_cell(values, _cell_function(name, full), threads)


def elementwise(name: str, **parameters: Any) -> Callable[[Array], None]:
    """Return a function that applies an activation in place to a float32 or float64 block of any shape.

    Parameters
    ----------
    name
        An activation that works on each value alone.
    **parameters
        Its parameters.

    Raises
    ------
    UnknownNameError
        If the activation or a parameter is unknown.
    ParameterError
        If a parameter is wrong, or the activation works along an axis.

    Examples
    --------
    >>> block = np.array([[-1.0, 2.0, -3.0]])
    >>> elementwise("relu")(block)
    >>> block
    array([[0., 2., 0.]])
    """
    name, full = check_activation(name, parameters)
    if ACTIVATIONS[name].over_axis:
        raise ParameterError(f"{name} works along an axis, not on each value alone (use activate)")
    function = _cell_function(name, full)

    def apply(block: Array) -> None:
        flat = np.ascontiguousarray(block).reshape(-1)
        with np.errstate(all="ignore"):
            for start in range(0, flat.size, BLOCK):
                out = flat[start : start + BLOCK]
                x, spare = _scratch(2, out.shape, out.dtype)
                np.copyto(x, out)
                function(x, out, spare)
        if not np.shares_memory(flat, block):
            block[...] = flat.reshape(block.shape)

    return apply


def _cell_function(name: str, parameters: dict[str, Any]) -> Callable[..., None]:
    """Return the function ``(x, out, spare)`` of an activation with these parameters."""
    if name == "prelu":
        weight = real_array(parameters["weight"], "weight of prelu")
        if weight.size != 1:
            raise ParameterError(f"prelu with {weight.size} weights works along an axis (use activate)")
        parameters = {"weight": weight.item()}
    return partial(ACTIVATIONS[name].function, **parameters)


def _prelu(values: Array, axis: int | None, weight: Any, threads: int | None) -> Array:
    """Return prelu with a weight for each cell of the axis, or with weights spread over the array as NumPy does."""
    weights = real_array(weight, "weight of prelu").astype(computing_type(values))
    channels = values.shape[-3] if values.ndim in (3, 4) else values.shape[0] if values.ndim == 1 else 0
    if axis is not None or weights.shape == (channels,):
        axis = find_axis(values.shape, axis, "prelu")
        if weights.shape != (values.shape[axis],):
            raise ShapeError(
                f"prelu has weights {weights.shape} for {values.shape[axis]} channels: give one, or one for each"
            )
        return _along_axis(values, axis, partial(ACTIVATIONS["prelu"].function, weight=weights[:, None]), threads)
    try:
        slopes = np.broadcast_to(weights, values.shape)
    except ValueError:
        raise ShapeError(
            f"prelu has weights {weights.shape} for {channels or 'no'} channels and an array {values.shape}: give one, "
            "one for each channel, or weights that NumPy spreads over the array"
        ) from None
    out: Array = np.array(values, computing_type(values))  # a copy
    with np.errstate(all="ignore"):
        np.multiply(out, slopes, out=out, where=out < 0)
    return out


def _scratch(count: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> list[Array]:
    """Return `count` arrays of this thread's, whatever they hold: fresh memory would cost more than the work."""
    size = math.prod(shape)
    needed = count * max(size, BLOCK) * dtype.itemsize
    kept: Array | None = getattr(_buffers, "kept", None)
    if kept is None or kept.nbytes < needed:
        raw = np.empty(needed + 64, np.uint8)
        start = -raw.ctypes.data % 64  # on a cache line: vectors that straddle two lines are slower
        kept = _buffers.kept = raw[start : start + needed]
    return list(kept[: count * size * dtype.itemsize].view(dtype).reshape((count, *shape)))


def _cell_by_cell(values: Array, function: Callable[..., None], threads: int | None) -> Array:
    """Return `function` of every value, block by block."""
    out: Array = np.empty(values.shape, computing_type(values))
    source, target = _readable(values).reshape(-1), out.reshape(-1)

    def work(start: int) -> None:
        for first in range(start, min(start + RUN * BLOCK, target.size), BLOCK):
            _compute(function, source[first : first + BLOCK], target[first : first + BLOCK])

    for_each(work, range(0, target.size, RUN * BLOCK), threads)
    return out


def _along_axis(values: Array, axis: int, function: Callable[..., None], threads: int | None) -> Array:
    """Return `function` of blocks ``(outer, axis, inner)``, each with the whole axis."""
    length, inner = values.shape[axis], math.prod(values.shape[axis + 1 :])
    out: Array = np.empty((values.size // (length * inner), length, inner), computing_type(values))
    source = _readable(values).reshape(out.shape)
    columns = min(inner, max(1, BLOCK // length))
    rows = max(1, BLOCK // (length * columns)) if columns == inner else 1

    def work(corner: tuple[int, int]) -> None:
        here = slice(corner[0], corner[0] + rows), slice(None), slice(corner[1], corner[1] + columns)
        _compute(function, source[here], out[here])

    corners = [(row, column) for row in range(0, len(out), rows) for column in range(0, inner, columns)]
    for_each(work, corners, threads)
    return out.reshape(values.shape)


def _readable(values: Array) -> Array:
    """Return the values in the order of their axes in memory, copied only where they are not."""
    return values if values.flags.c_contiguous else values.astype(computing_type(values), order="C")


def _compute(function: Callable[..., None], x: Array, out: Array) -> None:
    """Call `function` on one block, converted first if it has to be."""
    spare, converted = _scratch(2, out.shape, out.dtype)
    if x.dtype != out.dtype or not x.flags.aligned:
        np.copyto(converted, x)
        x = converted
    function(x, out, spare)


def _glu(values: Array, axis: int, threads: int | None) -> Array:
    """Return the first half along the axis, times the sigmoid of the second half."""
    halved(values.shape, axis)
    first, second = np.split(values, 2, axis=axis)
    out = activate(second, "sigmoid", threads=threads)
    with np.errstate(all="ignore"):
        out *= first
    return out


def halved(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    """Return the shape that glu leaves.

    Raises
    ------
    ShapeError
        If the axis has an odd number of cells.

    Examples
    --------
    >>> halved((4, 5, 6), 0)
    (2, 5, 6)
    """
    if shape[axis] % 2:
        raise ShapeError(f"glu halves axis {axis}, which has {shape[axis]} cells; it needs an even number")
    return (*shape[:axis], shape[axis] // 2, *shape[axis + 1 :])


def find_axis(shape: tuple[int, ...], axis: int | None, name: str) -> int:
    """Return the axis that is meant, from 0: the one given, a vector's only one, or an image's channels.

    Raises
    ------
    ParameterError
        If there is no such axis, or none is meant.
    """
    if axis is not None:
        if isinstance(axis, bool) or not isinstance(axis, int) or not -len(shape) <= axis < len(shape):
            raise ParameterError(f"{name}: no axis {axis!r} in an array of shape {shape}")
        return axis % len(shape)
    if len(shape) in (1, 3, 4):
        return 1 if len(shape) == 4 else 0
    if len(shape) == 2 and 1 in shape:
        return shape.index(max(shape))  # a row or a column of scores is a vector
    raise ParameterError(f"{name} needs an axis: an array of shape {shape} has no channels (axis=-1 is along each row)")


def activation_name(name: str) -> str:
    """Return the name in `ACTIVATIONS` that `name`, in any common spelling, stands for.

    Raises
    ------
    UnknownNameError
        If no activation has that name.

    Examples
    --------
    >>> activation_name("Swish"), activation_name("leaky_relu")
    ('silu', 'leaky-relu')
    """
    word = str(name).strip().lower().replace("_", "-")
    known = {alias: official for official, facts in ACTIVATIONS.items() for alias in facts.aliases}
    known.update({official: official for official in ACTIVATIONS})
    return lookup(known, word, "activation")


def check_activation(name: str, parameters: Mapping[str, Any]) -> tuple[str, Parameters]:
    """Return the official name, and all its parameters with the defaults filled in.

    Raises
    ------
    UnknownNameError
        If the activation or one of its parameters is unknown.
    ParameterError
        If a value is of the wrong kind or outside its range.

    Examples
    --------
    >>> check_activation("hard-tanh", {"max": 2})
    ('hard-tanh', {'min': -1.0, 'max': 2})
    """
    name = activation_name(name)
    defaults = ACTIVATIONS[name].parameters
    if parameters and not defaults:
        raise ParameterError(f"{name} takes no parameters, got {', '.join(parameters)}")
    full: Parameters = dict(defaults)
    for key, value in parameters.items():
        lookup(defaults, key, f"parameter of {name}")
        if isinstance(defaults[key], str):
            lookup(dict.fromkeys(APPROXIMATIONS), str(value), f"{key} of {name}")
        elif key != "weight" and (isinstance(value, bool) or not isinstance(value, numbers.Real)):
            raise ParameterError(f"{name}: {key} must be a number, got {value!r}")
        full[key] = value
    _check_ranges(name, full)
    return name, full


def _check_ranges(name: str, values: Parameters) -> None:
    """Refuse the values for which a formula has no meaning."""
    if name == "hard-tanh" and not values["min"] <= values["max"]:
        raise ParameterError(f"hard-tanh: min must not be above max, got {values['min']} and {values['max']}")
    if name in ("softshrink", "hardshrink") and not values["lambd"] >= 0:
        raise ParameterError(f"{name}: lambd must be 0 or more, got {values['lambd']}")
    for key in ("negative_slope", "alpha", "beta", "lambd"):
        if not abs(values.get(key, 0)) <= LARGEST_PARAMETER:
            raise ParameterError(f"{name}: {key} must be a finite number that float32 holds, got {values[key]}")
    for key in ("min", "max", "threshold", "value"):
        if math.isnan(values.get(key, 0)):
            raise ParameterError(f"{name}: {key} must be a number, got {values[key]}")
    if name == "softplus" and not values["beta"] > 0:
        raise ParameterError(f"softplus: beta must be above 0, got {values['beta']}")
    if name == "celu" and not values["alpha"] != 0:
        raise ParameterError("celu: alpha must not be 0")
    if name == "celu" and abs(values["alpha"]) < SMALLEST_DIVISOR:
        raise ParameterError(f"celu: alpha must not be 0 in float32, got {values['alpha']}")


def parse_activation(text: str) -> tuple[str, Parameters]:
    """Return the name and the parameters of an activation as it is typed, ``NAME[:param=value,...]``.

    Several weights of prelu are separated by ``|``. A parameter that is not given is left out; ``axis`` is
    among the parameters where it is given.

    Raises
    ------
    UnknownNameError
        If the activation or one of its parameters is unknown.
    ParameterError
        If the text has another form, or a value is not what the parameter needs.

    Examples
    --------
    >>> parse_activation("leaky-relu:negative_slope=0.1")
    ('leaky-relu', {'negative_slope': 0.1})
    >>> parse_activation("softmax:axis=-1"), parse_activation("prelu:weight=0.1|0.2")
    (('softmax', {'axis': -1}), ('prelu', {'weight': [0.1, 0.2]}))
    """
    word, colon, rest = text.partition(":")
    name = activation_name(word)
    parameters: Parameters = {}
    for item in rest.split(",") if colon else []:
        key, equals, value = (part.strip() for part in item.partition("="))
        if not (key and equals and value):
            example = next(iter(ACTIVATIONS[name].parameters), "axis")
            raise ParameterError(f"{text!r}: {item!r} is not param=value, as in {name}:{example}=...")
        if key in parameters:
            raise ParameterError(f"{text!r} gives {key} twice")
        parameters[key] = _parse_value(name, key, value)
    check_activation(name, {key: value for key, value in parameters.items() if key != "axis"})
    if "axis" in parameters and not takes_axis(name):
        raise ParameterError(f"{name} takes no axis: it works on each value alone")
    return name, parameters


def _parse_value(name: str, key: str, text: str) -> Any:
    """Read one parameter's value: a word, a whole number for axis, a number, or several weights."""
    if isinstance(ACTIVATIONS[name].parameters.get(key), str):
        return text
    try:
        if key == "axis":
            return int(text)
        if key == "weight" and "|" in text:
            return [_number(part) for part in text.split("|")]
        return _number(text)
    except ValueError:
        raise ParameterError(f"{name}: {key} must be a number, got {text!r}") from None


def _number(text: str) -> float:
    """Read a number; NaN is none."""
    value = float(text)
    if math.isnan(value):
        raise ValueError(text)
    return value


def takes_axis(name: str) -> bool:
    """Return whether an activation has an axis: softmax and its kin, and prelu with a weight per channel."""
    return ACTIVATIONS[name].over_axis or name == "prelu"
