"""Pictures to files: PNG and TIFF by our own writers, JPEG and WebP by Pillow."""

from __future__ import annotations

import importlib
import io
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnnfilter import __version__
from cnnfilter.errors import OutputError, ParameterError, ShapeError, lookup
from cnnfilter.files import atomic_output, file_path, quoted
from cnnfilter.images.colour import apply_colormap, colour_table
from cnnfilter.images.display import (
    NUMBERS,
    Display,
    extent_of,
    parse_display,
    resolve,
    to_pixels,
)
from cnnfilter.images.picture import STRIP_ROWS
from cnnfilter.images.png import COMPRESSIONS, PngLayout, Segment, encode_png, encode_segment, png_chunks
from cnnfilter.images.tiff import encode_tiff

Pixels = NDArray[Any]

_JPEG_SIDE, _WEBP_SIDE = 65_500, 16_383
_JPEG_QUALITY = 95
_FULL = {"b1": 1.0, "u1": 255.0, "u2": 65535.0}


def encode_image(
    pixels: Pixels,
    format: str,
    text: Mapping[str, str] | None = None,
    *,
    compress: str = "fast",
    profile: bytes = b"",
) -> bytes:
    """Return pixels as the bytes of an image file.

    Parameters
    ----------
    pixels
        ``(R, W, C)`` or ``(R, W)``: gray, gray and alpha, RGB or RGBA; uint8, or uint16 for png and tiff. For tiff
        also float32 and float64, with any number of channels.
    format
        ``png``, ``jpg``, ``webp`` or ``tiff``.
    text
        Keywords and what they say; kept in PNG, TIFF and JPEG files, WebP has no place for them.
    compress
        ``fast`` or ``small``, for png.
    profile
        The ICC profile of the colours, which fits their number of channels; empty for none.

    Raises
    ------
    OutputError
        If the format cannot hold such pixels: too many of them, 16 bits, transparency.
    UnknownNameError
        If there is no such format.
    """
    encode = lookup(ENCODERS, format, "image format")
    if pixels.ndim == 2:
        pixels = pixels[..., None]  # (R, W, 1)
    floats = pixels.dtype in (np.float32, np.float64)
    if pixels.ndim != 3 or not pixels.size or not (1 <= pixels.shape[2] <= 4 or (floats and pixels.shape[2])):
        raise ShapeError(f"an image has 1 to 4 channels, (R, W, C); got {pixels.shape}")
    if floats and format != "tiff":
        raise ShapeError(f"{format} holds no {pixels.dtype} (write tiff, or map the values to pixels)")
    if not floats and pixels.dtype not in (np.uint8, np.uint16):
        raise ShapeError(f"pixels are uint8 or uint16, or floats for tiff; got {pixels.dtype}")
    return encode(pixels, text or {}, compress, profile)


def write_image(
    path: str | Path,
    array: ArrayLike,
    *,
    display: str = "auto",
    format: str = "",
    bits: int = 0,
    colormap: str = "",
    compress: str = "fast",
    text: Mapping[str, str] | None = None,
) -> Display:
    """Write an array as a picture.

    Parameters
    ----------
    path
        The file. It appears whole or not at all.
    array
        ``(H, W)`` or ``(C, H, W)`` with 1 to 4 channels, of any real type.
    display
        How values become pixels: ``clip`` (stored values: 0 to 255, to 65535 for uint16, to 1 for bool), ``abs``
        (the same, without signs), ``minmax``, ``symmetric``, ``percentile:P``, or ``auto``: clip for uint8,
        uint16 and bool; for other types symmetric about 0 where there are both signs, else minmax. Floats in a tiff
        stay as they are with ``auto``: float32, float64 if they are that.
    format
        ``png``, ``jpg``, ``webp`` or ``tiff``; from the end of the name unless given.
    bits
        8 or 16 a channel; 16 for uint16 in png and tiff, else 8, unless given.
    colormap
        The name of a colour map for an array of one channel.
    compress
        ``fast``, or ``small`` for a smaller PNG in many times the time.
    text
        More keywords to keep in the file, beside the program and the display.

    Returns
    -------
    Display
        The mapping that was used.

    Raises
    ------
    ShapeError
        If the array is no picture.
    OutputError
        If the format cannot hold it, or the path cannot be written.
    ResourceError
        If there is no space or no permission.
    """
    file_path(path)
    if not isinstance(text or {}, Mapping):
        raise ParameterError(f"text must be a mapping of keywords to texts, got {type(text).__name__}")
    try:
        values = np.asarray(array)
    except ValueError:
        raise ShapeError("the array is ragged: its rows have different lengths") from None
    values = values[None] if values.ndim == 2 else values
    if values.ndim != 3 or not 1 <= len(values) <= 4 or not values.size or values.dtype.kind not in "biuf":
        got = f"{values.dtype} {np.shape(array)}"
        raise ShapeError(f"a picture needs real numbers (H, W) or (C, H, W) with 1 to 4 channels, got {got}")
    format = format or format_of(path)
    lookup(ENCODERS, format, "image format")
    lookup(COMPRESSIONS, compress, "compression")
    table = colour_table(colormap) if colormap else None
    if bits not in (0, 8, 16):
        raise ParameterError(f"bits are 8 or 16, got {bits}")
    kind = parse_display(display)
    exact = format == "tiff" and kind == "auto" and values.dtype.kind == "f" and table is None and not bits
    bits = bits or (16 if values.dtype == np.uint16 and format in ("png", "tiff") and table is None else 8)
    if table is not None and (len(values) != 1 or bits != 8):
        raise ShapeError(f"a colormap needs one channel and 8 bits, got {len(values)} channels and {bits} bits")
    values = values.astype(np.float64 if values.dtype.itemsize >= 8 else np.float32) if exact else values
    mapping = Display.untouched(str(values.dtype)) if exact else _mapping(values, kind)
    text = {"Software": f"cnnfilter {__version__}", "Display": str(mapping)} | {
        key: str(value) for key, value in (text or {}).items()
    }
    if format == "png":
        pieces = _png(values, mapping, bits, table, compress, text)
    else:
        pixels = values.transpose(1, 2, 0) if exact else to_pixels(values, mapping, bits)
        pixels = pixels if table is None else apply_colormap(pixels, table)
        pieces = iter((encode_image(pixels, format, text),))
    with atomic_output(path) as file:
        file.writelines(pieces)
    return mapping


def write_drawing(
    path: str | Path, pixels: NDArray[Any], format: str, text: Mapping[str, str] = MappingProxyType({})
) -> None:
    """Write pixels ``(H, W, C)`` that were drawn, whole or not at all; beside `text`, the file names the program."""
    data = encode_image(pixels, format, {"Software": f"cnnfilter {__version__}", **text})
    with atomic_output(path) as file:
        file.write(data)


def format_of(path: str | Path) -> str:
    """Return the image format that the end of a file name asks for.

    Raises
    ------
    UnknownNameError
        If no format goes by it.

    Examples
    --------
    >>> format_of("edges.JPEG")
    'jpg'
    """
    suffix = Path(os.fspath(path)).suffix.lower()
    if not suffix:
        raise OutputError(f"{quoted(path)}: has no file type (add one of {', '.join(SUFFIXES)})")
    return lookup(SUFFIXES, suffix, "image file type")


def _mapping(values: Pixels, kind: str) -> Display:
    """Return the mapping for an array, whose type says what white is."""
    full = _FULL.get(values.dtype.str[1:], 0.0)
    if kind == "auto":
        kind = "clip" if full else NUMBERS
    return resolve(kind, full or 255.0, extent_of([values], kind))


def _png(
    values: Pixels, mapping: Display, bits: int, table: NDArray[np.uint8] | None, compress: str, text: Mapping[str, str]
) -> Iterator[bytes]:
    """Yield a PNG whose pixels are made strip by strip."""
    channels, height, width = values.shape
    layout = PngLayout(height, width, channels, bits, b"" if table is None else table.tobytes())

    def segments() -> Iterator[Segment]:
        for start in range(0, height, STRIP_ROWS):
            pixels = to_pixels(values[:, start : start + STRIP_ROWS], mapping, bits)
            yield encode_segment(pixels, layout, compress, last=start + STRIP_ROWS >= height)

    return png_chunks(layout, segments(), text)


def _encode_png(pixels: Pixels, text: Mapping[str, str], compress: str, profile: bytes) -> bytes:
    """Return a PNG."""
    return encode_png(pixels, text, compress=compress, profile=profile)


def _encode_tiff(pixels: Pixels, text: Mapping[str, str], _compress: str, profile: bytes) -> bytes:
    """Return a TIFF; few programs read 16-bit gray with transparency, so it becomes RGBA."""
    if pixels.dtype == np.uint16 and pixels.shape[2] == 2:
        pixels, profile = pixels[..., [0, 0, 0, 1]], b""
    return encode_tiff(pixels, text, profile)


def _encode_jpeg(pixels: Pixels, text: Mapping[str, str], _compress: str, profile: bytes) -> bytes:
    """Return a JPEG of quality 95 with its colours at full resolution."""
    _check("JPEG", pixels, _JPEG_SIDE)
    if pixels.shape[2] in (2, 4):
        raise OutputError("JPEG has no transparency (write png, webp or tiff, or leave the alpha channel out)")
    comment = "\n".join(f"{key}: {value}" for key, value in text.items())
    comment_bytes = comment.encode("utf-8", "backslashreplace")[:60_000]
    return _by_pillow(
        pixels, "PIL.JpegImagePlugin", "JPEG", quality=_JPEG_QUALITY, subsampling=0, comment=comment_bytes,
        icc_profile=profile,
    )  # fmt: skip


def _encode_webp(pixels: Pixels, _text: Mapping[str, str], _compress: str, profile: bytes) -> bytes:
    """Return a WebP without losses; it knows no gray, and no profile of gray."""
    _check("WebP", pixels, _WEBP_SIDE)
    if pixels.shape[2] < 3:
        colours = [0, 0, 0] if pixels.shape[2] == 1 else [0, 0, 0, 1]
        pixels, profile = pixels[..., colours], b""
    return _by_pillow(
        pixels, "PIL.WebPImagePlugin", "WEBP", lossless=True, quality=0, method=1, exact=True, icc_profile=profile
    )


def _check(name: str, pixels: Pixels, side: int) -> None:
    """Refuse pixels that a format has no place for."""
    height, width, _ = pixels.shape
    if max(height, width) > side:
        raise OutputError(f"{name} sides go up to {side} pixels, got {width} x {height} (write png or tiff)")
    if pixels.dtype != np.uint8:
        raise OutputError(f"{name} holds 8 bits a channel, got {8 * pixels.dtype.itemsize} (write png or tiff)")


def _by_pillow(pixels: Pixels, plugin: str, name: str, **options: Any) -> bytes:
    """Return what Pillow writes; with the plugin imported it looks no further for one."""
    from PIL import Image

    importlib.import_module(plugin)
    image = Image.fromarray(np.ascontiguousarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels))
    file = io.BytesIO()
    try:
        image.save(file, name, **options)
    except (OSError, ValueError) as error:
        raise OutputError(f"{name} refuses this picture: {error}") from error
    return file.getvalue()


#: Every image format that is written: functions of pixels, text, compression and colour profile.
ENCODERS: dict[str, Callable[[Pixels, Mapping[str, str], str, bytes], bytes]] = {
    "png": _encode_png,
    "jpg": _encode_jpeg,
    "webp": _encode_webp,
    "tiff": _encode_tiff,
}

#: How a file name ends, and the format that this asks for.
SUFFIXES: dict[str, str] = {
    ".png": "png",
    **dict.fromkeys((".jpg", ".jpeg"), "jpg"),
    ".webp": "webp",
    **dict.fromkeys((".tif", ".tiff"), "tiff"),
}
