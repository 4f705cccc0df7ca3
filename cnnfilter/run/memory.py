"""What a job takes, from its plans alone: nothing is computed, and no pixel is read, to find out.

There is one figure. `plan` shows it, `--max-memory` is held against it, and a run is refused by it before anything is
computed; a test measures fresh processes and holds them against it too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from cnnfilter.core.rows import thread_count
from cnnfilter.dumps.write import DUMP_FORMATS
from cnnfilter.errors import ResourceError
from cnnfilter.files import bytes_text, quoted
from cnnfilter.images.arrange import sheet_pixels
from cnnfilter.images.picture import Picture
from cnnfilter.run.look import exact_type
from cnnfilter.run.map_plan import MapPlan
from cnnfilter.run.maps import held_rows
from cnnfilter.run.options import DTYPES
from cnnfilter.run.outputs import Output

if TYPE_CHECKING:
    from cnnfilter.run.image import Request

#: Bytes for each pixel that an encoder takes beside the pixels that it is given, gray and colour: what Pillow keeps
#: (RGB in four bytes), the file, and what libwebp works with. Measured.
ENCODER_BYTES = {"jpg": (1.2, 5.0), "tiff": (0.7, 2.0), "webp": (28.0, 25.0)}
#: Bytes for each byte of floats in a TIFF: its strips, compressed, and the file. Rows of repeated values take no more
#: for it, and columns do. Measured.
FLOAT_TIFF_BYTES = 1.8
#: The pixels of a strip are held as pixels, as filtered rows, and compressed, in each thread and in what waits.
STRIP_COPIES = 3
#: Bytes that Pillow and NumPy keep of each pixel of a contact sheet.
SHEET_BYTES = 7


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

    @property
    def all_cells(self) -> int:
        """Cells of all channels."""
        return self.channels * self.cells

    @property
    def is_picture(self) -> bool:
        """Whether the maps are drawn as one picture; more channels become a contact sheet."""
        return self.channels in (1, 3)

    def held(self, hold: bool) -> int:
        """Return the bytes of the maps that stay; 0 where they are computed strip by strip, each time anew."""
        return self.values if hold or self.whole else 0


class Drawing(NamedTuple):
    """What a value becomes in a picture.

    Attributes
    ----------
    zoom
        Pixels along each side of the square that one value becomes; 0 where nothing is drawn.
    streamed
        Pixels of the square in strips that are drawn by themselves: only those of a PNG are enlarged.
    depth
        Bytes of a pixel in each channel.
    alpha
        Channels of transparency that maps of one or three channels get: 1 or none.
    floats
        Bytes of a value in a TIFF that holds the values themselves; 0 where it holds pixels.
    mapped
        Whether a gray becomes a colour.
    signed
        Whether it may on a sheet, on which values of both signs have colours.
    """

    zoom: int
    streamed: int
    depth: int
    alpha: int
    floats: int
    mapped: bool
    signed: bool

    @property
    def area(self) -> int:
        """Pixels of the square that one value becomes."""
        return self.zoom**2

    def on_sheet(self, pixels: int) -> int:
        """Return the bytes of gray pixels of 8 bits as tiles of a sheet."""
        return 3 * pixels if self.mapped or self.signed else pixels

    def colored(self, pixels: int) -> int:
        """Return the bytes of gray pixels of 8 bits once they are coloured."""
        return 3 * pixels if self.mapped else pixels


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


def cost_of(
    request: Request, plans: Sequence[MapPlan], picture: Picture, outputs: Sequence[Output], kinds: Sequence[str]
) -> Cost:
    """Return what a request takes of one picture.

    Parameters
    ----------
    plans
        One for each step of the request.
    outputs
        The files that are made of the picture.
    kinds
        The display mappings that the maps of the steps are shown by.

    Raises
    ------
    ShapeError
        If an activation or a pooling does not fit the maps.
    """
    all_sizes = [sizes_of(plan) for plan in plans]
    hold, together = held_for(request, outputs), made_together(request, outputs)
    drawing, held = _drawing(request, picture, outputs, kinds), [sizes.held(hold) for sizes in all_sizes]
    kept = maps = output = 0
    for index, sizes in enumerate(all_sizes):
        maps = max(maps, kept + (sizes.made if hold or sizes.whole else 0))
        files = [_writing(request, sizes, one, hold, drawing) for one in outputs if one.label == index]
        output = max(output, (sum(held) if together else kept + held[index]) + max(files, default=0))
        kept += held[index] if together or request.keep else 0
    beside = [_stacking(request, all_sizes, one, hold, drawing) for one in outputs if one.label is None]
    if request.scale == "shared" and request.display.startswith("percentile"):
        beside.append(_ordered(all_sizes, hold))
    if request.preview:
        beside.append(sum(drawing.colored(one.all_cells) for one in all_sizes))
    return Cost(
        reading=picture.reading or picture.nbytes, picture=picture.nbytes,
        working=max((_working(plan, hold, drawing) for plan in plans), default=0), maps=maps,
        output=max(output, kept + max(beside, default=0)),
        drawn=max((drawing.area * drawing.depth * one.all_cells for one in all_sizes), default=0),
    )  # fmt: skip


def is_deep(picture: Picture) -> bool:
    """Say whether pictures of 16 bits are made of a picture."""
    return picture.dtype.kind == "u" and picture.dtype.itemsize == 2


def held_for(request: Request, outputs: Sequence[Output]) -> bool:
    """Say whether all maps are held, for dumps, tables, sheets and measures; pictures are made strip by strip."""
    return request.keep or any(one.label is None or one.format in DUMP_FORMATS for one in outputs)


def made_together(request: Request, outputs: Sequence[Output]) -> bool:
    """Say whether the maps of all steps are made before any is written: for one file, or for one mapping of all."""
    return request.scale == "shared" or any(one.label is None for one in outputs)


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


def _drawing(request: Request, picture: Picture, outputs: Sequence[Output], kinds: Sequence[str]) -> Drawing:
    """Return what values become in the pictures that are made."""
    formats = {one.format for one in outputs}.difference(DUMP_FORMATS)
    exact = exact_type(picture, request.options, request.display, request.colormap)
    return Drawing(
        zoom=request.zoom if formats else 0,
        streamed=request.zoom**2 if "png" in formats else min(len(formats), 1),
        depth=2 if is_deep(picture) and not request.colormap else 1,
        alpha=int(picture.has_alpha and not request.colormap),
        floats=DTYPES[exact] if exact else 0,
        mapped=bool(request.colormap),
        signed=not request.colormap
        and request.display in ("auto", "symmetric")
        and any(kind not in ("abs", "clip", "angle") for kind in kinds),
    )


def _working(plan: MapPlan, hold: bool, drawing: Drawing) -> int:
    """Return the bytes of the strips that all threads have at hand."""
    held, (channels, rows, columns) = hold or plan.whole, plan.shape
    drawn = channels + drawing.alpha if channels in (1, 3) else 0
    pixel = STRIP_COPIES * drawing.depth * drawn * drawing.streamed
    threads, itemsize = thread_count(plan.options.threads), DTYPES[plan.options.dtype]
    step = held_rows(channels, columns)
    total = min(threads, -(-rows // step)) * pixel * min(rows, step) * columns if held else 0
    for part in plan.parts:
        strips, gaps = part.convolution.plan, getattr(part.convolution, "gaps", None)
        cells = strips.rows * strips.sizes.out[1]
        ordered = strips.sizes.filters * cells * itemsize if plan.options.combine == "argmax" else 0  # NumPy's copy
        pixels = 0 if held else pixel * cells
        total = max(
            total,
            min(threads, strips.strip_count)
            * (strips.strip_bytes + (gaps.plan.strip_bytes if gaps else 0) + ordered + pixels),
        )
    return total


def _writing(request: Request, sizes: Sizes, output: Output, hold: bool, drawing: Drawing) -> int:
    """Return the bytes that are made of one step's maps for one file."""
    if output.format in DUMP_FORMATS:
        return sizes.values if request.flatten else 0
    anew, carried = sizes.values - sizes.held(hold), drawing.alpha * sizes.is_picture
    if output.format == "tiff" and drawing.floats:
        values = (sizes.all_cells + carried * sizes.cells) * drawing.floats
        enlarged = drawing.area * values if drawing.zoom > 1 else 0
        return anew + carried * values + enlarged + int(FLOAT_TIFF_BYTES * drawing.zoom * values)
    ordered = _ordered([sizes], hold) if _orders_each(request) else 0
    if output.format == "png" and sizes.is_picture:
        return ordered
    return max(ordered, _painting(sizes, output.format, hold, drawing))


def _painting(sizes: Sizes, form: str, hold: bool, drawing: Drawing) -> int:
    """Return the bytes of one step's maps as a whole picture, and of what its encoder makes of them."""
    if not sizes.is_picture:
        tiles, anew = drawing.area * drawing.on_sheet(sizes.all_cells), sizes.values - sizes.held(hold)
        sheet = SHEET_BYTES * sheet_pixels(sizes.channels, drawing.area * sizes.cells)
        return anew + tiles + sheet
    channels = sizes.channels + (drawing.alpha if form != "jpg" else 0)
    pixels = channels * sizes.cells * (drawing.depth if form == "tiff" else 1)
    final = drawing.colored(pixels)
    copies = (final if drawing.mapped else 0) + (drawing.area * final if drawing.zoom > 1 else 0)
    encoder = ENCODER_BYTES[form][sizes.channels == 3 or drawing.mapped] * sizes.cells * drawing.area
    return pixels + copies + int(encoder)


def _ordered(all_sizes: Sequence[Sizes], hold: bool) -> int:
    """Return the bytes that a percentile of maps takes: those made anew, the finite values, and which these are."""
    anew = sum(one.values - one.held(hold) for one in all_sizes)
    finite = sum(one.values for one in all_sizes)
    return anew + (finite if len(all_sizes) == 1 else 2 * finite) + max(one.all_cells for one in all_sizes)


def _stacking(request: Request, all_sizes: Sequence[Sizes], output: Output, hold: bool, drawing: Drawing) -> int:
    """Return the bytes that are made of all maps together for one file."""
    if output.format in DUMP_FORMATS:
        apart = not (DUMP_FORMATS[output.format].one_array or request.flatten)
        return 0 if apart else sum(one.values for one in all_sizes)
    color = any(one.channels == 3 for one in all_sizes) or drawing.mapped or drawing.signed
    pixels = [  # many channels are a sheet themselves
        drawing.area * one.cells if one.is_picture else sheet_pixels(one.channels, drawing.area * one.cells)
        for one in all_sizes
    ]
    tiles = sum(pixels) * (3 if color else 1)
    own = max((drawing.area * drawing.on_sheet(one.all_cells) for one in all_sizes if not one.is_picture), default=0)
    ordered = max(_ordered([one], hold) for one in all_sizes) if _orders_each(request) else 0
    sheet = 8 * max(pixels) + SHEET_BYTES * sheet_pixels(len(pixels), max(pixels))
    return tiles + max(own, ordered, sheet)


def _orders_each(request: Request) -> bool:
    """Say whether the values of every map are put in order, by themselves."""
    return request.display.startswith("percentile") and request.scale != "shared"
