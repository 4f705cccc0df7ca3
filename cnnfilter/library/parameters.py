"""The parameters of generated kernels: type, range, unit, default and meaning of each, checked by name."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from cnnfilter.errors import ParameterError, closest
from cnnfilter.library.numbers import MAX_SIDE, describe, number, shown


class Parameter(NamedTuple):
    """One parameter of a generator.

    Parameters
    ----------
    name
        As in ``name=value``.
    kind
        A key of READERS: ``number``, ``whole``, ``size``, ``odd-size``, ``choice`` or ``flag``.
    default
        The value when none is given; None where the generator has a rule.
    meaning
        One line, saying also the rule behind a default of None.
    unit
        ``pixels``, ``degrees``, or nothing.
    above, minimum, maximum
        The range; `above` itself is outside.
    choices
        The texts that a ``choice`` takes.
    """

    name: str
    kind: str
    default: Any
    meaning: str
    unit: str = ""
    above: float | None = None
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()

    @property
    def range(self) -> str:
        """The range in words, such as ``> 0 pixels``."""
        unit = f" {self.unit}" if self.unit else ""
        if self.choices:
            return " or ".join(self.choices)
        if self.kind == "flag":
            return "yes or no"
        if self.kind in ("size", "odd-size"):
            return f"{'odd, ' * (self.kind == 'odd-size')}1 to {MAX_SIDE} pixels"
        if self.above is not None:
            upper = "" if self.maximum is None else f" and at most {self.maximum:g}"
            return f"> {self.above:g}{upper}{unit}"
        if self.minimum is not None and self.maximum is not None:
            return f"{self.minimum:g} to {self.maximum:g}{unit}"
        if self.minimum is not None:
            return f"at least {self.minimum:g}{unit}"
        return f"any number{unit and f' of{unit}'}"


class Generator(NamedTuple):
    """A formula with its parameters.

    Parameters
    ----------
    function
        Takes every parameter by keyword and returns float64 weights.
    parameters
        In the order in which help shows them.
    kept
        Returns the share of the formula's mass that falls inside the size; None where nothing is cut.
    """

    function: Callable[..., Any]
    parameters: tuple[Parameter, ...]
    kept: Callable[..., float] | None = None


def read_parameters(name: str, table: tuple[Parameter, ...], given: Mapping[str, object]) -> dict[str, Any]:
    """Return every parameter of `table` with its value: the given ones checked, the others at their defaults.

    Raises
    ------
    ParameterError
        If one is unknown, of the wrong form, or out of its range.

    Examples
    --------
    >>> table = (Parameter("wavelength", "number", 8.0, "period", unit="pixels", above=0),)
    >>> read_parameters("gabor", table, {"wavelength": "-3"})
    Traceback (most recent call last):
        ...
    cnnfilter.errors.ParameterError: gabor: wavelength must be > 0 pixels, got -3
    """
    known = {parameter.name: parameter for parameter in table}
    for key in given:
        if key not in known:
            raise unknown_parameter(name, key, list(known))
    values = {parameter.name: parameter.default for parameter in table}
    for key, value in given.items():
        values[key] = _read(name, known[key], value)
    return values


def unknown_parameter(name: str, key: str, known: list[str]) -> ParameterError:
    """Return the error for a parameter that `name` does not have."""
    near = closest(key, known)
    hint = f"did you mean {' or '.join(near)}?" if near else f"it has {', '.join(known) or 'none'}"
    return ParameterError(f"{name}: unknown parameter {key!r} ({hint})")


def _read(name: str, parameter: Parameter, value: object) -> Any:
    """Return one value, checked."""
    typed = shown(value) if isinstance(value, str) else describe(value)
    try:
        result = READERS[parameter.kind](value, parameter)
    except ValueError as error:
        reason = str(error) or parameter.range
        raise ParameterError(f"{name}: {parameter.name} must be {reason}, got {typed}") from None
    for item in result if isinstance(result, tuple) else (result,):
        outside = not isinstance(item, str | bool) and not (
            (parameter.above is None or item > parameter.above)
            and (parameter.minimum is None or item >= parameter.minimum)
            and (parameter.maximum is None or item <= parameter.maximum)
        )
        if outside:
            raise ParameterError(f"{name}: {parameter.name} must be {parameter.range}, got {typed}")
    return result


def _number(value: object, parameter: Parameter) -> float:
    """Read a number or a fraction."""
    try:
        return number(value)
    except ValueError:
        unit = f" of {parameter.unit}" if parameter.unit else ""
        raise ValueError(f"a number{unit}") from None


def _whole(value: object, parameter: Parameter) -> int:
    """Read a whole number."""
    try:
        result = number(value)
    except ValueError:
        result = math.nan
    if not result.is_integer():
        raise ValueError("a whole number" + (f" of {parameter.unit}" if parameter.unit else ""))
    return int(result)


def _size(value: object, _: Parameter) -> tuple[int, int]:
    """Read n, or rows,columns."""
    parts: list[Any] = [value]
    if isinstance(value, str):
        parts = value.replace("x", ",").split(",")
    elif isinstance(value, list):
        parts = value
    try:
        sides = [number(part) for part in parts]
    except ValueError:
        sides = []
    if len(sides) not in (1, 2) or not all(side.is_integer() for side in sides):
        raise ValueError("n or rows,columns in whole pixels")
    if min(sides) < 1 or max(sides) > MAX_SIDE:
        raise ValueError(f"1 to {MAX_SIDE} pixels")
    return int(sides[0]), int(sides[-1])


def _odd_size(value: object, parameter: Parameter) -> tuple[int, int]:
    """Read n, or rows,columns, both odd so that there is a centre."""
    sides = _size(value, parameter)
    if not all(side % 2 for side in sides):
        raise ValueError("odd, so that the kernel has a centre")
    return sides


def _choice(value: object, parameter: Parameter) -> str:
    """Read one of the choices."""
    text = str(value).strip().lower().replace("_", "-")
    if text not in parameter.choices:
        raise ValueError(" or ".join(parameter.choices))
    return text


def _flag(value: object, _: Parameter) -> bool:
    """Read yes or no."""
    words = {
        "yes": True,
        "true": True,
        "on": True,
        "1": True,
        "no": False,
        "false": False,
        "off": False,
        "0": False,
    }
    text = str(value).strip().lower()
    if text not in words:
        raise ValueError("yes or no")
    return words[text]


#: How the text of each kind of parameter is read; a ValueError says what it must be.
READERS: dict[str, Callable[[object, Parameter], Any]] = {
    "number": _number,
    "whole": _whole,
    "size": _size,
    "odd-size": _odd_size,
    "choice": _choice,
    "flag": _flag,
}
