"""Pictures decoded by Pillow, whose every failure becomes one of our errors here.

Pillow raises exceptions of many kinds for damaged files, trusts names, and prints through C libraries. This
module is the one boundary: bytes come in, a `Picture` or an error goes out.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import re
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from cnnfilter.errors import CnnFilterError, ImageError, ResourceError
from cnnfilter.files import printable, quoted
from cnnfilter.images.deep import Deep, deep_of, retile
from cnnfilter.images.limits import Limits
from cnnfilter.images.modes import MODES, ORIENTATIONS, PALETTES, Mode
from cnnfilter.images.picture import Picture
from cnnfilter.images.strips import boxes_of, deep_boxes, keyed, upright

#: Where each format is decoded. Going to the class spares the import of all the other formats.
PLUGINS = {
    "PNG": ("PIL.PngImagePlugin", "PngImageFile"),
    "JPEG": ("PIL.JpegImagePlugin", "JpegImageFile"),
    "TIFF": ("PIL.TiffImagePlugin", "TiffImageFile"),
    "GIF": ("PIL.GifImagePlugin", "GifImageFile"),
    "BMP": ("PIL.BmpImagePlugin", "BmpImageFile"),
    "WebP": ("PIL.WebPImagePlugin", "WebPImageFile"),
}

_LOCK = threading.Lock()
_CUT = ("truncated", "not enough data", "buffer is not large enough", "unexpected end", "out of data")

_BOMB = r"Image size \((\d+) pixels\) exceeds"

#: Low bit depths of gray: Pillow spreads the values over 0 to 255 but leaves the transparent one as it is.
_SPREAD = {"1": 255, "L;2": 85, "L;4": 17}


def decode(source: bytes | str, form: str, name: str, limits: Limits) -> Picture:
    """Return the first frame of a picture.

    Parameters
    ----------
    source
        The bytes of the file; or its name, for one too large to be read first.
    form
        One of the keys of `PLUGINS`.
    name
        What messages call it.
    limits
        Checked against the header, before anything is allocated.

    Raises
    ------
    ImageError
        If the picture is damaged, too large, or of a kind that is not read.
    ResourceError
        If it needs more memory than allowed or than there is.

    Notes
    -----
    One picture is decoded at a time in a process. The pixels stay as Pillow keeps them, 1 to 4 bytes each,
    and become arrays strip by strip.
    """
    try:
        with _pillow(form, limits):
            return _decode(source, form, name, limits)
    except CnnFilterError as error:
        raise type(error)(f"{quoted(name)}: {error}") from error
    except MemoryError as error:
        raise ResourceError(f"{quoted(name)}: no memory to decode it (close some programs)") from error
    except Exception as error:
        raise ImageError(f"{quoted(name)}: {_reason(error, form)}") from error


def _decode(source: bytes | str, form: str, name: str, limits: Limits) -> Picture:
    """Open, check, load and describe one picture."""
    with contextlib.ExitStack() as opened:
        image = _open(source, form, opened)
        limits.check_size(image.height, image.width)
        notes = _notes(image, source, form)
        deep = deep_of(image)
        limits.check_memory(image.height * image.width * (8 if deep else _mode(image).size))
        key = _transparent_key(image)
        low = image
        if deep and deep.exact:
            retile(image, deep.high)
            if deep.high != deep.low:
                low = _open(source, form, opened)
                retile(low, deep.low)
                low.load()
        image.load()
        orientation = 1 if form == "TIFF" else _orientation(image)  # Pillow turns a TIFF by itself
    width, height = image.im.size  # as decoded: a damaged header may have said something else
    mode = _mode(image)
    if deep and deep.exact:
        mode = _deep_mode(deep)
        reader = deep_boxes(image, low, deep.bands)
    else:
        notes += ["16-bit colours were read as 8 bits (save it as 16-bit RGB)"] if deep else []
        reader = boxes_of(image, mode)
    dtype = np.dtype(mode.dtype).newbyteorder("=")
    if key is not None:
        reader = keyed(reader, key, dtype)
    swap = ORIENTATIONS[orientation][0]
    return Picture(
        name=name,
        height=width if swap else height,
        width=height if swap else width,
        channels=len(mode.bands) + (key is not None),
        has_alpha=mode.has_alpha or key is not None,
        dtype=dtype,
        notes=tuple(notes),
        strip=upright(reader, height, width, orientation),
        full_scale={"u1": 255.0, "u2": 65535.0}.get(dtype.str[1:], 0.0),
        stored=height * width * (8 if deep and deep.exact else _mode(image).size),
    )


@contextlib.contextmanager
def _pillow(form: str, limits: Limits) -> Iterator[None]:
    """Hold Pillow's global state still: its own pixel limit, its warnings, what libtiff prints."""
    from PIL import Image

    with _LOCK, warnings.catch_warnings(), _quiet(form == "TIFF"):
        warnings.simplefilter("ignore")
        before = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = max(limits.pixels, 1)
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before


@contextlib.contextmanager
def _quiet(wanted: bool) -> Iterator[None]:
    """Send what C code writes to standard error nowhere: it would tear the user's screen."""
    saved = -1
    if wanted:
        with contextlib.suppress(OSError):
            saved = os.dup(2)
    if saved < 0:
        yield
        return
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)


def _reason(error: Exception, form: str) -> str:
    """Return one line for what Pillow raised."""
    if isinstance(error, OSError) and error.errno:
        return error.strerror or str(error)
    lines = str(error).strip().splitlines()
    text = printable(lines[0])[:160] if lines else type(error).__name__
    if found := re.match(_BOMB, text):
        pixels = int(found[1])
        return f"{pixels} pixels are over the limit (--max-pixels {pixels} raises it)"
    if any(word in text.lower() for word in _CUT):
        return f"truncated {form}: the file ends too early ({text})"
    if "MAX_TEXT" in text:
        return f"damaged {form}: its texts or colour profile unpack to more than is sane"
    if text == "not identified by this driver":
        return f"damaged {form}: its header announces no pixels, or an unknown kind of them"
    if text == "unknown pixel mode":
        return f"this kind of {form} is not supported (save it as 8- or 16-bit RGB, float gray, or .npy)"
    if text.startswith("decoder error"):
        return f"damaged {form}: its pixels cannot be decoded"
    if text.lower().startswith("unsupported"):
        return f"this kind of {form} is not supported: {text}"
    return f"damaged {form}: {text}"


def _open(source: bytes | str, form: str, opened: contextlib.ExitStack) -> Any:
    """Read a picture's header; its file is closed, and its bytes are let go, when `opened` is left."""
    module, plugin = PLUGINS[form]
    make = getattr(importlib.import_module(module), plugin)
    if form == "WebP" and isinstance(source, bytes) and not _webp_is_whole(source):
        raise ImageError(f"truncated {form}: the file ends too early")
    image = make(source if isinstance(source, str) else io.BytesIO(source))
    if image.fp is not None:
        opened.callback(image.fp.close)
    return image


def _mode(image: Any) -> Mode:
    """Return what an image's pixels become, or refuse a mode outside the table."""
    if image.mode not in MODES:
        kind = f"{image.mode} colours are" if image.mode.isalpha() else f"mode {image.mode} is"
        raise ImageError(f"{kind} not supported (save it as RGB or gray)")
    mode = MODES[image.mode]
    if image.mode == "P":
        colours = np.array(image.getpalette("RGB") or [0, 0, 1]).reshape(-1, 3)
        gray = bool((colours == colours[:, :1]).all())
        return PALETTES[gray, "transparency" in image.info]
    tag = getattr(image, "tag_v2", {})
    if mode.dtype == "u1" and image.mode == "L" and tag.get(339) == (2,):
        return mode._replace(dtype="i1")  # Pillow takes signed bytes for unsigned ones,
    if image.mode == "I" and tag.get(339, (1,)) == (1,) and tag.get(258) == (32,):
        return mode._replace(dtype="=u4")  # and unsigned words for signed ones
    return mode


def _deep_mode(deep: Deep) -> Mode:
    """Return the mode of 16-bit colour with so many channels."""
    names = {2: ("L", "A"), 3: ("R", "G", "B"), 4: ("R", "G", "B", "A")}
    return Mode("", names[len(deep.bands)], "=u2")


def _transparent_key(image: Any) -> tuple[int, ...] | None:
    """Return the one colour that stands for transparency, in stored values."""
    key = image.info.get("transparency")
    if image.mode in ("P", "PA") or not isinstance(key, int | tuple):
        return None
    raw = image.tile[0].args if image.tile else ""
    spread = _SPREAD.get(raw, 1) if isinstance(raw, str) else 1
    return tuple(value * spread for value in (key if isinstance(key, tuple) else (key,)))


def _orientation(image: Any) -> int:
    """Return the EXIF orientation, 1 where there is none that makes sense."""
    try:
        value = image.getexif().get(0x0112, 1)
    except Exception:  # metadata never stops a picture
        return 1
    return value if isinstance(value, int) and value in ORIENTATIONS else 1


def _notes(image: Any, source: bytes | str, form: str) -> list[str]:
    """Return what the user should know before trusting the picture."""
    notes = []
    try:
        frames = int(getattr(image, "n_frames", 1))
    except Exception:  # a later frame is damaged: the first may be whole
        frames = 2
    if frames > 1:
        notes.append(f"first of {frames} frames")
    if form == "PNG" and isinstance(source, bytes) and (chunk := _bad_checksum(source)):
        notes.append(f"wrong checksum in its {chunk} chunk: some pixels may be wrong")
    return notes


def _bad_checksum(data: bytes) -> str:
    """Return the name of the first PNG chunk whose CRC is wrong; Pillow does not look at those of pixels."""
    view, at = memoryview(data), 8
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        end = at + 8 + length
        if end + 4 > len(data):
            return ""
        if zlib.crc32(view[at + 4 : end]) != struct.unpack_from(">I", data, end)[0]:
            return printable(data[at + 4 : at + 8].decode("latin-1"))
        at = end + 4
    return ""


def _webp_is_whole(data: bytes) -> bool:
    """Tell whether a WebP file is as long as it says."""
    return len(data) >= 8 + int.from_bytes(data[4:8], "little")
