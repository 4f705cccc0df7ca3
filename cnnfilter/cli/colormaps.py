"""``cnnfilter colormaps``."""

from typing import Annotated

import typer

from cnnfilter.cli import flags

Words = Annotated[list[str] | None, typer.Argument(metavar="[WORD]...", help="Only names that hold every word.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print the names alone.")]


def colormaps(words: Words = None, quiet: Quiet = False, debug: flags.Debug = False) -> None:
    """List the colour maps that --colormap takes, and draw them where the terminal has colours.

    Every name also goes with _r behind it, which turns the map over.

    Example: cnnfilter colormaps blue
    """
    from cnnfilter.errors import UnknownNameError
    from cnnfilter.images.colour import colormap_names, colour_table
    from cnnfilter.views.terminal import write

    found = [name for name in colormap_names() if all(word.lower() in name.lower() for word in words or ())]
    if not found:
        raise UnknownNameError(
            f"no colormap's name holds {' and '.join(map(repr, words or ()))} (cnnfilter colormaps lists all)"
        )
    if quiet:
        write("\n".join(found))
        return
    from cnnfilter.views.console import console, draws_blocks
    from cnnfilter.views.maps import ramps

    out = console()
    if not draws_blocks(out):
        write("\n".join(found))
        return
    out.print(ramps([(name, colour_table(name)) for name in found], width=out.width), end="")
