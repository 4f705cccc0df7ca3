"""ICC colour profiles: which of them describes the pixels that were read, and may go into a picture made of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
