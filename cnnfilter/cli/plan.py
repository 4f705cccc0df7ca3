"""``cnnfilter plan``."""

from typing import Annotated

import typer

from cnnfilter.cli import flags


def plan(
    image: Annotated[
        str | None, typer.Argument(metavar="[IMAGE]", help="A picture, of which only the size counts.")
    ] = None,
    kernel: flags.Kernels = ["sobel-x"],  # noqa: B006 - Typer copies it
    size: Annotated[
        str | None, typer.Option("--size", metavar="ROWSxCOLS", help="A size instead of a picture.")
    ] = None,
    channels: flags.Channels = "each",
    kernel_dir: flags.KernelDirs = None,
    stride: flags.Stride = "1",
    padding: flags.Padding = "valid",
    padding_mode: flags.PaddingMode = "zeros",
    dilation: flags.Dilation = "1",
    dtype: flags.Dtype = "float32",
    engine: flags.Engine = "auto",
    json: flags.Json = False,
    max_pixels: flags.MaxPixels = flags.MAX_PIXELS,
    debug: flags.Debug = False,
) -> None:
    """Say how a convolution would be computed, without computing it: shapes, engine, strips, memory.

    Example: cnnfilter plan --size 3000x4000 -k gaussian:size=31
    """
    from cnnfilter.core.shapes import pair
    from cnnfilter.errors import ParameterError
    from cnnfilter.job.options import make_options
    from cnnfilter.job.plans import plan_kernels
    from cnnfilter.library import load_kernels, search_path
    from cnnfilter.views.plans import plan_json, plan_table

    if (image is None) == (size is None):
        raise ParameterError("plan needs either an image or --size ROWSxCOLS")
    colors, rows, columns = 1, 0, 0
    if size is not None:
        rows, columns = pair(size.lower().replace("x", ","), "--size")
    else:
        from cnnfilter.cli.job import Files, open_image

        picture = open_image(str(image), Files(max_pixels=max_pixels))
        colors, rows, columns = picture.channels - picture.has_alpha, picture.height, picture.width
    options = make_options(
        channels=channels, stride=stride, padding=padding, padding_mode=padding_mode, dilation=dilation, dtype=dtype,
        engine=engine,
    )  # fmt: skip
    search = search_path(kernel_dir or ())
    kernels = [one for spec in kernel for one in load_kernels(spec, search=search)]
    plans = plan_kernels(kernels, (colors, rows, columns), options)
    if json:
        print(plan_json(plans))  # noqa: T201
        return
    from cnnfilter.views.console import console

    console().print(plan_table(plans))
