"""Transposed convolution against the naive loop, its laws and its arguments."""

from types import SimpleNamespace

import numpy as np
import oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnfilter.core import rows
from cnnfilter.core.transpose import conv_transpose2d
from cnnfilter.errors import ParameterError, ShapeError


def integers(rng, low, high):
    return tuple(int(n) for n in rng.integers(low, high, 2))


def random_case(seed):
    """An image, a kernel and the arguments of a random transposed convolution."""
    rng = np.random.default_rng(seed)
    groups, depth, maps = (int(n) for n in rng.integers(1, 4, 3))
    stride, dilation = integers(rng, 1, 5), integers(rng, 1, 4)
    return (
        rng.standard_normal((int(rng.integers(1, 3)), groups * depth, *integers(rng, 1, 9))),
        rng.standard_normal((groups * depth, maps, *integers(rng, 1, 5))),
        {
            "bias": rng.standard_normal(groups * maps) if rng.random() < 0.5 else None,
            "stride": stride,
            "pads": (integers(rng, 0, 4), integers(rng, 0, 4)),
            "output_padding": tuple(int(rng.integers(max(pair))) for pair in zip(stride, dilation, strict=True)),
            "dilation": dilation,
            "groups": groups,
        },
    )


def assert_like_oracle(seed):
    image, kernel, options = random_case(seed)
    ours = {("padding" if key == "pads" else key): value for key, value in options.items()}
    try:
        expected = oracle.naive_conv_transpose2d(image, kernel, **options)
    except ValueError:  # negative sizes
        expected = np.empty(0)
    if expected.size == 0:
        with pytest.raises(ShapeError, match="transposed convolution of"):
            conv_transpose2d(image, kernel, **ours)
        return
    np.testing.assert_allclose(conv_transpose2d(image, kernel, **ours), expected, rtol=1e-12, atol=1e-12)
    single = conv_transpose2d(image.astype(np.float32), kernel, **ours)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("start", range(0, 100, 25))
def test_random_cases_equal_the_naive_loop(start):
    for seed in range(start, start + 25):
        assert_like_oracle(seed)


@pytest.mark.long
@pytest.mark.parametrize("start", range(1000, 1600, 100))
def test_many_random_cases_equal_the_naive_loop(start):
    for seed in range(start, start + 100):
        assert_like_oracle(seed)


def test_a_2d_kernel_spreads_every_channel_by_itself():
    rng = np.random.default_rng(1)
    image, kernel = rng.standard_normal((2, 3, 4, 5)), rng.standard_normal((3, 2))
    expected = oracle.naive_conv_transpose2d(image, np.stack([kernel[None]] * 3), stride=(2, 3), groups=3)
    got = conv_transpose2d(image, kernel, stride=(2, 3))
    np.testing.assert_allclose(got, expected, rtol=1e-13, atol=1e-13)
    np.testing.assert_array_equal(conv_transpose2d(image[0], kernel, stride=(2, 3)), got[0])
    np.testing.assert_array_equal(conv_transpose2d(image[0, 1], kernel, stride=(2, 3)), got[0, 1])


def test_axes_in_front():
    image, kernel = np.ones((3, 4, 5)), np.ones((3, 2, 2, 2))
    assert conv_transpose2d(image, kernel).shape == (2, 5, 6)
    assert conv_transpose2d(image[None], kernel).shape == (1, 2, 5, 6)
    assert conv_transpose2d(image[0], kernel[:1]).shape == (2, 5, 6)


def test_an_impulse_gives_the_kernel():
    image = np.zeros((3, 4))
    image[1, 2] = 1
    kernel = np.arange(1.0, 7).reshape(2, 3)
    out = conv_transpose2d(image, kernel, stride=(2, 3), output_padding=(1, 2))
    np.testing.assert_array_equal(out[2:4, 6:9], kernel)
    assert out.shape == (7, 14)
    assert out.sum() == kernel.sum()


def test_results_do_not_depend_on_the_strips(monkeypatch):
    image, kernel, options = random_case(7)
    options = {"stride": options["stride"], "dilation": options["dilation"], "groups": options["groups"]}
    expected = conv_transpose2d(image, kernel, **options)
    monkeypatch.setattr(rows, "BLOCK_BYTES", 1)
    np.testing.assert_allclose(conv_transpose2d(image, kernel, **options), expected, rtol=1e-13, atol=1e-13)


def test_types_layouts_and_kernel_objects():
    grid = np.random.default_rng(2).integers(0, 9, (2, 5, 6))
    kernel = np.random.default_rng(3).integers(-3, 4, (2, 3, 2, 3))
    expected = oracle.naive_conv_transpose2d(grid[None].astype(float), kernel, stride=(2, 1))[0]
    frozen = grid.astype(np.float32)
    frozen.setflags(write=False)
    strided = np.zeros((2, 10, 18), np.float32)[:, ::2, ::3]
    strided[...] = grid
    for image in (grid.astype("u1"), grid.astype(">i2"), grid.astype(">f4"), np.asfortranarray(grid), frozen, strided):
        got = conv_transpose2d(image, SimpleNamespace(weights=kernel.astype(">f8")), stride=(2, 1))
        assert got.dtype == np.float32
        np.testing.assert_array_equal(got, expected)
    assert conv_transpose2d(grid.astype(">f8"), kernel).dtype == np.float64


@pytest.mark.parametrize("bias", [2, [2], [2, 2, 2]])
def test_forms_of_the_bias(bias):
    out = conv_transpose2d(np.zeros((1, 2, 2)), np.ones((1, 3, 2, 2)), bias=bias)
    assert (out == 2).all()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"kernel": np.ones((3, 1, 2, 2))}, ShapeError, r"kernel \(3, 1, 2, 2\) does not fit the image's 2 channels"),
        ({"groups": 3}, ShapeError, "groups must divide it"),
        ({"groups": 0}, ParameterError, "groups must be a whole number of at least 1, got 0"),
        ({"kernel": np.ones((2, 2)), "groups": 3}, ShapeError, "it takes no groups"),
        ({"kernel": np.ones((2, 2, 2))}, ShapeError, r"\(kH, kW\) or \(C, K/groups, kH, kW\), got shape \(2, 2, 2\)"),
        ({"kernel": np.ones((2, 0, 2, 2))}, ShapeError, r"got shape \(2, 0, 2, 2\)"),
        ({"kernel": "sobel-x"}, ParameterError, "kernel must hold real numbers"),
        ({"output_padding": 1}, ParameterError, "output_padding must be less than the stride or the dilation"),
        ({"output_padding": (2, 0), "stride": (2, 3)}, ParameterError, "got 2,0 with stride 2,3"),
        ({"output_padding": -1}, ParameterError, "output_padding must be at least 0"),
        ({"padding": 4}, ShapeError, "transposed convolution of 3x4 gives -4x-3"),
        ({"padding": "same"}, ParameterError, "needs its padding in numbers, got 'same'"),
        ({"stride": 0}, ParameterError, "stride must be at least 1"),
        ({"bias": [1, 2]}, ShapeError, r"one for each of the 1 maps, got shape \(2,\)"),
    ],
)
def test_arguments_that_are_refused(arguments, error, message):
    arguments = {"kernel": np.ones((2, 1, 2, 2)), **arguments}
    with pytest.raises(error, match=message):
        conv_transpose2d(np.ones((2, 3, 4)), **arguments)


@given(st.integers(0, 2**32), st.integers(1, 3), st.integers(1, 3), st.integers(1, 3))
@settings(deadline=None, max_examples=50)
def test_it_is_the_adjoint_of_the_convolution(seed, stride, dilation, pad):
    """The product of y with the convolution of x is the product of x with the transposed convolution of y."""
    rng = np.random.default_rng(seed)
    kernel = rng.standard_normal((3, 2, 2, 3))
    x = rng.standard_normal((1, 2, 9, 11))
    geometry = {"stride": (stride, stride), "pads": ((pad, pad), (pad, pad)), "dilation": (dilation, dilation)}
    convolved, _ = oracle.naive_conv2d(x, kernel, **geometry)
    y = rng.standard_normal(convolved.shape)
    spans = [dilation * (k - 1) + 1 for k in (2, 3)]
    left_over = tuple((n + 2 * pad - span) % stride for n, span in zip((9, 11), spans, strict=True))
    back = conv_transpose2d(y, kernel, stride=stride, padding=pad, dilation=dilation, output_padding=left_over)
    assert back.shape == x.shape
    np.testing.assert_allclose((convolved * y).sum(), (x * back).sum(), rtol=1e-9, atol=1e-9)
