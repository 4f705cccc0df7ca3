"""What `plan` does: the plan of pictures, or of a network, printed; limits that were given are held against it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cnnfilter.cli.flags import ViewFlags
from cnnfilter.cli.shared import Files, inputs_of, memory_limit, open_image, outputs_of
from cnnfilter.cli.words import check_inputs, is_network
from cnnfilter.core.shapes import rows_by_columns
from cnnfilter.errors import ParameterError, ShapeError
from cnnfilter.files import quoted
from cnnfilter.networks.model import open_model
from cnnfilter.run.image import Request
from cnnfilter.run.memory import check_cost
from cnnfilter.run.network import check_peak
from cnnfilter.run.plans import picture_of_size, plan_job
from cnnfilter.views.plans import print_network_plan, print_plans, print_warnings

#: Flags that mean something with a network.
FOR_NETWORKS = frozenset({
    "network_or_images", "size", "layout", "frame", "allow_truncated", "json", "quiet", "max_pixels", "max_memory",
    "debug",
})  # fmt: skip


def names_a_network(names: Sequence[str]) -> bool:
    """Say whether a network is to be planned.

    Raises
    ------
    ParameterError
        If a network stands behind another word.
    """
    if any(map(is_network, names[1:])):
        raise ParameterError("the network comes first (plan NETWORK PICTURE), and there is one at most")
    return bool(names) and is_network(names[0])


def check_pictures(names: Sequence[str], size: str | None, kernel_dirs: Sequence[str]) -> None:
    """Raise unless there are pictures, or a size in their place."""
    check_inputs(names, "plan", kernel_dirs)
    if names and size is not None:
        raise ParameterError("plan takes pictures, or --size ROWSxCOLS in their place, not both")
    if not names and size is None:
        raise ParameterError("plan needs a network, pictures, or --size ROWSxCOLS")


def plan_pictures(request: Request, names: Sequence[str], size: str | None, files: Files, view: ViewFlags) -> None:
    """Print the plan of every picture, or of a size; raise where a limit that was given is passed."""
    if size is not None:
        pictures = [picture_of_size(rows_by_columns(size, "--size"))]
    else:
        pictures = [open_image(one, files) for one in inputs_of(names, files)]
    outputs = outputs_of([picture.name for picture in pictures], names, request, files)
    jobs = [plan_job(request, picture, files) for picture, files in zip(pictures, outputs, strict=True)]
    if not view.quiet:
        print_plans(jobs, json_wanted=view.json)
    for job in jobs:
        if files.max_memory is not None:
            check_cost(job.cost, job.image, request.max_memory)
        elif request.max_memory is not None and job.cost.peak > request.max_memory:
            print_warnings([(job.image, [f"convolve would refuse this (--max-memory {job.cost.peak} allows it)"])])


def plan_network(names: Sequence[str], size: str | None, files: Files, view: ViewFlags, given: frozenset[str]) -> None:
    """Print the plan of a network; raise where a limit that was given is passed."""
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
    if not view.quiet:
        print_network_plan(model.name, made, json_wanted=view.json)
    if made.failure:
        raise ShapeError(f"{quoted(path)}: {made.failure}")
    if files.max_memory is not None:
        check_peak(made, images[0] if images else path, memory_limit(files.max_memory))
