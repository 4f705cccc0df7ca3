"""Formulas that make kernels: one small function each, with its parameters beside it.

Each module holds functions from checked parameters to float64 weights, and at its foot a table GENERATORS.
Every angle is in degrees from the x axis (right) towards the y axis (down): clockwise on the screen.
"""

from __future__ import annotations

import importlib

from cnnfilter.errors import lookup
from cnnfilter.library.parameters import Generator

#: Which module holds each generator, so that using one imports no other.
MODULES: dict[str, str] = {
    **dict.fromkeys(("box", "gaussian", "binomial", "disk", "cone", "hann"), "smoothing"),
    **dict.fromkeys(("motion", "comet"), "motion"),
    **dict.fromkeys(
        ("sobel", "gaussian-derivative", "laplacian", "laplacian-ones", "laplacian-alpha", "log", "dog"), "derivatives"
    ),
    **dict.fromkeys(("unsharp", "high-boost", "outline", "sharpen-imagemagick"), "sharpening"),
    "gabor": "gabor",
    **dict.fromkeys(("oriented", "schmid", "steerable"), "oriented"),
    **dict.fromkeys(("dct", "hadamard", "haar-like", "laws"), "bases"),
    "random": "chance",
    "shape": "shapes",
}


def generator(name: str) -> Generator:
    """Return the generator of that name.

    Raises
    ------
    UnknownNameError
        If there is none.
    """
    module = importlib.import_module(f"{__name__}.{lookup(MODULES, name, 'generator')}")
    table: dict[str, Generator] = module.GENERATORS
    return table[name]
