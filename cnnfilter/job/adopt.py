"""One convolution the way that an adopted tool would do it: orientation, border, arithmetic, rounding."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from cnnfilter.core.ordered import is_exact
from cnnfilter.core.rounding import ROUNDINGS
from cnnfilter.errors import ImageError, ShapeError
from cnnfilter.files import quoted
from cnnfilter.images.picture import Picture
from cnnfilter.job.options import Options
from cnnfilter.library.conventions import CONVENTIONS, Convention
from cnnfilter.library.kernel import Kernel
from cnnfilter.library.spec import parse_spec

Array = np.ndarray[Any, np.dtype[Any]]

#: Kernel cells from which OpenCV goes through the frequency domain.
OPENCV_DFT_CELLS = 130


class Way(NamedTuple):
    """How a kernel is applied to a picture.

    Attributes
    ----------
    weights
        The kernel as it is slid, unless ``options.flip`` turns it once more.
    options
        The job's options, with what the tool and this kernel make of them.
    order
        A key of ``cnnfilter.core.ordered.ORDERS`` where the last bit depends on it.
    rounding
        A key of ``cnnfilter.core.rounding.ROUNDINGS``, or empty for floats.
    top
        The largest value of the picture's type.
    copies_border
        Whether cells at the border, where the kernel would reach beyond, keep the picture's values.
    root_mean
        How a magnitude is scaled.
    """

    weights: Array
    options: Options
    order: str = ""
    rounding: str = ""
    top: int = 0
    copies_border: bool = False
    root_mean: bool = False

    def cast(self, values: Array) -> None:
        """Round and clip `values` in place, as the tool does."""
        if self.rounding:
            ROUNDINGS[self.rounding](values, self.top)


def way_of(kernel: Kernel, options: Options, picture: Picture) -> Way:
    """Return how `kernel` is applied to `picture`.

    Raises
    ------
    ShapeError
        If the tool does not take kernels of this size.
    ImageError
        If the tool does not filter pictures of this type.
    """
    if not options.tool:
        return Way(weights=kernel.weights, options=options)
    its = CONVENTIONS[options.tool]
    _check(kernel, its, options.tool, picture)
    own = names_tool(kernel, options.tool)
    weights = kernel.weights
    if its.flip == "rows" and not own and not options.flip:
        weights = weights[..., ::-1, :]
    options = options._replace(
        padding=_padding(weights.shape, its, options),
        bias=kernel.offset if own and options.bias is None and kernel.offset else options.bias,
        flip=options.flip and not (own and its.flip == "both"),
    )  # fmt: skip
    top = int(np.iinfo(picture.dtype).max) if picture.dtype.kind == "u" and options.range == "stored" else 0
    way = Way(
        weights=weights, options=options, rounding=its.rounding if options.cast and top else "", top=top,
        copies_border=options.copy_border and not options.combine, root_mean=its.root_mean,
    )  # fmt: skip
    return _to_the_bit(way, kernel, its)


def names_tool(kernel: Kernel, tool: str) -> bool:
    """Say whether a kernel is the tool's own, so that it is stored as it acts on a picture.

    Examples
    --------
    >>> names_tool(Kernel("pillow-emboss", "pillow-emboss", np.ones((3, 3))), "pillow")
    True
    """
    spec = parse_spec(kernel.spec)
    variant = dict(spec.parameters).get("variant", ("",))[0]
    return spec.kind == "name" and (variant == tool or spec.body.startswith(f"{tool}-"))


def _check(kernel: Kernel, its: Convention, tool: str, picture: Picture) -> None:
    """Raise where the tool could not do this."""
    if its.sizes and kernel.shape not in its.sizes:
        sizes = " or ".join("x".join(map(str, size)) for size in its.sizes)
        raise ShapeError(
            f"{kernel.name}: {tool} takes kernels of {sizes}, got {'x'.join(map(str, kernel.shape))} "
            f"(another kernel, or no --as {tool})"
        )
    if its.order == "rows" and picture.dtype != np.uint8:
        raise ImageError(
            f"{quoted(picture.name)}: {tool} filters pictures of 8 bits, this one holds {picture.dtype} "
            f"(leave out --as {tool})"
        )


def _padding(shape: tuple[int, ...], its: Convention, options: Options) -> str:
    """Return ``same`` as top, bottom, left and right: tools differ where the middle of an even kernel lies."""
    if options.padding != "same" or its.padding == "valid":
        return options.padding
    pads = []
    for size, dilation in zip(shape[-2:], options.dilation, strict=True):
        before = its.before(size, flip=options.flip)
        pads += [dilation * before, dilation * (size - 1 - before)]
    return ",".join(map(str, pads))


def _to_the_bit(way: Way, kernel: Kernel, its: Convention) -> Way:
    """Choose arithmetic that gives the tool's very pixels, where its results are whole numbers."""
    if not way.rounding or way.options.combine:
        return way
    options = way.options
    if options.tool == "opencv" and parse_spec(kernel.spec).body == "gaussian":
        fixed = fixed_point(way.weights, 8 if way.top == 255 else 16)
        exact = options._replace(dtype="float32" if way.top == 255 else "float64", engine="banded")
        return way._replace(weights=fixed, options=exact, rounding="half-up")
    by_itself = way.weights.ndim == 2 and options.channels != "sum"
    exact_sums = is_exact(way.weights, way.top)
    if its.order == "rows" and by_itself:
        return way._replace(order="rows", rounding="cut")
    if its.order == "fused" and by_itself and not exact_sums:
        if way.weights.size >= OPENCV_DFT_CELLS:
            return way._replace(options=options._replace(dtype="float64"))
        return way._replace(order="fused")
    return way._replace(options=options._replace(engine="banded")) if exact_sums and options.engine == "auto" else way


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


def describe(options: Options) -> str:
    """Return what was adopted, in a line."""
    if not options.tool:
        return ""
    its = CONVENTIONS[options.tool]
    border = "border pixels copied" if options.copy_border else f"{options.padding} {options.padding_mode}"
    flip = "kernel flipped" if options.flip else "kernel upside down" if its.flip == "rows" else "kernel not flipped"
    result = its.words()["result"] if options.cast else f"{options.dtype}"
    return f"as {options.tool}, {its.call}: {border}, {flip}, values {options.range}, result {result}"
