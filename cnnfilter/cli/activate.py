"""``cnnfilter activate``."""

from typing import Annotated

import typer

from cnnfilter.cli import flags
from cnnfilter.cli.flags import LimitFlags, OutputFlags, PixelFlags, StoredFlags, ViewFlags
from cnnfilter.cli.picture_flags import PictureFlags
from cnnfilter.errors import ParameterError

Images = Annotated[list[str] | None, typer.Argument(metavar="IMAGE...", help=flags.IMAGES_HELP)]
Activation = Annotated[
    str,
    typer.Option(
        "--activation", "-a", metavar="NAME[:param=value]", autocompletion=flags.activation_names,
        help="relu, sigmoid, tanh, gelu, softmax, leaky-relu:negative_slope=0.1, ...",
    ),
]  # fmt: skip
List = Annotated[
    bool, typer.Option("--list", help="List the activations: parameters, formula, ONNX operator; and stop.")
]


@flags.command
def activate(
    images: Images = None,
    activation: Activation = "",
    list_: List = False,
    *,
    pixels: PixelFlags,
    stored: StoredFlags,
    missing: flags.Missing = "propagate",
    dtype: flags.Dtype = "float32",
    output: OutputFlags,
    pictures: PictureFlags,
    view: ViewFlags,
    threads: flags.Threads = None,
    limits: LimitFlags,
) -> None:
    """Apply an activation function to images, dumps or a row of scores.

    Softmax and its kind work along a vector, or over the channels of an image. Numbers may stand in place of a file.

    Example: cnnfilter activate '2.5 1.8 0.2' -a softmax --table -f csv

    Example: cnnfilter activate --list
    """
    from cnnfilter.cli import shared
    from cnnfilter.cli.words import check_given, check_inputs
    from cnnfilter.views.activations import print_activations

    if list_:
        print_activations(json_wanted=view.json)
        return
    if not images:
        raise ParameterError("Missing argument 'IMAGE...' (--help shows all options)")
    check_given(activation, "'--activation' / '-a'", "-a relu", images, "activate")
    check_inputs(images, "activate")
    words = {"activation": activation, "missing": missing, "dtype": dtype, "threads": threads}
    shared.run_plain(
        images, activation.replace(":", "-"), {**words, **pixels._asdict()}, stored, output, pictures, view, limits
    )
