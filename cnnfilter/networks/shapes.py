"""What each kind of layer does to a shape, a receptive field and a budget: one function a kind, integers only."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from cnnfilter.core.activate import parse_activation
from cnnfilter.core.activations import ACTIVATIONS
from cnnfilter.errors import ParameterError, ShapeError
from cnnfilter.networks.convs import plan_conv, plan_conv_transpose
from cnnfilter.networks.flow import Flow, LayerFacts, check_bias, everything, joined
from cnnfilter.networks.pools import plan_pool
from cnnfilter.networks.spec import Layer


def plan_activation(layer: Layer, inputs: Sequence[Flow], itemsize: int) -> LayerFacts:
    """Plan an activation: the shape stays, but for glu, which halves the channels."""
    flow = inputs[0]
    name, parameters = parse_activation(layer.settings.activation)
    weights = np.asarray(layer.weights.get("weights", parameters.get("weight", 0.0)))
    if weights.size > 1 and weights.shape != flow.shape[:1]:
        raise ShapeError(f"prelu has weights {weights.shape} for {flow.shape[0]} channels: one, or ({flow.shape[0]},)")
    if name == "glu":
        if flow.shape[0] % 2:
            raise ShapeError(f"glu halves the {flow.shape[0]} channels; it needs an even number")
        return LayerFacts(flow=Flow(shape=(flow.shape[0] // 2, *flow.shape[1:]), field=flow.field, jump=flow.jump))
    if ACTIVATIONS[name].over_axis and len(flow.shape) == 1:
        return LayerFacts(flow=everything(flow))
    return LayerFacts(flow=flow)


def plan_normalize(layer: Layer, inputs: Sequence[Flow], itemsize: int) -> LayerFacts:
    """Plan a normalisation: the shape stays; batch norm needs one statistic a channel."""
    flow = inputs[0]
    if layer.settings.method == "minmax":
        return LayerFacts(flow=everything(flow))
    for key, array in layer.weights.items():
        if array.shape != flow.shape[:1]:
            raise ShapeError(f"{key} {array.shape} must be ({flow.shape[0]},), one for each channel")
    if (layer.weights["variance"] < 0).any() or (
        layer.settings.epsilon == 0 and not layer.weights["variance"].all()
    ):  # fmt: skip
        raise ParameterError("a variance must be 0 or more, and above 0 where epsilon is 0")
    return LayerFacts(flow=flow, macs=math.prod(flow.shape))


def plan_flatten(layer: Layer, inputs: Sequence[Flow], itemsize: int) -> LayerFacts:
    """Plan a flatten: channels times rows times columns."""
    shape, count = inputs[0].shape, math.prod(inputs[0].shape)
    text = f"{' * '.join(map(str, shape))} = {count}"
    return LayerFacts(flow=Flow(shape=(count,), field=inputs[0].field, jump=None), rows=text)


def plan_dense(layer: Layer, inputs: Sequence[Flow], itemsize: int) -> LayerFacts:
    """Plan weighted sums of everything."""
    weights, shape = layer.weights["weights"], inputs[0].shape
    if len(shape) != 1:
        count = math.prod(shape)
        raise ShapeError(
            f"dense needs a vector, got {shape}: put a flatten before it, {'*'.join(map(str, shape))} = {count}"
        )
    if weights.ndim != 2 or weights.shape[1] != shape[0]:
        raise ShapeError(f"weights {weights.shape} must be (out, in) = (out, {shape[0]})")
    check_bias(layer, len(weights))
    text = f"weights {weights.shape[0]} x {weights.shape[1]} times {shape[0]} = {len(weights)}"
    return LayerFacts(flow=Flow(shape=(len(weights),), field=None, jump=None), macs=weights.size, rows=text)


def plan_softmax(layer: Layer, inputs: Sequence[Flow], itemsize: int) -> LayerFacts:
    """Plan a softmax: over the channels of maps a value sees what its cell saw; of a vector, everything."""
    return LayerFacts(flow=inputs[0] if len(inputs[0].shape) == 3 else everything(inputs[0]))


def plan_same(layer: Layer, inputs: Sequence[Flow], itemsize: int) -> LayerFacts:
    """Plan a layer that changes nothing."""
    return LayerFacts(flow=inputs[0])


def plan_add(layer: Layer, inputs: Sequence[Flow], itemsize: int) -> LayerFacts:
    """Plan a sum: all shapes must be one."""
    if len({flow.shape for flow in inputs}) > 1:
        shown = " and ".join("x".join(map(str, flow.shape)) for flow in inputs)
        raise ShapeError(f"add needs one shape, got {shown} (same padding and stride on both ways keep them equal)")
    return LayerFacts(flow=joined(inputs, inputs[0].shape))


def plan_concat(layer: Layer, inputs: Sequence[Flow], itemsize: int) -> LayerFacts:
    """Plan a join along the channels: the rest of the shapes must be one."""
    if len({flow.shape[1:] for flow in inputs}) > 1:
        shown = " and ".join("x".join(map(str, flow.shape)) for flow in inputs)
        raise ShapeError(f"concat joins channels, so rows and columns must be equal, got {shown}")
    counts = [flow.shape[0] for flow in inputs]
    text = f"{' + '.join(map(str, counts))} = {sum(counts)} channels"
    return LayerFacts(flow=joined(inputs, (sum(counts), *inputs[0].shape[1:])), rows=text)


#: How each kind of layer is planned.
PLANNERS: dict[str, Callable[[Layer, Sequence[Flow], int], LayerFacts]] = {
    "conv": plan_conv,
    "conv-transpose": plan_conv_transpose,
    "activation": plan_activation,
    "pool": plan_pool,
    "normalize": plan_normalize,
    "flatten": plan_flatten,
    "dense": plan_dense,
    "dropout": plan_same,
    "softmax": plan_softmax,
    "add": plan_add,
    "concat": plan_concat,
}
