"""What a page needs to compute a convolution by itself: the picture's values, kernels as used, every setting."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnfilter.core.activations import ACTIVATIONS
from cnnfilter.core.arrays import LARGEST_WHOLE
from cnnfilter.core.exact import OrderedConvolution
from cnnfilter.core.reduce import plan_windows
from cnnfilter.core.shapes import Pair, pair, resolve_pads
from cnnfilter.errors import ParameterError, ShapeError
from cnnfilter.images.colour import largest_of
from cnnfilter.images.picture import Picture
from cnnfilter.images.tiles import picture_tile
from cnnfilter.images.write import encode_image
from cnnfilter.library.load import load_kernels
from cnnfilter.run.image import Work
from cnnfilter.run.options import Options
from cnnfilter.run.source import BT601, bt601

#: Values of a picture that is no PNG which a page holds.
MOST_FLOATS = 1_000_000
#: Kernels of the library that a page offers.
PRESETS = (
    "identity", "sobel-x", "sobel-y", "prewitt-x", "scharr-x", "laplacian-4", "laplacian-8", "edge-detect", "sharpen",
    "box", "gaussian-3x3", "gaussian:size=5,sigma=1", "emboss",
)  # fmt: skip


class ReportPicture(NamedTuple):
    """A picture as a page holds it.

    Attributes
    ----------
    png
        What is shown, and the values too where both others are empty.
    floats
        The values, as base64 of float32, or where another type is computed in, of float64.
    halves
        PNGs of the high and of the low bytes of 16-bit values.
    """

    png: bytes
    floats: str = ""
    halves: tuple[bytes, ...] = ()


def check_report(options: Options) -> None:
    """Refuse what a page does not compute.

    Raises
    ------
    ParameterError
        At the first word of that kind.
    """
    for name, what in (("combine", options.combine), ("as", options.tool), ("requantize", options.requantize)):
        if what:
            raise ParameterError(f"report explores a plain convolution: leave out --{name}")
    if options.missing == "ignore":
        raise ParameterError("report explores a plain convolution: leave out --missing ignore")
    if options.activation is not None and ACTIVATIONS[options.activation.name].over_axis:
        raise ParameterError(f"report explores activations of single values, and {options.activation.name} takes many")
    if options.pool is not None and options.pool.mode != "window":
        raise ParameterError("report explores pooling over windows, such as max:2")


def report_data(works: Sequence[Work], part: ReportPicture) -> dict[str, Any]:
    """Return everything that the page's arithmetic needs, as plain values.

    Raises
    ------
    ShapeError
        If nothing is left of a map.
    """
    first = works[0]
    options, source = first.plan.options, first.plan.source
    kernels, sizes = [], None
    for work in works:
        convolution = work.plan.parts[0].convolution
        plain = convolution.convolution if isinstance(convolution, OrderedConvolution) else convolution
        sizes = sizes or plain.plan.sizes
        planes = plain.weights[0]
        bias = 0.0 if plain.bias is None else float(plain.bias.ravel()[0])
        kernels.append({"name": work.step.name, "weights": planes.astype(float).tolist(), "bias": bias})
    if sizes is None:
        raise ShapeError("report needs a kernel (-k)")
    channels, height, width = source.shape[1:]
    depths = {len(kernel["weights"]) for kernel in kernels}
    if len(depths) > 1:
        raise ShapeError("the kernels of a page are all over one channel, or all over as many")
    summed = depths.pop() > 1
    white = float(source.white)
    gray = source.luma and not part.floats
    lowest = 0.0 if source.picture.is_light else _lowest(source.picture)
    signed = lowest < 0 and not (summed and channels == 3)
    return {
        "size": [height, width], "channels": source.colors if gray else channels, "floats": part.floats,
        "single": options.dtype == "float32",
        "halves": [base64.b64encode(half).decode() for half in part.halves],
        "divisor": source.divisor, "gray": gray, "luma": list(BT601), "summed": summed,
        "stride": list(sizes.stride), "dilation": list(sizes.dilation),
        "pads": [sizes.pads.top, sizes.pads.bottom, sizes.pads.left, sizes.pads.right],
        "same": options.padding if options.padding in ("same", "full") else "",
        "border": {"mode": sizes.border.mode, "value": float(sizes.border.value)}, "flip": options.flip,
        "activation": _activation(options), "pool": _pool(options, first.plan.activated[1:]), "kernels": kernels,
        "signed": signed, "largest": largest_of(source.picture.array()) / source.divisor if signed else 1.0,
        "presets": presets(), "low": lowest, "white": white,
    }  # fmt: skip


def _lowest(picture: Picture) -> float:
    """Return the smallest finite value of a grid, which is drawn black."""
    values = picture.array().astype(np.float64, copy=False)
    return float(np.min(values, where=np.isfinite(values), initial=np.inf))


def _activation(options: Options) -> dict[str, Any] | None:
    """Return the activation with all its parameters, and how it is called."""
    if options.activation is None:
        return None
    name, given = options.activation.name, options.activation.parameters
    full = {**ACTIVATIONS[name].parameters, **given}
    if any(np.size(value) > 1 for value in full.values()):
        raise ParameterError(f"report explores activations with one number for each parameter, got {name} with several")
    words = ",".join(f"{key}={value}" for key, value in given.items())
    return {"name": name, "called": f"{name}:{words}" if words else name, "parameters": full}


def _pool(options: Options, size: tuple[int, ...]) -> dict[str, Any] | None:
    """Return the pooling over windows."""
    pool = options.pool
    if pool is None:
        return None
    window = pair(pool.size, "size")
    stride = window if pool.stride is None else pair(pool.stride, "stride")
    dilation = pair(pool.dilation, "dilation")
    plan_windows((size[0], size[1]), window, stride, pool.padding, dilation, pool.ceil_mode)
    pads = resolve_pads(pool.padding, (size[0], size[1]), window, stride, dilation)
    return {
        "kind": pool.kind, "size": list(window), "stride": list(stride), "dilation": list(dilation),
        "pads": [pads.top, pads.bottom, pads.left, pads.right], "ceil": pool.ceil_mode,
        "countPad": pool.count_include_pad or pool.kind == "lp", "p": pool.p,
    }  # fmt: skip


def presets() -> list[dict[str, Any]]:
    """Return kernels of the library, each as one plane."""
    found = [load_kernels(spec)[0] for spec in PRESETS]
    return [{"name": one.name, "weights": [one.weights.astype(float).tolist()], "bias": 0.0} for one in found]


def page_picture(picture: Picture, options: Options) -> ReportPicture:
    """Return a picture as a page holds it.

    Bytes come back from a PNG as they were, those of 16-bit values from two; other values are held as float32, or as
    float64 where that or whole numbers are computed in, a million of them at most.

    Raises
    ------
    ParameterError
        If there are more, or whole numbers of 2**53 and beyond.
    """
    colours = picture.channels - picture.has_alpha
    planes = picture.array()[:colours]
    if planes.dtype == np.uint8 and colours in (1, 3):
        return ReportPicture(_encoded(planes))
    if planes.dtype == np.uint16 and colours in (1, 3):
        halves = _encoded((planes >> 8).astype(np.uint8)), _encoded(planes.astype(np.uint8))
        return ReportPicture(encode_image(picture_tile(picture), "png"), halves=halves)
    if planes.size > MOST_FLOATS:
        raise ParameterError(
            f"a page holds {MOST_FLOATS:,} values of {planes.dtype}, and the picture has {planes.size:,} (take a part "
            "of it, or 8 or 16 bits)"
        )
    divisor = float(picture.white) if options.range == "unit" else 1.0
    dtype = np.dtype(np.float32 if options.dtype == "float32" else np.float64)
    values = planes.astype(dtype) / dtype.type(divisor)
    if options.whole and (np.abs(values) >= LARGEST_WHOLE).any():
        raise ParameterError("a page computes with numbers below 2**53, and the picture holds larger ones")
    if options.channels == "gray" and colours == 3:
        values = bt601(values, dtype)[None]
    floats = base64.b64encode(values.astype(dtype.newbyteorder("<")).tobytes()).decode()
    return ReportPicture(encode_image(picture_tile(picture), "png"), floats)


def _encoded(planes: NDArray[np.uint8]) -> bytes:
    """Return planes ``(C, H, W)`` of bytes as a PNG."""
    return encode_image(np.ascontiguousarray(planes.transpose(1, 2, 0)), "png")


def follows(options: Options) -> str:
    """Return what follows the convolution, in words."""
    words = []
    if options.bias:
        words.append(f"bias {options.bias:g}")
    if options.activation is not None:
        words.append(f"activation {options.activation.name}")
    if options.pool is not None:
        size: Pair = pair(options.pool.size, "size")
        words.append(f"{options.pool.kind} pooling {size[0]} x {size[1]}")
    return "; then ".join(words) or "nothing follows the sum"
