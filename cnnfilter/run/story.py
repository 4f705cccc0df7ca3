"""An explanation told: the grids to look at, and the arithmetic line by line, for a screen, a page or a sheet."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from cnnfilter.core.arrays import Array
from cnnfilter.core.terms import Term
from cnnfilter.run.explanation import Activated, Explanation, Pooled, Requantized

#: Products that are written out; of more, the largest ones.
MOST_TERMS = 25
LARGEST_TERMS = 8
#: Rows and columns of a window that is shown as a grid, and channels that are.
MOST_CELLS, MOST_CHANNELS = 11, 4
#: Values along an axis that are written out.
MOST_VALUES = 12
#: The largest value whose power of e is written as it is.
LARGEST_POWER = 50
#: The largest denominator that a fraction is looked for with.
MOST_PARTS = 10_000

#: Returns a number as text.
Written = Callable[[float], str]


class Grid(NamedTuple):
    """Numbers in rows and columns.

    Attributes
    ----------
    title
        What they are.
    values, cells
        ``(H, W)``, and the same as text.
    rows, columns
        The number of each row and column, where that means something.
    invented
        Which cells are no cells of the input.
    """

    title: str
    values: Array
    cells: list[list[str]]
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    invented: Array


class Line(NamedTuple):
    """One step of the arithmetic: what it is, how it goes, what comes out; a sum equals it, a function leads to it."""

    label: str
    sum: str
    result: float
    sign: str = "="


class Story(NamedTuple):
    """Everything that is told of one cell.

    Attributes
    ----------
    title, source, place
        What is explained, of which picture, and where.
    channels
        Grids of each channel: the window, the kernel as it is used, their products.
    largest
        The largest products, where they are too many to write them all out.
    lines
        The arithmetic.
    written
        How numbers are written.
    """

    title: str
    source: str
    place: str
    channels: tuple[tuple[Grid, Grid, Grid], ...]
    largest: tuple[Term, ...]
    lines: tuple[Line, ...]
    notes: tuple[str, ...]
    written: Written


def decimal(value: float) -> str:
    """Return a number with six digits at most; whole numbers without a point.

    Examples
    --------
    >>> decimal(2.75), decimal(12.0), decimal(0.1 + 0.2), decimal(-0.0)
    ('2.75', '12', '0.3', '0')
    """
    if not math.isfinite(value):
        return str(value)
    text = f"{value:.6g}" if abs(value) < 1e6 or value % 1 else f"{value:.0f}"
    return "0" if text == "-0" else text


def fraction(value: float) -> str:
    """Return a number as a fraction, if it is the float32 of one with a small denominator; else as a decimal.

    Examples
    --------
    >>> fraction(2.75), fraction(float(np.float32(1 / 9))), fraction(4.0), fraction(math.pi)
    ('11/4', '1/9', '4', '3.14159')
    """
    found = as_fraction(value)
    return decimal(value) if found is None else str(found)


def as_fraction(value: float) -> Fraction | None:
    """Return the fraction that a number is the float32 of, or None."""
    if not math.isfinite(value):
        return None
    near = Fraction(value).limit_denominator(MOST_PARTS)
    with np.errstate(over="ignore"):
        return near if np.float32(float(near)) == np.float32(value) else None


def tell(one: Explanation, *, exact: bool = False) -> Story:
    """Return how one cell comes about, in numbers as people write them; as fractions where `exact` asks for them."""
    written = fraction if exact else decimal
    name = one.name or ("pooling" if one.pool else "activation")
    row, column = one.at
    channels, rows, columns = one.shape
    of = f", channel {one.channel} of {channels}" if channels > 1 else ""
    place = f"row {row}, column {column} of the {rows} x {columns} map{of}"
    if (channels, rows) == (1, 1) and columns > 1:
        place = f"value {column} of {columns}"
    if one.pool is not None and one.terms:
        place += f"; before the pooling: row {one.cell[0]}, column {one.cell[1]}"
    return Story(
        title=f"{name} of {one.source}", source=one.source, place=place, channels=_grids(one, written),
        largest=largest(one.terms), lines=tuple(_lines(one, written)), notes=one.notes, written=written,
    )  # fmt: skip


def _grids(one: Explanation, written: Written) -> tuple[tuple[Grid, Grid, Grid], ...]:
    """Return window, kernel and products of each channel, unless they are too many to look at."""
    count = len(one.channel_sums)
    if not count or not max(one.size) or count > MOST_CHANNELS or max(one.size) > MOST_CELLS:
        return ()
    return tuple(channel_grids(one, number, written) for number in range(count))


def channel_grids(one: Explanation, number: int, written: Written) -> tuple[Grid, Grid, Grid]:
    """Return window, kernel and products of one channel, by its number among those of the window."""
    cells = one.size[0] * one.size[1]
    part = one.terms[number * cells : (number + 1) * cells]
    inputs, weights, products, invented = (
        np.array([getattr(term, name) for term in part]).reshape(one.size)
        for name in ("input", "weight", "product", "invented")
    )
    rows = tuple(dict.fromkeys(term.row for term in part))
    columns = tuple(dict.fromkeys(term.column for term in part))
    where = f", channel {part[0].channel}" if len(one.channel_sums) > 1 else ""
    plain = tuple(range(len(rows))), tuple(range(len(columns)))
    none = np.zeros_like(invented)
    return (
        _grid(f"window{where}", inputs, rows, columns, invented, written),
        _grid("kernel as used", weights, *plain, none, written),
        _grid("products", products, *plain, none, written),
    )


def _grid(
    title: str, values: Array, rows: tuple[int, ...], columns: tuple[int, ...], invented: Array, written: Written
) -> Grid:
    """Return numbers as a grid."""
    return Grid(title, values, [[written(float(value)) for value in row] for row in values], rows, columns, invented)


def _lines(one: Explanation, written: Written) -> list[Line]:
    """Return the arithmetic, step by step."""
    lines: list[Line] = []
    several = len(one.channel_sums) > 1
    if several and len(one.terms) <= MOST_TERMS * MOST_CHANNELS:
        for total, terms in zip(one.channel_sums, _by_channel(one.terms), strict=True):
            lines.append(Line(f"channel {terms[0].channel}", sum_words(terms, written), total))
        lines.append(Line("sum", plus([written(total) for total in one.channel_sums]), one.sum))
    elif one.terms:
        lines.append(Line("sum", sum_words(one.terms, written), one.sum))
    now = one.sum
    if one.scale != 1.0:
        lines.append(Line("missing", f"{written(now)} * {written(one.scale)}: weights sum as before", now * one.scale))
        now *= one.scale
    if one.bias:
        lines.append(Line("bias", plus([written(now), written(one.bias)]), now + one.bias))
        now += one.bias
    if one.terms and not math.isclose(now, one.value, rel_tol=1e-6, abs_tol=1e-9) and not math.isnan(now):
        lines.append(Line("rounded", f"{written(now)} as the adopted tool rounds it", one.value))
    if one.activation is not None:
        lines += _activation_lines(one.activation, one.value, written)
    if one.pool is not None:
        missing = len(_there(one.pool, with_missing=True)) - len(_there(one.pool))
        label = f"{one.pool.kind} pooling{f' ({missing} missing)' if missing else ''}"
        lines.append(Line(label, _pool_words(one.pool, written), one.pool.value))
    if one.requantized is not None:
        lines.append(Line("requantised", _few_words(one.requantized, written), one.requantized.value))
    return lines


def _few_words(one: Requantized, written: Written) -> str:
    """Return how a sum becomes few bits."""
    zero = f" {'-' if one.zero_point < 0 else '+'} {abs(one.zero_point)}" if one.zero_point else ""
    return f"{one.rounding} of {written(one.before)} * {one.scale:.6g}{zero}, held to {one.type},"


def _by_channel(terms: Sequence[Term]) -> list[list[Term]]:
    """Return the terms of each channel."""
    found: dict[int, list[Term]] = {}
    for term in terms:
        found.setdefault(term.channel, []).append(term)
    return list(found.values())


def sum_words(terms: Sequence[Term], written: Written) -> str:
    """Return a sum of products as people write it, without cells that are missing; of many, only how many they are.

    Examples
    --------
    >>> sum_words([Term(0, 0, 0, 3.0, -1.0, -3.0, False), Term(0, 0, 1, 2.0, 0.5, 1.0, True)], decimal)
    '3*(-1) + [2]*0.5'
    """
    terms = [term for term in terms if term.input == term.input or term.product != term.product]
    if len(terms) <= MOST_TERMS:
        return " + ".join(_product(term, written) for term in terms) or "0"
    shown = largest(terms)
    rest = sum(term.product for term in terms) - sum(term.product for term in shown)
    products = plus([written(term.product) for term in shown] + [written(rest)])
    return f"{products}, the last being {len(terms) - len(shown)} smaller products"


def largest(terms: Sequence[Term]) -> tuple[Term, ...]:
    """Return the largest products of many, the largest first; none where all can be written out."""
    if len(terms) <= MOST_TERMS:
        return ()
    ordered = sorted(terms, key=lambda term: -abs(term.product) if term.product == term.product else -math.inf)
    return tuple(ordered[:LARGEST_TERMS])


def _product(term: Term, written: Written) -> str:
    """Return one product; what padding invented stands in brackets."""
    value = signed(term.input, written)
    return f"{f'[{written(term.input)}]' if term.invented else value}*{signed(term.weight, written)}"


def signed(value: float, written: Written) -> str:
    """Return a number, in parentheses where it is negative or a fraction."""
    text = written(value)
    return f"({text})" if text.startswith("-") or "/" in text else text


def plus(texts: Sequence[str]) -> str:
    """Return numbers added up, those below 0 subtracted.

    Examples
    --------
    >>> plus(["1", "-2", "3"])
    '1 - 2 + 3'
    """
    parts = [texts[0], *(f"- {text[1:]}" if text.startswith("-") else f"+ {text}" for text in texts[1:])]
    return " ".join(parts)


def _activation_lines(one: Activated, value: float, written: Written) -> list[Line]:
    """Return what an activation does: of one value, or of all that act on one another."""
    if not one.inputs:
        return [Line(one.name, f"{one.formula}, for x = {written(value)}", one.value, "->")]
    name = one.name.partition(":")[0]
    if name == "glu" or len(one.inputs) > MOST_VALUES or not all(map(math.isfinite, one.inputs)):
        return [Line(one.name, f"{one.formula}, of {len(one.inputs)} values", one.value, "->")]
    values = [-x if name == "softmin" else x for x in one.inputs]
    most = max(values)
    shift = 0.0 if abs(most) <= LARGEST_POWER else most  # beyond, exp overflows; the shares stay the same
    powers = [math.exp(x - shift) for x in values]
    total = sum(powers)
    lines = [
        Line(f"exp {index}", f"exp({plus([written(x), written(-shift)]) if shift else written(x)})", power)
        for index, (x, power) in enumerate(zip(values, powers, strict=True))
    ]
    lines.append(Line("their sum", plus([written(power) for power in powers]), total))
    if name == "log-softmax":
        log = f"log({written(total)})"
        lines.append(Line(one.name, plus([written(values[one.place] - shift), f"-{log}"]), one.value))
    else:
        lines.append(Line(one.name, f"{written(powers[one.place])} / {written(total)}", one.value))
    return lines


def _there(one: Pooled, *, with_missing: bool = False) -> list[float]:
    """Return the cells of a pooling's window that count; of a number NaN is none, unless those are asked for too."""
    values = [cell.value for cell in one.cells if cell.value is not None]
    return values if with_missing or math.isnan(one.value) else [value for value in values if not math.isnan(value)]


def _pool_words(one: Pooled, written: Written) -> str:
    """Return what a pooling does with the cells of its window."""
    there = _there(one)
    many = len(there) > MOST_TERMS
    if many:
        return f"{one.formula}, of {len(there)} cells"
    texts = [written(value) for value in there]
    if one.kind in ("max", "min"):
        return f"{one.kind}({', '.join(texts)})"
    if one.kind == "lp":
        return f"{one.formula}, for x = {', '.join(texts)}"
    total = plus(texts)
    if one.kind == "sum":
        return total
    cells = _divisor(one, sum(there), len(there))
    return f"({total}) / {cells}"


def _divisor(one: Pooled, total: float, there: int) -> int:
    """Return what an average divided by: the cells that are there, or those of the padding too."""
    counts = [count for count in (there, len(one.cells)) if math.isclose(total / count, one.value, rel_tol=1e-4)]
    if counts or not one.value or not math.isfinite(total / one.value):
        return counts[0] if counts else there
    return round(total / one.value)
