"""What two maps of one job are of one another: the job done in the other usual ways, each held against the map."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from cnnfilter.core.arrays import Array
from cnnfilter.core.shapes import PADDING_MODES, pair, parse_border, resolve_pads
from cnnfilter.errors import CnnFilterError
from cnnfilter.images.picture import Picture, array_picture
from cnnfilter.library.kernel import Kernel
from cnnfilter.run.causes import Cause, largest, limit_of
from cnnfilter.run.image import Request, plan_image
from cnnfilter.run.options import Options
from cnnfilter.run.steps import kernel_steps

#: Other weights of red, green and blue that gray is made with.
GRAYS = {
    "the mean of the channels": (1 / 3, 1 / 3, 1 / 3), "ITU-R BT.709": (0.2126, 0.7152, 0.0722),
    "BT.601 with red and blue exchanged": (0.114, 0.587, 0.299),
}  # fmt: skip


def job_causes(a: Array, b: Array, picture: Picture, kernel: Kernel, options: Options) -> tuple[Cause, ...]:
    """Return what was done otherwise for one of two maps, which the other one has as the flags say.

    Parameters
    ----------
    a, b
        The maps, one of which is what `convolve` makes of `picture` with `kernel` and `options`.

    Returns
    -------
    tuple of Cause
        None where neither is that map.
    """
    plain = maps_of(picture, kernel, options)
    for own, other, name in ((a, b, "B"), (b, a, "A")):
        if own.shape != plain.shape or largest(own.astype(float), plain.astype(float)) > limit_of(own, other):
            continue
        limit = limit_of(own.astype(float), other.astype(float))
        found = []
        for cause, text, made in _variants(picture, kernel, options):
            shape = tuple(min(sides) for sides in zip(made.shape, other.shape, strict=False))
            part = tuple(slice(side) for side in shape)
            if made.shape != other.shape and (cause != "stride-phase" or made.ndim != other.ndim):
                continue  # windows that begin later may be one less
            left = largest(made[part].astype(float), other[part].astype(float))
            if left <= limit:
                found.append(Cause(cause, left, f"{name} is the map {text}"))
        return tuple(sorted(found, key=lambda one: one.remaining))
    return ()


def maps_of(picture: Picture, kernel: Kernel, options: Options) -> Array:
    """Return the map of a job: ``(oH, oW)``, or ``(C, oH, oW)``."""
    request = Request(kernel_steps([kernel], options), options, "auto").on(picture)
    (work,) = plan_image(request, picture)
    maps = work.plan.maps(hold=True).hold()
    return maps[0] if len(maps) == 1 else maps


def _variants(picture: Picture, kernel: Kernel, options: Options) -> Iterator[tuple[str, str, Array]]:
    """Yield cause, sentence and map of each other way of doing the job; those that cannot be done are left out."""
    for cause, text, other in _other_options(picture, kernel, options):
        try:
            yield cause, text, maps_of(picture, kernel, other)
        except CnnFilterError:
            continue
    yield from _phases(picture, kernel, options)
    yield from _grays(picture, kernel, options)


def _other_options(picture: Picture, kernel: Kernel, options: Options) -> Iterator[tuple[str, str, Options]]:
    """Yield the options that people mix up."""
    yield "flipped-kernel", "with the kernel flipped", options._replace(flip=not options.flip)
    own = parse_border(options.padding_mode).mode
    for mode in dict.fromkeys(PADDING_MODES.values()):  # each once, whatever it is called
        if mode not in (own, "constant") and options.padding != "valid":
            yield "padding-mode", f"with --padding-mode {mode}", options._replace(padding_mode=mode)
    if options.bias:
        yield "bias-missing", f"without the bias {options.bias:g}", options._replace(bias=None)
        yield "bias-twice", f"with the bias {options.bias:g} added twice", options._replace(bias=2 * options.bias)
    size = kernel.shape[-2], kernel.shape[-1]
    if not all(side % 2 for side in size):
        pads = resolve_pads(
            options.padding, (picture.height, picture.width), size, options.stride, options.dilation, flip=options.flip
        )
        turned = f"{pads.bottom},{pads.top},{pads.right},{pads.left}"
        yield (
            "even-kernel-anchor",
            "with the middle of the even kernel one cell further",
            options._replace(padding=turned),
        )


def _phases(picture: Picture, kernel: Kernel, options: Options) -> Iterator[tuple[str, str, Array]]:
    """Yield maps whose windows begin elsewhere, as far as the picture with its border reaches."""
    stride = pair(options.stride, "stride")
    if stride == (1, 1) or options.pool is not None:
        return
    wanted = maps_of(picture, kernel, options).shape[-2:]
    dense = maps_of(picture, kernel, options._replace(stride=(1, 1)))
    for down, across in itertools.product(range(stride[0]), range(stride[1])):
        part = dense[..., down :: stride[0], across :: stride[1]][..., : wanted[0], : wanted[1]]
        if (down, across) != (0, 0):
            yield "stride-phase", f"whose windows begin {down} rows and {across} columns later", part


def _grays(picture: Picture, kernel: Kernel, options: Options) -> Iterator[tuple[str, str, Array]]:
    """Yield maps of gray that is made with other weights."""
    if options.channels != "gray" or picture.channels - picture.has_alpha != 3:
        return
    colors = picture.array()[:3].astype(np.float64)
    for words, weights in GRAYS.items():
        gray = np.tensordot(np.array(weights), colors, 1)[None].astype(options.dtype)
        yield "gray-weights", f"of gray made as {words}", maps_of(array_picture(gray, picture.name), kernel, options)
