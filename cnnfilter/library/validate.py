"""Plain values held to msgspec types, with messages for people: line, dotted field, expected, got."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, NoReturn, TypeVar

import msgspec

from cnnfilter.errors import closest
from cnnfilter.library.document import Document, Steps
from cnnfilter.library.numbers import describe

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
        try:
            return msgspec.convert(whole, model, strict=True)
        except msgspec.ValidationError as error:
            _explain(document, model, whole, steps, str(error))
    except UnicodeEncodeError:
        document.fail(steps, "holds half of a surrogate pair, which is no text (save the file as UTF-8)")


def _explain(document: Document, model: Any, value: Any, steps: Steps, message: str) -> NoReturn:
    """Say a msgspec message in our words, at its line."""
    reason, where = _parted(message)
    while "..." in where:  # msgspec does not say which key of a mapping
        place = where[: where.index("...")]
        key, message = _culprit(model, value, place)
        reason, where = _parted(message)
        where = (*place, key, *where[len(place) + 1 :])
    missing = re.search(r"missing required field `(.+)`", reason)
    if missing:
        document.fail((*steps, *where), f"{missing[1]} is missing")
    unknown = re.search(r"unknown field `(.+)`", reason)
    if unknown:
        known = _fields(model, where)
        near = closest(unknown[1], known)
        hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known)}"
        document.fail(
            (*steps, *where),
            f"unknown key {describe(unknown[1])} ({hint})",
            at=(*steps, *where, unknown[1]),
        )
    document.fail((*steps, *where), _plain(reason, _at(value, where)))


def _parted(message: str) -> tuple[str, Steps]:
    """Return what a msgspec message says, and the steps to where; ``...`` stands for a key that it does not name."""
    reason, _, where = message.partition(" - at ")
    found = (match[1] or match[2] for match in _STEP.finditer(where.replace("`", "")))
    return reason, tuple(int(step) if step.isdecimal() else step for step in found)


def _culprit(model: Any, value: Any, place: Steps) -> tuple[str, str]:
    """Return the first key of the mapping at `place` that does not fit, and what msgspec says of it alone."""
    for key, item in _at(value, place).items():
        try:
            msgspec.convert(_with(value, place, {key: item}), model, strict=True)
        except msgspec.ValidationError as error:
            message = str(error)
            where = _parted(message)[1]
            if all(found in ("...", step) for found, step in zip(where, place, strict=False)):
                return key, message  # and not about something after the mapping
    raise AssertionError("a mapping was refused, but none of its keys")


def _with(value: Any, steps: Steps, new: Any) -> Any:
    """Return `value` with what is at `steps` replaced."""
    if not steps:
        return new
    copy: Any = dict(value) if isinstance(value, dict) else list(value)
    copy[steps[0]] = _with(value[steps[0]], steps[1:], new)
    return copy


def _at(value: Any, steps: Steps) -> Any:
    """Return the value at `steps`."""
    for step in steps:
        value = value[step]
    return value


@lru_cache(maxsize=8)
def _type_info(model: Any) -> Any:
    """Return what msgspec knows of a type; a file of many mistakes asks for each of them."""
    return msgspec.inspect.type_info(model)


def _fields(model: Any, steps: Steps) -> list[str]:
    """Return the keys that the struct at `steps` of `model` has."""
    options = _options(_type_info(model))
    for step in steps:
        inner = []
        for option in options:
            fields = {item.encode_name: item.type for item in getattr(option, "fields", ())}
            inner += [fields.get(str(step)), getattr(option, "item_type", None), getattr(option, "value_type", None)]
        options = [option for info in inner if info is not None for option in _options(info)]
    return [item.encode_name for option in options for item in getattr(option, "fields", ())]


def _options(info: Any) -> list[Any]:
    """Return the types that a msgspec type may be."""
    if isinstance(info, msgspec.inspect.Metadata):
        info = info.type
    return [option for item in getattr(info, "types", ()) for option in _options(item)] or [info]


def _plain(reason: str, value: Any) -> str:
    """Return ``Expected `x`, got `y` `` in words."""
    match = re.match(r"Expected `([^`]+)`(.*?)(?:, got `[^`]+`)?$", reason)
    if match is None:
        return f"{reason[:1].lower()}{reason[1:]}, got {describe(value)}"
    kinds = [_WORDS.get(kind, kind) for kind in match[1].split(" | ") if kind != "null"]
    return f"expected {' or '.join(kinds)}{match[2]}, got {describe(value)}"
