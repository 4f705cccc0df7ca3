"""Contact sheets: many maps on one picture, each with its name, its range, and where wanted its kernel."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from cnnfilter.errors import ShapeError
from cnnfilter.files import printable
from cnnfilter.images.arrange import DARK, LIGHT, USUAL, Arrangement, columns_of
from cnnfilter.images.colour import Colour
from cnnfilter.images.draw import FAINT, INK, PAPER, RULE, as_image

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

Pixels = NDArray[Any]

#: Maps smaller than this many pixels are shown enlarged, each value as a square.
SMALLEST_TILE = 160
_SMALLEST_FONT, _LARGEST_FONT = 12, 30
#: Share of a map's height that a kernel beside it takes, and pixels of the bar that shows a scale.
_KERNEL, _BAR = 0.45, 18
#: Signs between the parts of a name.
_BETWEEN = "-_/. "


class Ground(NamedTuple):
    """The colours of a sheet: what is behind the maps, names, notes, and the edges of maps."""

    paper: Colour
    name: Colour
    note: Colour
    rule: Colour


#: The colours of each ground.
GROUNDS = {
    LIGHT: Ground(PAPER, INK, FAINT, RULE),
    DARK: Ground((24, 25, 28), (236, 236, 236), (156, 158, 164), (70, 72, 78)),
}


class Bar(NamedTuple):
    """The scale that all maps share.

    Attributes
    ----------
    low, high
        Its ends.
    colours
        ``(256, 3)``, from one to the other.
    absolute
        Whether it is that of values without their signs.
    less, more
        Whether there are values below, and above.
    """

    low: float
    high: float
    colours: Pixels
    absolute: bool = False
    less: bool = False
    more: bool = False


def contact_sheet(
    tiles: Sequence[Pixels], names: Sequence[str], *, notes: Sequence[str] = (), kernels: Sequence[Pixels | None] = (),
    lead: Pixels | None = None, bar: Bar | None = None, how: Arrangement = USUAL,
) -> NDArray[np.uint8]:  # fmt: skip
    """Arrange pictures in a grid.

    Parameters
    ----------
    tiles
        ``(H, W, C)`` or ``(H, W)`` uint8 each; sizes and channels may differ.
    names
        What stands under each.
    notes
        What stands under each name, smaller: its range.
    kernels
        A picture of the kernel that stands beside each, or None.
    lead
        The picture that they are of, which stands before them.
    bar
        The scale that they share, drawn below.
    how
        How the sheet lies.

    Returns
    -------
    numpy.ndarray
        ``(H, W, 3)`` uint8. Transparency shows the ground.

    Raises
    ------
    ShapeError
        If there are no tiles, or not as many names.
    OutputError
        If it would have more pixels than it may.
    """
    if not tiles or len(names) != len(tiles) or {len(notes), len(kernels)} - {0, len(tiles)}:
        raise ShapeError(f"a contact sheet needs a name for each map, got {len(tiles)} maps and {len(names)} names")
    if lead is not None:
        tiles, names = [lead, *tiles], ["input", *names]
        notes, kernels = notes and ["", *notes], kernels and [None, *kernels]
    plan = _plan([tile[..., None] if tile.ndim == 2 else tile for tile in tiles], notes, kernels, bar, how)
    how.check(*plan.size)
    names = [*names[:1], *_telling(names[1:], plan)] if lead is not None else _telling(names, plan)
    ground = GROUNDS[how.ground]
    sheet = Image.new("RGB", plan.size, ground.paper)
    draw = ImageDraw.Draw(sheet)
    for index, (tile, name) in enumerate(zip(tiles, names, strict=True)):
        left, top = plan.corner(index)
        if kernels and kernels[index] is not None:
            _paste_kernel(sheet, np.asarray(kernels[index]), (left, top), plan)
        left += plan.kernel
        large = _resized(_opaque(tile, ground.paper), plan.scale)
        place = left + (plan.width - large.width) // 2, top + (plan.height - large.height) // 2
        edge = (place[0] - 1, place[1] - 1, place[0] + large.width, place[1] + large.height)
        draw.rectangle(edge, None, ground.rule)  # what is white on white, or black on black, has an end
        sheet.paste(large, place)
        middle, under = left + plan.width / 2, top + plan.height + plan.text // 4
        shown = _fitted(printable(name), plan.fonts[0], plan.width)
        draw.text((middle, under), shown, ground.name, plan.fonts[0], "ma")
        if notes and plan.fonts[1].getlength(notes[index]) <= plan.width:  # half a number would be another one
            draw.text((middle, under + round(1.25 * plan.text)), notes[index], ground.note, plan.fonts[1], "ma")
    if bar is not None:
        _draw_bar(sheet, draw, bar, plan, ground)
    return np.asarray(sheet)


class _Plan(NamedTuple):
    """Where everything lies on a sheet, in pixels."""

    columns: int
    scale: float
    width: int
    height: int
    kernel: int
    gap: int
    text: int
    label: int
    fonts: tuple[Any, Any]
    size: tuple[int, int]

    def corner(self, index: int) -> tuple[int, int]:
        """Return left and top of a cell."""
        row, column = divmod(index, self.columns)
        step = self.kernel + self.width + self.gap, self.height + self.label + self.gap
        return self.gap + column * step[0], self.gap + row * step[1]


def _plan(
    tiles: Sequence[Pixels], notes: Sequence[str], kernels: Sequence[Pixels | None], bar: Bar | None, how: Arrangement
) -> _Plan:
    """Return where everything lies."""
    height, width = max(tile.shape[0] for tile in tiles), max(tile.shape[1] for tile in tiles)
    columns = columns_of(len(tiles), height, width, how.columns)
    rows = math.ceil(len(tiles) / columns)
    beside = 1 + _KERNEL * height / width if kernels else 1.0
    scale = _scale(height, width * beside, rows, columns, how.longest)
    high, wide = max(round(height * scale), 1), max(round(width * scale), 1)
    gap = max(min(wide, high) // 24, 10)
    kernel = round(_KERNEL * high) + gap // 2 if kernels else 0
    text = min(max((wide + kernel) // 14, _SMALLEST_FONT), _LARGEST_FONT)
    label = round(1.5 * text) + (round(1.2 * text) if notes else 0)
    below = _BAR + 3 * text if bar else 0
    fonts = ImageFont.load_default(text), ImageFont.load_default(max(text * 4 // 5, _SMALLEST_FONT))
    longest = max((math.ceil(fonts[1].getlength(note)) for note in notes), default=0)
    wider = max(wide, longest + 2)  # a range is never cut: its cell grows, as far as the sheet may
    if columns * (kernel + wider + gap) + gap <= how.longest:
        wide = wider
    size = columns * (kernel + wide + gap) + gap, rows * (high + label + gap) + gap + below
    return _Plan(columns, scale, wide, high, kernel, gap, text, label, fonts, size)


def _scale(height: int, width: float, rows: int, columns: int, longest: int) -> float:
    """Return how much tiles are enlarged, by a whole number, or made smaller."""
    room = 0.94 * longest
    fits = min(room / (columns * width), room / (rows * height * 1.1))
    if fits < 1:
        return fits
    return float(max(min(math.ceil(SMALLEST_TILE / max(height, width)), int(fits)), 1))


def _opaque(tile: Pixels, paper: Colour) -> Image.Image:
    """Return a tile as an RGB picture, over the ground where it is transparent."""
    planes = tile[..., None] if tile.ndim == 2 else tile
    colours = planes[..., : 3 if planes.shape[2] > 2 else 1]
    if planes.shape[2] in (2, 4):
        share = planes[..., -1:].astype(np.float32) / 255
        colours = np.rint(colours * share + np.array(paper, np.float32) * (1 - share)).astype(np.uint8)
    return as_image(colours)


def _resized(tile: Image.Image, scale: float) -> Image.Image:
    """Return a tile enlarged to squares, or made smaller without losing thin lines."""
    if scale == 1:
        return tile
    size = max(round(tile.width * scale), 1), max(round(tile.height * scale), 1)
    return tile.resize(size, Image.Resampling.NEAREST if scale > 1 else Image.Resampling.BICUBIC)


def _paste_kernel(sheet: Image.Image, kernel: Pixels, corner: tuple[int, int], plan: _Plan) -> None:
    """Draw a kernel ``(kH, kW, 3)`` in whole steps beside its map, at the top."""
    room = max(plan.kernel - plan.gap // 2, 1)
    step = max(room // max(kernel.shape[:2]), 1)
    large = Image.fromarray(np.ascontiguousarray(kernel)).resize(
        (kernel.shape[1] * step, kernel.shape[0] * step), Image.Resampling.NEAREST
    )
    large.thumbnail((room, room))
    sheet.paste(large, (corner[0] + (room - large.width) // 2, corner[1]))


def _draw_bar(sheet: Image.Image, draw: ImageDraw.ImageDraw, bar: Bar, plan: _Plan, ground: Ground) -> None:
    """Draw the scale below the maps: its colours, and what its ends and its middle stand for."""
    width = min(plan.size[0] - 4 * plan.gap - 6 * plan.text, 640)
    if width < 4 * plan.text:
        return
    left, top = (plan.size[0] - width) // 2, plan.size[1] - plan.gap - _BAR - round(1.5 * plan.text)
    levels = bar.colours[np.linspace(0, len(bar.colours) - 1, width).astype(int)]
    sheet.paste(Image.fromarray(np.repeat(levels[None], _BAR, axis=0)), (left, top))
    draw.rectangle((left - 1, top - 1, left + width, top + _BAR), None, ground.rule)
    for share in (0.0, 0.5, 1.0):
        value = bar.low + share * (bar.high - bar.low)
        text = f"|{value:.4g}|" if bar.absolute and value else f"{value:.4g}"
        text += " and less" if bar.less and share == 0 else " and more" if bar.more and share == 1 else ""
        draw.text((left + share * width, top + _BAR + plan.text // 4), text, ground.note, plan.fonts[1], anchor="ma")


def _telling(names: Sequence[str], plan: _Plan) -> Sequence[str]:
    """Return names without what all begin and end with, where one would be cut: what differs is what tells."""
    if all(plan.fonts[0].getlength(printable(name)) <= plan.width for name in names) or len(set(names)) < 2:
        return names
    first = _common(names)
    last = _common([name[len(first) :][::-1] for name in names])[::-1]
    start = max((first.rfind(sign) + 1 for sign in _BETWEEN), default=0)
    stop = min((last.find(sign) for sign in _BETWEEN if sign in last), default=len(last))
    return [name[start : len(name) - (len(last) - stop)] or name for name in names]


def _common(texts: Sequence[str]) -> str:
    """Return what all texts begin with."""
    count = next((at for at, signs in enumerate(zip(*texts, strict=False)) if len(set(signs)) > 1), None)
    return texts[0][: min(map(len, texts)) if count is None else count]


def _fitted(text: str, font: FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """Return text that is no wider than `width`, cut in its middle if need be: names differ at both ends."""
    if font.getlength(text) <= width:
        return text
    for kept in range(min(len(text), 200) - 1, 1, -1):
        cut = f"{text[: (kept + 1) // 2]}...{text[-(kept // 2) :]}"
        if font.getlength(cut) <= width:
            return cut
    return text[:1]
