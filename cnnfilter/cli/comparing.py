"""What `compare` does with its flags: both sides read, held against one another, told, drawn."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import typer

from cnnfilter.cli.flags import LimitFlags, PixelFlags, StepFlags, StoredFlags
from cnnfilter.cli.shared import files_of, filters_of, inputs_of, open_image
from cnnfilter.errors import CnnFilterError, ParameterError, lookup
from cnnfilter.files import check_outputs
from cnnfilter.images.picture import Picture
from cnnfilter.images.write import SUFFIXES, write_image
from cnnfilter.run.compare import distance
from cnnfilter.run.compare_files import Pair, arrays_of, failure_of, pairs_of
from cnnfilter.run.job_causes import job_causes
from cnnfilter.run.marking import is_key, mark
from cnnfilter.views.compare import difference_json, marks_json, print_marks, print_pairs


class Wanted(NamedTuple):
    """What is held against what, and how that is told."""

    a: str
    b: str
    tolerance: float
    ulp: int | None
    why: bool
    image: str | None
    output: str | None
    json: bool


def compare_names(
    wanted: Wanted, specs: Sequence[str], pixels: PixelFlags, stored: StoredFlags, step: StepFlags, limits: LimitFlags,
    given: frozenset[str],
) -> None:  # fmt: skip
    """Hold two sides against one another; end with 1 where they differ."""
    if is_key(wanted.a):
        marks = mark(wanted.a, wanted.b)
        sys.stdout.write(marks_json(marks) + "\n") if wanted.json else print_marks(marks)
        if not all(one.right for one in marks):
            raise typer.Exit(1)
        return
    if specs and wanted.image is None:
        raise ParameterError("-k tells of the job that made both maps, and needs its picture (--image photo.png)")
    if wanted.output is not None:
        lookup(SUFFIXES, Path(wanted.output).suffix.lower(), "picture ending")
        check_outputs([wanted.output], [name for name in (wanted.a, wanted.b, wanted.image) if name])
    picture = None
    if wanted.image is not None:
        files = files_of(stored, limits)
        (one,) = inputs_of([wanted.image], files)
        picture = open_image(one, files)
    sides = []
    for name, other in ((wanted.a, wanted.b), (wanted.b, wanted.a)):
        try:
            sides.append(arrays_of(name, picture, other))
        except CnnFilterError as error:
            raise type(error)(failure_of(name, error)) from error
    pairs = pairs_of(*sides, tolerance=wanted.tolerance, ulp=wanted.ulp, why=wanted.why)
    if specs and picture is not None and wanted.why:
        pairs = [_with_job(pair, specs, picture, pixels, step, given) for pair in pairs]
    if wanted.output is not None:
        _draw(pairs, wanted.output)
    if wanted.json:
        sys.stdout.write(difference_json(pairs) + "\n")
    else:
        print_pairs(pairs)
    if not all(pair.same for pair in pairs):
        raise typer.Exit(1)


def _with_job(
    pair: Pair, specs: Sequence[str], picture: Picture, pixels: PixelFlags, step: StepFlags, given: frozenset[str]
) -> Pair:
    """Return a pair with what was done otherwise for one of its sides, first of all causes."""
    kernels, options = filters_of(specs, pixels, step, 1, given)
    if len(kernels) != 1:
        raise ParameterError(f"-k means {len(kernels)} kernels: one made both maps")
    if pair.difference is None or pair.a is None or pair.b is None or pair.same:
        return pair
    found = job_causes(pair.a, pair.b, picture, kernels[0], options)
    return pair._replace(difference=pair.difference._replace(causes=(*found, *pair.difference.causes)))


def _draw(pairs: Sequence[Pair], path: str) -> None:
    """Draw absolute differences as heat, of the first pair that differs."""
    chosen = next((pair for pair in pairs if not pair.same), pairs[0])
    if chosen.a is None or chosen.b is None or chosen.a.shape != chosen.b.shape:
        raise ParameterError(f"-o draws differences, and {chosen.name or 'A and B'} have different shapes")
    heat = np.where(np.isfinite(heat := distance(chosen.a, chosen.b)), heat, np.nan)
    planes = np.atleast_2d(heat)
    if planes.ndim > 2:  # the largest of all channels
        planes = np.nanmax(planes.reshape(-1, *planes.shape[-2:]), axis=0)
    write_image(path, planes, display="minmax", colormap="inferno")
