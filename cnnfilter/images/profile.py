"""ICC colour profiles: which of them describes the pixels that were read, and may go into a picture made of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Bytes of the largest profile that is kept; those of cameras, screens and printers have up to 3 million.
LARGEST_PROFILE = 4_000_000

#: Colour space signatures of profiles (ICC.1:2022, table 19), and the colour channels that each describes.
SPACES = {b"GRAY": 1, b"RGB ": 3}
_SPACE, _MAGIC, _HEADER = slice(16, 20), slice(36, 40), 128

#: The gamma of a PNG that is shown as it is stored, and how far others may lie from it.
_PLAIN_GAMMA, _NEAR = 1 / 2.2, 0.01


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
        What the file says beside its pixels, under Pillow's names: ``icc_profile``, ``gamma``, ``srgb``.
    colours
        Colour channels of the pixels as they were read: a CMYK picture that became RGB has 3, and its profile none
        of these.
    """
    profile = info.get("icc_profile") or b""
    if not isinstance(profile, bytes):
        return b"", []
    if not profile:
        gamma = info.get("gamma")
        if isinstance(gamma, int | float) and "srgb" not in info and abs(gamma - _PLAIN_GAMMA) > _NEAR:
            return b"", [f"its gamma of {gamma:.5g} is left out: the values are taken as they are stored"]
        return b"", []
    if len(profile) > LARGEST_PROFILE:
        return b"", [f"its colour profile of {len(profile)} bytes is left out: the largest that is kept has 4 MB"]
    if colours_of(profile) != colours:
        space = profile[_SPACE].decode("ascii", "replace").strip() if len(profile) >= _HEADER else ""
        named = f"its {space} colour profile" if space.isalnum() else "its damaged colour profile"
        pixels = "gray" if colours == 1 else "RGB"
        return b"", [f"{named} is left out: it does not describe {pixels} pixels"]
    return profile, []
