"""The directories of a TIFF file: each holds the tags of one picture, and says where the next one lies.

References
----------
Adobe, TIFF Revision 6.0, 1992; BigTIFF as libtiff has it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

from cnnfilter.errors import ImageError

#: The letter of each type in `struct`; a fraction is two words.
_TYPES = {
    1: "B", 2: "B", 3: "H", 4: "I", 5: "II", 6: "b", 7: "B", 8: "h", 9: "i", 10: "ii", 11: "f", 12: "d", 13: "I",
    16: "Q", 17: "q", 18: "Q",
}  # fmt: skip

_FRACTIONS = ("II", "ii", "f", "d")

#: The most values of a tag that is read; a picture has at most so many strips or tiles.
_MOST_VALUES = 1 << 22


class Form(NamedTuple):
    """How numbers are written in a file, and how its directories are built."""

    order: str
    number: str
    entry: int
    offset: str

    def unpack(self, letters: str, data: Any, at: int) -> tuple[Any, ...]:
        """Read numbers at a place.

        Raises
        ------
        ImageError
            If the file ends before them.
        """
        try:
            return struct.unpack_from(self.order + letters, data, at)
        except struct.error:
            raise ImageError("truncated TIFF: the file ends in its directory") from None


class Tags(NamedTuple):
    """The tags of one picture.

    Attributes
    ----------
    order
        ``<`` or ``>``, as `struct` and NumPy write byte orders.
    values
        The values of each tag by its number.
    """

    order: str
    values: dict[int, tuple[Any, ...]]

    def one(self, tag: int, default: int) -> int:
        """Return the first value of a tag."""
        value: int = self.values.get(tag, (default,))[0]
        return value

    def bytes_of(self, tag: int) -> bytes:
        """Return the values of a tag that are bytes; nothing where it is not there, and a mark where they are none."""
        values = self.values.get(tag, ())
        return bytes(values) if all(isinstance(value, int) and 0 <= value < 256 for value in values) else b"?"

    def need(self, tag: int) -> tuple[Any, ...]:
        """Return the values of a tag without which there is no picture."""
        if tag not in self.values:
            raise ImageError(f"damaged TIFF: its {NAMES.get(tag, f'tag {tag}')} is missing")
        return self.values[tag]


#: The tag of the colour profile: pixels can be read without it, whatever it holds.
PROFILE = 34675

#: What the tags are called that messages name, and the only ones that are read.
NAMES = {
    256: "width", 257: "height", 258: "bits per sample", 259: "compression", 262: "photometric interpretation",
    266: "fill order", 273: "strip offsets", 274: "orientation", 277: "samples per pixel", 278: "rows per strip",
    279: "strip byte counts", 284: "planar configuration", 317: "predictor", 320: "colour map", 322: "tile width",
    323: "tile length", 324: "tile offsets", 325: "tile byte counts", 332: "ink set", 338: "extra samples",
    339: "sample format", 347: "JPEG tables", PROFILE: "colour profile",
}  # fmt: skip


def tiff_directories(data: Any) -> Iterator[tuple[Form, int]]:
    """Yield the place of every directory of a file; a chain that comes back to itself ends there.

    Parameters
    ----------
    data
        The bytes of the file, or a map of it.
    """
    form, at = _header(data)
    seen: set[int] = set()
    while at and at not in seen:
        seen.add(at)
        yield form, at
        (count,) = form.unpack(form.number, data, at)
        (at,) = form.unpack(form.offset, data, at + struct.calcsize(form.number) + form.entry * count)


def count_directories(data: Any, most: int) -> int:
    """Return how many directories a file has, or ``most + 1`` for more; a damaged one ends the count."""
    count = 0
    try:
        for _ in tiff_directories(data):
            count += 1
            if count > most:
                break
    except ImageError:
        return max(count, 1)
    return count


def read_tags(data: Any, form: Form, at: int) -> Tags:
    """Return the tags of the directory at a place that matter for pixels.

    Raises
    ------
    ImageError
        If the file ends before them, they announce more values than it can hold, or these are no whole numbers from 0.
    """
    values: dict[int, tuple[Any, ...]] = {}
    (count,) = form.unpack(form.number, data, at)
    at += struct.calcsize(form.number)
    inline = struct.calcsize(form.offset)
    for place in range(at, at + form.entry * count, form.entry):
        tag, kind, number = form.unpack("HH" + form.offset, data, place)
        letters = _TYPES.get(kind)
        if tag not in NAMES or tag in values or letters is None or not number:
            continue
        size = number * struct.calcsize("=" + letters)
        if number > _MOST_VALUES or size > len(data):
            if tag == PROFILE:
                values[tag] = ("too long",)
                continue
            raise ImageError(f"damaged TIFF: its {NAMES[tag]} announce {number} values")
        start = place + form.entry - inline
        if size > inline:
            (start,) = form.unpack(form.offset, data, start)
        found = form.unpack(f"{number}{letters}" if len(letters) == 1 else letters * number, data, start)
        if tag != PROFILE and (letters in _FRACTIONS or min(found) < 0):
            raise ImageError(f"damaged TIFF: its {NAMES[tag]} is no whole number")
        values[tag] = found
    return Tags(form.order, values)


def _header(data: Any) -> tuple[Form, int]:
    """Return how the file is written, and where its first directory lies."""
    order = "<" if data[:2] == b"II" else ">"
    if 43 in data[2:4]:  # BigTIFF
        form = Form(order, "Q", 20, "Q")
        return form, form.unpack("Q", data, 8)[0]
    form = Form(order, "H", 12, "I")
    return form, form.unpack("I", data, 4)[0]
