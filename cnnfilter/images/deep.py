"""Sixteen bits of colour from a library that keeps eight.

Pillow has no mode for 16-bit colour: its unpackers take the high byte of each value. Told that the bytes lie
the other way round, the same unpackers take the low byte. So a picture is decoded twice, once for each byte.
"""

from __future__ import annotations

import sys
from typing import Any, NamedTuple

_SWAPPED = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}


class Deep(NamedTuple):
    """How a 16-bit colour picture is decoded.

    Parameters
    ----------
    high, low
        Pillow's raw mode for each decoding, by the raw mode that it chose itself.
    bands
        For each channel, the band that holds its byte in the first decoding and in the second.
    exact
        Whether all 16 bits come out.
    """

    high: dict[str, str]
    low: dict[str, str]
    bands: tuple[tuple[str, str], ...]
    exact: bool = True


def deep_of(image: Any) -> Deep | None:
    """Return how to decode an opened image of 16-bit colour, or None for any other."""
    tag = getattr(image, "tag_v2", None)
    raw = {_rawmode(tile) for tile in image.tile}
    if tag is not None and image.mode in ("RGB", "RGBA") and set(tag.get(258, ())) == {16}:
        order = "L" if tag.prefix == b"II" else "B"
        if raw <= set("RGBA"):  # planes apart and not compressed: Pillow would take them for bytes
            return Deep(
                {band: f"{band};16{order}" for band in raw},
                {band: f"{band};16{_SWAPPED[order]}" for band in raw},
                tuple((band, band) for band in image.mode),
            )
    if raw == {"LA;16B"}:  # four bytes a pixel, as in RGBA
        return Deep({"LA;16B": "RGBA"}, {"LA;16B": "RGBA"}, (("R", "G"), ("B", "A")))
    (name,) = raw if len(raw) == 1 else ("",)
    kind, _, order = name.partition(";16")
    if order not in _SWAPPED or kind not in ("RGB", "RGBA", "RGBX", "RGBa", "CMYK"):
        return None
    apart = tag is not None and tag.get(284) == 2  # libtiff's planes are unpacked in one way only
    exact = kind in ("RGB", "RGBA", "RGBX") and not apart
    bands = tuple((band, band) for band in image.mode)
    return Deep({}, {name: f"{kind};16{_SWAPPED[order]}"}, bands, exact)


def retile(image: Any, names: dict[str, str]) -> None:
    """Make Pillow unpack an image that is not loaded yet by other raw modes."""
    image.tile = [tile._replace(args=_renamed(tile.args, names)) for tile in image.tile]


def _rawmode(tile: Any) -> str:
    """Return the raw mode of one tile."""
    return str(tile.args if isinstance(tile.args, str) else tile.args[0])


def _renamed(args: Any, names: dict[str, str]) -> Any:
    """Return a tile's arguments with the raw mode exchanged."""
    if isinstance(args, str):
        return names.get(args, args)
    return (names.get(args[0], args[0]), *args[1:])
