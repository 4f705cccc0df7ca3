"""A table of filters: each one's name, its numbers, and what it makes of a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from cnnfilter.core.arrays import Array
from cnnfilter.images.colour import signed_colour
from cnnfilter.images.draw import FAINT, INK, PAPER, RULE, SCALE, WIDTH, draw_cells, draw_text

#: Cards beside one another, their height, the side of numbers and effect, and the margin of the page.
ACROSS, CARD, SIDE, MARGIN, HEAD = 3, 262, 186, 56, 120


class Card(NamedTuple):
    """One filter.

    Attributes
    ----------
    name, title
        How it is typed, and what it is.
    weights, cells
        ``(kH, kW)``, and the same as text; no texts where they would be too small.
    effect
        What it makes of the picture: ``(H, W, 3)`` uint8.
    shown
        How its values became brightness.
    """

    name: str
    title: str
    weights: Array
    cells: Sequence[Sequence[str]]
    effect: NDArray[np.uint8]
    shown: str


def draw_table(title: str, place: str, cards: Sequence[Card]) -> NDArray[np.uint8]:
    """Draw a table.

    Returns
    -------
    numpy.ndarray
        ``(H, 1600, 3)`` uint8: as high as the cards need.
    """
    across = min(ACROSS, max(len(cards), 1))
    height = HEAD + CARD * math.ceil(len(cards) / across) + MARGIN // 2
    image = Image.new("RGB", (WIDTH * SCALE, height * SCALE), PAPER)
    draw = ImageDraw.Draw(image)
    draw_text(draw, (MARGIN * SCALE, 32), title, 38, INK, width=(WIDTH - 2 * MARGIN) * SCALE)
    draw_text(draw, (MARGIN * SCALE, 84), place, 19, FAINT, width=(WIDTH - 2 * MARGIN) * SCALE)
    step = (WIDTH - 2 * MARGIN) / ACROSS
    for index, card in enumerate(cards):
        row, column = divmod(index, across)
        _card(image, draw, card, (MARGIN + column * step, HEAD + row * CARD), step - 28)
    return np.asarray(image.resize((WIDTH, height), Image.Resampling.LANCZOS))


def _card(image: Image.Image, draw: ImageDraw.ImageDraw, card: Card, corner: tuple[float, float], width: float) -> None:
    """Draw one filter: numbers, effect, and their names below."""
    left, top = corner
    box = left * SCALE, top * SCALE, (left + SIDE) * SCALE, (top + SIDE) * SCALE
    draw_cells(draw, card.weights, card.cells, box, signed_colour)
    effect = Image.fromarray(np.ascontiguousarray(card.effect))
    room = round(width - SIDE - 18) * SCALE, SIDE * SCALE
    scale = min(room[0] / effect.width, room[1] / effect.height)
    size = max(round(effect.width * scale), 1), max(round(effect.height * scale), 1)
    how = Image.Resampling.NEAREST if scale >= 2 * SCALE else Image.Resampling.LANCZOS
    place = round((left + SIDE + 18) * SCALE), round(top * SCALE)
    image.paste(effect.resize(size, how), place)
    draw.rectangle((place[0] - 1, place[1] - 1, place[0] + size[0], place[1] + size[1]), None, RULE, SCALE)
    draw_text(draw, (left * SCALE, top + SIDE + 8), card.name, 20, INK, width=width * SCALE)
    shown = f"{card.title}; {card.shown}" if card.shown else card.title
    draw_text(draw, (left * SCALE, top + SIDE + 34), shown, 15, FAINT, width=width * SCALE)
