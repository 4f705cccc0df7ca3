"""TIFF files to pictures: what the values of each kind mean, or a refusal that names the kind."""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import numpy as np

from cnnfilter.core.arrays import Array
from cnnfilter.errors import ImageError
from cnnfilter.images.damage import check_jpeg, check_jpeg_kind
from cnnfilter.images.frames import check_frame
from cnnfilter.images.picture import MOST_FRAMES, ORIENTATIONS, Limits, Picture, Strip, profile_of
from cnnfilter.images.strips import Box, upright
from cnnfilter.images.tiff_chunks import ABSENT, BYTE_COMPRESSIONS, grid_of, read_samples, spans_of
from cnnfilter.images.tiff_tags import PROFILE, Tags, count_directories, read_tags, tiff_directories

_JPEG = 7
_WHITE_IS_0, _BLACK_IS_0, _RGB, _PALETTE, _CMYK = 0, 1, 2, 3, 5
_PHOTOMETRICS = {
    4: "transparency masks", 6: "YCbCr colours", 8: "LAB colours", 9: "LAB colours", 10: "LAB colours",
    32803: "raw camera mosaics", 32844: "logarithmic colours", 32845: "logarithmic colours",
    34892: "raw camera colours", 51177: "depth maps", 52527: "photometric masks",
}  # fmt: skip
_COMPRESSIONS = {
    6: "old-style JPEG", 7: "JPEG", 34712: "JPEG 2000", 50001: "WebP", 50002: "JPEG XL", 34887: "LERC",
    33003: "JPEG 2000", 33005: "JPEG 2000", 34676: "logarithmic", 34677: "logarithmic", 34661: "JBIG",
}  # fmt: skip

#: What Pillow decodes as a whole, because the compression knows what the values mean, with no more than 8 bits.
_PILLOW = {2: "fax", 3: "fax", 4: "fax", 6: "JPEG", 7: "JPEG"}


class Values(NamedTuple):
    """How the values of a picture are stored."""

    dtype: np.dtype[Any]
    bits: int

    @property
    def white(self) -> int:
        """The largest stored value of whole numbers."""
        return (1 << self.bits) - 1


def find_tags(data: Any, frame: int = 0) -> Tags:
    """Return the tags of a frame.

    Raises
    ------
    ImageError
        If there are fewer frames, or its directory is damaged.
    """
    place = next(itertools.islice(tiff_directories(data), frame, None), None)
    if place is None:
        check_frame(frame, count_directories(data, MOST_FRAMES))
        raise ImageError("damaged TIFF: it holds no picture")
    tags = read_tags(data, *place)
    for tag in (256, 257):
        tags.need(tag)
    return tags


def is_for_pillow(tags: Tags) -> bool:
    """Say whether Pillow decodes a picture as a whole.

    Raises
    ------
    ImageError
        If nobody does.
    """
    compression = tags.one(259, 1)
    if compression in BYTE_COMPRESSIONS:
        return False
    kind = _COMPRESSIONS.get(compression, f"number {compression}")
    if compression not in _PILLOW:
        raise ImageError(f"TIFF with {kind} compression is not supported (save it with deflate, LZW or none)")
    bits, samples = set(tags.values.get(258, (1,))), tags.one(277, 1)
    if _PILLOW[compression] == "fax":
        fits = bits == {1} and samples == 1 and tags.one(262, 0) in (_WHITE_IS_0, _BLACK_IS_0)
    else:
        fits = bits == {8} and tags.one(284, 1) == 1 and (samples, tags.one(262, 1)) in ((1, 1), (3, 2), (3, 6), (4, 5))
    if not fits:
        kind = _PILLOW[compression]
        raise ImageError(f"this kind of TIFF with {kind} compression is not supported (save it with deflate)")
    return True


def check_chunk(tags: Tags, limits: Limits) -> None:
    """Refuse a picture whose tiles, however small it is itself, are too large to unpack one of them."""
    grid = grid_of(tags)
    bits = max(tags.values.get(258, (1,)))
    limits.check_values(grid.samples, grid.rows, grid.columns, -(-bits // 8))


def check_jpeg_chunks(data: Any, tags: Tags, *, whole: bool) -> None:
    """Look at each strip or tile that is a JPEG: libtiff passes on none of what libjpeg warns of.

    Raises
    ------
    ImageError
        If one is of a kind that is not read; or is damaged, and may not be.
    """
    if tags.one(259, 1) != _JPEG:
        return
    shared = tags.bytes_of(347)[:-2]  # an image without pixels, up to its end mark
    for start, length in spans_of(data, tags, grid_of(tags), 0):
        piece = bytes(data[start : start + length])
        piece = shared + piece[2:] if shared else piece
        check_jpeg_kind(piece)
        if whole and length and (fault := check_jpeg(piece)):
            raise ImageError(fault.replace("damaged JPEG", "damaged TIFF: JPEG", 1))


def decode_tiff(data: Any, tags: Tags, name: str, limits: Limits, notes: tuple[str, ...], *, whole: bool) -> Picture:
    """Return the picture that some tags describe.

    Parameters
    ----------
    data
        The bytes of the file, or a map of it.
    tags
        Of the picture.
    name, notes
        Of the picture that is made.
    limits
        Checked before anything is allocated.
    whole
        Refuse a file of which parts are missing or damaged; else these are 0.

    Raises
    ------
    ImageError
        If the picture is damaged, or of a kind that is not read.
    ResourceError
        If it needs more memory than allowed.
    """
    grid, values = grid_of(tags), _values_of(tags)
    limits.check_values(grid.planes * grid.samples, grid.height, grid.width, values.dtype.itemsize)
    photometric, extras = _channels_of(tags, grid.planes * grid.samples)
    samples = read_samples(data, tags, grid, values.dtype, values.bits, whole=whole)
    if absent := spans_of(data, tags, grid, 0).count(ABSENT):
        notes += (f"never written, and 0 here: {absent} of its {grid.chunks * grid.planes} strips or tiles",)
    white = _scale(samples, values, photometric)
    if photometric == _WHITE_IS_0:
        np.subtract(white, samples[:1], out=samples[:1], casting="unsafe")
    pixels = _coloured(samples, tags, photometric, white)
    has_alpha = len(extras) == 1 and extras[0] in (1, 2)
    if has_alpha and extras[0] == 1:
        _divide_alpha(pixels, white)
    if extras and not has_alpha:
        are = "is neither colour" if len(extras) == 1 else "are neither colours"
        notes += (f"{len(extras)} of its {len(pixels)} channels {are} nor transparency",)

    def box(place: Box) -> Strip:
        left, top, right, bottom = place
        return pixels[:, top:bottom, left:right]

    profile, about_colours = profile_of({"icc_profile": tags.bytes_of(PROFILE)}, len(pixels) - len(extras))
    orientation = tags.one(274, 1)
    orientation = orientation if orientation in ORIENTATIONS else 1
    height, width = (grid.width, grid.height) if ORIENTATIONS[orientation][0] else (grid.height, grid.width)
    return Picture(
        name, height, width, len(pixels), has_alpha=has_alpha, dtype=pixels.dtype,
        notes=(*notes, *about_colours), profile=profile,
        strip=upright(box, grid.height, grid.width, orientation), full_scale=float(white) if white < 1 << 16 else 0.0,
    )  # fmt: skip


def _values_of(tags: Tags) -> Values:
    """Return how values are stored, if all of them are alike."""
    samples = tags.one(277, 1)
    sizes = tags.values.get(258, (1,))
    kinds = tags.values.get(339, (1,))
    if len(set(sizes[:samples])) > 1 or len(set(kinds[:samples])) > 1:
        raise ImageError("TIFF with channels of different types is not supported (save each channel by itself)")
    bits, kind = sizes[0], {1: "u", 2: "i", 3: "f", 4: "u"}.get(kinds[0], "c")
    whole = kind == "u" and (bits in (1, 2, 4) or 8 <= bits <= 16)
    if not (whole or (kind in "ui" and bits in (8, 16, 32, 64)) or (kind == "f" and bits in (16, 32, 64))):
        words = {"u": "whole", "i": "signed", "f": "float"}.get(kind, "complex")
        raise ImageError(f"TIFF of {bits}-bit {words} numbers is not supported (save it as 8, 16 or 32 bits)")
    size = next(size for size in (1, 2, 4, 8) if bits <= 8 * size)
    return Values(np.dtype(f"{tags.order}{kind}{size}"), bits)


def _channels_of(tags: Tags, samples: int) -> tuple[int, tuple[int, ...]]:
    """Return what the colours are, and the meaning of each value of a pixel beyond them."""
    photometric = tags.need(262)[0] if 262 in tags.values else (_BLACK_IS_0 if samples < 3 else _RGB)
    if photometric in _PHOTOMETRICS or photometric not in (_WHITE_IS_0, _BLACK_IS_0, _RGB, _PALETTE, _CMYK):
        kind = _PHOTOMETRICS.get(photometric, f"colours of kind {photometric}")
        raise ImageError(f"{kind} are not supported (save it as RGB or gray)")
    colours = {_RGB: 3, _CMYK: 4}.get(photometric, 1)
    if samples < colours:
        raise ImageError(f"damaged TIFF: {samples} values a pixel where its colours need {colours}")
    if photometric == _CMYK and tags.one(332, 1) != 1:
        raise ImageError("TIFF of other inks than CMYK is not supported (save it as RGB)")
    said = tags.values.get(338, ())
    extras = (*said, *(0,) * (samples - colours))[: samples - colours]
    if 1 in extras and photometric == _PALETTE:
        raise ImageError("TIFF with a palette and transparency multiplied in is not supported (save it as RGB)")
    return photometric, extras


def _scale(samples: Array, values: Values, photometric: int) -> int:
    """Spread values of less than 8 bits over 0 to 255, in place; return white, or 0 for numbers that have none."""
    if values.dtype.kind != "u" and photometric not in (_BLACK_IS_0, _RGB):
        raise ImageError("TIFF of signed or float numbers is read as gray or RGB alone (save it with black as 0)")
    if values.dtype.kind != "u":
        return 0
    if values.bits >= 8:
        return values.white
    if photometric == _PALETTE:
        if len(samples) > 1:
            raise ImageError(f"TIFF with a palette of {values.bits} bits and transparency is not supported")
    else:
        samples *= np.uint8(255 // values.white)
    return 255


def _coloured(samples: Array, tags: Tags, photometric: int, white: int) -> Array:
    """Return samples as gray or RGB, with what comes beyond the colours."""
    if photometric == _PALETTE:
        return _from_palette(samples, tags)
    if photometric == _CMYK:
        wide = samples[:4].astype(np.int64)
        light = white - wide[3]
        rgb = np.clip(light - (wide[:3] * light * 2 + white) // (2 * white), 0, white)
        return np.concatenate([rgb.astype(samples.dtype), samples[4:]])
    return samples


def _from_palette(samples: Array, tags: Tags) -> Array:
    """Return indices of a palette as colours, or as gray where all of them are."""
    table = np.array(tags.need(320), np.uint16)
    count = len(table) // 3
    if samples.dtype != np.uint8 or count * 3 != len(table) or not count:
        raise ImageError("TIFF with a palette of this kind is not supported (save it as RGB)")
    if int(samples[0].max()) >= count:
        raise ImageError(f"damaged TIFF: a pixel has colour {samples[0].max()} of {count}")
    colours = (table.reshape(3, count) >> 8).astype(np.uint8)
    if (colours == colours[:1]).all():
        colours = colours[:1]
    return np.concatenate([colours[:, samples[0]], samples[1:]])


def _divide_alpha(pixels: Array, white: int) -> None:
    """Divide colours by the transparency that is multiplied into them."""
    if not white:
        raise ImageError("TIFF of such numbers with transparency multiplied in is not supported")
    alpha = pixels[-1].astype(np.int64)
    for plane in pixels[:-1]:
        divided = plane.astype(np.int64) * white // np.maximum(alpha, 1)
        plane[:] = np.where(alpha == 0, plane, np.minimum(divided, white))
