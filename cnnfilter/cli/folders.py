"""What `batch` does with its flags: recipe and setup, the run, and the lines after it."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import typer

from cnnfilter.batch.item import parse_measures
from cnnfilter.batch.ledger import Ledger
from cnnfilter.batch.place import place_of, status_of
from cnnfilter.batch.recipe import Convolve, Recipe, given_of, make_classify
from cnnfilter.batch.roots import Filters, parse_roots, plain
from cnnfilter.batch.run import Setup, run_batch
from cnnfilter.batch.tables import check_finish, finish, places_of
from cnnfilter.cli.flags import LimitFlags, ModelFlags, OutputFlags, PixelFlags, StepFlags
from cnnfilter.cli.main import say
from cnnfilter.cli.networks import override, parted_layout
from cnnfilter.cli.picture_flags import PictureFlags
from cnnfilter.cli.shared import filters_of, looks_of, memory_limit
from cnnfilter.cli.words import check_network
from cnnfilter.errors import ParameterError, lookup
from cnnfilter.files import printable
from cnnfilter.images.frames import Reading, parse_reading
from cnnfilter.library.catalog import search_path
from cnnfilter.library.load import files_read
from cnnfilter.networks.model import open_model
from cnnfilter.run.options import FLOATS, check_threads
from cnnfilter.run.outputs import parse_formats
from cnnfilter.views.batch import observer_for, print_end, print_status

if TYPE_CHECKING:
    from cnnfilter.cli.batch import TableFlags, WorkerFlags

#: Flags that mean something only with kernels, and only with a network.
FOR_KERNELS = (
    "channels", "kernel_dir", "stride", "padding", "padding_mode", "dilation", "flip", "bias", "combine", "as_",
    "activation", "pool", "missing", "requantize", "engine", "stack", "flatten",
)  # fmt: skip
FOR_NETWORKS = ("save", "size", "mean", "std", "resize", "order", "input_", "softmax")


def check_words(given: frozenset[str]) -> None:
    """Raise unless there are kernels or a network, and no flag that means nothing with them."""
    if {"kernel", "network"} <= given:
        raise ParameterError("batch takes kernels or a network, not both (leave out -k, or --network)")
    if not {"kernel", "network"} & given:
        raise ParameterError("batch needs kernels or a network (-k sobel-x, or --network FILE)")
    has, other, strange = ("-k", "--network", FOR_NETWORKS) if "kernel" in given else ("--network", "-k", FOR_KERNELS)
    for name in strange:
        if name in given:
            flag = "--" + name.rstrip("_").replace("_", "-")
            raise ParameterError(f"{flag} goes with {other}, and this is a batch with {has} (leave it out)")


def reading_of(layout: str, frame: str | None, *, truncated: bool, network: bool) -> tuple[str | None, Reading]:
    """Return the layout of the model, if one is said, and how inputs are read."""
    of_model, of_arrays = parted_layout(layout)
    if of_model and not network:
        raise ParameterError(f"--layout {layout} goes with --network, and this is a batch with -k (CHW or HWC)")
    return of_model, parse_reading(of_arrays, frame, truncated=truncated)


def looks(
    output: OutputFlags, tables: TableFlags, pictures: PictureFlags, *, draws: bool, **words: Any
) -> dict[str, Any]:
    """Return what both recipes take; no formats where only the manifest or a table is wanted."""
    check_threads(words["threads"])
    wanted = output.format or (["csv"] if output.flatten else [])
    nothing = not wanted and (bool(tables.features) or not draws)
    return {
        **looks_of(pictures),
        "formats": () if nothing else tuple(parse_formats(wanted, None)),
        "measures": parse_measures(tables.measures) if tables.features or tables.measures else (), **words,
    }  # fmt: skip


def network_recipe(
    path: str, layers: Sequence[str], dtype: str, looks: dict[str, Any], flags: ModelFlags, *, range: str | None,
    layout: str | None,
) -> Recipe:  # fmt: skip
    """Return the recipe of `run`."""
    lookup(FLOATS, dtype, "dtype")
    check_network(path)
    path = os.path.abspath(path)  # noqa: PTH100
    stored = open_model(path)
    model = override(stored, flags, range=range, layout=layout)
    return make_classify(
        path, layers, model, expected=None if model.input is stored.input else model.input, given=given_of(model),
        dtype=dtype, softmax=flags.softmax, **looks,
    )  # fmt: skip


def kernel_recipe(
    specs: Sequence[str], pixels: PixelFlags, step: StepFlags, given: frozenset[str], looks: dict[str, Any]
) -> Recipe:
    """Return the recipe of `convolve`."""
    threads = looks.pop("threads")
    kernels, options = filters_of(specs, pixels, step, threads, given)
    return Convolve(kernels=kernels, options=options, **looks)


def kernel_files_read(folders: Sequence[str] | None) -> tuple[str, ...]:
    """Return the files that names of kernels may lead to."""
    return tuple(map(str, files_read((), search_path(folders or ()))))


def setup_of(
    inputs: Sequence[str], output: str, recipe: Recipe, workers: WorkerFlags, limits: LimitFlags, *,
    include: Sequence[str] | None, exclude: Sequence[str] | None, **words: Any,
) -> Setup:  # fmt: skip
    """Return the setup of a run."""
    jobs, timeout = workers.jobs, workers.timeout
    if jobs is None:
        jobs = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not 0 <= jobs <= 1024:
        raise ParameterError(f"--jobs takes a whole number from 0 to 1024, got {jobs}")
    if not 0 < timeout < 1e9:
        raise ParameterError(f"--timeout takes seconds above 0, got {timeout}")
    return Setup(
        roots=parse_roots(inputs), place=place_of(plain(output)), filters=Filters.of(include, exclude), jobs=jobs,
        timeout=timeout, max_memory=memory_limit(limits.max_memory), cluster=workers.cluster, **words,
    )  # fmt: skip


def go(setup: Setup, recipe: Recipe, tables: TableFlags, *, json: bool, quiet: bool) -> None:
    """Run, show how it goes, and exit with the code that the outcome stands for."""
    forms = tuple(dict.fromkeys(tables.manifest or ("jsonl", "csv")))
    setup = replace(setup, writes=check_finish(setup.place, forms, tables.features))

    def end(ledger: Ledger) -> None:
        finish(setup.place, recipe, ledger, forms, tables.features)

    with contextlib.closing(observer_for(json=json, quiet=quiet)) as observer:
        try:
            totals = run_batch(setup, recipe, observer, end)
        except (KeyboardInterrupt, SystemExit):
            observer.close()
            say_resume()
            raise
    places = places_of(setup.place, forms, tables.features, finished=not totals.stopped)
    print_end(totals, places=places, json=json, quiet=quiet)
    if totals.stopped:
        say(totals.stopped)
        say_resume()
        raise typer.Exit(4)
    if totals.failed:
        raise typer.Exit(3)


def say_resume() -> None:
    """Print the command that goes on where this one stopped."""
    words = [word for word in sys.argv[1:] if word not in ("--resume", "--overwrite")]
    line = shlex.join(["cnnfilter", *words, "--resume"])
    sys.stderr.write(f"cnnfilter: stopped; this goes on where it stopped: {printable(line)}\n")
    sys.stderr.flush()


def show_status(output: str, *, json: bool) -> None:
    """Print what the journal of an output folder says; end with 3 where something failed or is to do."""
    words = status_of(plain(output))
    print_status(words, json_wanted=json)
    if words["failed"] or words["to do"]:
        raise typer.Exit(3)
