"""The public functions that take a kernel: what names one becomes weights here, then the core computes."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import ArrayLike

from cnnfilter.core import conv, transpose
from cnnfilter.core.arrays import Array, channels_back, channels_first, real_array
from cnnfilter.errors import ShapeError
from cnnfilter.library.kernel import FilterBank, Kernel

Function = TypeVar("Function", bound=Callable[..., Array])


def _reads_kernels(function: Function, apply: Callable[..., Array]) -> Function:
    """Let the kernel of `function` also be a spec such as ``sobel-x``, a kernel, a filter bank, or a list of these.

    A type checker sees the parameters of `function`: texts, and what has ``__array__``, are arrays to it.
    """

    @wraps(function)
    def with_kernels(image: ArrayLike, kernel: Any, *arguments: Any, **options: Any) -> Array:
        found = _find(kernel)
        if found is None:
            return function(image, kernel, *arguments, **options)
        return apply(image, found, *arguments, **options)

    with_kernels.__module__ = __name__  # where pickle finds it
    return cast("Function", with_kernels)


def _find(kernel: Any) -> Kernel | FilterBank | None:
    """Return the kernel or filter bank that is meant; None where it is an array."""
    if isinstance(kernel, str):
        from cnnfilter.library.load import load_kernel

        return load_kernel(kernel)
    if isinstance(kernel, Kernel | FilterBank):
        return kernel
    if (
        isinstance(kernel, list | tuple)
        and kernel
        and all(isinstance(one, str | Kernel | FilterBank) for one in kernel)
    ):
        parts = [_find(one) for one in kernel]
        return FilterBank("kernels", tuple(one for part in parts for one in _several(part)))
    return None


def _several(found: Kernel | FilterBank | None) -> tuple[Kernel, ...]:
    """Return a kernel, or those of a bank, as a tuple."""
    if found is None:
        return ()
    return (found,) if isinstance(found, Kernel) else found.kernels


def _convolve_layout(image: ArrayLike, kernel: Kernel | FilterBank, *, layout: str = "CHW", **options: Any) -> Array:
    """Return the maps of one kernel, or those of a bank with an axis for the kernels, in the image's layout."""
    deep = kernel.weights.ndim == 3 if isinstance(kernel, Kernel) else any(one.weights.ndim == 3 for one in kernel)
    pixels = real_array(channels_first(image, layout, certain=deep), "image")
    maps = _convolve(pixels, kernel, **options)
    single = isinstance(kernel, Kernel) and deep  # no axis is left that could go last
    return maps if single else channels_back(maps, layout)


def _convolve(pixels: Array, kernel: Kernel | FilterBank, **options: Any) -> Array:
    """Return the maps of one kernel, or those of a bank with an axis for the kernels in front of the channels'."""
    if isinstance(kernel, Kernel):
        if kernel.weights.ndim == 2:
            return _run(pixels, kernel.weights, **options)
        return _run(pixels, kernel.weights[None], **options)[..., 0, :, :]  # one map, and no axis for it
    shapes = {one.shape for one in kernel}
    if len(shapes) > 1:
        return _one_by_one(pixels, kernel, **options)
    bank = kernel.weights  # (K, C, kH, kW)
    alone = kernel[0].weights.ndim == 2 and pixels.ndim > 2 and options.get("groups", 1) == 1
    if not alone or pixels.shape[-3] == 1:
        return _run(pixels, bank, **options)
    planes = pixels.reshape(-1, 1, *pixels.shape[-2:])  # every channel an image
    maps = _run(planes, bank, **options)  # (N*C, K, oH, oW)
    maps = maps.reshape(*pixels.shape[:-2], *maps.shape[1:])
    return np.ascontiguousarray(np.swapaxes(maps, -3, -4))  # (K, C, oH, oW) or (N, K, C, oH, oW)


def _run(pixels: Array, weights: Array, *, threads: int | None = None, **options: Any) -> Array:
    """Return the maps of an image whose layout is known."""
    return conv.prepare(pixels, weights, **options).run(threads)


def _one_by_one(pixels: Array, bank: FilterBank, *, bias: ArrayLike | None = None, **options: Any) -> Array:
    """Return the maps of kernels of several sizes, where they come out in one size."""
    if bias is None or np.size(bias) == 1:
        biases: list[Any] = [bias] * len(bank)
    elif np.shape(bias) == (len(bank),):
        biases = list(np.asarray(bias))
    else:
        raise ShapeError(f"bias must be one number or one for each of the {len(bank)} kernels, got {np.shape(bias)}")
    maps = [_convolve(pixels, one, bias=value, **options) for one, value in zip(bank, biases, strict=True)]
    if len({one.shape for one in maps}) > 1:
        sizes = ", ".join(
            f"{one.name} {'x'.join(map(str, part.shape))}" for one, part in zip(bank, maps[:4], strict=False)
        )
        raise ShapeError(
            f"the maps of {bank.name!r} differ in size ({sizes}), so no array holds them all "
            "(padding='same' makes them one size, or take the kernels one by one: for kernel in load_kernel(...))"
        )
    return np.stack(maps, axis=1 if pixels.ndim == 4 else 0)


def _spread(image: ArrayLike, kernel: Kernel | FilterBank, **options: Any) -> Array:
    """Return the transposed convolution; a kernel ``(C, kH, kW)`` has one plane for each channel, and makes one map."""
    if isinstance(kernel, Kernel) and kernel.weights.ndim == 3:
        return transpose.conv_transpose2d(image, kernel.weights[:, None], **options)[..., 0, :, :]
    return transpose.conv_transpose2d(image, kernel.weights, **options)


conv2d = _reads_kernels(conv.conv2d, _convolve_layout)
conv_transpose2d = _reads_kernels(transpose.conv_transpose2d, _spread)
