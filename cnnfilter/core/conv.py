"""Two-dimensional convolution as CNNs compute it: arguments, plan, strips, result."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from cnnfilter.core import banded, fft, im2col, separable
from cnnfilter.core.arrays import (
    Array,
    channels_first,
    check_image,
    computing_type,
    exactly,
    real_array,
    type_of,
    whole_numbers,
)
from cnnfilter.core.missing import Filled, Gaps, check_sum, filled_border, gaps_border, ignores, renormalise
from cnnfilter.core.out import finish
from cnnfilter.core.plan import STRIP_BYTES, Plan, Sizes, Strip, make_plan, wants_rank
from cnnfilter.core.rows import ArraySource, Scratch, Source, WholeSource, stored_rows, walk_strips
from cnnfilter.core.shapes import PaddingLike, check_groups, conv_size, pair, parse_border, resolve_pads
from cnnfilter.core.whole import Bounds, WholeConvolution, check_digits, plan_whole
from cnnfilter.errors import ParameterError, ShapeError

ENGINES: dict[str, ModuleType] = {"im2col": im2col, "banded": banded, "separable": separable, "fft": fft}

#: More passes than any engine takes: the rounding of factors would show where little of a kernel is left.
FULL_RANK = 1 << 31
#: The types in which sums do not overflow where those of the first one do.
_WIDER = {"f": np.float64, "d": np.longdouble}


class Convolution(NamedTuple):
    """A convolution that is planned and ready to run: the source, the plan, the weights.

    Attributes
    ----------
    weights
        ``(K, C/groups, kH, kW)`` in the computing type.
    bias
        ``(K, 1, 1)``, or None.
    shape
        Shape of the result for the caller, whose image may have had fewer axes.
    gaps
        The same convolution of ones where a value is missing, in float64; None where NaN is a value like others.
    """

    source: Source
    plan: Plan
    weights: Array
    bias: Array | None
    shape: tuple[int, ...]
    gaps: Convolution | None = None

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the maps."""
        return self.weights.dtype

    def ignoring_missing(self) -> Convolution:
        """Return the convolution of what is there: see `cnnfilter.core.missing`.

        Raises
        ------
        ParameterError
            If a filter sums to zero.
        """
        sizes = self.plan.sizes
        for weights in self.weights:
            check_sum(weights)
        if self.source.finite and not math.isnan(sizes.border.value):
            return self
        filled = self.plan._replace(sizes=sizes._replace(border=filled_border(sizes.border)))
        gaps = sizes._replace(border=gaps_border(sizes.border), itemsize=8)
        missing = Convolution(
            Gaps(self.source), make_plan(gaps, FULL_RANK, "auto"), self.weights.astype(np.float64), None, self.shape
        )
        return self._replace(source=Filled(self.source), plan=filled, gaps=missing)

    def run(self, threads: int | None = None, room: Array | None = None) -> Array:
        """Return the feature maps, in `room` of their shape and type where it is given."""
        sizes = self.plan.sizes
        whole = (sizes.batch, sizes.filters, *sizes.out)
        out = np.empty(whole, self.dtype) if room is None else room.reshape(whole, copy=False)
        for _ in self._walk(lambda strip, maps: None, out=out, threads=threads):
            pass
        return out.reshape(self.shape)

    def each_strip(
        self, use: Callable[[Strip, Array], Any], threads: int | None = None, rows: range | None = None
    ) -> Iterator[Any]:
        """Yield ``use(strip, maps)`` for each strip in order, without ever holding the whole map.

        With `rows` only for the strips that hold some of them. `use` is called in threads, with `maps`
        ``(N, K, rows, oW)`` in memory that the next strip overwrites.
        """
        return self._walk(use, threads=threads, rows=rows)

    def _walk(self, use: Callable[[Strip, Array], Any], **how: Any) -> Iterator[Any]:
        """Walk over the strips."""
        return walk_strips(self.plan, self.strip_function(), use, dtype=self.dtype, computing=self.dtype, **how)

    def strip_function(self) -> Callable[[Strip, Scratch, Array], None]:
        """Return the function that writes a strip's maps ``(N, K, rows, oW)``, the bias added."""
        engine = ENGINES[self.plan.engine]
        with np.errstate(all="ignore"):
            weights = engine.prepare(self.plan, self.weights)
        calm, hides = self._cannot_overflow(), bool((self.weights == 0).any())
        find_gaps = self.gaps.strip_function() if self.gaps else None

        def compute(strip: Strip, scratch: Scratch, maps: Array) -> None:
            with np.errstate(all="ignore"):  # NaN and infinity pass through, and are counted where maps are measured
                engine.compute(self.plan, weights, self.source, strip, scratch, maps)
                if not calm and not (_is_finite(maps) and not (hides and not _is_finite(scratch.kept["rows"]))):
                    self._window_by_window(strip, scratch, maps)
                if find_gaps:
                    self._renormalise(find_gaps, strip, scratch, maps)
                if self.bias is not None:
                    maps += self.bias

        return compute

    def _renormalise(
        self, find_gaps: Callable[[Strip, Scratch, Array], None], strip: Strip, scratch: Scratch, maps: Array
    ) -> None:
        """Scale a strip to the weights that are there, if anything is missing."""
        wide = scratch.kept.setdefault("gaps", Scratch(np.dtype(np.float64)))
        if self.gaps and stored_rows(self.gaps.plan.sizes, self.gaps.source, strip, wide).any():
            missing = wide.array("missing", maps.shape)
            for part in self.gaps.plan.strips_of(strip):
                inside = missing[part.first - strip.first : part.last - strip.first, :, part.top - strip.top :]
                find_gaps(part, wide, inside[:, :, : part.rows])
            renormalise(maps, missing, self.weights)

    def _weight_sum(self) -> float:
        """Return the largest sum of absolute weights of a filter, infinite ones left out."""
        size = np.abs(self.weights, dtype=np.float64)
        return float(np.where(np.isfinite(size), size, 0).sum(axis=(1, 2, 3)).max())

    def _cannot_overflow(self) -> bool:
        """Say whether no sum can leave the range of its type, whatever whole numbers the source holds."""
        value = self.plan.sizes.border.value
        if not (self.source.finite and math.isfinite(value) and np.isfinite(self.weights).all()):
            return False
        return max(2.0**64, abs(value)) * self._weight_sum() < float(np.finfo(self.weights.dtype).max)

    def _window_by_window(self, strip: Strip, scratch: Scratch, maps: Array) -> None:
        """Compute a strip that is not finite once more: only ``im2col`` keeps NaN and infinity inside their windows.

        Where finite values are so large that their sums may overflow on the way, a wider type adds them up: infinite
        is then what is too large in the end, in any order of the sum.
        """
        rows = scratch.kept["rows"]
        size = np.abs(rows.astype(np.float64))
        reach = float(np.where(np.isfinite(size), size, 0).max()) * max(1.0, self._weight_sum())
        wide = not reach < float(np.finfo(maps.dtype).max)
        if self.plan.engine == "im2col" and not wide:
            return
        sizes, dtype = self.plan.sizes, np.dtype(_WIDER[maps.dtype.char] if wide else maps.dtype)
        scratch = Scratch(dtype) if wide else scratch
        row_bytes = sizes.channels * sizes.kernel[0] * sizes.kernel[1] * sizes.out[1] * dtype.itemsize
        step = max(1, STRIP_BYTES // row_bytes)
        weights = im2col.prepare(self.plan, self.weights.astype(dtype))
        for top in range(strip.top, strip.bottom, step):
            part = Strip(strip.first, strip.last, top, min(top + step, strip.bottom))
            out = maps[:, :, top - strip.top : part.bottom - strip.top]
            target = scratch.array("wide", out.shape) if wide else out
            im2col.compute(self.plan, weights, self.source, part, scratch, target)
            if wide:
                np.copyto(out, target, casting="same_kind")


def _is_finite(values: Array) -> bool:
    """Say whether `values` are finite; a sum says it soonest, and may overflow for large ones."""
    return values.dtype.kind != "f" or bool(np.isfinite(values.sum(dtype=max(values.dtype, np.dtype(np.float32)))))


def _part(out: Array, strip: Strip) -> Array:
    """Return the part of the result that a strip computes."""
    return out[strip.first : strip.last, :, strip.top : strip.bottom]


__all__ = ["ENGINES", "conv2d", "plan_source", "prepare"]


def conv2d(
    image: ArrayLike,
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
    missing: str = "propagate",
    threads: int | None = None,
    layout: str = "CHW",
    dtype: DTypeLike | None = None,
    out: Array | None = None,
) -> Array:
    """Convolve an image with a kernel or a filter bank, as PyTorch and ONNX do: the kernel is not flipped.

    Parameters
    ----------
    image
        ``(H, W)``, ``(C, H, W)`` or ``(N, C, H, W)``, any real type. float64 is computed in float64, everything
        else in float32.
    kernel
        ``(kH, kW)``: every channel is filtered by itself. ``(K, C/groups, kH, kW)``: K filters, each summed over
        its channels. Also any object with such an array as ``weights``; and, from ``cnnfilter.conv2d``, a kernel
        spec such as ``"sobel-x"``, a kernel, a filter bank, or a list of these: ``(C, kH, kW)`` is summed over all
        channels into one map, and a bank puts an axis for its kernels in front of the channels'.
    bias
        Added to the maps: one number, or one for each filter.
    stride, dilation
        n, or rows and columns.
    padding
        ``valid``, ``same``, ``full``, n, ``rows,cols``, ``top,bottom,left,right`` or
        ``((top, bottom), (left, right))``. ``same`` gives ``ceil(size / stride)``; an odd surplus goes to the bottom
        and right, and with `flip` to the top and left: the middle of an even kernel turns with it, as in
        ``np.convolve(..., "same")``.
    padding_mode
        ``zeros``, ``reflect``, ``symmetric``, ``replicate``, ``circular`` or ``constant:VALUE``.
    groups
        Channels and filters are split into this many groups that do not see each other.
    flip
        True turns the kernel by 180 degrees first: the mathematician's convolution.
    engine
        ``auto``, or one of ``im2col``, ``banded``, ``separable``, ``fft`` to force it.
    missing
        ``propagate``: a window with NaN gives NaN. ``ignore``: NaN is a cell that is missing, and the weights are
        renormalised over the cells that are there, so that they sum to what the kernel sums to; NaN where none is
        there, or where what is left cancels out. Padding counts as there, unless it repeats a missing cell.
    threads
        At most this many; all cores by default. The result does not depend on it, nor on which thread calls.
    layout
        ``CHW``, or ``HWC`` for channels last, as OpenCV, Pillow and scikit-image have them; the result is as the image.
    dtype
        ``float32`` or ``float64`` to compute in; ``int32`` or ``int64`` for exact sums of whole numbers.
    out
        An array of the result's shape and type to write it into, and to return; it may be the image itself.

    Returns
    -------
    numpy.ndarray
        ``(oH, oW)`` for a 2-D image and kernel, else ``(C, oH, oW)``, ``(K, oH, oW)`` or the same with N in front,
        where ``out = (in + pads - dilation*(k-1) - 1) // stride + 1``.

    Raises
    ------
    ShapeError
        If the shapes do not fit together, or the kernel does not fit the padded image.
    ParameterError
        If an argument has the wrong form, a forced engine cannot do the job, or a kernel that sums to zero would have
        to be renormalised. With a `dtype` of whole numbers also if a value, a weight or the bias has a fraction, or a
        sum does not fit: the message says what sums can come to.

    Notes
    -----
    In float32 each cell is right to 2e-6 of the sum of its own absolute products, whatever else the image holds, and
    whole numbers stay whole below 2**24. (An image made so that every rounding of a long sum goes the same way, a
    bright value beside equal ones just below half of its last bit, has been seen to reach 7e-6.) NaN and infinity
    stay in their windows, where 0 times infinity is NaN.

    Memory beyond input and output is a few megabytes for each thread: the work is cut into strips of rows.

    References
    ----------
    .. [1] V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning", 2016, arXiv:1603.07285.

    Examples
    --------
    >>> image = np.arange(20).reshape(4, 5)
    >>> conv2d(image, [[-1, 0, 1]] * 3)
    array([[6., 6., 6.],
           [6., 6., 6.]], dtype=float32)
    >>> conv2d(image, [[-1, 0, 1]] * 3, flip=True)[0, 0]
    np.float32(-6.0)
    >>> conv2d([[1, 2, 3], [4, np.nan, 6], [7, 8, 9]], np.full((3, 3), 1 / 9), missing="ignore")
    array([[5.]])
    >>> conv2d(np.ones((3, 8, 9)), np.ones((2, 3, 3, 3)), stride=2, padding="same").shape
    (2, 4, 5)
    """
    certain = np.ndim(getattr(kernel, "weights", kernel)) == 4
    pixels = real_array(channels_first(image, layout, certain=certain), "image")
    job = prepare(
        pixels, kernel, bias=bias, stride=stride, padding=padding, padding_mode=padding_mode, dilation=dilation,
        groups=groups, flip=flip, engine=engine, missing=missing, dtype=dtype,
    )  # fmt: skip
    return finish(job, pixels, layout, threads, out)


def prepare(
    image: ArrayLike, kernel: Any, *, missing: str = "propagate", dtype: DTypeLike | None = None, **options: Any
) -> Convolution | WholeConvolution:
    """Return the convolution that ``conv2d`` with these arguments runs."""
    pixels = real_array(image, "image")
    check_image(pixels.shape)
    computing = computing_type(pixels) if dtype is None else type_of(dtype)
    if computing.kind == "i":
        pixels = whole_numbers(pixels, "the image")
    shape, weights, lead, options["groups"] = laid_out(
        pixels.shape, real_array(kernel, "kernel"), options.get("groups", 1)
    )
    job = plan_source(ArraySource(pixels.reshape(shape)), shape, weights, computing, lead=lead, **options)
    if not ignores(missing):
        return job
    if isinstance(job, WholeConvolution):
        raise ParameterError(f"missing='ignore' weighs cells anew, which makes fractions: not in {computing}")
    return job.ignoring_missing()


def laid_out(
    shape: tuple[int, ...], weights: Array, groups: int
) -> tuple[tuple[int, ...], Array, tuple[int, ...], int]:
    """Return an image's shape and the weights with four axes, the axes of the result before its rows, and the groups.

    Raises
    ------
    ShapeError
        If the weights have another number of axes than 2 or 4.
    """
    batch, channels, *size = (*(1,) * (4 - len(shape)), *shape)
    if weights.ndim == 2:  # each channel by itself: the channels become images of one channel
        # What as many groups as channels would say, a 2-D kernel says already.
        return (batch * channels, 1, *size), weights[None, None], shape[:-2], 1 if groups == channels else groups
    if weights.ndim == 4:
        return (batch, channels, *size), weights, (*shape[:-3], len(weights)), groups
    raise ShapeError(f"kernel must be (kH, kW) or (K, C/groups, kH, kW), got shape {weights.shape}")


def plan_source(
    source: Source,
    shape: tuple[int, ...],
    weights: Array,
    dtype: np.dtype[Any],
    *,
    lead: tuple[int, ...] | None = None,
    bias: ArrayLike | None = None,
    stride: Any = 1,
    padding: Any = "valid",
    padding_mode: str = "zeros",
    dilation: Any = 1,
    groups: int = 1,
    flip: bool = False,
    engine: str = "auto",
) -> Convolution | WholeConvolution:
    """Plan the convolution of a source of shape ``(N, C, H, W)`` with `weights` ``(K, C/groups, kH, kW)``.

    A `dtype` of whole numbers asks for exact sums: the source is a `WholeSource` then.
    """
    batch, channels, *size = shape
    sizes = _sizes(batch, channels, (size[0], size[1]), weights.shape, stride, padding, padding_mode, dilation, groups,
                   dtype.itemsize, flip=flip)  # fmt: skip
    if flip:
        weights = weights[..., ::-1, ::-1]
    if lead is None:
        lead = (batch, sizes.filters)
    if dtype.kind == "i":
        check_digits(weights, "the kernel")
        whole, added = exactly(weights, np.int64, "the kernel"), _bias(bias, sizes.filters, np.dtype(np.int64))
        extent = Bounds(*cast("WholeSource", source).extent())
        return plan_whole(source, sizes, whole, added, dtype, extent, engine, lead)
    with np.errstate(over="ignore"):
        weights = np.ascontiguousarray(weights, dtype)
    if not np.isfinite(weights).all():
        if engine not in ("auto", "im2col"):
            raise ParameterError(
                f"engine {engine} cannot do this: the kernel holds NaN or infinity (engine im2col can)"
            )
        engine = "im2col"
    return Convolution(
        source=source,
        plan=make_plan(sizes, separable.ranks(weights) if wants_rank(sizes, engine) else 0, engine),
        weights=weights,
        bias=_bias(bias, sizes.filters, dtype),
        shape=(*lead, *sizes.out),
    )


def _sizes(
    batch: int, channels: int, size: tuple[int, int], weights: tuple[int, ...], stride: Any, padding: Any,
    padding_mode: str, dilation: Any, groups: int, itemsize: int, *, flip: bool,
) -> Sizes:  # fmt: skip
    """Check the integers of a convolution against each other."""
    filters, depth, *kernel = weights
    if 0 in weights:
        raise ShapeError(f"the kernel is empty: shape {weights}")
    groups = check_groups(groups)
    if channels % groups or filters % groups:
        raise ShapeError(f"groups={groups} must divide both the {channels} channels and the {filters} filters")
    if depth != channels // groups:
        raise ShapeError(
            f"the kernel has {depth} channels, the image {channels} in {groups} group{'s' * (groups > 1)}: "
            f"kernel (K, C/groups, kH, kW) = {tuple(weights)} needs {channels} / {groups} = {channels // groups}"
        )
    kernel_size = (kernel[0], kernel[1])
    stride, dilation = pair(stride, "stride"), pair(dilation, "dilation")
    pads = resolve_pads(padding, size, kernel_size, stride, dilation, flip=flip)
    return Sizes(
        batch=batch, channels=channels, filters=filters, groups=groups, size=size, kernel=kernel_size, stride=stride,
        dilation=dilation, pads=pads, border=parse_border(padding_mode),
        out=conv_size(size, pads, kernel_size, stride, dilation), itemsize=itemsize,
    )  # fmt: skip


def _bias(bias: ArrayLike | None, filters: int, dtype: np.dtype[Any]) -> Array | None:
    """Return the bias as ``(K, 1, 1)``."""
    if bias is None:
        return None
    values = real_array(bias, "bias")
    if dtype.kind == "i":
        check_digits(values, "the bias")
        values = exactly(values, dtype, "the bias")
    values = values.astype(dtype, copy=False)
    if values.ndim > 1 or values.size not in (1, filters):
        raise ShapeError(f"bias must be one number or one for each of the {filters} filters, got shape {values.shape}")
    return np.broadcast_to(values.reshape(-1, 1, 1), (filters, 1, 1))
