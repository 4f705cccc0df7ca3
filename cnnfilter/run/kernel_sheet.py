"""Kernels as one picture: a tile each."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from cnnfilter.files import check_outputs
from cnnfilter.images.draw import LONGEST_NUMBERED
from cnnfilter.images.passport import Page, draw_passport
from cnnfilter.images.sheet import contact_sheet
from cnnfilter.images.write import write_drawing
from cnnfilter.library.kernel import Kernel
from cnnfilter.library.load import files_read
from cnnfilter.library.passport import passport, rank_words, symmetry_words
from cnnfilter.library.pictures import kernel_tiles
from cnnfilter.run.outputs import picture_form


def write_sheet(kernels: Sequence[Kernel], search: Sequence[Path], path: str) -> None:
    """Draw kernels as one contact sheet.

    Raises
    ------
    OutputError
        If `path` is a file that the kernels may be read from, or cannot be written.
    UnknownNameError
        If its ending is no picture format.
    """
    form = _format(path, kernels, search)
    tiles, names = kernel_tiles(kernels)
    write_drawing(path, contact_sheet(tiles, names), form, {"Display": "symmetric, each kernel by itself"})


def _format(path: str, kernels: Sequence[Kernel], search: Sequence[Path]) -> str:
    """Return the format that a name ends in; the kernels' own files are not overwritten."""
    form = picture_form(path)
    check_outputs([path], files_read(kernels, search))
    return form


def write_passport(kernel: Kernel, search: Sequence[Path], path: str) -> None:
    """Draw one kernel as a page for a slide: its cells, its relief, its frequency response and its facts.

    Raises
    ------
    OutputError
        If `path` is a file that the kernel may be read from, or cannot be written.
    UnknownNameError
        If its ending is no picture format.
    """
    form = _format(path, [kernel], search)
    one = passport(kernel, search)
    numbered = max(kernel.shape) <= LONGEST_NUMBERED
    cells = [[f"{value:.3g}" for value in row] for row in one.numbers] if numbered else []
    facts = [
        ("sum", f"{one.measures.total:.6g}"),
        ("L1 norm", f"{one.measures.l1:.6g}"),
        ("symmetry", symmetry_words(one.measures)),
        ("rank", rank_words(one)),
        ("8-bit input", f"gives {one.low:.6g} to {one.high:.6g}"),
        ("clipping", one.clipping.removeprefix("clipping to 8 bits ")),
        ("frequencies", one.passes),
        ("type", f"cnnfilter convolve IMAGE -k {shlex.quote(kernel.spec)}"),
    ]
    page = Page(
        name=kernel.name, title=kernel.title or one.description, scale="" if one.scale == 1 else str(one.scale),
        cells=cells, weights=kernel.weights, response=one.response(), facts=facts, source=kernel.source,
    )  # fmt: skip
    write_drawing(path, draw_passport(page), form, {"Kernel": kernel.spec})
