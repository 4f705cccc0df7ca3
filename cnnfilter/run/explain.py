"""One number of a feature map, taken apart: the window it saw, the products, the sums, and what followed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cnnfilter.core.activate import activate
from cnnfilter.core.activations import ACTIVATIONS
from cnnfilter.core.arrays import LARGEST_WHOLE, Array, channels_first, real_array
from cnnfilter.core.exact import OrderedConvolution
from cnnfilter.core.pools import POOL_FORMULAS, Pooling, PoolPlan
from cnnfilter.core.requantize import Requantization
from cnnfilter.core.shapes import Pair, pair, resolve_pads
from cnnfilter.core.terms import Term, convolution_terms
from cnnfilter.errors import ParameterError, ShapeError
from cnnfilter.images.picture import array_picture
from cnnfilter.library.kernel import Kernel
from cnnfilter.library.load import load_kernels
from cnnfilter.run.explanation import Activated, Around, Explanation, PoolCell, Pooled, Requantized
from cnnfilter.run.image import Request, Work, plan_image
from cnnfilter.run.map_plan import MapPlan, axis_of, computes_whole
from cnnfilter.run.options import Options, make_options
from cnnfilter.run.steps import Step, kernel_steps, plain_step

#: Cells of the input that are shown on each side of a window.
AROUND = 12


def explain_work(work: Work, at: Pair | None, channel: int) -> Explanation:
    """Return how one cell of a step's map comes about; no more of the map is computed than that takes.

    Parameters
    ----------
    work
        The step on its picture.
    at
        Row and column of the cell; the middle of the map where None.
    channel
        The map's channel.

    Raises
    ------
    ParameterError
        If there is no such cell or channel, or the map is no sum of products.
    """
    plan = work.plan._replace(few=None)  # every step before the last has the sums themselves
    notes = [*work.picture.notes, *work.notes]
    if at is None:
        at, which = _default(plan, channel)
        notes.append(f"explained at {at[0]},{at[1]}, {which} (--at ROW,COLUMN takes another cell)")
    _check(work, at, channel)
    result = float(map_rows(plan, range(at[0], at[0] + 1))[channel, 0, at[1]])
    if plan.options.whole and abs(result) >= LARGEST_WHOLE:
        raise ParameterError(f"an explanation writes numbers below 2**53, and this cell is {result:.17g}")
    few = None if work.step.few is None else _requantized(work.step.few, result)
    pool, cell = _pooled(plan, at, channel, result)
    after = float(map_rows(plan, range(cell[0], cell[0] + 1), pooled=False)[channel, 0, cell[1]])
    terms, scale, bias = _terms(plan, channel, cell) if plan.parts else ((), 1.0, 0.0)
    sums = channel_sums(terms)
    total = sum(sums) if terms else float(plan.source.rows(0, 1, cell[0], cell[0] + 1)[0, channel, 0, cell[1]])
    value = _rounded(plan, total * scale + bias)
    return Explanation(
        source=work.picture.name, name=work.step.name if plan.parts else "", spec=work.step.spec, shape=plan.shape,
        at=at, channel=channel, cell=cell, size=plan.sizes.kernel if plan.sizes else (0, 0), terms=terms,
        channel_sums=sums, sum=total, scale=scale, bias=bias, value=value,
        activation=_activated(plan, channel, cell, after), pool=pool, requantized=few,
        result=result if few is None else few.value,
        around=around(terms, plan.source.shape[2:], lambda *rows: plan.source.rows(0, 1, *rows)[0]), notes=tuple(notes),
    )  # fmt: skip


def _requantized(how: Requantization, before: float) -> Requantized:
    """Return what a sum becomes in few bits."""
    value = float(how.apply(np.array([int(before)]), 0)[0])
    return Requantized(how.scales[0], how.zero_points[0], how.dtype, how.rounding, before, value)


def around(terms: Sequence[Term], size: tuple[int, ...], rows: Callable[[int, int], Array]) -> Around | None:
    """Return the input around the window of some terms, if it is near; `rows` reads ``(C, rows, W)``."""
    if not terms:
        return None
    places = [(term.row, term.column) for term in terms]
    (top, bottom), (left, right) = (
        (max(0, min(axis) - AROUND), min(length, max(axis) + 1 + AROUND))
        for axis, length in zip(zip(*places, strict=True), size, strict=True)
    )
    if top >= bottom or left >= right:
        return None  # the window lies deep in the padding
    channel = strongest(terms)
    values = rows(top, bottom)[channel, :, left:right].astype(np.float64)
    return Around(channel, top, left, values)


def strongest(terms: Sequence[Term]) -> int:
    """Return the channel whose products add up to most, above 0 or below."""
    sums = channel_sums(terms)
    channels = list(dict.fromkeys(term.channel for term in terms))
    return channels[int(np.argmax(np.abs(np.nan_to_num(sums))))]


def _default(plan: MapPlan, channel: int) -> tuple[Pair, str]:
    """Return the cell that is explained where none is named, and what it is."""
    _, rows, columns = plan.shape
    if min(rows, columns) == 1:
        values = plan.maps(hold=True).hold()[min(channel, plan.shape[0] - 1)]
        largest = int(np.nan_to_num(values, nan=-np.inf).argmax())
        return (largest // columns, largest % columns), "the largest value"
    return (rows // 2, columns // 2), "the middle of the map"


def _check(work: Work, at: Pair, channel: int) -> None:
    """Raise for a cell that there is not, and for maps that are no sums of products."""
    plan, (channels, rows, columns) = work.plan, work.plan.shape
    if not (at[0] < rows and at[1] < columns):
        raise ParameterError(
            f"--at {at[0]},{at[1]} lies outside the map: rows go from 0 to {rows - 1}, columns from 0 to {columns - 1}"
        )
    if not 0 <= channel < channels:
        raise ParameterError(f"--channel {channel} lies outside the map: channels go from 0 to {channels - 1}")
    if plan.options.combine:
        raise ParameterError("--combine makes one map of several kernels (leave it out: each is explained by itself)")
    if plan.parts and computes_whole(plan.ways[0]):
        raise ParameterError(f"{work.step.name}: {plan.ways[0].note} is no single sum of products (leave out --as)")


def map_rows(plan: MapPlan, rows: range, *, pooled: bool = True) -> Array:
    """Return rows ``(C, rows, W)`` of a map, or of that before its pooling: to the bit those that the job writes.

    Rows of a convolution, with what follows it cell by cell, are computed alone. A pooling over windows that lie within
    the map takes the rows under them; everything else is computed whole.
    """
    if plan.pooling is not None and pooled:
        return _pooled_rows(plan, rows)
    options = plan.options._replace(pool=None)
    if len(plan.parts) == 1 and not computes_whole(plan.ways[0]) and (plan.fused or options.activation is None):
        return plan.parts[0].rows(rows)
    whole = plan._replace(options=options, pooling=None, shape=plan.activated)
    return whole.maps(hold=True).hold()[:, rows.start : rows.stop]


def _pooled_rows(plan: MapPlan, rows: range) -> Array:
    """Return rows of a pooled map."""
    pooling, pool = plan.pooling, plan.options.pool
    if pooling is None or pool is None:
        raise AssertionError("a map without a pooling")
    first, last = pooling.cells(0, rows.start, 0), pooling.cells(0, rows.stop - 1, 0)
    inside = first.start >= 0 and last.stop <= plan.activated[1]
    if pool.mode != "window" or not inside:
        return plan.maps(hold=True).hold()[:, rows.start : rows.stop]
    block = map_rows(plan, range(first.start, last.stop), pooled=False)
    sides = resolve_pads(pool.padding, plan.activated[1:], pair(pool.size, "size"), *_steps(pool))
    narrow = pool._replace(padding=((0, 0), (sides.left, sides.right)))
    return narrow.run(block, plan.options.threads, plan.options.missing)[:, : len(rows)]


def _steps(pool: Pooling) -> tuple[Pair, Pair]:
    """Return stride and dilation of a pooling over windows."""
    size = pair(pool.size, "size")
    return (size if pool.stride is None else pair(pool.stride, "stride")), pair(pool.dilation, "dilation")


def _pooled(plan: MapPlan, at: Pair, channel: int, result: float) -> tuple[Pooled | None, Pair]:
    """Return what a pooling took, and the cell before it that is explained: the one that won, or the first."""
    if plan.pooling is None or plan.options.pool is None:
        return None, at
    rows = plan.pooling.cells(0, at[0], channel)
    inside = range(max(rows.start, 0), min(rows.stop, plan.activated[1]))
    block = map_rows(plan, inside, pooled=False)[channel]
    pool = pooled_cells(plan.options.pool.kind, plan.pooling, block, inside.start, (*at, channel), result)
    first = next(cell for cell in pool.cells if cell.taken)
    return pool, (first.row, first.column)


def pooled_cells(
    kind: str, pooling: PoolPlan, block: Array, top: int, at: tuple[int, int, int], result: float
) -> Pooled:
    """Return what a pooling took for one cell.

    Parameters
    ----------
    kind, pooling
        The pooling, and its plan.
    block, top
        Rows of one channel before it, and the number of the first.
    at
        Row, column and channel of the result.
    result
        The result.
    """
    cells = []
    for row in pooling.cells(0, at[0], at[2]):
        for column in pooling.cells(1, at[1], at[2]):
            there = 0 <= row - top < len(block) and 0 <= column < block.shape[1]
            cells.append((row, column, float(block[row - top, column]) if there else None))
    known = [one for one in cells if one[2] is not None]
    if result == result:  # cells that are missing were left out
        known = [one for one in known if one[2] == one[2]]
    if kind in ("max", "min"):  # NaN wins
        known = [next((one for one in known if one[2] == result or one[2] != one[2]), known[0])]
    taken = {(row, column) for row, column, _ in known}
    made = tuple(PoolCell(row, column, value, (row, column) in taken) for row, column, value in cells)
    return Pooled(kind, POOL_FORMULAS[kind], made, result)


def _terms(plan: MapPlan, channel: int, cell: Pair) -> tuple[tuple[Term, ...], float, float]:
    """Return every product of a cell of the convolution, what its sum is renormalised by, and the bias."""
    convolution = plan.parts[0].convolution
    plain = convolution.convolution if isinstance(convolution, OrderedConvolution) else convolution
    sizes = plain.plan.sizes
    source = plan.source

    def read(row: int, column: int) -> Array:
        return source.rows(0, 1, row, row + 1)[0, :, 0, column].astype(source.dtype)

    found = convolution_terms(sizes, plain.weights, read, channel, cell)
    bias = 0.0 if plain.bias is None else float(plain.bias.ravel()[channel % plain.bias.size])
    if plain.gaps is None and plan.options.missing != "ignore":
        return found, 1.0, bias
    gone = sum(term.weight for term in found if np.isnan(term.input))
    there = [term._replace(product=0.0) if np.isnan(term.input) else term for term in found]
    total = sum(term.weight for term in found)
    return tuple(there), total / (total - gone) if gone else 1.0, bias


def channel_sums(terms: Sequence[Term]) -> tuple[float, ...]:
    """Return the sum of each channel's products."""
    sums: dict[int, float] = {}
    for term in terms:
        sums[term.channel] = sums.get(term.channel, 0.0) + term.product
    return tuple(sums.values())


def _rounded(plan: MapPlan, value: float) -> float:
    """Return a sum as an adopted tool rounds it, or in the type that is computed in."""
    held = np.array([[[value]]], plan.options.dtype)
    if plan.ways:
        plan.ways[0].cast(held)
        return float(held[0, 0, 0]) if plan.ways[0].rounding or plan.ways[0].finish else value
    return value


def _activated(plan: MapPlan, channel: int, cell: Pair, after: float) -> Activated | None:
    """Return what the activation made of a value, with all that it acts on together."""
    chosen = plan.options.activation
    if chosen is None:
        return None
    words = ",".join(f"{key}={given}" for key, given in chosen.parameters.items() if key != "axis")
    name, formula = f"{chosen.name}:{words}" if words else chosen.name, ACTIVATIONS[chosen.name].formula
    if not ACTIVATIONS[chosen.name].over_axis:
        return Activated(name, formula, after)
    plain = plan._replace(
        options=plan.options._replace(activation=None, pool=None), pooling=None, fused=False, shape=plan.computed,
        activated=plan.computed,
    )  # fmt: skip
    axis = axis_of(plan.computed, plan.options)
    before = plain.maps(hold=True).hold()
    place: list[Any] = [channel, *cell]
    place[axis] = slice(None)
    line = before[tuple(place)]
    made = activate(line, chosen.name, **{key: given for key, given in chosen.parameters.items() if key != "axis"})
    return Activated(
        name, formula, after, tuple(map(float, line)), tuple(map(float, made)), (channel, *cell)[axis] % len(made)
    )


def explain(image: ArrayLike, kernel: Any, at: Pair | None = None, *, channel: int = 0, **words: Any) -> Explanation:
    """Return how one cell of a feature map comes about.

    Parameters
    ----------
    image
        ``(H, W)`` or ``(C, H, W)``.
    kernel
        A spec such as ``sobel-x``, a `Kernel`, or weights ``(kH, kW)`` or ``(C, kH, kW)``; None where only an
        activation or a pooling is explained.
    at
        Row and column of the cell, from 0; the middle of the map where None.
    channel
        The map's channel.
    **words
        What ``cnnfilter convolve`` takes, by the names of its flags: stride, padding, padding_mode, dilation, flip,
        bias, activation, pool, channels, range, dtype, engine, missing.

    Returns
    -------
    Explanation
        ``terms`` are the products, ``sum``, ``bias``, ``value`` what they come to, ``activation`` and ``pool`` what
        followed, and ``result`` the number that the map holds.

    Raises
    ------
    CnnFilterError
        If a word is not understood, the kernel does not fit, or there is no such cell.

    Examples
    --------
    >>> one = explain([[1, 2, 3], [4, 5, 6], [7, 8, 9]], "0 1 0; 1 -4 1; 0 1 0", (0, 0), padding="same", bias=-2.0)
    >>> one.sum, one.value, one.result, [term.invented for term in one.terms][:4]
    (2.0, 0.0, 0.0, [True, True, True, True])
    """
    values = real_array(channels_first(image, "CHW"), "image")
    if values.ndim not in (2, 3) or not values.size:
        raise ShapeError(f"image must be (H, W) or (C, H, W), got shape {values.shape}")
    texts = {name: _typed(value) if name in ("stride", "dilation") else value for name, value in words.items()}
    options = make_options(**texts)
    picture = array_picture(values[None] if values.ndim == 2 else values, "image", grid=True)
    request = Request(_one_step(kernel, options), options, "auto").on(picture)
    return explain_work(plan_image(request, picture)[0], at, channel)


def _typed(value: Any) -> str:
    """Return one number, or rows and columns, as a flag has them."""
    return ",".join(map(str, value)) if isinstance(value, tuple | list) else str(value)


def _one_step(kernel: Any, options: Options) -> tuple[Step, ...]:
    """Return the one step that a kernel in any form means, or that of what follows it."""
    if kernel is None:
        return (plain_step("image", options),)
    if isinstance(kernel, str):
        kernels = load_kernels(kernel)
        if len(kernels) != 1:
            raise ParameterError(f"{kernel!r} means {len(kernels)} kernels: explain takes one")
        return kernel_steps(kernels, options)
    if not isinstance(kernel, Kernel):
        kernel = Kernel("kernel", "kernel", real_array(kernel, "kernel"))
    return kernel_steps([kernel], options)
