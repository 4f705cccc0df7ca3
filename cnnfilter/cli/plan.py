"""``cnnfilter plan``."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cnnfilter.cli import flags
from cnnfilter.errors import ParameterError

if TYPE_CHECKING:
    from cnnfilter.cli.job import Files, Show
    from cnnfilter.run.image import Request

#: Flags that mean something with a network.
FOR_NETWORKS = frozenset({
    "network_or_images", "size", "layout", "frame", "allow_truncated", "json", "quiet", "max_pixels", "max_memory",
    "debug",
})  # fmt: skip


def plan(
    context: typer.Context,
    network_or_images: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NETWORK or IMAGE]...",
            show_default=False,
            help="A network file or an ONNX model, then a picture if its size is needed; or pictures.",
        ),
    ] = None,
    kernel: flags.Kernels = ["sobel-x"],  # noqa: B006 - Typer copies it
    size: Annotated[
        str | None, typer.Option("--size", metavar="ROWSxCOLS", help="A size instead of a picture: gray, 8 bits.")
    ] = None,
    channels: flags.Channels = "each",
    range: flags.Range = "stored",
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
    combine: flags.Combine = "",
    as_: flags.As = "",
    activation: flags.Activation = None,
    pool: flags.Pool = None,
    missing: flags.Missing = "propagate",
    dtype: flags.Dtype = "float32",
    output: flags.Output = None,
    format: flags.Formats = None,
    stack: flags.Stack = False,
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
    engine: flags.Engine = "auto",
    threads: flags.Threads = None,
    max_pixels: flags.MaxPixels = flags.MAX_PIXELS,
    max_memory: flags.MaxMemory = None,
    debug: flags.Debug = False,
) -> None:
    """Say how a network, or a convolution, would be computed, without computing it or writing anything.

    Every shape with its formula, what a stride drops, receptive field and jump, engine, multiply-adds, memory. It
    takes every flag of convolve: put plan where convolve stands. The memory is what --max-memory is held against.

    Example: cnnfilter plan samples/digits/digits.yaml

    Example: cnnfilter plan --size 3000x4000 -k gaussian:size=31 --pool max:2 -f npy
    """
    from cnnfilter.cli.job import Files, Show
    from cnnfilter.images.frames import parse_reading

    names = network_or_images or []
    reading = parse_reading(layout, frame, truncated=allow_truncated)
    if any(is_network(name) for name in names[1:]):
        raise ParameterError("the network comes first (plan NETWORK PICTURE), and there is one at most")
    if names and is_network(names[0]):
        files = Files(max_pixels=max_pixels, max_memory=max_memory, reading=reading)
        _plan_network(names, size, files, Show(json=json, quiet=quiet), flags.given(context))
        return
    from cnnfilter.cli.convolve import request_of
    from cnnfilter.cli.words import check_inputs

    check_inputs(names, "plan", kernel_dir or ())
    if names and size is not None:
        raise ParameterError("plan takes pictures, or --size ROWSxCOLS in their place, not both")
    if not names and size is None:
        raise ParameterError("plan needs a network, pictures, or --size ROWSxCOLS")
    job = request_of(
        kernel, kernel_dir, as_,
        {"range": range, "padding": padding, "padding_mode": padding_mode, "flip": flip, "dtype": dtype},
        flags.given(context), display=display, scale=scale, zoom=zoom, colormap=colormap, compress=compress,
        flatten=flatten, table=table, preview=preview, at=at, max_pixels=max_pixels, max_memory=max_memory,
        channels=channels, stride=stride, dilation=dilation, bias=bias, activation=activation, pool=pool,
        missing=missing, engine=engine, threads=threads, combine=combine,
    )[1]  # fmt: skip
    files = Files(
        output=output, formats=format or (), stack=stack, flatten=flatten, max_pixels=max_pixels,
        max_memory=max_memory, reading=reading,
    )  # fmt: skip
    _plan_pictures(job, names, size, files, Show(table=table, at=at, preview=preview, json=json, quiet=quiet))


def _plan_pictures(request: "Request", names: Sequence[str], size: str | None, files: "Files", show: "Show") -> None:
    """Print the plan of every picture, or of a size; raise where a limit that was given is passed."""
    from cnnfilter.cli.job import inputs_of, open_image, outputs_of
    from cnnfilter.core.shapes import rows_by_columns
    from cnnfilter.run.memory import check_cost
    from cnnfilter.run.plans import picture_of_size, plan_job
    from cnnfilter.views.plans import print_plans, print_warnings

    if size is not None:
        pictures = [picture_of_size(rows_by_columns(size, "--size"))]
    else:
        pictures = [open_image(one, files) for one in inputs_of(names, files)]
    outputs = outputs_of([picture.name for picture in pictures], names, request, files)
    jobs = [plan_job(request, picture, files) for picture, files in zip(pictures, outputs, strict=True)]
    if not show.quiet:
        print_plans(jobs, json_wanted=show.json)
    for job in jobs:
        if files.max_memory is not None:
            check_cost(job.cost, job.image, request.max_memory)
        elif request.max_memory is not None and job.cost.peak > request.max_memory:
            print_warnings([(job.image, [f"convolve would refuse this (--max-memory {job.cost.peak} allows it)"])])


def is_network(path: str) -> bool:
    """Say whether a file is a network: by its name, and for JSON, which may be numbers, by what it holds."""
    name = path.lower()
    if name.endswith(".json") and Path(path).is_file():
        with Path(path).open("rb") as file:
            return b'"layers"' in file.read(1 << 20)
    return name.endswith((".yaml", ".yml", ".onnx"))


def _plan_network(names: Sequence[str], size: str | None, files: "Files", show: "Show", given: frozenset[str]) -> None:
    """Print the plan of a network; raise where a limit that was given is passed."""
    from dataclasses import replace

    from cnnfilter.cli.job import inputs_of, memory_limit, open_image
    from cnnfilter.core.shapes import rows_by_columns
    from cnnfilter.errors import ShapeError
    from cnnfilter.files import quoted
    from cnnfilter.networks.model import open_model
    from cnnfilter.run.network import check_peak
    from cnnfilter.views.plans import print_network_plan

    path, *images = names
    if strange := sorted(given - FOR_NETWORKS):
        flag = "--" + strange[0].rstrip("_").replace("_", "-")
        raise ParameterError(f"{flag} goes with pictures, and {quoted(path)} is a network (leave it out)")
    if len(images) + (size is not None) > 1:
        raise ParameterError("plan takes one image after a network, or --size, not both")
    model = open_model(path)
    wanted = None
    if size is not None:
        wanted = rows_by_columns(size, "--size")
        model = model.with_input(replace(model.input, size=wanted))
    elif images and model.input.size is None:
        picture = open_image(inputs_of(images, files)[0], files)  # all frames are of one size
        wanted = (picture.height, picture.width)
    made = model.plan(wanted, partial=True)
    if not show.quiet:
        print_network_plan(model.name, made, json_wanted=show.json)
    if made.failure:
        raise ShapeError(f"{quoted(path)}: {made.failure}")
    if files.max_memory is not None:
        check_peak(made, images[0] if images else path, memory_limit(files.max_memory))
