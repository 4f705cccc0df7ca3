"""The order of an image's axes: channels first, as here and in PyTorch, or last, as in OpenCV and scikit-image."""

from __future__ import annotations

import sys
import warnings
from typing import Any

import numpy as np

from cnnfilter.core.arrays import Array, real_array
from cnnfilter.errors import LayoutWarning, lookup

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
        What the user passed to a public function, which calls this.
    layout
        ``CHW`` or ``HWC``.
    certain
        Do not warn: something else says how many channels there are.

    Raises
    ------
    UnknownNameError
        If there is no such layout.

    Warns
    -----
    LayoutWarning
        If a layout of ``CHW`` makes no sense, in the line of the user's code that called.
    """
    lookup(LAYOUTS, layout, "layout")
    if layout == "CHW":
        if not certain and hasattr(image, "__array__") and looks_channels_last(np.shape(image)):
            _warn(np.shape(image))
        return image
    pixels = real_array(image, "image")
    return np.moveaxis(pixels, -1, -3) if pixels.ndim in (3, 4) else pixels


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


def _warn(shape: tuple[int, ...], otherwise: str = "layout='HWC'") -> None:
    """Warn in the line that called a public function; calls from within the package know what they do."""
    level, frame = 3, sys._getframe(3)
    while frame.f_back is not None and frame.f_globals.get("__name__") == "cnnfilter.api":
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
