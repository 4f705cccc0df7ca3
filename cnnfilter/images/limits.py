"""What a picture may cost, checked from its header before anything is allocated."""

from __future__ import annotations

from typing import NamedTuple

from cnnfilter.errors import ImageError, ResourceError
from cnnfilter.files import bytes_text

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
