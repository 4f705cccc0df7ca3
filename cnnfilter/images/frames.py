"""How many pictures a file holds, without decoding one; a count that may take for ever ends at a bound."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, NamedTuple

from cnnfilter.errors import ImageError, ParameterError, lookup
from cnnfilter.images.picture import MOST_FRAMES

#: What ``--frame all`` stands for.
ALL = -1


LAYOUTS = {
    "auto": "as it can only sensibly be",
    "CHW": "channels, rows, columns",
    "HWC": "rows, columns, channels",
}


class Reading(NamedTuple):
    """How inputs are read.

    Attributes
    ----------
    layout
        One of ``LAYOUTS``: the order of the axes of a stored array.
    frame
        Number of the frame, `ALL`, or None for the first.
    truncated
        Take what is there of a damaged picture.
    """

    layout: str = "auto"
    frame: int | None = None
    truncated: bool = False


#: As everything is read unless something is said.
READ = Reading()


def parse_reading(layout: str = "auto", frame: str | None = None, *, truncated: bool = False) -> Reading:
    """Return how inputs are read, from the words of the flags.

    Raises
    ------
    CnnFilterError
        At the first word that is not understood.
    """
    lookup(LAYOUTS, layout, "layout")
    return Reading(layout, parse_frame(frame), truncated)


def parse_frame(text: str | None) -> int | None:
    """Return the frame that ``--frame`` names: its number from 0, `ALL`, or None where nothing is said.

    Raises
    ------
    ParameterError
        If it is neither.

    Examples
    --------
    >>> parse_frame("2"), parse_frame("all"), parse_frame(None)
    (2, -1, None)
    """
    if text is None:
        return None
    if text == "all":
        return ALL
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ParameterError(f"--frame takes a whole number from 0, or all, got {text!r}")
    return int(text)


def frame_name(name: str, frame: int) -> str:
    """Return what one frame of a file is called, which is like a file of its own.

    Examples
    --------
    >>> frame_name("a.b/clip.gif", 3), frame_name("a.b/clip", 12)
    ('a.b/clip.frame-003.gif', 'a.b/clip-frame-012')
    """
    folder, slash, file = name.rpartition("/")
    stem, dot, ending = file.rpartition(".")
    if not stem:
        return f"{name}-frame-{frame:03d}"
    return f"{folder}{slash}{stem}.frame-{frame:03d}{dot}{ending}"


def count_frames(data: Any, form: str) -> int:
    """Return how many frames a file holds, or ``MOST_FRAMES + 1`` for more.

    Parameters
    ----------
    data
        Its bytes, or a map of them.
    form
        Its format.
    """
    return min(COUNTERS[form](data), MOST_FRAMES + 1) if form in COUNTERS else 1


def check_frame(frame: int, count: int) -> None:
    """Raise if a file has no such frame."""
    if frame >= count:
        have = f"its frames are 0 to {count - 1}" if count > 1 else "it has one frame, 0"
        raise ImageError(f"frame {frame} is not there: {have}")


def frames_note(frame: int | None, count: int) -> list[str]:
    """Return what to say where one of several frames is read without being asked for."""
    if count < 2 or frame is not None:
        return []
    many = f"more than {MOST_FRAMES}" if count > MOST_FRAMES else str(count)
    return [f"first of {many} frames (--frame N|all)"]


def _count_tiff(data: Any) -> int:
    """Return how many directories a TIFF has."""
    from cnnfilter.images.tiff_tags import count_directories

    return count_directories(data, MOST_FRAMES)


def _count_gif(data: Any) -> int:
    """Return how many frames a GIF has."""
    from cnnfilter.images.gif import count_gif

    return count_gif(data)


def _count_png(data: Any) -> int:
    """Return how many frames an animated PNG has; its still picture counts where it is none of them."""
    at, frames, still = 8, 0, 0
    animated = False
    while at + 12 <= len(data) and frames <= MOST_FRAMES:
        (length,) = struct.unpack_from(">I", data, at)
        kind = bytes(data[at + 4 : at + 8])
        animated = animated or kind == b"acTL"
        if kind == b"IDAT" and not animated:
            return 1
        still = still or (kind == b"IDAT" and not frames)
        frames += kind == b"fcTL"
        at += length + 12
    return max(frames + still, 1)


def _count_webp(data: Any) -> int:
    """Return how many frames an animated WebP has."""
    at, frames = 12, 0
    while at + 8 <= len(data) and frames <= MOST_FRAMES:
        frames += bytes(data[at : at + 4]) == b"ANMF"
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8 + length + length % 2
    return max(frames, 1)


COUNTERS: dict[str, Callable[[Any], int]] = {
    "TIFF": _count_tiff, "GIF": _count_gif, "PNG": _count_png, "WebP": _count_webp
}  # fmt: skip

#: The formats whose files may hold several frames, and are decoded by number.
FRAMED = ("PNG", "JPEG", "TIFF", "GIF", "BMP", "WebP")
