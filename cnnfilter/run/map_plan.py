"""How a picture goes through a kernel and what follows it: planned in integers, before anything is computed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from cnnfilter.core.activate import activate, check_activation, elementwise, find_axis, halved, takes_axis
from cnnfilter.core.activations import ACTIVATIONS
from cnnfilter.core.arrays import Array
from cnnfilter.core.conv import Convolution, plan_source
from cnnfilter.core.exact import OrderedConvolution
from cnnfilter.core.plan import Sizes
from cnnfilter.core.requantize import Requantization
from cnnfilter.core.whole import WholeConvolution
from cnnfilter.core.whole_steps import WHOLE_ACTIVATIONS
from cnnfilter.errors import ShapeError
from cnnfilter.run.adopt import Way, way_of
from cnnfilter.run.combine import by_channel, combine, same_shape
from cnnfilter.run.maps import ComputedMaps, HeldMaps, Maps, RequantizedMaps
from cnnfilter.run.methods import by_opacity
from cnnfilter.run.options import Options
from cnnfilter.run.source import PictureSource

if TYPE_CHECKING:
    from cnnfilter.core.pools import PoolPlan


class MapPlan(NamedTuple):
    """The maps of one step before anything is computed: how they are made, their shape, and what they take.

    Attributes
    ----------
    source
        The picture.
    options
        The job's options.
    parts
        The convolutions: none where a picture is pooled or activated as it is, one, or one for each of the kernels
        that are combined where these are of several sizes.
    ways
        How each kernel is applied; none without a convolution.
    fused
        Whether the activation is applied to each strip.
    computed
        Shape of the maps before an activation that needs them whole, and before the pooling.
    activated
        Shape of the maps before the pooling.
    pooling
        What the pooling does, if there is one.
    shape
        Shape of the maps in the end: channels, rows, columns.
    whole
        Whether the maps cannot be computed strip by strip, each time anew.
    few
        How they become few bits in the end, if they do.
    """

    source: PictureSource
    options: Options
    parts: tuple[ComputedMaps, ...]
    ways: tuple[Way, ...]
    fused: bool
    computed: tuple[int, int, int]
    activated: tuple[int, int, int]
    pooling: PoolPlan | None
    shape: tuple[int, int, int]
    whole: bool
    few: Requantization | None = None

    @property
    def sizes(self) -> Sizes | None:
        """The sizes of the convolution, if there is one."""
        return self.parts[0].sizes if self.parts else None

    def maps(self, hold: bool) -> Maps:
        """Return the maps; with `hold` they are computed at once and kept, for dumps and tables."""
        sums = self._sums(hold)
        if self.few is None:
            return sums
        if isinstance(sums, HeldMaps):
            return sums._replace(values=self.few.apply(sums.values, 0))
        return RequantizedMaps(sums, self.few)

    def _sums(self, hold: bool) -> Maps:
        """Return the maps before they are requantised."""
        if not self.parts:
            return HeldMaps(after(self.source.array(), self.options), self.options.threads)
        first = self.parts[0]
        if not (hold or self.whole):
            return first
        way = self.ways[0]
        if computes_whole(way):
            values = _whole(self.source, way)
        elif len(self.parts) == 1:
            values = first.hold()
        else:
            values = combine(self.options.combine, np.stack([one.hold() for one in self.parts]), way.root_mean)
            values = _cast(way, values)
        return HeldMaps(after(values, self.options, activated=self.fused), self.options.threads, first.sizes)


def plan_maps(source: PictureSource, ways: Sequence[Way], options: Options) -> MapPlan:
    """Return how a picture goes through a kernel, or through several combined, and through what comes after.

    Parameters
    ----------
    source
        The picture.
    ways
        How each kernel is applied: one, unless ``options.combine`` says how several become one map. ``(kH, kW)``
        filters each channel by itself (or, with ``channels="sum"``, all of them summed), ``(C, kH, kW)`` is as deep
        as the picture. None where there is no convolution.
    options
        The job's options.

    Raises
    ------
    ShapeError
        If a kernel does not fit the picture, or maps that are to be combined differ in size.
    """
    activation = _fused(options) if ways else None
    if not ways:
        parts: tuple[ComputedMaps, ...] = ()
    elif share_a_plan(ways):
        parts = (_one_plan(source, ways, activation),)
    else:
        alone = options._replace(combine="", cast=False, activation=None, pool=None)
        apart = [way_of(way.kernel, alone, source.picture) for way in ways]
        parts = tuple(_one_plan(source, [way], None) for way in apart)
        same_shape([way.kernel.name for way in ways], [one.shape for one in parts], options.combine)
    fused = activation is not None and len(parts) == 1 and not computes_whole(ways[0])
    channels, *size = parts[0].shape if parts else source.shape[1:]
    computed = (channels, size[0], size[1])
    activated = computed if options.activation is None or fused else activated_shape(computed, options)
    pooling = None if options.pool is None else options.pool.plan(activated[1:])
    return MapPlan(
        source, options, parts, tuple(ways), fused, computed, activated, pooling,
        shape=activated if pooling is None else (activated[0], *pooling.out),
        whole=len(parts) != 1 or computes_whole(ways[0]) or needs_whole(options),
    )  # fmt: skip


def computes_whole(way: Way) -> bool:
    """Say whether a tool's function is no convolution of the colours alone, so that its maps are made whole."""
    return way.passes is not None or way.alpha == "weighted"


def _whole(source: PictureSource, way: Way) -> Array:
    """Return the map ``(C, oH, oW)`` of a function that is computed of whole planes."""
    dtype = np.dtype(way.options.dtype)
    if way.passes is not None:
        return way.passes(source.array()).astype(dtype)

    values = by_opacity(_floats(source.of("weighted"), way), _floats(source.of("opacity"), way))
    if way.options.bias is not None:
        values += way.options.bias
    way.cast(values)
    return values


def _floats(source: PictureSource, way: Way) -> Array:
    """Return the map of a part of a picture before it is rounded, without a bias."""
    plain = way._replace(order="", rounding="", options=way.options._replace(bias=None, engine="auto"))
    return _one_plan(source, [plain], None).hold()


def alpha_of(source: PictureSource, way: Way) -> Array | None:
    """Return transparency ``(oH, oW)`` as the adopted tool filters it, in the picture's type; None where it does not.

    ImageMagick filters what light is kept out, so that a kernel that sums to 0 leaves the opaque opaque.
    """
    part = source.of("alpha")
    if way.alpha == "carried":
        return None
    if way.passes is not None:
        values = way.passes(part.array())
    elif way.alpha == "filtered":
        values = _one_plan(part, [way], None).hold()
    else:
        values = way.weights.sum() * way.top - _floats(part, way)
        way.cast(values)
        values = way.top - values
    alpha: Array = values[0].astype(source.picture.dtype)
    return alpha


def applied(source: PictureSource, way: Way) -> Array:
    """Return the map ``(C, oH, oW)`` of one way, before anything follows it."""
    return _whole(source, way) if computes_whole(way) else _one_plan(source, [way], None).hold()


def needs_whole(options: Options) -> bool:
    """Say whether what follows the convolution needs whole maps: pooling, or an activation that ties cells."""
    return options.pool is not None or (options.activation is not None and _fused(options) is None)


def _cast(way: Way, values: Array) -> Array:
    """Return `values`, changed to what the adopted tool gives."""
    if way.options.combine not in ("argmax", "angle"):  # these are no pixels
        way.cast(values)
    return values


def share_a_plan(ways: Sequence[Way]) -> bool:
    """Say whether kernels can be computed together: of one size, with one border, all turned or none."""
    return all(one.weights.shape == ways[0].weights.shape and one.options == ways[0].options for one in ways)


def _one_plan(source: PictureSource, ways: Sequence[Way], activation: Callable[[Array], None] | None) -> ComputedMaps:
    """Return the maps of kernels that share a plan, computed together strip by strip."""
    way = ways[0]
    options, channels = way.options, source.shape[1]
    sums = sums_channels(way.weights, options)
    bank = by_channel([as_bank(one.weights, channels, options) for one in ways])
    plain = plan_source(
        source, source.shape, bank, np.dtype(options.dtype), bias=options.bias, groups=1 if sums else channels,
        **options.convolution(),
    )  # fmt: skip
    convolution: Convolution | OrderedConvolution | WholeConvolution = plain
    if isinstance(plain, Convolution):
        plain = plain.ignoring_missing() if options.missing == "ignore" else plain
        convolution = OrderedConvolution(plain, way.order) if way.order and plain.gaps is None else plain
    outputs = 1 if sums else channels

    def finish(row: int, values: Array) -> Array:
        if options.combine:
            grouped = values.reshape(outputs, len(ways), *values.shape[1:])  # (C, K, rows, W)
            values = combine(options.combine, grouped.swapaxes(0, 1), way.root_mean)
        values = _cast(way, values)
        if way.copies_border:
            _copy_border(source, convolution.plan.sizes, row, values)
        if activation:
            activation(values)
        return values

    return ComputedMaps(convolution, outputs, finish, options.threads)


def _copy_border(source: PictureSource, sizes: Sizes, row: int, values: Array) -> None:
    """Give cells whose window reaches beyond the picture the picture's own values."""
    rows, columns = (span // 2 for span in sizes.span)
    stop = row + values.shape[1]
    own = source.rows(0, 1, row, stop)[0]
    top, bottom = max(0, rows - row), min(stop, sizes.out[0] - rows) - row
    for part in (np.s_[:, :top], np.s_[:, max(bottom, 0) :], np.s_[:, :, :columns], np.s_[:, :, -columns:]):
        values[part] = own[part]


def after(values: Array, options: Options, *, activated: bool = False) -> Array:
    """Return `values` ``(C, H, W)`` after the activation and the pooling that the options ask for."""
    if options.activation is not None and not activated:
        parameters = dict(options.activation.parameters)
        if takes_axis(options.activation.name) and "axis" not in parameters:
            parameters["axis"] = _activation_axis(values.shape, options.activation.name)
        if whole := _fused(options) if options.whole else None:
            whole(values)
        else:
            values = activate(
                values, options.activation.name, missing=options.missing, threads=options.threads, **parameters
            )
    if options.pool is not None:
        dtype = options.dtype if options.whole else None
        values = options.pool.run(values, options.threads, options.missing, dtype)
    return values


def activated_shape(shape: tuple[int, int, int], options: Options) -> tuple[int, int, int]:
    """Return the shape that an activation leaves: glu halves the axis that it works along."""
    if options.activation is None or not takes_axis(options.activation.name):
        return shape

    name, axis = options.activation.name, options.activation.parameters.get("axis", None)
    axis = find_axis(shape, _activation_axis(shape, name) if axis is None else axis, name)
    channels, rows, columns = halved(shape, axis) if name == "glu" else shape
    return channels, rows, columns


def axis_of(shape: tuple[int, int, int], options: Options) -> int:
    """Return the axis, from 0, along which the options' activation works."""
    if options.activation is None:
        raise AssertionError("no activation, and so no axis")
    axis = options.activation.parameters.get("axis")
    name = options.activation.name
    return find_axis(shape, _activation_axis(shape, name) if axis is None else axis, name)


def _activation_axis(shape: tuple[int, ...], name: str) -> int:
    """Return the axis along which softmax and its kind work: the only one of a vector, else the channels."""
    channels, rows, columns = shape
    if channels == 1 and min(rows, columns) > 1 and name != "prelu":
        raise ShapeError(
            f"{name} works along a vector or over channels; this is one channel of {rows} x {columns} "
            f"(say which axis: {name}:axis=1 for rows from top to bottom, {name}:axis=2 for columns)"
        )
    return -3 if channels > 1 or name == "prelu" else -2 if rows > 1 else -1


def sums_channels(weights: Array, options: Options) -> bool:
    """Say whether the kernel adds up the channels."""
    return options.channels == "sum" or weights.ndim == 3


def as_bank(weights: Array, channels: int, options: Options) -> Array:
    """Return the kernel as the filter bank ``(K, C/groups, kH, kW)`` that does the same to this many channels."""
    if weights.ndim == 3:
        if len(weights) != channels:
            raise ShapeError(
                f"the kernel is {len(weights)} channels deep, the image has {channels} "
                "(a kernel over all channels needs one plane for each)"
            )
        return weights[None]
    if options.channels == "sum":
        return np.broadcast_to(weights, (1, channels, *weights.shape))
    return np.broadcast_to(weights, (channels, 1, *weights.shape))


def _fused(options: Options) -> Callable[[Array], None] | None:
    """Return the activation as a function that works in place on a strip, where no axis ties cells together."""
    if options.activation is None or "axis" in options.activation.parameters:
        return None
    name, parameters = check_activation(options.activation.name, options.activation.parameters)
    if options.whole:
        return lambda values: WHOLE_ACTIVATIONS[name](values, parameters)
    if ACTIVATIONS[name].over_axis or np.ndim(parameters.get("weight", 0)):
        return None
    return elementwise(name, **parameters)
