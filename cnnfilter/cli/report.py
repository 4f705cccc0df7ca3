"""``cnnfilter report``."""

from pathlib import Path
from typing import Annotated

import typer

from cnnfilter.cli import flags
from cnnfilter.cli.flags import LimitFlags, PixelFlags, StepFlags, StoredFlags

Inputs = Annotated[
    list[str],
    typer.Argument(
        metavar="[NETWORK] IMAGE", help="A picture or a grid of numbers; a network in front; or a batch's folder."
    ),
]
Output = Annotated[str, typer.Option("--output", "-o", metavar="PAGE.html", rich_help_panel="Output", help="The page.")]


@flags.command
def report(
    context: typer.Context,
    inputs: Inputs,
    kernel: flags.Kernels = [],  # noqa: B006 - Typer copies it
    output: Output = "report.html",
    open_: flags.Open = False,
    *,
    pixels: PixelFlags,
    stored: StoredFlags,
    step: StepFlags,
    limits: LimitFlags,
) -> None:
    """Write one page to explore with a mouse, a finger or the keyboard: nothing is loaded from anywhere.

    Of a picture and kernels: the window of each cell lights up, its products and their sum stand beside it; stride,
    padding and dilation are sliders, the kernel is edited, and the map is computed anew in the page. Of a network and a
    picture: its layers as columns, from a class back to the pixels that it sees. Of the folder that a batch wrote: its
    inputs with small pictures of what was made of them, and their statistics.

    Kernels, and what follows them, are for a picture alone. --combine, --as and --missing ignore make no plain
    convolution, and are refused.

    Example: cnnfilter report photo.png -k sobel-x -k sharpen -a relu -o page.html

    Example: cnnfilter report samples/digits/digits.yaml samples/digits/digit-7.png -o page.html
    """
    from cnnfilter.cli.reporting import report_batch, report_convolution, report_network

    if len(inputs) == 1 and Path(inputs[0]).is_dir():
        report_batch(inputs[0], output, flags.given(context), show=open_)
    elif kernel or len(inputs) == 1:
        report_convolution(inputs, kernel, pixels, stored, step, limits, output, flags.given(context), show=open_)
    else:
        report_network(inputs, stored, limits, output, flags.given(context), show=open_)
