"""Facts of kernels, against what is known of them."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from cnnfilter.errors import ParameterError, ShapeError
from cnnfilter.library import load_kernel
from cnnfilter.library.measure import bounds, factors, fractions, measure, response

MATRICES = arrays.arrays(np.float64, st.tuples(st.integers(1, 5), st.integers(1, 6)), elements=st.integers(-9, 9))


@pytest.mark.parametrize(
    ("name", "total", "l1", "rank", "even", "odd"),
    [
        ("sobel-x", 0, 8, 1, {"up-down"}, {"left-right", "point"}),
        ("sobel-y", 0, 8, 1, {"left-right"}, {"up-down", "point"}),
        ("laplacian-4", 0, 8, 2, {"left-right", "up-down", "point", "transpose", "anti-transpose"}, set()),
        ("gaussian-3x3", 1, 1, 1, {"left-right", "up-down", "point", "transpose", "anti-transpose"}, set()),
        ("sharpen", 1, 9, 2, {"left-right", "up-down", "point", "transpose", "anti-transpose"}, set()),
        ("roberts-1", 0, 2, 2, {"transpose"}, {"point", "anti-transpose"}),
        ("emboss", 1, 9, 3, {"transpose"}, set()),
        ("forward-x", 0, 2, 1, {"up-down"}, set()),
    ],
)
def test_known_kernels(name, total, l1, rank, even, odd):
    facts = measure(load_kernel(name))
    assert (facts.total, facts.l1, facts.rank) == (total, l1, rank)
    assert {mirror for mirror, word in facts.symmetry.items() if word == "even"} == even
    assert {mirror for mirror, word in facts.symmetry.items() if word == "odd"} == odd


def test_of_several_channels():
    facts = measure(load_kernel("red-green-edge"))
    assert (facts.shape, facts.total, facts.l1, facts.rank, facts.nonzero) == ((3, 3, 3), 0, 16, None, 12)
    assert facts.symmetry["left-right"] == "odd"
    assert response(load_kernel("red-green-edge"), 5).shape == (3, 5, 5)


def test_of_nothing_but_zeros():
    facts = measure([[0, 0], [0, 0]])
    assert (facts.rank, facts.l1, facts.nonzero) == (0, 0, 0)
    assert factors([[0, 0], [0, 0]]) == []
    assert bounds([[0.0]]) == (0, 0)
    scale, whole = fractions([[0, 0]])
    assert float(scale) * whole.sum() == 0


@given(MATRICES)
def test_factors_add_up_and_are_as_few_as_the_rank(matrix):
    pairs = factors(matrix)
    assert len(pairs) == measure(matrix).rank == np.linalg.matrix_rank(matrix)
    total = sum((np.outer(column, row) for column, row in pairs), np.zeros_like(matrix))
    np.testing.assert_allclose(total, matrix, atol=1e-12)


@given(MATRICES, st.integers(-9, 9), st.integers(0, 300))
def test_bounds_are_reached_and_never_passed(matrix, low, width):
    smallest, largest = bounds(matrix, low, low + width)
    assert smallest == np.sum(matrix * np.where(matrix > 0, low, low + width))
    assert largest == np.sum(matrix * np.where(matrix > 0, low + width, low))
    window = np.random.default_rng(0).uniform(low, low + width, matrix.shape)
    assert smallest - 1e-9 <= np.sum(matrix * window) <= largest + 1e-9


@given(MATRICES, st.integers(1, 400))
def test_fractions_are_exact(matrix, divisor):
    scale, whole = fractions(matrix / divisor)
    assert np.abs(np.gcd.reduce(whole.ravel())) in (0, 1)
    for number, value in zip(whole.ravel().tolist(), matrix.ravel().tolist(), strict=True):
        assert scale * number == Fraction(int(value), divisor)


def test_fractions_of_what_has_none():
    assert fractions(load_kernel("frei-chen-1")) is None
    assert fractions(load_kernel("gaussian")) is None
    assert str(fractions(load_kernel("gaussian-5x5"))[0]) == "1/256"
    assert str(fractions(load_kernel("kroon-x"))[0]) == "1/190"


@given(MATRICES)
def test_response_is_the_fourier_transform(matrix):
    size = 9
    grid = response(matrix, size)
    frequencies = np.linspace(-0.5, 0.5, size)
    assert grid[size // 2, size // 2] == pytest.approx(abs(matrix.sum()), abs=1e-9)
    rows, columns = np.mgrid[: matrix.shape[0], : matrix.shape[1]]
    for v, u in ((0, 3), (5, 8), (8, 8)):
        wave = np.exp(-2j * np.pi * (frequencies[v] * rows + frequencies[u] * columns))
        assert grid[v, u] == pytest.approx(abs(np.sum(matrix * wave)), abs=1e-9)


def test_refused():
    for wrong in ([1, 2], [], [[]], np.zeros((1, 1, 1, 1))):
        with pytest.raises(ShapeError):
            measure(wrong)
    with pytest.raises(ShapeError):
        factors(np.zeros((2, 2, 2)))
    with pytest.raises(ParameterError):
        bounds([[1]], 5, 4)
    for size in (0, 1, 4):
        with pytest.raises(ParameterError):
            response([[1]], size)
