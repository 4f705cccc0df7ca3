"""``cnnfilter show``."""

from typing import Annotated

import typer

from cnnfilter.cli import flags


def show(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A picture or a dump; - is standard input.")],
    table: flags.Table = False,
    heat: Annotated[bool, typer.Option("--heat", help="Print the numbers, coloured by value.")] = False,
    preview: flags.Preview = False,
    at: flags.At = None,
    range: flags.Range = "stored",
    display: flags.Display = "minmax",
    json: flags.Json = False,
    max_pixels: flags.MaxPixels = flags.MAX_PIXELS,
    max_memory: flags.MaxMemory = None,
    debug: flags.Debug = False,
) -> None:
    """Show an image or a dump: statistics, and its numbers or the picture itself in the terminal.

    Small grids are printed as numbers unless asked otherwise, anything larger is drawn.

    Example: cnnfilter show map.npy --heat --at 120,80
    """
    from cnnfilter.cli.job import Files, Show, memory_limit, open_image, show_done
    from cnnfilter.images.display import parse_display
    from cnnfilter.job.image import Request, do_image, plain_step
    from cnnfilter.job.names import stem
    from cnnfilter.job.options import make_options

    picture = open_image(file, Files(max_pixels=max_pixels, max_memory=max_memory), fold=True)
    small = picture.height <= 32 and picture.width <= 32
    options = make_options(range=range)
    numbers = table or heat or at is not None or (small and not preview)
    wanted = Show(table=numbers, heat=heat, preview=preview or not numbers, at=at, json=json)
    request = Request(
        steps=(plain_step(stem(file), options),), options=options, display=parse_display(display), keep=True,
        preview=wanted.preview, max_memory=memory_limit(max_memory),
    )  # fmt: skip
    show_done(do_image(request, picture, []), [], wanted)
