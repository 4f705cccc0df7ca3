"""Pillow held still: its global state, what its C libraries print, and its errors in our words."""

from __future__ import annotations

import contextlib
import os
import re
import struct
import threading
import warnings
from collections.abc import Callable, Iterator

from cnnfilter.files import printable
from cnnfilter.images.limits import Limits

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
