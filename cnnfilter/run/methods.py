"""Arithmetic of other tools' own functions that is not one sum of products: fixed point, several passes, opacity."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cnnfilter.core.arrays import Array
from cnnfilter.core.exact import left_over, rest_of, write_rest

#: Cells up to which ``cv2.blur`` of 8 bits multiplies by a whole number, and the bits of that.
BLUR_CELLS, BLUR_BITS = 256, 23
#: Bits of Pillow's fixed point, and the passes of a box that its Gaussian is made of.
PILLOW_BITS, PILLOW_PASSES = 24, 3


def fixed_point(weights: Array, bits: int) -> Array:
    """Return a Gaussian as OpenCV's fixed-point GaussianBlur holds it.

    Each side's weights become whole numbers over ``2**bits``: rounded from the outside in, each error carried to the
    next one, and the middle takes what is missing, so that they sum to 1.

    Parameters
    ----------
    weights
        ``(kH, kW)``, separable, sum 1, odd sides.

    References
    ----------
    .. [1] OpenCV, modules/imgproc/src/smooth.dispatch.cpp, ``getGaussianKernelFixedPoint_ED``.

    Examples
    --------
    >>> (fixed_point(np.outer([0.25, 0.5, 0.25], [0.3, 0.4, 0.3]), 8) * 65536).astype(int)
    array([[ 4928,  6528,  4928],
           [ 9856, 13056,  9856],
           [ 4928,  6528,  4928]])
    """
    sides = []
    for profile in (weights.sum(axis=1), weights.sum(axis=0)):
        whole, error, half = np.zeros(len(profile)), 0.0, len(profile) // 2
        for index in range(half):
            wanted = profile[index] * 2**bits + error
            whole[index] = whole[-1 - index] = np.rint(wanted)
            error = wanted - whole[index]
        whole[half] = 2**bits - 2 * whole[:half].sum()
        sides.append(whole / 2**bits)
    return np.outer(*sides)


def blur_of_sums(cells: int, top: int) -> Callable[[Array], None]:
    """Return what makes means, in place, of the sums of `cells` pixels ``(C, rows, W)``, as ``cv2.blur`` does.

    Up to 256 pixels of 8 bits are divided in fixed point, others in single precision, and what is left over of its
    vectors in double precision.

    References
    ----------
    .. [1] OpenCV, modules/imgproc/src/box_filter.simd.hpp, ``ColumnSum``.

    Examples
    --------
    >>> sums = np.array([[[1.0, 5.0, 1020.0]]]); blur_of_sums(4, 255)(sums); sums
    array([[[  1.,   2., 255.]]])
    """
    if cells == 1:
        return lambda sums: None
    if top > 255 or cells > BLUR_CELLS:

        def scaled(sums: Array) -> None:
            rest = left_over(sums)
            exact = np.rint(rest_of(sums, rest) * (1 / cells))
            np.rint(sums.astype(np.float32) * np.float32(1 / cells), out=sums, casting="unsafe")
            write_rest(sums, exact)

        return scaled
    scale, fraction = divmod((1 << BLUR_BITS) / cells, 1)
    delta, factor = cells // 2 + (fraction < 0.5), scale + (fraction >= 0.5)

    def shifted(sums: Array) -> None:
        np.floor((sums + delta) * factor / (1 << BLUR_BITS), out=sums)
        np.clip(sums, 0, top, out=sums)

    return shifted


def box_passes(values: Array, radius: tuple[float, float], passes: int) -> Array:
    """Return whole numbers of 8 bits after passes of a box along columns and then along rows, as Pillow's BoxBlur.

    A fraction of the radius counts the pixels at both ends by that share; each pass is rounded to 8 bits, and beyond
    the border the border pixel is repeated.

    Parameters
    ----------
    values
        ``(..., H, W)``.
    radius
        Along rows (down) and along columns (across).

    References
    ----------
    .. [1] Pillow, src/libImaging/BoxBlur.c.

    Examples
    --------
    >>> box_passes(np.array([[0, 0, 90, 0, 0]]), (0, 1), 1)
    array([[ 0, 30, 30, 30,  0]])
    """
    whole = values.astype(np.int64)
    for axis in (-1, -2):
        for _ in range(passes if radius[axis] else 0):
            whole = _box_pass(whole, radius[axis], axis)
    return whole


def _box_pass(values: Array, radius: float, axis: int) -> Array:
    """Return one pass of a box along an axis."""
    side, single = int(radius), np.float32(radius)
    inner = int(np.float32(1 << PILLOW_BITS) / (single * 2 + 1))
    outer = ((1 << PILLOW_BITS) - (side * 2 + 1) * inner) // 2
    lines = np.moveaxis(values, axis, -1)
    length = lines.shape[-1]
    places = np.arange(-side - 1, length + side + 1).clip(0, length - 1)
    windows = np.lib.stride_tricks.sliding_window_view(lines[..., places], 2 * side + 3, axis=-1)
    total = windows[..., 1:-1].sum(-1) * inner + (windows[..., 0] + windows[..., -1]) * outer
    return np.moveaxis((total + (1 << (PILLOW_BITS - 1))) >> PILLOW_BITS, -1, axis)


def pass_radius(sigma: float) -> float:
    """Return the radius of the box whose passes Pillow takes for a Gaussian, in its single precision.

    Examples
    --------
    >>> round(pass_radius(2.0), 4)
    1.375
    """
    single = np.float32
    variance = single(sigma) * single(sigma) / single(PILLOW_PASSES)
    length = single(np.sqrt(12.0 * float(variance) + 1.0))
    whole = single(np.floor((float(length) - 1.0) / 2.0))
    share = (2 * whole + 1) * (whole * (whole + 1) - 3 * variance)
    share /= 6 * (variance - (whole + 1) * (whole + 1))
    return float(whole + share)


def by_opacity(weighted: Array, opacity: Array) -> Array:
    """Return colours whose sums were weighted by opacity, divided by the weights' sum, as ImageMagick does.

    Parameters
    ----------
    weighted
        Sums of weight times opacity times colour, ``(C, H, W)``.
    opacity
        Sums of weight times opacity, ``(1, H, W)``; next to 0 the quotient is as large as ImageMagick lets it be.

    References
    ----------
    .. [1] ImageMagick 6, magick/morphology.c, ``MorphologyPrimitive``; ``PerceptibleReciprocal``.
    """
    sign = np.where(opacity < 0, -1.0, 1.0)
    with np.errstate(divide="ignore"):
        quotient = np.where(sign * opacity >= TINY, 1 / opacity, sign / TINY)
    return weighted * quotient


#: ``MagickEpsilon``.
TINY = 1e-12
