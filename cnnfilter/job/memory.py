"""What a job takes, from its sizes alone: nothing is computed, and no pixel is read, to find out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from cnnfilter.core.shapes import Pair, conv_size, resolve_pads
from cnnfilter.errors import ResourceError
from cnnfilter.files import bytes_text, quoted
from cnnfilter.job.adopt import way_of
from cnnfilter.job.maps import computes_whole, needs_whole, share_a_plan, sums_channels
from cnnfilter.job.options import DTYPES, Options
from cnnfilter.job.source import PictureSource
from cnnfilter.library.kernel import Kernel


class Need(NamedTuple):
    """The values of one step's maps: those that it computes first, and those that are left in the end.

    Attributes
    ----------
    computed
        Values before a pooling, and of all kernels that are combined; they are there for a while.
    final
        Values of the maps that are written.
    whole
        Whether the maps are held, whatever is made of them.
    """

    computed: int
    final: int
    whole: bool


def need_of(kernels: Sequence[Kernel], options: Options, source: PictureSource) -> Need:
    """Return what the maps of a picture through a kernel, or through several combined, hold.

    Raises
    ------
    ShapeError
        If a kernel does not fit the picture.
    """
    _, channels, *size = source.shape
    rows_columns = (size[0], size[1])
    if not kernels:  # pooled or activated alone
        cells = rows_columns[0] * rows_columns[1]
        return Need(channels * cells, channels * _pooled(rows_columns, options), whole=True)
    ways, outs = [way_of(kernel, options, source.picture) for kernel in kernels], []
    for way in ways:
        its, window = way.options, (way.weights.shape[-2], way.weights.shape[-1])
        pads = resolve_pads(its.padding, rows_columns, window, its.stride, its.dilation, flip=its.flip)
        outs.append(conv_size(rows_columns, pads, window, its.stride, its.dilation))
    maps = 1 if sums_channels(kernels[0].weights, options) else channels
    mixed = not share_a_plan(ways)
    every = maps * sum(rows * columns for rows, columns in (outs * 2 if mixed else outs[:1]))  # mixed ones are stacked
    return Need(every, maps * _pooled(outs[0], options), whole=mixed or computes_whole(ways[0]) or needs_whole(options))


def _pooled(size: Pair, options: Options) -> int:
    """Return the cells that are left of one map after the pooling, if there is one."""
    if options.pool is None:
        return size[0] * size[1]
    from cnnfilter.core.windows import plan_windows

    rows, columns = plan_windows(size, options.pool.size, options.pool.stride, 0, 1, False)
    return rows.count * columns.count


def check_memory(
    needs: Sequence[Need], options: Options, source: PictureSource, limit: int | None, *, held: bool, zoom: int = 1
) -> None:
    """Raise if the maps of a picture would take more bytes than allowed.

    Parameters
    ----------
    held
        Whether all maps are kept, for dumps, tables and sheets. Pictures are made strip by strip, one map after the
        other, and a map takes at most the bytes of its pixels until they are compressed.
    zoom
        Pixels along each side of the square that a value becomes.

    Raises
    ------
    ResourceError
        With what they need, and what is allowed.
    """
    if limit is None:
        return
    itemsize = DTYPES[options.dtype]
    pixels = max(need.final for need in needs) * min(source.picture.dtype.itemsize, 2) * zoom * zoom
    if held or any(need.whole for need in needs):
        first = max((need.computed for need in needs if need.whole), default=0)
        bytes_needed = itemsize * (first + sum(need.final for need in needs)) + (pixels if zoom > 1 else 0)
    else:
        bytes_needed = pixels
    if bytes_needed > limit:
        raise ResourceError(
            f"{quoted(source.picture.name)}: the maps need {bytes_text(bytes_needed)}, the limit is "
            f"{bytes_text(limit)} (--max-memory {bytes_needed} raises it)"
        )
