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
    layout: flags.Layout = "auto",
    frame: flags.Frame = None,
    allow_truncated: flags.AllowTruncated = False,
    display: flags.Display = "auto",
    colormap: flags.Colormap = None,
    json: flags.Json = False,
    max_pixels: flags.MaxPixels = flags.MAX_PIXELS,
    max_memory: flags.MaxMemory = None,
    debug: flags.Debug = False,
) -> None:
    """Show an image or a dump: statistics, and its numbers or the picture itself in the terminal.

    Small grids are printed as numbers unless asked otherwise, anything larger is drawn.

    Example: cnnfilter show map.npy --heat --at 120,80
    """
    from cnnfilter.cli.job import Files, Show, inputs_of, memory_limit, open_image, position, show_done
    from cnnfilter.cli.words import check_inputs
    from cnnfilter.images.frames import parse_reading
    from cnnfilter.run.image import Done, Request, do_image, plain_step
    from cnnfilter.run.look import make_looks
    from cnnfilter.run.names import stem
    from cnnfilter.run.options import make_options

    check_inputs([file], "show")
    reading = parse_reading(layout, frame, truncated=allow_truncated)
    files = Files(max_pixels=max_pixels, max_memory=max_memory, reading=reading)
    options = make_options(range=range)
    looks, place = make_looks(display, colormap), position(at)
    asked = table or heat or at is not None
    done: list[Done] = []
    small = True
    for one in inputs_of([file], files):
        picture = open_image(one, files, fold=True)
        small = small and picture.height <= 32 and picture.width <= 32
        request = Request(
            steps=(plain_step(stem(one.name), options),), options=options, at=place, keep=True,
            preview=preview or not (asked or small), max_memory=memory_limit(max_memory), **looks,
        )  # fmt: skip
        done += do_image(request, picture, [])
    numbers = asked or (small and not preview)
    wanted = Show(table=numbers, heat=heat, preview=preview or not numbers, at=at, json=json)
    show_done(done, [], wanted)
