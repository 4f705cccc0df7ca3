"""Fractional pooling against the naive loop, its arguments and its laws."""

import numpy as np
import oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnfilter.core.fractional import fractional_pool2d
from cnnfilter.core.reduce import POOLINGS
from cnnfilter.errors import ParameterError, ShapeError, UnknownNameError


@pytest.mark.parametrize("kind", sorted(POOLINGS))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("size", "output_size"), [((2, 3), (4, 5)), ((1, 1), (9, 12)), ((9, 12), (1, 1)), ((3, 2), (7, 1))]
)
def test_equals_the_naive_loop(kind, dtype, size, output_size):
    rng = np.random.default_rng(1)
    image = np.abs(rng.standard_normal((2, 3, 9, 12))).astype(dtype)
    samples = rng.random((2, 3, 2)).astype(dtype)
    expected = oracle.naive_fractional_pool2d(image, size, output_size, samples, kind, dtype)
    got = fractional_pool2d(image, size, output_size=output_size, kind=kind, samples=samples)
    assert got.dtype == dtype
    np.testing.assert_allclose(got, expected, rtol=2e-6)


def test_samples_without_the_batch_axis():
    image = np.random.default_rng(2).standard_normal((3, 9, 12))
    samples = np.random.default_rng(3).random((3, 2))
    whole = fractional_pool2d(image[None], 2, output_size=(4, 5), samples=samples[None])[0]
    for given_samples in (samples, samples[None]):
        np.testing.assert_array_equal(fractional_pool2d(image, 2, output_size=(4, 5), samples=given_samples), whole)
    for given_samples in (samples[1], samples[None, 1:2]):
        got = fractional_pool2d(image[1], 2, output_size=(4, 5), samples=given_samples)
        np.testing.assert_array_equal(got, whole[1])


def test_a_seed_draws_the_same_windows_again():
    image = np.arange(3 * 20 * 30.0).reshape(3, 20, 30)
    first, again, other, drawn = (fractional_pool2d(image, 2, output_ratio=0.7, seed=s) for s in (1, 1, 2, None))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert first.shape == drawn.shape == (3, 14, 21)


def test_types_and_layouts():
    grid = np.random.default_rng(4).integers(0, 200, (2, 8, 10))
    expected = fractional_pool2d(grid.astype(np.float32), 2, output_size=4, seed=5)
    for image in (grid.astype("u1"), grid.astype(">i4"), np.asfortranarray(grid), grid.astype(">f4")):
        got = fractional_pool2d(image, 2, output_size=4, seed=5)
        assert got.dtype == np.float32
        np.testing.assert_array_equal(got, expected)


def test_results_do_not_depend_on_threads():
    image = np.random.default_rng(6).standard_normal((5, 20, 20))
    one, many = (fractional_pool2d(image, 3, output_size=7, seed=0, kind="avg", threads=t) for t in (1, 4))
    np.testing.assert_array_equal(one, many)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({}, ParameterError, "needs either output_size or output_ratio, and not both"),
        ({"output_size": 2, "output_ratio": 0.5}, ParameterError, "and not both"),
        ({"output_ratio": 1.0}, ParameterError, "between 0 and 1, got 1.0"),
        ({"output_ratio": (0.5, 0.5, 0.5)}, ParameterError, "one or two numbers"),
        ({"output_ratio": "half"}, ParameterError, "output_ratio must be one or two numbers"),
        ({"output_size": 5}, ShapeError, r"5 rows of output from 6 with windows of 3: output \+ size - 1 = 7"),
        ({"output_size": (4, 6)}, ShapeError, "6 columns of output from 7"),
        ({"output_ratio": 0.1}, ShapeError, "0 rows of output"),
        ({"output_size": 0}, ParameterError, "output_size must be at least 1"),
        ({"output_size": 2, "samples": [0.1, 0.2, 0.3]}, ShapeError, r"samples must have shape \(2,\)"),
        ({"output_size": 2, "samples": [0.1, 1.0]}, ParameterError, "at least 0 and below 1, got 0.1 to 1.0"),
        ({"output_size": 2, "samples": [0.1, float("nan")]}, ParameterError, "at least 0 and below 1"),
        ({"output_size": 2, "samples": [0.1, 0.2], "seed": 3}, ParameterError, "either samples or a seed"),
        ({"output_size": 2, "seed": -1}, ParameterError, "seed must be a whole number of at least 0, got -1"),
        ({"output_size": 2, "seed": 0.5}, ParameterError, "seed must be a whole number"),
        ({"output_size": 2, "kind": None}, UnknownNameError, "unknown pooling 'None'"),
        ({"output_size": 2, "kind": "mix"}, UnknownNameError, "did you mean min"),
    ],
)
def test_arguments_that_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        fractional_pool2d(np.ones((6, 7)), 3, **arguments)


@given(st.integers(2, 30), st.integers(1, 5), st.data())
@settings(deadline=None)
def test_windows_start_at_the_first_cell_end_at_the_last_and_never_go_back(length, size, data):
    size = min(size, length)
    count = data.draw(st.integers(1, length - size + 1))
    sample = data.draw(st.floats(0, 1, exclude_max=True))
    positions = np.arange(float(length))[None]
    lows, highs = (
        fractional_pool2d(positions, (1, size), output_size=(1, count), kind=kind, samples=[sample, 0.0])[0]
        for kind in ("min", "max")
    )
    assert (highs - lows == size - 1).all()
    assert (np.diff(lows) >= 0).all()  # 0 where a sample next to 1 is rounded up to it
    assert highs[-1] == length - 1
    if count > 1:
        assert lows[0] == 0
