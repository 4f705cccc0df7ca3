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


def exactly(values: Array, dtype: Any, name: str) -> Array:
    """Return `values` in another type that holds each of them; only digits of a fraction may be rounded away.

    Parameters
    ----------
    values
        Real numbers.
    dtype
        The type of the result.
    name
        What the message calls them.

    Raises
    ------
    ParameterError
        If a whole-number type would lose a fraction or NaN, or a value lies outside the type's range.

    Examples
    --------
    >>> exactly(np.array([0.0, 255.0]), "uint8", "the image")
    array([  0, 255], dtype=uint8)
    >>> exactly(np.array([0.5]), "uint8", "the image")
    Traceback (most recent call last):
        ...
    cnnfilter.errors.ParameterError: the image holds 0.5, and uint8 holds whole numbers alone
    """
    wanted = np.dtype(dtype)
    if wanted.kind in "iub" and values.size:
        _check_whole(values, wanted, name)
    with np.errstate(over="ignore", invalid="ignore"):
        made = values.astype(wanted, copy=False)
    if wanted.kind == "f" and wanted.itemsize < max(values.dtype.itemsize, 5):
        lost = np.isfinite(values) & ~np.isfinite(made)
        if lost.any():
            raise ParameterError(f"{name} holds {values[lost][0]:g}, beyond what {wanted} holds")
    return made


def _check_whole(values: Array, wanted: np.dtype[Any], name: str) -> None:
    """Raise unless every value is a whole number inside a type's range."""
    low, high = (0, 1) if wanted.kind == "b" else (int(np.iinfo(wanted).min), int(np.iinfo(wanted).max))
    if values.dtype.kind == "f":
        lost = values != np.rint(values)  # NaN differs from itself
        if lost.any():
            raise ParameterError(f"{name} holds {values[lost][0]:g}, and {wanted} holds whole numbers alone")
    least, most = values.min(), values.max()
    if not np.isfinite([least, most]).all() or int(least) < low or int(most) > high:
        raise ParameterError(f"{name} holds {least:g} to {most:g}, and {wanted} holds {low} to {high}")
