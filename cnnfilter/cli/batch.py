"""``cnnfilter batch``."""

import contextlib
import os
import shlex
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cnnfilter.cli import flags
from cnnfilter.cli.job import memory_limit
from cnnfilter.errors import ParameterError

if TYPE_CHECKING:
    from cnnfilter.batch.folder import State
    from cnnfilter.batch.recipe import Recipe
    from cnnfilter.batch.run import Setup, Totals

_INPUT, _STEP, _OUTPUT, _VIEW, _RUN = "Input", "Computation", "Output", "What to see", "Running"

Inputs = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="FOLDER|GLOB|LIST...",
        help="Folders, quoted patterns ('scans/**/*.tif'), files, @LIST with one path a line, or URLs.",
    ),
]
Kernels = Annotated[
    list[str] | None,
    typer.Option(
        "--kernel", "-k", autocompletion=flags.kernel_names, rich_help_panel=_STEP, metavar="KERNEL",
        help="As in convolve. Repeatable.",
    ),
]  # fmt: skip
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
        "--jobs", "-j", metavar="N", rich_help_panel=_RUN,
        help="Worker processes, one thread each; all cores if unset, 0 for none.",
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
SaveLayers = Annotated[
    list[str] | None,
    typer.Option(
        "--save", metavar="all|NAME,...", rich_help_panel=_OUTPUT, help="With --network: write these layers' maps."
    ),
]

#: Seconds that one image may take unless said otherwise.
TIMEOUT = 300.0


def batch(
    inputs: Inputs = None,
    kernel: Kernels = None,
    network: Network = None,
    save: SaveLayers = None,
    include: Include = None,
    exclude: Exclude = None,
    channels: flags.Channels = "each",
    range: flags.Range = "stored",
    kernel_dir: flags.KernelDirs = None,
    stride: flags.Stride = "1",
    padding: flags.Padding = "valid",
    padding_mode: flags.PaddingMode = "zeros",
    dilation: flags.Dilation = "1",
    flip: flags.Flip = False,
    bias: flags.Bias = None,
    activation: flags.Activation = None,
    pool: flags.Pool = None,
    dtype: flags.Dtype = "float32",
    output: Output = None,
    format: flags.Formats = None,
    stack: flags.Stack = False,
    flatten: flags.Flatten = False,
    features: Features = None,
    measures: Measures = None,
    manifest: Manifest = None,
    overwrite: Overwrite = False,
    display: flags.Display = "auto",
    colormap: flags.Colormap = None,
    compress: flags.Compress = "fast",
    status: Status = None,
    json: flags.Json = False,
    quiet: flags.Quiet = False,
    resume: Resume = False,
    jobs: Jobs = None,
    timeout: Timeout = TIMEOUT,
    cluster: Cluster = None,
    engine: flags.Engine = "auto",
    max_pixels: flags.MaxPixels = flags.MAX_PIXELS,
    max_memory: flags.MaxMemory = None,
    debug: flags.Debug = False,
) -> None:
    """Convolve whole folders, in parallel, and pick up where an interrupted run stopped.

    The tree of the inputs is mirrored below the output folder. What was done is remembered there, so that the
    same command with --resume skips what is done and unchanged; the manifest lists every input with its outcome.

    Example: cnnfilter batch scans/ -k sobel-x -k sobel-y -f png -o out/
    """
    if status is not None:
        _show_status(status, json=json)
        return
    if not inputs or output is None:
        raise ParameterError("batch needs what to do and where results go (cnnfilter batch FOLDER -k KERNEL -o OUT)")
    if bool(kernel) == bool(network):
        raise ParameterError("batch needs kernels or a network (-k sobel-x, or --network FILE)")
    if cluster is None and jobs != 0:
        from cnnfilter.batch.warm import warm_up

        warm_up()  # first of all: the workers' imports run beside ours
    from cnnfilter.batch.find import parse_roots
    from cnnfilter.batch.measures import parse_measures
    from cnnfilter.batch.patterns import Filters
    from cnnfilter.batch.recipe import Convolve
    from cnnfilter.batch.run import Setup
    from cnnfilter.images.display import parse_display
    from cnnfilter.job.names import parse_formats
    from cnnfilter.job.options import make_options
    from cnnfilter.library import load_kernels, search_path

    wanted = format or (["csv"] if flatten else [])
    nothing = not wanted and (bool(features) or (network is not None and not save))
    looks: dict[str, Any] = {
        "display": parse_display(display), "colormap": colormap, "compress": compress,
        "formats": () if nothing else tuple(parse_formats(wanted, None)),
        "measures": parse_measures(measures) if features or measures else (), "max_pixels": max_pixels,
    }  # fmt: skip
    recipe: Recipe
    if network is not None:
        from cnnfilter.batch.classify import make_classify

        recipe = make_classify(os.path.abspath(network), save or (), dtype=dtype, **looks)  # noqa: PTH100
    else:
        options = make_options(
            channels=channels, range=range, stride=stride, padding=padding, padding_mode=padding_mode,
            dilation=dilation, flip=flip, bias=bias, activation=activation, pool=pool, dtype=dtype, engine=engine,
            threads=1,
        )  # fmt: skip
        search = search_path(kernel_dir or ())
        kernels = tuple(one for spec in kernel or () for one in load_kernels(spec, search=search))
        recipe = Convolve(kernels=kernels, options=options, stack=stack, flatten=flatten, **looks)
    setup = Setup(
        roots=parse_roots(inputs), output=output, filters=Filters.of(include, exclude), resume=resume,
        overwrite=overwrite, jobs=_jobs(jobs), max_memory=memory_limit(max_memory), timeout=_seconds(timeout),
        cluster=cluster,
    )  # fmt: skip
    _go(setup, recipe, _finisher(setup, recipe, features, manifest), json=json, quiet=quiet)


def _jobs(jobs: int | None) -> int:
    """Return the number of workers."""
    if jobs is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not 0 <= jobs <= 1024:
        raise ParameterError(f"--jobs takes a whole number from 0 to 1024, got {jobs}")
    return jobs


def _seconds(timeout: float) -> float:
    """Return the time limit."""
    if not 0 < timeout < 1e9:
        raise ParameterError(f"--timeout takes seconds above 0, got {timeout}")
    return timeout


def _finisher(
    setup: "Setup", recipe: "Recipe", features: str | None, manifest: list[str] | None
) -> "Callable[[State, Totals], None]":
    """Return what writes manifest and table, after a check that it can."""
    from cnnfilter.batch.finish import check_finish, finish

    forms = tuple(dict.fromkeys(manifest or ("jsonl", "csv")))
    check_finish(forms, features)
    return lambda state, totals: finish(setup.output, recipe, state, forms, features)


def _go(
    setup: "Setup", recipe: "Recipe", finish: "Callable[[State, Totals], None]", *, json: bool, quiet: bool
) -> None:
    """Run, show how it goes, and exit with the code that the outcome stands for."""
    from cnnfilter.batch.finish import manifest_path
    from cnnfilter.batch.run import run_batch
    from cnnfilter.cli.main import say
    from cnnfilter.views.batch import observer_for, print_end

    with contextlib.closing(observer_for(json=json, quiet=quiet)) as observer:
        try:
            totals = run_batch(setup, recipe, observer, finish)
        except (KeyboardInterrupt, SystemExit):
            observer.close()
            _say_resume()
            raise
    print_end(totals, manifest=manifest_path(setup.output), json=json, quiet=quiet)
    if totals.stopped:
        say(totals.stopped)
        _say_resume()
        raise typer.Exit(4)
    if totals.failed:
        raise typer.Exit(3)


def _say_resume() -> None:
    """Print the command that goes on where this one stopped."""
    from cnnfilter.files import printable

    words = [word for word in sys.argv[1:] if word not in ("--resume", "--overwrite")]
    line = shlex.join(["cnnfilter", *words, "--resume"])
    sys.stderr.write(f"cnnfilter: stopped; this goes on where it stopped: {printable(line)}\n")
    sys.stderr.flush()


def _show_status(output: str, *, json: bool) -> None:
    """Print what the journal of an output folder says."""
    from cnnfilter.batch.status import status_of
    from cnnfilter.views.batch import print_status

    print_status(status_of(output), json_wanted=json)
