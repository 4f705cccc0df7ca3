"""``cnnfilter batch``."""

from typing import Annotated, NamedTuple

import typer

from cnnfilter.cli import flags
from cnnfilter.cli.flags import LimitFlags, ModelFlags, OutputFlags, PixelFlags, StepFlags
from cnnfilter.cli.picture_flags import PictureFlags
from cnnfilter.errors import ParameterError

_INPUT, _STEP, _OUTPUT, _VIEW, _RUN = "Input", "Computation", "Output", "What to see", "Running"

Inputs = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="FOLDER|GLOB|LIST...",
        help="Folders, quoted patterns ('scans/**/*.tif'), files, @LIST with one path a line, or URLs.",
    ),
]
Output = Annotated[
    str | None, typer.Option("--output", "-o", metavar="FOLDER", rich_help_panel=_OUTPUT, help="Folder or URL.")
]
Include = Annotated[
    list[str] | None,
    typer.Option(
        "--include", metavar="PATTERN", rich_help_panel=_INPUT,
        help="Take only these of a folder: *.png, scans/**; every picture if unset. Repeatable.",
    ),
]  # fmt: skip
Exclude = Annotated[
    list[str] | None,
    typer.Option(
        "--exclude", metavar="PATTERN", rich_help_panel=_INPUT, help="Leave out files or folders. Repeatable."
    ),
]
Resume = Annotated[
    bool,
    typer.Option("--resume", rich_help_panel=_RUN, help="Skip what is done and unchanged; do the rest."),
]
Overwrite = Annotated[
    bool,
    typer.Option("--overwrite", rich_help_panel=_OUTPUT, help="Write into a folder that holds other files."),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs", "-j", metavar="N", rich_help_panel=_RUN, help="Worker processes; one a core if unset, 0 for none.",
    ),
]  # fmt: skip
Timeout = Annotated[
    float, typer.Option("--timeout", metavar="SECONDS", rich_help_panel=_RUN, help="Longest time for one image.")
]
Status = Annotated[
    str | None, typer.Option("--status", metavar="OUT", rich_help_panel=_VIEW, help="Tell how a run went, and stop.")
]
Features = Annotated[
    str | None,
    typer.Option(
        "--features", metavar="FILE", rich_help_panel=_OUTPUT,
        help="Collect a vector for each image in one .npy, .csv or .parquet; no pictures then unless -f asks for them.",
    ),
]  # fmt: skip
Measures = Annotated[
    str | None,
    typer.Option(
        "--measures", metavar="LIST", rich_help_panel=_OUTPUT,
        help="What the vectors hold: mean and max (global pooling), std, energy, l1, min, q50 (quantiles).",
    ),
]  # fmt: skip
Manifest = Annotated[
    list[str] | None,
    typer.Option(
        "--manifest", metavar="FORMAT", rich_help_panel=_OUTPUT, help="jsonl, csv (both if unset), parquet. Repeatable."
    ),
]
Cluster = Annotated[
    str | None,
    typer.Option(
        "--cluster", metavar="SCHEDULER", rich_help_panel=_RUN,
        help="Compute on Dask: a scheduler's address, or local:N. Needs cnnfilter[dask].",
    ),
]  # fmt: skip

Network = Annotated[
    str | None,
    typer.Option(
        "--network", metavar="NETWORK", rich_help_panel=_STEP,
        help="Run this network file or ONNX model instead of kernels; the classes go into the manifest.",
    ),
]  # fmt: skip
Threads = Annotated[
    int, typer.Option("--threads", metavar="N", rich_help_panel=_RUN, help="At most N threads in each worker.")
]

#: Seconds that one image may take unless said otherwise.
TIMEOUT = 300.0


class TableFlags(NamedTuple):
    """Which tables are collected beside the outputs, or in their place."""

    features: Features = None
    measures: Measures = None
    manifest: Manifest = None


class WorkerFlags(NamedTuple):
    """Who computes, and how long one image may take."""

    jobs: Jobs = None
    threads: Threads = 1
    timeout: Timeout = TIMEOUT
    cluster: Cluster = None


@flags.command
def batch(
    context: typer.Context,
    inputs: Inputs = None,
    kernel: flags.Kernels = [],  # noqa: B006 - Typer copies it
    network: Network = None,
    include: Include = None,
    exclude: Exclude = None,
    *,
    pixels: PixelFlags,
    step: StepFlags,
    model: ModelFlags,
    frame: flags.Frame = None,
    allow_truncated: flags.AllowTruncated = False,
    output: Output = None,
    format: flags.Formats = None,
    flatten: flags.Flatten = False,
    stack: flags.Stack = False,
    save: flags.SaveLayers = None,
    tables: TableFlags,
    overwrite: Overwrite = False,
    pictures: PictureFlags,
    status: Status = None,
    json: flags.Json = False,
    quiet: flags.Quiet = False,
    resume: Resume = False,
    workers: WorkerFlags,
    limits: LimitFlags,
) -> None:
    """Convolve whole folders, in parallel, and pick up where an interrupted run stopped.

    The tree of the inputs is mirrored below the output folder. What was done is remembered there, so that the
    same command with --resume skips what is done and unchanged; the manifest lists every input with its outcome.

    Example: cnnfilter batch scans/ -k sobel-x -k sobel-y -f png -o out/
    """
    from cnnfilter.cli import folders
    from cnnfilter.cli.words import check_inputs

    if status is not None:
        folders.show_status(status, json=json)
        return
    if not inputs or output is None:
        raise ParameterError("batch needs what to do and where results go (cnnfilter batch FOLDER -k KERNEL -o OUT)")
    check_inputs([name for name in inputs if not name.startswith("@")], "batch", step.kernel_dir or ())
    given = flags.given(context)
    folders.check_words(given)
    of_model, reading = folders.reading_of(model.layout, frame, truncated=allow_truncated, network=network is not None)
    looks = folders.looks(
        OutputFlags(output, format, flatten), tables, pictures, draws=network is None or bool(save),
        max_pixels=limits.max_pixels, threads=workers.threads, reading=reading,
    )  # fmt: skip
    if network is not None:
        values = pixels.range if "range" in given else None
        recipe = folders.network_recipe(network, save or (), step.dtype, looks, model, range=values, layout=of_model)
    else:
        recipe = folders.kernel_recipe(kernel, pixels, step, given, {**looks, "stack": stack, "flatten": flatten})
    setup = folders.setup_of(
        inputs, output, recipe, workers, limits, include=include, exclude=exclude, resume=resume,
        overwrite=overwrite, reads=folders.kernel_files_read(step.kernel_dir) if network is None else (),
    )  # fmt: skip
    folders.go(setup, recipe, tables, json=json, quiet=quiet)
