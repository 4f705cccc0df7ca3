"""What `run` is told: its flags as one record, checked before anything is read or written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from cnnfilter.errors import ParameterError, lookup

if TYPE_CHECKING:
    from cnnfilter.job.network import NetworkOptions
    from cnnfilter.network.model import Model


class Look(NamedTuple):
    """What the user wants to see and to keep."""

    top: int
    layers: tuple[str, ...]
    table: bool
    at: str | None
    json: bool
    quiet: bool
    save: tuple[str, ...]
    single: bool
    output: str | None
    formats: tuple[str, ...]
    display: str
    colormap: str | None
    compress: str
    dtype: str
    threads: int | None
    softmax: bool
    max_memory: int | None

    @property
    def options(self) -> NetworkOptions:
        """How pictures go through the network."""
        from cnnfilter.job.network import NetworkOptions

        return NetworkOptions(self.threads, self.dtype, self.softmax, self.max_memory)


def check_order(network: str, images: Sequence[str]) -> None:
    """Raise where a picture stands in the network's place.

    Raises
    ------
    ParameterError
        With the words in the right order.
    """
    from cnnfilter.cli.plan import is_network
    from cnnfilter.dumps.names import GRID_EXTENSIONS
    from cnnfilter.files import quoted
    from cnnfilter.images.sniff import promised

    if is_network(network):
        return
    is_picture = promised(network) or Path(network).suffix.lower() in GRID_EXTENSIONS or Path(network).is_dir()
    swapped = next((name for name in images if is_network(name)), None)
    if swapped is not None or is_picture:
        words = f"{swapped or 'NETWORK'} {network}"
        raise ParameterError(f"{quoted(network)} is no network: the network comes first (cnnfilter run {words})")


def check_words(look: Look) -> None:
    """Raise for the first flag that means nothing, before anything is read or written."""
    from cnnfilter.cli.job import _position
    from cnnfilter.core.strips import thread_count
    from cnnfilter.images.colour import colour_table
    from cnnfilter.images.deflate import COMPRESSIONS
    from cnnfilter.images.display import parse_display
    from cnnfilter.job.names import parse_formats

    lookup({"float32": 4, "float64": 8}, look.dtype, "dtype")
    thread_count(look.threads)
    parse_display(look.display)
    lookup(COMPRESSIONS, look.compress, "compression")
    if look.colormap:
        colour_table(look.colormap)
    parse_formats(look.formats, look.output)
    _position(look.at)


def override(
    model: Model, *, size: str | None, range: str | None, mean: str | None, std: str | None, resize: str | None,
    layout: str | None,
) -> Model:  # fmt: skip
    """Return the model with what the flags say about its input."""
    from cnnfilter.core.shapes import pair

    changes: dict[str, object] = {}
    if size is not None:
        changes["size"] = pair(size.lower().replace("x", ","), "--size")
    for name, value, known in (
        ("range", range, ("stored", "unit")),
        ("resize", resize, ("stretch", "crop", "none")),
        ("layout", layout, ("NCHW", "NHWC")),
    ):
        if value is not None:
            lookup(dict.fromkeys(known), value, name)
            changes[name] = value
    for name, text in (("mean", mean), ("std", std)):
        if text is not None:
            changes[name] = _numbers(name, text, model.input.channels)
    return model.with_input(replace(model.input, **changes)) if changes else model  # type: ignore[arg-type]


def _numbers(name: str, text: str, channels: int | None) -> tuple[float, ...]:
    """Read one number, or one for each channel."""
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    fits = len(numbers) in (1, channels or len(numbers) or 1) and all(map(math.isfinite, numbers))
    if not fits or (name == "std" and 0 in numbers):
        many = f"{channels} for the channels" if channels else "one for each channel"
        none_zero = ", none of them 0" if name == "std" else ""
        raise ParameterError(f"--{name} takes one number, or {many}{none_zero}, got {text!r}")
    return numbers


def check_at(look: Look, shapes: Sequence[tuple[int, ...]]) -> None:
    """Raise if the cell to look at lies outside one of the maps."""
    from cnnfilter.cli.job import _position

    at = _position(look.at)
    if at is None:
        return
    for shape in shapes:
        rows, columns = shape[-2:] if len(shape) > 1 else (1, *(shape or (1,)))
        if min(rows, columns) >= 0 and not (at[0] < rows and at[1] < columns):
            raise ParameterError(f"--at {at[0]},{at[1]} lies outside the {rows} x {columns} map")
