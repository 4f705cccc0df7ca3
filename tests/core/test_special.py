"""The error function against the one of the standard library."""

import math

import numpy as np
import pytest

from cnnfilter.core.activations import GELU_AS_TANH
from cnnfilter.core.special import erf, polynomial

POINTS = np.concatenate([
    np.linspace(-7, 7, 20001), np.geomspace(1e-30, 1, 500), -np.geomspace(1e-30, 1, 500),
    [0.46875, np.nextafter(0.46875, 0), 4, np.nextafter(4.0, 0), 6, np.nextafter(6.0, 0), 100, 1e30],
])  # fmt: skip


@pytest.mark.parametrize(("dtype", "rtol"), [(np.float32, 4e-7), (np.float64, 1e-15)])
def test_relative_error(dtype, rtol):
    values = POINTS.astype(dtype)
    got = erf(values)
    assert got.dtype == dtype
    np.testing.assert_allclose(got, [math.erf(value) for value in values], rtol=rtol, atol=0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_special_values_and_shapes(dtype):
    got = erf(np.array([[np.inf, -np.inf, 0.0], [-0.0, np.nan, 3e38]], dtype))
    np.testing.assert_array_equal(got, np.array([[1, -1, 0], [0, np.nan, 1]], dtype))
    assert np.signbit(got[1, 0])


def test_polynomial_is_horners_rule():
    assert polynomial(np.array([2.0, -1.0]), (5, 0, 3, 1)).tolist() == [25, 7]
    assert polynomial(np.array([2.0]), (5, 1)).tolist() == [7]


def test_gelu_takes_the_root_of_2_into_the_polynomial():
    x = np.linspace(-5, 5, 101)
    np.testing.assert_allclose(np.tanh(x * polynomial(x * x, GELU_AS_TANH)), erf(x / math.sqrt(2)), rtol=2e-7)
