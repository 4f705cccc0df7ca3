"""Gradients of convolutions and dense layers: how a loss changes with input, weights and bias.

Each function takes what the forward function took, and the gradient of a loss with respect to its result. A
convolution is linear in its input and in its weights, so both gradients are convolutions again: the input's is the
transposed convolution, the weights' the correlation of the input with the gradient.
"""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from cnnfilter.core.arrays import Array, computing_type, real_array
from cnnfilter.core.blas import blas_in_one_thread
from cnnfilter.core.conv import conv2d, prepare
from cnnfilter.core.im2col import SHORT, windows_beside
from cnnfilter.core.rows import Scratch, source_position, with_border
from cnnfilter.core.shapes import Border, PaddingLike, Pads, Pair, pair, resolve_pads
from cnnfilter.core.transpose import conv_transpose2d
from cnnfilter.errors import ShapeError


class Gradients(NamedTuple):
    """The gradients of a loss, each of the shape of what it belongs to."""

    input: Array
    weights: Array
    bias: Array


def conv2d_gradient(
    image: ArrayLike,
    kernel: Any,
    gradient: ArrayLike,
    *,
    stride: int | str | tuple[int, int] = 1,
    padding: PaddingLike = "valid",
    padding_mode: str = "zeros",
    dilation: int | str | tuple[int, int] = 1,
    groups: int = 1,
    flip: bool = False,
    of_input: bool = True,
) -> Gradients:
    """Return the gradients of a loss with respect to what ``conv2d`` was given.

    Parameters
    ----------
    image, kernel, stride, padding, padding_mode, dilation, groups, flip
        As ``conv2d`` was given them.
    gradient
        The gradient with respect to the result of ``conv2d``, in its shape.
    of_input
        False where nobody needs the gradient of the image, which is dear: it is all 0 then.

    Returns
    -------
    Gradients
        ``input`` in the shape of the image, ``weights`` in that of the kernel, and ``bias``, one number for each
        filter: ``(K,)``, or ``(1,)`` for a 2-D kernel.

    Raises
    ------
    ShapeError
        If the shapes do not fit together.
    ParameterError
        If an argument has the wrong form.

    Notes
    -----
    With ``g`` for the gradient and ``x`` for the image with its border::

        weights[k, c, i, j] = sum over n, r, q of g[n, k, r, q] * x[n, c, r*stride + i*dilation, q*stride + j*dilation]
        input[n, c, y, x]   = sum of g[n, k, r, q] * kernel[k, c, i, j] over all windows that hold the cell
        bias[k]             = sum over n, r, q of g[n, k, r, q]

    A cell of the border is a cell of the image seen again (``reflect``, ``replicate`` and so on): what flows to it
    flows to that cell.

    References
    ----------
    .. [1] Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, "Gradient-based learning applied to document recognition",
       Proceedings of the IEEE 86(11), 1998.

    Examples
    --------
    >>> found = conv2d_gradient([[1, 2, 3], [4, 5, 6], [7, 8, 9]], [[1, 0], [0, -1]], np.ones((2, 2)))
    >>> found.weights
    array([[12., 16.],
           [24., 28.]], dtype=float32)
    >>> found.input
    array([[ 1.,  1.,  0.],
           [ 1.,  0., -1.],
           [ 0., -1., -1.]], dtype=float32)
    >>> found.bias
    array([4.], dtype=float32)
    """
    job = prepare(
        image, kernel, stride=stride, padding=padding, padding_mode=padding_mode, dilation=dilation, groups=groups,
        flip=flip, engine="im2col",
    )  # fmt: skip
    sizes, weights = job.plan.sizes, job.weights  # turned already where `flip` says so
    pixels, dtype = real_array(image, "image"), job.weights.dtype
    flows = in_shape(gradient, job.shape, dtype).reshape(sizes.batch, sizes.filters, *sizes.out)
    images = pixels.reshape(sizes.batch, sizes.channels, *sizes.size)
    with np.errstate(all="ignore"):
        padded = with_border(images.astype(dtype, copy=False), sizes.pads, sizes.border)
        of_weights = correlation(flows, padded, sizes.kernel, sizes.stride, sizes.dilation, sizes.groups)
        spread = np.zeros_like(padded)
        if of_input:
            back = conv_transpose2d(flows, weights, stride=sizes.stride, dilation=sizes.dilation, groups=sizes.groups)
            spread[:, :, : back.shape[2], : back.shape[3]] = back  # rows that no window reached stay 0
        flowing = fold_back(spread, sizes.pads, sizes.size, sizes.border.mode)
    turned = of_weights[..., ::-1, ::-1] if flip else of_weights
    return Gradients(
        flowing.reshape(pixels.shape),
        np.ascontiguousarray(turned).reshape(np.shape(getattr(kernel, "weights", kernel))),
        _sums(flows),
    )


def conv_transpose2d_gradient(
    image: ArrayLike,
    kernel: Any,
    gradient: ArrayLike,
    *,
    stride: int | str | tuple[int, int] = 1,
    padding: PaddingLike = 0,
    output_padding: int | str | tuple[int, int] = 0,
    dilation: int | str | tuple[int, int] = 1,
    groups: int = 1,
) -> Gradients:
    """Return the gradients of a loss with respect to what ``conv_transpose2d`` was given.

    Parameters
    ----------
    image, kernel, stride, padding, output_padding, dilation, groups
        As ``conv_transpose2d`` was given them.
    gradient
        The gradient with respect to the result of ``conv_transpose2d``, in its shape.

    Returns
    -------
    Gradients
        ``input`` in the shape of the image, ``weights`` in that of the kernel, and ``bias``, one number for each map:
        ``(K,)``, or ``(1,)`` for a 2-D kernel.

    Raises
    ------
    ShapeError
        If the shapes do not fit together.
    ParameterError
        If an argument has the wrong form.

    Notes
    -----
    The way back of a way back: the input's gradient is the convolution of the result's gradient with the same kernel.

    Examples
    --------
    >>> found = conv_transpose2d_gradient([[1, 2]], [[1, 3]], [[1, 10, 100, 1000]], stride=2)
    >>> found.input, found.weights
    (array([[  31., 3100.]], dtype=float32), array([[ 201., 2010.]], dtype=float32))
    """
    pixels, stamp = real_array(image, "image"), real_array(kernel, "kernel")
    forward = conv_transpose2d(  # checks all arguments, and says what shape comes out
        pixels, stamp, stride=stride, padding=padding, output_padding=output_padding, dilation=dilation, groups=groups
    )
    flat = stamp.ndim == 2
    groups = 1 if flat else groups
    weights = (stamp[None, None] if flat else stamp).astype(forward.dtype)  # (C, K/groups, kH, kW)
    maps = 1 if flat else weights.shape[1] * groups
    step, spread = pair(stride, "stride"), pair(dilation, "dilation")
    size, window = (pixels.shape[-2], pixels.shape[-1]), (weights.shape[2], weights.shape[3])
    pads = resolve_pads(padding, size, window, step, spread)
    flows = in_shape(gradient, forward.shape, forward.dtype).reshape(-1, maps, *forward.shape[-2:])
    images = pixels.reshape(-1, len(weights), *size).astype(forward.dtype, copy=False)
    with np.errstate(all="ignore"):
        sides = ((pads.top, pads.bottom), (pads.left, pads.right))
        whole = with_border(flows, pads, Border())
        of_input = conv2d(flows, weights, stride=step, padding=sides, dilation=spread, groups=groups, engine="im2col")[
            :, :, : size[0], : size[1]
        ]
        of_weights = correlation(images, whole, window, step, spread, groups)
    return Gradients(of_input.reshape(pixels.shape), of_weights.reshape(stamp.shape), _sums(flows))


def dense_gradient(vector: ArrayLike, weight: ArrayLike, gradient: ArrayLike) -> Gradients:
    """Return the gradients of a loss with respect to what ``dense`` was given.

    Parameters
    ----------
    vector, weight
        ``(in,)`` or ``(N, in)``, and ``(out, in)``, as ``dense`` was given them.
    gradient
        The gradient with respect to the result of ``dense``: ``(out,)`` or ``(N, out)``.

    Returns
    -------
    Gradients
        ``input``, ``weights`` and ``bias`` ``(out,)``.

    Raises
    ------
    ShapeError
        If the shapes do not fit together.

    Notes
    -----
    ``input = gradient @ weight``; ``weights[o, i]`` is the sum over n of ``gradient[n, o] * vector[n, i]``; ``bias[o]``
    the sum over n of ``gradient[n, o]``.

    Examples
    --------
    >>> dense_gradient([155, 60], [[0.27, 0.2], [-0.1, -0.4]], [1, 0])
    Gradients(input=array([0.27, 0.2 ], dtype=float32), weights=array([[155.,  60.],
           [  0.,   0.]], dtype=float32), bias=array([1., 0.], dtype=float32))
    """
    values, weights = real_array(vector, "vector"), real_array(weight, "weight")
    if values.ndim not in (1, 2) or weights.ndim != 2 or weights.shape[1] != values.shape[-1]:
        raise ShapeError(
            f"weight {weights.shape} does not fit vector {values.shape}: (out, in) goes with (in,) or (N, in)"
        )
    dtype = computing_type(values)
    flows = in_shape(gradient, (*values.shape[:-1], len(weights)), np.dtype(np.float64))
    with np.errstate(all="ignore"), blas_in_one_thread():
        of_input = flows @ weights.astype(np.float64, copy=False)
        rows, inputs = np.atleast_2d(flows), np.atleast_2d(values.astype(np.float64, copy=False))
        return Gradients(of_input.astype(dtype), (rows.T @ inputs).astype(dtype), rows.sum(axis=0).astype(dtype))


def correlation(flows: Array, images: Array, kernel: Pair, stride: Pair, dilation: Pair, groups: int = 1) -> Array:
    """Return, for each tap of a kernel, the sum of the products of `flows` and of what the tap saw.

    Parameters
    ----------
    flows
        ``(N, K, oH, oW)``.
    images
        ``(N, C, H, W)`` with their borders, in the same type.
    kernel, stride, dilation
        Rows and columns of each.
    groups
        Parts that K and C fall into.

    Returns
    -------
    numpy.ndarray
        ``(K, C/groups, kH, kW)``, added up in float64 from picture to picture and block to block.
    """
    batch, filters, rows, columns = flows.shape
    taps = images.shape[1] * kernel[0] * kernel[1]
    out = np.zeros((groups, filters // groups, taps // groups))
    scratch = Scratch(flows.dtype)
    many = max(1, _BLOCK // (taps * rows * columns)) if columns < SHORT else 1  # long rows are copied fast as they are
    step = max(1, _BLOCK // (taps * columns))
    with blas_in_one_thread():
        for first, top in itertools.product(range(0, batch, many), range(0, rows, step)):
            part = flows[first : first + many, :, top : top + step]
            left = scratch.array("flows", (*part.shape[1:], len(part)))
            np.copyto(left, part.transpose(1, 2, 3, 0))  # (K, rows, oW, N): what is short goes beside its like
            start, count = top * stride[0], part.shape[2]
            seen = images[first : first + many, :, start : start + (count - 1) * stride[0] + dilation[0] * kernel[0]]
            beside = scratch.array("images", (*seen.shape[1:], len(part)))
            np.copyto(beside, seen.transpose(1, 2, 3, 0))  # (C, rows_in, W, N)
            right = scratch.array("columns", (images.shape[1], *kernel, count, columns, len(part)))
            np.copyto(right, windows_beside(beside, kernel, stride, dilation, (count, columns)))
            by_group = left.reshape(*out.shape[:2], -1) @ right.reshape(groups, taps // groups, -1).transpose(0, 2, 1)
            out += by_group
    return out.reshape(filters, -1, *kernel).astype(flows.dtype)


#: Values that one product reads: a few megabytes at most are copied at a time.
_BLOCK = 1 << 19


def fold_back(padded: Array, pads: Pads, size: Pair, mode: str) -> Array:
    """Return what flows to the cells ``(..., H, W)`` inside a border, that of the border added where it came from."""
    rows = _fold_axis(padded, pads.top, size[0], mode, axis=-2)
    return _fold_axis(rows, pads.left, size[1], mode, axis=-1)


def _fold_axis(padded: Array, before: int, length: int, mode: str, axis: int) -> Array:
    """Return one axis without its border."""
    moved = np.moveaxis(padded, axis, 0)
    inside = moved[before : before + length].copy()
    for position in (*range(-before, 0), *range(length, len(moved) - before)):
        source = source_position(position, length, mode)
        if source is not None:
            inside[source] += moved[before + position]
    return np.ascontiguousarray(np.moveaxis(inside, 0, axis))


def in_shape(gradient: ArrayLike, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Return a gradient in the type that is computed in, or say what shape it must have."""
    flows = real_array(gradient, "gradient")
    if flows.shape != shape:
        raise ShapeError(f"gradient {flows.shape} does not fit the result, which is {shape}")
    return flows.astype(dtype, copy=False)


def _sums(flows: Array) -> Array:
    """Return the gradient of the bias: ``(K,)``."""
    return flows.sum(axis=(0, 2, 3), dtype=np.float64).astype(flows.dtype)  # type: ignore[no-any-return]
