"""``cnnfilter plan``."""

from pathlib import Path
from typing import Annotated

import typer

from cnnfilter.cli import flags
from cnnfilter.cli.job import Files


def plan(
    network_or_image: Annotated[
        str | None,
        typer.Argument(metavar="[NETWORK or IMAGE]", help="A network file, an ONNX model, or a picture."),
    ] = None,
    image: Annotated[
        str | None, typer.Argument(metavar="[IMAGE]", help="After a network: a picture, of which only the size counts.")
    ] = None,
    kernel: flags.Kernels = ["sobel-x"],  # noqa: B006 - Typer copies it
    size: Annotated[
        str | None, typer.Option("--size", metavar="ROWSxCOLS", help="A size instead of a picture.")
    ] = None,
    channels: flags.Channels = "each",
    layout: flags.Layout = "auto",
    frame: flags.Frame = None,
    allow_truncated: flags.AllowTruncated = False,
    kernel_dir: flags.KernelDirs = None,
    stride: flags.Stride = "1",
    padding: flags.Padding = "valid",
    padding_mode: flags.PaddingMode = "zeros",
    dilation: flags.Dilation = "1",
    flip: flags.Flip = False,
    bias: flags.Bias = None,
    activation: flags.Activation = None,
    pool: flags.Pool = None,
    missing: flags.Missing = "propagate",
    dtype: flags.Dtype = "float32",
    engine: flags.Engine = "auto",
    threads: flags.Threads = None,
    json: flags.Json = False,
    max_pixels: flags.MaxPixels = flags.MAX_PIXELS,
    debug: flags.Debug = False,
) -> None:
    """Say how a network, or a convolution, would be computed, without computing it.

    Every shape with its formula, what a stride drops, receptive field and jump, engine, multiply-adds, memory.

    Example: cnnfilter plan samples/digits/digits.yaml

    Example: cnnfilter plan --size 3000x4000 -k gaussian:size=31 --pool max:2
    """
    from cnnfilter.errors import ParameterError
    from cnnfilter.images.frames import parse_reading

    files = Files(max_pixels=max_pixels, reading=parse_reading(layout, frame, truncated=allow_truncated))
    if network_or_image is not None and is_network(network_or_image):
        _plan_network(network_or_image, image, size, files, json=json)
        return
    if image is not None:
        raise ParameterError(f"{network_or_image!r} is no network, and plan takes one image only")
    if (network_or_image is None) == (size is None):
        raise ParameterError("plan needs a network, an image, or --size ROWSxCOLS")
    from cnnfilter.job.options import make_options
    from cnnfilter.job.plans import plan_kernels
    from cnnfilter.library import load_kernels, search_path
    from cnnfilter.views.columns import terminal_width, write
    from cnnfilter.views.plans import ANY_WIDTH, plan_json, plan_table, print_warnings

    shape, pixel_bytes = _shape(network_or_image, size, files)
    options = make_options(
        channels=channels, stride=stride, padding=padding, padding_mode=padding_mode, dilation=dilation, flip=flip,
        bias=bias, activation=activation, pool=pool, missing=missing, dtype=dtype, engine=engine, threads=threads,
    )  # fmt: skip
    search = search_path(kernel_dir or ())
    kernels = [one for spec in kernel for one in load_kernels(spec, search=search)]
    plans = plan_kernels(kernels, shape, options, pixel_bytes=pixel_bytes)
    write(plan_json(plans) if json else plan_table(plans, terminal_width(ANY_WIDTH)))
    print_warnings([(step.kernel.name, step.warnings) for step in plans])


def is_network(path: str) -> bool:
    """Say whether a file is a network: by its name, and for JSON, which may be numbers, by what it holds."""
    name = path.lower()
    if name.endswith(".json") and Path(path).is_file():
        with Path(path).open("rb") as file:
            return b'"layers"' in file.read(1 << 20)
    return name.endswith((".yaml", ".yml", ".onnx"))


def _shape(image: str | None, size: str | None, files: Files) -> tuple[tuple[int, int, int], int]:
    """Return ``(C, H, W)`` and the bytes of one stored value."""
    if size is not None:
        from cnnfilter.core.shapes import pair

        return (1, *pair(size.lower().replace("x", ","), "--size")), 1
    from cnnfilter.cli.job import inputs_of, open_image

    picture = open_image(inputs_of([str(image)], files)[0], files)  # all frames are of one size
    return (picture.channels - picture.has_alpha, picture.height, picture.width), picture.dtype.itemsize


def _plan_network(path: str, image: str | None, size: str | None, files: Files, *, json: bool) -> None:
    """Print the plan of a network."""
    from dataclasses import replace

    from cnnfilter.core.shapes import pair
    from cnnfilter.errors import ParameterError, ShapeError
    from cnnfilter.files import quoted
    from cnnfilter.network.model import open_model
    from cnnfilter.views.columns import terminal_width, write
    from cnnfilter.views.plans import ANY_WIDTH, network_plan_json, network_plan_table, print_warnings

    if image is not None and size is not None:
        raise ParameterError("plan takes an image or --size, not both")
    model = open_model(path)
    wanted = None
    if size is not None:
        wanted = pair(size.lower().replace("x", ","), "--size")
        model = model.with_input(replace(model.input, size=wanted))
    elif image is not None and model.input.size is None:
        wanted = _shape(image, None, files)[0][1:]
    made = model.plan(wanted, partial=True)
    write(network_plan_json(model.name, made) if json else network_plan_table(made, terminal_width(ANY_WIDTH)))
    print_warnings([(layer.name, layer.warnings) for layer in made.layers])
    if made.failure:
        raise ShapeError(f"{quoted(path)}: {made.failure}")
