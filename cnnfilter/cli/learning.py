"""What `learn` does with its flags: pairs of pictures read, the kernel told and written."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from cnnfilter.cli.flags import LimitFlags, StoredFlags
from cnnfilter.cli.shared import files_of, inputs_of, open_image
from cnnfilter.core.arrays import Array
from cnnfilter.errors import CnnFilterError, OutputError, ParameterError
from cnnfilter.files import atomic_output, check_outputs, quoted
from cnnfilter.images.film import draw_learning
from cnnfilter.library.build import file_label
from cnnfilter.library.export import FILES, export
from cnnfilter.library.kernel import Kernel
from cnnfilter.run.learn import Learned, learn_kernel
from cnnfilter.views.learn import learned_json, print_learned

#: Endings of kernel files, and their form.
ENDINGS = {".yaml": "yaml", ".yml": "yaml", ".json": "json", ".npy": "npy"}


class Way(NamedTuple):
    """How a kernel is learned."""

    method: str
    ridge: float
    seed: int
    activation: str | None


def learn_pictures(
    names: Sequence[str], size: str, how: Way, stored: StoredFlags, limits: LimitFlags, output: str | None,
    film: str | None, *, json: bool,
) -> None:  # fmt: skip
    """Learn a kernel from pairs of pictures."""
    if len(names) % 2:
        raise ParameterError(f"learn takes pairs, a picture and what became of it; got {len(names)} (BEFORE AFTER ...)")
    form, moving = _form(output, names), _film_form(film, names, how)
    files = files_of(stored, limits)
    arrays = []
    for name in names:
        (one,) = inputs_of([name], files)
        picture = open_image(one, files)
        arrays.append(picture.array()[: picture.channels - picture.has_alpha])
    try:
        found = learn_kernel(arrays[::2], arrays[1::2], size, **how._asdict())
    except CnnFilterError as error:
        raise type(error)(f"{quoted(names[0])} and {quoted(names[1])}: {error}") from error
    if output is not None:
        with atomic_output(output) as file:
            file.write(export([_kernel(found, output, names)], form))
    if film is not None:
        _write_film(found, film, moving)
    if json:
        sys.stdout.write(learned_json(found) + "\n")
    else:
        print_learned(found, output)


def _form(output: str | None, names: Sequence[str]) -> str:
    """Return the form of the file that is asked for."""
    if output is None:
        return ""
    ending = Path(output).suffix.lower()
    if ending not in ENDINGS or ENDINGS[ending] not in FILES:
        raise OutputError(f"{quoted(output)}: a kernel file ends in {', '.join(ENDINGS)}")
    check_outputs([output], names)
    return ENDINGS[ending]


def _film_form(film: str | None, names: Sequence[str], how: Way) -> str:
    """Return the form of the film that is asked for."""
    if film is None:
        return ""
    if how.method != "sgd":
        raise ParameterError("--film shows a kernel on its way, and least squares has none (--method sgd)")
    form = Path(film).suffix.lower().lstrip(".")
    if form not in ("gif", "webp"):
        raise OutputError(f"{quoted(film)}: a film ends in .gif or .webp")
    check_outputs([film], names, "--film")
    return form


def _write_film(found: Learned, film: str, form: str) -> None:
    """Write the kernel on its way; of one over several channels the first."""
    steps = [
        (
            f"step {one.step}, off by {one.loss:.4g} (root mean square)",
            one.weights if one.weights.ndim == 2 else one.weights[0],
        )
        for one in found.way
    ]
    with atomic_output(film) as file:
        file.write(draw_learning("A kernel learns", steps, form))


def _kernel(found: Learned, output: str, names: Sequence[str]) -> Kernel:
    """Return what was learned as a kernel of the file's name, with where it comes from."""
    pairs = " and of ".join(f"{before} and {after}" for before, after in zip(names[::2], names[1::2], strict=True))
    bias = f", bias {found.bias:.6g}" if abs(found.bias) > 1e-9 else ""
    source = f"learned of {pairs}: residual {found.residual:.4g} (root mean square), {found.used} windows{bias}"
    weights: Array = found.weights
    return Kernel(file_label(Path(output).stem), Path(output).stem, weights, title="Learned kernel", source=source)
