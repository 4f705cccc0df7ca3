"""What a file says about a network's input: channels, size, range, mean and std."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np

from cnnfilter.core.shapes import pair
from cnnfilter.library.numbers import MatrixError, matrix
from cnnfilter.library.strict import Document
from cnnfilter.library.validate import convert
from cnnfilter.networks import schema
from cnnfilter.networks.place import Place
from cnnfilter.networks.spec import Input
from cnnfilter.networks.weights import resolve_array


def read_description(document: Document, base: Input) -> tuple[Input, tuple[str, ...]]:
    """Return the input and the class names that the file beside an ONNX model gives it.

    Raises
    ------
    KernelFileError
        If it is not as it should be, or does not fit the model.
    """
    entry = convert(document, schema.Description)
    channels = entry.input.channels
    if None not in (channels, base.channels) and channels != base.channels:
        document.fail(("input", "channels"), f"{channels}, but the model takes {base.channels}")
    made = read_input(document, msgspec.structs.replace(entry.input, channels=channels or base.channels))
    return replace(made, layout=entry.input.layout or base.layout), tuple(entry.classes)


def read_input(document: Document, entry: schema.InputEntry) -> Input:
    """Return the input, its numbers checked."""

    def per_channel(key: str) -> tuple[float, ...]:
        with Place(document, ("input", key)):
            values = np.atleast_1d(resolve_array(getattr(entry, key), Path(), ""))
            if values.ndim != 1 or len(values) not in (1, entry.channels or len(values)):
                document.fail(("input", key), f"expected one number, or one for each of {entry.channels} channels, "
                              f"got shape {values.shape}")  # fmt: skip
            if key == "std" and not values.all():
                document.fail(("input", key), "0 cannot divide")
            return tuple(values.tolist())
        raise AssertionError

    size = None
    if entry.size is not None:
        with Place(document, ("input", "size")):
            size = pair(entry.size, "size")
    example = None
    if entry.example is not None:
        try:
            example = np.array(matrix(entry.example))
        except MatrixError as error:
            document.fail(("input", "example"), str(error))
    return Input(
        channels=entry.channels, size=size, range=entry.range, mean=per_channel("mean"), std=per_channel("std"),
        resize=entry.resize, order=entry.order, example=example,
    )  # fmt: skip
