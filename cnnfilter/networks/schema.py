"""What a network file may hold, and the JSON Schema that is published from it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct, field

from cnnfilter.errors import CnnFilterError, lookup
from cnnfilter.library.document import Document
from cnnfilter.library.numbers import describe
from cnnfilter.library.validate import convert

Name = Annotated[str, Meta(pattern=r"^\w[\w.+-]{0,79}$", description="Letters, digits, and . + - _ after the first.")]
Count = Annotated[int, Meta(ge=1)]
Size = Annotated[int | str | list[int], Meta(description="n, or rows and columns: 2, '2,3' or [2, 3].")]
Padding = Annotated[
    int | str | list[Any],
    Meta(description="valid, same, full, n, 'rows,cols', 'top,bottom,left,right' or [[top, bottom], [left, right]]."),
]
Weights = Annotated[
    int | float | str | list[Any],
    Meta(
        description="FILE.npz#NAME, FILE.npy or FILE.safetensors#NAME beside the network file; #NAME of the file that "
        "the network's own weights names; or numbers in place, as lists or as text whose rows end in a semicolon."
    ),
]
Ratio = Annotated[float | list[float], Meta(description="Between 0 and 1: one number, or rows and columns.")]


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


class LayerEntry(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """What every layer has."""

    name: Annotated[Name | None, Meta(description="Its kind and a number where left out: conv1.")] = None
    from_: Annotated[
        str | list[str], Meta(description="The layers that it takes, or input; the one before where left out.")
    ] = field(default=[], name="from")


class Conv(LayerEntry, tag_field="kind", tag="conv", frozen=True, kw_only=True):
    """Convolution: one of kernels and weights, (K, C/groups, kH, kW)."""

    kernels: Annotated[str | list[str], Meta(description="Kernel specs, as on the command line.")] = []
    weights: Weights | None = None
    bias: Weights | None = None
    stride: Size = 1
    padding: Padding = "valid"
    padding_mode: str = "zeros"
    dilation: Size = 1
    groups: Count = 1
    flip: bool = False


class ConvTranspose(LayerEntry, tag_field="kind", tag="conv-transpose", frozen=True, kw_only=True):
    """Transposed convolution: weights (C, K/groups, kH, kW)."""

    weights: Weights
    bias: Weights | None = None
    stride: Size = 1
    padding: Padding = 0
    output_padding: Size = 0
    dilation: Size = 1
    groups: Count = 1


class Activation(LayerEntry, tag_field="kind", tag="activation", frozen=True, kw_only=True):
    """An activation, written as on the command line: leaky-relu:negative_slope=0.1."""

    activation: str
    weights: Annotated[Weights | None, Meta(description="Of prelu: one number, or one for each channel.")] = None


class Pool(LayerEntry, tag_field="kind", tag="pool", frozen=True, kw_only=True):
    """Pooling over windows, over everything (global), to a size (adaptive), or over random windows (fractional)."""

    pool: Annotated[
        str,
        Meta(description="max, min, avg, sum or lp; or all of it as on the command line: max:3:2:ceil, global-avg."),
    ]
    mode: Literal["window", "global", "adaptive", "fractional"] = "window"
    size: Size | None = None
    stride: Size | None = None
    padding: Padding = 0
    dilation: Size = 1
    ceil_mode: bool = False
    count_include_pad: bool = True
    p: float = 2
    output_size: Size | None = None
    output_ratio: Ratio | None = None
    seed: int = 0


class Normalize(LayerEntry, tag_field="kind", tag="normalize", frozen=True, kw_only=True):
    """Batch norm with stored statistics, (x - mean) / sqrt(variance + epsilon) * weights + bias; or min-max to 0..1."""

    method: Literal["batch", "minmax"] = "batch"
    mean: Weights | None = None
    variance: Weights | None = None
    weights: Weights | None = None
    bias: Weights | None = None
    epsilon: Annotated[float, Meta(ge=0)] = 1e-5
    over: Annotated[Literal["image", "channel"], Meta(description="What min-max stretches as one.")] = "image"


class Flatten(LayerEntry, tag_field="kind", tag="flatten", frozen=True, kw_only=True):
    """Maps to one vector: channel after channel, row after row."""


class Dense(LayerEntry, tag_field="kind", tag="dense", frozen=True, kw_only=True):
    """Weighted sums of all inputs: weights (out, in)."""

    weights: Weights
    bias: Weights | None = None


class Dropout(LayerEntry, tag_field="kind", tag="dropout", frozen=True, kw_only=True):
    """Nothing at inference: the values pass as they are."""

    p: Annotated[float, Meta(ge=0, le=1)] = 0.5


class Softmax(LayerEntry, tag_field="kind", tag="softmax", frozen=True, kw_only=True):
    """Scores to probabilities: over a vector, or over the channels of maps."""


class Add(LayerEntry, tag_field="kind", tag="add", frozen=True, kw_only=True):
    """The sum of two or more layers of one shape."""


class Concat(LayerEntry, tag_field="kind", tag="concat", frozen=True, kw_only=True):
    """The channels of two or more layers, one after the other."""


AnyLayer = (
    Conv | ConvTranspose | Activation | Pool | Normalize | Flatten | Dense | Dropout | Softmax | Add | Concat
)  # fmt: skip

#: Every kind of layer, and what its entry may hold.
LAYER_KINDS: dict[str, type[LayerEntry]] = {
    "conv": Conv,
    "conv-transpose": ConvTranspose,
    "activation": Activation,
    "pool": Pool,
    "normalize": Normalize,
    "flatten": Flatten,
    "dense": Dense,
    "dropout": Dropout,
    "softmax": Softmax,
    "add": Add,
    "concat": Concat,
}


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
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Network file of cnnfilter",
        **schema,
    }


def write_schema(path: Path) -> None:
    """Write the JSON Schema; a test says so when the published one is old."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(json_schema()), indent=2) + b"\n")
