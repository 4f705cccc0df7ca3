"""A picture: its size, type and channels, what it may cost, its colour profile, and its rows on demand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnfilter.errors import ImageError, ParameterError, ResourceError
from cnnfilter.files import bytes_text, quoted

#: Pixels of the largest picture that is read without being asked to.
MAX_PIXELS = 200_000_000

#: Frames that are counted, and the most that ``--frame all`` takes.
MOST_FRAMES = 10_000

#: Channels of a picture with so many pixels.
MOST_CHANNELS = 64


class Limits(NamedTuple):
    """The most pixels, and the most bytes while a picture is decoded (None for any number)."""

    pixels: int = MAX_PIXELS
    memory: int | None = None

    def check_size(self, height: int, width: int) -> None:
        """Refuse a picture without pixels, and one with more than the limit."""
        pixels = height * width
        if height < 1 or width < 1:
            raise ImageError(f"its size is {width} x {height} pixels, which leaves nothing to read")
        if pixels > self.pixels:
            size = f"{width} x {height} = {pixels} pixels"
            raise ImageError(f"{size} are over the limit of {self.pixels} (--max-pixels {pixels} raises it)")

    def check_values(self, channels: int, height: int, width: int, itemsize: int) -> None:
        """Refuse what `check_size` does, and an array of more channels or bytes than allowed."""
        self.check_size(height, width)
        if channels * height * width > MOST_CHANNELS * self.pixels:
            raise ImageError(
                f"{channels} channels of {width} x {height} pixels are over the limit (--max-pixels raises it)"
            )
        self.check_memory(channels * height * width * itemsize)

    def check_memory(self, needed: int) -> None:
        """Refuse a picture that takes more bytes to decode than allowed."""
        if self.memory is not None and needed > self.memory:
            raise ResourceError(
                f"decoding needs {bytes_text(needed)}, over the limit of {bytes_text(self.memory)} "
                f"(--max-memory {needed} raises it)"
            )


#: Bytes of the largest profile that is kept; those of cameras, screens and printers have up to 3 million.
LARGEST_PROFILE = 4_000_000

#: Colour space signatures of profiles (ICC.1:2022, table 19), and the colour channels that each describes.
SPACES = {b"GRAY": 1, b"RGB ": 3}
_SPACE, _MAGIC, _HEADER = slice(16, 20), slice(36, 40), 128

#: What a PNG without a profile is taken for, sRGB: its gamma; white, red, green and blue as x and y (IEC 61966-2-1).
_GAMMA = 1 / 2.2
_PRIMARIES = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
#: How far a PNG may lie from them.
_NEAR = 0.01


def colours_of(profile: bytes) -> int:
    """Return how many colour channels a profile describes: 1 or 3; 0 for any other and for what is no profile.

    Examples
    --------
    >>> colours_of(b"no profile")
    0
    """
    if len(profile) < _HEADER or profile[_MAGIC] != b"acsp":
        return 0
    return SPACES.get(profile[_SPACE], 0)


def profile_of(info: Mapping[str, Any], colours: int) -> tuple[bytes, list[str]]:
    """Return the profile of a decoded picture, and what the user should know about its colours.

    Parameters
    ----------
    info
        What the file says beside its pixels, under Pillow's names: ``icc_profile``, and for PNG ``gamma``,
        ``chromaticity`` and ``srgb``.
    colours
        Colour channels of the pixels as they were read: a CMYK picture that became RGB has 3, and its profile none
        of these.
    """
    profile = info.get("icc_profile") or b""
    if not isinstance(profile, bytes):
        return b"", []
    if not profile:
        return b"", _strange_colours(info)
    if len(profile) > LARGEST_PROFILE:
        return b"", [f"its colour profile of {len(profile)} bytes is left out: the largest that is kept has 4 MB"]
    if colours_of(profile) != colours:
        space = profile[_SPACE].decode("ascii", "replace").strip() if len(profile) >= _HEADER else ""
        named = f"its {space} colour profile" if space.isalnum() else "its damaged colour profile"
        pixels = "gray" if colours == 1 else "RGB"
        return b"", [f"{named} is left out: it does not describe {pixels} pixels"]
    return profile, []


def _strange_colours(info: Mapping[str, Any]) -> list[str]:
    """Return the note that a PNG without a profile says of its colours what no other file here will say."""
    if "srgb" in info:
        return []
    gamma, primaries = info.get("gamma", _GAMMA), info.get("chromaticity", _PRIMARIES)
    far = [abs(one - other) > _NEAR for one, other in zip((gamma, *primaries), (_GAMMA, *_PRIMARIES), strict=False)]
    if not any(far):
        return []
    what = f"gamma of {gamma:.5g} is" if far[0] else "primaries are"
    return [f"its {what} left out: the values are taken as they are stored"]


Strip = NDArray[Any]

#: Rows that are handed out at a time when the whole picture is walked through.
STRIP_ROWS = 256

#: The share of its largest value by which brightness may lie below black.
_UNDERSHOOT = 0.1


@dataclass(frozen=True, eq=False)
class Picture:
    """An image, or a grid of numbers taken for one.

    Parameters
    ----------
    name
        What messages call it.
    height, width, channels
        Its size; an alpha channel counts.
    has_alpha
        Whether the last channel is transparency.
    dtype
        The type of the values in `rows`, in the machine's byte order.
    notes
        What the user should know: ``first of 12 frames``.
    strip
        Gives rows ``start`` to ``stop`` as ``(C, stop - start, W)``; safe to call from several threads.
    full_scale
        The value of white where the type of the file fixes it, else 0.
    profile
        The ICC profile that says what the colours are; empty for none.
    grid
        Whether it is a grid of numbers, and no picture.
    stored
        Bytes of the pixels as they are kept, where these are other than the values.
    reading
        Bytes that there were at most while it was read, where that is known.
    """

    name: str
    height: int
    width: int
    channels: int
    has_alpha: bool
    dtype: np.dtype[Any]
    notes: tuple[str, ...]
    strip: Callable[[int, int], Strip] = field(repr=False)
    full_scale: float = 0.0
    profile: bytes = field(default=b"", repr=False)
    grid: bool = False
    stored: int = 0
    reading: int = 0

    @property
    def nbytes(self) -> int:
        """The bytes that it takes in memory."""
        return self.stored or self.channels * self.height * self.width * self.dtype.itemsize

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, rows, columns."""
        return self.channels, self.height, self.width

    @cached_property
    def white(self) -> float:
        """The value of white: 255, 65535, or the smallest of 1, 255 and 65535 that holds all values.

        A float image or a grid whose values go further has its largest finite value for white.
        Finding that reads every value once, when it is first asked for.
        """
        if self.full_scale:
            return self.full_scale
        largest = self._ends[1]
        return next((limit for limit in (1.0, 255.0, 65535.0) if largest <= limit), largest)

    @property
    def is_light(self) -> bool:
        """Whether the values are brightness, with black at 0.

        Those of a picture are, unless they go below 0 by more than the little that an earlier filter leaves there.
        """
        if self.grid or self.full_scale:
            return not self.grid
        lowest, largest = self._ends
        return -lowest <= _UNDERSHOOT * largest

    @cached_property
    def _ends(self) -> tuple[float, float]:
        """The smallest and the largest finite value, or 0 where that is smaller, and larger."""
        ends = [_ends(self.rows(*span)) for span in self.spans()]
        return min(low for low, _ in ends), max(high for _, high in ends)

    def spans(self) -> list[tuple[int, int]]:
        """Return the first row of each strip and the one after its last."""
        return [(row, min(row + STRIP_ROWS, self.height)) for row in range(0, self.height, STRIP_ROWS)]

    def rows(self, start: int, stop: int) -> Strip:
        """Return rows `start` up to `stop` as ``(C, stop - start, W)``, in the stored type.

        The array may be a read-only view: copy it before changing it.
        """
        if not 0 <= start < stop <= self.height:
            raise IndexError(f"rows {start} to {stop} of {self.height}")
        return self.strip(start, stop)

    def only(self, channel: int) -> Picture:
        """Return one channel as a picture of its own.

        Raises
        ------
        ParameterError
            If there is no such channel.
        """
        if not 0 <= channel < self.channels:
            raise ParameterError(f"{quoted(self.name)} has no channel {channel}: they go from 0 to {self.channels - 1}")

        def strip(start: int, stop: int) -> Strip:
            return self.strip(start, stop)[channel : channel + 1]

        return replace(self, channels=1, has_alpha=False, strip=strip, profile=b"")

    def array(self, dtype: Any = None) -> Strip:
        """Return all of it as a new array ``(C, H, W)``, strip by strip.

        Parameters
        ----------
        dtype
            The type of the result; the stored type unless given.
        """
        whole = np.empty(self.shape, dtype or self.dtype)
        for start, stop in self.spans():
            whole[:, start:stop] = self.rows(start, stop)
        return whole


def array_picture(
    values: NDArray[Any], name: str, notes: tuple[str, ...] = (), *, has_alpha: bool = False, full_scale: float = 0.0,
    grid: bool = False, profile: bytes = b"",
) -> Picture:  # fmt: skip
    """Return an array ``(C, H, W)`` as a picture."""
    channels, height, width = values.shape

    def strip(start: int, stop: int) -> Strip:
        return values[:, start:stop]

    return Picture(
        name, height, width, channels, has_alpha=has_alpha, dtype=values.dtype, notes=notes, strip=strip,
        full_scale=full_scale, grid=grid, profile=profile,
    )  # fmt: skip


def _ends(values: Strip) -> tuple[float, float]:
    """Return the smallest and the largest finite value, and 0 where there is none beyond it."""
    where = np.isfinite(values) if values.dtype.kind == "f" else np.True_
    return float(np.min(values, where=where, initial=0)), float(np.max(values, where=where, initial=0))


class Mode(NamedTuple):
    """What a stored pixel is turned into.

    Parameters
    ----------
    target
        The Pillow mode that a strip is converted to, or the stored mode itself.
    bands
        Pillow's raw names of the target's channels, in order; one channel is taken whole.
    dtype
        The type of each value as Pillow hands it out.
    size
        Bytes that Pillow keeps for each stored pixel.
    """

    target: str
    bands: tuple[str, ...] = ("",)
    dtype: str = "u1"
    size: int = 4

    @property
    def has_alpha(self) -> bool:
        """Whether the last channel is transparency."""
        return self.bands[-1] == "A"


_RGB = ("R", "G", "B")

#: Every stored mode that is read, by Pillow's name. CMYK, YCbCr and HSV become RGB as Pillow converts them.
MODES: dict[str, Mode] = {
    "1": Mode("L", size=1),  # 0 and 255
    "L": Mode("L", size=1),
    "LA": Mode("LA", ("L", "A")),
    "La": Mode("LA", ("L", "A")),  # premultiplied
    "P": Mode("RGB", _RGB, size=1),
    "PA": Mode("RGBA", (*_RGB, "A")),
    "RGB": Mode("RGB", _RGB),
    "RGBX": Mode("RGB", _RGB),
    "RGBA": Mode("RGBA", (*_RGB, "A")),
    "RGBa": Mode("RGBA", (*_RGB, "A")),  # premultiplied
    "CMYK": Mode("RGB", _RGB),
    "YCbCr": Mode("RGB", _RGB),
    "HSV": Mode("RGB", _RGB),
    "I;16": Mode("I;16", dtype="<u2", size=2),
    "I;16L": Mode("I;16L", dtype="<u2", size=2),
    "I;16B": Mode("I;16B", dtype=">u2", size=2),
    "I;16N": Mode("I;16N", dtype="=u2", size=2),
    "I": Mode("I", dtype="=i4"),
    "F": Mode("F", dtype="=f4"),
}

#: What a palette becomes: all its colours gray or not, some of them transparent or not.
PALETTES: dict[tuple[bool, bool], Mode] = {
    (True, False): Mode("L", size=1),
    (True, True): Mode("LA", ("L", "A"), size=1),
    (False, False): Mode("RGB", _RGB, size=1),
    (False, True): Mode("RGBA", (*_RGB, "A"), size=1),
}

#: For each EXIF orientation: whether rows and columns change places, and then which axes are turned over.
ORIENTATIONS: dict[int, tuple[bool, bool, bool]] = {
    1: (False, False, False),
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}
