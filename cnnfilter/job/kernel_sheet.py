"""Kernels as one picture: a tile each, gray where a weight is 0."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import cnnfilter
from cnnfilter.errors import OutputError, lookup
from cnnfilter.files import atomic_output, quoted, same_file
from cnnfilter.images.display import Extent, resolve, to_pixels
from cnnfilter.images.sheet import contact_sheet
from cnnfilter.images.write import encode_image
from cnnfilter.job.names import PICTURE_FORMATS
from cnnfilter.library.kernel import Kernel

Array = np.ndarray[Any, np.dtype[Any]]


def kernel_tiles(kernels: Sequence[Kernel]) -> tuple[list[Array], list[str]]:
    """Return pixels ``(H, W, C)`` and a name for each kernel, or for each of its channels.

    A kernel of three channels is one tile in colour, as filters over red, green and blue are drawn; of any other
    number, a tile each. Each kernel is stretched by itself, with 0 in the middle, so that weak ones show too.
    """
    tiles: list[Array] = []
    names: list[str] = []
    for kernel in kernels:
        planes = kernel.weights if kernel.weights.ndim == 3 else kernel.weights[None]
        most = float(np.abs(planes).max())
        display = resolve("symmetric", 1.0, Extent(-most, most))
        if len(planes) in (1, 3):
            tiles.append(to_pixels(planes, display))
            names.append(kernel.name)
        else:
            tiles += [to_pixels(plane, display) for plane in planes]
            names += [f"{kernel.name}/{channel}" for channel in range(len(planes))]
    return tiles, names


def write_sheet(kernels: Sequence[Kernel], path: str) -> None:
    """Draw kernels as one contact sheet.

    Raises
    ------
    OutputError
        If `path` is one of the kernels' own files, or cannot be written.
    UnknownNameError
        If its ending is no picture format.
    """
    form = lookup(PICTURE_FORMATS, Path(path).suffix.lower().lstrip("."), "picture format")
    for origin in {kernel.origin for kernel in kernels}:
        if Path(path).exists() and Path(origin).exists() and same_file(path, origin):
            raise OutputError(f"{quoted(path)} holds the kernels themselves (choose another -o)")
    tiles, names = kernel_tiles(kernels)
    text = {"Software": f"cnnfilter {cnnfilter.__version__}", "Display": "symmetric, each kernel by itself"}
    data = encode_image(contact_sheet(tiles, names), form, text)
    with atomic_output(path) as file:
        file.write(data)
