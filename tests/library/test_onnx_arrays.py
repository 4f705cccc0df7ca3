"""Kernels from the stored arrays of ONNX models."""

import numpy as np
import pytest

from cnnfilter.errors import KernelFileError, UnknownNameError
from cnnfilter.library import load_kernel, load_kernels

onnx = pytest.importorskip("onnx")


@pytest.fixture
def model(tmp_path):
    """A model whose convolution has 5 filters of 3 channels, 2x4 each."""
    weights = np.arange(5 * 3 * 2 * 4, dtype=np.float32).reshape(5, 3, 2, 4)
    arrays = [onnx.numpy_helper.from_array(weights, "conv1.weight"), onnx.numpy_helper.from_array(weights[0], "other")]
    node = onnx.helper.make_node("Conv", ["x", "conv1.weight"], ["y"])
    ends = [onnx.helper.make_tensor_value_info(name, 1, None) for name in "xy"]
    graph = onnx.helper.make_graph([node], "g", ends[:1], ends[1:], arrays)
    path = tmp_path / "model.onnx"
    path.write_bytes(onnx.helper.make_model(graph).SerializeToString())
    return path, weights


def test_filters_of_a_model_are_kernels(model):
    path, weights = model
    kernels = load_kernels(f"{path}#conv1.weight")
    assert len(kernels) == 5
    np.testing.assert_array_equal(kernels[3].weights, weights[3])


def test_a_selection_takes_some_filters_or_one_channel(model):
    path, weights = model
    assert [k.name for k in load_kernels(f"{path}#conv1.weight[:2]")] == ["conv1.weight-0", "conv1.weight-1"]
    np.testing.assert_array_equal(load_kernel(f"{path}#conv1.weight[4,1]").weights, weights[4, 1])


def test_of_two_arrays_of_one_name_neither_is_taken(model):
    path, _ = model
    twins = onnx.load(path)
    twins.graph.initializer[1].name = "conv1.weight"
    onnx.save(twins, path)
    with pytest.raises(KernelFileError, match=r"holds several arrays of the name 'conv1\.weight' \(rename them\)"):
        load_kernels(f"{path}#conv1.weight")


def test_a_name_that_is_not_there_is_answered_with_the_nearest(model):
    path, _ = model
    with pytest.raises(UnknownNameError, match=r"no array 'conv1.wieght' in it \(did you mean conv1.weight"):
        load_kernels(f"{path}#conv1.wieght")
    with pytest.raises(KernelFileError, match="holds several arrays"):
        load_kernels(str(path))


def test_a_file_that_is_no_model_is_refused(tmp_path):
    (tmp_path / "odd.onnx").write_bytes(b"\xff\xfe nothing")
    with pytest.raises(KernelFileError, match="is not an ONNX model"):
        load_kernels(f"{tmp_path / 'odd.onnx'}#a")


def test_a_sheet_of_filters_is_drawn(model, tmp_path):
    from cnnfilter import read_image
    from cnnfilter.library.pictures import kernel_tiles
    from cnnfilter.run.kernel_sheet import write_sheet

    path, _ = model
    kernels = load_kernels(f"{path}#conv1.weight")
    tiles, names = kernel_tiles(kernels)
    assert [tile.shape for tile in tiles] == [(2, 4, 3)] * 5
    assert names[0] == "conv1.weight-0"
    write_sheet(kernels, [], str(tmp_path / "sheet.png"))
    assert read_image(tmp_path / "sheet.png").shape[0] == 3


def graph_of(nodes, arrays=()):
    """Return a model of these nodes."""
    ends = [onnx.helper.make_tensor_value_info("x", 1, [1, 3, 8, 8]), onnx.helper.make_tensor_value_info("y", 1, None)]
    graph = onnx.helper.make_graph(nodes, "g", ends[:1], ends[1:], list(arrays))
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)


WEIGHTS = np.arange(5 * 3 * 2 * 4, dtype=np.float32).reshape(5, 3, 2, 4)


def constant_model(path):
    """A model with its weights in Constant nodes, one of them under a second name, and one filled."""
    node = onnx.helper.make_node
    nodes = [
        node("Constant", [], ["w"], value=onnx.numpy_helper.from_array(WEIGHTS)),
        node("Identity", ["w"], ["shared"]),
        node("Constant", [], ["sides"], value_ints=[2, 3, 3, 3]),
        node("ConstantOfShape", ["sides"], ["box"], value=onnx.numpy_helper.from_array(np.float32([0.5]))),
        node("Conv", ["x", "shared"], ["y"]),
        node("Conv", ["x", "box"], ["z"]),
    ]
    onnx.save(graph_of(nodes), path)
    return path


def test_weights_in_constant_nodes_are_found(tmp_path):
    path = constant_model(tmp_path / "m.onnx")
    for name in ("w", "shared"):
        np.testing.assert_array_equal(load_kernels(f"{path}#{name}")[4].weights, WEIGHTS[4])
    np.testing.assert_array_equal(load_kernels(f"{path}#box")[1].weights, np.full((3, 3, 3), 0.5))


def test_the_plan_counts_them_and_lists_no_constants(tmp_path):
    pytest.importorskip("onnxruntime")
    from cnnfilter.networks.model import open_model

    model = open_model(constant_model(tmp_path / "m.onnx"))
    plan = model.plan(None)
    assert [layer.name for layer in plan.layers] == ["y", "z"]
    assert [layer.parameters for layer in plan.layers] == [WEIGHTS.size, 2 * 27]
    assert [layer.field.size for layer in plan.layers] == [(2, 4), (3, 3)]
    assert [layer.macs for layer in plan.layers] == [5 * 7 * 5 * 24, 2 * 6 * 6 * 27]
    assert list(model.run(np.ones((3, 8, 8), np.float32))) == ["y", "z"]


def test_arrays_in_a_file_of_their_own_are_found_beside_the_model_and_nowhere_else(tmp_path):
    model = graph_of([onnx.helper.make_node("Conv", ["x", "w"], ["y"])], [onnx.numpy_helper.from_array(WEIGHTS, "w")])
    onnx.save(model, tmp_path / "m.onnx", save_as_external_data=True, location="m.bin", size_threshold=0)
    np.testing.assert_array_equal(load_kernels(f"{tmp_path / 'm.onnx'}#w")[2].weights, WEIGHTS[2])
    (tmp_path / "sub").mkdir()
    outside = onnx.load(tmp_path / "m.onnx", load_external_data=False)
    outside.graph.initializer[0].external_data[0].value = "../m.bin"
    (tmp_path / "sub" / "m.onnx").write_bytes(outside.SerializeToString())
    with pytest.raises(KernelFileError, match="'w' cannot be read as an array"):
        load_kernels(f"{tmp_path / 'sub' / 'm.onnx'}#w")
    (tmp_path / "m.bin").write_bytes(b"short")
    with pytest.raises(KernelFileError, match="'w' cannot be read as an array"):
        load_kernels(f"{tmp_path / 'm.onnx'}#w")


def test_a_filled_array_of_any_size_is_refused_before_it_is_filled(tmp_path):
    nodes = [
        onnx.helper.make_node("Constant", [], ["sides"], value_ints=[1 << 20, 1 << 20, 3, 3]),
        onnx.helper.make_node("ConstantOfShape", ["sides"], ["w"]),
        onnx.helper.make_node("Conv", ["x", "w"], ["y"]),
    ]
    onnx.save(graph_of(nodes), tmp_path / "m.onnx")
    with pytest.raises(KernelFileError, match=r"promises .* weights, more than"):
        load_kernels(f"{tmp_path / 'm.onnx'}#w")
