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
    from cnnfilter.job.kernel_sheet import kernel_tiles, write_sheet

    path, _ = model
    kernels = load_kernels(f"{path}#conv1.weight")
    tiles, names = kernel_tiles(kernels)
    assert [tile.shape for tile in tiles] == [(2, 4, 3)] * 5
    assert names[0] == "conv1.weight-0"
    write_sheet(kernels, [], str(tmp_path / "sheet.png"))
    assert read_image(tmp_path / "sheet.png").shape[0] == 3
