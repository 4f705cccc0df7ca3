"""Kernels as pictures: a tile for each, and a sheet of them."""

from __future__ import annotations

from collections.abc import Sequence

from cnnfilter.core.arrays import Array
from cnnfilter.images.colour import largest_of, signed_colour
from cnnfilter.images.draw import LONGEST_NUMBERED
from cnnfilter.images.grid_page import GridPage, draw_grid
from cnnfilter.images.sheet import contact_sheet
from cnnfilter.images.tiles import kernel_picture
from cnnfilter.images.write import encode_image
from cnnfilter.library.kernel import Kernel
from cnnfilter.text import distinct


def kernel_tiles(kernels: Sequence[Kernel]) -> tuple[list[Array], tuple[str, ...]]:
    """Return pixels ``(H, W, C)`` and a name of its own for each kernel, or for each of its channels.

    A kernel of three channels is one tile in colour, as filters over red, green and blue are drawn; of any other
    number, a tile each, blue below 0 and orange above. Each kernel is stretched by itself around 0, so that
    weak ones show too.
    """
    tiles: list[Array] = []
    names: list[str] = []
    for kernel in kernels:
        planes = kernel.weights if kernel.weights.ndim == 3 else kernel.weights[None]
        if len(planes) in (1, 3):
            tiles.append(kernel_picture(planes))
            names.append(kernel.name)
        else:
            tiles += [kernel_picture(plane) for plane in planes]
            names += [f"{kernel.name}/{channel}" for channel in range(len(planes))]
    return tiles, distinct(names)


def kernel_png(kernel: Kernel) -> bytes:
    """Return a kernel as a PNG: its numbers in cells, or, of a large or deep one, its tiles."""
    weights = kernel.weights
    if weights.ndim != 2 or max(weights.shape) > LONGEST_NUMBERED:
        return kernels_png([kernel])
    cells = [[f"{value:.4g}" for value in row] for row in weights]
    size = f"{weights.shape[0]} x {weights.shape[1]}"
    page = GridPage(
        title=kernel.name, place=kernel.title or size, values=weights, cells=cells, corner=(0, 0), colour=signed_colour,
        largest=largest_of(weights), note=f"sum {weights.sum():.6g}",
    )  # fmt: skip
    return encode_image(draw_grid(page), "png")


def kernels_png(kernels: Sequence[Kernel]) -> bytes:
    """Return kernels as the PNG of a contact sheet."""
    tiles, names = kernel_tiles(kernels)
    return encode_image(contact_sheet(tiles, names), "png")
