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
Method = Annotated[
    str,
    typer.Option(
        "--method", metavar="lstsq|sgd", rich_help_panel=_STEP,
        help="lstsq: least squares, at once; sgd: descent from random numbers, as networks learn.",
    ),
]  # fmt: skip
Seed = Annotated[
    int,
    typer.Option("--seed", metavar="S", min=0, rich_help_panel=_STEP, help="Of sgd: the same seed, the same kernel."),
]
Activation = Annotated[
    str | None,
    typer.Option(
        "--activation", "-a", metavar="NAME[:param=value]", autocompletion=flags.activation_names,
        rich_help_panel=_STEP, help="Of sgd: what follows the convolution, such as relu.",
    ),
]  # fmt: skip
Film = Annotated[
    str | None,
    typer.Option(
        "--film", metavar="PATH", rich_help_panel=_OUTPUT, help="Of sgd: the kernel on its way, as .gif or .webp."
    ),
]
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
    method: Method = "lstsq",
    ridge: Ridge = 0.0,
    seed: Seed = 0,
    activation: Activation = None,
    *,
    stored: StoredFlags,
    output: Output = None,
    film: Film = None,
    json: flags.Json = False,
    limits: LimitFlags,
) -> None:
    """Find the kernel that makes one picture of another, by least squares, and name it if the library has it.

    What is clipped to 0 or 255 in the second picture tells nothing, and is left out; so is its border. The file that is
    written is used like any kernel: convolve photo.png -k kernel.yaml.

    Example: cnnfilter learn photo.png edited.png --size 3 -o kernel.yaml

    Example: cnnfilter learn photo.png edges.npy --method sgd --film learning.webp
    """
    from cnnfilter.cli.learning import Way, learn_pictures

    learn_pictures(pictures, size, Way(method, ridge, seed, activation), stored, limits, output, film, json=json)
