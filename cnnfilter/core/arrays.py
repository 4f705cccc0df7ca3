"""What users pass, made into arrays of one form: real numbers, a computing type, channels first, planes."""

from __future__ import annotations

import contextlib
import sys
import warnings
from typing import Any

import numpy as np

from cnnfilter.errors import LayoutWarning, ParameterError, ShapeError, lookup

Array = np.ndarray[Any, np.dtype[Any]]


def real_array(values: Any, name: str) -> Array:
    """Return `values` as an array of real numbers, or say what is wrong with them.

    Parameters
    ----------
    values
        An array, also another library's (``__array__`` or DLPack), nested lists, or an object that holds an array as
        ``weights``, such as a kernel.
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
        bridged = hasattr(values, "__dlpack__") and not hasattr(values, "__array__")
        array = np.from_dlpack(values) if bridged else np.asarray(values)
    except ValueError:
        raise ShapeError(f"{name} is ragged: its rows have different lengths") from None
    except (RuntimeError, TypeError, BufferError) as error:  # what another library's tensors say of themselves
        raise ParameterError(f"{name} gives no array: {str(error).splitlines()[0]}") from error
    if array.dtype.kind not in "biuf":
        raise ParameterError(f"{name} must hold real numbers, got type {array.dtype}")
    return array


def computing_type(array: Array) -> np.dtype[Any]:
    """Return the type to compute in: float64 for float64 of either byte order, float32 for everything else."""
    return np.dtype(np.float64 if array.dtype.newbyteorder("=") == np.float64 else np.float32)


#: The types that can be asked for: floats to compute in, and whole numbers for exact sums.
TYPES = ("float32", "float64", "int32", "int64")


def type_of(dtype: Any) -> np.dtype[Any]:
    """Return a type that can be computed in.

    Raises
    ------
    ParameterError
        If it is none of these.

    Examples
    --------
    >>> type_of("int32"), type_of(np.float64)
    (dtype('int32'), dtype('float64'))
    """
    with contextlib.suppress(TypeError):
        if np.dtype(dtype).name in TYPES:
            found: np.dtype[Any] = np.dtype(np.dtype(dtype).name)
            return found
    raise ParameterError(f"dtype must be {', '.join(TYPES[:-1])} or {TYPES[-1]}, got {dtype!r}")


def whole_type(values: Array) -> np.dtype[Any] | None:
    """Return the type of values that are added up exactly, None for floats."""
    return values.dtype if values.dtype.kind == "i" else None


def whole_numbers(values: Array, name: str) -> Array:
    """Return values as whole numbers that int64 holds: integers as they are, floats once each is found to be whole.

    Raises
    ------
    ParameterError
        At the first fraction, and where.
    """
    small = values.dtype.kind == "b" or (values.dtype.kind in "iu" and np.can_cast(values.dtype, np.int64))
    return values if small else exactly(values, np.int64, name)


def check_image(shape: tuple[int, ...]) -> None:
    """Raise unless a shape is that of an image, or of a batch, that holds something.

    Raises
    ------
    ShapeError
        If it has another number of axes, or a side of 0.
    """
    if len(shape) not in (2, 3, 4):
        raise ShapeError(f"image must be (H, W), (C, H, W) or (N, C, H, W), got shape {shape}")
    if min(shape) < 1:
        raise ShapeError(f"the image is empty: shape {shape}")


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
    check_image(pixels.shape)
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
    cnnfilter.errors.ParameterError: the image holds 0.5 at 0, and uint8 holds whole numbers alone
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
            where = _place(np.unravel_index(int(lost.argmax()), lost.shape))
            raise ParameterError(f"{name} holds {values[lost][0]:g}{where}, and {wanted} holds whole numbers alone")
    least, most = values.min(), values.max()
    if not np.isfinite([least, most]).all() or int(least) < low or int(most) > high:
        raise ParameterError(f"{name} holds {least:g} to {most:g}, and {wanted} holds {low} to {high}")


def _place(index: tuple[Any, ...]) -> str:
    """Return where a value is: its row and column, and what comes before these; nothing for a single one."""
    numbers = [int(one) for one in index]
    if len(numbers) < 2:
        return f" at {numbers[0]}" if numbers else ""
    before = f"{', '.join(map(str, numbers[:-2]))}, " if any(numbers[:-2]) else ""
    return f" at {before}row {numbers[-2]}, column {numbers[-1]}"


#: The orders that an array may have.
LAYOUTS = {"CHW": "channels, rows, columns", "HWC": "rows, columns, channels"}

#: Channels that a picture with its channels last has.
_LAST = (3, 4)

#: The fewest rows and columns that look like the size of a picture; more in a batch, where maps are often small.
_FEWEST = {3: 5, 4: 16}


def looks_channels_last(shape: tuple[int, ...]) -> bool:
    """Say whether a shape can only sensibly be ``(H, W, C)``, or ``(N, H, W, C)``: a picture of 3 or 4 channels.

    Examples
    --------
    >>> looks_channels_last((6, 8, 3)), looks_channels_last((3, 6, 8)), looks_channels_last((64, 4, 4))
    (True, False, False)
    """
    return len(shape) in _FEWEST and shape[-1] in _LAST and min(shape[-3:-1]) >= _FEWEST[len(shape)]


def may_be_channels_last(shape: tuple[int, ...]) -> bool:
    """Say whether a shape could as well be ``(H, W, C)`` as ``(C, H, W)``.

    Examples
    --------
    >>> may_be_channels_last((3, 5, 3)), may_be_channels_last((4, 4, 4)), may_be_channels_last((3, 480, 640))
    (True, True, False)
    """
    return len(shape) in _FEWEST and (
        shape[-1] in _LAST or (shape[-1] < min(_LAST) and min(shape[-3:-1]) >= _FEWEST[len(shape)])
    )


def channels_first(image: Any, layout: str, *, certain: bool = False) -> Any:
    """Return an image of a layout as ``(H, W)``, ``(C, H, W)`` or ``(N, C, H, W)``, a view.

    Parameters
    ----------
    image
        What the user passed to a public function, which calls this. Pillow's images have their channels last, whatever
        the layout, which is then that of the result.
    layout
        ``CHW`` or ``HWC``.
    certain
        Do not warn: something else says how many channels there are.

    Raises
    ------
    UnknownNameError
        If there is no such layout.
    ParameterError
        If a Pillow image holds other numbers than light: palettes, transparency, other colour spaces.

    Warns
    -----
    LayoutWarning
        If a layout of ``CHW`` makes no sense, in the line of the user's code that called.
    """
    lookup(LAYOUTS, layout, "layout")
    if type(image).__module__.startswith("PIL.") and hasattr(image, "mode"):
        return _from_pillow(image)
    if layout == "CHW":
        if not certain and hasattr(image, "__array__") and looks_channels_last(np.shape(image)):
            _warn(np.shape(image))
        return image
    pixels = real_array(image, "image")
    return np.moveaxis(pixels, -1, -3) if pixels.ndim in (3, 4) else pixels


#: Modes of Pillow's images whose numbers are light, or are meant as numbers.
_LIGHT = ("L", "RGB", "I;16", "I", "F")


def _from_pillow(image: Any) -> Array:
    """Return a Pillow image as ``(H, W)`` or ``(3, H, W)``."""
    if image.mode not in _LIGHT:
        raise ParameterError(f"a Pillow image of mode {image.mode} is no plain light (image.convert('RGB'), or 'L')")
    pixels = np.asarray(image)
    return np.moveaxis(pixels, -1, 0) if pixels.ndim == 3 else pixels


def doubt_first_axis(image: Any) -> None:
    """Warn where an image whose channels seem to come last is worked on along its channels.

    Warns
    -----
    LayoutWarning
        In the line of the user's code that called the public function which calls this.
    """
    if hasattr(image, "__array__") and looks_channels_last(np.shape(image)):
        _warn(np.shape(image), "axis=-1")


def channels_back(maps: Array, layout: str) -> Array:
    """Return a result in the layout that was asked for: of three axes or four, the channels go last."""
    return np.ascontiguousarray(np.moveaxis(maps, -3, -1)) if layout == "HWC" and maps.ndim > 2 else maps


#: Modules whose functions stand around public ones.
_DOORS = ("cnnfilter.api", "cnnfilter.core.missing", "cnnfilter.core.whole_steps")


def _warn(shape: tuple[int, ...], otherwise: str = "layout='HWC'") -> None:
    """Warn in the line that called a public function; calls from within the package know what they do."""
    level, frame = 3, sys._getframe(3)
    while frame.f_back is not None and frame.f_globals.get("__name__") in _DOORS:
        level, frame = level + 1, frame.f_back
    if str(frame.f_globals.get("__name__")).startswith("cnnfilter."):
        return
    rows, columns, channels = shape[-3:]
    warnings.warn(
        f"an image of shape {shape} looks like {rows} x {columns} pixels of {channels} channels, and is taken as "
        f"{rows} channels of {columns} x {channels} ({otherwise} says otherwise)",
        LayoutWarning,
        stacklevel=level + 1,
    )


#: The largest power of two of the fraction that is looked for.
FRACTION_BITS = 20
#: From here on not every whole number is a float64.
LARGEST_WHOLE = 2.0**53


def whole_scale(weights: Array) -> float | None:
    """Return the smallest power of two that makes all `weights` whole numbers; None where none up to 2**20 does.

    Examples
    --------
    >>> whole_scale(np.array([1, -2, 1])), whole_scale(np.array([0.25, 0.5])), whole_scale(np.array([1, 1]) / 3)
    (1.0, 4.0, None)
    """
    first = weights.ravel()[:64]  # most weights are no such numbers, and these show it at once
    scales = (2.0**bits for bits in range(FRACTION_BITS + 1))
    return next((scale for scale in scales if _is_whole(first * scale) and _is_whole(weights * scale)), None)


def _is_whole(values: Array) -> bool:
    """Say whether `values` are whole numbers that float64 holds."""
    return bool(np.all((values == np.rint(values)) & (np.abs(values) < LARGEST_WHOLE)))
