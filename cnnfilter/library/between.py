"""One kernel under the conventions of two tools: what differs, and how much each difference changes the result."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from cnnfilter.core.conv import conv2d
from cnnfilter.core.rounding import ROUNDINGS
from cnnfilter.errors import ParameterError, ShapeError
from cnnfilter.library.conventions import ROUNDING_WORDS, convention, load_as
from cnnfilter.library.kernel import Kernel

Array = np.ndarray[Any, np.dtype[Any]]

#: White of the sample: a picture of 8 bits.
WHITE = 255


class Settings(NamedTuple):
    """Everything that decides about a tool's result, each part by itself.

    Attributes
    ----------
    kernel
        Weights as the tool's variant has them, ``(kH, kW)``.
    flip
        ``none``, ``both`` or ``rows``.
    border
        ``valid``, ``copy`` or a padding mode.
    middle
        Rows and columns of the kernel before its middle, as it is slid.
    range
        ``stored`` or ``unit``.
    result
        A key of ``ROUNDINGS``, or empty for floats.
    """

    kernel: Array
    flip: str
    border: str
    middle: tuple[int, int]
    range: str
    result: str


#: The parts that are changed one after the other, in the order in which they act, and what they are called.
PARTS = {
    "kernel": "kernel",
    "flip": "flip",
    "range": "range of values",
    "border": "border",
    "middle": "middle of an even kernel",
    "result": "type of results",
}


class Step(NamedTuple):
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
        Both results, ``(oH, oW)``.
    """

    kernel: str
    tools: tuple[str, str]
    calls: tuple[str, str]
    facts: dict[str, tuple[str, str]]
    steps: tuple[Step, ...]
    sample: Array
    results: tuple[Array, Array]


def sample_picture() -> Array:
    """Return a small picture with a ramp, a bright square and a dark corner, ``(10, 12)`` uint8.

    Examples
    --------
    >>> sample_picture().shape, int(sample_picture().max())
    ((10, 12), 250)
    """
    rows, columns = np.mgrid[0:10, 0:12]
    picture: Array = 20 + 9 * columns + 5 * rows
    picture[3:7, 4:9] = 250
    picture[7:, :3] = 0
    return picture.astype(np.uint8)


def settings(kernel: Kernel, tool: str) -> Settings:
    """Return what a tool does with a kernel."""
    its = convention(tool)
    if its.sizes and kernel.shape not in its.sizes:
        sizes = " or ".join("x".join(map(str, size)) for size in its.sizes)
        raise ShapeError(f"{kernel.name}: {tool} takes kernels of {sizes}, got {'x'.join(map(str, kernel.shape))}")
    rows, columns = (its.before(size, flip=its.flip == "both") for size in kernel.shape[-2:])
    return Settings(
        kernel=kernel.weights, flip=its.flip, border="valid" if its.padding == "valid" else its.padding_mode,
        middle=(rows, columns), range=its.range, result=its.rounding,
    )  # fmt: skip


def apply(picture: Array, how: Settings) -> Array:
    """Return a picture ``(H, W)`` uint8 filtered under settings, ``(H, W)`` or the valid part of it, float64."""
    weights = {"none": how.kernel, "both": how.kernel[::-1, ::-1], "rows": how.kernel[::-1]}[how.flip]
    values = picture / WHITE if how.range == "unit" else picture.astype(np.float64)
    rows, columns = weights.shape
    top, left = how.middle
    pads = ((top, rows - 1 - top), (left, columns - 1 - left))
    result: Array
    if how.border == "valid":
        result = conv2d(values, weights)
    else:
        mode = "replicate" if how.border == "copy" else how.border
        result = conv2d(values, weights, padding=pads, padding_mode=mode)
    if how.result:
        ROUNDINGS[how.result](result, WHITE)
    if how.border == "copy":
        outside = np.ones(picture.shape, dtype=bool)
        outside[rows // 2 : -(rows // 2) or None, columns // 2 : -(columns // 2) or None] = False
        result[outside] = picture[outside]
    return result


def between(spec: str, tools: Sequence[str], search: Sequence[Path], picture: Array | None = None) -> Comparison:
    """Return what differs between two tools for one kernel, and why.

    Parameters
    ----------
    spec
        A kernel spec; each tool takes its own variant of it.
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
    The parts are changed one at a time from the first tool's to the second one's, in the order in which they act,
    and each result is held against the one before it.

    Examples
    --------
    >>> from cnnfilter.library import search_path
    >>> found = between("sobel-x", ["opencv", "skimage"], search_path())
    >>> [step.part for step in found.steps]
    ['result', 'kernel', 'range', 'border']
    """
    if len(tools) != 2 or tools[0] == tools[1]:
        raise ParameterError(f"--between takes two tools, as in opencv,skimage; got {','.join(tools) or 'none'}")
    calls = tuple(convention(tool).call for tool in tools)
    kernels = []
    for tool in tools:
        loaded = load_as(spec, tool, search)
        if len(loaded) != 1 or loaded[0].weights.ndim != 2:
            raise ParameterError(f"compare takes one two-dimensional kernel, {spec!r} is not one")
        kernels.append(loaded[0])
    first, last = (settings(kernel, tool) for kernel, tool in zip(kernels, tools, strict=True))
    image = sample_picture() if picture is None else picture
    steps, here, result = [], first, apply(image, first)
    order = sorted(PARTS, key=lambda part: part != "result") if first.result and not last.result else list(PARTS)
    for part in order:  # floats as long as possible: clipping hides what the other parts do
        following = here._replace(**{part: getattr(last, part)})
        if part == "kernel" and last.kernel.shape != here.kernel.shape:
            following = following._replace(middle=last.middle)
        if not np.array_equal(getattr(here, part), getattr(last, part)):
            changed = apply(image, following)
            steps.append(_step(part, (here, following), (result, changed)))
            result = changed
        here = following
    facts = {part: (_words(first, part), _words(last, part)) for part in PARTS}
    return Comparison(
        kernel=kernels[0].name, tools=(tools[0], tools[1]), calls=(calls[0], calls[1]), facts=facts,
        steps=tuple(steps), sample=image, results=(apply(image, first), result),
    )  # fmt: skip


def _step(part: str, states: tuple[Settings, Settings], results: tuple[Array, Array]) -> Step:
    """Return what differs between two results, cell by cell where both have the cell."""
    rows, columns = (max(state.kernel.shape[axis] for state in states) for axis in range(2))
    cut = [_common(result, state, results, states) for result, state in zip(results, states, strict=True)]
    difference = np.abs(cut[1] - cut[0])
    tolerance = 1e-9 * max(1.0, float(np.abs(cut[0]).max()))
    changed = difference > tolerance
    whole = all(state.border != "valid" for state in states)
    inner = changed[rows // 2 : -(rows // 2) or None, columns // 2 : -(columns // 2) or None] if whole else changed
    return Step(
        part=part, before=_words(states[0], part), after=_words(states[1], part), changed=int(changed.sum()),
        cells=changed.size, inside=int(inner.sum()), largest=float(difference.max()),
        added=results[1].size - results[0].size,
    )  # fmt: skip


def _common(result: Array, state: Settings, results: tuple[Array, Array], states: tuple[Settings, Settings]) -> Array:
    """Return the cells of a result that the other one has too: a valid map is the inside of the others."""
    if all(one.shape == result.shape for one in results) or state.border == "valid":
        return result
    top, left = state.middle
    height, width = min(one.shape for one in results)
    return result[top : top + height, left : left + width]


def _words(state: Settings, part: str) -> str:
    """Return one part in a few words."""
    value = getattr(state, part)
    match part:
        case "kernel":
            from cnnfilter.library.export.text import whole

            found = whole(value)
            if value.size > 25:
                return f"{value.shape[0]}x{value.shape[1]}, L1 norm {np.abs(value).sum():.6g}"
            scale, numbers = (1, value) if found is None else found
            text = "; ".join(" ".join(f"{cell:g}" for cell in row) for row in numbers)
            return text if scale == 1 else f"{scale} of {text}"
        case "flip":
            return {"none": "not flipped", "both": "turned by 180 degrees", "rows": "upside down"}[value]
        case "border":
            return {"valid": "none: whole windows only", "copy": "the picture's own pixels"}.get(value, str(value))
        case "middle":
            return f"{value[0]},{value[1]}"
        case "range":
            return "0 to 1" if value == "unit" else "0 to 255"
        case _:
            return f"8 bits, {ROUNDING_WORDS[value]}" if value else "floats"
