"""A picture, and a kernel, as the pixels of a tile."""

from __future__ import annotations

from cnnfilter.core.arrays import Array
from cnnfilter.images.colour import SIGNED, apply_colormap, colour_table, largest_of, marked
from cnnfilter.images.display import NUMBERS, Extent, extent_of, resolve, to_pixels
from cnnfilter.images.picture import Picture


def picture_tile(picture: Picture) -> Array:
    """Return a picture as pixels ``(H, W, C)``; a grid of numbers as these are shown."""
    values = picture.array()[: picture.channels - picture.has_alpha]
    values = values if len(values) in (1, 3) else values[:1]
    display = resolve("clip" if picture.is_light else NUMBERS, picture.white or 1.0, extent_of([values]))
    pixels = to_pixels(values, display)
    if display.by_sign and len(values) == 1:
        pixels = apply_colormap(pixels, colour_table(SIGNED))
    return marked(pixels, values)


def kernel_picture(weights: Array, largest: float | None = None) -> Array:
    """Return weights ``(kH, kW)`` or ``(C, kH, kW)`` as pixels: by sign, or of three channels in their colours.

    Of any other number of channels it is the first. The strongest colours are `largest` and its opposite, the largest
    weight unless given.
    """
    planes = weights if weights.ndim == 3 else weights[None]
    planes = planes if len(planes) in (1, 3) else planes[:1]
    most = largest or largest_of(planes)
    pixels = to_pixels(planes, resolve("symmetric", 1.0, Extent(-most, most)))
    return marked(pixels if len(planes) == 3 else apply_colormap(pixels, colour_table(SIGNED)), planes)
