"""Contact sheets: many maps on one picture, each with its name."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from cnnfilter.errors import ShapeError
from cnnfilter.files import printable

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

Pixels = NDArray[Any]

_GROUND, _NAME, _NOTE = 36, 236, 156

#: Maps smaller than this many pixels are shown enlarged, each value as a square.
_SMALLEST_TILE = 160
_SMALLEST_FONT, _LARGEST_FONT = 11, 30


def contact_sheet(
    tiles: Sequence[Pixels], names: Sequence[str], *, notes: Sequence[str] = (), longest: int = 4096
) -> NDArray[np.uint8]:
    """Arrange pictures in a grid that is about as wide as high.

    Parameters
    ----------
    tiles
        ``(H, W, C)`` or ``(H, W)`` uint8 each; sizes and channels may differ.
    names
        What stands under each.
    notes
        What stands under each name, smaller: the display mapping, where each has its own.
    longest
        The longest side that the sheet may have, in pixels; larger maps are shown smaller.

    Returns
    -------
    numpy.ndarray
        ``(H, W, 1)`` uint8 if all tiles are gray, else ``(H, W, 3)``. Transparency shows the ground.

    Raises
    ------
    ShapeError
        If there are no tiles, or not as many names.
    """
    if not tiles or len(names) != len(tiles) or len(notes) not in (0, len(tiles)):
        raise ShapeError(f"a contact sheet needs a name for each map, got {len(tiles)} maps and {len(names)} names")
    pictures = [tile[..., None] if tile.ndim == 2 else tile for tile in tiles]
    height, width = max(tile.shape[0] for tile in pictures), max(tile.shape[1] for tile in pictures)
    columns = _columns(len(pictures), height, width)
    rows = math.ceil(len(pictures) / columns)
    scale = _scale(height, width, rows, columns, longest)
    cell_height, cell_width = max(round(height * scale), 1), max(round(width * scale), 1)
    gap = max(min(cell_width, cell_height) // 24, 8)
    size = min(max(cell_width // 14, _SMALLEST_FONT), _LARGEST_FONT)
    fonts = (ImageFont.load_default(size), ImageFont.load_default(max(size * 4 // 5, _SMALLEST_FONT - 1)))
    label = round(1.5 * size) + (round(1.2 * size) if notes else 0)
    mode = "RGB" if any(tile.shape[2] > 2 for tile in pictures) else "L"
    step = (cell_width + gap, cell_height + label + gap)
    sheet = Image.new(mode, (columns * step[0] + gap, rows * step[1] + gap), _gray(_GROUND, mode))
    draw = ImageDraw.Draw(sheet)
    for index, (tile, name) in enumerate(zip(pictures, names, strict=True)):
        left, top = gap + index % columns * step[0], gap + index // columns * step[1]
        shown = _resized(_opaque(tile), scale)
        sheet.paste(shown, (left + (cell_width - shown.width) // 2, top + (cell_height - shown.height) // 2))
        lines = [(name, fonts[0], _NAME)] + ([(notes[index], fonts[1], _NOTE)] if notes else [])
        under = top + cell_height + size // 4
        for text, font, shade in lines:
            fitted = _fitted(printable(text), font, cell_width)
            draw.text((left + cell_width / 2, under), fitted, _gray(shade, mode), font, anchor="ma")
            under += round(1.25 * size)
    return np.asarray(sheet).reshape(sheet.height, sheet.width, -1)


def _columns(count: int, height: int, width: int) -> int:
    """Return how many columns make the sheet nearest to a 4:3 picture, with as few empty cells as possible."""

    def cost(columns: int) -> float:
        rows = math.ceil(count / columns)
        aspect = columns * width / (rows * height * 1.08)
        return abs(math.log(aspect / (4 / 3))) + 0.6 * (rows * columns - count) / count

    return min(range(1, count + 1), key=cost)


def _scale(height: int, width: int, rows: int, columns: int, longest: int) -> float:
    """Return how much tiles are enlarged, by a whole number, or made smaller."""
    room = 0.94 * longest
    fits = min(room / (columns * width), room / (rows * height * 1.1))
    if fits < 1:
        return fits
    return float(max(min(math.ceil(_SMALLEST_TILE / max(height, width)), int(fits)), 1))


def _opaque(tile: Pixels) -> Image.Image:
    """Return a tile as a gray or RGB picture, over the ground where it is transparent."""
    colours = tile[..., : 3 if tile.shape[2] > 2 else 1]
    if tile.shape[2] in (2, 4):
        share = tile[..., -1:].astype(np.float32) / 255
        colours = np.rint(colours * share + _GROUND * (1 - share)).astype(np.uint8)
    return Image.fromarray(np.ascontiguousarray(colours[..., 0] if colours.shape[2] == 1 else colours))


def _resized(tile: Image.Image, scale: float) -> Image.Image:
    """Return a tile enlarged to squares, or made smaller without losing thin lines."""
    if scale == 1:
        return tile
    size = max(round(tile.width * scale), 1), max(round(tile.height * scale), 1)
    return tile.resize(size, Image.Resampling.NEAREST if scale > 1 else Image.Resampling.BICUBIC)


def _fitted(text: str, font: FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """Return text that is no wider than `width`, cut in its middle if need be: names differ at both ends."""
    if font.getlength(text) <= width:
        return text
    for kept in range(min(len(text), 200) - 1, 1, -1):
        cut = f"{text[: (kept + 1) // 2]}...{text[-(kept // 2) :]}"
        if font.getlength(cut) <= width:
            return cut
    return text[:1]


def _gray(value: int, mode: str) -> int | tuple[int, int, int]:
    """Return a gray of either mode."""
    return value if mode == "L" else (value, value, value)
