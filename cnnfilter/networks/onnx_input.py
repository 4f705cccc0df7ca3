"""What an ONNX model takes: its inputs, which of them is the picture, and what is said about that."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from cnnfilter.core.arrays import exactly
from cnnfilter.errors import KernelFileError, ParameterError, ShapeError
from cnnfilter.files import quoted
from cnnfilter.networks.onnx_constants import type_name
from cnnfilter.networks.spec import Array, Input, Sides

#: What numbers of channels look like: they tell which end of an input's shape they are at.
CHANNELS = (1, 3, 4)
#: Types of inputs that numbers can be fed as, by ONNX's numbers for them.
TYPES: dict[int, type[np.generic]] = {
    1: np.float32, 2: np.uint8, 3: np.int8, 4: np.uint16, 5: np.int16, 6: np.int32, 7: np.int64, 9: np.bool_,
    10: np.float16, 11: np.float64, 12: np.uint32, 13: np.uint64,
}  # fmt: skip
#: Where exported models keep what the network file says about the input, and the class names.
METADATA = ("cnnfilter.input", "cnnfilter.classes")


class Feed(NamedTuple):
    """One input of a model: its name, the number of its type, and its sides, None where they are open."""

    name: str
    kind: int
    dims: tuple[int | None, ...] | None

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of its values."""
        return np.dtype(TYPES[self.kind])

    def __str__(self) -> str:
        shape = "any shape" if self.dims is None else f"({', '.join(str(side or '?') for side in self.dims)})"
        return f"{self.name} {type_name(self.kind)} {shape}"


def feeds_of(proto: Any) -> list[Feed]:
    """Return the inputs of a model that no stored array fills."""
    known = {array.name for array in proto.graph.initializer}
    feeds = []
    for one in proto.graph.input:
        if one.name in known:
            continue
        tensor = one.type.tensor_type
        dims = dims_of(one) if tensor.HasField("shape") else None
        feeds.append(Feed(one.name, tensor.elem_type if one.type.HasField("tensor_type") else 0, dims))
    return feeds


def dims_of(value: Any) -> tuple[int | None, ...]:
    """Return the sides of a tensor, None where the model leaves one open."""
    shape = value.type.tensor_type.shape.dim
    return tuple(dim.dim_value if dim.HasField("dim_value") and dim.dim_value > 0 else None for dim in shape)


def picture_feed(feeds: Sequence[Feed], path: str, given: Collection[str] = ()) -> Feed:
    """Return the input that a picture goes to: one of four axes, else of three, that is not given otherwise.

    Raises
    ------
    KernelFileError
        If no input can take a picture.
    """
    fitting = [feed for feed in feeds if feed.kind in TYPES and feed.dims is not None and feed.name not in given]
    for axes in (4, 3):
        found = [feed for feed in fitting if len(feed.dims or ()) == axes]
        if found:
            return min(found, key=_doubts)  # the first of equals
    shown = ", ".join(map(str, feeds)) or "nothing"
    raise KernelFileError(
        path, f"takes {shown}, expected an input of numbers of shape (N, C, H, W), or (C, H, W) without a batch"
    )


def _doubts(feed: Feed) -> int:
    """Return how much speaks against a picture: one place alone (a scale), or more channels than pictures have."""
    layout = layout_of(feed)
    return (sides_of(feed, layout) == (1, 1)) + (channels_of(feed, layout) not in (None, *CHANNELS))


def layout_of(feed: Feed) -> str:
    """Return the order of a picture's axes, NCHW unless the sides say that the channels come last."""
    dims = feed.dims or ()
    first, last = dims[-3], dims[-1]
    return "NHWC" if last in CHANNELS and first not in CHANNELS else "NCHW"


def channels_of(feed: Feed, layout: str) -> int | None:
    """Return how many channels an input takes."""
    dims = feed.dims or ()
    return dims[-3] if layout == "NCHW" else dims[-1]


def sides_of(feed: Feed, layout: str) -> Sides:
    """Return the rows and columns that the model fixes."""
    dims = feed.dims or ()
    return (dims[-2], dims[-1]) if layout == "NCHW" else (dims[-3], dims[-2])


def describe_input(proto: Any, file: Path, feed: Feed) -> tuple[Input, tuple[str, ...], tuple[Path, ...]]:
    """Return the picture's input, the class names, and the files that say so beside the model."""
    layout = layout_of(feed)
    base = Input(channels=channels_of(feed, layout), layout=layout)
    described, classes, files = _described(proto, file, base)
    return fixed_by(feed, described), classes, files


def fixed_by(feed: Feed, expected: Input) -> Input:
    """Return an input with what the model fixes of it, in the order of its axes."""
    rows, columns = sides = sides_of(feed, expected.layout)
    whole = (rows, columns) if rows is not None and columns is not None else None
    channels = channels_of(feed, expected.layout) or expected.channels
    return replace(expected, channels=channels, sides=sides, size=expected.size or whole)


def fitting(feed: Feed, values: Array, path: str) -> Array:
    """Return numbers for an input that is no picture, in its type and shape; an open first side is a batch of one.

    Raises
    ------
    ShapeError
        If they are not as many as the input takes.
    ParameterError
        If its type cannot hold them.
    """
    if feed.kind not in TYPES:
        raise ParameterError(f"{quoted(path)}: input {feed.name!r} takes {type_name(feed.kind)}, which are no numbers")
    made = exactly(values, feed.dtype, f"input {feed.name!r}")
    if feed.dims is None:
        return made
    if made.ndim == len(feed.dims) - 1 and feed.dims[0] in (None, 1):
        made = made[None]
    if made.ndim == len(feed.dims):
        wanted = tuple(side or has for side, has in zip(feed.dims, made.shape, strict=True))
    else:
        rest = [side for side in feed.dims[1:] if side]
        first = [side or 1 for side in feed.dims[:1]]
        count = math.prod(first + rest)
        spread = made.size // count if count and made.size % count == 0 else 0
        opened = feed.dims[1:].count(None)
        wanted = (*first, *(side or spread for side in feed.dims[1:])) if opened <= 1 else ()
    if math.prod(wanted) != made.size or (not wanted and feed.dims):
        raise ShapeError(f"{quoted(path)}: input {feed} does not take values of shape {values.shape}")
    return made.reshape(wanted)


def _described(proto: Any, file: Path, base: Input) -> tuple[Input, tuple[str, ...], tuple[Path, ...]]:
    """Return what is said about the input and the classes: in the file beside the model, else in the model."""
    from cnnfilter.library.strict import parse_document, read_document
    from cnnfilter.networks.read_input import read_description

    beside = file.with_name(f"{file.name}.yaml")
    if beside.is_file():
        return (*read_description(read_document(beside), base), (beside,))
    metadata = {item.key: item.value for item in proto.metadata_props}
    if not any(key in metadata for key in METADATA):
        return base, (), ()
    parts = {key.rpartition(".")[2]: metadata[key] for key in METADATA if key in metadata}
    text = "{" + ", ".join(f"{json.dumps(key)}: {value}" for key, value in parts.items()) + "}"
    return (*read_description(parse_document(text.encode(), f"{file}#metadata.json"), base), ())
