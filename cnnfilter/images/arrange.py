"""How the maps of a contact sheet lie: known before anything is drawn."""

from __future__ import annotations

import math
from typing import NamedTuple

from cnnfilter.errors import OutputError, ParameterError, lookup

#: The grounds that a sheet may have.
LIGHT, DARK = "light", "dark"
#: The longest side of a sheet, unless another is asked for.
LONGEST = 4096
#: Width to height that sheets come near to, where their maps make no square.
ASPECT = 16 / 9


class Arrangement(NamedTuple):
    """How a sheet lies.

    Attributes
    ----------
    columns
        Maps beside one another; None for a square, or what comes near to 16:9.
    ground
        ``light`` or ``dark``.
    with_input, with_kernels
        Whether the picture stands before its maps, and beside each map its kernel.
    longest
        The longest side that it may have, in pixels; larger maps are shown smaller.
    most
        The most pixels that it may have; None for no limit.
    """

    columns: int | None = None
    ground: str = LIGHT
    with_input: bool = False
    with_kernels: bool = False
    longest: int = LONGEST
    most: int | None = None

    def checked(self) -> Arrangement:
        """Return the same, or raise for a number of columns below 1 or an unknown ground."""
        lookup(dict.fromkeys((LIGHT, DARK)), self.ground, "ground")
        if self.columns is not None and not (isinstance(self.columns, int) and self.columns >= 1):
            raise ParameterError(f"columns must be a whole number of at least 1, got {self.columns}")
        return self

    def check(self, width: int, height: int) -> None:
        """Raise for a size of more pixels than it may have, before they are drawn.

        Raises
        ------
        OutputError
            With the way out.
        """
        if self.most is not None and width * height > self.most:
            raise OutputError(
                f"the drawing has {width} x {height} = {width * height} pixels, over the limit of {self.most} "
                f"(--max-pixels {width * height} raises it)"
            )


#: What nobody asked anything of.
USUAL = Arrangement()


#: Most pixels of a sheet, and pixels that a map is enlarged to.
_MOST, _LEAST_TILE = LONGEST * LONGEST * 3 // 4, 160 * 160


def sheet_pixels(tiles: int, cells: int) -> int:
    """Return about the pixels of a contact sheet: those of its tiles, but for a bound, and for small ones enlarged."""
    return min(_MOST, tiles * max(cells, _LEAST_TILE))


def columns_of(count: int, height: int, width: int, wanted: int | None = None) -> int:
    """Return how many maps lie beside one another: as many as wanted; the side of a square; or near to 16:9.

    Examples
    --------
    >>> [columns_of(count, 100, 100) for count in (1, 3, 4, 8, 9, 16, 64, 70)]
    [1, 3, 2, 4, 3, 4, 8, 12]
    """
    if wanted is not None:
        return min(wanted, count)
    side = math.isqrt(count)
    if side * side == count:
        return side

    def cost(columns: int) -> float:
        rows = math.ceil(count / columns)
        aspect = columns * width / (rows * height * 1.08)
        return abs(math.log(aspect / ASPECT)) + 1.5 * (rows * columns - count) / count

    return min(range(1, count + 1), key=cost)
