"""``cnnfilter convolve``."""

import typer

from cnnfilter.cli import flags
from cnnfilter.cli.flags import LimitFlags, OutputFlags, PixelFlags, StepFlags, StoredFlags, ViewFlags
from cnnfilter.cli.picture_flags import PictureFlags


@flags.command
def convolve(
    context: typer.Context,
    images: flags.Images,
    kernel: flags.Kernels = [],  # noqa: B006 - Typer copies it
    *,
    pixels: PixelFlags,
    stored: StoredFlags,
    step: StepFlags,
    output: OutputFlags,
    golden: flags.Golden = None,
    stack: flags.Stack = False,
    pictures: PictureFlags,
    view: ViewFlags,
    threads: flags.Threads = None,
    limits: LimitFlags,
) -> None:
    """Convolve images with kernels; then, where asked, bias, activation and pooling.

    Writes one feature map for each image and kernel, and prints a row about each. As in PyTorch and ONNX the
    kernel is not flipped, which mathematicians call cross-correlation; --flip turns it over.

    Example: cnnfilter convolve photo.png -k sobel-x -k gaussian:sigma=2 -f png -f npy -o out/

    Example: cnnfilter convolve photo.png -k sobel-x -k sobel-y --combine magnitude
    """
    from cnnfilter.cli import shared
    from cnnfilter.cli.words import check_given, check_inputs
    from cnnfilter.library.catalog import search_path
    from cnnfilter.library.load import files_read
    from cnnfilter.run.steps import kernel_steps

    check_given(kernel, "'--kernel' / '-k'", "-k sobel-x", images, "convolve")
    check_inputs(images, "convolve", step.kernel_dir or ())
    kernels, options = shared.filters_of(kernel, pixels, step, threads, flags.given(context))
    if golden is not None:
        from cnnfilter.cli.vectors import write_golden_vectors  # the door to testbenches

        write_golden_vectors(
            images, options, kernel_steps(kernels, options), golden, stored, output, limits, quiet=view.quiet
        )
        return
    request = shared.request_of(options, kernel_steps(kernels, options), view, limits, pictures, output=output)
    read = files_read(kernels, search_path(step.kernel_dir or ()))
    files = shared.files_of(stored, limits, output, stack=stack, also_read=read)
    shared.run(images, request, files, view)
