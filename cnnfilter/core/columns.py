"""The im2col matrix itself: every window a column, and the way back, which adds up what overlaps."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cnnfilter.core.arrays import Array, channels_first, check_image, exactly, real_array
from cnnfilter.core.gradients.linear import fold_back
from cnnfilter.core.im2col import windows
from cnnfilter.core.rows import with_border
from cnnfilter.core.shapes import PaddingLike, conv_size, pair, parse_border, resolve_pads
from cnnfilter.core.whole import check_digits
from cnnfilter.errors import ParameterError, ShapeError


def im2col(
    image: ArrayLike,
    kernel_size: int | str | tuple[int, int],
    *,
    stride: int | str | tuple[int, int] = 1,
    padding: PaddingLike = "valid",
    padding_mode: str = "zeros",
    dilation: int | str | tuple[int, int] = 1,
    layout: str = "CHW",
) -> Array:
    """Return the matrix whose columns are the windows of an image: a filter bank times it is the convolution.

    Parameters
    ----------
    image
        ``(H, W)``, ``(C, H, W)`` or ``(N, C, H, W)``, any real type, which the matrix keeps.
    kernel_size
        Rows and columns of the window: n, or rows and columns.
    stride, padding, padding_mode, dilation
        As for ``conv2d``.
    layout
        ``CHW``, or ``HWC`` for images with the channels last. The matrix is the same.

    Returns
    -------
    numpy.ndarray
        ``(C*kH*kW, oH*oW)``, with N in front for a batch, where ``out = (in + pads - dilation*(k-1) - 1) // stride +
        1``. Row ``(c*kH + i)*kW + j`` holds what the weight at ``i, j`` of channel c meets; column ``r*oW + q`` is the
        window of the output at ``r, q``: the order of ``torch.nn.functional.unfold``.

    Raises
    ------
    ShapeError
        If the image has another number of axes, or no window fits.
    ParameterError
        If an argument has the wrong form, or the image's type does not hold the border's value.

    Notes
    -----
    The matrix is ``kH*kW`` times as large as the image where the stride is 1. ``conv2d`` never holds it whole.

    References
    ----------
    .. [1] K. Chellapilla, S. Puri and P. Simard, "High performance convolutional neural networks for document
       processing", 2006.

    Examples
    --------
    >>> matrix = im2col([[1, 2, 3], [4, 5, 6], [7, 8, 9]], 2)
    >>> matrix
    array([[1, 2, 4, 5],
           [2, 3, 5, 6],
           [4, 5, 7, 8],
           [5, 6, 8, 9]])
    >>> np.array([1, 0, 0, -1]) @ matrix  # the kernel [[1, 0], [0, -1]], and a map of 2 x 2
    array([-4, -4, -4, -4])
    """
    pixels = real_array(channels_first(image, layout), "image")
    check_image(pixels.shape)
    kernel, step, spread = pair(kernel_size, "kernel_size"), pair(stride, "stride"), pair(dilation, "dilation")
    sides = (pixels.shape[-2], pixels.shape[-1])
    pads, border = resolve_pads(padding, sides, kernel, step, spread), parse_border(padding_mode)
    out = conv_size(sides, pads, kernel, step, spread)
    if pads:
        if pixels.dtype.kind != "f":
            check_digits(np.array(border.value), "the border")
        exactly(np.array(border.value), pixels.dtype, "the border")
    images = with_border(pixels.reshape((1,) * (4 - pixels.ndim) + pixels.shape), pads, border)
    taken = windows(images, kernel, step, spread, out)  # (N, C, kH, kW, oH, oW)
    return taken.reshape(*pixels.shape[:-3], -1, out[0] * out[1])


def col2im(
    columns: ArrayLike,
    shape: tuple[int, ...],
    kernel_size: int | str | tuple[int, int],
    *,
    stride: int | str | tuple[int, int] = 1,
    padding: PaddingLike = "valid",
    padding_mode: str = "zeros",
    dilation: int | str | tuple[int, int] = 1,
) -> Array:
    """Lay the columns of an im2col matrix back over an image, and add up where windows overlap.

    It is the transpose of ``im2col``, not its inverse: a cell that k windows hold comes back k times as large.
    Multiply the matrix of a gradient by it and you have the gradient of the image.

    Parameters
    ----------
    columns
        ``(C*kH*kW, oH*oW)``, with N in front for a batch, as ``im2col`` gives them.
    shape
        Of the image: ``(H, W)``, ``(C, H, W)`` or ``(N, C, H, W)``.
    kernel_size, stride, padding, padding_mode, dilation
        As ``im2col`` was given them. What lies in the border is dropped, or added to the cell that it repeats.

    Returns
    -------
    numpy.ndarray
        The image, in the columns' type; booleans and small integers are added up in the platform's whole numbers.

    Raises
    ------
    ShapeError
        If `columns` is not the matrix of such an image.
    ParameterError
        If an argument has the wrong form, or a whole sum does not fit.

    Examples
    --------
    >>> col2im(np.ones((4, 4)), (3, 3), 2)
    array([[1., 2., 1.],
           [2., 4., 2.],
           [1., 2., 1.]])
    """
    matrix, whole = real_array(columns, "columns"), _image_shape(shape)
    kernel, step, spread = pair(kernel_size, "kernel_size"), pair(stride, "stride"), pair(dilation, "dilation")
    sides = (whole[2], whole[3])
    pads, border = resolve_pads(padding, sides, kernel, step, spread), parse_border(padding_mode)
    rows, width = conv_size(sides, pads, kernel, step, spread)
    wanted = (*shape[:-3], whole[1] * kernel[0] * kernel[1], rows * width)
    if matrix.shape != wanted:
        raise ShapeError(f"columns {matrix.shape} do not fit an image {tuple(shape)}, whose matrix is {wanted}")
    taps = matrix.reshape(whole[0], whole[1], *kernel, rows, width)
    dtype = matrix.dtype if matrix.dtype.kind == "f" else np.result_type(matrix.dtype, np.int_)

    def laid(made: Any) -> Array:
        padded = np.zeros((*whole[:2], sides[0] + pads.rows, sides[1] + pads.columns), made)
        for i, j in np.ndindex(*kernel):
            top, left = i * spread[0], j * spread[1]
            seen = padded[..., top : top + (rows - 1) * step[0] + 1 : step[0], left:]
            seen[..., : (width - 1) * step[1] + 1 : step[1]] += taps[:, :, i, j]
        return fold_back(padded, pads, sides, border.mode)

    reach = 0 if dtype.kind == "f" else max(abs(int(matrix.min())), abs(int(matrix.max())))
    doubtful = reach * matrix.shape[-2] * matrix.shape[-1] >= 2**63  # no cell adds up more than all values
    if doubtful and np.abs(laid(np.float64)).max() >= 2.0**63:  # where int64 goes round, the float shows it
        raise ParameterError(f"columns up to {matrix.max()} add up to more than {dtype} holds")
    return laid(dtype).reshape(shape)


def _image_shape(shape: Any) -> tuple[int, int, int, int]:
    """Return the shape of an image with all four axes."""
    sides = tuple(shape) if isinstance(shape, tuple | list) else ()
    if len(sides) not in (2, 3, 4) or not all(isinstance(one, int | np.integer) and one > 0 for one in sides):
        raise ShapeError(f"shape must be (H, W), (C, H, W) or (N, C, H, W), got {shape!r}")
    batch, channels, rows, columns = (*(1,) * (4 - len(sides)), *map(int, sides))
    return batch, channels, rows, columns
