"""Bytes to pixels: by Pillow, held to its limits, and by our own readers where Pillow loses something."""

from __future__ import annotations

import contextlib
import errno
import importlib
import io
import os
import re
import struct
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from cnnfilter.errors import CnnFilterError, ImageError, ResourceError
from cnnfilter.files import printable, quoted
from cnnfilter.images.damage import check_bmp, check_jpeg, check_jpeg_kind, check_png, check_webp
from cnnfilter.images.deep import DEEP, rawmode, retile
from cnnfilter.images.frames import ALL, READ, Reading, check_frame, count_frames, frames_note
from cnnfilter.images.picture import (
    MODES,
    MOST_FRAMES,
    ORIENTATIONS,
    PALETTES,
    Limits,
    Mode,
    Picture,
    array_picture,
    profile_of,
)
from cnnfilter.images.strips import boxes_of, deep_boxes, keyed, upright

_LOCK = threading.Lock()
_CUT = ("truncated", "not enough data", "buffer is not large enough", "unexpected end", "out of data")

#: How damage is described that leaves no picture to read.
_HEADER = "header|directory|announce|is missing|no picture|no rows|no whole number|texts or colour"

_BOMB = r"Image size \((\d+) pixels\) exceeds"


@contextlib.contextmanager
def pillow_held(form: str, limits: Limits) -> Iterator[Callable[[], str]]:
    """Hold Pillow's global state still: its own pixel limit, its warnings, what libtiff prints, for the caller."""
    from PIL import Image

    with _LOCK, warnings.catch_warnings(), _quiet(form == "TIFF") as heard:
        warnings.simplefilter("ignore")
        before = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = max(limits.pixels, 1)
        try:
            yield heard
        finally:
            Image.MAX_IMAGE_PIXELS = before


@contextlib.contextmanager
def lenient() -> Iterator[None]:
    """Let Pillow take what is there of a picture."""
    from PIL import ImageFile

    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = False


@contextlib.contextmanager
def _quiet(wanted: bool) -> Iterator[Callable[[], str]]:
    """Keep what C code writes to standard error, where it would tear the user's screen; hand over what was written."""
    saved = -1
    if wanted:
        with contextlib.suppress(OSError):
            saved = os.dup(2)
    if saved < 0:
        yield str
        return
    ear, mouth = os.pipe()
    os.set_blocking(ear, False)
    os.set_blocking(mouth, False)  # what no longer fits is lost, and nobody waits
    try:
        os.dup2(mouth, 2)
        yield lambda: _heard(ear)
    finally:
        os.dup2(saved, 2)
        for end in (saved, ear, mouth):
            os.close(end)


def _heard(ear: int) -> str:
    """Return what was written to a pipe so far, nothing where that is nothing."""
    try:
        return os.read(ear, 65536).decode("utf-8", "replace")
    except BlockingIOError:
        return ""


def with_remedy(reason: str) -> str:
    """Return a reason with what can be done about damaged pixels; without a sound header there are none."""
    beyond = reason.startswith(("truncated", "damaged")) and "(" not in reason and not re.search(_HEADER, reason)
    return f"{reason} (--allow-truncated reads what is there)" if beyond else reason


def reason_of(error: Exception, form: str) -> str:
    """Return one line for what Pillow raised."""
    if isinstance(error, OSError) and error.errno:
        return error.strerror or str(error)
    cause = error.__cause__
    if isinstance(error, SyntaxError) and isinstance(cause, Exception) and str(error) == str(cause):
        return reason_of(cause, form)  # Pillow passes on what Python said
    if isinstance(error, LookupError | struct.error):
        return f"damaged {form}: its header is incomplete"
    if isinstance(error, TypeError | ArithmeticError | AttributeError):  # Python's own words
        return f"damaged {form}: its header makes no sense"
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


#: Where each format is decoded. Going to the class spares the import of all the other formats.
PLUGINS = {
    "PNG": ("PIL.PngImagePlugin", "PngImageFile"),
    "JPEG": ("PIL.JpegImagePlugin", "JpegImageFile"),
    "TIFF": ("PIL.TiffImagePlugin", "TiffImageFile"),
    "GIF": ("PIL.GifImagePlugin", "GifImageFile"),
    "BMP": ("PIL.BmpImagePlugin", "BmpImageFile"),
    "WebP": ("PIL.WebPImagePlugin", "WebPImageFile"),
}

#: Low bit depths of gray: Pillow spreads the values over 0 to 255 but leaves the transparent one as it is.
_SPREAD = {"1": 255, "L;2": 85, "L;4": 17}


#: The last animation that a frame was taken from, as far as it was played: its frames are asked for in order.
_last: tuple[Any, Any] = (None, None)


def decode(
    source: bytes | str, form: str, name: str, limits: Limits, reading: Reading = READ, key: Any = None
) -> Picture:
    """Return one frame of a picture.

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
    reading
        Which frame, and whether it may be damaged.
    key
        Tells the file from all others, so that its next frame need not begin with the first again.

    Raises
    ------
    ImageError
        If the picture is damaged, too large, or of a kind that is not read.
    ResourceError
        If it needs more memory than allowed or than there is.

    Notes
    -----
    One picture is decoded at a time in a process. What Pillow decodes stays as it keeps it, 1 to 4 bytes a pixel, and
    becomes arrays strip by strip. Each frame of an animation is laid over those before it; the last animation is kept
    as far as it was played.
    """
    try:
        with contextlib.ExitStack() as opened, pillow_held(form, limits) as heard:
            file = File(_mapped(source, opened), source, form, name, limits, key, heard)
            return _whole_or_not(file, reading, opened)
    except CnnFilterError as error:
        raise type(error)(f"{quoted(name)}: {with_remedy(str(error))}") from error
    except (MemoryError, ImportError) as error:  # ImportError: no memory to load the decoder
        raise ResourceError(f"{quoted(name)}: no memory to decode it (close some programs)") from error
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.ENOMEM:
            raise ResourceError(f"{quoted(name)}: no memory to decode it (close some programs)") from error
        raise ImageError(f"{quoted(name)}: {with_remedy(reason_of(error, form))}") from error


class File(NamedTuple):
    """A file to decode: its bytes or a map of them, what `decode` was told, and what libtiff says meanwhile."""

    data: Any
    source: bytes | str
    form: str
    name: str
    limits: Limits
    key: Any
    heard: Callable[[], str]


def _mapped(source: bytes | str, opened: contextlib.ExitStack) -> Any:
    """Return the bytes of a file; a map of it, closed when `opened` is left, where only its name is given."""
    if isinstance(source, bytes):
        return source
    import mmap

    with Path(source).open("rb") as file:
        return opened.enter_context(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def _whole_or_not(file: File, reading: Reading, opened: contextlib.ExitStack) -> Picture:
    """Decode a picture; one that is damaged as far as it goes, where that is wanted, with a note."""
    try:
        return _decode(file, reading, opened, whole=True)
    except (ResourceError, MemoryError):
        raise
    except Exception as error:
        if not reading.truncated:
            raise
        reason = str(error) if isinstance(error, CnnFilterError) else reason_of(error, file.form)
        try:
            with lenient():
                picture = _decode(file, reading, opened, whole=False)
        except Exception:
            raise error from None
        return replace(picture, notes=(*picture.notes, f"{reason} (read as far as it goes, the rest is made up)"))


def _decode(file: File, reading: Reading, opened: contextlib.ExitStack, *, whole: bool) -> Picture:
    """Send a picture to its decoder, once its frame is known to be there."""
    frame = reading.frame or 0
    count = 1 if frame and file.form == "TIFF" else count_frames(file.data, file.form)  # TIFFs are walked to the frame
    if frame == ALL:
        raise ImageError(f"more than {MOST_FRAMES} frames, the most that are taken at once (--frame N takes one)")
    if frame and file.form != "TIFF":
        check_frame(frame, count)
    notes: list[str] = frames_note(reading.frame, count)
    keep = reading.frame is not None and count > 1
    if file.form == "GIF":
        return _decode_gif(file, frame, notes, keep=keep, whole=whole)
    if file.form == "TIFF":
        from cnnfilter.images.tiff_read import check_chunk, check_jpeg_chunks, decode_tiff, find_tags, is_for_pillow

        tags = find_tags(file.data, frame)
        file.limits.check_size(tags.one(257, 0), tags.one(256, 0))
        check_chunk(tags, file.limits)
        if not is_for_pillow(tags):
            return decode_tiff(file.data, tags, file.name, file.limits, tuple(notes), whole=whole)
        check_jpeg_chunks(file.data, tags, whole=whole)
    if file.form == "JPEG":
        check_jpeg_kind(file.data)
    elif file.form == "WebP":
        check_webp(file.data, file.limits, whole=whole)
    return _by_pillow(file, frame, notes, opened, keep=keep, whole=whole)


def _faults(file: File, frame: int, *, whole: bool) -> list[str]:
    """Return what to note of a file's pixels before they are decoded.

    Raises
    ------
    ImageError
        If some are missing or wrong, and none may be.
    """
    fault = ""
    notes: list[str] = []
    if file.form == "PNG":
        fault, notes = check_png(file.data, frame)
    elif file.form == "JPEG":
        fault = check_jpeg(file.data)
    elif file.form == "BMP":
        fault, notes = check_bmp(file.data)
    if fault and whole:
        raise ImageError(fault)
    return notes


def _decode_gif(file: File, frame: int, notes: list[str], *, keep: bool, whole: bool) -> Picture:
    """Return a frame of a GIF, laid over those before it."""
    from cnnfilter.images.gif import Gif

    gif = _played(file, whole)
    if gif is None:
        gif = Gif(bytes(file.data), file.limits, whole=whole)
    pixels = gif.show(frame)
    _remember((file.key, whole) if keep else None, gif)
    if not gif.ended:
        notes = [*notes, "the mark at its end is missing: frames may be, too"]
    return array_picture(pixels, file.name, tuple(notes), has_alpha=gif.has_alpha, full_scale=255.0)


def _played(file: File, whole: bool) -> Any:
    """Return the animation that was played last, if it is this file's."""
    return _last[1] if file.key is not None and _last[0] == (file.key, whole) else None


def _remember(key: Any, animation: Any) -> None:
    """Keep an animation as far as it is played, or let go of the last."""
    global _last
    _last = (key, animation) if key is not None else (None, None)


def _by_pillow(
    file: File, frame: int, notes: list[str], opened: contextlib.ExitStack, *, keep: bool, whole: bool
) -> Picture:
    """Open, check, load and describe one picture."""
    image = _played(file, whole=True) if keep else None
    if image is None or image.tell() > frame:  # Pillow does not always find back to the first frame
        image = _open(file, opened, keep=keep)
    _remember((file.key, True) if keep else None, image)
    if frame:
        image.seek(frame)
    file.limits.check_size(image.height, image.width)
    deep = DEEP.get(rawmode(image))
    if deep and frame:
        raise ImageError("frames of 16-bit colours are not supported (save them as single pictures)")
    size = 8 if deep else 1 if image.mode == "P" else _mode(image).size  # to ask for a palette loads the pixels
    file.limits.check_memory(image.height * image.width * size)
    notes = notes + _faults(file, frame, whole=whole)
    key = _transparent_key(image)
    low = image
    if deep:
        retile(image, deep.high)
        if deep.high != deep.low:
            low = _open(file, opened)
            retile(low, deep.low)
            low.load()
    colours = _colours(image)
    image.load()
    if whole and file.heard().startswith("Fax"):  # libtiff goes on behind codes that it does not know
        raise ImageError("damaged TIFF: some of its fax codes make no sense")
    if colours and image.mode == "P" and whole and image.getextrema()[1] >= colours:
        raise ImageError(f"damaged {file.form}: a pixel has colour {image.getextrema()[1]} of {colours}")
    image = image.copy() if keep else image
    orientation = 1 if file.form == "TIFF" else _orientation(image)  # Pillow turns a TIFF by itself
    width, height = image.im.size  # as decoded: a damaged header may have said something else
    mode = Mode("", deep.channels, "=u2") if deep else _mode(image)
    reader = deep_boxes(image, low, deep.bands) if deep else boxes_of(image, mode)
    dtype = np.dtype(mode.dtype).newbyteorder("=")
    if key is not None:
        reader = keyed(reader, key, dtype)
    profile, about_colours = profile_of(image.info, len(mode.bands) - mode.has_alpha)
    swap = ORIENTATIONS[orientation][0]
    return Picture(
        name=file.name,
        height=width if swap else height,
        width=height if swap else width,
        channels=len(mode.bands) + (key is not None),
        has_alpha=mode.has_alpha or key is not None,
        dtype=dtype,
        notes=(*notes, *about_colours),
        profile=profile,
        strip=upright(reader, height, width, orientation),
        full_scale={"u1": 255.0, "u2": 65535.0}.get(dtype.str[1:], 0.0),
        stored=height * width * size,
    )


def _open(file: File, opened: contextlib.ExitStack, *, keep: bool = False) -> Any:
    """Read a picture's header; unless it is kept, its file is closed, and its bytes let go, when `opened` is left."""
    module, plugin = PLUGINS[file.form]
    make = getattr(importlib.import_module(module), plugin)
    image = make(file.source if isinstance(file.source, str) else io.BytesIO(file.source))
    if image.fp is not None and not keep:
        opened.callback(image.fp.close)
    return image


def _mode(image: Any) -> Mode:
    """Return what an image's pixels become, or refuse a mode outside the table."""
    if image.mode not in MODES:
        kind = f"{image.mode} colours are" if image.mode.isalpha() else f"mode {image.mode} is"
        raise ImageError(f"{kind} not supported (save it as RGB or gray)")
    if image.mode == "P":
        colours = np.array(image.getpalette("RGB") or [0, 0, 1]).reshape(-1, 3)
        gray = bool((colours == colours[:, :1]).all())
        return PALETTES[gray, "transparency" in image.info]
    return MODES[image.mode]


def _colours(image: Any) -> int:
    """Return how many colours the palette of an opened image has, 0 for none; Pillow takes black for any beyond."""
    palette = image.palette
    return len(palette.palette) // len(palette.rawmode or palette.mode) if image.mode == "P" and palette else 0


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
