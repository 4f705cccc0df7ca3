"""One kernel under the conventions of two tools: what differs, and how much each difference changes the result."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cnnfilter.core.arrays import Array
from cnnfilter.errors import ParameterError
from cnnfilter.images.picture import Picture, Strip
from cnnfilter.library.conventions import CONVENTIONS, adopt_words, convention
from cnnfilter.library.export.text import whole
from cnnfilter.library.kernel import Kernel
from cnnfilter.library.load import load_kernels
from cnnfilter.run.adopt import Way, call_of, result_words, suited, suited_kernel, way_of
from cnnfilter.run.map_plan import applied
from cnnfilter.run.options import Options, make_options
from cnnfilter.run.source import PictureSource

#: White of the sample: a picture of 8 bits.
WHITE = 255

#: What `convolve` does where no flag is given.
UNSAID = {"padding": "valid", "padding_mode": "zeros", "flip": False, "range": "stored", "dtype": "float32"}

#: The parts that are changed one after the other, in the order in which they act, and what they are called.
PARTS = {
    "kernel": "kernel",
    "flip": "flip",
    "range": "range of values",
    "border": "border",
    "middle": "middle of an even kernel",
    "result": "type of results",
    "arithmetic": "arithmetic",
}

#: How each tool rounds, as a rounding of float64 sums.
_PLAIN_ROUNDINGS = {"cut": "half-up", "quantum-of-words": "quantum"}


class Settings(NamedTuple):
    """Everything that decides about a tool's result, each part by itself.

    Attributes
    ----------
    kernel
        Weights as the tool has them, ``(kH, kW)``.
    flip
        ``none``, ``both`` or ``rows``.
    range
        ``stored`` or ``unit``.
    border
        ``valid``, ``copy`` or a padding mode.
    middle
        Rows and columns of the kernel before its middle, as it is slid.
    result
        What the results are, in words.
    rounding
        A key of ``cnnfilter.core.exact.ROUNDINGS``, or empty for floats.
    arithmetic
        What the sums are computed in, in words.
    """

    kernel: Array
    flip: str
    range: str
    border: str
    middle: tuple[int, int]
    result: str
    rounding: str
    arithmetic: str

    def way(self) -> Way:
        """Return the way that these settings stand for, in plain sums of float64."""
        rows, columns = self.kernel.shape
        top, left = self.middle
        inside = self.border == "valid"
        options = Options(
            padding="valid" if inside else f"{top},{rows - 1 - top},{left},{columns - 1 - left}",
            padding_mode={"valid": "zeros", "copy": "replicate"}.get(self.border, self.border),
            range=self.range, dtype="float64",
        )  # fmt: skip
        return Way(
            kernel=Kernel("kernel", "", self.kernel), weights=_TURNS[self.flip](self.kernel), options=options,
            rounding=self.rounding, top=WHITE if self.rounding else 0, copies_border=self.border == "copy",
        )  # fmt: skip


#: What each flip does to a kernel.
_TURNS = {"none": lambda kernel: kernel, "both": lambda kernel: kernel[::-1, ::-1], "rows": lambda kernel: kernel[::-1]}


class Change(NamedTuple):
    """What changing one part changes.

    Attributes
    ----------
    part
        A key of ``PARTS``.
    before, after
        The part in words.
    changed
        Cells that change, of those that both results have.
    cells
        Cells that both results have.
    inside
        Changed cells whose window lies wholly in the picture.
    largest
        The largest change.
    added
        Cells that the second result has beyond the first; below zero where it has fewer.
    """

    part: str
    before: str
    after: str
    changed: int
    cells: int
    inside: int
    largest: float
    added: int


class Comparison(NamedTuple):
    """Two tools, one kernel: the facts of both, the steps from one to the other, and both results.

    Attributes
    ----------
    tools, calls
        Names, and what is called.
    facts
        For each part, what it is in both tools.
    steps
        Parts that differ, in order, each with what it changes on the sample.
    sample
        The picture, ``(H, W)`` uint8.
    results
        Both results, ``(oH, oW)``: those of ``convolve --as``.
    """

    kernel: str
    tools: tuple[str, str]
    calls: tuple[str, str]
    facts: dict[str, tuple[str, str]]
    steps: tuple[Change, ...]
    sample: Array
    results: tuple[Array, Array]


class Side(NamedTuple):
    """What one tool does with a kernel: its settings one by one, the way that runs, and what comes out."""

    kernel: Kernel
    call: str
    settings: Settings
    result: Array


def sample_picture(kernel: tuple[int, int] = (3, 3)) -> Array:
    """Return a small picture with a ramp, a bright square and a dark corner, uint8.

    It has 10 rows and 12 columns, or for a large kernel as many as leave it room.

    Examples
    --------
    >>> sample_picture().shape, int(sample_picture().max()), sample_picture((17, 5)).shape
    ((10, 12), 250, (22, 12))
    """
    height, width = max(10, kernel[0] + 5), max(12, kernel[1] + 5)
    rows, columns = np.mgrid[0:height, 0:width]
    picture: Array = 20 + 9 * (columns % 12) + 5 * (rows % 10)
    picture[3 * height // 10 : 7 * height // 10, 4 * width // 12 : 9 * width // 12] = 250
    picture[7 * height // 10 :, : 3 * width // 12] = 0
    return picture.astype(np.uint8)


def _as_picture(pixels: Array) -> Picture:
    """Return pixels ``(H, W)`` as the picture that a file of them would be."""

    def strip(start: int, stop: int) -> Strip:
        return pixels[None, start:stop]

    height, width = pixels.shape
    return Picture(
        "sample", height, width, 1, has_alpha=False, dtype=pixels.dtype, notes=(), strip=strip, full_scale=WHITE
    )  # fmt: skip


def between(spec: str, tools: Sequence[str], search: Sequence[Path], picture: Array | None = None) -> Comparison:
    """Return what differs between two tools for one kernel, and why.

    Parameters
    ----------
    spec
        A kernel spec; each tool takes what it means by it.
    tools
        Two keys of ``CONVENTIONS``.
    search
        Folders where kernels are looked for.
    picture
        ``(H, W)`` uint8; a small sample unless given.

    Raises
    ------
    UnknownNameError
        If a tool or kernel is not known.
    ParameterError
        If these are not two tools, or the spec means several kernels.

    Notes
    -----
    Both results are those of ``convolve --as``. Between them the parts are changed one at a time from the first
    tool's to the second one's, in the order in which they act, and each result is held against the one before it.

    Examples
    --------
    >>> from cnnfilter.library import search_path
    >>> found = between("sobel-x", ["opencv", "skimage"], search_path())
    >>> [step.part for step in found.steps]
    ['result', 'kernel', 'range', 'border']
    """
    if len(tools) != 2 or tools[0] == tools[1]:
        raise ParameterError(f"--between takes two tools, as in opencv,skimage; got {','.join(tools) or 'none'}")
    for tool in tools:
        convention(tool)
    kernels = [_kernel(spec, tool, search) for tool in tools]
    rows, columns = (max(kernel.shape[axis] for kernel in kernels) for axis in range(2))
    image = sample_picture((rows, columns)) if picture is None else picture
    first, last = (_side(kernel, tool, _as_picture(image)) for kernel, tool in zip(kernels, tools, strict=True))
    facts = {part: (_words(first.settings, part), _words(last.settings, part)) for part in PARTS}
    return Comparison(
        kernel=first.kernel.name, tools=(tools[0], tools[1]), calls=(first.call, last.call), facts=facts,
        steps=tuple(_steps(first, last, _as_picture(image))), sample=image, results=(first.result, last.result),
    )  # fmt: skip


def _kernel(spec: str, tool: str, search: Sequence[Path]) -> Kernel:
    """Return the one kernel that a tool means."""
    loaded = load_kernels(spec, search=search, tool=tool)
    if len(loaded) != 1 or loaded[0].weights.ndim != 2:
        raise ParameterError(f"compare takes one two-dimensional kernel, {spec!r} is not one")
    return loaded[0]


def _side(kernel: Kernel, tool: str, picture: Picture) -> Side:
    """Return what a tool does with a kernel on a picture."""
    options = suited(make_options(**adopt_words(tool, UNSAID, frozenset())), picture)
    kernel = suited_kernel(kernel, options, picture)
    way = way_of(kernel, options, picture)
    (result,) = applied(PictureSource(picture, way.options), way)
    return Side(kernel, call_of(kernel, tool), _settings(kernel, tool, way), result.astype(np.float64))


def _settings(kernel: Kernel, tool: str, way: Way) -> Settings:
    """Return a way part by part."""
    its, own = CONVENTIONS[tool], kernel.own
    flip = its.flip if own is None else "both" if own.turns else "none"
    rows, columns = kernel.shape
    pads = way.options.padding.split(",")
    middle = (int(pads[0]), int(pads[2])) if len(pads) == 4 else (its.before(rows, flip=False),
                                                                  its.before(columns, flip=False))  # fmt: skip
    border = "copy" if way.copies_border else way.options.padding_mode
    return Settings(
        kernel=kernel.weights, flip=flip, range=way.options.range,
        border="valid" if way.options.padding == "valid" else border, middle=middle, result=result_words(way),
        rounding=_PLAIN_ROUNDINGS.get(way.rounding, way.rounding), arithmetic=_arithmetic(way),
    )  # fmt: skip


def _arithmetic(way: Way) -> str:
    """Return what a way computes in, in words."""
    if way.passes is not None:
        return "passes of a box, each rounded"
    if way.finish is not None or (way.options.tool == "opencv" and way.rounding == "half-up"):
        return "fixed point"
    return f"{way.options.dtype}, in the tool's order" if way.order else str(way.options.dtype)


def _steps(first: Side, last: Side, picture: Picture) -> list[Change]:
    """Return what leads from one result to the other, one part at a time."""
    if _same(first.settings, last.settings):
        return []
    source = PictureSource(picture, Options())
    steps: list[Change] = []
    here, result = first.settings, first.result
    plain = here._replace(arithmetic="float64")
    result = _add(steps, "arithmetic", (here, plain), (result, _run(plain, source)), always=False)
    here = plain
    # floats as long as possible: clipping hides what the other parts do
    early = bool(here.rounding) and not last.settings.rounding
    for part in sorted(PARTS, key=lambda part: part != "result") if early else PARTS:
        following = _changed(here, last.settings, part)
        if part != "arithmetic" and not np.array_equal(getattr(here, part), getattr(following, part)):
            result = _add(steps, part, (here, following), (result, _run(following, source)))
        here = following if part != "arithmetic" else here
    _add(steps, "arithmetic", (here, last.settings), (result, last.result), always=False)
    return steps


def _same(one: Settings, other: Settings) -> bool:
    """Say whether two tools do the same."""
    return all(np.array_equal(getattr(one, part), getattr(other, part)) for part in (*PARTS, "rounding"))


def _changed(here: Settings, last: Settings, part: str) -> Settings:
    """Return settings with one part of another tool's."""
    following = here._replace(**{part: getattr(last, part)})
    if part == "kernel" and last.kernel.shape != here.kernel.shape:
        return following._replace(middle=last.middle)
    return following._replace(rounding=last.rounding) if part == "result" else following


def _run(settings: Settings, source: PictureSource) -> Array:
    """Return the map ``(oH, oW)`` that the program makes under settings."""
    way = settings.way()
    result: Array = applied(PictureSource(source.picture, way.options), way)[0]
    return result


def _add(
    steps: list[Change], part: str, states: tuple[Settings, Settings], results: tuple[Array, Array], *,
    always: bool = True,
) -> Array:  # fmt: skip
    """Add a step, unless it changes nothing and needs not be said; return the result that it leads to."""
    step = _step(part, states, results)
    if always or step.changed:
        steps.append(step)
    return results[1]


def _step(part: str, states: tuple[Settings, Settings], results: tuple[Array, Array]) -> Change:
    """Return what differs between two results, cell by cell where both have the cell."""
    rows, columns = (max(state.kernel.shape[axis] for state in states) for axis in range(2))
    cut = _shared(states, results)
    difference = np.abs(cut[1] - cut[0])
    tolerance = 1e-6 * max(1e-3, float(np.abs(cut[0]).max()))
    changed = difference > tolerance
    whole_maps = all(state.border != "valid" for state in states)
    inner = changed[rows // 2 : -(rows // 2) or None, columns // 2 : -(columns // 2) or None]
    return Change(
        part=part, before=_words(states[0], part), after=_words(states[1], part), changed=int(changed.sum()),
        cells=changed.size, inside=int((inner if whole_maps else changed).sum()), largest=float(difference.max()),
        added=results[1].size - results[0].size,
    )  # fmt: skip


def _shared(states: Sequence[Settings], results: Sequence[Array]) -> list[Array]:
    """Return the cells of both results that lie at the same places.

    A map of whole windows alone begins where the first window has its middle.
    """
    starts = [state.middle if state.border == "valid" else (0, 0) for state in states]
    cut = list(results)
    for axis in range(2):
        first = max(start[axis] for start in starts)
        stop = min(start[axis] + result.shape[axis] for start, result in zip(starts, results, strict=True))
        cut = [
            one.take(range(first - start[axis], stop - start[axis]), axis)
            for one, start in zip(cut, starts, strict=True)
        ]
    return cut


def _words(state: Settings, part: str) -> str:
    """Return one part in a few words."""
    value = getattr(state, part)
    match part:
        case "kernel":
            return _weights_in_words(value)
        case "flip":
            return {"none": "not flipped", "both": "turned by 180 degrees", "rows": "upside down"}[value]
        case "border":
            return {"valid": "none: whole windows only", "copy": "the picture's own pixels"}.get(value, str(value))
        case "middle":
            odd = all(size % 2 for size in state.kernel.shape)
            return "none: its sides are odd" if odd else f"{value[0]},{value[1]}"
        case "range":
            return "0 to 1" if value == "unit" else "0 to 255"
        case "result":
            return value if state.rounding else "floats"
        case _:
            return str(value)


def _weights_in_words(weights: Array) -> str:
    """Return weights as a fraction of whole numbers, or what they are like."""
    found = whole(weights)
    if weights.size > 25:
        return f"{weights.shape[0]}x{weights.shape[1]}, L1 norm {np.abs(weights).sum():.6g}"
    scale, numbers = (1, weights) if found is None else found
    text = "; ".join(" ".join(f"{cell:g}" for cell in row) for row in numbers)
    return text if scale == 1 else f"{scale} of {text}"
