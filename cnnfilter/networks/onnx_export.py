"""Network files to ONNX models that compute the same, layer for layer, under the same names."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cnnfilter.core.activate import parse_activation
from cnnfilter.core.rows import source_position
from cnnfilter.core.shapes import Pads, Pair, pair, parse_border, resolve_pads
from cnnfilter.errors import OutputError
from cnnfilter.files import atomic_output, check_outputs, quoted
from cnnfilter.networks.convs import pads_of
from cnnfilter.networks.onnx_model import METADATA, OnnxModel, feeds_of
from cnnfilter.networks.onnx_nodes import Graph, export_activation, export_pool, whole_array
from cnnfilter.networks.onnx_session import require_onnx
from cnnfilter.networks.plan import plan_network
from cnnfilter.networks.run import TINY, run_layers
from cnnfilter.networks.spec import INPUT, Layer, Network

Shapes = Sequence[tuple[int, ...]]
#: Largest difference, over the largest value of the layer, that an export may have in ONNX Runtime.
TOLERANCE = 1e-5


#: How many times all layers are held while an export is compared: of two images, by two programs.
COMPARED = 4


def build_model(network: Network, size: Pair | None = None) -> Any:
    """Return a network as an ONNX model: any batch, one size of input.

    Parameters
    ----------
    network
        The network.
    size
        Rows and columns of the input; those of the network unless given.

    Returns
    -------
    onnx.ModelProto
        Each layer's output is a tensor with the layer's name. Preparing a picture is not part of the graph: what
        the network file says about it, and the class names, are in the model's metadata.

    Raises
    ------
    MissingExtraError
        If onnx is not installed.
    ParameterError
        If the size of the input is not known.
    """
    onnx, _ = require_onnx()
    plan = plan_network(network, size)
    shapes = {INPUT: plan.size} | {layer.name: layer.shape for layer in plan.layers}
    graph = Graph(onnx)
    for layer in network.layers:
        EXPORTERS[layer.kind](graph, layer, [shapes[source] for source in layer.sources])
    last = network.layers[-1].name
    model = graph.model(network.name, (INPUT, ("N", *plan.size)), (last, ("N", *shapes[last])))
    model.doc_string = network.description
    expected = network.input
    said = {
        "range": expected.range, "mean": list(expected.mean), "std": list(expected.std), "resize": expected.resize,
        "order": expected.order, "size": list(plan.size[1:]), "channels": plan.size[0],
    }  # fmt: skip
    onnx.helper.set_model_props(
        model, dict(zip(METADATA, (json.dumps(said), json.dumps(network.classes)), strict=True))
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def export_network(network: Network, path: str | Path, size: Pair | None = None) -> float:
    """Write a network as an ONNX model, once ONNX's checker and ONNX Runtime agree with it.

    Parameters
    ----------
    network, size
        As for `build_model`.
    path
        The file to write; it appears whole or not at all.

    Returns
    -------
    float
        The largest difference of any value of any layer in ONNX Runtime, over the largest value of its layer.

    Raises
    ------
    OutputError
        If ONNX Runtime computes something else.
    """
    check_outputs([path], network.files)
    model = build_model(network, size)
    difference = _difference(network, model)
    if not difference <= TOLERANCE:
        raise OutputError(
            f"{quoted(path)}: ONNX Runtime differs by {difference:.2g}, more than {TOLERANCE:g} (report this)"
        )
    with atomic_output(path) as file:
        file.write(model.SerializeToString())
    return difference


def _difference(network: Network, proto: Any) -> float:
    """Return how far ONNX Runtime is from our engine on two images of random numbers, the second of both signs."""
    sides = [dim.dim_value for dim in proto.graph.input[0].type.tensor_type.shape.dim[1:]]
    images = np.random.default_rng(0).random((2, *sides), dtype=np.float32)
    images[1] = 4 * images[1] - 2
    ours = run_layers(network, images)
    model = OnnxModel(name=network.name, path="the export", proto=proto, feed=feeds_of(proto)[0], input=network.input)
    theirs = model.run(images)
    worst = 0.0
    for name, values in ours.items():
        scale = max(1.0, float(np.abs(values).max()))
        same = (values == theirs[name]) | (np.isnan(values) & np.isnan(theirs[name]))
        with np.errstate(invalid="ignore"):
            gap = np.where(same, 0, np.abs(values - theirs[name]))
        worst = max(worst, float(np.nan_to_num(gap, nan=np.inf).max()) / scale)  # max() would pass NaN over
    return worst


def _conv(graph: Graph, layer: Layer, shapes: Shapes) -> None:
    s, taken = layer.settings, layer.sources[0]
    weights = layer.weights["weights"]
    stride, dilation = pair(s.stride, "stride"), pair(s.dilation, "dilation")
    size, window = (shapes[0][1], shapes[0][2]), (weights.shape[2], weights.shape[3])
    pads = pads_of(layer, size)
    if s.padding_mode != "zeros" and pads:
        taken, pads = _bordered(graph, taken, s.padding_mode, pads, size), Pads()
    graph.node(
        "Conv", [taken, *_parameters(graph, layer, len(weights))], layer.name, strides=stride, dilations=dilation,
        group=s.groups, pads=[pads.top, pads.left, pads.bottom, pads.right], kernel_shape=window,
    )  # fmt: skip


def _parameters(graph: Graph, layer: Layer, maps: int) -> list[str]:
    """Store weights and bias under the names that PyTorch would give them."""
    names = [graph.constant(layer.weights["weights"], f"{layer.name}.weight")]
    if "bias" in layer.weights:
        names.append(graph.constant(whole_array(layer.weights["bias"].reshape(-1), maps), f"{layer.name}.bias"))
    return names


def _bordered(graph: Graph, taken: str, mode: str, pads: Pads, size: Pair) -> str:
    """Return a tensor with a border: a constant one by padding, others by gathering rows and columns again."""
    border = parse_border(mode)
    if border.mode == "constant":
        amounts = graph.constant([0, 0, pads.top, pads.left, 0, 0, pads.bottom, pads.right])
        return graph.node("Pad", [taken, amounts, graph.constant(border.value)])
    for axis, (before, after) in enumerate(((pads.top, pads.bottom), (pads.left, pads.right))):
        cells = [source_position(i, size[axis], border.mode) for i in range(-before, size[axis] + after)]
        taken = graph.node("Gather", [taken, graph.constant(np.array(cells, np.int64))], axis=axis + 2)
    return taken


def _conv_transpose(graph: Graph, layer: Layer, shapes: Shapes) -> None:
    s, weights = layer.settings, layer.weights["weights"]
    stride, dilation = pair(s.stride, "stride"), pair(s.dilation, "dilation")
    size, window = (shapes[0][1], shapes[0][2]), (weights.shape[2], weights.shape[3])
    pads = resolve_pads(s.padding, size, window, stride, dilation)
    graph.node(
        "ConvTranspose", [layer.sources[0], *_parameters(graph, layer, weights.shape[1] * s.groups)], layer.name,
        strides=stride, dilations=dilation, group=s.groups, pads=[pads.top, pads.left, pads.bottom, pads.right],
        kernel_shape=window, output_padding=pair(s.output_padding, "output_padding", minimum=0),
    )  # fmt: skip


def _activation(graph: Graph, layer: Layer, shapes: Shapes) -> None:
    name, parameters = parse_activation(layer.settings.activation)
    if "weights" in layer.weights:
        parameters["weight"] = layer.weights["weights"]
    export_activation(graph, name, parameters, layer.sources[0], len(shapes[0]) + 1, layer.name)


def _pool(graph: Graph, layer: Layer, shapes: Shapes) -> None:
    export_pool(graph, layer.settings, layer.sources[0], shapes[0], layer.name)


def _normalize(graph: Graph, layer: Layer, shapes: Shapes) -> None:
    s, taken = layer.settings, layer.sources[0]
    if s.method == "batch":
        w, count = layer.weights, shapes[0][0]
        values = (w.get("weights", 1.0), w.get("bias", 0.0), w["mean"], w["variance"])
        stored = [graph.constant(whole_array(value, count)) for value in values]
        graph.node("BatchNormalization", [taken, *stored], layer.name, epsilon=s.epsilon)
        return
    first = 1 if s.over == "image" or len(shapes[0]) == 1 else 2
    axes = graph.constant(list(range(first, len(shapes[0]) + 1)))
    low, high = (graph.node(kind, [taken, axes], keepdims=1) for kind in ("ReduceMin", "ReduceMax"))
    spread = graph.node("Max", [graph.node("Sub", [high, low]), graph.constant(TINY)])
    graph.node("Div", [graph.node("Sub", [taken, low]), spread], layer.name)


def _dense(graph: Graph, layer: Layer, shapes: Shapes) -> None:
    names = _parameters(graph, layer, len(layer.weights["weights"]))
    graph.node("Gemm", [layer.sources[0], *names], layer.name, transB=1)


def _one(kind: str, **attributes: Any) -> Callable[[Graph, Layer, Shapes], None]:
    """Return the exporter of a layer that is one node."""

    def export(graph: Graph, layer: Layer, shapes: Shapes) -> None:
        graph.node(kind, list(layer.sources), layer.name, **attributes)

    return export


#: How each kind of layer is written.
EXPORTERS: dict[str, Callable[[Graph, Layer, Shapes], None]] = {
    "conv": _conv,
    "conv-transpose": _conv_transpose,
    "activation": _activation,
    "pool": _pool,
    "normalize": _normalize,
    "flatten": _one("Flatten", axis=1),
    "dense": _dense,
    "dropout": _one("Identity"),
    "softmax": _one("Softmax", axis=1),
    "add": _one("Sum"),
    "concat": _one("Concat", axis=1),
}
