"""The flags that say how numbers become pictures."""

from typing import Annotated, NamedTuple

import typer

from cnnfilter.cli.flags import colormaps

_OUTPUT = "Output"

Display = Annotated[
    str,
    typer.Option(
        "--display", metavar="MAPPING", rich_help_panel=_OUTPUT,
        help="How numbers become brightness: auto (by the kernel's sum, and by sign), clip, abs, minmax, symmetric or "
        "percentile:P (99 and 1 alike cut 1 % off both ends).",
    ),
]  # fmt: skip
Scale = Annotated[
    str | None,
    typer.Option(
        "--scale", metavar="each|shared", rich_help_panel=_OUTPUT,
        help="Stretch every map by itself, or all maps of a picture alike. Unset: kernels in files of their own each, "
        "on one sheet alike; channels and a layer's maps alike.",
    ),
]  # fmt: skip
Zoom = Annotated[
    int,
    typer.Option("--zoom", metavar="N", min=1, rich_help_panel=_OUTPUT, help="Draw every value as N x N pixels."),
]
Colormap = Annotated[
    str | None,
    typer.Option(
        "--colormap", metavar="NAME", rich_help_panel=_OUTPUT, autocompletion=colormaps,
        help="Colour the picture: viridis, magma, ...; cnnfilter colormaps lists them.",
    ),
]  # fmt: skip
Compress = Annotated[
    str, typer.Option("--compress", metavar="fast|small", rich_help_panel=_OUTPUT, help="Effort spent on PNG size.")
]
Columns = Annotated[
    int | None,
    typer.Option(
        "--columns", metavar="N", min=1, rich_help_panel=_OUTPUT,
        help="Of a contact sheet: N maps beside one another; unset: a square, or what comes near to 16:9.",
    ),
]  # fmt: skip
Ground = Annotated[
    str,
    typer.Option("--ground", metavar="light|dark", rich_help_panel=_OUTPUT, help="What a sheet is drawn on."),
]
WithInput = Annotated[
    bool, typer.Option("--with-input", rich_help_panel=_OUTPUT, help="Put the picture on its contact sheet, first.")
]
WithKernels = Annotated[
    bool,
    typer.Option("--with-kernels", rich_help_panel=_OUTPUT, help="Draw each kernel beside its map on a contact sheet."),
]


class PictureFlags(NamedTuple):
    """How numbers become pixels."""

    display: Display = "auto"
    scale: Scale = None
    zoom: Zoom = 1
    colormap: Colormap = None
    compress: Compress = "fast"
    columns: Columns = None
    ground: Ground = "light"
    with_input: WithInput = False
    with_kernels: WithKernels = False
