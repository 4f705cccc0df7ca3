"""Network files that are wrong: each is refused with its place, what was found, and what to do."""

import numpy as np
import pytest
from network_files import network_of, write_network

from cnnfilter.errors import CnnFilterError, KernelFileError, ShapeError
from cnnfilter.networks import load_network, run_layers

ARRAYS = {
    "w": np.ones((2, 1, 3, 3), np.float32),
    "nan": np.array([[[[1.0, np.nan]]]]),
    "words": np.array(["a", "b"]),
    "flags": np.ones((2, 1, 3, 3), bool),
    "fc": np.ones((4, 30)),
}
CONV = {"kind": "conv", "weights": "#w"}

#: Layers, what else the file says, and what the message must hold.
WRONG = {
    "unknown kind": (
        [{"kind": "covn"}],
        {},
        r"net.json:\d+: layers\[0\].kind: unknown layer kind 'covn' \(did you mean conv",
    ),
    "no kind": ([{"stride": 2}], {}, r"layers\[0\]: kind is missing"),
    "unknown key": (
        [{**CONV, "strid": 2}],
        {},
        r"net.json:\d+: layers\[0\]: unknown key 'strid' \(did you mean stride",
    ),
    "unknown key of the input": ([CONV], {"input": {"sizes": 4}}, r"input: unknown key 'sizes' \(did you mean size"),
    "unknown key on top": ([CONV], {"layer": []}, r"unknown key 'layer' \(did you mean layers"),
    "no layers": ([], {}, r"layers: expected a list of length >= 1, got a list"),
    "wrong type": ([{**CONV, "groups": "two"}], {}, r"layers\[0\].groups: expected a whole number.*, got 'two'"),
    "stride of nothing": ([{**CONV, "stride": 0}], {}, r"layers\[0\].stride: stride must be at least 1, got 0"),
    "padding in words": ([{**CONV, "padding": "smae"}], {}, r"layers\[0\].padding: .*did you mean same"),
    "activation": (
        [{"kind": "activation", "activation": "rleu"}],
        {},
        r"unknown activation 'rleu' \(did you mean relu",
    ),
    "pooling": ([{"kind": "pool", "pool": "mix", "size": 2}], {}, r"unknown pooling 'mix' \(did you mean min or max"),
    "pooling without size": ([{"kind": "pool", "pool": "max"}], {}, r"layers\[0\]: size is missing"),
    "a key of another mode": (
        [{"kind": "pool", "pool": "max", "mode": "global", "size": 2}],
        {},
        r"layers\[0\].size: means nothing .* global",
    ),
    "both kernels and weights": (
        [{**CONV, "kernels": ["sobel-x"]}],
        {},
        r"expected one of kernels, weights and filters, got kernels and weights",
    ),
    "neither": ([{"kind": "conv"}], {}, r"expected one of kernels, weights and filters, got none"),
    "unknown kernel": (
        [{"kind": "conv", "kernels": "sobl-x"}],
        {},
        r"layers\[0\].kernels: unknown kernel 'sobl-x'.*sobel-x",
    ),
    "missing file": ([{"kind": "conv", "weights": "none.npz#a"}], {}, r"layers\[0\].weights: none.npz: no such file"),
    "missing array": (
        [{"kind": "conv", "weights": "#ww"}],
        {},
        r"layers\[0\].weights: 'weights.npz': no array 'ww'.*did you mean w",
    ),
    "no file named": ([{"kind": "conv", "weights": "#w"}], {"weights": ""}, r"'#w' names no file .*own weights"),
    "NaN": (
        [{"kind": "conv", "weights": "#nan"}],
        {},
        r"#nan holds 1 NaN or infinite values, the first at \(0, 0, 0, 1\)",
    ),
    "text": ([{"kind": "conv", "weights": "#words"}], {}, r"layers\[0\].weights: .*expected real numbers"),
    "truth values": ([{"kind": "conv", "weights": "#flags"}], {}, r"holds bool, expected real numbers"),
    "ragged": ([{"kind": "dense", "weights": [[1, 2], [3]]}], {}, r"weights: \[1\] has shape \(1,\), \[0\] has \(2,\)"),
    "words in place": (
        [{"kind": "dense", "weights": [["one"]]}],
        {},
        r"weights: \[0\]\[0\]: expected a number, got 'one'",
    ),
    "absolute path": ([{"kind": "conv", "weights": "/etc/w.npz#w"}], {}, r"'/etc/w.npz' is an absolute path"),
    "another drive": ([{"kind": "conv", "weights": "C:\\w.npz"}], {}, r"is an absolute path"),
    "a way out": (
        [{"kind": "conv", "weights": "../w.npz#w"}],
        {},
        r"'../w.npz' leads out of the network file's folder",
    ),
    "a way out for kernels": ([{"kind": "conv", "kernels": "../k.yaml"}], {}, r"kernels: '../k.yaml' leads out"),
    "same name": (
        [{**CONV, "name": "a"}, {"kind": "dropout", "name": "a"}],
        {},
        r"layers\[1\].name: 'a' is the name of an earlier",
    ),
    "taken name": ([{**CONV, "name": "input"}], {}, r"'input' is what the network's own input is called"),
    "name of no letters": ([{**CONV, "name": "../x"}], {}, r"layers\[0\].name: "),
    "a later layer": (
        [{**CONV, "from": "relu1"}, {"kind": "flatten"}],
        {},
        r"layers\[0\].from: no earlier layer 'relu1'",
    ),
    "a nearly right layer": (
        [{**CONV, "name": "first"}, {"kind": "flatten", "from": "frist"}],
        {},
        r"did you mean first",
    ),
    "one to add": ([CONV, {"kind": "add", "from": "conv1"}], {}, r"layers\[1\].from: add takes two or more"),
    "two to pool": ([CONV, {"kind": "flatten", "from": ["conv1", "input"]}], {}, r"flatten takes one layer, got 2"),
    "classes": (
        [{"kind": "flatten"}, {"kind": "dense", "weights": "#fc"}],
        {"classes": ["a", "b"]},
        r"classes: 2 names, but the last layer, 'dense1', gives 4 values",
    ),
    "classes of maps": ([CONV], {"classes": ["a", "b"]}, r"classes: the last layer, 'conv1', gives 2x3x4 maps"),
    "mean": ([CONV], {"input": {"mean": [1, 2]}}, r"input.mean: expected one number, or one for each of 1 channels"),
    "std": ([CONV], {"input": {"std": 0}}, r"input.std: 0 cannot divide"),
    "resize to nothing said": ([{"kind": "resize"}], {}, r"layers\[0\]: expected one of scale and size, got none"),
    "resize to two things": ([{"kind": "resize", "scale": 2, "size": 3}], {}, r"one of scale and size, got both"),
    "a scale of 0": (
        [{"kind": "resize", "scale": [1, 0]}],
        {},
        r"layers\[0\].scale: expected a number above 0, or two",
    ),
    "three scales": ([{"kind": "resize", "scale": [1, 1, 1]}], {}, r"layers\[0\].scale: expected a number above 0"),
    "corners of cells": ([{"kind": "resize", "scale": 2, "align_corners": True}], {}, r"align_corners: means nothing"),
    "PyTorch's word": ([{"kind": "resize", "scale": 2, "mode": "bilinear"}], {}, r"layers\[0\].mode: .*'bilinear'"),
    "slice of nothing": (
        [{"kind": "slice"}],
        {},
        r"layers\[0\]: expected channels, rows or columns, as in rows: '1:-1'",
    ),
    "slice backwards": (
        [{"kind": "slice", "rows": "::-1"}],
        {},
        r"layers\[0\].rows: .* the step 1 or more; got '::-1'",
    ),
    "slice of one": ([{"kind": "slice", "rows": "3"}], {}, r"layers\[0\].rows: expected start:stop or .*; got '3'"),
    "pad by a word": (
        [{"kind": "pad", "padding": "same"}],
        {},
        r"layers\[0\].padding: pad has no window .* got 'same'",
    ),
    "pad by less": ([{"kind": "pad", "padding": -1}], {}, r"layers\[0\].padding: padding must be 0 or more, got -1"),
    "pad by an unknown mode": ([{"kind": "pad", "padding": 1, "padding_mode": "refelct"}], {}, r"did you mean reflect"),
    "one to multiply": ([{"kind": "multiply"}], {}, r"layers\[0\].from: multiply takes two or more layers"),
    "no epsilon": ([{"kind": "layer-norm", "epsilon": 0}], {}, r"layers\[0\].epsilon: expected a number > 0"),
    "no groups": ([{"kind": "group-norm"}], {}, r"layers\[0\]: groups is missing"),
    "no block": ([{"kind": "depth-to-space", "mode": "DCR"}], {}, r"layers\[0\]: block_size is missing"),
    "batch norm without statistics": ([{"kind": "normalize", "mean": 0}], {}, r"variance is missing"),
}


@pytest.mark.parametrize("case", WRONG, ids=str)
def test_a_wrong_file_is_refused_with_its_place(case, tmp_path):
    layers, top, message = WRONG[case]
    path = write_network(tmp_path, layers, ARRAYS, size=[5, 6], **top)
    with pytest.raises(CnnFilterError, match=message) as caught:
        load_network(path)
    assert "\n" not in str(caught.value)


#: Layers that do not fit: what the message must hold.
MISFITS = {
    "kernel too large": (
        [{"kind": "conv", "weights": [[[[1.0] * 7] * 6]]}],
        ["layer 'conv1' (conv)", "takes 1x5x6 from input", "weights are 1x1x6x7", "(5 + 0 - 1*(6-1) - 1) // 1 + 1 = 0"],
    ),
    "channels": ([CONV, {**CONV, "name": "b"}], ["layer 'b'", "takes 2x3x4 from conv1", "weights are 2x1x3x3"]),
    "dense": (
        [{"kind": "flatten"}, {"kind": "dense", "weights": [[1, 2, 3]]}],
        ["layer 'dense1' (dense) takes 30 from flatten1", "weights are 1x3", "(out, in) = (out, 30)"],
    ),
    "dense on maps": (
        [{"kind": "dense", "weights": "#fc"}],
        ["'dense1'", "put a flatten before it, 1*5*6 = 30"],
    ),
    "add": (
        [CONV, {"kind": "add", "from": ["conv1", "input"]}],
        ["layer 'add1' (add) takes 2x3x4 from conv1 and 1x5x6 from input", "add needs one shape"],
    ),
    "concat": ([CONV, {"kind": "concat", "from": ["conv1", "input"]}], ["'concat1'", "rows and columns must be equal"]),
    "pool after flatten": ([{"kind": "flatten"}, {"kind": "pool", "pool": "max", "size": 2}], ["needs maps (C, H, W)"]),
    "batch norm": (
        [{"kind": "normalize", "mean": [0, 1], "variance": [1, 1]}], ["mean (2,) must be (1,), one for each channel"]
    ),
    "bias": ([{**CONV, "bias": [1, 2, 3]}], ["layer 'conv1'", "bias"]),
    "multiply": (
        [CONV, {"kind": "multiply", "from": ["conv1", "input"]}],
        ["layer 'multiply1' (multiply) takes 2x3x4 from conv1 and 1x5x6 from input", "multiply needs one shape",
         "got 2x3x4 and 1x5x6 (beside maps CxHxW also a number for each channel, C or Cx1x1, or one map 1xHxW)"],
    ),
    "multiply by columns": (
        [CONV, {"kind": "flatten"}, {"kind": "slice", "channels": ":4", "name": "four"},
         {"kind": "multiply", "from": ["conv1", "four"]}],
        ["takes 2x3x4 from conv1 and 4 from four", "got 2x3x4 and 4"],
    ),
    "multiply vectors": (
        [{"kind": "flatten"}, {"kind": "slice", "channels": ":1", "name": "one"},
         {"kind": "multiply", "from": ["flatten1", "one"]}],
        ["multiply needs one shape, got 30 and 1"],
    ),
    "resize to nothing": ([{"kind": "resize", "scale": 0.18}], ["nothing is left: rows = floor(5*0.18) = 0"]),
    "resize of a vector": ([{"kind": "flatten"}, {"kind": "resize", "scale": 2}], ["needs maps (C, H, W)"]),
    "resize beyond all machines": ([{"kind": "resize", "size": 2000000000}], ["TB"]),
    "layer norm": (
        [CONV, {"kind": "layer-norm", "weights": [1, 2, 3]}], ["weights (3,) must be (2,), one for each channel"]
    ),
    "layer norm over the image": (
        [{"kind": "layer-norm", "over": "image", "bias": [1]}], ["bias (1,) must be (1, 5, 6)", "over: image"]
    ),
    "group norm": ([CONV, {"kind": "group-norm", "groups": 3}], ["groups 3 must divide the 2 channels"]),
    "group norm's weights": (
        [CONV, {"kind": "group-norm", "groups": 1, "weights": [1]}], ["weights (1,) must be (2,), one for each channel"]
    ),
    "slice": ([{"kind": "slice", "rows": "5:"}], ["nothing is left: rows 5: of 5 = 0"]),
    "slice of a vector": ([{"kind": "flatten"}, {"kind": "slice", "rows": "1:"}], ["needs maps (C, H, W)"]),
    "depth to space": (
        [CONV, {"kind": "depth-to-space", "block_size": 2}],
        ["blocks of 2x2 take 4 channels each, which do not divide 2"],
    ),
    "pad of a vector": ([{"kind": "flatten"}, {"kind": "pad", "padding": 1}], ["needs maps (C, H, W)"]),
    "glu of an odd number": ([{"kind": "activation", "activation": "glu"}], ["glu halves the 1 channels"]),
}  # fmt: skip


@pytest.mark.parametrize("case", MISFITS, ids=str)
def test_shapes_that_do_not_fit_name_the_layer_and_show_both(case, tmp_path):
    layers, parts = MISFITS[case]
    path = write_network(tmp_path, layers, ARRAYS, size=[5, 6])
    with pytest.raises(KernelFileError) as caught:
        load_network(path)
    for part in parts:
        assert part in str(caught.value)
    line = path.read_text().splitlines()[caught.value.line - 1]
    assert "{" in line  # the line where the layer begins


def test_a_link_out_of_the_folder_is_refused(tmp_path):
    (tmp_path / "inner").mkdir()
    np.savez(tmp_path / "outside.npz", w=np.ones((1, 1, 2, 2)))
    (tmp_path / "inner" / "link.npz").symlink_to(tmp_path / "outside.npz")
    path = write_network(tmp_path / "inner", [{"kind": "conv", "weights": "link.npz#w"}], size=[5, 6])
    with pytest.raises(KernelFileError, match=r"layers\[0\].weights: 'link.npz' is a link out of"):
        load_network(path)
    (tmp_path / "way").symlink_to(tmp_path / "inner")  # a link to the folder itself is the user's own way in
    np.savez(tmp_path / "inner" / "own.npz", w=np.ones((1, 1, 2, 2)))
    write_network(tmp_path / "inner", [{"kind": "conv", "weights": "own.npz#w"}], size=[5, 6])
    assert load_network(tmp_path / "way" / "net.json").layers[0].weights.shape == (1, 1, 2, 2)


def test_weights_of_every_kind_of_file_are_the_same(tmp_path):
    array = np.arange(18, dtype=np.float32).reshape(2, 1, 3, 3)
    np.save(tmp_path / "w.npy", array)
    header = b'{"w":{"dtype":"F32","shape":[2,1,3,3],"data_offsets":[0,72]}}'
    (tmp_path / "w.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + array.tobytes())
    for weights in ("weights.npz#w", "#w", "w.npy", "w.safetensors#w", array.tolist()):
        network = network_of(tmp_path, [{"kind": "conv", "weights": weights}], {"w": array}, size=[5, 6])
        np.testing.assert_array_equal(network.layers[0].weights, array)


def test_yaml_and_json_say_the_same(tmp_path):
    (tmp_path / "net.yaml").write_text(
        "input: {size: 4}\nlayers:\n  - {kind: conv, kernels: [sobel-x, sobel-y]}\n  - {kind: flatten}\n"
    )
    entries = [{"kind": "conv", "kernels": ["sobel-x", "sobel-y"]}, {"kind": "flatten"}]
    image = np.arange(16.0).reshape(1, 4, 4)
    first = run_layers(load_network(tmp_path / "net.yaml"), image)
    second = run_layers(network_of(tmp_path, entries, size=[4, 4]), image)
    assert list(first) == list(second) == ["conv1", "flatten1"]
    np.testing.assert_array_equal(first["flatten1"], second["flatten1"])


@pytest.mark.parametrize(("channels", "groups", "maps"), [(1, 1, 2), (3, 1, 2), (3, 3, 6)])
def test_kernels_of_two_dimensions_sum_the_channels_or_keep_them(channels, groups, maps, tmp_path):
    from cnnfilter import conv2d

    entry = {"kind": "conv", "kernels": ["sobel-x", "box:size=3"], "groups": groups}
    network = network_of(tmp_path, [entry], channels=channels, size=[5, 6])
    image = np.random.default_rng(1).random((channels, 5, 6))
    made = run_layers(network, image)["conv1"]
    assert made.shape == (maps, 3, 4)
    each = conv2d(image, "sobel-x")
    np.testing.assert_allclose(made[0], each[0] if groups > 1 else each.sum(0))


def test_images_of_another_shape_are_refused(tmp_path):
    network = network_of(tmp_path, [{"kind": "flatten"}], channels=2, size=[5, 6])
    for shape in ((5, 6), (1, 5, 6), (2, 5, 7), (0, 2, 5, 6)):
        with pytest.raises(ShapeError, match=r"takes images \(2, 5, 6\)"):
            run_layers(network, np.zeros(shape))


def test_an_error_in_yaml_has_its_line(tmp_path):
    (tmp_path / "net.yaml").write_text("input: {size: 4}\nlayers:\n  - kind: flatten\n  - kind: dence\n")
    with pytest.raises(KernelFileError, match=r"net.yaml:4: layers\[1\].kind: unknown layer kind 'dence' .*dense"):
        load_network(tmp_path / "net.yaml")


def test_a_layer_without_a_name_takes_nobody_elses(tmp_path):
    entries = [CONV, CONV | {"name": "conv1"}, CONV | {"name": "conv3"}, CONV]
    network = network_of(tmp_path, entries, {"w": np.ones((1, 1, 1, 1))}, size=(5, 6))
    assert [layer.name for layer in network.layers] == ["conv2", "conv1", "conv3", "conv4"]
