"""``cnnfilter pool``."""

from typing import Annotated

import typer

from cnnfilter.cli import flags
from cnnfilter.cli.flags import LimitFlags, OutputFlags, PixelFlags, StoredFlags, ViewFlags
from cnnfilter.cli.picture_flags import PictureFlags

Pool = Annotated[
    str,
    typer.Option(
        "--pool",
        metavar=flags.POOL_METAVAR,
        autocompletion=flags.pool_names,
        help=flags.POOL_HELP[0].upper() + flags.POOL_HELP[1:],
    ),
]


@flags.command
def pool(
    images: flags.Images,
    pool: Pool = "",
    *,
    pixels: PixelFlags,
    stored: StoredFlags,
    activation: flags.Activation = None,
    missing: flags.Missing = "propagate",
    dtype: flags.Dtype = "float32",
    output: OutputFlags,
    pictures: PictureFlags,
    view: ViewFlags,
    threads: flags.Threads = None,
    limits: LimitFlags,
) -> None:
    """Pool images or dumps: the largest, smallest, mean or summed value of each window, or of whole channels.

    Example: cnnfilter pool maps.npy --pool avg:2 -f csv --table

    Example: cnnfilter pool photo.png --pool global-avg --table
    """
    from cnnfilter.cli import shared
    from cnnfilter.cli.words import check_given, check_inputs
    from cnnfilter.core.pools import pool_label

    check_given(pool, "'--pool'", "--pool max:2", images, "pool")
    check_inputs(images, "pool")
    words = {"pool": pool, "activation": activation, "missing": missing, "dtype": dtype, "threads": threads}
    shared.run_plain(images, pool_label(pool), {**words, **pixels._asdict()}, stored, output, pictures, view, limits)
