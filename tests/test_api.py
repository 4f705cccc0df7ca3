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


@pytest.mark.parametrize("image", [IMAGE[0], IMAGE, np.stack([IMAGE, IMAGE + 1])], ids=["H,W", "C,H,W", "N,C,H,W"])
@pytest.mark.parametrize("kernel", ["gaussian:sigma=1|2", ["sobel-x", "gaussian:sigma=1"], "bank:laws-3"])
def test_a_bank_gives_the_maps_of_its_kernels(image, kernel):
    bank = [cnnfilter.load_kernel(one) for one in kernel] if isinstance(kernel, list) else cnnfilter.load_kernel(kernel)
    bias = np.arange(len(bank))
    got = cnnfilter.conv2d(image, kernel, padding="same", bias=bias)
    expected = [cnnfilter.conv2d(image, one, padding="same", bias=b) for one, b in zip(bank, bias, strict=True)]
    np.testing.assert_allclose(got, np.stack(expected, axis=1 if image.ndim == 4 else 0), rtol=1e-12, atol=1e-12)


def test_maps_of_several_sizes_are_refused_with_the_way_out():
    with pytest.raises(cnnfilter.CnnFilterError, match=r"gaussian-sigma1 8x9, gaussian-sigma2 2x3.*padding='same'"):
        cnnfilter.conv2d(np.ones((14, 15)), "gaussian:sigma=1|2", padding=0)
    with pytest.raises(cnnfilter.CnnFilterError, match="bias must be one number or one for each of the 2 kernels"):
        cnnfilter.conv2d(IMAGE, "gaussian:sigma=1|2", padding="same", bias=[1, 2, 3])


def test_a_kernel_as_deep_as_the_image_makes_one_map(tmp_path):
    weights = np.random.default_rng(1).standard_normal((2, 3, 3, 3))
    np.save(tmp_path / "bank.npy", weights)
    spec = str(tmp_path / "bank.npy")
    expected = cnnfilter.conv2d(IMAGE, weights)
    np.testing.assert_array_equal(cnnfilter.conv2d(IMAGE, spec), expected)
    deep = cnnfilter.load_kernel(spec)[1]
    assert deep.shape == (3, 3, 3)
    np.testing.assert_allclose(cnnfilter.conv2d(IMAGE, deep), expected[1], rtol=1e-12)
    np.testing.assert_allclose(cnnfilter.conv2d(np.stack([IMAGE] * 2), deep)[1], expected[1], rtol=1e-12)
    assert cnnfilter.conv_transpose2d(IMAGE, deep).shape == (10, 11)


def test_masked_arrays_are_refused():
    masked = np.ma.masked_array(IMAGE, mask=IMAGE > 5)
    for call in (
        lambda: cnnfilter.conv2d(masked, "box"),
        lambda: cnnfilter.conv2d(IMAGE, masked[0]),
        lambda: cnnfilter.pool2d(masked, "max", 2),
        lambda: cnnfilter.activate(masked, "relu"),
        lambda: cnnfilter.dense(masked[0, 0], np.ones((2, 9))),
    ):
        with pytest.raises(CnnFilterError, match="masked array"):
            call()


@pytest.mark.parametrize("padding", ["valid", "same", 1, (1, 0), ((1, 0), (0, 1)), "1,0,0,1"])
def test_poolings_take_the_paddings_of_convolutions(padding):
    box = cnnfilter.conv2d(IMAGE, np.ones((2, 3)), padding=padding, stride=2)
    np.testing.assert_allclose(cnnfilter.pool2d(IMAGE, "sum", (2, 3), stride=2, padding=padding), box)
