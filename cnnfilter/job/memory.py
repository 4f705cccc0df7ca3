"""What a job takes, from its plans alone: nothing is computed, and no pixel is read, to find out.

There is one figure. `plan` shows it, `--max-memory` is held against it, and a run is refused by it before anything is
computed; a test measures fresh processes and holds them against it too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from cnnfilter.errors import ResourceError
from cnnfilter.files import bytes_text, quoted
from cnnfilter.images.picture import Picture
from cnnfilter.job.maps import MapPlan
from cnnfilter.job.names import DUMP_FORMATS, Output

if TYPE_CHECKING:
    from cnnfilter.job.image import Request

#: Bytes for each pixel that an encoder takes beside the pixels that it is given, gray and colour: what Pillow keeps
#: (RGB in four bytes), the file, and what libwebp works with. Measured.
ENCODER_BYTES = {"jpg": (1.2, 5.0), "tiff": (0.7, 2.0), "webp": (28.0, 25.0)}
#: The pixels of a strip are held as pixels, as filtered rows, and compressed, in each thread and in what waits.
STRIP_COPIES = 3
#: Most pixels of a contact sheet, and the bytes that Pillow and NumPy keep of each.
SHEET_PIXELS, SHEET_BYTES = 4096 * 3072, (2, 7)


class Cost(NamedTuple):
    """The bytes that one picture takes at its worst moment.

    Attributes
    ----------
    reading
        While it is read: the file, and what is made of it.
    picture
        The decoded picture, which stays.
    working
        What all threads have at hand: their strips, and the pixels made of them.
    maps
        Maps that are held, and what they are made from, beside which nothing is written yet.
    output
        Maps that are held and what is made of them: whole pictures, tiles, stacks.
    drawn
        The pixels of the largest map. They are written as they come, so they are no part of the peak; but no one
        wants a picture that is larger than the memory.
    """

    reading: int
    picture: int
    working: int
    maps: int
    output: int
    drawn: int

    @property
    def peak(self) -> int:
        """The most of all moments."""
        return max(self.reading, self.picture + self.working + max(self.maps, self.output))


def cost_of(request: Request, plans: Sequence[MapPlan], picture: Picture, outputs: Sequence[Output]) -> Cost:
    """Return what a request takes of one picture.

    Parameters
    ----------
    plans
        One for each step of the request.
    outputs
        The files that are made of the picture.
    """
    stacked = any(output.label is None for output in outputs)
    held = held_for(request, outputs)
    kept = maps = output = 0
    for index, plan in enumerate(plans):
        maps = max(maps, kept + plan.making(held))
        stays = plan.holding(held)
        mine = [one for one in outputs if one.label == index]
        output = max(output, kept + stays + max((_writing(request, index, plan, one, held) for one in mine), default=0))
        kept += stays if stacked or request.keep else 0
    shown = max((plan.cells * min(plan.shape[0], 3) for plan in plans), default=0) if request.preview else 0
    stacks = [_stacking(request, plans, one) for one in outputs if one.label is None]
    return Cost(
        reading=picture.reading or picture.nbytes, picture=picture.nbytes,
        working=max((_working(plan, held, picture) for plan in plans), default=0), maps=maps,
        output=max(output, kept + max([shown, *stacks])),
        drawn=max((math.prod(plan.shape) * (2 if plan.deep else 1) for plan in plans), default=0),
    )  # fmt: skip


def held_for(request: Request, outputs: Sequence[Output]) -> bool:
    """Say whether all maps are held, for dumps, tables, sheets and measures; pictures are made strip by strip."""
    return request.keep or any(one.label is None or one.format in DUMP_FORMATS.values() for one in outputs)


def check_cost(cost: Cost, name: str, limit: int | None) -> None:
    """Raise if a picture would take more bytes than allowed.

    Raises
    ------
    ResourceError
        With what it needs, and what is allowed.
    """
    if limit is not None and cost.drawn > max(limit, cost.peak):
        raise ResourceError(
            f"{quoted(name)}: the map has {bytes_text(cost.drawn)} of pixels, the limit is {bytes_text(limit)} "
            f"(--max-memory {cost.drawn} raises it)"
        )
    if limit is not None and cost.peak > limit:
        raise ResourceError(
            f"{quoted(name)}: this needs {bytes_text(cost.peak)} of memory, the limit is {bytes_text(limit)} "
            f"(--max-memory {cost.peak} raises it)"
        )


def _working(plan: MapPlan, held: bool, picture: Picture) -> int:
    """Return the bytes of the strips that all threads have at hand."""
    pixel = 2 if picture.dtype.itemsize == 2 else 1
    streams = not plan.holding(held) and plan.shape[0] in (1, 3)
    total = 0
    for strips, strip_bytes, strip_cells in plan.strips:
        drawn = STRIP_COPIES * pixel * strip_cells if streams else 0
        total = max(total, min(plan.threads, strips) * (strip_bytes + drawn))
    return total


def _writing(request: Request, index: int, plan: MapPlan, output: Output, held: bool) -> int:
    """Return the bytes that are made of one step's maps for one file."""
    values = plan.cells * plan.shape[0] * plan.itemsize
    if output.format in DUMP_FORMATS.values():
        return values if request.flatten else 0
    display = request.steps[index].auto if request.display == "auto" else request.display
    whole = 0 if plan.holding(held) else values
    finite = plan.cells * plan.shape[0] * (plan.itemsize + 1)
    measured = whole + finite if display.startswith("percentile") else 0  # what is finite, in order, and where
    channels = plan.shape[0]
    if channels not in (1, 3):
        return max(measured, whole + channels * plan.cells + _sheet(channels, plan.cells, color=False))
    if output.format == "png":
        return measured
    pixels = plan.cells * channels * (2 if output.format == "tiff" and plan.deep else 1)
    mapped = 3 * plan.cells if request.colormap else 0
    encoder = ENCODER_BYTES[output.format][channels == 3 or bool(mapped)] * plan.cells
    return max(measured, pixels + mapped + int(encoder))


def _stacking(request: Request, plans: Sequence[MapPlan], output: Output) -> int:
    """Return the bytes that are made of all maps together for one file."""
    values = sum(plan.cells * plan.shape[0] * plan.itemsize for plan in plans)
    if output.format in DUMP_FORMATS.values():
        return 0 if output.format == "npz" and not request.flatten else values
    color = any(plan.shape[0] == 3 for plan in plans) or bool(request.colormap)
    tiles = sum(plan.cells * (3 if color else 1) for plan in plans)
    largest = max(plan.cells for plan in plans)
    return tiles + (8 if color else 2) * largest + _sheet(len(plans), largest, color=color)


def _sheet(tiles: int, cells: int, *, color: bool) -> int:
    """Return the bytes of a contact sheet: as large as its tiles, but for a bound, and for small ones enlarged."""
    pixels = min(SHEET_PIXELS, tiles * max(cells, 160 * 160))
    return SHEET_BYTES[color] * pixels
