"""``cnnfilter convolve``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from cnnfilter.cli import flags

if TYPE_CHECKING:
    from cnnfilter.library.kernel import Kernel
    from cnnfilter.run.image import Request


def convolve(
    context: typer.Context,
    images: flags.Images,
    kernel: flags.Kernels = [],  # noqa: B006 - Typer copies it
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
    """Convolve images with kernels; then, where asked, bias, activation and pooling.

    Writes one feature map for each image and kernel, and prints a row about each. As in PyTorch and ONNX the
    kernel is not flipped, which mathematicians call cross-correlation; --flip turns it over.

    Example: cnnfilter convolve photo.png -k sobel-x -k gaussian:sigma=2 -f png -f npy -o out/

    Example: cnnfilter convolve photo.png -k sobel-x -k sobel-y --combine magnitude
    """
    from cnnfilter.cli.job import Files, Show, run
    from cnnfilter.cli.words import check_inputs, missing_flag
    from cnnfilter.images.frames import parse_reading
    from cnnfilter.library import search_path
    from cnnfilter.library.load import files_read

    if not kernel:
        raise missing_flag("'--kernel' / '-k'", "-k sobel-x", images, "convolve")
    check_inputs(images, "convolve", kernel_dir or ())
    words = {"range": range, "padding": padding, "padding_mode": padding_mode, "flip": flip, "dtype": dtype}
    kernels, request = request_of(
        kernel, kernel_dir, as_, words, flags.given(context), display=display, scale=scale, zoom=zoom,
        colormap=colormap, compress=compress, flatten=flatten, table=table, preview=preview, at=at,
        max_pixels=max_pixels, max_memory=max_memory, channels=channels, stride=stride, dilation=dilation, bias=bias,
        activation=activation, pool=pool, missing=missing, engine=engine, threads=threads, combine=combine,
    )  # fmt: skip
    reading = parse_reading(layout, frame, truncated=allow_truncated)
    files = Files(
        output=output, formats=format or (), stack=stack, flatten=flatten, max_pixels=max_pixels, max_memory=max_memory,
        also_read=files_read(kernels, search_path(kernel_dir or ())), reading=reading,
    )  # fmt: skip
    run(images, request, files, Show(table=table, at=at, preview=preview, json=json, quiet=quiet))


def request_of(
    specs: Sequence[str], folders: Sequence[str] | None, tool: str, adopted: dict[str, Any], given: frozenset[str], *,
    display: str, scale: str | None, zoom: int, colormap: str | None, compress: str, flatten: bool, table: bool,
    preview: bool, at: str | None, max_pixels: int, max_memory: str | None, **words: Any,
) -> tuple[list["Kernel"], "Request"]:  # fmt: skip
    """Return the kernels, and what they and the flags ask for of every picture."""
    from cnnfilter.cli.job import memory_limit, position
    from cnnfilter.library import search_path
    from cnnfilter.library.conventions import adopt_words, load_as
    from cnnfilter.run.image import Request, kernel_steps
    from cnnfilter.run.look import make_looks
    from cnnfilter.run.options import make_options

    options = make_options(**words, **adopt_words(tool, adopted, given))
    search = search_path(folders or ())
    kernels = [one for spec in specs for one in load_as(spec, tool, search)]
    request = Request(
        steps=kernel_steps(kernels, options), options=options, flatten=flatten, keep=table or preview,
        preview=preview, max_memory=memory_limit(max_memory), max_pixels=max_pixels, at=position(at),
        kernels=tuple(kernels), **make_looks(display, colormap, compress, scale, zoom),
    )  # fmt: skip
    return kernels, request
