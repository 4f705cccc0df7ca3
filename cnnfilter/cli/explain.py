"""``cnnfilter explain``."""

from typing import Annotated

import typer

from cnnfilter.cli import flags
from cnnfilter.cli.flags import LimitFlags, PixelFlags, StepFlags, StoredFlags

_VIEW, _OUTPUT = "What to see", "Output"

Images = Annotated[
    list[str],
    typer.Argument(metavar="[NETWORK] IMAGE", help=f"{flags.IMAGES_HELP} With a network file in front: its --layer."),
]
At = Annotated[
    str | None,
    typer.Option(
        "--at", metavar="ROW,COL", rich_help_panel=_VIEW,
        help="The cell of the map, counted from 0; its middle if unset, the largest value of a vector. Of a layer: "
        "CHANNEL,ROW,COL, or the number of a value; its largest if unset.",
    ),
]  # fmt: skip
Layer = Annotated[
    str | None, typer.Option("--layer", metavar="NAME", rich_help_panel=_VIEW, help="The layer of the network.")
]
Channel = Annotated[
    int, typer.Option("--channel", metavar="N", min=0, rich_help_panel=_VIEW, help="The channel of the map, from 0.")
]
Exact = Annotated[bool, typer.Option("--exact", rich_help_panel=_VIEW, help="Write fractions, such as 11/4.")]
Quiz = Annotated[
    int | None,
    typer.Option(
        "--quiz", metavar="N", rich_help_panel=_OUTPUT,
        help="Hide N numbers as blanks to fill in; with -o x.png the answers go into x.key.csv beside it.",
    ),
]  # fmt: skip
Output = Annotated[
    str | None,
    typer.Option(
        "--output", "-o", metavar="PATH", rich_help_panel=_OUTPUT,
        help="Write .png (a page for a slide), .gif or .webp (the window slides over all of a small image), .md "
        "(Markdown), .tex (LaTeX) or .json in place of the screen.",
    ),
]  # fmt: skip


@flags.command
def explain(
    context: typer.Context,
    images: Images,
    kernel: flags.Kernels = [],  # noqa: B006 - Typer copies it
    at: At = None,
    channel: Channel = 0,
    layer: Layer = None,
    *,
    pixels: PixelFlags,
    stored: StoredFlags,
    step: StepFlags,
    exact: Exact = False,
    quiz: Quiz = None,
    output: Output = None,
    open_: flags.Open = False,
    json: flags.Json = False,
    limits: LimitFlags,
) -> None:
    """Take one number of a feature map apart: the window, the products, the sums, bias, activation and pooling.

    Takes every flag of convolve that is about one image; without a kernel, what --pool or -a does is explained. Cells
    that padding invents stand in brackets.

    Example: cnnfilter explain photo.png -k sobel-x --at 10,20 -a relu

    Example: cnnfilter explain '1 0; 4 6' --pool avg:2 --exact

    Example: cnnfilter explain '2.5 1.8 0.2' -a softmax

    Example: cnnfilter explain samples/digits/digits.yaml samples/digits/digit-7.png --layer conv2 --at 3,1,2
    """
    from cnnfilter.cli.explaining import Wanted, explain_image, explain_network
    from cnnfilter.cli.opening import check_open, open_files

    check_open(open_, output)
    wanted = Wanted(at, channel, exact, quiz, output, json)
    given = flags.given(context)
    if layer is not None or len(images) == 2:
        explain_network(images, layer, wanted, stored, limits, given)
    else:
        explain_image(images, kernel, wanted, pixels, stored, step, limits, given)
    if open_ and output is not None:
        open_files([output])
