"""How the maps of a picture are shown: the words for it, what ``auto`` means for them, and what to say about it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cnnfilter.core.arrays import Array
from cnnfilter.errors import OutputError, ShapeError, lookup
from cnnfilter.images.arrange import USUAL, Arrangement, sheet_pixels
from cnnfilter.images.colour import colour_table
from cnnfilter.images.display import NUMBERS, Display, parse_display
from cnnfilter.images.picture import Picture, colours_of
from cnnfilter.images.png import COMPRESSIONS

if TYPE_CHECKING:
    from cnnfilter.images.display import Range
    from cnnfilter.run.options import Options
    from cnnfilter.run.results import Statistics
    from cnnfilter.run.source import PictureSource

#: Gives the alpha of output rows ``start:stop`` as ``(rows, W)``, in the picture's type.
Alpha = Callable[[int, int], Array]

#: Whether maps that are drawn together are stretched each by itself or all alike.
SCALES = {"each": "every map by itself", "shared": "one mapping for all maps of a picture"}

#: Activations that give one value for all that is large.
SATURATING = frozenset(
    {"sigmoid", "log-sigmoid", "hard-sigmoid", "tanh", "hard-tanh", "softsign", "relu6", "softmax", "softmin"}
)

#: The share of white that no value of a dark picture reaches.
_DARK = 1 / 8

#: The share of its values by which a map varies that is likely to be rounding.
_NOISE = 1e-4

#: The share of a mapping's range below which a map looks flat.
_FLAT = 1 / 20


class Look(NamedTuple):
    """How maps become a picture.

    Attributes
    ----------
    kind
        The display mapping: any but ``auto``, or ``NUMBERS``.
    colormap
        Name of a colour map, or None for gray and RGB.
    compress
        ``fast`` or ``small``.
    white
        Value of white in the input.
    bits
        8, or 16 where the input had 16.
    alpha
        Transparency to carry over, or None.
    text
        What the file says about itself.
    zoom
        Pixels along each side of the square that one value becomes.
    scale
        A key of ``SCALES``, or None: each kernel by itself, and the many channels of one alike.
    exact
        The type of the floats that a TIFF holds instead of pixels; empty for none.
    profile
        The ICC profile of the maps' channels, as long as they hold the picture's colours.
    display
        The mapping, where it is known beforehand.
    sheet
        How a contact sheet of the maps lies.
    """

    kind: str
    colormap: str | None
    compress: str
    white: float
    bits: int
    alpha: Alpha | None
    text: Mapping[str, str]
    zoom: int = 1
    scale: str | None = None
    exact: str = ""
    profile: bytes = b""
    display: Display | None = None
    sheet: Arrangement = USUAL

    def said(self, displays: Sequence[Display]) -> str:
        """Return what a summary says about the mappings that were used.

        Examples
        --------
        >>> look = Look("abs", "viridis", "fast", 255.0, 8, None, {})
        >>> look.said([Display("abs", 0.0, 255.0)])
        'abs 0..255, viridis'
        """
        colours = f", {self.colormap}" if self.colormap else ""
        return "; ".join(f"{display}{colours}" for display in displays)


def make_looks(
    display: str = "auto",
    colormap: str | None = None,
    compress: str = "fast",
    scale: str | None = None,
    zoom: int = 1,
    sheet: Arrangement = USUAL,
) -> dict[str, Any]:
    """Return what the flags about pictures mean, by name, so that no wrong word costs a file.

    Raises
    ------
    CnnFilterError
        At the first word that is not understood.

    Examples
    --------
    >>> make_looks("percentile:99.0")["display"]
    'percentile:99'
    """
    lookup(COMPRESSIONS, compress, "compression")
    if scale is not None:
        lookup(SCALES, scale, "scale")
    if colormap is not None:
        colour_table(colormap)
    words = {"display": parse_display(display), "colormap": colormap, "compress": compress}
    return {**words, "scale": scale, "zoom": zoom, "sheet": sheet.checked()}


def check_zoom(shapes: Sequence[tuple[int, ...]], zoom: int, most: int) -> None:
    """Raise if enlarged maps ``(..., H, W)`` would have more pixels than allowed.

    Raises
    ------
    OutputError
        With their size.
    """
    for *_, height, width in shapes if zoom > 1 else ():
        pixels = height * width * zoom * zoom
        if pixels > most:
            raise OutputError(
                f"--zoom {zoom} makes {width * zoom} x {height * zoom} = {pixels} pixels, over the limit of {most} "
                f"(--max-pixels {pixels} raises it)"
            )


def check_sheet(shapes: Sequence[tuple[int, ...]], zoom: int, most: int) -> None:
    """Raise if a contact sheet of maps ``(..., H, W)`` would have more pixels than allowed.

    Raises
    ------
    OutputError
        With about how many.
    """
    cells = max(height * width * zoom * zoom for *_, height, width in shapes)
    pixels = sheet_pixels(len(shapes), cells)
    if pixels > most:
        raise OutputError(
            f"a sheet of {len(shapes)} maps has about {pixels} pixels, over the limit of {most} (--max-pixels {pixels} "
            "raises it)"
        )


def check_colormap(colormap: str | None, channels: int) -> None:
    """Raise if colours would be coloured.

    Raises
    ------
    ShapeError
        With the way out.
    """
    if colormap and channels == 3:
        raise ShapeError("a colour map needs one channel, the maps have 3 (--channels gray)")


def carries_alpha(picture: Picture, channels: int, colormap: str | None) -> bool:
    """Say whether a picture's transparency goes into that of its maps."""
    return picture.has_alpha and not colormap and channels in (1, 3)


def auto_kind(picture: Picture, kernel_kind: str) -> str:
    """Return the display that ``auto`` means for maps of a picture, or `NUMBERS`.

    Parameters
    ----------
    picture
        What they are made of: a picture whose values are brightness, or numbers. A picture with values below 0 holds
        heights or the like, and no brightness. Stored arrays of bytes may well be pictures: a blur shows them as such.
    kernel_kind
        The display that suits the kernel. An angle is one, whatever it is made of.
    """
    if kernel_kind == "angle":
        return kernel_kind
    bytes_of_light = picture.dtype in (np.uint8, np.uint16) and kernel_kind == "clip"
    return kernel_kind if picture.is_light or bytes_of_light else NUMBERS


def by_sign(look: Look) -> Look:
    """Return a look for a sheet, on which what would be stretched from black to white is shown by its sign."""
    return look._replace(kind=NUMBERS) if look.kind == "minmax" else look


def exact_type(picture: Picture, options: Options, display: str, colormap: str | None) -> str:
    """Return the type of the floats that a TIFF of a picture's maps holds; empty where these become pixels.

    A picture of floats, or of integers whose type says nothing about white, comes back as it is: its values are
    measurements, and no mapping to 8 bits would keep them. A mapping or colours that are asked for make pixels of it.
    """
    asked = display != "auto" or colormap
    return "" if asked or picture.grid or picture.full_scale else options.dtype


def kept_profile(picture: Picture, source: PictureSource, channels: int, colormap: str | None) -> bytes:
    """Return the profile of a picture if maps of so many channels can hold its colours."""
    fits = not colormap and channels == source.colors == colours_of(picture.profile)
    return picture.profile if fits else b""


def notes_on_maps(
    name: str, facts: Statistics, displays: Sequence[Display], source: PictureSource, options: Options
) -> list[str]:
    """Return what the user should know about a map before believing its picture."""
    notes = []
    constant = facts.size > 1 and facts.finite == facts.size and facts.minimum == facts.maximum
    if constant and any(display.constant is not None for display in displays):
        notes.append(f"its map {name} is constant: {facts.minimum:.6g} everywhere")
    span, most = facts.maximum - facts.minimum, max(abs(facts.minimum), abs(facts.maximum))
    if 0 < span < _NOISE * most and any(one.kind.startswith(("minmax", "percentile")) for one in displays):
        notes.append(
            f"its map {name} hardly varies: {facts.minimum:.6g} to {facts.maximum:.6g} is stretched from black to white"
        )
    if _saturates(facts, source, options):
        called = options.activation.name if options.activation else ""
        notes.append(f"{called} saturates: the values go up to {source.white:g} (--range unit makes them 0 to 1)")
    picture = source.picture
    guessed = not picture.full_scale and not picture.grid and source.white > 1
    if guessed and any(one.kind in ("clip", "abs") for one in displays) and most < _DARK * source.white:
        notes.append(
            f"its map {name} is dark: no value is beyond {most:.6g}, and white was taken for {source.white:g} "
            "(--display minmax)"
        )
    return notes


def flat_note(ranges: Sequence[Range], display: Display) -> list[str]:
    """Return the note that most of some maps under one mapping show next to nothing, if that is so.

    Examples
    --------
    >>> from cnnfilter.images.display import Extent
    >>> flat_note([Extent(0, 1), Extent(0, 2), Extent(0, 200)], Display("minmax", 0.0, 200.0))
    ['2 of 3 maps take less than a twentieth of minmax 0..200 and look flat (--scale each)']
    """
    spans = [one.maximum - one.minimum for one in ranges if one.maximum > one.minimum]  # no mapping helps the others
    flat = sum(span < _FLAT * (display.high - display.low) for span in spans)
    if 2 * flat <= len(spans) or math.isinf(display.high):
        return []
    return [f"{flat} of {len(ranges)} maps take less than a twentieth of {display} and look flat (--scale each)"]


def _saturates(facts: Statistics, source: PictureSource, options: Options) -> bool:
    """Say whether nearly all values lie at one end of an activation, because the input goes far beyond 1."""
    if options.activation is None or options.activation.name not in SATURATING:
        return False
    if source.white <= 1 or not facts.finite:
        return False
    span = facts.maximum - facts.minimum
    return min(facts.maximum - facts.mean, facts.mean - facts.minimum) <= 0.05 * span


def lost_profile(
    picture: Picture, look: Look, displays: Sequence[Display], channels: int, *, sheet: bool, kept: bool
) -> list[str]:
    """Return the note that a colour profile went no further than the input, where it had one and it did not."""
    if not picture.profile or kept or not displays:
        return []
    its = colours_of(picture.profile)
    if look.colormap:
        reason = f"the colours are those of {look.colormap}"
    elif sheet:
        reason = "a contact sheet holds more than its colours"
    elif not look.profile:
        reason = f"it describes {its} channel{'s' * (its > 1)}, the map has {channels}"
    elif changing := next((one for one in displays if not one.keeps_values), None):
        reason = f"{changing} changes the colours"
    else:
        reason = "the format has no place for it"
    return [f"its colour profile is left out: {reason}"]
