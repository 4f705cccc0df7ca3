"""What stands on a contact sheet beside the maps: the picture that they are of, and their kernels."""

from __future__ import annotations

from collections.abc import Sequence

from cnnfilter.core.arrays import Array
from cnnfilter.images.arrange import Arrangement
from cnnfilter.images.picture import Picture
from cnnfilter.images.tiles import kernel_picture, picture_tile
from cnnfilter.library.kernel import Kernel
from cnnfilter.run.render import Extras


def extras_of(sheet: Arrangement, picture: Picture, kernels: Sequence[Sequence[Kernel]]) -> Extras:
    """Return what a sheet asks for: the picture, and a kernel for each map that has a single one."""
    beside: list[Array | None] = []
    if sheet.with_kernels:
        beside = [kernel_picture(own[0].weights) if len(own) == 1 else None for own in kernels]
    return Extras(picture_tile(picture) if sheet.with_input else None, tuple(beside))
