"""Transposed convolution: every input value stamps a weighted kernel on the output."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from cnnfilter.core.arrays import Array, as_planes, computing_type, exactly, real_array, type_of, whole_numbers
from cnnfilter.core.blas import blas_in_one_thread
from cnnfilter.core.im2col import MANY, SHORT, multiply
from cnnfilter.core.rows import Scratch, row_blocks
from cnnfilter.core.shapes import PaddingLike, Pads, Pair, check_groups, pair, resolve_pads, transpose_size
from cnnfilter.core.whole import exact_sums
from cnnfilter.errors import ParameterError, ShapeError


def conv_transpose2d(
    image: ArrayLike,
    kernel: Any,
    *,
    bias: ArrayLike | None = None,
    stride: int | str | tuple[int, int] = 1,
    padding: PaddingLike = 0,
    output_padding: int | str | tuple[int, int] = 0,
    dilation: int | str | tuple[int, int] = 1,
    groups: int = 1,
    dtype: DTypeLike | None = None,
) -> Array:
    """Spread each value of an image over the output, weighted by a kernel: the way back from a convolution's shape.

    Parameters
    ----------
    image
        ``(H, W)``, ``(C, H, W)`` or ``(N, C, H, W)``, any real type. float64 is computed in float64, everything
        else in float32.
    kernel
        ``(kH, kW)``, which spreads every channel by itself, or ``(C, K/groups, kH, kW)`` as in PyTorch and ONNX: the
        image's channels come first. Also an object that holds such an array as ``weights``.
    bias
        Added to the result: one number, or ``(K,)``.
    stride
        Rows and columns from stamp to stamp: n, or both.
    padding
        Rows and columns cut off: n, ``rows,cols``, ``top,bottom,left,right`` or ``((top, bottom), (left, right))``.
    output_padding
        Rows and columns added at the bottom and right, less than the stride or the dilation: n, or both. They settle
        which of the sizes that a strided convolution maps to one is meant.
    dilation
        Distance between the kernel's cells.
    groups
        Number of parts that the channels fall into, each spread to its own K/groups maps.
    dtype
        ``float32`` or ``float64`` to compute in; ``int32`` or ``int64`` for exact sums of whole numbers.

    Returns
    -------
    numpy.ndarray
        ``(oH, oW)``, ``(K, oH, oW)`` or ``(N, K, oH, oW)``, where
        ``out = (in - 1)*stride + output_padding + dilation*(k-1) + 1 - pads``. A 2-D image with a 4-D kernel gives
        ``(K, oH, oW)``.

    Raises
    ------
    ShapeError
        If the shapes do not fit together, or nothing is left of the output.
    ParameterError
        If an argument has the wrong form; with a `dtype` of whole numbers also for a fraction, and a sum that does
        not fit.

    Notes
    -----
    One matrix product for each strip of input rows, whose results are added to kH*kW shifted places. Beyond input and
    output it takes a few megabytes, whatever the image's size.

    References
    ----------
    .. [1] V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning", 2016, arXiv:1603.07285.

    Examples
    --------
    >>> conv_transpose2d([[1, 2, 3]], [[1, 1], [0, 10]], stride=2)
    array([[ 1.,  1.,  2.,  2.,  3.,  3.],
           [ 0., 10.,  0., 20.,  0., 30.]], dtype=float32)
    """
    planes, lead = as_planes(image)
    computing = computing_type(planes) if dtype is None else type_of(dtype)
    weights = real_array(kernel, "kernel")
    if computing.kind == "i":
        planes, weights = whole_numbers(planes, "the image"), whole_numbers(weights, "the kernel")
    else:
        weights = weights.astype(computing)
    groups = check_groups(groups)
    if weights.ndim == 2 and lead and groups == lead[-1]:
        groups = 1  # what groups would say, a 2-D kernel says already
    images, weights, out_lead = _fit(planes, lead, weights, groups)
    step, spread = pair(stride, "stride"), pair(dilation, "dilation")
    extra = pair(output_padding, "output_padding", minimum=0)
    if any(e >= max(s, d) for e, s, d in zip(extra, step, spread, strict=True)):
        raise ParameterError(
            f"output_padding must be less than the stride or the dilation, got {extra[0]},{extra[1]} with stride "
            f"{step[0]},{step[1]} and dilation {spread[0]},{spread[1]}"
        )
    size, window = (planes.shape[1], planes.shape[2]), (weights.shape[-2], weights.shape[-1])
    if padding in ("same", "full"):
        raise ParameterError(f"a transposed convolution needs its padding in numbers, got {padding!r}")
    pads = resolve_pads(padding, size, window, step, spread)
    wanted = transpose_size(size, pads, window, step, spread, extra)
    per_group = weights.shape[1]
    added = None if bias is None else _bias(bias, per_group * groups)

    def stamped(values: Array, weights: Array) -> Array:
        out: Array = np.zeros((len(values), per_group * groups, *wanted), weights.dtype)
        if added is not None and computing.kind == "f":
            out[...] = added
        with np.errstate(all="ignore"), blas_in_one_thread():
            for group, part in enumerate(np.split(weights, groups)):  # (C/groups, K/groups, kH, kW)
                channels = slice(group * len(part), (group + 1) * len(part))
                maps = slice(group * per_group, (group + 1) * per_group)
                _stamp(values[:, channels], part, out[:, maps], step, spread, pads)
        return out

    if computing.kind == "f":
        return stamped(images, weights).reshape((*out_lead, *wanted))
    whole = None if added is None else np.broadcast_to(exactly(added, np.int64, "the bias"), (per_group * groups, 1, 1))
    out = exact_sums(stamped, images, weights, per_output=_by_map(weights, groups), bias=whole, dtype=computing)
    return out.reshape((*out_lead, *wanted))


def _by_map(weights: Array, groups: int) -> Array:
    """Return weights ``(C, K/groups, kH, kW)`` with the maps in front: what each map's sums are made of."""
    depth, per_group, *window = weights.shape
    grouped = weights.reshape(groups, depth // groups, per_group, *window).swapaxes(1, 2)
    return grouped.reshape(groups * per_group, -1, *window)


def _fit(planes: Array, lead: tuple[int, ...], weights: Array, groups: int) -> tuple[Array, Array, tuple[int, ...]]:
    """Return images ``(N, C, H, W)``, weights ``(C, K/groups, kH, kW)`` and the axes before the result's rows."""
    channels = lead[-1] if lead else 1
    if 0 in weights.shape or weights.ndim not in (2, 4):
        raise ShapeError(f"kernel must be (kH, kW) or (C, K/groups, kH, kW), got shape {weights.shape}")
    if weights.ndim == 2:
        if groups != 1:
            raise ShapeError(f"a 2-D kernel treats each channel by itself already; it takes no groups, got {groups}")
        return planes[:, None], weights[None, None], lead  # every channel an image of its own
    if len(weights) != channels or channels % groups:
        raise ShapeError(
            f"kernel {weights.shape} does not fit the image's {channels} channels in {groups} groups: "
            f"(C, K/groups, kH, kW) needs C = {channels}, and groups must divide it"
        )
    images = planes.reshape((-1, channels, *planes.shape[1:]))  # (N, C, H, W)
    return images, weights, (*lead[:-1], weights.shape[1] * groups)


def _bias(bias: ArrayLike, maps: int) -> Array:
    """Return the bias as ``(K, 1, 1)`` or ``(1, 1, 1)``."""
    values = real_array(bias, "bias")
    if values.shape not in ((), (1,), (maps,)):
        raise ShapeError(f"bias must be one number, or one for each of the {maps} maps, got shape {values.shape}")
    return values.reshape(-1, 1, 1)


def _stamp(images: Array, weights: Array, out: Array, stride: Pair, dilation: Pair, pads: Pads) -> None:
    """Add every value of `images` ``(N, C, H, W)``, times `weights` ``(C, K, kH, kW)``, to `out` ``(N, K, oH, oW)``."""
    batch, channels, height, width = images.shape
    matrix = np.ascontiguousarray(weights.reshape(channels, -1).T)  # (K*kH*kW, C)
    row_bytes = sum(matrix.shape) * width * weights.itemsize
    scratch = Scratch(weights.dtype)
    if batch >= MANY and max(height, width) < SHORT:
        _stamp_together(images, matrix, out, weights.shape[1:], stride, dilation, pads, scratch)
        return
    for samples, rows in row_blocks(batch, height, row_bytes):
        part = images[samples, :, rows].astype(weights.dtype, copy=False)
        depth, count = len(part), part.shape[2]
        stamps = scratch.array("stamps", (depth, len(matrix), count * width))
        multiply(matrix, part.reshape(depth, channels, -1), stamps, scratch)  # (N, K*kH*kW, rows*W)
        stamps = stamps.reshape((depth, *weights.shape[1:], count, width))  # (N, K, kH, kW, rows, W)
        target = out[samples]
        for u, v in np.ndindex(*weights.shape[2:]):
            rows_from, rows_to = _landing(rows, u * dilation[0] - pads.top, stride[0], out.shape[2])
            columns_from, columns_to = _landing(slice(0, width), v * dilation[1] - pads.left, stride[1], out.shape[3])
            target[:, :, rows_to, columns_to] += stamps[:, :, u, v, rows_from, columns_from]


def _stamp_together(
    images: Array, matrix: Array, out: Array, stamp: tuple[int, ...], stride: Pair, dilation: Pair, pads: Pads,
    scratch: Scratch,
) -> None:  # fmt: skip
    """Do the same for many small images, which lie side by side: their short rows are added as one long one."""
    batch, channels, height, width = images.shape
    for samples, _ in row_blocks(batch, 1, sum(matrix.shape) * height * width * matrix.itemsize):
        part = images[samples]
        beside = scratch.array("beside", (channels, height, width, len(part)))
        np.copyto(beside, part.transpose(1, 2, 3, 0), casting="unsafe")
        stamps = scratch.array("stamps", (len(matrix), height * width * len(part)))
        multiply(matrix, beside.reshape(channels, -1), stamps, scratch)
        stamps = stamps.reshape((*stamp, height, width, len(part)))  # (K, kH, kW, H, W, N)
        target = scratch.array("target", (*out.shape[1:], len(part)))
        target[...] = 0
        for u, v in np.ndindex(*stamp[1:]):
            rows_from, rows_to = _landing(slice(0, height), u * dilation[0] - pads.top, stride[0], out.shape[2])
            columns_from, columns_to = _landing(slice(0, width), v * dilation[1] - pads.left, stride[1], out.shape[3])
            target[:, rows_to, columns_to] += stamps[:, u, v, rows_from, columns_from]
        out[samples] += target.transpose(3, 0, 1, 2)


def _landing(source: slice, offset: int, stride: int, limit: int) -> tuple[slice, slice]:
    """Return which of the `source` cells land inside ``0 <= cell*stride + offset < limit``, and where they do.

    Examples
    --------
    >>> _landing(slice(4, 8), -9, 2, 6)  # cells 5, 6 and 7 land on 1, 3 and 5
    (slice(1, 4, None), slice(1, 7, 2))
    """
    first = max(source.start, -(offset // stride))
    last = max(first, min(source.stop, (limit - 1 - offset) // stride + 1))
    start = first * stride + offset
    return slice(first - source.start, last - source.start), slice(start, start + (last - first) * stride, stride)
