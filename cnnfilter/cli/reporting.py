"""What `report` does with its flags: a picture and its kernels, or a network, as a page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cnnfilter.cli.flags import LimitFlags, PixelFlags, StepFlags, StoredFlags
from cnnfilter.cli.opening import open_files
from cnnfilter.cli.shared import files_of, filters_of, inputs_of, memory_limit, open_image
from cnnfilter.cli.words import check_inputs, check_network, check_order, is_network
from cnnfilter.errors import OutputError, ParameterError
from cnnfilter.files import atomic_output, check_outputs, printable, quoted
from cnnfilter.library.catalog import search_path
from cnnfilter.library.load import files_read
from cnnfilter.networks.model import open_model
from cnnfilter.run.image import Request, plan_image
from cnnfilter.run.network import NetworkOptions, classify
from cnnfilter.run.report import check_report, follows, page_picture, report_data
from cnnfilter.run.report_batch import batch_data
from cnnfilter.run.report_network import network_data
from cnnfilter.run.steps import kernel_steps
from cnnfilter.text import counted
from cnnfilter.views.report import batch_page, convolution_page, network_page
from cnnfilter.views.terminal import write

#: Kernels that a page's title names.
MOST_NAMED = 4


def report_convolution(
    names: Sequence[str], specs: Sequence[str], pixels: PixelFlags, stored: StoredFlags, step: StepFlags,
    limits: LimitFlags, output: str, given: frozenset[str], *, show: bool,
) -> None:  # fmt: skip
    """Write the page of a picture and its kernels."""
    if len(names) != 1:
        if any(map(is_network, names)):
            raise ParameterError("report takes a network, or kernels (-k), not both: leave one out")
        raise ParameterError(f"report takes one picture with kernels, got {len(names)}")
    if not specs:
        if is_network(names[0]):
            raise ParameterError(f"report needs a picture for a network, as in: cnnfilter report {names[0]} photo.png")
        raise ParameterError("report needs a kernel, as in: cnnfilter report photo.png -k sobel-x")
    check_inputs(names, "report", step.kernel_dir or ())
    _check(output)
    kernels, options = filters_of(specs, pixels, step, 1, given)
    check_report(options)
    check_outputs([output], [*names, *files_read(kernels, search_path(step.kernel_dir or ()))])
    files = files_of(stored, limits)
    (one,) = inputs_of(names, files)
    picture = open_image(one, files)
    works = plan_image(Request(kernel_steps(kernels, options), options, "auto").on(picture), picture)
    part = page_picture(picture, options)
    data = report_data(works, part)
    more = f" and {len(works) - MOST_NAMED} more" if len(works) > MOST_NAMED else ""
    title = f"{', '.join(work.step.name for work in works[:MOST_NAMED])}{more} on {Path(picture.name).name}"
    facts = f"{picture.channels} x {picture.height} x {picture.width}; rows before columns, both from 0"
    page = convolution_page(title, data, part.png, facts=facts, follows=follows(options), notes=picture.notes)
    _finish(page, output, show=show)


def report_network(
    names: Sequence[str], stored: StoredFlags, limits: LimitFlags, output: str, given: frozenset[str], *, show: bool
) -> None:
    """Write the page of a network and a picture."""
    if len(names) != 2:
        raise ParameterError(f"report takes a picture with kernels (-k), or NETWORK IMAGE; got {len(names)} names")
    meant = {"inputs", "output", "open_", "layout", "frame", "allow_truncated", "max_pixels", "max_memory", "debug"}
    if strange := sorted(given - meant):
        raise ParameterError(f"--{strange[0].strip('_').replace('_', '-')} means nothing for a network (leave it out)")
    network, image = names
    check_order(network, [image])
    check_network(network)
    _check(output)
    model = open_model(network)
    check_outputs([output], [image, *model.files])
    files = files_of(stored, limits)
    (one,) = inputs_of([image], files)
    picture = open_image(one, files)
    result = classify(picture, model, NetworkOptions(max_memory=memory_limit(limits.max_memory)))
    data, png = network_data(result, picture, model.input)
    facts = counted(len(result.layers), sum(layer.parameters for layer in result.layers))
    page = network_page(f"{result.network} sees {Path(picture.name).name}", data, png, facts=facts, notes=result.notes)
    _finish(page, output, show=show)


def report_batch(folder: str, output: str, given: frozenset[str], *, show: bool) -> None:
    """Write the page of what a batch made."""
    if strange := sorted(given - {"inputs", "output", "open_", "debug"}):
        raise ParameterError(f"--{strange[0].strip('_').replace('_', '-')} means nothing for a batch (leave it out)")
    _check(output)
    rows, states = batch_data(folder)
    total = sum(states.values())
    facts = f"{total:,} inputs: " + ", ".join(f"{count:,} {state}" for state, count in states.items())
    notes = [f"the first {len(rows)} are listed"] if len(rows) < total else []
    _finish(batch_page(f"What was made: {folder}", rows, facts=facts, notes=notes), output, show=show)


def _check(output: str) -> None:
    """Raise unless the page's name says that it is one."""
    if Path(output).suffix.lower() not in (".html", ".htm"):
        raise OutputError(f"{quoted(output)}: a page ends in .html")


def _finish(page: str, output: str, *, show: bool) -> None:
    """Write a page, say so, and open it where that is asked for."""
    with atomic_output(output) as file:
        file.write(page.encode("utf-8", "backslashreplace"))
    write(f"wrote {printable(output)}")
    if show:
        open_files([output])
