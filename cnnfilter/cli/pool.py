"""``cnnfilter pool``."""

from typing import Annotated

import typer

from cnnfilter.cli import flags


def pool(
    images: flags.Images,
    pool: Annotated[
        str,
        typer.Option(
            "--pool",
            metavar=flags.POOL_METAVAR,
            autocompletion=flags.pool_names,
            help=flags.POOL_HELP[0].upper() + flags.POOL_HELP[1:],
        ),
    ] = "",
    channels: flags.Channels = "each",
    range: flags.Range = "stored",
    layout: flags.Layout = "auto",
    frame: flags.Frame = None,
    allow_truncated: flags.AllowTruncated = False,
    activation: flags.Activation = None,
    missing: flags.Missing = "propagate",
    dtype: flags.Dtype = "float32",
    output: flags.Output = None,
    format: flags.Formats = None,
    flatten: flags.Flatten = False,
    display: flags.Display = "auto",
    scale: flags.Scale = None,
    zoom: flags.Zoom = 1,
    colormap: flags.Colormap = None,
    compress: flags.Compress = "fast",
    table: flags.Table = False,
    at: flags.At = None,
    preview: flags.Preview = False,
    json: flags.Json = False,
    quiet: flags.Quiet = False,
    threads: flags.Threads = None,
    max_pixels: flags.MaxPixels = flags.MAX_PIXELS,
    max_memory: flags.MaxMemory = None,
    debug: flags.Debug = False,
) -> None:
    """Pool images or dumps: the largest, smallest, mean or summed value of each window, or of whole channels.

    Example: cnnfilter pool maps.npy --pool avg:2 -f csv --table

    Example: cnnfilter pool photo.png --pool global-avg --table
    """
    from cnnfilter.cli.job import Files, Show, memory_limit, position, run
    from cnnfilter.cli.words import check_inputs, missing_flag
    from cnnfilter.core.pools import pool_label
    from cnnfilter.images.frames import parse_reading
    from cnnfilter.run.image import Request, plain_step
    from cnnfilter.run.look import make_looks
    from cnnfilter.run.options import make_options

    if not pool:
        raise missing_flag("'--pool'", "--pool max:2", images, "pool")
    check_inputs(images, "pool")
    options = make_options(
        channels=channels,
        range=range,
        activation=activation,
        pool=pool,
        missing=missing,
        dtype=dtype,
        threads=threads,
    )
    request = Request(
        steps=(plain_step(pool_label(pool), options),), options=options, flatten=flatten, keep=table or preview,
        preview=preview, max_memory=memory_limit(max_memory), max_pixels=max_pixels, at=position(at),
        **make_looks(display, colormap, compress, scale, zoom),
    )  # fmt: skip
    reading = parse_reading(layout, frame, truncated=allow_truncated)
    files = Files(
        output=output, formats=format or (), flatten=flatten, max_pixels=max_pixels, max_memory=max_memory,
        reading=reading,
    )  # fmt: skip
    run(images, request, files, Show(table=table, at=at, preview=preview, json=json, quiet=quiet))
