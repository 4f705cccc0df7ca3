"""Pictures in terminals that can show them, by sixel or kitty's protocol, where the extra ``terminal`` is installed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cache
from typing import Any

from rich.console import Console
from rich.text import Text

from cnnfilter.core.arrays import Array
from cnnfilter.images.draw import as_image

#: Columns that a picture takes at most, and pixels of a character.
WIDEST, CELL = 100, 8


@cache
def graphics() -> Any:
    """Return what draws pictures in this terminal, or None where it cannot, or nothing that could is installed.

    The terminal is asked once: that is what the package does when it is first loaded.
    """
    if not sys.stdout.isatty():
        return None
    try:
        from textual_image.renderable import Image, SixelImage, TGPImage
    except ImportError:
        return None
    return Image if Image in (SixelImage, TGPImage) else None


def print_pictures(out: Console, named: Sequence[tuple[str, Array]], drawn: Any) -> None:
    """Print pictures, each under its name; small ones enlarged in whole steps."""
    for name, pixels in named:
        columns = min(out.width, WIDEST)
        step = max(1, columns * CELL // max(pixels.shape[1], 1) // 2)
        large = pixels.repeat(step, axis=0).repeat(step, axis=1) if pixels.shape[1] * 2 <= columns else pixels
        out.print(Text(name, style="bold"))
        out.print(drawn(as_image(large), width=min(columns, max(large.shape[1] // CELL, 1))))
