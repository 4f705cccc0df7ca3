"""A kernel is found again in what it made of pictures of 8 bits, and what cannot be known is said."""

import numpy as np
import pytest

import cnnfilter
from cnnfilter.errors import CnnFilterError
from cnnfilter.images import read_image
from cnnfilter.run.learn import learn_kernel


@pytest.fixture(scope="module")
def photo():
    pixels = read_image("samples/scene.png").astype(np.uint8)
    return pixels if pixels.ndim == 2 else pixels[0]


def eight_bits(values):
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("spec", "named", "error"),
    [
        ("sobel-x", "sobel-x", 1e-9), ("sharpen", "sharpen", 1e-9), ("emboss", "emboss", 1e-9), ("box", "box", 1e-3),
        ("gaussian:sigma=1.5,size=7", "gaussian:sigma=1.5,size=7", 1e-3),
        ("sobel-y:scale=1/4", "sobel-y:scale=0.25", 2e-3),
    ],
)  # fmt: skip
def test_kernels_of_the_library_are_found_and_named(photo, spec, named, error):
    wanted = cnnfilter.load_kernel(spec).weights
    for padding in ("valid", "same"):
        made = eight_bits(cnnfilter.conv2d(photo.astype(np.float32), spec, padding=padding))
        found = learn_kernel(photo, made, wanted.shape)
        np.testing.assert_allclose(found.weights, wanted, atol=error)
        assert (found.closest.spec, found.residual < 0.3) == (named, True)
        assert found.clipped == np.count_nonzero(np.isin(_inner(made, photo, wanted.shape), (0, 255)))


def _inner(made, photo, shape):
    rows, columns = (size - side + 1 for size, side in zip(photo.shape, shape, strict=True))
    top, left = ((size - inner) // 2 for size, inner in zip(made.shape, (rows, columns), strict=True))
    return made[top : top + rows, left : left + columns]


def test_a_random_kernel_and_a_bias_are_found(photo):
    draw = np.random.default_rng(0)
    wanted = draw.normal(size=(7, 7)) / 7
    found = learn_kernel(photo, eight_bits(cnnfilter.conv2d(photo.astype(np.float32), wanted, bias=40)), 7)
    np.testing.assert_allclose(found.weights, wanted, atol=1e-3)
    assert found.bias == pytest.approx(40, abs=0.05)
    assert found.closest is None


def test_several_pairs_and_channels_are_one_fit():
    draw = np.random.default_rng(1)
    pictures = [draw.normal(size=(3, 20, 22)), draw.normal(size=(3, 15, 30))]
    deep, flat = draw.normal(size=(3, 3, 5)), draw.normal(size=(3, 3))
    made = [cnnfilter.conv2d(one, deep[None])[0] for one in pictures]
    np.testing.assert_allclose(learn_kernel(pictures, made, (3, 5)).weights, deep, atol=1e-9)
    made = [cnnfilter.conv2d(one[:, None], flat[None, None])[:, 0] for one in pictures]
    np.testing.assert_allclose(learn_kernel(pictures, made, 3).weights, flat, atol=1e-9)


def test_it_is_the_least_squares_of_a_loop():
    draw = np.random.default_rng(2)
    before, after = draw.normal(size=(9, 8)), draw.normal(size=(7, 6))
    windows = [before[r : r + 3, c : c + 3].ravel() for r in range(7) for c in range(6)]
    wanted, *_ = np.linalg.lstsq(np.column_stack([windows, np.ones(42)]), after.ravel(), rcond=None)
    found = learn_kernel(before, after, 3)
    np.testing.assert_allclose([*found.weights.ravel(), found.bias], wanted, atol=1e-10)
    rest = np.column_stack([windows, np.ones(42)]) @ wanted - after.ravel()
    assert (found.residual, found.largest) == (
        pytest.approx(np.sqrt((rest**2).mean())), pytest.approx(np.abs(rest).max()),
    )  # fmt: skip


@pytest.mark.parametrize("spec", ["sobel-x", "sharpen", "gaussian:sigma=1.5,size=7"])
def test_descent_comes_within_a_hundredth(photo, spec):
    wanted = cnnfilter.load_kernel(spec).weights
    made = eight_bits(cnnfilter.conv2d(photo.astype(np.float32), spec))
    found = learn_kernel(photo, made, wanted.shape, method="sgd", seed=3)
    assert np.linalg.norm(found.weights - wanted) < 0.01 * np.linalg.norm(wanted)
    assert found.closest.spec == spec
    assert found.way[0].loss > 100 * found.way[-1].loss or found.way[-1].loss < 0.5


def test_descent_goes_through_an_activation_and_is_repeatable(photo):
    made = np.maximum(cnnfilter.conv2d(photo.astype(np.float32), "sobel-x", bias=-20), 0)
    found = learn_kernel(photo, made, 3, method="sgd", activation="relu")
    np.testing.assert_allclose(found.weights, cnnfilter.load_kernel("sobel-x").weights, atol=1e-2)
    assert found.bias == pytest.approx(-20, abs=0.1)
    again = learn_kernel(photo, made, 3, method="sgd", activation="relu")
    assert again.weights.tobytes() == found.weights.tobytes()
    assert [one.step for one in found.way] == sorted(one.step for one in found.way)


def test_descent_of_several_channels():
    draw = np.random.default_rng(5)
    picture, deep = draw.normal(size=(3, 40, 50)), draw.normal(size=(3, 3, 3))
    found = learn_kernel(picture, cnnfilter.conv2d(picture, deep[None])[0], 3, method="sgd")
    np.testing.assert_allclose(found.weights, deep, atol=1e-3)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ({"method": "newton"}, "method"), ({"method": "sgd", "ridge": 1.0}, "goes with the method lstsq"),
        ({"activation": "relu"}, "method sgd"), ({"ridge": -1.0}, "0 or more"),
    ],
)  # fmt: skip
def test_words_that_mean_nothing_are_refused(words, reason):
    with pytest.raises(CnnFilterError, match=reason):
        learn_kernel(np.ones((9, 9)), np.ones((7, 7)), 3, **words)


def test_what_the_pictures_do_not_tell_is_said():
    found = learn_kernel(np.full((20, 20), 7.0), np.full((20, 20), 9.0), 3)
    assert (found.condition, found.bias, found.closest) == (np.inf, 9.0, None)
    assert "do not tell every weight" in found.notes[-1]
    draw = np.random.default_rng(3)
    ramp = np.add.outer(np.arange(30.0), np.arange(30.0))
    found = learn_kernel(ramp, cnnfilter.conv2d(ramp, "sobel-x") + draw.normal(size=(28, 28)), 3, ridge=1e-6)
    assert np.abs(found.weights).max() < 100


@pytest.mark.parametrize(
    ("before", "after", "size", "reason"),
    [
        (np.ones((9, 9)), np.ones((5, 5)), 3, "as large as before"),
        (np.ones((9, 9)), np.ones((7, 7)), 33, "at most 31"),
        (np.ones((9, 9)), np.ones((7, 7)), 11, "does not fit"),
        (np.ones((3, 9, 9)), np.ones((2, 7, 7)), 3, "channels before and after"),
        ([np.ones((9, 9))], [np.ones((7, 7)), np.ones((7, 7))], 3, "each needs its own"),
        (np.zeros((9, 9), np.uint8), np.zeros((7, 7), np.uint8), 3, "49 are clipped"),
    ],
)
def test_what_does_not_fit_is_refused(before, after, size, reason):
    with pytest.raises(CnnFilterError, match=reason):
        learn_kernel(before, after, size)
