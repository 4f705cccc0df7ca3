"""GIF files: their frames laid over each other as a viewer shows them.

Pillow unpacks the indices of each frame; where they go, what shows through and what is cleared is decided here.

References
----------
CompuServe, Graphics Interchange Format, version 89a, 1990.
"""

from __future__ import annotations

import io
import itertools
import struct
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from cnnfilter.core.arrays import Array
from cnnfilter.errors import ImageError
from cnnfilter.images.picture import MOST_FRAMES, Limits

_EXTENSION, _IMAGE, _END, _CONTROL = 0x21, 0x2C, 0x3B, 0xF9
_CLEARED, _RESTORED = 2, 3

#: The colours of a frame that no palette is given for.
_GRAYS = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)


class Frame(NamedTuple):
    """One frame as it is stored.

    Attributes
    ----------
    left, top, width, height
        Its place on the screen.
    interlaced
        Whether its rows come in another order.
    palette
        ``(colours, 3)``.
    key
        The index that lets through what lies below, or -1.
    disposal
        What becomes of it before the next frame.
    data
        Its compressed indices, from the byte that says how wide they are.
    whole
        Whether the file goes on behind it.
    """

    left: int
    top: int
    width: int
    height: int
    interlaced: bool
    palette: Array
    key: int
    disposal: int
    data: bytes
    whole: bool

    @property
    def place(self) -> tuple[slice, slice]:
        """Its rows and columns on the screen."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)


class Gif:
    """A file and the frames of it that were laid over each other so far."""

    def __init__(self, data: bytes, limits: Limits, *, whole: bool = True) -> None:
        self.whole = whole
        self.frames = list(itertools.islice(read_frames(data), MOST_FRAMES))
        if not self.frames:
            raise ImageError("damaged GIF: it holds no picture")
        width, height = struct.unpack_from("<HH", data, 6)
        first = self.frames[0]
        height = max(height, *(frame.top + frame.height for frame in self.frames))
        width = max(width, *(frame.left + frame.width for frame in self.frames))
        limits.check_size(height, width)
        limits.check_memory(8 * height * width)
        self.gray = all((frame.palette == frame.palette[:, :1]).all() for frame in self.frames)
        self.begins_clear = first.key >= 0 or (first.width, first.height) != (width, height)
        self.has_alpha = self.begins_clear
        self.canvas = np.zeros((height, width), np.uint32)  # four bytes each: red, green, blue, alpha
        self.ended = data.rstrip(b"\0").endswith(bytes([_END]))
        self.kept: Array | None = None
        self.shown = -1

    def show(self, number: int) -> Array:
        """Return the screen with a frame on it: ``(C, H, W)``, gray or RGB, and alpha where something shows through.

        Raises
        ------
        ImageError
            If a frame up to this one is damaged.
        """
        if number < self.shown:
            self.canvas[:] = 0
            self.has_alpha, self.kept, self.shown = self.begins_clear, None, -1
        while self.shown < number:
            self._next()
        bands = ([0] if self.gray else [0, 1, 2]) + [3] * self.has_alpha
        seen = self.canvas.view(np.uint8).reshape(*self.canvas.shape, 4)
        return np.stack([seen[..., band] for band in bands])  # (C, H, W)

    def _next(self) -> None:
        """Lay one more frame over the screen."""
        if self.shown >= 0:
            self._dispose(self.frames[self.shown])
        frame = self.frames[self.shown + 1]
        if not frame.whole and self.whole:
            raise ImageError("truncated GIF: the file ends too early")
        self.kept = self.canvas[frame.place].copy() if frame.disposal == _RESTORED else None
        indices = self._indices(frame)
        seen: Array | bool = indices != frame.key if frame.key >= 0 else True
        largest = int(indices.max(where=seen, initial=0))
        if largest >= len(frame.palette):
            raise ImageError(f"damaged GIF: a pixel has colour {largest} of {len(frame.palette)}")
        colours = np.zeros((256, 4), np.uint8)
        colours[: len(frame.palette), :3] = frame.palette
        colours[:, 3] = 255
        np.copyto(self.canvas[frame.place], colours.view(np.uint32)[indices, 0], where=seen)
        self.shown += 1

    def _dispose(self, frame: Frame) -> None:
        """Take a frame off the screen if it wants that."""
        if frame.disposal == _CLEARED:
            self.canvas[frame.place] = 0
            self.has_alpha = True
        elif self.kept is not None:
            self.canvas[frame.place] = self.kept
            self.has_alpha |= not self.kept.all()  # what nothing was laid on is 0

    def _indices(self, frame: Frame) -> Array:
        """Return the indices of a frame, ``(height, width)``; those that are missing have the first colour."""
        indices = _unpacked(frame, 0)
        last = -2 if frame.interlaced and frame.height % 2 and frame.height > 1 else -1  # the row that comes last
        if indices[last, -1] or (indices == _unpacked(frame, 255)).all():
            return indices
        if self.whole:
            raise ImageError("truncated GIF: the pixels of a frame end too early")
        return indices


def read_frames(data: bytes) -> Iterator[Frame]:
    """Yield the frames of a file as they are stored; the last may be cut off."""
    if len(data) < 13:
        raise ImageError("truncated GIF: the file ends too early")
    shared, at = _palette(data, 10, 13)
    key, disposal = -1, 0
    while at < len(data) and data[at] != _END:
        if data[at] == _EXTENSION:
            if data[at + 1 : at + 2] == bytes([_CONTROL]) and len(data) > at + 6:
                flags = data[at + 3]
                key, disposal = data[at + 6] if flags & 1 else -1, flags >> 2 & 7
            at = _behind(data, at + 2)
        elif data[at] == _IMAGE and at + 10 < len(data):
            left, top, width, height = struct.unpack_from("<4H", data, at + 1)
            if not width or not height:
                raise ImageError(f"damaged GIF: a frame has {width} x {height} pixels")
            interlaced = bool(data[at + 9] & 64)
            own, start = _palette(data, at + 9, at + 10)
            at = _behind(data, start + 1)
            palette = own if len(own) else shared if len(shared) else _GRAYS
            packed, whole = bytes(data[start:at]), at <= len(data)
            yield Frame(left, top, width, height, interlaced, palette, key, disposal, packed, whole)
            key, disposal = -1, 0
        else:
            return


def count_gif(data: bytes) -> int:
    """Return how many frames a file has, or ``MOST_FRAMES + 1`` for more."""
    count = 0
    try:
        for _ in itertools.islice(read_frames(data), MOST_FRAMES + 1):
            count += 1
    except ImageError:  # a later frame is damaged: the first may be whole
        count += 1
    return max(count, 1)


def _palette(data: bytes, flags: int, start: int) -> tuple[Array, int]:
    """Return the colours that a byte of flags announces, ``(colours, 3)``, and where they end."""
    if not data[flags] & 128:
        return np.empty((0, 3), np.uint8), start
    stop = start + (6 << (data[flags] & 7))
    if stop >= len(data):
        raise ImageError("truncated GIF: the file ends in its colours")
    return np.frombuffer(bytes(data[start:stop]), np.uint8).reshape(-1, 3), stop


def _behind(data: bytes, at: int) -> int:
    """Return where a chain of blocks ends; beyond the end of the file where it is cut off."""
    while at < len(data):
        if not data[at]:
            return at + 1
        at += data[at] + 1
    return len(data) + 1


def _unpacked(frame: Frame, filled: int) -> Array:
    """Return the indices of a frame, ``(height, width)``, in a picture that is filled with one of them before."""
    from PIL.GifImagePlugin import GifImageFile

    size = struct.pack("<HH", frame.width, frame.height)
    control = b"\x21\xf9\x04\x01\0\0" + bytes([filled]) + b"\0"
    file = b"GIF89a" + size + b"\0\0\0" + control + b"\x2c\0\0\0\0" + size + bytes([64 * frame.interlaced])
    with GifImageFile(io.BytesIO(file + frame.data + b"\0;")) as image:
        image.load()
        return np.asarray(image)
