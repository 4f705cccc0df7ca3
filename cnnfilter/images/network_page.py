"""A network on one page: the picture, each layer's maps as a column, and what the last layer says as bars."""

from __future__ import annotations

import io
import math
import time
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from cnnfilter.images.colour import ABOVE
from cnnfilter.images.draw import FAINT, HEIGHT, INK, PAPER, RULE, SCALE, WIDTH, draw_text

#: Pixels of the page's margin, least width of a column, and width of the bars with their names.
MARGIN, NARROW, BARS = 56, 116, 270
#: Where the heads of columns, and their maps, begin; and where the maps end.
HEAD, TOP, BOTTOM = 150, 246, 826
#: Width of the widest column, and height of a map's number.
LARGEST, LABEL = 420, 12
#: The most columns of a page, and the most maps of a layer that are drawn.
MOST_COLUMNS, MOST_MAPS = 48, 16


class Column(NamedTuple):
    """One layer.

    Attributes
    ----------
    title, lines
        Its name, and what stands below it: kind, shape, what a value sees.
    tiles
        Its maps ``(H, W, 3)`` uint8, at most `MOST_MAPS`; a single one is drawn large.
    more
        What is said where these are not all.
    labels
        What each is called, where that is not its place.
    """

    title: str
    lines: tuple[str, ...]
    tiles: tuple[NDArray[np.uint8], ...]
    more: str = ""
    labels: tuple[str, ...] = ()


class NetworkPage(NamedTuple):
    """What stands on the page; bars are classes, their shares, and these as text."""

    title: str
    note: str
    columns: tuple[Column, ...]
    bars: tuple[tuple[str, float, str], ...]
    bars_title: str


def draw_network(page: NetworkPage) -> NDArray[np.uint8]:
    """Draw a page.

    Returns
    -------
    numpy.ndarray
        ``(900, W, 3)`` uint8: W is 1600, or what the columns need.
    """
    bars = BARS if page.bars else 0
    width = max(WIDTH, 2 * MARGIN + len(page.columns) * NARROW + bars)
    step = min((width - 2 * MARGIN - bars) / max(len(page.columns), 1), LARGEST)
    image = Image.new("RGB", (width * SCALE, HEIGHT * SCALE), PAPER)
    draw = ImageDraw.Draw(image)
    draw_text(draw, (MARGIN * SCALE, 44), page.title, 40, INK, width=(width - 2 * MARGIN) * SCALE)
    draw_text(draw, (MARGIN * SCALE, 98), page.note, 20, FAINT, width=(width - 2 * MARGIN) * SCALE)
    for index, column in enumerate(page.columns):
        left = MARGIN + index * step
        _column(image, draw, column, left, step - 14)
        if index:
            x = (left - 7) * SCALE
            draw.line((x, HEAD * SCALE, x, BOTTOM * SCALE), fill=RULE, width=SCALE)
    if page.bars:
        _bars(draw, page, MARGIN + len(page.columns) * step + 10, bars - 10)
    return np.asarray(image.resize((width, HEIGHT), Image.Resampling.LANCZOS))


def encode_pdf(pixels: NDArray[np.uint8], title: str) -> bytes:
    """Return pixels ``(H, W, 3)`` as a PDF of one page; the same pixels are the same bytes."""
    out = io.BytesIO()
    never = time.gmtime(0)
    Image.fromarray(pixels).save(
        out, "PDF", resolution=144.0, title=title, producer="cnnfilter", creationDate=never, modDate=never
    )
    return out.getvalue()


def _column(image: Image.Image, draw: ImageDraw.ImageDraw, column: Column, left: float, width: float) -> None:
    """Draw a layer: its head, then its maps."""
    place = left * SCALE
    draw_text(draw, (place, HEAD), column.title, 19, INK, width=width * SCALE)
    for number, line in enumerate(column.lines):
        draw_text(draw, (place, HEAD + 26 + 20 * number), line, 14, FAINT, width=width * SCALE)
    count, label = len(column.tiles), LABEL if column.labels else 0

    def side_of(across: int) -> float:
        return min(width / across, (BOTTOM - TOP) / math.ceil(count / across) - label)

    across = max(range(1, count + 1), key=side_of, default=1)
    side = side_of(across) if count else 0.0
    for number, tile in enumerate(column.tiles):
        row, at = divmod(number, across)
        corner = left + at * side, TOP + row * (side + label)
        _paste(image, draw, tile, corner, side - 5)
        if label:
            draw_text(draw, (corner[0] * SCALE, corner[1] + side - 3), column.labels[number], 10, FAINT)
    if column.more:
        draw_text(draw, (place, BOTTOM + 12), column.more, 14, FAINT, width=width * SCALE)


def _paste(
    image: Image.Image, draw: ImageDraw.ImageDraw, tile: NDArray[np.uint8], corner: tuple[float, float], side: float
) -> None:
    """Draw a map into a square, its proportions kept; a vector that stands upright may be longer."""
    height, width = tile.shape[:2]
    tall = height > 3 * width
    room = (side, (BOTTOM - TOP)) if tall else (side, side)
    scale = min(room[0] * SCALE / (width * (3 if tall else 1)), room[1] * SCALE / height)
    size = max(round(width * scale * (3 if tall else 1)), 1), max(round(height * scale), 1)
    how = Image.Resampling.NEAREST if scale >= 1 else Image.Resampling.BOX
    left, top = round(corner[0] * SCALE), round(corner[1] * SCALE)
    image.paste(Image.fromarray(np.ascontiguousarray(tile)).resize(size, how), (left, top))
    draw.rectangle((left - 1, top - 1, left + size[0], top + size[1]), None, RULE, SCALE)


def _bars(draw: ImageDraw.ImageDraw, page: NetworkPage, left: float, width: float) -> None:
    """Draw what the last layer says: a bar for each class, its name and its share."""
    draw_text(draw, (left * SCALE, HEAD), page.bars_title, 19, INK, width=width * SCALE)
    step = min((BOTTOM - TOP) / max(len(page.bars), 1), 58)
    for number, (name, share, text) in enumerate(page.bars):
        y = TOP + number * step
        draw_text(draw, (left * SCALE, y), name, 18, INK if number == 0 else FAINT, width=(width - 90) * SCALE)
        draw_text(draw, ((left + width) * SCALE, y), text, 16, FAINT, anchor="ra")
        box = left * SCALE, (y + 24) * SCALE, (left + max(width * share, 1)) * SCALE, (y + 24 + step * 0.3) * SCALE
        draw.rectangle(box, ABOVE if number == 0 else FAINT)
