"""What may follow exact sums: activations and poolings whose results are whole numbers again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce, wraps
from inspect import signature
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import DTypeLike

from cnnfilter.core.arrays import Array, exactly, real_array, type_of, whole_numbers
from cnnfilter.core.whole import DOUBLE, Bounds, Sums, parts_of
from cnnfilter.errors import ParameterError


def _absolute(values: Array, _: Mapping[str, Any]) -> None:
    """Drop the signs; the lowest number of a type has no counterpart."""
    if values.size and values.min() == np.iinfo(values.dtype).min:
        raise ParameterError(f"the absolute value of {values.min()} does not fit {values.dtype}")
    np.abs(values, out=values)


def _clip(values: Array, parameters: Mapping[str, Any]) -> None:
    """Hold values between two bounds."""
    limits = np.iinfo(values.dtype)
    low, high = (int(min(max(parameters[key], limits.min), limits.max)) for key in ("min", "max"))
    np.clip(values, low, high, out=values)


def _threshold(values: Array, parameters: Mapping[str, Any]) -> None:
    """Replace what is not above a threshold."""
    limits, value = np.iinfo(values.dtype), int(parameters["value"])
    if not limits.min <= value <= limits.max:
        raise ParameterError(f"threshold: value {value} does not fit {values.dtype}")
    np.copyto(values, value, where=values <= parameters["threshold"])


#: Activations whose results are whole numbers: each changes its values in place.
WHOLE_ACTIVATIONS: dict[str, Callable[[Array, Mapping[str, Any]], Any]] = {
    "relu": lambda values, _: np.maximum(values, 0, out=values),
    "relu6": lambda values, _: np.clip(values, 0, 6, out=values),
    "abs": _absolute,
    "step": lambda values, _: np.copyto(values, values > 0),
    "identity": lambda values, _: None,
    "hard-tanh": _clip,
    "threshold": _threshold,
}


def whole_fold(function: Callable[[Array, Array], Array], values: Sequence[Array], name: str) -> Array:
    """Return ``function(function(a, b), c)`` and so on of whole numbers, in their type.

    Raises
    ------
    ParameterError
        If a result does not fit, on the way or in the end.
    """
    dtype = values[0].dtype
    with np.errstate(over="ignore"):
        wide = reduce(function, [one.astype(np.float64) for one in values])
        made = reduce(function, [one.astype(np.int64) for one in values])
    if wide.size and np.abs(wide).max() >= 2.0**63:  # where int64 has gone round, the float shows it
        raise ParameterError(f"{name} comes to {wide.flat[np.abs(wide).argmax()]:.6g}, beyond what int64 holds")
    return exactly(made, dtype, name)


Function = TypeVar("Function", bound=Callable[..., Array])

#: Poolings whose results are whole numbers.
WHOLE_POOLINGS = ("max", "min", "sum")


def in_a_type_asked_for(pool: Function) -> Function:
    """Let a pooling with arguments `image` and `kind` take a ``dtype``: a float to compute in, or whole numbers."""

    @wraps(pool)
    def pooled(*arguments: Any, dtype: DTypeLike | None = None, **options: Any) -> Array:
        if dtype is None:
            return pool(*arguments, **options)
        wanted, given = type_of(dtype), signature(pool).bind(*arguments, **options)
        given.apply_defaults()
        image, kind = (given.arguments.pop(name) for name in ("image", "kind"))
        values = real_array(image, "image")
        if wanted.kind == "f":
            return pool(image=values.astype(wanted), kind=kind, **given.arguments).astype(wanted, copy=False)
        return _pool_whole(lambda part: pool(image=part, kind=kind, **given.arguments), values, kind, wanted)

    return cast("Function", pooled)


def _pool_whole(pool: Callable[[Array], Array], image: Array, kind: str, dtype: np.dtype[Any]) -> Array:
    """Pool whole numbers exactly: sums in parts, if need be."""
    if kind not in WHOLE_POOLINGS:
        raise ParameterError(f"{kind} pooling makes fractions: {', '.join(WHOLE_POOLINGS)} are exact in {dtype}")
    values = whole_numbers(image, "the image")
    extent = Bounds(min(int(values.min(initial=0)), 0), max(int(values.max(initial=0)), 0))
    reach = extent.reach
    if kind != "sum":
        if reach > DOUBLE:
            raise ParameterError(
                f"{kind} pooling in {dtype} takes values up to 2**{DOUBLE}, the image reaches 2**{reach}"
            )
        return exactly(pool(values.astype(np.float64)), dtype, f"the {kind}")
    cells = values.shape[-2] * values.shape[-1]  # that a window holds, at most
    bits = DOUBLE - cells.bit_length()
    parts = parts_of(values, bits if reach > bits else 0, reach)
    made = [(shift, pool(part.astype(np.float64))) for shift, part in parts]
    sums = Sums(np.empty(made[0][1].shape, np.int64), None, Bounds(extent.low * cells, extent.high * cells))
    for shift, part in made:
        sums.add(part, shift)
    return sums.checked(dtype).astype(dtype, copy=False)
