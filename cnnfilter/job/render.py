"""Maps to files: statistics, display mapping and encoding in one walk over the strips where that is possible."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

import cnnfilter
from cnnfilter.errors import ShapeError
from cnnfilter.files import atomic_output
from cnnfilter.images.colour import apply_colormap, colour_table
from cnnfilter.images.display import (
    Display,
    extent_of,
    needs_statistics,
    resolve,
    to_pixels,
)
from cnnfilter.images.png import PngLayout, Segment, encode_segment, png_chunks
from cnnfilter.job.maps import Maps
from cnnfilter.job.names import Output
from cnnfilter.job.results import Statistics

Array = np.ndarray[Any, np.dtype[Any]]
#: Gives the alpha of output rows ``start:stop`` as ``(rows, W)``, in the picture's type.
Alpha = Callable[[int, int], Array]


class Look(NamedTuple):
    """How maps become a picture.

    Attributes
    ----------
    kind
        The display mapping: any but ``auto``.
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
    """

    kind: str
    colormap: str | None
    compress: str
    white: float
    bits: int
    alpha: Alpha | None
    text: Mapping[str, str]


def measure(maps: Maps) -> Statistics:
    """Return the facts of all values."""
    total = Statistics()
    for part in maps.walk(lambda _, values: Statistics.of(values)):
        total = total.merge(part)
    return total


def draw(maps: Maps, look: Look, outputs: Sequence[Output]) -> tuple[Statistics, Display]:
    """Write `maps` as pictures; return their facts and the mapping that was used.

    A mapping that is known beforehand needs one walk over the strips; one that depends on all values, two.
    Only formats other than PNG, and maps of another number of channels than a picture has, need the whole
    picture in memory.
    """
    measured = used = _painter(maps, look)
    for output in outputs:
        used = measured.for_format(output.format)
        if output.format == "png" and used.streams:
            _write(output, used.png())
        else:
            _write_image(output, _in_color(used.pixels(), look), used.text, look)
    return used.statistics, used.display


def draw_sheet(
    all_maps: Sequence[Maps], looks: Sequence[Look], names: Sequence[str], outputs: Sequence[Output]
) -> list[Display]:
    """Write the maps of several kernels as one contact sheet; return the mapping of each."""
    from cnnfilter.images.sheet import contact_sheet

    painters = [_painter(maps, look) for maps, look in zip(all_maps, looks, strict=True)]
    tiles = [_in_color(painter.for_format("jpg").pixels(), look) for painter, look in zip(painters, looks, strict=True)]
    sheet = contact_sheet(tiles, names)
    text = {
        **painters[0].text,
        "Kernel": ", ".join(look.text["Kernel"] for look in looks),
        "Display": "; ".join(f"{name}: {p.display}" for name, p in zip(names, painters, strict=True)),
    }
    for output in outputs:
        _write_image(output, sheet, text, looks[0])
    return [painter.display for painter in painters]


def pixels_of(maps: Maps, display: Display | None) -> Array:
    """Return maps as 8-bit pixels ``(H, W, C)``: under the mapping they were written with, else stretched."""
    values = maps.hold()
    shown = display or resolve("minmax", 1.0, extent_of([values]))
    return to_pixels(values if len(values) in (1, 3) else values[:1], shown)


def _painter(maps: Maps, look: Look) -> _Painter:
    """Measure what the mapping needs, and return what paints with it."""
    if look.colormap and maps.shape[0] != 1:
        raise ShapeError(f"a colour map needs one channel, the maps have {maps.shape[0]} (--channels gray)")
    facts = Statistics()
    if look.kind.startswith("percentile"):
        values = maps.hold()
        display = resolve(look.kind, look.white, extent_of([values], look.kind))
    elif needs_statistics(look.kind):
        facts = measure(maps)
        display = resolve(look.kind, look.white, facts if facts.finite else Statistics(1, 0.0, 0.0))
    else:
        display = resolve(look.kind, look.white)
    return _Painter(maps, look, display, facts)


def _in_color(pixels: Array, look: Look) -> Array:
    """Return pixels through the colour map, where there is one."""
    return apply_colormap(pixels, colour_table(look.colormap)) if look.colormap else pixels


@dataclass(eq=False, repr=False)
class _Painter:
    """The picture of some maps under one mapping, strip by strip or whole."""

    maps: Maps
    look: Look
    display: Display
    statistics: Statistics

    @property
    def streams(self) -> bool:
        """Whether the maps are a picture as they are; more channels become a contact sheet."""
        return self.maps.shape[0] in (1, 3)

    def for_format(self, form: str) -> _Painter:
        """Return the painter for what a format can hold: JPEG knows neither 16 bits nor alpha, WebP no 16 bits."""
        look = self.look
        if form in ("jpg", "webp"):
            look = look._replace(bits=8, alpha=None if form == "jpg" or look.bits == 16 else look.alpha)
        return replace(self, look=look)

    @property
    def layout(self) -> PngLayout:
        """The header of the picture."""
        colors, height, width = self.maps.shape
        mapped = self.look.colormap is not None
        channels = colors + (self.look.alpha is not None and not mapped)
        bits = 8 if mapped else self.look.bits
        palette = colour_table(self.look.colormap).tobytes() if self.look.colormap else b""
        return PngLayout(height, width, channels, bits, palette)

    @property
    def text(self) -> dict[str, str]:
        """What the file says about itself: the mapping above all."""
        return {"Software": f"cnnfilter {cnnfilter.__version__}", "Display": str(self.display), **self.look.text}

    def png(self) -> Iterator[bytes]:
        """Yield the bytes of a PNG while its strips are computed."""
        layout = self.layout

        def one(row: int, values: Array) -> tuple[Statistics, Segment]:
            pixels = self._paint(row, values)
            last = row + values.shape[1] == layout.height
            return Statistics.of(values), encode_segment(pixels, layout, self.look.compress, last=last)

        return png_chunks(layout, self._collect(one), self.text)

    def pixels(self) -> Array:
        """Return the whole picture ``(H, W, C)``, before any colour map."""
        if not self.streams:
            from cnnfilter.images.sheet import contact_sheet

            values = self.maps.hold()
            self.statistics = Statistics.of(values)
            names = [str(channel) for channel in range(len(values))]
            return contact_sheet([to_pixels(channel, self.display) for channel in values], names)
        layout = self.layout
        whole = np.empty((layout.height, layout.width, layout.channels), np.uint8 if layout.bits == 8 else np.uint16)

        def one(row: int, values: Array) -> tuple[Statistics, None]:
            whole[row : row + values.shape[1]] = self._paint(row, values)
            return Statistics.of(values), None

        for _ in self._collect(one):
            pass
        return whole

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


def _write_image(output: Output, pixels: Array, text: Mapping[str, str], look: Look) -> None:
    """Encode a whole picture and write it."""
    from cnnfilter.images.write import encode_image  # PNG, which is streamed, needs none of the other formats

    _write(output, iter([encode_image(pixels, output.format, text, compress=look.compress)]))


def _write(output: Output, pieces: Iterator[bytes]) -> None:
    """Write the pieces to the output's file, all or nothing, or to standard output."""
    if output.path is None:
        import sys

        for piece in pieces:
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        return
    with atomic_output(output.path, durable=output.durable) as file:
        for piece in pieces:
            file.write(piece)
