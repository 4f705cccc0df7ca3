"""The public functions refuse what is no argument of theirs with errors of their own."""

import numpy as np
import pytest

import cnnfilter
from cnnfilter.errors import CnnFilterError, ResourceError

IMAGE = np.arange(3 * 8 * 9.0).reshape(3, 8, 9)  # (C, H, W)
NO_TEXT = [None, 5, 2.5, True, [], {}, ("a",), np.array(["a"])]


@pytest.mark.parametrize("wrong", NO_TEXT)
@pytest.mark.parametrize(
    "call",
    [
        cnnfilter.load_kernel,
        cnnfilter.read_image,
        lambda wrong: cnnfilter.load_kernel("sobel-x", search=[wrong]),
        lambda wrong: cnnfilter.list_kernels(search=[wrong]),
        lambda wrong: cnnfilter.conv2d(IMAGE, "sobel-x", engine=wrong),
        lambda wrong: cnnfilter.conv2d(IMAGE, "sobel-x", padding_mode=wrong),
        lambda wrong: cnnfilter.write_image(wrong, IMAGE),
        lambda wrong: cnnfilter.write_image("a.png", IMAGE, display=wrong),
        lambda wrong: cnnfilter.run_network(wrong, IMAGE),
        lambda wrong: cnnfilter.pool2d(IMAGE, wrong, 2),
        lambda wrong: cnnfilter.activate(IMAGE, wrong),
    ],
)
def test_what_is_no_text_is_refused(call, wrong, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CnnFilterError):
        call(wrong)
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    "call",
    [
        lambda: cnnfilter.list_kernels(search=5),
        lambda: cnnfilter.list_kernels(search="kernels"),
        lambda: cnnfilter.list_kernels(search=["\0"]),
        lambda: cnnfilter.read_image(b"1 2", dtype="zz"),
        lambda: cnnfilter.read_image(b"1 2", dtype="datetime64[s]"),
        lambda: cnnfilter.read_image(b"1 2", range=None),
        lambda: cnnfilter.write_image("a.png", [[1, 2], [3]]),
        lambda: cnnfilter.write_image("a.png", IMAGE, text=5),
    ],
)
def test_other_wrong_arguments(call):
    with pytest.raises(CnnFilterError):
        call()


@pytest.mark.parametrize("size", [10**18, 10**30])
@pytest.mark.parametrize("name", ["stride", "dilation", "padding"])
def test_enormous_numbers_are_refused(name, size):
    with pytest.raises(CnnFilterError):
        cnnfilter.conv2d(IMAGE, "sobel-x", **{name: size})
    with pytest.raises(CnnFilterError):
        cnnfilter.pool2d(IMAGE, "max", 2, **{name: size})
    with pytest.raises(CnnFilterError):
        cnnfilter.conv_transpose2d(IMAGE, np.ones((3, 2, 3, 3)), **{name: size})


@pytest.mark.parametrize(
    "call",
    [
        lambda: cnnfilter.conv2d(IMAGE, "sobel-x", padding=10**9),
        lambda: cnnfilter.conv_transpose2d(IMAGE, np.ones((3, 2, 3, 3)), stride=10**9),
        lambda: cnnfilter.pool2d(IMAGE, "max", 10**9, stride=1, padding=10**9),
        lambda: cnnfilter.adaptive_pool2d(IMAGE, 10**9, "max"),
    ],
)
def test_maps_that_no_machine_holds_are_out_of_resources(call):
    with pytest.raises(ResourceError, match=r"map of \d+ x \d+ takes [\d.e+]+ TB"):
        call()


def test_both_convolutions_take_the_same_groups():
    kernel = np.arange(9.0).reshape(3, 3)
    for convolve in (cnnfilter.conv2d, cnnfilter.conv_transpose2d):
        np.testing.assert_array_equal(convolve(IMAGE, kernel, groups=3), convolve(IMAGE, kernel))
        weights = np.arange(3 * 9.0).reshape(3, 1, 3, 3)
        np.testing.assert_array_equal(convolve(IMAGE, weights, groups=np.int64(3)), convolve(IMAGE, weights, groups=3))
        for wrong in (True, 2.0, "3", 0, None):
            with pytest.raises(CnnFilterError, match="groups must be a whole number"):
                convolve(IMAGE, weights, groups=wrong)
        with pytest.raises(CnnFilterError, match="groups"):
            convolve(IMAGE, kernel, groups=2)
