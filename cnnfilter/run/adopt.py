"""One convolution the way that an adopted tool would do it: orientation, border, arithmetic, rounding."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from cnnfilter.core.arrays import Array
from cnnfilter.core.exact import ROUNDINGS, is_exact
from cnnfilter.errors import ImageError, ParameterError, ShapeError
from cnnfilter.files import quoted
from cnnfilter.images.picture import Picture
from cnnfilter.library.conventions import ALPHA_WORDS, CONVENTIONS, ROUNDING_WORDS, Convention
from cnnfilter.library.kernel import Kernel, Own
from cnnfilter.run.methods import PILLOW_PASSES, blur_of_sums, box_passes, fixed_point, pass_radius
from cnnfilter.run.options import Options

#: Kernel cells from which OpenCV goes through the frequency domain: of 8 bits and float32, and of other types.
OPENCV_DFT_CELLS, OPENCV_DFT_CELLS_OTHERWISE = 130, 50

#: What a kernel that sums to 0 may sum to.
NEXT_TO_NOTHING = 1e-9

#: Methods that are passes over the whole picture, without stride, dilation or another border.
PASSES = ("pillow-box", "pillow-gaussian")


class Way(NamedTuple):
    """How a kernel is applied to a picture.

    Attributes
    ----------
    kernel
        The kernel, as the tool takes it for pictures of this type.
    weights
        The kernel as it is slid, unless ``options.flip`` turns it once more.
    options
        The job's options, with what the tool and this kernel make of them.
    order
        A key of ``cnnfilter.core.exact.ORDERS`` where the last bit depends on it.
    rounding
        A key of ``cnnfilter.core.exact.ROUNDINGS``, or empty for floats.
    top
        The largest value of the picture's type.
    copies_border
        Whether cells at the border, where the kernel would reach beyond, keep the picture's values.
    root_mean
        How a magnitude is scaled.
    alpha
        What happens to transparency: a key of ``cnnfilter.library.conventions.ALPHA_WORDS``.
    finish
        What makes pixels of the sums, in place, where that is no rounding.
    passes
        What computes the map of whole planes ``(C, H, W)``, where that is no convolution.
    note
        What was done, for the user.
    """

    kernel: Kernel
    weights: Array
    options: Options
    order: str = ""
    rounding: str = ""
    top: int = 0
    copies_border: bool = False
    root_mean: bool = False
    alpha: str = "carried"
    finish: Callable[[Array], None] | None = None
    passes: Callable[[Array], Array] | None = None
    note: str = ""

    def cast(self, values: Array) -> None:
        """Round and clip `values` in place, as the tool does."""
        if self.finish is not None:
            self.finish(values)
        elif self.rounding:
            ROUNDINGS[self.rounding](values, self.top)


def suited(options: Options, picture: Picture) -> Options:
    """Return the options for one picture: what a tool does depends on the type of the pixels.

    Whole numbers of a file are scaled where the tool scales them; floats, and grids of numbers, stay as they are.
    """
    if not options.tool:
        return options
    its = CONVENTIONS[options.tool]
    if its.range == "unit" and "range" not in options.typed and picture.dtype.kind not in "iu":
        options = options._replace(range="stored")
    if its.doubles and "dtype" not in options.typed and picture.dtype == np.float64:
        options = options._replace(dtype="float64")
    return options


def suited_kernel(kernel: Kernel, options: Options, picture: Picture) -> Kernel:
    """Return the kernel that a tool takes for pictures of this type, or for floats where those are asked for."""
    deep = None if kernel.own is None else kernel.own.deep
    narrow = picture.dtype == np.uint8 and options.cast and options.range == "stored" and not options.combine
    return kernel if deep is None or narrow else replace(deep, name=kernel.name)


def _is_whole(picture: Picture) -> bool:
    """Say whether a picture holds whole numbers of 8 or 16 bits, whose type fixes what is white."""
    return picture.dtype.kind == "u" and picture.dtype.itemsize <= 2


def check_adopted(kernels: Sequence[Kernel], options: Options) -> None:
    """Raise where a tool cannot do what the flags ask for, whatever the picture.

    Raises
    ------
    ShapeError
        If the tool does not take kernels of this size.
    ParameterError
        If its own function is passes over the whole picture, and there is a stride, a dilation or another border.
    """
    plain = Options()
    for kernel in kernels if options.tool else ():
        _check_size(kernel, options)
        if kernel.own is None or kernel.own.method not in PASSES or options.combine or options.channels == "sum":
            continue
        strange = [f"--{name}" for name in ("stride", "dilation") if getattr(options, name) != getattr(plain, name)]
        strange += [f"--{name.replace('_', '-')}" for name in options.typed if name in ("padding", "padding_mode")]
        if strange:
            raise ParameterError(
                f"{kernel.own.call} has no {strange[0]} (leave it out, or give the weights in place of the name)"
            )


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
        return Way(kernel, kernel.weights, options)
    kernel = suited_kernel(kernel, options, picture)
    its = CONVENTIONS[options.tool]
    method = _method(kernel.own, options)
    _check_size(kernel, options)
    _check_type(its, options.tool, picture)
    top = int(np.iinfo(picture.dtype).max) if options.range == "stored" and _is_whole(picture) else 0
    way = Way(
        kernel=kernel, weights=_slid(kernel, its, options), options=_its_options(kernel, its, options),
        rounding=its.rounding if options.cast and top else "", top=top, root_mean=its.root_mean,
        copies_border=options.copy_border and method not in PASSES and not _joins(options, picture),
    )  # fmt: skip
    if picture.has_alpha and way.rounding:
        way = way._replace(alpha=_alpha(its, options))
    way = METHODS[method](way, kernel, picture) if method else _to_the_bit(way, kernel, its, picture)
    if its.order == "fused" and options.cast and options.range == "stored" and picture.dtype == np.int16:
        way = way._replace(finish=_saturate)
    return way._replace(note=_note(kernel, way, its, method, picture))


def _joins(options: Options, picture: Picture) -> bool:
    """Say whether several maps or channels become one, so that no pixel of the picture stands for a cell."""
    return bool(options.combine) or (options.channels == "sum" and picture.channels - picture.has_alpha > 1)


def _saturate(values: Array) -> None:
    """Round to 16 bits with a sign, in place, as OpenCV does."""
    np.clip(np.rint(values, out=values), -(1 << 15), (1 << 15) - 1, out=values)


def _method(own: Own | None, options: Options) -> str:
    """Return the method of the tool's own function, where this is its job: one kernel, every channel by itself."""
    if own is None or options.combine or options.channels == "sum":
        return ""
    return "" if options.bias is not None and own.method in (*PASSES, "opencv-blur") else own.method


def _alpha(its: Convention, options: Options) -> str:
    """Return what a tool does to transparency, where its own pixels come out of it."""
    if options.combine or options.channels == "sum" or options.activation is not None or options.pool is not None:
        return "carried"
    # gray of a tool that filters transparency has none; this program carries it over
    return "carried" if options.channels == "gray" and its.alpha == "filtered" else its.alpha


def _slid(kernel: Kernel, its: Convention, options: Options) -> Array:
    """Return the weights as they lie on the picture, unless a flip turns them."""
    if kernel.own is not None:
        return kernel.weights[..., ::-1, ::-1] if kernel.own.turns else kernel.weights
    return kernel.weights[..., ::-1, :] if its.flip == "rows" and not options.flip else kernel.weights


def _its_options(kernel: Kernel, its: Convention, options: Options) -> Options:
    """Return the options with what the tool's own kernel makes of them."""
    own = kernel.own
    if own is not None:
        options = options._replace(
            bias=kernel.offset if options.bias is None and kernel.offset else options.bias,
            flip=options.flip and not (its.flip == "both" and "flip" not in options.typed),
            padding_mode=own.border if own.border and "padding_mode" not in options.typed else options.padding_mode,
        )
        its = its._replace(middle=own.middle or its.middle)
    return options._replace(padding=_padding(kernel.weights.shape, its, options))


def _check_size(kernel: Kernel, options: Options) -> None:
    """Raise where the tool takes no kernel of this size."""
    known = CONVENTIONS[options.tool].sizes
    if known and kernel.shape not in known and _method(kernel.own, options) not in PASSES:
        sizes = " or ".join("x".join(map(str, size)) for size in known)
        raise ShapeError(
            f"{kernel.name}: {options.tool} takes kernels of {sizes}, got {'x'.join(map(str, kernel.shape))} "
            f"(another kernel, or no --as {options.tool})"
        )


def _check_type(its: Convention, tool: str, picture: Picture) -> None:
    """Raise where the tool filters no pictures of this type."""
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


def _clipped_to_unit(way: Way, kernel: Kernel, picture: Picture) -> Way:
    """Clip to 0..1, or to -1..1 where the picture has values below 0, as unsharp_mask does."""
    if way.options.range == "stored" and picture.dtype.kind in "iu":
        return way  # preserve_range
    colors = picture.channels - picture.has_alpha
    negative = picture.dtype.kind != "u" and any((picture.rows(*span)[:colors] < 0).any() for span in picture.spans())
    return way._replace(rounding="clip-unit", top=-1 if negative else 0)


def _in_fixed_point(way: Way, kernel: Kernel, picture: Picture) -> Way:
    """Take the whole numbers that GaussianBlur makes of its weights."""
    if not way.rounding:
        return way

    fixed = fixed_point(way.weights, 8 if way.top == 255 else 16)
    options = way.options._replace(dtype="float32" if way.top == 255 else "float64", engine="banded")
    return way._replace(weights=fixed, options=options, rounding="half-up")


def _divided_sums(way: Way, kernel: Kernel, picture: Picture) -> Way:
    """Add up whole numbers, and divide as cv2.blur does."""
    if not way.rounding:
        return way

    return way._replace(
        weights=np.ones_like(way.weights), options=way.options._replace(dtype="float64", engine="banded"),
        finish=blur_of_sums(way.weights.size, way.top), rounding="half-up" if way.top == 255 else "half-even",
    )  # fmt: skip


def _one_pass(way: Way, kernel: Kernel, picture: Picture) -> Way:
    """Take one pass of a box."""
    radius = (way.weights.shape[0] // 2, way.weights.shape[1] // 2)
    return way._replace(passes=lambda planes: box_passes(planes, radius, 1)) if way.rounding else way


def _three_passes(way: Way, kernel: Kernel, picture: Picture) -> Way:
    """Take the passes of a box that Pillow's Gaussian is made of."""
    if not way.rounding or kernel.own is None:
        return way

    radius = pass_radius(kernel.own.sigma)
    return way._replace(passes=lambda planes: box_passes(planes, (radius, radius), PILLOW_PASSES))


#: What a tool's own function does where that is not its usual filter: each takes the way of that, the kernel and the
#: picture.
METHODS: dict[str, Callable[[Way, Kernel, Picture], Way]] = {
    "clip-unit": _clipped_to_unit,
    "opencv-gaussian": _in_fixed_point,
    "opencv-blur": _divided_sums,
    "pillow-box": _one_pass,
    "pillow-gaussian": _three_passes,
}


def _to_the_bit(way: Way, kernel: Kernel, its: Convention, picture: Picture) -> Way:
    """Choose arithmetic that gives the tool's very pixels, where its results are whole numbers."""
    options = way.options
    if not way.rounding or options.combine:
        return way
    by_itself = way.weights.ndim == 2 and options.channels != "sum"
    exact_sums = is_exact(way.weights, way.top)
    if its.order == "rows" and by_itself:
        return way._replace(order="rows", rounding="cut")
    if its.order == "forward" and by_itself and not exact_sums and way.alpha == "carried":
        narrow = way.top == 255
        order = "forward-in-words" if narrow else "forward"
        return way._replace(order=order, rounding="quantum-of-words" if narrow else way.rounding)
    if its.order == "fused" and by_itself and not exact_sums:
        if _takes_dft(way.weights, kernel, picture):
            return way._replace(options=options._replace(dtype="float64"))
        return way._replace(order="fused")
    return way._replace(options=options._replace(engine="banded")) if exact_sums and options.engine == "auto" else way


def _takes_dft(weights: Array, kernel: Kernel, picture: Picture) -> bool:
    """Say whether OpenCV's filter2D goes through the frequency domain: in single precision, of the whole picture."""
    if kernel.own is not None and kernel.own.call and "filter2D" not in kernel.own.call:
        return False
    narrow = picture.dtype in (np.uint8, np.float32)
    return weights.size >= (OPENCV_DFT_CELLS if narrow else OPENCV_DFT_CELLS_OTHERWISE)


def _note(kernel: Kernel, way: Way, its: Convention, method: str, picture: Picture) -> str:
    """Return what was adopted, in a line: the call as people write it, and what it means in this program's words."""
    options = way.options
    handed = kernel.own is None and kernel.parts.kind == "name"
    named = f" with this library's {kernel.name}" if handed else ""
    rows, columns = kernel.weights.shape[-2:]
    border = f"border {options.padding_mode}" if options.padding != "valid" else "whole windows only"
    turned = "" if kernel.own is not None else "upside down" if its.flip == "rows" else "not flipped"
    parts = [
        f"as {_call_made(kernel, way, picture)}{named}" + f": {rows}x{columns}" * (way.passes is None),
        "border pixels copied" if way.copies_border else border,
        "flipped" if options.flip else turned,
        *(f"{name} {','.join(map(str, pair))}" for name in ("stride", "dilation")
          if (pair := getattr(options, name)) != (1, 1)),
        "values 0 to 1" if options.range == "unit" else "values as stored",
        "results " + "of the combined maps " * bool(way.rounding and options.combine) + result_words(way),
        *_warnings(way, its, method),
    ]  # fmt: skip
    return ", ".join(filter(None, parts))


def _call_made(kernel: Kernel, way: Way, picture: Picture) -> str:
    """Return the call of a tool with the type that its results have here."""
    options = way.options
    call = call_of(kernel, options.tool) + " of each channel, summed" * (options.channels == "sum")
    if (way.rounding or way.finish is not None) and not options.combine:
        return call
    if "(image, -1, " in call:
        return call.replace("(image, -1, ", f"(image, cv2.{'CV_64F' if options.dtype == 'float64' else 'CV_32F'}, ")
    asks = options.tool == "opencv" and picture.dtype.kind in "iu"
    return call.replace("(image, ", f"(image.astype(np.{options.dtype}), ", 1) if asks else call


def _warnings(way: Way, its: Convention, method: str) -> Iterator[str]:
    """Yield what else a user should know about a way."""
    if way.alpha != "carried":
        yield f"transparency {ALPHA_WORDS[way.alpha]}"
    if way.alpha == "weighted" and abs(float(way.weights.sum())) < NEXT_TO_NOTHING:
        yield "which divides by the kernel's sum, 0: colours are white or black (a picture without transparency)"
    if its.order == "fused" and not method and _dft_differs(way):
        yield "OpenCV takes its DFT here, and pixels may be 1 apart"


def result_words(way: Way) -> str:
    """Say what the results are."""
    if way.rounding == "clip-unit":
        return f"{way.options.dtype}, clipped to {way.top}..1"
    if not way.rounding:
        return way.options.dtype if way.finish is None else "16 bits with a sign, rounded half to even, clipped"
    same = {"cut": "half-up", "quantum-of-words": "quantum", "quantum": "quantum" if way.top == 255 else "half-up"}
    return f"{8 if way.top == 255 else 16} bits, {ROUNDING_WORDS[same.get(way.rounding, way.rounding)]}"


def _dft_differs(way: Way) -> bool:
    """Say whether the way stands for a DFT in single precision."""
    return bool(way.rounding) and not way.order and way.options.dtype == "float64"


def call_of(kernel: Kernel, tool: str) -> str:
    """Return how people call a tool for a kernel: its own function, or that which any kernel is handed to."""
    if kernel.own is not None and kernel.own.call:
        return kernel.own.call
    if tool == "skimage" and not all(size % 2 for size in kernel.weights.shape[-2:]):
        return "scipy.ndimage.correlate(img_as_float(image), kernel, mode='reflect')"
    return CONVENTIONS[tool].call


def notes_on(ways: Sequence[Way]) -> tuple[str, ...]:
    """Return what the user should know about kernels, and about how a tool that is adopted applies them."""
    warnings = [note for way in ways for note in way.kernel.warnings]
    return tuple(dict.fromkeys([*warnings, *(way.note for way in ways if way.note)]))


def convention_of(ways: Sequence[Way]) -> dict[str, str]:
    """Return what was adopted, as a dump records it."""
    notes = dict.fromkeys(way.note for way in ways if way.note)
    return {"convention": "; ".join(notes)} if notes else {}
