"""What `explain` does with its flags: the step on its picture, one cell of it, and where that is told."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from cnnfilter.cli.flags import LimitFlags, PixelFlags, StepFlags, StoredFlags
from cnnfilter.cli.shared import files_of, filters_of, inputs_of, memory_limit, open_image, position
from cnnfilter.cli.words import check_inputs, check_order
from cnnfilter.errors import OutputError, ParameterError
from cnnfilter.files import atomic_output, check_outputs, quoted
from cnnfilter.library.catalog import search_path
from cnnfilter.library.kernel import Kernel
from cnnfilter.library.load import files_read
from cnnfilter.networks.model import FileModel, open_model
from cnnfilter.run.explain import explain_work
from cnnfilter.run.explain_layer import explain_layer
from cnnfilter.run.explanation import Explanation
from cnnfilter.run.image import Request, plan_step
from cnnfilter.run.marking import slips_beside
from cnnfilter.run.network import NetworkOptions
from cnnfilter.run.options import Options
from cnnfilter.run.slips import slips_of
from cnnfilter.run.source import PictureSource
from cnnfilter.run.steps import Step, kernel_steps, plain_step
from cnnfilter.run.story import Story, tell
from cnnfilter.run.story_film import film_of
from cnnfilter.run.story_page import page_of
from cnnfilter.views.explain import as_latex, as_markdown, explanation_json, hidden, print_story

#: How an explanation is written, by the ending of the file.
WRITERS: dict[str, Callable[[Explanation, Story], bytes]] = {
    ".png": page_of,
    ".md": lambda _, story: as_markdown(story).encode("utf-8", "backslashreplace"),
    ".tex": lambda _, story: as_latex(story).encode(),
    ".json": lambda one, _: f"{explanation_json(one)}\n".encode(),
}


#: Endings of films: the window slides over the whole of a small image.
FILMS = (".gif", ".webp")


class Wanted(NamedTuple):
    """Which cell is explained, and how that is told."""

    at: str | None
    channel: int
    exact: bool
    quiz: int | None
    output: str | None
    json: bool


def explain_image(
    images: Sequence[str], specs: Sequence[str], wanted: Wanted, pixels: PixelFlags, stored: StoredFlags,
    step: StepFlags, limits: LimitFlags, given: frozenset[str],
) -> None:  # fmt: skip
    """Explain one cell of what `convolve`, `pool` or `activate` would make of an image."""
    if len(images) != 1:
        raise ParameterError(f"explain takes one image, got {len(images)}")
    image = images[0]
    check_inputs([image], "explain", step.kernel_dir or ())
    _check(specs, wanted, step)
    kernels, options = filters_of(specs, pixels, step, 1, given)
    read = [] if not specs else list(files_read(kernels, search_path(step.kernel_dir or ())))
    if wanted.output is not None:
        check_outputs([wanted.output, _key_of(wanted.output), slips_beside(_key_of(wanted.output))], [image, *read])
    files = files_of(stored, limits)
    (one,) = inputs_of([image], files)
    picture = open_image(one, files)
    request = Request(_steps(kernels, options, step), options, "auto").on(picture)
    source = PictureSource(picture, request.options)
    for number, part in enumerate(request.steps):
        work = plan_step(request, part, source)
        if number and wanted.output is None and not wanted.json:
            sys.stdout.write("\n")
        if (form := _film(wanted)) and wanted.output is not None:
            data = film_of(work, wanted.channel, form, exact=wanted.exact)
            with atomic_output(wanted.output) as file:
                file.write(data)
            return
        told = explain_work(work, position(wanted.at), wanted.channel)
        asked = wanted.quiz is not None and kernels
        _write(told, wanted, slips_of(request, part, work, told.at, told.channel) if asked else {})


def _film(wanted: Wanted) -> str:
    """Return the format of the film that is asked for, if one is."""
    ending = "" if wanted.output is None else Path(wanted.output).suffix.lower()
    return ending[1:] if ending in FILMS else ""


#: Flags that mean something with a network.
FOR_NETWORKS = frozenset({
    "images", "layer", "at", "exact", "quiz", "output", "json", "layout", "frame", "allow_truncated", "max_pixels",
    "max_memory", "debug", "open_",
})  # fmt: skip


def explain_network(
    images: Sequence[str], layer: str | None, wanted: Wanted, stored: StoredFlags, limits: LimitFlags,
    given: frozenset[str],
) -> None:  # fmt: skip
    """Explain one value of a layer of a network."""
    if len(images) != 2 or layer is None:
        raise ParameterError("a layer is explained as in: cnnfilter explain NETWORK IMAGE --layer NAME --at 3,1,2")
    if strange := sorted(given - FOR_NETWORKS):
        raise ParameterError(f"--{strange[0].strip('_').replace('_', '-')} means nothing for a layer (leave it out)")
    network, image = images
    check_order(network, [image])
    _check_output(wanted)
    if _film(wanted):
        raise ParameterError("a film shows a kernel on an image, not a layer (write .png, .md, .tex or .json)")
    model = open_model(network)
    if not isinstance(model, FileModel):
        raise ParameterError(f"{quoted(network)}: ONNX Runtime computes its layers; explain takes network files")
    if wanted.output is not None:
        check_outputs(
            [wanted.output, _key_of(wanted.output), slips_beside(_key_of(wanted.output))], [image, *model.files]
        )
    files = files_of(stored, limits)
    (one,) = inputs_of([image], files)
    options = NetworkOptions(threads=1, max_memory=memory_limit(limits.max_memory))
    _write(explain_layer(model, open_image(one, files), layer, _place(wanted.at), options), wanted)


def _place(text: str | None) -> tuple[int, ...] | None:
    """Read channel, row and column, or one number."""
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    if len(parts) not in (1, 3) or not all(part.isdecimal() for part in parts):
        raise ParameterError(f"--at takes channel,row,column of a layer, or the number of a value, got {text!r}")
    return tuple(map(int, parts))


def _check(specs: Sequence[str], wanted: Wanted, step: StepFlags) -> None:
    """Raise where the flags ask for nothing, or for what does not go together."""
    if not (specs or step.pool or step.activation):
        raise ParameterError("explain needs what to explain: a kernel, a pooling or an activation (such as -k sobel-x)")
    _check_output(wanted)
    if wanted.output is not None and len(specs) > 1:
        raise ParameterError("-o takes the explanation of one kernel (explain them one by one)")


def _check_output(wanted: Wanted) -> None:
    """Raise for a file that no explanation is written as."""
    if wanted.output is None:
        return
    ending = Path(wanted.output).suffix.lower()
    if ending not in (*WRITERS, *FILMS):
        raise OutputError(f"{quoted(wanted.output)}: an explanation is written as {', '.join((*WRITERS, *FILMS))}")
    if ending in (".json", *FILMS) and wanted.quiz is not None:
        raise ParameterError(f"--quiz hides numbers on a sheet, and {ending} is none (write .png, .md or .tex)")
    if ending in FILMS and wanted.at is not None:
        raise ParameterError("a film goes over all cells, so --at means nothing (leave it out)")


def _steps(kernels: Sequence[Kernel], options: Options, step: StepFlags) -> tuple[Step, ...]:
    """Return what is done: each kernel, or what follows it alone."""
    return kernel_steps(kernels, options) if kernels else (plain_step(step.pool or step.activation or "", options),)


def _key_of(output: str) -> Path:
    """Return where the answers of a quiz go."""
    return Path(output).with_suffix(".key.csv")


def _write(one: Explanation, wanted: Wanted, slips: Mapping[str, float] = MappingProxyType({})) -> None:
    """Print an explanation, or write it in the format that the file's name asks for; `slips` go into a quiz's key."""
    ending = "" if wanted.output is None else Path(wanted.output).suffix.lower()
    if wanted.output is None and wanted.json:
        sys.stdout.write(explanation_json(one) + "\n")
        return
    story = tell(one, exact=wanted.exact)
    key: list[tuple[str, str, float]] = []
    if wanted.quiz is not None:
        story, key = hidden(story, wanted.quiz)
    if wanted.output is None:
        print_story(story)
        return
    data = WRITERS[ending](one, story)
    with atomic_output(wanted.output) as file:
        file.write(data)
    if key:
        _write_key(_key_of(wanted.output), key, slips)


def _write_key(path: Path, key: Sequence[tuple[str, str, float]], slips: Mapping[str, float]) -> None:
    """Write the answers: blank, what it is, the number; and beside them what the usual slips make of the last one."""
    rows = io.StringIO()
    writer = csv.writer(rows, lineterminator="\n")
    writer.writerow(["blank", "what", "value"])
    writer.writerows((blank, what, repr(value)) for blank, what, value in key)
    with atomic_output(path) as file:
        file.write(rows.getvalue().encode())
    if slips:
        with atomic_output(slips_beside(path)) as file:
            file.write(json.dumps({key[-1][0]: dict(slips)}, indent=2).encode() + b"\n")
