"""Sixteen bits of colour from a library that keeps eight.

Pillow has no mode for 16-bit colour: its unpackers take the high byte of each value. Told that the bytes lie
the other way round, the same unpackers take the low byte. So a PNG is decoded twice, once for each byte.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Deep(NamedTuple):
    """How a 16-bit colour picture is decoded.

    Parameters
    ----------
    high, low
        Pillow's raw mode for each decoding.
    bands
        For each channel, the band that holds its byte in the first decoding and in the second.
    channels
        What the channels are called.
    """

    high: str
    low: str
    bands: tuple[tuple[str, str], ...]
    channels: tuple[str, ...]


#: How to decode 16-bit colour, by the raw mode that Pillow chooses. Gray and alpha take four bytes, as in RGBA.
DEEP = {
    "RGB;16B": Deep("RGB;16B", "RGB;16L", (("R", "R"), ("G", "G"), ("B", "B")), ("R", "G", "B")),
    "RGBA;16B": Deep(
        "RGBA;16B", "RGBA;16L", (("R", "R"), ("G", "G"), ("B", "B"), ("A", "A")), ("R", "G", "B", "A")
    ),
    "LA;16B": Deep("RGBA", "RGBA", (("R", "G"), ("B", "A")), ("L", "A")),
}  # fmt: skip


def rawmode(image: Any) -> str:
    """Return the raw mode of an opened image that is all of one, or nothing."""
    names = {str(tile.args if isinstance(tile.args, str) else tile.args[0]) for tile in image.tile if tile.args}
    return names.pop() if len(names) == 1 else ""


def retile(image: Any, name: str) -> None:
    """Make Pillow unpack an image that is not loaded yet by another raw mode."""
    image.tile = [
        tile._replace(args=name if isinstance(tile.args, str) else (name, *tile.args[1:])) for tile in image.tile
    ]
