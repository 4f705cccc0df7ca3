"""Matrices in the brackets of other programs."""

from __future__ import annotations

import numpy as np
import pytest

from cnnfilter.errors import ParameterError
from cnnfilter.library import load_kernels
from cnnfilter.library.numbers import MatrixError, is_matrix_text, matrix

SOBEL = [[1, 0, -1], [2, 0, -2], [1, 0, -1]]


@pytest.mark.parametrize(
    "text",
    [
        "[1 0 -1; 2 0 -2; 1 0 -1]",
        "[1, 0, -1; 2, 0, -2; 1, 0, -1];",
        "[1 0 -1\n 2 0 -2\n 1 0 -1]",
        "[\n  1 0 -1;\n  2 0 -2;\n  1 0 -1;\n]",
        "kernel = [1 0 -1; 2 0 -2; 1 0 -1];",
        "[[1, 0, -1], [2, 0, -2], [1, 0, -1]]",
        "[[1, 0, -1],\n [2, 0, -2],\n [1, 0, -1],\n]",
        "[[ 1.  0. -1.]\n [ 2.  0. -2.]\n [ 1.  0. -1.]]",
        "array([[ 1,  0, -1],\n       [ 2,  0, -2],\n       [ 1,  0, -1]])",
        "k = np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]], dtype=np.float32)",
        "tensor([[ 1.,  0., -1.],\n        [ 2.,  0., -2.],\n        [ 1.,  0., -1.]])",
        "np.array(\n[\n[1, 0, -1],\n[2, 0, -2],\n[1, 0, -1]\n])",
        "((1, 0, -1), (2, 0, -2), (1, 0, -1))",
        "{{1, 0, -1}, {2, 0, -2}, {1, 0, -1}}",
        '[["1", "0", "-1"], ["2", "0", "-2"], ["1", "0", "-1"]]',
        "[[0.25 0 -0.25]; [0.5 0 -0.5]; [0.25 0 -0.25]] * 4",
        "[4 0 -4; 8 0 -8; 4 0 -4]/4",
        "1/4*[4 0 -4; 8 0 -8; 4 0 -4]",
        "np.array([[4, 0, -4], [8, 0, -8], [4, 0, -4]]) / 4",
        "[8 0 -8; 16 0 -16; 8 0 -8] * (1/8)",
        "k = [1 0 -1; ... % MATLAB goes on\n 2 0 -2; ...\n 1 0 -1];",
        "[1, 0, -1],\n[2, 0, -2],\n[1, 0, -1],",
        "{1, 0, -1}, {2, 0, -2}, {1, 0, -1}",
        "[1 0 -1]\n[2 0 -2]\n[1 0 -1]",
        "static const int k[3][3] = {{1, 0, -1}, {2, 0, -2}, {1, 0, -1}};",
        "[1 0 \u22121; 2 0 \u22122; 1 0 \u22121]",
    ],
)
def test_one_kernel_in_many_brackets(text):
    assert is_matrix_text(text)
    assert matrix(text) == SOBEL
    assert load_kernels(text)[0].weights.tolist() == SOBEL


@pytest.mark.parametrize("values", [np.arange(12.0).reshape(3, 4), np.linspace(-1, 1, 400).reshape(4, 100)])
def test_what_numpy_prints_is_read(values):
    with np.printoptions(threshold=10_000, floatmode="unique"):
        for text in (str(values), repr(values), f"{values.tolist()}"):
            assert np.array_equal(matrix(text), values)


def test_fractions_and_channels():
    assert matrix("[[0, 1/4], [-1/9,2]]") == [[0, 0.25], [-1 / 9, 2]]
    assert matrix("[1/3 , 1 / 3, sqrt(2)/2]") == [[1 / 3, 1 / 3, 2**0.5 / 2]]
    assert matrix("[[[1]],[[2]]]") == [[[1]], [[2]]]
    assert matrix("[1,\n2,\n3]") == [[1, 2, 3]]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[[1, 2]", "lacks its closing bracket (a matrix needs quotes around it)"),
        ("[[0,", "lacks its closing bracket (a matrix needs quotes around it)"),
        ("[1, x]", "row 1, column 2: expected a number, got 'x'"),
        ("[1 2; 3]", "row 2 has 1 values, expected 2"),
        ("[" * 100_000, "brackets nested deeper than 4"),
        ("[1 2}", "'[' is closed by '}'"),
        ("[]]", "']' after the brackets means nothing"),
        ("[1 2] and more", "'and more' after the brackets means nothing"),
        ("[1 2](3)", "'(3)' after the brackets means nothing"),
        ("[1,5 2,5; 3,5 4,5]", "commas and spaces both part the numbers of a row (write decimals with a point"),
        ("[1,,2]", "there is nothing before a comma"),
        ("[,1]", "there is nothing before a comma"),
        ("[[0. 0. ... 0.]\n [1. 1. ... 1.]]", "row 1, column 3: expected a number, got '...'"),
        ("[[0. 1.]\n ...\n [1. 1.]]", "row 2: expected a list of numbers, got '...'"),
        ("[]", "the matrix is empty"),
        ("[null, 1]", "row 1, column 1: expected a number, got 'null'"),
        ("[1 2]/0", "the factor of the brackets: "),
    ],
)
def test_what_brackets_may_not_hold(text, reason):
    with pytest.raises(MatrixError) as caught:
        matrix(text)
    assert reason in str(caught.value)
    with pytest.raises(ParameterError):
        load_kernels(text)


def test_calls_and_roots_are_no_matrices():
    assert not is_matrix_text("gaussian(5)")
    assert matrix("sqrt(2)/2 2*sqrt(3)") == [[2**0.5 / 2, 2 * 3**0.5]]


def test_what_numpy_leaves_out_is_not_joined():
    with pytest.raises(MatrixError):
        matrix("[0 1 2 ...\n 997 998 999]")


def test_a_row_may_begin_with_the_minus_of_typeset_text():
    assert load_kernels("\u22121 0 1")[0].weights.tolist() == [[-1, 0, 1]]
