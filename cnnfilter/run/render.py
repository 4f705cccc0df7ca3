"""Maps to files: statistics, display mapping and encoding in one walk over the strips where that is possible."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import cnnfilter
from cnnfilter.core.arrays import Array
from cnnfilter.files import atomic_output
from cnnfilter.images.arrange import Arrangement
from cnnfilter.images.colour import SIGNED, apply_colormap, colour_table, marked
from cnnfilter.images.display import (
    NUMBERS,
    Display,
    Extent,
    extent_of,
    needs_statistics,
    resolve,
    to_pixels,
)
from cnnfilter.images.picture import Picture
from cnnfilter.images.png import PngLayout, Segment, encode_segment, png_chunks
from cnnfilter.images.tiles import kernel_picture, picture_tile
from cnnfilter.library.kernel import Kernel
from cnnfilter.run.look import Look
from cnnfilter.run.maps import Maps
from cnnfilter.run.outputs import Output
from cnnfilter.run.results import Statistics

if TYPE_CHECKING:
    from cnnfilter.images.sheet import Bar


def measure(maps: Maps) -> Statistics:
    """Return the facts of all values."""
    total = Statistics()
    for part in maps.walk(lambda _, values: Statistics.of(values)):
        total = total.merge(part)
    return total


class Drawn(NamedTuple):
    """What is known of maps that were drawn.

    Attributes
    ----------
    facts
        Those of all values.
    displays
        The mappings that were used, without repetition.
    profile
        Whether every file has the colour profile.
    ranges
        The extremes of each channel, where they are tiles of a sheet.
    """

    facts: Statistics
    displays: tuple[Display, ...]
    profile: bool
    ranges: tuple[Extent, ...]


def draw(maps: Maps, look: Look, outputs: Sequence[Output]) -> Drawn:
    """Write `maps` as pictures.

    A mapping that is known beforehand needs one walk over the strips; one that depends on all values, two.
    Only formats other than PNG, and maps of another number of channels than a picture has, need the whole
    picture in memory.
    """
    exact = [bool(look.exact) and output.format == "tiff" for output in outputs]
    measured = None if all(exact) else _painter(maps, look)
    used: list[_Painter] = []
    for output, as_it_is in zip(outputs, exact, strict=True):
        if as_it_is or measured is None:
            painter = _Painter(maps, look, Display.untouched(look.exact), Statistics())
        else:
            painter = measured.for_format(output.format)
        if painter.look.exact:
            _write(output, iter([painter.tiff()]))
        elif output.format == "png" and painter.streams:
            _write(output, painter.png())
        else:
            _write_image(output, painter.pixels(), painter.text, look, painter.profile)
        used.append(painter)
    displays = tuple(dict.fromkeys(painter.display for painter in used))
    return Drawn(used[-1].statistics, displays, all(painter.profile for painter in used), used[-1].ranges)


class Extras(NamedTuple):
    """What stands on a sheet beside the maps: the picture before them, and the kernel of each."""

    lead: Array | None = None
    kernels: tuple[Array | None, ...] = ()


def extras_of(sheet: Arrangement, picture: Picture, kernels: Sequence[Sequence[Kernel]]) -> Extras:
    """Return what a sheet asks for: the picture, and a kernel for each map that has a single one."""
    beside: list[Array | None] = []
    if sheet.with_kernels:
        beside = [kernel_picture(own[0].weights) if len(own) == 1 else None for own in kernels]
    return Extras(picture_tile(picture) if sheet.with_input else None, tuple(beside))


def draw_sheet(
    all_maps: Sequence[Maps], looks: Sequence[Look], names: Sequence[str], outputs: Sequence[Output], extras: Extras
) -> tuple[list[Statistics], list[Display]]:
    """Write the maps of several kernels as one contact sheet; return the facts and the mapping of each."""
    from cnnfilter.images.sheet import contact_sheet

    painters = [_painter(maps, look).for_format("jpg").signed() for maps, look in zip(all_maps, looks, strict=True)]
    tiles = [painter.tile() for painter in painters]
    facts = [painter.statistics for painter in painters]
    notes = [range_text(one.minimum, one.maximum, one.size - one.finite) for one in facts]
    single = all(maps.shape[0] == 1 for maps in all_maps)
    bar = shared_bar([(painter.look, painter.display) for painter in painters]) if single else None
    if bar is not None:
        least, most = min(one.minimum for one in facts), max(one.maximum for one in facts)
        least, most = (0.0, max(-least, most)) if bar.absolute else (least, most)
        bar = bar._replace(less=least < bar.low, more=most > bar.high)
    if len({painter.display for painter in painters}) > 1:  # maps that cannot be compared say how each is shown
        notes = [f"{note}; {painter.display}" for note, painter in zip(notes, painters, strict=True)]
    sheet = contact_sheet(
        tiles, names, notes=notes, kernels=extras.kernels, lead=extras.lead, bar=bar, how=looks[0].sheet
    )
    text = {
        **painters[0].text,
        "Kernel": ", ".join(look.text["Kernel"] for look in looks),
        "Display": "; ".join(f"{name}: {p.look.said([p.display])}" for name, p in zip(names, painters, strict=True)),
    }
    for output in outputs:
        _write_image(output, sheet, text, looks[0])
    return facts, [painter.display for painter in painters]


def shared_bar(shown: Sequence[tuple[Look, Display]]) -> Bar | None:
    """Return the bar of the scale that all of some maps share; None where they share none."""
    from cnnfilter.images.sheet import Bar

    ways = {(look.colormap, display.low, display.high, display.absolute) for look, display in shown}
    if len(shown) < 2 or len(ways) != 1:
        return None
    ((colormap, low, high, absolute),) = ways
    return Bar(low, high, colour_table(colormap or "gray"), absolute)


def range_text(low: float, high: float, strange: int = 0) -> str:
    """Return a range as it stands under a tile.

    Examples
    --------
    >>> range_text(-1020.0, 3.14159)
    '-1020 to 3.142'
    """
    if not low <= high:
        return "no finite value"
    return f"{low:.4g} to {high:.4g}" + (f", {strange} not finite" if strange else "")


def range_of(values: Array) -> str:
    """Return the range of values, and how many of them are not finite, as it stands under a tile.

    Examples
    --------
    >>> range_of(np.array([1.0, np.nan, 2.5]))
    '1 to 2.5, 1 not finite'
    """
    facts = Statistics.of(values)
    return range_text(facts.minimum, facts.maximum, facts.size - facts.finite)


def kindred_looks(all_maps: Sequence[Maps], looks: Sequence[Look]) -> list[Look]:
    """Return looks that give maps which are stretched one range, those of each kind by themselves.

    Percentiles stay each map's own: to put all values in order takes as much memory again.
    """
    made = list(looks)
    for kind in dict.fromkeys(look.kind for look in looks):
        places = [place for place, look in enumerate(looks) if look.kind == kind]
        if len(places) > 1 and needs_statistics(kind) and not kind.startswith("percentile"):
            alike = shared_looks([all_maps[place] for place in places], [looks[place] for place in places])
            for place, look in zip(places, alike, strict=True):
                made[place] = look
    return made


def shared_looks(all_maps: Sequence[Maps], looks: Sequence[Look]) -> list[Look]:
    """Return looks that give all maps one mapping: the one that they ask for, or by sign where they differ."""
    kinds = {look.kind for look in looks}
    kind = kinds.pop() if len(kinds) == 1 else NUMBERS
    display = resolve(kind, looks[0].white, _extent(all_maps, kind) if needs_statistics(kind) else None)
    return [look._replace(display=display) for look in looks]


def tiles_of(maps: Maps, look: Look) -> list[Array]:
    """Return maps as 8-bit pixels ``(H, W, C)``: one picture, or one for each of many channels.

    As files show them, but for what is not finite, which has a colour of its own.
    """
    painter = _painter(maps, look._replace(zoom=1)).for_format("jpg")
    return [painter.tile()] if painter.streams else painter.channels()


def _extent(all_maps: Sequence[Maps], kind: str) -> Extent:
    """Return the extremes of all maps, or their percentiles where the display asks for these."""
    if kind.startswith("percentile"):
        return extent_of([maps.hold().ravel() for maps in all_maps], kind)
    facts = Statistics()
    for maps in all_maps:
        facts = facts.merge(measure(maps))
    return Extent(facts.minimum, facts.maximum)


def _painter(maps: Maps, look: Look) -> _Painter:
    """Measure what the mapping needs, and return what paints with it."""
    extent = _extent([maps], look.kind) if look.display is None and needs_statistics(look.kind) else None
    return _Painter(maps, look, look.display or resolve(look.kind, look.white, extent), Statistics())


def in_color(pixels: Array, colormap: str | None) -> Array:
    """Return pixels through the colour map, where there is one."""
    return apply_colormap(pixels, colour_table(colormap)) if colormap else pixels


def enlarged(pixels: Array, zoom: int) -> Array:
    """Return pixels ``(H, W, C)`` with a square of ``zoom * zoom`` for each."""
    return pixels if zoom == 1 else pixels.repeat(zoom, axis=0).repeat(zoom, axis=1)


@dataclass(eq=False, repr=False)
class _Painter:
    """The picture of some maps under one mapping, strip by strip or whole."""

    maps: Maps
    look: Look
    display: Display
    statistics: Statistics
    ranges: tuple[Extent, ...] = ()

    @property
    def streams(self) -> bool:
        """Whether the maps are a picture as they are; more channels become a contact sheet."""
        return self.maps.shape[0] in (1, 3)

    def for_format(self, form: str) -> _Painter:
        """Return the painter for what a format can hold: JPEG knows neither 16 bits nor alpha, WebP no 16 bits."""
        look = self.look._replace(exact="")
        if form in ("jpg", "webp"):
            look = look._replace(bits=8, alpha=None if form == "jpg" or look.bits == 16 else look.alpha)
        if self.maps.shape[0] == 1 and (form == "webp" or (form == "tiff" and look.bits == 16 and look.alpha)):
            look = look._replace(profile=b"")  # gray becomes RGB there
        return replace(self, look=look)

    def signed(self) -> _Painter:
        """Return the painter for a sheet, on which values of both signs have the colours of signs."""
        both = self.look.colormap is None and self.display.by_sign and self.maps.shape[0] != 3
        return replace(self, look=self.look._replace(colormap=SIGNED, alpha=None)) if both else self

    @property
    def profile(self) -> bytes:
        """The colour profile that goes into the file."""
        return self.look.profile if self.display.keeps_values and self.streams else b""

    @property
    def layout(self) -> PngLayout:
        """The header of the picture, before it is enlarged."""
        colors, height, width = self.maps.shape
        mapped = self.look.colormap is not None
        channels = colors + (self.look.alpha is not None and not mapped)
        bits = 8 if mapped else self.look.bits
        palette = colour_table(self.look.colormap).tobytes() if self.look.colormap else b""
        return PngLayout(height, width, channels, bits, palette)

    @property
    def text(self) -> dict[str, str]:
        """What the file says about itself: the mapping above all."""
        return {
            "Software": f"cnnfilter {cnnfilter.__version__}",
            "Display": self.look.said([self.display]),
            **self.look.text,
        }

    def png(self) -> Iterator[bytes]:
        """Yield the bytes of a PNG while its strips are computed."""
        layout, zoom = self.layout, self.look.zoom
        large = replace(layout, height=layout.height * zoom, width=layout.width * zoom)

        def one(row: int, values: Array) -> tuple[Statistics, Segment]:
            pixels = enlarged(self._paint(row, values), zoom)
            last = row + values.shape[1] == layout.height
            return Statistics.of(values), encode_segment(pixels, large, self.look.compress, last=last)

        return png_chunks(large, self._collect(one), self.text, self.profile)

    def tiff(self) -> bytes:
        """Return the bytes of a TIFF that holds the values themselves, and transparency where there is some."""
        from cnnfilter.images.tiff import encode_tiff

        values, alpha = self.maps.hold(), self.look.alpha
        self.statistics = Statistics.of(values)
        if alpha:
            values = np.concatenate([values, alpha(0, values.shape[1])[None]])
        pixels = enlarged(values.transpose(1, 2, 0).astype(self.look.exact, copy=False), self.look.zoom)  # (H, W, C)
        return encode_tiff(pixels, self.text, self.profile, has_alpha=bool(alpha))

    def channels(self) -> list[Array]:
        """Return each channel as pixels ``(H, W, C)``, all under the same mapping unless each has its own."""
        values, look = self.maps.hold(), self.look
        self.statistics = Statistics.of(values)
        self.ranges = tuple(extent_of([channel]) for channel in values)
        own = [self.display] * len(values)
        if look.scale == "each":
            own = [resolve(look.kind, look.white, extent_of([channel], look.kind)) for channel in values]
            kinds = " or ".join(dict.fromkeys(one.kind for one in own if one.constant is None)) or self.display.kind
            self.display = self.display._replace(kind=f"each channel by itself, {kinds}, in")
        return [
            enlarged(marked(in_color(to_pixels(channel, one), look.colormap), channel), look.zoom)
            for channel, one in zip(values, own, strict=True)
        ]

    def pixels(self) -> Array:
        """Return the whole picture ``(H, W, C)``, coloured and enlarged."""
        if not self.streams:
            from cnnfilter.images.sheet import contact_sheet

            painter = self.signed()
            tiles = painter.channels()
            self.statistics, self.ranges, self.display = painter.statistics, painter.ranges, painter.display
            names = [str(channel) for channel in range(len(tiles))]
            notes = [range_of(channel) for channel in self.maps.hold()]
            bar = shared_bar([(painter.look, self.display)] * len(tiles)) if self.look.scale != "each" else None
            return contact_sheet(tiles, names, notes=notes, bar=bar, how=self.look.sheet)
        layout = self.layout
        whole = np.empty((layout.height, layout.width, layout.channels), np.uint8 if layout.bits == 8 else np.uint16)

        def one(row: int, values: Array) -> tuple[Statistics, None]:
            whole[row : row + values.shape[1]] = self._paint(row, values)
            return Statistics.of(values), None

        for _ in self._collect(one):
            pass
        return enlarged(in_color(whole, self.look.colormap), self.look.zoom)

    def tile(self) -> Array:
        """Return the picture as a tile of a sheet: what is not finite has a colour of its own."""
        pixels = self.pixels()
        if not self.streams or self.statistics.finite == self.statistics.size:
            return pixels
        values = self.maps.hold().transpose(1, 2, 0)
        return marked(pixels, enlarged(values, self.look.zoom).transpose(2, 0, 1))

    def _collect(self, one: Callable[[int, Array], tuple[Statistics, Any]]) -> Iterator[Any]:
        """Walk over the strips, add up their facts, and pass on the rest."""
        self.statistics = Statistics()
        for facts, rest in self.maps.walk(one):
            self.statistics = self.statistics.merge(facts)
            yield rest

    def _paint(self, row: int, values: Array) -> Array:
        """Return a strip as pixels ``(rows, W, C)``, alpha included."""
        layout = self.layout
        pixels = to_pixels(values, self.display, layout.bits)
        if layout.channels == len(values):
            return pixels
        alpha = self.look.alpha(row, row + values.shape[1]) if self.look.alpha else None
        return np.concatenate([pixels, np.asarray(alpha, pixels.dtype)[..., None]], axis=2)


def _write_image(output: Output, pixels: Array, text: Mapping[str, str], look: Look, profile: bytes = b"") -> None:
    """Encode a whole picture and write it."""
    from cnnfilter.images.write import encode_image  # PNG, which is streamed, needs none of the other formats

    _write(output, iter([encode_image(pixels, output.format, text, compress=look.compress, profile=profile)]))


def _write(output: Output, pieces: Iterator[bytes]) -> None:
    """Write the pieces to the output's file, all or nothing, or to standard output."""
    if output.path is None:
        for piece in pieces:
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        return
    with atomic_output(output.path, durable=output.durable) as file:
        for piece in pieces:
            file.write(piece)
