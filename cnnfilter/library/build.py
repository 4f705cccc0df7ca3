"""From an entry of a kernel file, and the parameters that a spec gives, to a kernel."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from cnnfilter.errors import CnnFilterError, KernelFileError, ParameterError, lookup
from cnnfilter.library.catalog import Entry
from cnnfilter.library.generators import generator
from cnnfilter.library.generators.grid import Array
from cnnfilter.library.kernel import Kernel
from cnnfilter.library.numbers import MatrixError, matrix, number, row_note
from cnnfilter.library.parameters import Generator, Parameter, read_parameters, unknown_parameter
from cnnfilter.library.transform import COMMON, COMMON_NAMES, apply_common

#: How an entry's `spec` is loaded: the text of the spec, to one kernel.
LoadOne = Callable[[str], Kernel]

#: A size that cuts off more than this share of a formula's mass is worth a word.
CUT_LIMIT = 0.01


class Made(NamedTuple):
    """An entry's weights before its scale, what is to be said about them, and what the original tool adds."""

    weights: Array
    warnings: tuple[str, ...] = ()
    offset: float = 0.0


def build_kernel(entry: Entry, given: Mapping[str, str], load_one: LoadOne) -> Kernel:
    """Return the kernel that an entry describes.

    Parameters
    ----------
    entry
        Of kind ``kernel``.
    given
        The spec's parameters as text: the generator's, and those that every kernel has.
    load_one
        Loads the kernel that an entry with ``spec:`` is made from.

    Raises
    ------
    ParameterError
        If a given parameter is unknown or out of range.
    KernelFileError
        If the entry's own values are.
    """
    data = _with_variant(entry, given.get("variant"))
    own = {key: value for key, value in given.items() if key not in (*COMMON_NAMES, "variant", "name")}
    made = _make(entry, data, own, load_one)
    with np.errstate(over="ignore"):  # the loader refuses what is not finite
        weights = made.weights * number(data["scale"]) if "scale" in data else made.weights
    return Kernel(
        name=label(entry.name, given),
        spec=entry.name + typed(given, ":"),
        weights=finish(entry.name, weights, given),
        title=entry.title,
        family=entry.family,
        source=entry.source,
        formula=str(data.get("formula", "")),
        origin=entry.path,
        warnings=made.warnings,
        offset=number(data.get("offset", made.offset)),
    )


def finish(name: str, weights: Array, given: Mapping[str, str]) -> Array:
    """Return weights after the parameters that every kernel takes."""
    common = {key: given[key] for key in COMMON_NAMES if key in given}
    try:
        with np.errstate(all="ignore"):  # the loader refuses what is not finite
            return apply_common(weights, read_parameters(name, COMMON, common))
    except ParameterError as error:
        text = str(error)
        raise error if text.startswith(f"{name}: ") else ParameterError(f"{name}: {text}") from None


def _with_variant(entry: Entry, variant: str | None) -> dict[str, Any]:
    """Return the entry's data with a variant's laid over it."""
    data = dict(entry.data)
    if variant is None:
        return data
    over = lookup(data.get("variants", {}), variant, f"variant of {entry.name}")
    if any(form in over for form in ("matrix", "outer", "spec")):
        for form in ("matrix", "outer", "spec", "generator", "parameters", "scale", "offset"):
            data.pop(form, None)
    merged = {**data.get("parameters", {}), **over.get("parameters", {})}
    data.update(over)
    return {**data, "parameters": merged} if merged else data


def _make(entry: Entry, data: Mapping[str, Any], own: dict[str, str], load_one: LoadOne) -> Made:
    """Return an entry's weights from whichever of its forms it has."""
    if "generator" in data:
        return _generated(entry, data, own)
    if own:
        known = [*COMMON_NAMES, *(["variant"] if data.get("variants") else []), "name"]
        raise unknown_parameter(entry.name, next(iter(own)), known)
    if "spec" in data:
        try:
            kernel = load_one(data["spec"])
        except KernelFileError:
            raise  # it says where already
        except CnnFilterError as error:
            entry.document.fail(entry.place("spec"), str(error))
        return Made(kernel.weights, kernel.warnings, kernel.offset)
    if "outer" in data:
        column, row = (np.array(matrix(data["outer"][side])[0]) for side in ("column", "row"))
        return Made(np.outer(column, row))
    try:
        rows = matrix(data["matrix"])
    except MatrixError as error:
        entry.document.fail(entry.place("matrix"), str(error), at=entry.place("matrix", *error.steps))
    flat = isinstance(data["matrix"], str) or not isinstance(data["matrix"][0], list)
    return Made(np.array(rows), row_note(rows) if flat else ())


def _generated(entry: Entry, data: Mapping[str, Any], own: dict[str, str]) -> Made:
    """Return a generator's weights."""
    try:
        maker = generator(data["generator"])
    except CnnFilterError as error:
        entry.document.fail(entry.place("generator"), str(error))
    preset = data.get("parameters", {})
    try:
        read_parameters(data["generator"], maker.parameters, preset)
    except CnnFilterError as error:
        entry.document.fail(entry.place("parameters"), str(error))
    known = {parameter.name for parameter in maker.parameters}
    for key in own:
        if key not in known:
            raise unknown_parameter(entry.name, key, [*known, *COMMON_NAMES])
    values = read_parameters(entry.name, maker.parameters, {**preset, **own})
    return _call(entry.name, maker, values, chosen=bool(own))


def _call(name: str, maker: Generator, values: Mapping[str, Any], *, chosen: bool) -> Made:
    """Return a generator's weights, and a warning where a size that was chosen cuts off more than CUT_LIMIT."""
    arguments = {key.replace("-", "_"): value for key, value in values.items()}
    refusal = ParameterError(f"{name}: these parameters give weights that are not finite (use less extreme ones)")
    try:
        with np.errstate(all="ignore"):  # what is not finite is refused below
            weights = maker.function(**arguments)
        kept = maker.kept(**arguments) if chosen and maker.kept is not None else 1.0
    except (OverflowError, ZeroDivisionError):  # Python's own numbers raise where NumPy's are not finite
        raise refusal from None
    if not np.isfinite(weights).all():
        raise refusal
    cut = 1 - kept
    if cut <= CUT_LIMIT:
        return Made(weights)
    rows, columns = weights.shape[-2:]
    return Made(weights, (f"{name}: size {rows}x{columns} cuts off {cut:.1%} of it (use a larger size)",))


def label(name: str, given: Mapping[str, str]) -> str:
    """Return the name of a kernel with its parameters: ``-theta45`` for numbers, ``-bessel`` for words.

    Examples
    --------
    >>> label("gaussian", {"sigma": "2", "form": "bessel"})
    'gaussian-sigma2-bessel'
    """
    words = (f"-{value}" if value[:1].isalpha() else f"-{key}{value}" for key, value in given.items())
    return file_label(given.get("name") or name + "".join(words))


def typed(given: Mapping[str, str], start: str) -> str:
    """Return parameters as a spec goes on with them; the first ones begin with ``:``, more with a comma.

    Examples
    --------
    >>> "gabor:theta=45" + typed({"scale": "2"}, ",")
    'gabor:theta=45,scale=2'
    """
    return start * bool(given) + ",".join(f"{key}={value}" for key, value in given.items())


def parameter_values(entry: Entry, given: Mapping[str, str]) -> dict[str, Any]:
    """Return every parameter of an entry's formula with the value that `given` leaves it; none for a matrix."""
    data = _with_variant(entry, given.get("variant"))
    if "generator" not in data:
        return {}
    own = {key: value for key, value in given.items() if key not in (*COMMON_NAMES, "variant", "name")}
    return read_parameters(entry.name, generator(data["generator"]).parameters, {**data.get("parameters", {}), **own})


def parameters_of(entry: Entry) -> tuple[Parameter, ...]:
    """Return the parameters of an entry's formula, with the entry's own values as defaults; none for a matrix."""
    if "generator" not in entry.data:
        return ()
    table = generator(entry.data["generator"]).parameters
    preset = read_parameters(entry.name, table, entry.data.get("parameters", {}))
    return tuple(parameter._replace(default=preset[parameter.name]) for parameter in table)


def file_label(text: str) -> str:
    """Return a label that is safe in file names on every system.

    Examples
    --------
    >>> file_label("gabor-theta22.5"), file_label("../a b")
    ('gabor-theta22.5', 'a_b')
    """
    text = re.sub(r"[^\w.+-]+", "_", text).strip("._-+ ")
    return text[:100] or "kernel"
