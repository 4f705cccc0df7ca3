"""``cnnfilter show``."""

from typing import Annotated

import typer

from cnnfilter.cli import flags, picture_flags
from cnnfilter.cli.flags import LimitFlags, StoredFlags

Channel = Annotated[int | None, typer.Option("--channel", metavar="N", min=0, help="Only this channel, from 0.")]


@flags.command
def show(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A picture or a dump; - is standard input.")],
    table: flags.Table = False,
    heat: flags.Heat = False,
    preview: flags.Preview = False,
    at: flags.At = None,
    channel: Channel = None,
    range: flags.Range = "stored",
    *,
    stored: StoredFlags,
    display: picture_flags.Display = "auto",
    colormap: picture_flags.Colormap = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", metavar="PICTURE", help="Draw cells with their numbers: .png, .jpg, .webp, .tiff."
        ),
    ] = None,
    open_: flags.Open = False,
    json: flags.Json = False,
    limits: LimitFlags,
) -> None:
    """Show an image or a dump: statistics, and its numbers or the picture itself in the terminal.

    Small grids are printed as numbers unless asked otherwise, anything larger is drawn.

    Example: cnnfilter show map.npy --heat --at 120,80

    Example: cnnfilter show samples/pool-4x4.csv -o grid.png
    """
    from cnnfilter.cli import shared
    from cnnfilter.cli.opening import check_open, open_files
    from cnnfilter.cli.words import check_inputs

    check_inputs([file], "show")
    check_open(open_, output)
    view = flags.ViewFlags(table=table, heat=heat, at=at, preview=preview, json=json)
    pictures = picture_flags.PictureFlags(display=display, colormap=colormap)
    shared.show_file(file, range, stored, pictures, view, limits, channel=channel, output=output)
    if open_ and output is not None:
        open_files([output])
