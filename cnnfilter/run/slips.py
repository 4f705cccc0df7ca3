"""What learners get by the usual slips: the same cell done otherwise, so that an answer can be told what went wrong."""

from __future__ import annotations

import math
from collections.abc import Iterator

from cnnfilter.errors import CnnFilterError
from cnnfilter.images.picture import Picture
from cnnfilter.run.explain import explain_work
from cnnfilter.run.image import Request, Work, plan_step
from cnnfilter.run.options import Options
from cnnfilter.run.source import PictureSource
from cnnfilter.run.steps import Step

#: Borders that are taken for one another.
_BORDERS = ("zeros", "replicate", "reflect")


def slips_of(request: Request, step: Step, work: Work, at: tuple[int, int], channel: int) -> dict[str, float]:
    """Return what a cell comes to by each slip, by its name; those that change nothing are left out."""
    right = explain_work(work, at, channel)
    invented = any(term.invented for term in right.terms)
    found: dict[str, float] = {}
    for name, options in _changes(request.options, invented=invented):
        found[name] = _result(request._replace(options=options), step, work.picture, at, channel)
    for name, place in (
        ("one row too low", (at[0] + 1, at[1])), ("one row too high", (at[0] - 1, at[1])),
        ("one column too far right", (at[0], at[1] + 1)), ("one column too far left", (at[0], at[1] - 1)),
    ):  # fmt: skip
        found[name] = _result(request, step, work.picture, place, channel)
    return {
        name: value
        for name, value in found.items()
        if math.isfinite(value) and not math.isclose(value, right.result, rel_tol=1e-6, abs_tol=1e-9)
    }


def _changes(options: Options, *, invented: bool) -> Iterator[tuple[str, Options]]:
    """Yield each slip that can be made with these options, and the options that make it."""
    if options.bias:
        yield "the bias is forgotten", options._replace(bias=None)
        yield "the sign of the bias is wrong", options._replace(bias=-options.bias)
    yield "the kernel is flipped", options._replace(flip=not options.flip)
    if options.activation is not None:
        yield f"{options.activation.name} is forgotten", options._replace(activation=None)
    for mode in _BORDERS if invented else ():
        if mode != options.padding_mode:
            yield f"the border is that of {mode}", options._replace(padding_mode=mode)


def _result(request: Request, step: Step, picture: Picture, at: tuple[int, int], channel: int) -> float:
    """Return a cell of the map that other options make; NaN where there is none."""
    if min(at) < 0:
        return math.nan
    try:
        return explain_work(plan_step(request, step, PictureSource(picture, request.options)), at, channel).result
    except CnnFilterError:
        return math.nan
