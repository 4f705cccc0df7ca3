"""Room for a result that the caller keeps: checked before anything is computed, and filled whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cnnfilter.core.arrays import Array, channels_back
from cnnfilter.errors import ParameterError, ShapeError

if TYPE_CHECKING:
    from cnnfilter.core.conv import Convolution
    from cnnfilter.core.whole import WholeConvolution


def check_out(out: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Refuse room that a result does not fit into exactly.

    Raises
    ------
    ShapeError
        If its shape is another.
    ParameterError
        If it is no array, of another type, or read-only: a result is never rounded into its place.
    """
    if not isinstance(out, np.ndarray):
        raise ParameterError(f"out must be a NumPy array, got {type(out).__name__}")
    if out.shape != shape:
        raise ShapeError(f"out has shape {out.shape}, the result {shape}")
    if out.dtype != dtype:
        raise ParameterError(f"out is {out.dtype}, the result {dtype} (numpy.empty({shape}, '{dtype}') fits)")
    if not out.flags.writeable:
        raise ParameterError("out is read-only")


def finish(
    job: Convolution | WholeConvolution, pixels: Array, layout: str, threads: int | None, out: Array | None
) -> Array:
    """Return the maps of a job in the layout of the image, in `out` where the caller has room for them."""
    if out is None:
        return channels_back(job.run(threads), layout)
    last = layout == "HWC" and len(job.shape) > 2
    check_out(out, (*job.shape[:-3], *job.shape[-2:], job.shape[-3]) if last else job.shape, job.dtype)
    room = None if last else _room_in(out, pixels)
    maps = job.run(threads, room)
    if room is None:
        np.copyto(out, channels_back(maps, layout))
    return out


def _room_in(out: Array | None, *sources: Array) -> Array | None:
    """Return `out` where a result can be computed in it, None where it must be made elsewhere and copied.

    Strips are written while others are still to be read, and as C orders them.
    """
    if out is None or not out.flags.c_contiguous or not out.flags.aligned:
        return None
    return None if any(np.may_share_memory(out, one) for one in sources) else out
