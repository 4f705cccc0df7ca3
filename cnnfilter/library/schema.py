"""What a kernel file may hold, and the JSON Schema that is published from it.

Imported only when a file of the user's is read, or the schema is written: msgspec costs its import.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from cnnfilter.errors import KernelFileError
from cnnfilter.library.document import Document, Steps
from cnnfilter.library.numbers import MatrixError, describe, matrix, number
from cnnfilter.library.spec import canonical
from cnnfilter.library.validate import convert

_FRACTION = r"^\s*[-+]?[0-9.]*(\*?sqrt\([0-9]+\))?([eE][-+]?[0-9]+)?(/[0-9.]*(\*?sqrt\([0-9]+\))?)?\s*$"
_TEXT = {"type": "string", "minLength": 1}

#: Parts of the published schema that msgspec's types cannot say; a type marked with ``x-part`` points to one.
_PARTS: dict[str, Any] = {
    "Number": {
        "description": "A number, or a fraction or root such as 1/16 or sqrt(2)/4.",
        "anyOf": [{"type": "number"}, {"type": "string", "pattern": _FRACTION}],
    },
    "Row": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/Number"}},
    "Plane": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/Row"}},
    "Vector": {
        "description": "Numbers, as a list or as text parted by spaces.",
        "anyOf": [_TEXT, {"$ref": "#/$defs/Row"}],
    },
    "Matrix": {
        "description": "Rows of numbers: lists, or text whose rows end in ; or a new line. Three levels make it 3-D.",
        "anyOf": [
            _TEXT,
            {"$ref": "#/$defs/Row"},
            {"$ref": "#/$defs/Plane"},
            {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/Plane"}},
        ],
    },
}

#: The keys of which every kernel has one.
_FORMS = ("matrix", "outer", "generator", "spec")

#: As many mistakes as are listed of one file.
MOST_MISTAKES = 100

Name = Annotated[str, Meta(pattern=r"^\w[\w.+-]{0,79}$", description="Letters, digits, and . + - _ after the first.")]
Number = Annotated[int | float | str, Meta(extra_json_schema={"x-part": "Number"})]
Matrix = Annotated[str | list[Any], Meta(extra_json_schema={"x-part": "Matrix"})]
Vector = Annotated[str | list[Any], Meta(extra_json_schema={"x-part": "Vector"})]
Parameters = dict[str, bool | int | float | str]


class Outer(Struct, forbid_unknown_fields=True, frozen=True):
    """A column times a row."""

    column: Vector
    row: Vector


class Variant(Struct, forbid_unknown_fields=True, frozen=True):
    """How another tool means the same name: what differs from the entry around it."""

    note: Annotated[str, Meta(description="How this variant differs, in a line.")] = ""
    matrix: Matrix | UnsetType = UNSET
    outer: Outer | UnsetType = UNSET
    spec: str | UnsetType = UNSET
    parameters: Parameters = {}
    scale: Number | UnsetType = UNSET
    offset: Number | UnsetType = UNSET


class KernelEntry(Struct, forbid_unknown_fields=True, frozen=True):
    """One kernel: exactly one of matrix, outer, generator and spec says its weights."""

    title: Annotated[str, Meta(description="What it is, in a line.")] = ""
    family: Annotated[str, Meta(description="The shelf it stands on, such as gradient.")] = ""
    source: Annotated[str, Meta(description="Paper or standard: authors, title, year.")] = ""
    aliases: Annotated[list[Name], Meta(description="Other names that find it.")] = []
    description: Annotated[str, Meta(description="What it does to a picture.")] = ""
    formula: Annotated[str, Meta(description="How the weights are computed.")] = ""
    matrix: Matrix | UnsetType = UNSET
    outer: Annotated[Outer | UnsetType, Meta(description="A separable kernel: its column and its row.")] = UNSET
    generator: Annotated[str | UnsetType, Meta(description="A formula of the program, such as gaussian.")] = UNSET
    parameters: Annotated[Parameters, Meta(description="Of the generator: what differs from its defaults.")] = {}
    spec: Annotated[str | UnsetType, Meta(description="Another kernel, changed: kirsch-n:rotate=45.")] = UNSET
    scale: Annotated[Number | UnsetType, Meta(description="Every weight is multiplied by it.")] = UNSET
    offset: Annotated[Number | UnsetType, Meta(description="What the original tool adds to 8-bit results.")] = UNSET
    variants: Annotated[dict[Name, Variant], Meta(description="Other tools' versions.")] = {}


class BankEntry(Struct, forbid_unknown_fields=True, frozen=True):
    """A bank: kernel specs in order."""

    kernels: Annotated[list[str], Meta(min_length=1, description="Specs; each may sweep.")]
    title: str = ""
    family: str = ""
    source: str = ""
    aliases: list[Name] = []
    description: str = ""


class KernelFileSchema(Struct, forbid_unknown_fields=True, frozen=True):
    """A file of kernels and banks for cnnfilter."""

    kernels: dict[Name, KernelEntry | Matrix] = {}
    banks: dict[Name, BankEntry] = {}
    schema: Annotated[str, Meta(description="Where this schema is.")] = msgspec.field(default="", name="$schema")


def check_kernel_file(document: Document) -> None:
    """Hold a document to the schema.

    Raises
    ------
    KernelFileError
        At the first thing that is not as it should be: path, line, dotted field, what was expected and what was got.
    """
    value = document.value
    if value is None:
        document.fail((), "the file is empty (expected kernels: or a matrix)")
    if isinstance(value, list) or (isinstance(value, str) and any(mark in value for mark in " ;,\n")):
        return _check_matrix(document, (), value)
    if not isinstance(value, dict):
        document.fail((), f"expected kernels: or a matrix, got {describe(value)}")
    for kind in ("kernels", "banks"):
        if isinstance(value.get(kind), dict):
            for error in _name_mistakes(document, kind, value[kind]):
                raise error
    top = convert(document, KernelFileSchema)
    if not top.kernels and not top.banks:
        document.fail((), "holds no kernels (expected kernels: with a name and a matrix)")
    for name, kernel in top.kernels.items():
        _check_kernel(document, ("kernels", name), kernel)
    return None


class Mistakes(NamedTuple):
    """What is wrong with a document.

    Attributes
    ----------
    listed
        The first MOST_MISTAKES, by line.
    more
        How many kernels and banks have mistakes beside those.
    rest
        What is left of the document without all of them.
    """

    listed: list[KernelFileError]
    more: int
    rest: dict[str, Any]


def mistakes(document: Document) -> Mistakes:
    """Return the mistakes in a document: each is taken out, and the rest of its kernel or bank is checked again."""
    value = copy.deepcopy(document.value)
    if not isinstance(value, dict) or not all(isinstance(value.get(kind, {}), dict) for kind in ("kernels", "banks")):
        return Mistakes([error] if (error := _mistake(document, value)) else [], 0, {})
    found: list[KernelFileError] = []
    rest: dict[str, Any] = {"kernels": {}, "banks": {}}
    top = {key: item for key, item in value.items() if key not in rest}
    placeholder = {"kernels": {"k": "1"}}  # a file of none is another mistake
    while (error := _mistake(document, {**placeholder, **top})) is not None:
        found.append(error)
        if top.pop(error.steps[0] if error.steps else None, None) is None:
            break
    more = 0
    for kind in rest:
        table = value.get(kind, {})
        for error in _name_mistakes(document, kind, table):
            found.append(error)
            del table[error.steps[-1]]
        for name, item in table.items():
            part = {kind: {name: item}}
            wrong = _mistakes_of(document, part, 1 if len(found) >= MOST_MISTAKES else MOST_MISTAKES)
            rest[kind] |= part[kind] if wrong[1] else {}
            more += bool(wrong[0]) and len(found) >= MOST_MISTAKES
            found += wrong[0] if len(found) < MOST_MISTAKES else []
    if not found and not (rest["kernels"] or rest["banks"]):
        return Mistakes([error] if (error := _mistake(document, value)) else [], 0, rest)
    listed = sorted(found, key=lambda error: error.line or 0)
    return Mistakes(listed[:MOST_MISTAKES], more + max(0, len(found) - MOST_MISTAKES), rest)


def _mistake(document: Document, value: Any) -> KernelFileError | None:
    """Return the first mistake in a value of a document."""
    try:
        check_kernel_file(document._replace(value=value))
    except KernelFileError as error:
        return error
    return None


def _mistakes_of(document: Document, part: dict[str, Any], most: int) -> tuple[list[KernelFileError], bool]:
    """Return the mistakes of one kernel or bank, each taken out of it, and whether something sound is left."""
    found: list[KernelFileError] = []
    for _ in range(most):
        error = _mistake(document, part)
        if error is None:
            return found, True
        if not any(earlier.steps[: len(error.steps)] == error.steps for earlier in found):
            found.append(error)  # else something lacks only since it was taken out
        if not _take_out(part, error.steps) or not all(part.values()):
            break
    return found, False


def _take_out(value: Any, steps: Steps) -> bool:
    """Take out the key that is wrong, or the kernel whose weights are; say whether there was one."""
    if len(steps) < 2:
        return False
    depth = 2
    if len(steps) > 2:
        depth = 4 if steps[2] == "variants" and len(steps) > 3 else 2 if steps[2] in (*_FORMS, "kernels") else 3
    for step in steps[: depth - 1]:
        if not isinstance(value, dict) or step not in value:
            return False
        value = value[step]
    key = steps[depth - 1]
    if not isinstance(value, dict) or key not in value:
        return False
    del value[key]
    return True


def _name_mistakes(document: Document, kind: str, table: dict[str, Any]) -> list[KernelFileError]:
    """Return what is wrong with names: those that cannot be typed, and those that are one to the search."""
    found: list[KernelFileError] = []
    seen: dict[str, str] = {}
    for key in table:
        try:
            msgspec.convert(key, Name)
        except (msgspec.ValidationError, UnicodeEncodeError):  # half of a surrogate pair
            reason = f"{describe(key)} is not a name (letters, digits, and . + - _ after the first; at most 80)"
            found.append(document.mistake((kind,), reason, at=(kind, key)))
            continue
        first = seen.setdefault(canonical(key), key)
        if first != key:
            reason = f"is the same name as {first}: case and _ or - make no difference"
            found.append(document.mistake((kind, key), reason))
    return found


def _check_kernel(document: Document, steps: Steps, kernel: KernelEntry | str | list[Any]) -> None:
    """Check what the types cannot say of one kernel."""
    if isinstance(kernel, str | list):
        return _check_matrix(document, steps, kernel)
    forms = [form for form in _FORMS if getattr(kernel, form) is not UNSET]
    if len(forms) != 1:
        got = " and ".join(forms) or "none of them"
        document.fail(steps, f"expected one of matrix, outer, generator and spec, got {got}")
    if kernel.parameters and kernel.generator is UNSET:
        document.fail((*steps, "parameters"), "only a kernel with a generator has parameters")
    _check_weights(document, steps, kernel)
    for name, variant in kernel.variants.items():
        _check_weights(document, (*steps, "variants", name), variant)
    return None


def _check_weights(document: Document, steps: Steps, entry: KernelEntry | Variant) -> None:
    """Check the numbers of a kernel or of a variant."""
    if entry.matrix is not UNSET:
        _check_matrix(document, (*steps, "matrix"), entry.matrix)
    if entry.outer is not UNSET:
        for side in ("column", "row"):
            _check_vector(document, (*steps, "outer", side), getattr(entry.outer, side))
    for key in ("scale", "offset"):
        value = getattr(entry, key)
        try:
            if value is not UNSET:
                number(value)
        except ValueError as error:
            document.fail((*steps, key), str(error))


def _check_matrix(document: Document, steps: Steps, value: Any) -> None:
    """Check a matrix; an error has the line of its row."""
    try:
        matrix(value)
    except MatrixError as error:
        document.fail(steps, str(error), at=(*steps, *error.steps))


def _check_vector(document: Document, steps: Steps, value: Any) -> None:
    """Check one side of an outer product."""
    try:
        rows = matrix(value)
    except MatrixError as error:
        document.fail(steps, str(error))
    if len(rows) != 1 or isinstance(rows[0][0], list):
        document.fail(steps, "expected one row of numbers")


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a kernel file."""
    entry = msgspec.json.schema(KernelFileSchema, ref_template="#/$defs/{name}")
    definitions: dict[str, Any] = _with_parts(entry["$defs"])
    whole = definitions.pop("KernelFileSchema")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Kernel file of cnnfilter",
        "anyOf": [whole, {"$ref": "#/$defs/Matrix"}],
        "$defs": definitions | _PARTS,
    }


def _with_parts(value: Any) -> Any:
    """Return a schema in which every type marked with ``x-part`` points to its part."""
    if isinstance(value, list):
        return [_with_parts(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "x-part" in value:
        return {"$ref": f"#/$defs/{value['x-part']}"}
    return {key: _with_parts(item) for key, item in value.items() if not (key == "default" and item is None)}


def write_schema(path: Path) -> None:
    """Write the JSON Schema; a test says so when the published one is old."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(json_schema()), indent=2) + b"\n")
