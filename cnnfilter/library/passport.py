"""A kernel's passport: everything that can be said of it without a picture, as frozen facts that every view shows."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from cnnfilter.core.arrays import Array
from cnnfilter.errors import CnnFilterError
from cnnfilter.library.build import parameters_of
from cnnfilter.library.catalog import Entry, entries, find
from cnnfilter.library.export.text import whole
from cnnfilter.library.kernel import Kernel
from cnnfilter.library.measure import Measures, bounds, factors, measure, response
from cnnfilter.library.parameters import Parameter

#: Largest value of 8 bits.
WHITE = 255
#: Frequencies along each side of a response.
FREQUENCIES = 129
#: Longest column or row of a factor that is written out.
LONGEST_FACTOR = 11
#: A response under this share of its largest counts as none.
STOPPED = 0.02


class Passport(NamedTuple):
    """The facts of one kernel.

    Attributes
    ----------
    scale, numbers
        The weights are `scale` times `numbers`: whole numbers where that is exact, else scale is 1.
    measures
        Sums, symmetry, rank.
    low, high
        The smallest and largest result for 8-bit input; both are reached by some picture.
    pairs
        Columns and rows whose products add up to the kernel, where its rank is 1 or 2.
    gain
        The response at frequency 0, and the largest one.
    peak
        Cycles a pixel down and across where the response is largest.
    variants
        Name and note of each.
    parameters
        Those that may be typed, with the entry's own values as defaults.
    place
        File and line.
    hides
        Files that hold a kernel of the same name further down the search path.
    """

    kernel: Kernel
    exact: bool
    scale: Fraction
    numbers: Array
    measures: Measures
    low: float
    high: float
    pairs: tuple[tuple[Array, Array], ...]
    gain: tuple[float, float]
    peak: tuple[float, float]
    aliases: tuple[str, ...] = ()
    variants: tuple[tuple[str, str], ...] = ()
    parameters: tuple[Parameter, ...] = ()
    description: str = ""
    place: str = ""
    hides: tuple[str, ...] = ()

    def response(self, size: int = FREQUENCIES) -> Array:
        """Return the magnitude of the frequency response, ``(size, size)``; of all channels of a deep kernel."""
        return _together(response(self.kernel.weights, size))

    @property
    def clipping(self) -> str:
        """Say what is lost where results are clipped to 0..255."""
        lost = ["below 0"] * (self.low < 0) + [f"above {WHITE}"] * (self.high > WHITE * (1 + 1e-12))
        if not lost:
            return "clipping to 8 bits loses nothing"
        return f"clipping to 8 bits loses what is {' and '.join(lost)}"

    @property
    def passes(self) -> str:
        """Say in a word which frequencies pass."""
        zero, largest = self.gain
        if largest == 0:
            return "nothing passes"
        magnitude = self.response() / largest
        rim = float(magnitude[[0, -1]].max()), float(magnitude[:, [0, -1]].max())
        if float(magnitude.min()) > 1 - 1e-9:
            return "all-pass: every frequency alike"
        if zero >= (1 - 1e-9) * largest:
            return "low-pass: slow changes stay, fine detail goes"
        if zero <= STOPPED * largest:
            inner = max(map(abs, self.peak)) < 0.49 or max(rim) < 0.9
            return "band-pass: flat areas go, detail of one size stays" if inner else "high-pass: flat areas go"
        return "emphasis: flat areas stay, detail is raised"


def passport(kernel: Kernel, search: Sequence[Path]) -> Passport:
    """Return a kernel's passport.

    Parameters
    ----------
    kernel
        The kernel.
    search
        Folders where kernels are looked for: aliases, variants and hidden namesakes come from there.

    Examples
    --------
    >>> from cnnfilter import load_kernel
    >>> facts = passport(load_kernel("sobel-x"), [])
    >>> facts.low, facts.high, facts.clipping
    (-1020.0, 1020.0, 'clipping to 8 bits loses what is below 0 and above 255')
    >>> facts.passes
    'band-pass: flat areas go, detail of one size stays'
    """
    found = whole(kernel.weights)
    scale, numbers = found if found else (Fraction(1), np.asarray(kernel.weights))
    facts = measure(kernel.weights)
    low, high = bounds(kernel.weights)
    magnitude = _together(response(kernel.weights, FREQUENCIES))
    top = np.unravel_index(int(magnitude.argmax()), magnitude.shape)
    frequency = [abs(int(index) - FREQUENCIES // 2) / (FREQUENCIES - 1) for index in top]
    entry = _entry(kernel, search)
    return Passport(
        kernel=kernel, exact=found is not None, scale=scale, numbers=numbers, measures=facts, low=low, high=high,
        pairs=tuple(factors(kernel.weights)) if facts.rank in (1, 2) else (),
        gain=(float(magnitude[FREQUENCIES // 2, FREQUENCIES // 2]), float(magnitude.max())),
        peak=(frequency[0], frequency[1]), **(_of_entry(entry, search) if entry else {}),
    )  # fmt: skip


def _together(magnitude: Array) -> Array:
    """Return the response of all channels as one."""
    return magnitude if magnitude.ndim == 2 else np.sqrt((magnitude**2).sum(axis=0))


def _entry(kernel: Kernel, search: Sequence[Path]) -> Entry | None:
    """Return the entry that a kernel comes from, where it has one."""
    if kernel.parts.kind != "name":
        return None
    try:
        return find(kernel.parts.body, "kernel", search)
    except CnnFilterError:
        return None


def _of_entry(entry: Entry, search: Sequence[Path]) -> dict[str, Any]:
    """Return what the files say of a kernel."""
    line = entry.line
    namesakes = [one for one in entries(search) if (one.name, one.kind) == (entry.name, entry.kind) and one.hidden_by]
    return {
        "aliases": entry.aliases,
        "variants": tuple((name, str(data.get("note", ""))) for name, data in entry.data.get("variants", {}).items()),
        "parameters": parameters_of(entry),
        "description": str(entry.data.get("description", "")),
        "place": entry.path if line is None else f"{entry.path}:{line}",
        "hides": tuple(one.path for one in namesakes),
    }


def symmetry_words(facts: Measures) -> str:
    """Return the symmetries in a line.

    Examples
    --------
    >>> symmetry_words(measure([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]))
    'odd left-right, even up-down, odd under the half turn'
    """
    names = {
        "left-right": "left-right", "up-down": "up-down", "point": "under the half turn",
        "transpose": "about the diagonal", "anti-transpose": "about the other diagonal",
    }  # fmt: skip
    if all(facts.symmetry.get(key) == "even" for key in names):
        return "even under every mirror"
    words = [f"{facts.symmetry[key]} {name}" for key, name in names.items() if facts.symmetry.get(key)]
    return ", ".join(words) or "none"


def vector_words(values: Array) -> str:
    """Return a vector in brackets, as a fraction of whole numbers where that is exact.

    Examples
    --------
    >>> vector_words(np.array([0.25, 0.5, 0.25])), vector_words(np.array([-1.0, 0.0, 1.0]))
    ('1/4 [1 2 1]', '[-1 0 1]')
    """
    found = whole(np.asarray(values)[None])
    scale, numbers = found if found else (Fraction(1), np.asarray(values)[None])
    text = " ".join(f"{value:.4g}" for value in numbers[0])
    return f"{'' if scale == 1 else f'{scale} '}[{text}]"


def rank_words(facts: Passport) -> str:
    """Return the rank, and the factors where there are few."""
    rank = facts.measures.rank
    if rank is None:
        return ""
    if rank == 0:
        return "0: all weights are 0"
    longest = max(facts.measures.shape)
    if rank > 2:
        return str(rank)
    start = "1: separable" if rank == 1 else "2: the sum of two separable kernels"
    exact = all(whole(side[None]) is not None for pair in facts.pairs for side in pair)
    if not exact or longest > LONGEST_FACTOR:
        return start
    pairs = " + ".join(f"{vector_words(column)} down x {vector_words(row)} across" for column, row in facts.pairs)
    return f"{start}, {pairs}"
