"""What a network file may hold, and the JSON Schema that is published from it."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union

import msgspec
from msgspec import Meta, Struct, field

from cnnfilter.errors import CnnFilterError, lookup
from cnnfilter.library.document import Document
from cnnfilter.library.numbers import describe
from cnnfilter.library.validate import convert
from cnnfilter.networks.layers import LAYER_KINDS
from cnnfilter.networks.layers.base import Count, LayerEntry, Size, Weights


class InputEntry(Struct, forbid_unknown_fields=True, frozen=True):
    """What the first layer takes, and how a picture becomes that."""

    channels: Annotated[Count, Meta(description="1 takes the luma of a colour picture.")] = 1
    size: Annotated[Size | None, Meta(description="Rows and columns; any size where left out.")] = None
    range: Annotated[
        Literal["stored", "unit"], Meta(description="stored: values as they are; unit: divided by white, to 0..1.")
    ] = "stored"
    mean: Annotated[Weights, Meta(description="Subtracted after range: one number, or one for each channel.")] = 0
    std: Annotated[Weights, Meta(description="Divided by after mean: one number, or one for each channel.")] = 1
    resize: Annotated[
        Literal["stretch", "crop", "letterbox", "none"],
        Meta(
            description="How another size is made to fit: stretch, crop (shorter side, then the middle), letterbox "
            "(longer side, gray 114 of 255 around it), or refuse."
        ),
    ] = "stretch"
    order: Annotated[
        Literal["RGB", "BGR"], Meta(description="Order of the colours; mean and std are in that order.")
    ] = "RGB"
    example: Annotated[
        str | list[Any] | None, Meta(description="Numbers that run where no image is given: 'rows; of numbers'.")
    ] = None


class ModelInput(InputEntry, forbid_unknown_fields=True, frozen=True):
    """The input of an ONNX model: what the model itself says stays as it is."""

    channels: Count | None = None  # type: ignore[assignment]
    layout: Literal["NCHW", "NHWC"] | None = None


class Description(Struct, forbid_unknown_fields=True, frozen=True):
    """What stands in MODEL.onnx.yaml, beside a model."""

    input: ModelInput = ModelInput()
    classes: list[str] = []


if TYPE_CHECKING:
    AnyLayer = LayerEntry
else:
    #: An entry of any kind of layer, told by its kind.
    AnyLayer = Union[tuple(LAYER_KINDS.values())]  # noqa: UP007 - of types that are known at run time


class NetworkFile(Struct, forbid_unknown_fields=True, frozen=True):
    """A network for cnnfilter: an input, and layers from the picture to the class."""

    layers: Annotated[list[AnyLayer], Meta(min_length=1, max_length=10_000)]
    input: InputEntry = InputEntry()
    name: Annotated[str, Meta(description="What the network is called; the file's name where left out.")] = ""
    description: str = ""
    weights: Annotated[str, Meta(description="The file that weights such as #conv1.weight are in.")] = ""
    classes: Annotated[list[str], Meta(description="What the values of the last layer stand for, in order.")] = []
    schema: Annotated[str, Meta(description="Where this schema is.")] = field(default="", name="$schema")


def check_network_file(document: Document) -> NetworkFile:
    """Hold a document to the schema.

    Raises
    ------
    KernelFileError
        At the first thing that is not as it should be: path, line, dotted field, what was expected and what was got.
    """
    value = document.value
    try:
        return msgspec.convert(value, NetworkFile, strict=True)
    except msgspec.ValidationError:
        _explain_layers(document)
        return convert(document, NetworkFile)


def _explain_layers(document: Document) -> None:
    """Raise for the first layer that is wrong, by the rules of its own kind."""
    value = document.value
    if not isinstance(value, dict):
        document.fail((), f"expected input: and layers:, got {describe(value)}")
    layers = value.get("layers")
    for index, entry in enumerate(layers if isinstance(layers, list) else ()):
        steps = ("layers", index)
        if not isinstance(entry, dict):
            document.fail(steps, f"expected a layer, as in {{kind: flatten}}, got {describe(entry)}")
        kind = entry.get("kind")
        if kind is None:
            document.fail(steps, f"kind is missing (one of {', '.join(LAYER_KINDS)})")
        try:
            model = lookup(LAYER_KINDS, str(kind), "layer kind")
        except CnnFilterError as error:
            document.fail((*steps, "kind"), str(error))
        convert(document, model, entry, steps)


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a network file."""
    schema = msgspec.json.schema(NetworkFile, ref_template="#/$defs/{name}")
    for one in schema["$defs"].values():  # docstrings, which Python indents until 3.12
        one["description"] = inspect.cleandoc(one["description"])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Network file of cnnfilter",
        **schema,
    }


def write_schema(path: Path) -> None:
    """Write the JSON Schema; a test says so when the published one is old."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(json_schema()), indent=2) + b"\n")
