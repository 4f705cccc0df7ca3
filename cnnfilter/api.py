"""The public functions that take a kernel: what names one becomes weights here, then the core computes."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from cnnfilter.core import conv, fft, transpose
from cnnfilter.core.arrays import (
    Array,
    channels_back,
    channels_first,
    check_image,
    computing_type,
    real_array,
    type_of,
)
from cnnfilter.core.out import check_out
from cnnfilter.core.receptive import ReceptiveField
from cnnfilter.core.rows import ArraySource, NoPixels, Source
from cnnfilter.core.shapes import PaddingLike, Pair
from cnnfilter.core.whole import Bounds, WholeConvolution
from cnnfilter.errors import ParameterError, ShapeError
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


def _convolve_layout(
    image: ArrayLike, kernel: Kernel | FilterBank, *, layout: str = "CHW", out: Array | None = None, **options: Any
) -> Array:
    """Return the maps of one kernel, or those of a bank with an axis for the kernels, in the image's layout."""
    deep = kernel.weights.ndim == 3 if isinstance(kernel, Kernel) else any(one.weights.ndim == 3 for one in kernel)
    pixels = real_array(channels_first(image, layout, certain=deep), "image")
    maps = _convolve(pixels, kernel, **options)
    single = isinstance(kernel, Kernel) and deep  # no axis is left that could go last
    maps = maps if single else channels_back(maps, layout)
    if out is None:
        return maps
    check_out(out, maps.shape, maps.dtype)
    np.copyto(out, maps)
    return out


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

#: What a result may differ from the exact one by, as a share of the sum of its own absolute products.
ERRORS = {"float32": 2e-6, "float64": fft.CELL_ERRORS[8], "int32": 0.0, "int64": 0.0}


class ConvolutionPlan(NamedTuple):
    """What ``conv2d`` would do.

    Attributes
    ----------
    shape
        Of the result.
    engine, why
        What computes it, and the reason.
    formulas
        The size formulas of rows and columns, with their numbers.
    dropped
        Rows and columns of the padded image that the stride leaves out.
    receptive_field
        What one value sees, how far it is to the next, and where the first one's view begins.
    macs
        Multiply-adds of the direct computation.
    strip_bytes
        Working memory of one thread, beside image and result.
    error
        The most that a value may be off, as a share of the sum of its own absolute products; 0 for whole numbers.
    sums
        What exact sums can come to, and the bits that hold them; None for floats.
    """

    shape: tuple[int, ...]
    engine: str
    why: str
    formulas: tuple[str, str]
    dropped: Pair
    receptive_field: ReceptiveField
    macs: int
    strip_bytes: int
    error: float
    sums: Bounds | None


def plan(
    image_or_shape: ArrayLike | tuple[int, ...],
    kernel: Any,
    *,
    bias: ArrayLike | None = None,
    stride: int | str | tuple[int, int] = 1,
    padding: PaddingLike = "valid",
    padding_mode: str = "zeros",
    dilation: int | str | tuple[int, int] = 1,
    groups: int = 1,
    flip: bool = False,
    engine: str = "auto",
    dtype: DTypeLike | None = None,
    values: Pair | None = None,
) -> ConvolutionPlan:
    """Say what ``conv2d`` with these arguments would do, without computing anything.

    Parameters
    ----------
    image_or_shape
        The image, or its shape alone: ``(H, W)``, ``(C, H, W)`` or ``(N, C, H, W)``.
    kernel, bias, stride, padding, padding_mode, dilation, groups, flip, engine, dtype
        As for ``conv2d``. A list or bank of kernels must be of one size.
    values
        For exact sums of a shape: the smallest and the largest value that the image may hold, as in ``(0, 255)``.

    Returns
    -------
    ConvolutionPlan

    Raises
    ------
    ShapeError
        If the shapes do not fit together, or nothing would be left: the formula with its numbers.
    ParameterError
        If an argument has the wrong form, or a `dtype` of whole numbers needs `values`.

    Examples
    --------
    >>> found = plan((3, 480, 640), "gaussian:sigma=3", stride=2)
    >>> found.shape, found.engine, found.formulas[0]
    ((3, 231, 311), 'banded', '(480 + 0 - 1*(19-1) - 1) // 2 + 1 = 231')
    >>> plan((28, 28), [[64, -128], [127, 0]], dtype="int32", values=(0, 255)).sums
    Bounds(low=-32640, high=48705)
    """
    shape, source, computing = _seen(image_or_shape, dtype, values)
    found = _find(kernel)
    weights = real_array(kernel, "kernel") if found is None else found.weights
    deep = weights.ndim == 3 and isinstance(found, Kernel)
    banked = isinstance(found, FilterBank) and found[0].weights.ndim == 2 and groups == 1
    asked = (math.prod(shape[:-2]), 1, *shape[-2:]) if banked else shape  # every channel an image, as it is computed
    whole, weights, lead, groups = conv.laid_out(asked, weights[None] if deep else weights, groups)
    if deep:
        lead = lead[:-1]  # one map, and no axis for it
    elif banked:
        lead = _banked(shape, len(weights))
    job = conv.plan_source(
        source, whole, weights, computing, lead=lead, bias=bias, stride=stride, padding=padding,
        padding_mode=padding_mode, dilation=dilation, groups=groups, flip=flip, engine=engine,
    )  # fmt: skip
    sizes = job.plan.sizes
    return ConvolutionPlan(
        shape=job.shape, engine=job.plan.engine, why=job.plan.why, formulas=sizes.formulas, dropped=sizes.dropped,
        receptive_field=sizes.field(), macs=sizes.macs, strip_bytes=job.plan.strip_bytes,
        error=ERRORS[computing.name], sums=job.bounds if isinstance(job, WholeConvolution) else None,
    )  # fmt: skip


def _banked(shape: tuple[int, ...], count: int) -> tuple[int, ...]:
    """Return the axes in front of the maps of a bank whose kernels filter each channel by itself."""
    kernels = shape[:-3] if len(shape) == 4 else ()
    channels = shape[-3:-2] if len(shape) > 2 and shape[-3] > 1 else ()
    return (*kernels, count, *channels)


def _seen(
    image: ArrayLike | tuple[int, ...], dtype: DTypeLike | None, values: Pair | None
) -> tuple[tuple[int, ...], Source, np.dtype[Any]]:
    """Return the shape of an image, what stands for its values, and the type to compute in."""
    if isinstance(image, tuple) and image and all(isinstance(one, int | np.integer) for one in image):
        shape: tuple[int, ...] = tuple(map(int, image))
        computing = np.dtype(np.float32) if dtype is None else type_of(dtype)
        if computing.kind == "i" and values is None:
            raise ParameterError(
                f"exact sums in {computing} of a shape: say what its values lie between (values=(0, 255))"
            )
        if values is not None and not (len(values) == 2 and all(map(_is_whole, values)) and values[0] <= values[1]):
            raise ParameterError(f"values takes the smallest and the largest whole number, got {values!r}")
        source: Source = NoPixels(values or (0, 0))
    else:
        pixels = real_array(channels_first(image, "CHW"), "image")
        shape, source = pixels.shape, ArraySource(pixels)
        computing = computing_type(pixels) if dtype is None else type_of(dtype)
    check_image(shape)
    return shape, source, computing


def _is_whole(number: Any) -> bool:
    """Say whether a number is an integer, and no truth value."""
    return isinstance(number, int | np.integer) and not isinstance(number, bool)
