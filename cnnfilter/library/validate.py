"""Plain values held to msgspec types, with messages for people: line, dotted field, expected, got."""

from __future__ import annotations

import re
from typing import Any, NoReturn, TypeVar

import msgspec

from cnnfilter.errors import closest
from cnnfilter.library.numbers import describe
from cnnfilter.library.strict import Document
from cnnfilter.library.strict.places import Steps

Model = TypeVar("Model")

#: What msgspec calls a type, and what people call it.
_WORDS = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "nothing",
}
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]")


def convert(document: Document, model: type[Model], value: Any = ..., steps: Steps = ()) -> Model:
    """Return a part of a document as `model`.

    Parameters
    ----------
    document
        Where it is from.
    model
        A msgspec Struct, with ``forbid_unknown_fields``.
    value
        The part; all of the document unless given.
    steps
        Where in the document the part is.

    Raises
    ------
    KernelFileError
        If it does not fit: path, line, dotted field, what was expected and what was got.
    """
    whole = document.value if value is ... else value
    try:
        return msgspec.convert(whole, model, strict=True)
    except msgspec.ValidationError as error:
        _explain(document, model, whole, steps, str(error))


def _explain(document: Document, model: Any, value: Any, steps: Steps, message: str) -> NoReturn:
    """Say a msgspec message in our words, at its line."""
    reason, _, where = message.partition(" - at `")
    inner = _steps(where.rstrip("`"))
    missing = re.search(r"missing required field `(.+)`", reason)
    if missing:
        document.fail((*steps, *inner), f"{missing[1]} is missing")
    unknown = re.search(r"unknown field `(.+)`", reason)
    if unknown:
        known = _fields(model, inner)
        near = closest(unknown[1], known)
        hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known)}"
        place = (*steps, *inner, unknown[1])
        document.fail((*steps, *inner), f"unknown key {describe(unknown[1])} ({hint})", at=place)
    document.fail((*steps, *inner), _plain(reason, _at(value, inner)))


def _steps(where: str) -> Steps:
    """Return a msgspec path as steps; ``[...]`` stands for a key that msgspec does not name."""
    steps: list[str | int] = []
    for match in _STEP.finditer(where.removeprefix("$").removeprefix("key in $")):
        if match[2] == "...":
            break
        steps.append(int(match[2]) if match[2] else match[1])
    return tuple(steps)


def _at(value: Any, steps: Steps) -> Any:
    """Return the value at `steps`."""
    for step in steps:
        value = value[step]
    return value


def _fields(model: Any, steps: Steps) -> list[str]:
    """Return the keys that the struct at `steps` of `model` has."""
    info = msgspec.inspect.type_info(model)
    for step in steps:
        options = [info, *getattr(info, "types", ())]
        for option in options:
            fields = {item.encode_name: item.type for item in getattr(option, "fields", ())}
            inner = fields.get(str(step)) or getattr(option, "item_type", None)
            if inner is not None:
                info = inner
                break
    options = [info, *getattr(info, "types", ())]
    return [item.encode_name for option in options for item in getattr(option, "fields", ())]


def _plain(reason: str, value: Any) -> str:
    """Return ``Expected `x`, got `y` `` in words."""
    match = re.match(r"Expected `([^`]+)`(.*?)(?:, got `[^`]+`)?$", reason)
    if match is None:
        return f"{reason[:1].lower()}{reason[1:]}, got {describe(value)}"
    kinds = [_WORDS.get(kind, kind) for kind in match[1].split(" | ") if kind != "null"]
    return f"expected {' or '.join(kinds)}{match[2]}, got {describe(value)}"
