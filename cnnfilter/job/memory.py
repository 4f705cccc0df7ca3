"""What a job takes, from its plans alone: nothing is computed, and no pixel is read, to find out.

There is one figure. `plan` shows it, `--max-memory` is held against it, and a run is refused by it before anything is
computed; a test measures fresh processes and holds them against it too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from cnnfilter.core.strips import thread_count
from cnnfilter.errors import ResourceError
from cnnfilter.files import bytes_text, quoted
from cnnfilter.images.picture import Picture
from cnnfilter.job.maps import MapPlan
from cnnfilter.job.names import DUMP_FORMATS, Output
from cnnfilter.job.options import DTYPES

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


class Sizes(NamedTuple):
    """What the maps of one step hold, in bytes and cells.

    Attributes
    ----------
    channels, cells
        Maps in the end, and the cells of one.
    values
        Bytes of the maps in the end.
    made
        Bytes that there are at once while they are made and held.
    whole
        Whether they have to be held, whatever is made of them.
    """

    channels: int
    cells: int
    values: int
    made: int
    whole: bool

    def held(self, hold: bool) -> int:
        """Return the bytes of the maps that stay; 0 where they are computed strip by strip, each time anew."""
        return self.values if hold or self.whole else 0


def sizes_of(plan: MapPlan) -> Sizes:
    """Return what the maps of a step hold."""
    options = plan.options
    first, second, last = (math.prod(shape) for shape in (plan.computed, plan.activated, plan.shape))
    several = 2 * len(plan.parts) * first if len(plan.parts) > 1 else first  # each by itself, and all in one array
    activated = first + second if options.activation is not None and not plan.fused else 0
    pooled = second + last if options.pool is not None else 0
    itemsize = DTYPES[options.dtype]
    channels, rows, columns = plan.shape
    return Sizes(channels, rows * columns, last * itemsize, max(several, activated, pooled) * itemsize, plan.whole)


def cost_of(request: Request, plans: Sequence[MapPlan], picture: Picture, outputs: Sequence[Output]) -> Cost:
    """Return what a request takes of one picture.

    Parameters
    ----------
    plans
        One for each step of the request.
    outputs
        The files that are made of the picture.

    Raises
    ------
    ShapeError
        If an activation or a pooling does not fit the maps.
    """
    all_sizes = [sizes_of(plan) for plan in plans]
    stacks = [one for one in outputs if one.label is None]
    hold, depth = held_for(request, outputs), 2 if is_deep(picture) else 1
    kept = maps = output = 0
    for index, sizes in enumerate(all_sizes):
        maps = max(maps, kept + (sizes.made if hold or sizes.whole else 0))
        files = [_writing(request, index, sizes, one, hold, depth) for one in outputs if one.label == index]
        output = max(output, kept + sizes.held(hold) + max(files, default=0))
        kept += sizes.held(hold) if stacks or request.keep else 0
    shown = max((one.cells * min(one.channels, 3) for one in all_sizes), default=0) if request.preview else 0
    return Cost(
        reading=picture.reading or picture.nbytes, picture=picture.nbytes,
        working=max((_working(plan, hold, depth) for plan in plans), default=0), maps=maps,
        output=max(output, kept + max([shown, *(_stacking(request, all_sizes, one) for one in stacks)])),
        drawn=max((one.channels * one.cells * depth for one in all_sizes), default=0),
    )  # fmt: skip


def is_deep(picture: Picture) -> bool:
    """Say whether pictures of 16 bits are made of a picture."""
    return picture.dtype.kind == "u" and picture.dtype.itemsize == 2


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


def _working(plan: MapPlan, hold: bool, depth: int) -> int:
    """Return the bytes of the strips that all threads have at hand."""
    drawn = plan.shape[0] in (1, 3) and not (hold or plan.whole)
    threads, itemsize, total = thread_count(plan.options.threads), DTYPES[plan.options.dtype], 0
    for part in plan.parts:
        strips = part.convolution.plan
        cells = strips.rows * strips.sizes.out[1]
        ordered = strips.sizes.filters * cells * itemsize if plan.options.combine == "argmax" else 0  # NumPy's copy
        pixels = STRIP_COPIES * depth * part.channels * cells if drawn else 0
        total = max(total, min(threads, strips.strip_count) * (strips.strip_bytes + ordered + pixels))
    return total


def _writing(request: Request, index: int, sizes: Sizes, output: Output, hold: bool, depth: int) -> int:
    """Return the bytes that are made of one step's maps for one file."""
    if output.format in DUMP_FORMATS.values():
        return sizes.values if request.flatten else 0
    anew = sizes.values - sizes.held(hold)
    display = request.steps[index].auto if request.display == "auto" else request.display
    values = sizes.channels * sizes.cells
    ordered = anew + sizes.values + values if display.startswith("percentile") else 0  # in order, and which are finite
    if sizes.channels not in (1, 3):
        return max(ordered, anew + values + _sheet(sizes.channels, sizes.cells, color=False))
    if output.format == "png":
        return ordered
    pixels = values * (depth if output.format == "tiff" else 1)
    mapped = 3 * sizes.cells if request.colormap else 0
    encoder = ENCODER_BYTES[output.format][sizes.channels == 3 or bool(mapped)] * sizes.cells
    return max(ordered, pixels + mapped + int(encoder))


def _stacking(request: Request, all_sizes: Sequence[Sizes], output: Output) -> int:
    """Return the bytes that are made of all maps together for one file."""
    if output.format in DUMP_FORMATS.values():
        return 0 if output.format == "npz" and not request.flatten else sum(one.values for one in all_sizes)
    color = any(one.channels == 3 for one in all_sizes) or bool(request.colormap)
    tiles = sum(one.cells * (3 if color else 1) for one in all_sizes)
    largest = max(one.cells for one in all_sizes)
    return tiles + (8 if color else 2) * largest + _sheet(len(all_sizes), largest, color=color)


def _sheet(tiles: int, cells: int, *, color: bool) -> int:
    """Return the bytes of a contact sheet: as large as its tiles, but for a bound, and for small ones enlarged."""
    pixels = min(SHEET_PIXELS, tiles * max(cells, 160 * 160))
    return SHEET_BYTES[color] * pixels
