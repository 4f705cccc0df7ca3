"""What a file holds, from its first bytes: the name of a file is only what somebody wishes it to hold."""

from __future__ import annotations

from pathlib import Path

#: The formats that are decoded, and how their files begin.
PICTURES: dict[str, tuple[bytes, ...]] = {
    "PNG": (b"\x89PNG\r\n\x1a\n",),
    "JPEG": (b"\xff\xd8\xff",),
    "TIFF": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"MM*\0", b"II\0*"),
    "GIF": (b"GIF87a", b"GIF89a"),
    "BMP": (b"BM",),
    "WebP": (b"RIFF",),
    "PNM": (b"P1", b"P2", b"P3", b"P4", b"P5", b"P6", b"Pf", b"PF"),
}

#: Formats that are not, and how to recognise them: a message that says what a file is helps more than one
#: that says what it is not.
FOREIGN: dict[str, tuple[bytes, ...]] = {
    "PDF": (b"%PDF",),
    "EPS": (b"%!PS", b"\xc5\xd0\xd3\xc6"),
    "JPEG 2000": (b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51"),
    "JPEG XL": (b"\xff\x0a", b"\0\0\0\x0cJXL "),
    "Photoshop": (b"8BPS",),
    "SVG or XML": (b"<?xml", b"<svg", b"<!DOCTYPE", b"<html"),
    "gzip": (b"\x1f\x8b",),
    "OpenEXR": (b"v/1\x01",),
    "Radiance HDR": (b"#?RADIANCE", b"#?RGBE"),
    "FITS": (b"SIMPLE  =",),
    "DirectDraw": (b"DDS ",),
    "QOI": (b"qoif",),
    "HDF5": (b"\x89HDF",),
    "pickle": (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"),
    "icon": (b"\0\0\1\0",),
}

#: How a name ends, and what it promises.
PICTURE_EXTENSIONS: dict[str, str] = {
    **dict.fromkeys((".png", ".apng"), "PNG"),
    **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"), "JPEG"),
    **dict.fromkeys((".tif", ".tiff", ".btf"), "TIFF"),
    ".gif": "GIF",
    **dict.fromkeys((".bmp", ".dib"), "BMP"),
    ".webp": "WebP",
    **dict.fromkeys((".pbm", ".pgm", ".ppm", ".pnm", ".pfm"), "PNM"),
}

_BMP_HEADERS = (12, 16, 40, 52, 56, 64, 108, 124)


def sniff_picture(head: bytes) -> str:
    """Return the format of a picture from its first 32 bytes, or an empty string.

    Examples
    --------
    >>> sniff_picture(b"GIF89a...."), sniff_picture(b"1,0,1")
    ('GIF', '')
    """
    name = next((name for name, starts in PICTURES.items() if head.startswith(starts)), "")
    if name == "WebP" and head[8:12] != b"WEBP":
        return ""
    if name == "BMP" and int.from_bytes(head[14:18], "little") not in _BMP_HEADERS:
        return ""
    if name == "PNM" and not head[2:3].isspace() and head[2:3] != b"#":
        return ""
    return name


def sniff_foreign(head: bytes) -> str:
    """Return what a file is that is no picture of ours, or an empty string."""
    if head[4:8] == b"ftyp":
        return "AVIF" if head[8:12] in (b"avif", b"avis") else "HEIC or video"
    return next((name for name, starts in FOREIGN.items() if head.startswith(starts)), "")


def promised(name: str) -> str:
    """Return the picture format that a file name promises, or an empty string."""
    return PICTURE_EXTENSIONS.get(Path(name).suffix.lower(), "")
