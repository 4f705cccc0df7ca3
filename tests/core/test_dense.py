"""Dense layers."""

import numpy as np
import pytest

from cnnfilter.core.dense import dense
from cnnfilter.errors import ParameterError, ShapeError


def test_the_weighted_sums_of_two_pixels():
    sums = dense([155, 60], [[0.27, 0.2], [-0.1, -0.4]])
    assert sums.tolist() == [np.float32(53.85), -39.5]


def test_a_32x32_image_is_1024_inputs():
    image = np.arange(32 * 32).reshape(32, 32)
    hidden = dense(image.ravel(), np.ones((16, 1024)) / 1024)
    assert hidden.tolist() == [511.5] * 16
    assert dense(hidden, np.eye(3, 16), [1, 2, 3]).tolist() == [512.5, 513.5, 514.5]


def test_equals_the_sum_of_products():
    rng = np.random.default_rng(1)
    batch, weight, bias = rng.standard_normal((3, 5)), rng.standard_normal((4, 5)), rng.standard_normal(4)
    expected = [[sum(w * v for w, v in zip(row, vector, strict=True)) for row in weight] for vector in batch] + bias
    np.testing.assert_allclose(dense(batch, weight, bias), expected, rtol=1e-13)
    np.testing.assert_allclose(dense(batch[1], weight, bias), expected[1], rtol=1e-13)
    np.testing.assert_allclose(dense(batch, weight, 2), expected - bias + 2, rtol=1e-12)


def test_types_and_layouts():
    grid = np.random.default_rng(2).integers(0, 9, (6, 4))
    weight = np.random.default_rng(3).integers(-3, 4, (2, 4))
    expected = (grid @ weight.T).astype(np.float32)
    frozen = grid.astype(np.float32)
    frozen.setflags(write=False)
    for vector in (grid.astype("u1"), grid.astype(">f4"), np.asfortranarray(grid), frozen, grid.tolist()):
        for weights in (weight, weight.astype(">f8"), np.asfortranarray(weight.astype("f4"))):
            got = dense(vector, weights)
            assert got.dtype == np.float32
            np.testing.assert_array_equal(got, expected)
    assert dense(grid.astype(np.float64), weight.astype(np.float32)).dtype == np.float64


def test_infinities_raise_no_warning():
    assert np.isnan(dense([np.inf, -np.inf], [[1, 1]])).all()


@pytest.mark.parametrize(
    ("vector", "weight", "bias", "message"),
    [
        (np.ones(3), np.ones((2, 4)), None, r"weight \(2, 4\) does not fit vector \(3,\): .* = \(out, 3\)"),
        (np.ones(3), np.ones(3), None, r"weight \(3,\) does not fit vector \(3,\)"),
        (np.ones((2, 3, 4)), np.ones((2, 4)), None, r"vector must be \(in,\) or \(N, in\), got shape \(2, 3, 4\)"),
        (np.ones(()), np.ones((2, 4)), None, r"got shape \(\)"),
        (np.ones(4), np.ones((2, 4)), np.ones(3), r"bias \(3,\) does not fit weight \(2, 4\): it must be \(2,\)"),
        (np.ones(4), [[1, 2], [3]], None, "weight is ragged"),
    ],
)
def test_shapes_that_do_not_fit(vector, weight, bias, message):
    with pytest.raises(ShapeError, match=message):
        dense(vector, weight, bias)


def test_numbers_are_needed():
    with pytest.raises(ParameterError, match="vector must hold real numbers"):
        dense(["a"], [[1]])


def test_equals_pytorch():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(4)
    for _ in range(50):
        batch, inputs, outputs = (int(n) for n in rng.integers(1, 40, 3))
        arrays = [rng.standard_normal(s).astype(np.float32) for s in ((batch, inputs), (outputs, inputs), (outputs,))]
        expected = torch.nn.functional.linear(*map(torch.from_numpy, arrays)).numpy()
        np.testing.assert_allclose(dense(*arrays), expected, rtol=1e-5, atol=1e-5)
