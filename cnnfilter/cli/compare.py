"""``cnnfilter compare``."""

from typing import Annotated

import typer

from cnnfilter.cli import flags
from cnnfilter.cli.flags import LimitFlags, PixelFlags, StepFlags, StoredFlags

_VIEW, _OUTPUT, _JOB = "What to see", "Output", "Computation"

A = Annotated[str, typer.Argument(metavar="A", help="A dump, a picture, an archive, a folder of layers, a network.")]
B = Annotated[str, typer.Argument(metavar="B", help="What it is held against.")]
Tolerance = Annotated[
    float, typer.Option("--tolerance", metavar="T", min=0, rich_help_panel=_VIEW, help="Differences up to T are none.")
]
Ulp = Annotated[
    int | None,
    typer.Option(
        "--ulp", metavar="N", min=0, rich_help_panel=_VIEW,
        help="Differences up to N steps of the numbers' own type are none.",
    ),
]  # fmt: skip
Why = Annotated[
    bool, typer.Option("--why/--no-why", rich_help_panel=_VIEW, help="Say what B is of A, if that is a usual slip.")
]
Image = Annotated[
    str | None,
    typer.Option(
        "--image", metavar="IMAGE", rich_help_panel=_JOB,
        help="The picture that both maps are made of, with -k and convolve's flags; or that two networks are given.",
    ),
]  # fmt: skip
Output = Annotated[
    str | None,
    typer.Option("--output", "-o", metavar="PATH", rich_help_panel=_OUTPUT, help="Draw where A and B differ."),
]


@flags.command
def compare(
    context: typer.Context,
    a: A,
    b: B,
    tolerance: Tolerance = 0.0,
    ulp: Ulp = None,
    why: Why = True,
    image: Image = None,
    kernel: flags.Kernels = [],  # noqa: B006 - Typer copies it
    *,
    pixels: PixelFlags,
    stored: StoredFlags,
    step: StepFlags,
    output: Output = None,
    json: flags.Json = False,
    limits: LimitFlags,
) -> None:
    """Hold two results against one another: how far apart they are, where, and why.

    The reason comes first: B is A flipped, shifted, scaled, rounded, with another border, and so on. With --image and
    -k the job is done in the other usual ways too, and B is held against each. The key of a quiz marks the answers to
    it. Exits with 1 where A and B differ.

    Example: cnnfilter compare mine.npy theirs.npy --image photo.png -k sobel-x -p same

    Example: cnnfilter compare layers-a/ layers-b/ --ulp 4

    Example: cnnfilter compare sheet.key.csv answers.csv
    """
    from cnnfilter.cli.comparing import Wanted, compare_names

    wanted = Wanted(a, b, tolerance, ulp, why, image, output, json)
    compare_names(wanted, kernel, pixels, stored, step, limits, flags.given(context))
