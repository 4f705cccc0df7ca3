"""Network files to ONNX models that compute the same, layer for layer, under the same names."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cnnfilter.core.shapes import Pair
from cnnfilter.errors import OutputError
from cnnfilter.files import atomic_output, check_outputs, quoted
from cnnfilter.networks.onnx_graph import Graph
from cnnfilter.networks.onnx_model import METADATA, OnnxModel, feeds_of
from cnnfilter.networks.onnx_session import require_onnx
from cnnfilter.networks.plan import plan_network
from cnnfilter.networks.run import run_layers
from cnnfilter.networks.spec import INPUT, Network

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
        layer.export(graph, [shapes[source] for source in layer.sources])
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
