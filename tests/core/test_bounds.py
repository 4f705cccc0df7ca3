"""Every engine against the naive loop, cell by cell, where values of very different size meet."""

import itertools

import numpy as np
import oracle
import pytest

from cnnfilter import load_kernel
from cnnfilter.core.conv import ENGINES, conv2d, prepare
from cnnfilter.core.dense import dense
from cnnfilter.core.separable import factor
from cnnfilter.core.transpose import conv_transpose2d
from cnnfilter.errors import ParameterError


def radii(size):
    """Distances of a kernel's rows and columns from its middle."""
    return np.meshgrid(*[np.arange(n) - n // 2 for n in size], indexing="ij")


KERNELS = {
    "random": lambda rng, size: rng.standard_normal(size),
    "ones": lambda rng, size: np.ones(size),
    "product": lambda rng, size: np.outer(rng.standard_normal(size[0]), rng.standard_normal(size[1])),
    "whole": lambda rng, size: rng.integers(-9, 10, size),
    "sparse": lambda rng, size: rng.standard_normal(size) * (rng.random(size) < 0.3),
    "empty columns": lambda rng, size: rng.standard_normal(size) * (np.arange(size[1]) % 2),
    "waves": lambda rng, size: np.exp(-sum(r**2 for r in radii(size)) / 30) * np.cos(0.7 * sum(radii(size))),
    "disk": lambda rng, size: (sum(r**2 for r in radii(size)) <= (min(size) / 2) ** 2) / 50,
    "of all sizes": lambda rng, size: 10 ** rng.uniform(-12, 3, size) * rng.choice([-1, 1], size),
}


def with_values(image, rng, *values):
    """The image with a few of its pixels replaced."""
    image[tuple(rng.integers(0, n, len(values)) for n in image.shape)] = values
    return image


IMAGES = {
    "random": lambda rng, size: rng.random(size),
    "signed": lambda rng, size: rng.standard_normal(size),
    "8 bits": lambda rng, size: rng.integers(0, 256, size),
    "one value": lambda rng, size: np.full(size, rng.random()),
    "one white pixel": lambda rng, size: with_values(np.zeros(size), rng, 255),
    "one bright pixel": lambda rng, size: with_values(rng.random(size) * 1e-3, rng, 1e5),
    "stars": lambda rng, size: rng.random(size) * (rng.random(size) < 0.01),
    "half dark": lambda rng, size: rng.random(size) * np.where(np.arange(size[1]) < size[1] // 2, 1e-9, 1),
    "of all sizes": lambda rng, size: 10 ** rng.uniform(-20, 20, size) * rng.choice([-1, 1], size),
    "NaN": lambda rng, size: with_values(rng.random(size), rng, np.nan),
    "infinite": lambda rng, size: with_values(rng.random(size), rng, np.inf, -np.inf),
    "huge": lambda rng, size: rng.uniform(-3e38, 3e38, size) * (rng.random(size) < 0.5),
}


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("image", IMAGES)
def test_every_engine_holds_the_bound_in_every_cell(kernel, image):
    rng = np.random.default_rng([len(kernel), len(image)])
    for size, shape, steps in (((3, 5), (30, 40), (1, 1)), ((13, 14), (66, 75), (1, 1)), ((3, 3), (33, 31), (2, 2))):
        weights = KERNELS[kernel](rng, size).astype(np.float32)
        pixels = IMAGES[image](rng, shape).astype(np.float32)
        pads = ((2, 1), (0, 3))
        with np.errstate(all="ignore"):
            expected, absolute = oracle.naive_conv2d(pixels[None, None], weights[None, None], pads=pads, stride=steps)
            rounded = expected[0, 0].astype(np.float32)
        finite = np.isfinite(rounded)
        for engine in ("auto", *ENGINES):
            try:
                got = conv2d(pixels, weights, padding=pads, stride=steps, engine=engine)
            except ParameterError:
                continue  # fft and separable take no strides
            np.testing.assert_array_equal(got[~finite], rounded[~finite], err_msg=engine)
            excess = np.abs(got[finite] - expected[0, 0][finite]) - 2e-6 * absolute[0, 0][finite]
            assert excess.max() < 2e-45, f"{engine} {size}: off by {excess.max()}"


@pytest.mark.parametrize(
    ("engine", "channels", "size"),
    [(engine, 1, size) for engine in ("auto", "im2col", "banded", "separable") for size in (3, 11, 19, 101)]
    + [(engine, 16, 3) for engine in ("auto", "im2col", "banded")]
    + [(engine, 200, 3) for engine in ("auto", "im2col")],
)
def test_long_sums_of_one_value_stay_within_the_bound(engine, channels, size):
    for value, weight in itertools.product(np.float32([0.1, 0.7, 0.3333, 255 / 7]), np.float32([0.1, 1 / 3])):
        image = np.full((channels, size + 3, size + 9), value)
        got = conv2d(image, np.full((2, channels, size, size), weight), engine=engine)
        exact = float(value) * float(weight) * channels * size * size
        assert np.abs(got - exact).max() <= 2e-6 * exact


@pytest.mark.parametrize("engine", ["auto", *ENGINES])
@pytest.mark.parametrize(
    "kernel",
    [
        np.random.default_rng(1).integers(-127, 128, (25, 25)),
        np.ones((31, 31)),
        np.outer([1, 4, 6, 4, 1] * 3, [1, -2, 5] * 5) / 16,
        (sum(r**2 for r in radii((25, 25))) <= 150) * 1,
    ],
)
def test_whole_numbers_stay_whole(engine, kernel):
    image = np.random.default_rng(2).integers(0, 256, (150, 200), np.uint8)
    exact = conv2d(image.astype(np.float64), kernel.astype(np.float64), engine="im2col")
    assert np.abs(exact).max() < 2**24
    np.testing.assert_array_equal(conv2d(image, kernel, engine=engine), exact)
    np.testing.assert_array_equal(conv2d(image.astype(np.float32), kernel, engine=engine), exact)


@pytest.mark.parametrize("engine", ["auto", "fft"])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_one_white_pixel_shows_the_kernel_and_nothing_else(engine, dtype):
    image = np.zeros((200, 300), dtype)
    image[100, 150] = 255
    weights = load_kernel("disk:radius=12").weights
    got = conv2d(image, weights, padding="same", engine=engine)
    expected = np.zeros(image.shape)
    expected[88:113, 138:163] = 255 * weights[::-1, ::-1].astype(got.dtype)
    np.testing.assert_array_equal(got != 0, expected != 0)
    np.testing.assert_allclose(got, expected, rtol=1e-6)


@pytest.mark.parametrize("bright", [1e5, 1e12, 1e30])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_bright_pixel_far_away_changes_nothing(bright, dtype):
    image = np.random.default_rng(3).random((300, 400)).astype(dtype) * 0.001
    beside = image.copy()
    beside[150, 200] = bright
    weights = np.random.default_rng(4).standard_normal((25, 25))
    size = conv2d(image.astype(float), np.abs(weights), padding="same", engine="im2col")
    far = np.ones(image.shape, bool)
    far[138:163, 188:213] = False
    difference = conv2d(beside, weights, padding="same") - conv2d(image, weights, padding="same")
    assert (np.abs(difference) <= 2e-6 * size)[far].all()


def test_a_picture_with_flat_parts_is_still_transformed():
    rng = np.random.default_rng(5)
    image = rng.integers(0, 256, (300, 400)).astype(np.float32)
    image[:, :150] = 255  # where a kernel of sum 0 gives almost nothing, though every product is large
    image[200:] = 0
    weights = rng.standard_normal((25, 25))
    weights -= weights.mean()
    expected = conv2d(image.astype(float), weights, engine="im2col")
    absolute = conv2d(image.astype(float), np.abs(weights), engine="im2col")
    assert prepare(image, weights).plan.engine == "fft"
    assert (np.abs(conv2d(image, weights) - expected) <= 2e-6 * absolute).all()


@pytest.mark.parametrize(("spec", "passes"), [("gaussian:sigma=5", 1), ("box:size=31", 1), ("disk:radius=12", 25)])
def test_factors_give_back_every_weight(spec, passes):
    weights = load_kernel(spec).weights
    u, v = factor(weights)
    assert len(v) == passes
    np.testing.assert_allclose(u @ v, weights, rtol=1e-13, atol=0)


def test_a_kernel_whose_terms_cancel_is_not_separable():
    across, down = np.random.default_rng(6).random((2, 31))
    weights = np.outer(across, down) - np.outer(across + 1e-6, down + 1e-6)
    assert prepare(np.ones((100, 100)), weights).plan.engine == "fft"


def test_dense_adds_up_exactly():
    weights = np.zeros((2, 200_001))
    weights[0] = 1
    vector = np.full(200_001, 16_777, np.float32)
    vector[0] = 1
    assert dense(vector, weights).tolist() == [np.float32(16_777 * 200_000 + 1), 0]
    rng = np.random.default_rng(7)
    values, weights = rng.random((3, 5000), np.float32), rng.standard_normal((4, 5000)).astype(np.float32)
    exact = np.einsum("ni,oi->no", values.astype(float), weights.astype(float))
    np.testing.assert_allclose(dense(values, weights), exact, rtol=1e-7, atol=1e-6)


def test_a_deep_transposed_convolution_stays_within_the_bound():
    image = np.full((500, 4, 5), 0.1, np.float32)
    weights = np.full((500, 2, 1, 1), 0.7, np.float32)
    exact = 500 * float(np.float32(0.1)) * float(np.float32(0.7))
    assert np.abs(conv_transpose2d(image, weights) - exact).max() <= 2e-6 * exact


@pytest.mark.parametrize("engine", ["auto", *ENGINES])
@pytest.mark.parametrize("pads", [((0, 0), (0, 0)), ((3, 3), (0, 3))])
def test_infinity_under_weights_of_zero_alone_is_nan(engine, pads):
    image = np.random.default_rng(8).random((900, 500)).astype(np.float32)
    image[15, 0] = np.inf
    weights = np.random.default_rng(9).random((13, 13))
    weights[:, 0] = 0
    got = conv2d(image, weights, padding=pads, engine=engine)
    first = 3 + pads[0][0]
    expected = np.zeros(got.shape, bool)
    expected[first : first + 13, 0] = True
    np.testing.assert_array_equal(np.isnan(got), expected)
    assert np.isfinite(got[~expected]).all()
