"""Numbers and matrices as people write them."""

from __future__ import annotations

import math
import re

import pytest

from cnnfilter.library.numbers import MatrixError, is_matrix_text, matrix, number


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3.0),
        ("-3", -3.0),
        ("+3", 3.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e-3", 0.001),
        ("1/9", 1 / 9),
        (" -1 / 16 ", -1 / 16),
        ("0.5/2", 0.25),
        ("sqrt(2)", math.sqrt(2)),
        ("-sqrt(2)/4", -math.sqrt(2) / 4),
        ("2*sqrt(3)", 2 * math.sqrt(3)),
        ("2sqrt(3)", 2 * math.sqrt(3)),
        ("1/sqrt(2)", 1 / math.sqrt(2)),
        (7, 7.0),
        (0.25, 0.25),
    ],
)
def test_numbers(text, value):
    assert number(text) == value


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("", "expected a number, got ''"),
        ("x", "expected a number, got 'x'"),
        ("1/0", "'1/0' divides by zero"),
        ("1/2/3", "expected a number, got '2/3'"),
        ("1_000", "expected a number, got '1_000'"),
        ("٣", "expected a number, got '٣'"),
        ("1e999", "expected a finite number, got '1e999'"),
        ("1/1e-400", "'1/1e-400' divides by zero"),
        ("nan", "expected a number, got 'nan'"),
        ("inf", "expected a number, got 'inf'"),
        ("0x10", "expected a number, got '0x10'"),
        ("sqrt(-2)", "expected a number, got 'sqrt(-2)'"),
        ("sqrt(9999999999)", "expected a number, got 'sqrt(9999999999)'"),
        (float("nan"), "expected a finite number, got nan"),
        (float("inf"), "expected a finite number, got inf"),
        (10**400, "the number is too large"),
        (True, "expected a number, got true"),
        (None, "expected a number, got nothing"),
        ([1], "expected a number, got a list"),
        ({}, "expected a number, got a mapping"),
        ("9" * 400, "expected a number, got '" + "9" * 35 + "...'"),
    ],
)
def test_what_is_no_number(value, reason):
    with pytest.raises(ValueError, match=f"^{re.escape(reason)}$"):
        number(value)


@pytest.mark.parametrize(
    "value",
    [
        "1 2 3; 4 5 6",
        " 1, 2, 3 ;4,5,6; ",
        "1 2 3\n4 5 6\n",
        "1 2 3;\n   4 5 6",
        "\n1 2 3\n\n  4 5 6",
        [[1, 2, 3], [4, 5, 6]],
        [["1", "4/2", 3.0], [4, 5, "6"]],
    ],
)
def test_one_matrix_in_many_ways(value):
    assert matrix(value) == [[1, 2, 3], [4, 5, 6]]


def test_one_row_and_three_dimensions():
    assert matrix([1, 2, 3]) == [[1, 2, 3]]
    assert matrix("1 2 3") == [[1, 2, 3]]
    assert matrix("5") == [[5]]
    assert matrix([[[1, 2]], [[3, "1/2"]]]) == [[[1, 2]], [[3, 0.5]]]


@pytest.mark.parametrize(
    ("value", "reason", "steps"),
    [
        ("", "the matrix is empty", ()),
        (" ; ", "the matrix is empty", ()),
        ([], "the matrix is empty", ()),
        ([[]], "the matrix is empty", ()),
        ([[[]]], "channel 1: the matrix is empty", (0,)),
        (None, "expected a matrix, as in '0 1 0; 1 -4 1; 0 1 0', got nothing", ()),
        (3, "expected a matrix, as in '0 1 0; 1 -4 1; 0 1 0', got 3", ()),
        ({"a": 1}, "expected a matrix, as in '0 1 0; 1 -4 1; 0 1 0', got a mapping", ()),
        ("1 2; 3", "row 2 has 1 values, expected 2", (1,)),
        ("1 2;; 3 4", "row 2 has 0 values, expected 2", (1,)),
        ([[1, 2], [3, 4, 5]], "row 2 has 3 values, expected 2", (1,)),
        ([[1, 2], 3], "row 2: expected a list of numbers, got 3", (1,)),
        ([[1, 2], "3 4"], "row 2: expected a list of numbers, got '3 4'", (1,)),
        ([1, [2]], "row 1, column 2: expected a number, got a list", (0, 1)),
        ("1 x", "row 1, column 2: expected a number, got 'x'", (0, 1)),
        ([[1, True]], "row 1, column 2: expected a number, got true", (0, 1)),
        ([[1, None]], "row 1, column 2: expected a number, got nothing", (0, 1)),
        ([[1, float("nan")]], "row 1, column 2: expected a finite number, got nan", (0, 1)),
        ([[[1]], [[1, 2]]], "channel 2 is 1x2, expected 1x1", (1,)),
        ([[[1]], 2], "channel 2: expected a list of rows, got 2", (1,)),
        ([[[1, 2], [3]]], "channel 1: row 2 has 1 values, expected 2", (0, 1)),
        ([[[[1]]]], "channel 1: row 1, column 1: expected a number, got a list", (0, 0, 0)),
        ("1;" * 4096, "4096 rows are more than the 4095 a kernel may have", ()),
        ("1 " * 4096, "4096 columns are more than the 4095 a kernel may have", (0,)),
    ],
)
def test_what_is_no_matrix(value, reason, steps):
    with pytest.raises(MatrixError) as caught:
        matrix(value)
    assert str(caught.value) == reason
    assert caught.value.steps == steps


@pytest.mark.parametrize(
    ("text", "is_matrix"),
    [
        ("0 -1 0; -1 5 -1; 0 -1 0", True),
        ("[[0, 1]]", True),
        ("-1 0 1", True),
        ("1,2,1", True),
        ("1/9", True),
        (".5", True),
        ("sqrt(2)", True),
        ("x; y", True),
        ("sobel-x", False),
        ("3x3-blur", False),
        ("2-star", False),
        ("sobel x", False),
        ("e3", False),
    ],
)
def test_what_looks_like_a_matrix(text, is_matrix):
    assert is_matrix_text(text) is is_matrix
