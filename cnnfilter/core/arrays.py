"""What users pass, made into arrays of one form: real numbers, a computing type, planes of rows and columns."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnnfilter.errors import ParameterError, ShapeError

Array = np.ndarray[Any, np.dtype[Any]]


def real_array(values: Any, name: str) -> Array:
    """Return `values` as an array of real numbers, or say what is wrong with them.

    Parameters
    ----------
    values
        An array, nested lists, or an object that holds an array as ``weights``, such as a kernel.
    name
        What the message calls it.

    Raises
    ------
    ShapeError
        If the rows have different lengths.
    ParameterError
        If the values are text, objects, dates or complex numbers, or the array is masked.

    Examples
    --------
    >>> real_array([[1, 2], [3]], "image")
    Traceback (most recent call last):
        ...
    cnnfilter.errors.ShapeError: image is ragged: its rows have different lengths
    """
    values = getattr(values, "weights", values)
    if isinstance(values, np.ma.MaskedArray):
        raise ParameterError(
            f"{name} is a masked array, and its mask would be lost (values.filled(numpy.nan) keeps it as NaN)"
        )
    try:
        array = np.asarray(values)
    except ValueError:
        raise ShapeError(f"{name} is ragged: its rows have different lengths") from None
    if array.dtype.kind not in "biuf":
        raise ParameterError(f"{name} must hold real numbers, got type {array.dtype}")
    return array


def computing_type(array: Array) -> np.dtype[Any]:
    """Return the type to compute in: float64 for float64 of either byte order, float32 for everything else."""
    return np.dtype(np.float64 if array.dtype.newbyteorder("=") == np.float64 else np.float32)


def as_planes(image: Any) -> tuple[Array, tuple[int, ...]]:
    """Return an image as planes ``(P, H, W)``, and the axes ``()``, ``(C,)`` or ``(N, C)`` that the planes stand for.

    Raises
    ------
    ShapeError
        If the image has another number of axes, or no rows or columns.

    Examples
    --------
    >>> planes, lead = as_planes(np.zeros((2, 3, 4, 5)))
    >>> planes.shape, lead
    ((6, 4, 5), (2, 3))
    """
    pixels = real_array(image, "image")
    if pixels.ndim not in (2, 3, 4):
        raise ShapeError(f"image must be (H, W), (C, H, W) or (N, C, H, W), got shape {pixels.shape}")
    if 0 in pixels.shape:
        raise ShapeError(f"the image is empty: shape {pixels.shape}")
    return pixels.reshape(-1, *pixels.shape[-2:]), pixels.shape[:-2]  # (P, H, W)
