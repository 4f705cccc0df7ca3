"""``cnnfilter learn``."""

from typing import Annotated

import typer

from cnnfilter.cli import flags
from cnnfilter.cli.flags import LimitFlags, StoredFlags

_OUTPUT, _STEP = "Output", "Computation"

Pictures = Annotated[
    list[str],
    typer.Argument(
        metavar="BEFORE AFTER...", help="A picture, and what a kernel made of it; any number of such pairs."
    ),
]
Size = Annotated[
    str, typer.Option("--size", metavar="N|ROWS,COLS", rich_help_panel=_STEP, help="The kernel's size, 31 at most.")
]
Ridge = Annotated[
    float,
    typer.Option(
        "--ridge", metavar="L", min=0, rich_help_panel=_STEP,
        help="How much large weights cost, for pictures that do not tell every weight: 1e-6, say.",
    ),
]  # fmt: skip
Output = Annotated[
    str | None,
    typer.Option(
        "--output", "-o", metavar="PATH", rich_help_panel=_OUTPUT, help="Write a kernel file: .yaml, .json or .npy."
    ),
]


@flags.command
def learn(
    pictures: Pictures,
    size: Size = "3",
    ridge: Ridge = 0.0,
    *,
    stored: StoredFlags,
    output: Output = None,
    json: flags.Json = False,
    limits: LimitFlags,
) -> None:
    """Find the kernel that makes one picture of another, by least squares, and name it if the library has it.

    What is clipped to 0 or 255 in the second picture tells nothing, and is left out; so is its border. The file that is
    written is used like any kernel: convolve photo.png -k kernel.yaml.

    Example: cnnfilter learn photo.png edited.png --size 3 -o kernel.yaml
    """
    from cnnfilter.cli.learning import learn_pictures

    learn_pictures(pictures, size, ridge, stored, limits, output=output, json=json)
