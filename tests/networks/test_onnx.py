"""ONNX: every kind of layer exported computes the same, and a larger graph shows all its maps."""

import json
import subprocess
import sys

import numpy as np
import pytest
from network_files import network_of, write_network
from onnx_models import save_model

from cnnfilter.core.activations import ACTIVATIONS
from cnnfilter.errors import KernelFileError, OutputError, ParameterError, ShapeError
from cnnfilter.networks import run_layers

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from cnnfilter.core.activations import ACTIVATIONS as EXPORTED  # noqa: E402
from cnnfilter.networks.layers.activation import ActivationLayer  # noqa: E402
from cnnfilter.networks.layers.base import Layer  # noqa: E402
from cnnfilter.networks.model import open_model  # noqa: E402
from cnnfilter.networks.onnx_export import TOLERANCE, export_network  # noqa: E402
from cnnfilter.networks.schema import LAYER_KINDS  # noqa: E402

RNG = np.random.default_rng(9)
ARRAYS = {
    "deep": RNG.normal(size=(6, 4, 3, 5)),
    "six": RNG.normal(size=6),
    "grouped": RNG.normal(size=(8, 2, 3, 3)),
    "spread": RNG.normal(size=(4, 3, 3, 2)),
    "four": RNG.normal(size=4),
    "positive": RNG.random(4) + 0.1,
    "fc": RNG.normal(size=(7, 4 * 9 * 11)) / 20,
    "gates": RNG.normal(size=(4, 4 * 9 * 11)) / 20,
    "whole": RNG.normal(size=(4, 9, 11)),
}
WINDOW = {"kind": "pool", "size": "3,2", "stride": 2}

LAYERS = {
    "conv": [{"kind": "conv", "weights": "#deep", "bias": "#six", "stride": "2,1", "padding": [1, 0, 2, 1]}],
    "conv dilated": [{"kind": "conv", "weights": "#deep", "dilation": "1,2", "padding": "same", "bias": 0.5}],
    "conv in groups": [{"kind": "conv", "weights": "#grouped", "groups": 2, "padding": "full"}],
    **{
        f"conv {mode}": [{"kind": "conv", "weights": "#deep", "padding": [2, 1, 3, 0], "padding_mode": mode}]
        for mode in ("reflect", "symmetric", "replicate", "circular", "constant:1.5")
    },
    "conv-transpose": [
        {"kind": "conv-transpose", "weights": "#spread", "stride": "2,3", "padding": "1,0", "output_padding": "1,2"}
    ],
    **{f"{kind} pool": [{**WINDOW, "pool": kind, "padding": 1}] for kind in ("max", "min", "avg", "sum", "lp")},
    **{
        f"{kind} pool hanging over": [{**WINDOW, "pool": kind, "ceil_mode": True, "stride": 3, "padding": 1}]
        for kind in ("max", "min", "avg", "sum", "lp")
    },
    **{f"lp pool, p {p}": [{**WINDOW, "pool": "lp", "p": p, "padding": 1, "ceil_mode": True}] for p in (1, 2.5, 3)},
    "avg pool without its padding": [{**WINDOW, "pool": "avg", "padding": 1, "count_include_pad": False}],
    "avg pool, both": [{**WINDOW, "pool": "avg", "padding": 1, "count_include_pad": False, "ceil_mode": True}],
    "max pool dilated": [{**WINDOW, "pool": "max", "dilation": 2}],
    **{f"global {k}": [{"kind": "pool", "pool": k, "mode": "global"}] for k in ("max", "min", "avg", "sum", "lp")},
    **{
        f"adaptive {kind}": [{"kind": "pool", "pool": kind, "mode": "adaptive", "output_size": "4,3"}]
        for kind in ("max", "min", "avg", "sum", "lp")
    },
    **{
        f"fractional {kind}": [
            {"kind": "pool", "pool": kind, "mode": "fractional", "size": "2,3", "output_size": "5,6", "seed": 4}
        ]
        for kind in ("max", "min", "avg", "sum", "lp")
    },
    "batch norm": [
        {"kind": "normalize", "mean": "#four", "variance": "#positive", "weights": "#four", "bias": "#positive"}
    ],
    "batch norm, bare": [{"kind": "normalize", "mean": "#four", "variance": "#positive", "epsilon": 0.01}],
    "min-max": [{"kind": "normalize", "method": "minmax"}],
    "min-max by channel": [{"kind": "normalize", "method": "minmax", "over": "channel"}],
    "dense and softmax": [
        {"kind": "flatten"}, {"kind": "dropout"}, {"kind": "dense", "weights": "#fc"}, {"kind": "softmax"}
    ],
    "prelu": [{"kind": "activation", "activation": "prelu", "weights": "#four"}],
    "add and concat": [
        {"kind": "activation", "activation": "relu", "name": "a"},
        {"kind": "add", "name": "b", "from": ["a", "input"]},
        {"kind": "concat", "from": ["a", "b", "input"]},
    ],
    "multiply by gates": [
        {"kind": "pool", "pool": "avg", "mode": "global", "name": "squeezed"},
        {"kind": "activation", "activation": "sigmoid", "name": "gates"},
        {"kind": "multiply", "from": ["input", "gates"]},
    ],
    "multiply by a vector, by one map and by all": [
        {"kind": "flatten"},
        {"kind": "dense", "weights": "#gates", "name": "vector"},
        {"kind": "slice", "channels": "2:3", "name": "map", "from": "input"},
        {"kind": "multiply", "from": ["vector", "input", "map", "input"]},
    ],
    **{
        f"resize {mode}, {text}": [{"kind": "resize", "mode": mode, **how}]
        for mode in ("nearest", "linear", "cubic")
        for text, how in (
            ("twice", {"scale": 2}), ("by scales", {"scale": [0.3, 1.7]}), ("to a size", {"size": "20,7"}),
            ("to its corners", {"size": [17, 4], "align_corners": mode != "nearest"}),
            ("twice to its corners", {"scale": 2, "align_corners": mode != "nearest"}),
            ("to one cell", {"size": 1}),
        )
    },
    **{
        f"layer norm over the {over}": [
            {"kind": "layer-norm", "over": over}, {"kind": "layer-norm", "over": over, "weights": f"#{name}"},
            {"kind": "layer-norm", "over": over, "weights": f"#{name}", "bias": f"#{name}", "epsilon": 0.1},
        ]
        for over, name in (("cell", "four"), ("image", "whole"))
    },
    "layer norm of a vector": [{"kind": "flatten"}, {"kind": "layer-norm"}, {"kind": "layer-norm", "over": "image"}],
    "group norm": [
        {"kind": "group-norm", "groups": 2, "weights": "#four", "bias": "#positive"},
        {"kind": "group-norm", "groups": 4}, {"kind": "group-norm", "groups": 1, "bias": "#four", "epsilon": 0.1},
        {"kind": "flatten"}, {"kind": "group-norm", "groups": 3},
    ],
    "slice": [
        {"kind": "slice", "channels": "1:-1", "columns": "-10::3"}, {"kind": "slice", "rows": ":99:2"},
        {"kind": "flatten"}, {"kind": "slice", "channels": "3:"},
    ],
    **{
        f"depth to space, {mode}": [
            {"kind": "concat", "from": ["input", "input"]}, {"kind": "depth-to-space", "block_size": 2, "mode": mode}
        ]
        for mode in ("CRD", "DCR")
    },
    **{
        f"pad {mode}": [{"kind": "pad", "padding": [2, 1, 3, 0], "padding_mode": mode}]
        for mode in ("zeros", "reflect", "symmetric", "replicate", "circular", "constant:1.5")
    },
    **{f"activation {name}": [{"kind": "activation", "activation": name}] for name in ACTIVATIONS},
}  # fmt: skip


@pytest.mark.parametrize("case", LAYERS, ids=str)
def test_exported_layers_compute_the_same(case, tmp_path):
    network = network_of(tmp_path, LAYERS[case], ARRAYS, channels=4, size=[9, 11])
    assert export_network(network, tmp_path / "net.onnx") <= TOLERANCE
    images = RNG.normal(size=(3, 4, 9, 11)).astype(np.float32)
    theirs = open_model(tmp_path / "net.onnx").run(images)
    ours = run_layers(network, images)
    for name, values in ours.items():
        np.testing.assert_allclose(theirs[name], values, rtol=1e-5, atol=1e-5 * max(1, np.abs(values).max()))


@pytest.mark.parametrize(
    ("mode", "before", "after", "kinds"),
    [
        ("nearest", (14, 14), [2, 114], ["Gather", "Gather"]),
        ("linear", (301, 5), [444, 7], ["MatMul", "MatMul"]),
        ("cubic", (250, 5), [500, 10], ["Resize"]),
    ],
)
def test_places_that_a_runtime_would_not_find_in_float32_are_in_the_graph(tmp_path, mode, before, after, kinds):
    entry = {"kind": "resize", "mode": mode, "size": after, "name": "out"}
    network = network_of(tmp_path, [entry], channels=2, size=before)
    assert export_network(network, tmp_path / "net.onnx") <= TOLERANCE
    assert [node.op_type for node in onnx.load(tmp_path / "net.onnx").graph.node] == kinds
    images = RNG.normal(size=(2, 2, *before))
    model = open_model(tmp_path / "net.onnx")
    np.testing.assert_allclose(
        model.run(images.astype(np.float32))["out"], run_layers(network, images)["out"], atol=1e-5
    )


@pytest.mark.parametrize(
    ("right", "wrong"), [("abs", ["Identity"]), ("identity", ["Log", "Exp"])], ids=["a sign", "NaN"]
)
def test_an_export_is_held_against_numbers_of_both_signs(tmp_path, monkeypatch, right, wrong):
    network = network_of(tmp_path, [{"kind": "activation", "activation": right}], channels=1, size=[4, 5])

    def export(layer, graph, _):
        taken = layer.sources[0]
        for kind in wrong[:-1]:
            taken = graph.node(kind, [taken])
        graph.node(wrong[-1], [taken], layer.name)

    monkeypatch.setattr(ActivationLayer, "export", export)
    with pytest.raises(OutputError, match="ONNX Runtime differs by"):
        export_network(network, tmp_path / "net.onnx")
    assert not (tmp_path / "net.onnx").exists()


def test_every_kind_of_layer_and_activation_can_be_exported():
    assert {one.kind for one in Layer.__subclasses__()} == set(LAYER_KINDS)
    assert all("export" in vars(one) for one in Layer.__subclasses__())
    assert set(EXPORTED) == set(ACTIVATIONS)


def residual_model(path, *, blocks=3, channels=8, size=32, batch="N"):
    """Write a ResNet-like model: convolutions, batch norm, residual adds, a stride, global pooling, a dense layer."""
    helper, rng = onnx.helper, np.random.default_rng(2)
    nodes, arrays = [], []

    def array(name, *shape, positive=False):
        values = rng.normal(size=shape, scale=0.2).astype(np.float32)
        arrays.append(onnx.numpy_helper.from_array(np.abs(values) + 0.5 if positive else values, name))
        return name

    def conv(taken, name, inputs, outputs, side=3, stride=1):
        weight = array(f"{name}.weight", outputs, inputs, side, side)
        pads = [side // 2] * 4
        nodes.append(helper.make_node("Conv", [taken, weight], [name], pads=pads, strides=[stride] * 2))
        norm = [array(f"{name}.{part}", outputs, positive=part == "var") for part in ("gamma", "beta", "mean", "var")]
        nodes.append(helper.make_node("BatchNormalization", [name, *norm], [f"{name}/norm"]))
        return f"{name}/norm"

    taken = conv("image", "conv0", 3, channels, side=7, stride=2)
    nodes.append(helper.make_node("Relu", [taken], ["relu0"]))
    nodes.append(helper.make_node("MaxPool", ["relu0"], ["pool0"], kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4))
    taken = "pool0"
    for block in range(blocks):
        first = conv(taken, f"block{block}/conv1", channels, channels)
        nodes.append(helper.make_node("Relu", [first], [f"block{block}/relu1"]))
        second = conv(f"block{block}/relu1", f"block{block}/conv2", channels, channels)
        nodes.append(helper.make_node("Add", [second, taken], [f"block{block}/add"]))
        nodes.append(helper.make_node("Relu", [f"block{block}/add"], [f"block{block}/out"]))
        taken = f"block{block}/out"
    nodes.append(helper.make_node("GlobalAveragePool", [taken], ["pooled"]))
    nodes.append(helper.make_node("Flatten", ["pooled"], ["flat"]))
    dense = [array("fc.weight", 5, channels), array("fc.bias", 5)]
    nodes.append(helper.make_node("Gemm", ["flat", *dense], ["logits"], transB=1))
    image = helper.make_tensor_value_info("image", 1, [batch, 3, size, size])
    logits = helper.make_tensor_value_info("logits", 1, [batch, 5])
    graph = helper.make_graph(nodes, "residual", [image], [logits], arrays)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
    return model


def test_a_residual_network_shows_every_intermediate_map(tmp_path):
    proto = residual_model(tmp_path / "resnet.onnx")
    model = open_model(tmp_path / "resnet.onnx")
    image = np.random.default_rng(3).random((3, 32, 32), dtype=np.float32)
    outputs = model.run(image)
    assert list(outputs) == [node.output[0] for node in proto.graph.node]
    assert outputs["conv0"].shape == (8, 16, 16)
    np.testing.assert_array_equal(outputs["relu0"], np.maximum(outputs["conv0/norm"], 0))
    for block in range(3):  # the residual way
        shortcut = outputs["pool0" if block == 0 else f"block{block - 1}/out"]
        np.testing.assert_allclose(
            outputs[f"block{block}/add"], outputs[f"block{block}/conv2/norm"] + shortcut, rtol=1e-5, atol=1e-5
        )
    np.testing.assert_allclose(outputs["pooled"][:, 0, 0], outputs["block2/out"].mean((1, 2)), rtol=1e-4, atol=1e-5)
    # and once more by our own engine, from the model's own arrays
    from cnnfilter import conv2d

    weights = onnx.numpy_helper.to_array(proto.graph.initializer[0])
    np.testing.assert_allclose(outputs["conv0"], conv2d(image, weights, stride=2, padding=3), rtol=1e-4, atol=1e-4)


def test_the_plan_of_a_residual_network_knows_shapes_fields_and_costs(tmp_path):
    residual_model(tmp_path / "resnet.onnx")
    plan = open_model(tmp_path / "resnet.onnx").plan(None)
    layers = {layer.name: layer for layer in plan.layers}
    assert layers["conv0"].shape == (8, 16, 16)
    assert layers["conv0"].field[:2] == ((7, 7), (2, 2))
    assert layers["conv0"].macs == 8 * 16 * 16 * 3 * 7 * 7
    assert layers["pool0"].field[:2] == ((11, 11), (4, 4))
    assert layers["block0/out"].field.size == (11 + 2 * 2 * 4,) * 2
    assert layers["conv0"].parameters == 8 * 3 * 49
    assert layers["logits"].field.size is None
    assert layers["logits"].parameters == 45


def test_a_batch_and_an_open_size_run_too(tmp_path):
    residual_model(tmp_path / "fixed.onnx", batch=1)
    residual_model(tmp_path / "open.onnx", size="S")
    images = np.random.default_rng(3).random((3, 3, 32, 32), dtype=np.float32)
    fixed = open_model(tmp_path / "fixed.onnx").run(images)
    model = open_model(tmp_path / "open.onnx")
    with pytest.raises(ParameterError, match="any size"):
        model.plan(None)
    assert model.plan((64, 48)).layers[0].shape == (8, 32, 24)
    np.testing.assert_allclose(fixed["logits"], model.run(images)["logits"], rtol=1e-4, atol=1e-5)


def test_what_stands_beside_a_model_prepares_the_picture(tmp_path):
    residual_model(tmp_path / "resnet.onnx")
    (tmp_path / "resnet.onnx.yaml").write_text(
        "input: {range: unit, mean: [0.1, 0.2, 0.3], std: 0.5, resize: crop}\nclasses: [a, b, c, d, e]\n"
    )
    model = open_model(tmp_path / "resnet.onnx")
    assert (model.input.range, model.input.mean, model.input.std) == ("unit", (0.1, 0.2, 0.3), (0.5,))
    assert model.input.size == (32, 32)
    assert model.classes == ("a", "b", "c", "d", "e")
    (tmp_path / "resnet.onnx.yaml").write_text("input: {channels: 1}\n")
    with pytest.raises(KernelFileError, match=r"resnet.onnx.yaml:1: input.channels: 1, but the model takes 3"):
        open_model(tmp_path / "resnet.onnx")


def test_an_export_says_how_its_picture_is_prepared(tmp_path):
    entries = [{"kind": "pool", "pool": "avg", "mode": "global"}, {"kind": "flatten"}]
    network = network_of(
        tmp_path, entries, channels=2, size=[5, 6], input={"range": "unit", "mean": [0.25, 0.5]}, classes=["x", "y"]
    )
    export_network(network, tmp_path / "m.onnx")
    model = open_model(tmp_path / "m.onnx")
    assert (model.input.range, model.input.mean, model.classes) == ("unit", (0.25, 0.5), ("x", "y"))


def test_files_that_are_no_models_are_refused(tmp_path):
    (tmp_path / "text.onnx").write_text("not a model at all")
    (tmp_path / "empty.onnx").write_bytes(b"")
    for name in ("text", "empty"):
        with pytest.raises(KernelFileError, match=rf"{name}.onnx: is not an ONNX model"):
            open_model(tmp_path / f"{name}.onnx")
    with pytest.raises(KernelFileError, match="no such file"):
        open_model(tmp_path / "none.onnx")


def test_an_operator_that_onnx_runtime_refuses_is_one_line(tmp_path):
    helper = onnx.helper
    node = helper.make_node("Mystery", ["image"], ["out"], domain="nobody")
    ends = [helper.make_tensor_value_info(name, 1, [1, 1, 4, 4]) for name in ("image", "out")]
    graph = helper.make_graph([node], "g", [ends[0]], [ends[1]])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("nobody", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), tmp_path / "odd.onnx")
    model = open_model(tmp_path / "odd.onnx")
    with pytest.raises(KernelFileError, match=r"ONNX Runtime refuses the model: .*Mystery") as caught:
        model.run(np.zeros((1, 4, 4), np.float32))
    assert "\n" not in str(caught.value)


def test_channels_last_and_no_shape_of_the_output(tmp_path):
    helper = onnx.helper
    weights = onnx.numpy_helper.from_array(np.random.default_rng(4).random((4, 3, 3, 3), dtype=np.float32), "w")
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["t", "w"], ["c"]),
    ]
    ends = [helper.make_tensor_value_info("x", 1, [1, 6, 7, 3]), helper.make_tensor_value_info("c", 1, None)]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], [weights])
    path = tmp_path / "last.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    model = open_model(path)
    assert (model.input.layout, model.input.channels, model.input.size) == ("NHWC", 3, (6, 7))
    image = np.random.default_rng(5).random((3, 6, 7), dtype=np.float32)
    np.testing.assert_array_equal(model.run(image)["t"], image)
    assert model.plan(None).layers[1].shape == (4, 4, 5)


def test_a_size_that_the_model_does_not_take_is_refused(tmp_path):
    residual_model(tmp_path / "resnet.onnx")
    model = open_model(tmp_path / "resnet.onnx")
    from dataclasses import replace

    with pytest.raises(ShapeError, match="takes 32x32, not 16x16"):
        model.with_input(replace(model.input, size=(16, 16)))


def test_external_weights_outside_the_folder_are_refused(tmp_path):
    (tmp_path / "secret").write_bytes(np.ones(9, np.float32).tobytes())
    (tmp_path / "models").mkdir()
    model = residual_model(tmp_path / "m.onnx")
    first = model.graph.initializer[0]
    first.ClearField("raw_data")
    first.data_location = onnx.TensorProto.EXTERNAL
    first.external_data.add(key="location", value="../secret")
    (tmp_path / "models" / "m.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(KernelFileError, match="is not an ONNX model that can be read"):
        open_model(tmp_path / "models" / "m.onnx")


def test_without_the_extra_the_message_says_what_to_install(tmp_path):
    path = write_network(tmp_path, [{"kind": "flatten"}], size=[2, 2])
    script = (
        "import sys; sys.modules['onnxruntime'] = None\n"
        "from cnnfilter.cli.main import main\n"
        f"main({json.dumps(['export', str(path), '-o', str(tmp_path / 'm.onnx')])})"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "pip install 'cnnfilter[onnx]'" in done.stderr


@pytest.mark.parametrize("layer", ["MaxPool <kernel_shape = [4, 2]>", "AveragePool <kernel_shape = [9, 1]>"])
def test_a_window_that_leaves_nothing_is_refused(tmp_path, layer):
    """ONNX Runtime divides by the number of values, and the process dies."""
    path = save_model(tmp_path / "m.onnx", f"y = {layer} (x)", feed="float[1,2,3,H] x", out="float[A,B,C,D] y")
    with pytest.raises(ShapeError, match=r"layer 'y' \(\w+\) leaves nothing of 1x2x3x7"):
        open_model(path).run(np.ones((2, 3, 7), np.float32))
