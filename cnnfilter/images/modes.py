"""How each kind of stored pixel becomes channels: one explicit table, and nothing outside it is read."""

from __future__ import annotations

from typing import NamedTuple


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
