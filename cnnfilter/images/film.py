"""A window that slides over numbers while a map fills: frames, and how they become an animation."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from cnnfilter.core.arrays import Array
from cnnfilter.images.colour import ABOVE
from cnnfilter.images.draw import (
    FAINT,
    HEIGHT,
    INK,
    LONGEST_NUMBERED,
    PAPER,
    SCALE,
    WIDTH,
    Box,
    draw_cells,
    draw_text,
    gray,
)

#: Size of a frame, milliseconds that it is seen, and the last one.
FRAME = (800, 450)
SEEN, LAST_SEEN = 600, 2500
#: The same for a kernel that is learned, which has many.
SEEN_LEARNING = 120


class Scene(NamedTuple):
    """What all frames have in common.

    Attributes
    ----------
    title
        The heading.
    values, cells
        The input ``(H, W)``, and the same as text.
    shape
        Rows and columns of the map.
    """

    title: str
    values: Array
    cells: Sequence[Sequence[str]]
    shape: tuple[int, int]


class Shot(NamedTuple):
    """What one frame adds.

    Attributes
    ----------
    at
        The cell of the map that is filled.
    window
        Rows and columns ``top, left, bottom, right`` of the window on the input; it may reach beyond.
    result, words
        The number that is filled in as text, and how it comes about.
    """

    at: tuple[int, int]
    window: tuple[int, int, int, int]
    result: str
    words: str


def draw_film(scene: Scene, shots: Iterable[Shot], form: str) -> bytes:
    """Return an animation: the window on the left, the map that fills on the right, the sum below.

    Parameters
    ----------
    scene, shots
        What is seen.
    form
        ``gif`` or ``webp``.
    """
    margin = 70 * SCALE
    half = (WIDTH * SCALE - 3 * margin) / 2
    left: Box = (margin, 190 * SCALE, margin + half, 690 * SCALE)
    right: Box = (2 * margin + half, left[1], 2 * margin + 2 * half, left[3])
    page = Image.new("RGB", (WIDTH * SCALE, HEIGHT * SCALE), PAPER)
    draw = ImageDraw.Draw(page)
    draw_text(draw, (margin, 52), scene.title, 46, INK, width=WIDTH * SCALE - 2 * margin)
    draw_text(draw, (margin, 130), "input", 30, FAINT)
    draw_text(draw, (right[0], 130), "feature map", 30, FAINT)
    place = draw_cells(draw, scene.values, scene.cells, left, gray)
    empty = [[""] * scene.shape[1] for _ in range(scene.shape[0])]
    target = draw_cells(draw, np.zeros(scene.shape), empty, right)
    frames = [_shot(page, scene, shot, place, target, margin) for shot in shots]
    return _encoded(frames, form, SEEN)


def draw_learning(title: str, steps: Sequence[tuple[str, Array]], form: str) -> bytes:
    """Return an animation of a kernel on its way: what is to be said of each step, and its weights ``(kH, kW)``."""
    margin = 70 * SCALE
    box: Box = (margin, 170 * SCALE, WIDTH * SCALE - margin, 740 * SCALE)
    frames = []
    for words, weights in steps:
        page = Image.new("RGB", (WIDTH * SCALE, HEIGHT * SCALE), PAPER)
        draw = ImageDraw.Draw(page)
        draw_text(draw, (margin, 52), title, 46, INK, width=WIDTH * SCALE - 2 * margin)
        cells = [[f"{value:.3g}" for value in row] for row in weights] if max(weights.shape) <= LONGEST_NUMBERED else []
        draw_cells(draw, weights, cells, box)
        draw_text(draw, (margin, 790), words, 34, FAINT)
        frames.append(page.resize(FRAME, Image.Resampling.LANCZOS))
    return _encoded(frames, form, SEEN_LEARNING)


def draw_filters(title: str, steps: Sequence[tuple[str, Array]], form: str) -> bytes:
    """Return filters that are trained, beside what they began as: an animation, or the last of it as a picture.

    Parameters
    ----------
    title
        The heading.
    steps
        What is to be said of each step, and the filters then ``(K, C, kH, kW)``; the first step is the beginning. At
        most 64 are drawn, each between the colours of its own largest number: of three channels in their colours, else
        the first channel.
    form
        ``gif`` or ``webp``; or ``png`` for the last step alone.
    """
    margin = 70 * SCALE
    half = (WIDTH * SCALE - 3 * margin) / 2
    page = Image.new("RGB", (WIDTH * SCALE, HEIGHT * SCALE), PAPER)
    draw = ImageDraw.Draw(page)
    draw_text(draw, (margin, 52), title, 46, INK, width=WIDTH * SCALE - 2 * margin)
    places: list[Box] = [
        (left, 190 * SCALE, left + half, 760 * SCALE) for left in (margin, 2 * margin + half)
    ]  # fmt: skip
    draw_text(draw, (places[0][0], 136), steps[0][0], 30, FAINT, width=half)
    _filters(draw, steps[0][1], places[0])
    draw_text(draw, (margin, 800), _legend(steps[0][1].shape[1]), 26, FAINT)
    frames = []
    for words, filters in steps[1:] if form != "png" else steps[-1:]:
        shown = page.copy()
        on_it = ImageDraw.Draw(shown)
        draw_text(on_it, (places[1][0], 136), words, 30, FAINT, width=half)
        _filters(on_it, filters, places[1])
        frames.append(shown if form == "png" else shown.resize(FRAME, Image.Resampling.LANCZOS))
    if form != "png":
        return _encoded(frames, form, SEEN_LEARNING)
    out = io.BytesIO()
    frames[0].resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS).save(out, "PNG", optimize=True)
    return out.getvalue()


#: Filters that are drawn of a bank.
MOST_FILTERS = 64


def _legend(channels: int) -> str:
    """Return what the colours mean."""
    if channels == 3:
        return "gray is 0, a colour more of it above and less below: each filter by its own largest number"
    which = "" if channels == 1 else f"; of {channels} channels the first"
    return f"blue below 0, pale at 0, orange above: each filter by its own largest number{which}"


def _filters(draw: ImageDraw.ImageDraw, filters: Array, box: Box) -> None:
    """Draw a bank of filters as small squares in rows."""
    shown = filters[:MOST_FILTERS]
    columns = math.ceil(math.sqrt(len(shown)))
    side = min((box[2] - box[0]) / columns, (box[3] - box[1]) / math.ceil(len(shown) / columns))
    for number, one in enumerate(shown):
        row, column = divmod(number, columns)
        left, top = box[0] + column * side, box[1] + row * side
        place = left, top, left + 0.88 * side, top + 0.88 * side
        if len(one) == 3:
            _coloured(draw, one, place)
        else:
            draw_cells(draw, one[0], [], place, lines=False)


def _coloured(draw: ImageDraw.ImageDraw, one: Array, box: Box) -> None:
    """Draw a filter of three channels in their colours: gray is 0."""
    levels = np.rint(127.5 + 127.5 * one / (float(np.abs(one).max()) or 1.0)).astype(int)
    high, wide = (box[3] - box[1]) / one.shape[1], (box[2] - box[0]) / one.shape[2]
    for row, column in np.ndindex(*one.shape[1:]):
        x, y = box[0] + column * wide, box[1] + row * high
        red, green, blue = (int(level) for level in levels[:, row, column])
        draw.rectangle((x, y, x + wide, y + high), (red, green, blue))


def _encoded(frames: Sequence[Image.Image], form: str, seen: int) -> bytes:
    """Return frames as an animation that begins anew; the last one is seen longer."""
    out = io.BytesIO()
    words = {"lossless": True, "minimize_size": True} if form == "webp" else {"optimize": True}
    durations = [seen] * (len(frames) - 1) + [LAST_SEEN]
    frames[0].save(out, form.upper(), save_all=True, append_images=frames[1:], duration=durations, loop=0, **words)
    return out.getvalue()


def _shot(page: Image.Image, scene: Scene, shot: Shot, place: Box, target: Box, margin: float) -> Image.Image:
    """Return one frame; the number that it fills in stays on the page for those that follow."""
    high, wide = (target[3] - target[1]) / scene.shape[0], (target[2] - target[0]) / scene.shape[1]
    corner = target[0] + shot.at[1] * wide, target[1] + shot.at[0] * high
    middle = corner[0] + wide / 2, (corner[1] + high / 2) / SCALE
    size = min(0.4 * high, 1.5 * wide / max(len(shot.result), 2)) / SCALE
    draw_text(ImageDraw.Draw(page), middle, shot.result, size, INK, anchor="mm")
    frame = page.copy()
    draw = ImageDraw.Draw(frame)
    draw.rectangle((*corner, corner[0] + wide, corner[1] + high), None, ABOVE, 6 * SCALE)
    rows, columns = scene.values.shape
    high, wide = (place[3] - place[1]) / rows, (place[2] - place[0]) / columns
    top, left, bottom, right = shot.window
    box = place[0] + left * wide, place[1] + top * high, place[0] + right * wide, place[1] + bottom * high
    draw.rectangle(box, None, ABOVE, 6 * SCALE)
    draw_text(draw, (margin, 770), shot.words, 34, INK, width=WIDTH * SCALE - 2 * margin)
    return frame.resize(FRAME, Image.Resampling.LANCZOS)
