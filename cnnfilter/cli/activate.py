"""``cnnfilter activate``."""

from typing import Annotated

import typer

from cnnfilter.cli import flags


def activate(
    images: flags.Images,
    activation: Annotated[
        str,
        typer.Option(
            "--activation", "-a", metavar="NAME[:param=value]", autocompletion=flags.activation_names,
            help="relu, sigmoid, tanh, gelu, softmax, leaky-relu:negative_slope=0.1, ...",
        ),
    ] = "",
    channels: flags.Channels = "each",
    range: flags.Range = "stored",
    layout: flags.Layout = "auto",
    frame: flags.Frame = None,
    allow_truncated: flags.AllowTruncated = False,
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
) -> None:  # fmt: skip
    """Apply an activation function to images, dumps or a row of scores.

    Softmax and its kind work along a vector, or over the channels of an image. Numbers may stand in place of a file.

    Example: cnnfilter activate '2.5 1.8 0.2' -a softmax --table -f csv
    """
    from cnnfilter.cli.job import Files, Show, memory_limit, position, run
    from cnnfilter.cli.words import check_inputs, missing_flag
    from cnnfilter.images.frames import parse_reading
    from cnnfilter.run.image import Request, plain_step
    from cnnfilter.run.look import make_looks
    from cnnfilter.run.options import make_options

    if not activation:
        raise missing_flag("'--activation' / '-a'", "-a relu", images, "activate")
    check_inputs(images, "activate")
    options = make_options(
        channels=channels, range=range, activation=activation, missing=missing, dtype=dtype, threads=threads
    )
    request = Request(
        steps=(plain_step(activation.replace(":", "-"), options),), options=options, flatten=flatten,
        keep=table or preview, preview=preview, max_memory=memory_limit(max_memory), max_pixels=max_pixels,
        at=position(at), **make_looks(display, colormap, compress, scale, zoom),
    )  # fmt: skip
    reading = parse_reading(layout, frame, truncated=allow_truncated)
    files = Files(
        output=output, formats=format or (), flatten=flatten, max_pixels=max_pixels, max_memory=max_memory,
        reading=reading,
    )  # fmt: skip
    run(images, request, files, Show(table=table, at=at, preview=preview, json=json, quiet=quiet))
