"""``cnnfilter plan``."""

from typing import Annotated

import typer

from cnnfilter.cli import flags
from cnnfilter.cli.flags import LimitFlags, OutputFlags, PixelFlags, StepFlags, StoredFlags, ViewFlags
from cnnfilter.cli.picture_flags import PictureFlags

Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NETWORK or IMAGE]...",
        show_default=False,
        help="A network file or an ONNX model, then a picture if its size is needed; or pictures.",
    ),
]
Size = Annotated[
    str | None, typer.Option("--size", metavar="ROWSxCOLS", help="A size instead of a picture: gray, 8 bits.")
]


@flags.command
def plan(
    context: typer.Context,
    network_or_images: Names = None,
    kernel: flags.Kernels = ["sobel-x"],  # noqa: B006 - Typer copies it
    size: Size = None,
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
    """Say how a network, or a convolution, would be computed, without computing it or writing anything.

    Every shape with its formula, what a stride drops, receptive field and jump, engine, multiply-adds, memory. It
    takes every flag of convolve: put plan where convolve stands. The memory is what --max-memory is held against.

    Example: cnnfilter plan samples/digits/digits.yaml

    Example: cnnfilter plan --size 3000x4000 -k gaussian:size=31 --pool max:2 -f npy
    """
    from cnnfilter.cli import plans, shared
    from cnnfilter.run.steps import kernel_steps

    names, given = network_or_images or [], flags.given(context)
    if plans.names_a_network(names):
        plans.plan_network(names, size, shared.files_of(stored, limits), view, given)
        return
    plans.check_pictures(names, size, step.kernel_dir or ())
    kernels, options = shared.filters_of(kernel, pixels, step, threads, given)
    steps = kernel_steps(kernels, options)
    if golden is not None:
        from cnnfilter.cli.vectors import check_golden  # the door to testbenches

        output = output._replace(format=[check_golden(names or [size or ""], options, output)])
    request = shared.request_of(options, steps, view, limits, pictures, output=output)
    plans.plan_pictures(request, names, size, shared.files_of(stored, limits, output, stack=stack), view)
