"""Exact sums of whole numbers, as a user asks for them."""

import json

import numpy as np
import pytest

GRID = "200 3 -7 90; 5 100 -128 64; 17 -1 33 250"


def grid():
    return [[int(cell) for cell in row.split()] for row in GRID.split(";")]


def test_a_sum_that_floats_would_round(cnnfilter_run, tmp_path):
    """Python's own integers are the oracle: no partial sum of these fits 53 bits."""
    cells, weights = np.array(grid(), np.int64) * 2**40, [[2**15 + 1, -3], [7, 2**14 + 5]]
    np.save(tmp_path / "cells.npy", cells)
    np.save(tmp_path / "weights.npy", np.array(weights))
    words = ["convolve", tmp_path / "cells.npy", "-k", tmp_path / "weights.npy", "--dtype", "int64", "--bias", "11"]
    done = cnnfilter_run(*words, "-o", tmp_path / "map.npy")
    assert (done.code, done.err) == (0, "")
    wanted = [
        [
            sum(int(cells[row + r, column + c]) * weights[r][c] for r in range(2) for c in range(2)) + 11
            for column in range(3)
        ]
        for row in range(2)
    ]
    made = np.load(tmp_path / "map.npy")
    assert made.dtype == np.int64
    assert made.tolist() == wanted
    assert max(max(map(abs, row)) for row in wanted) > 2**60
    refused = cnnfilter_run(*words[:-4], "--dtype", "int32", "-o", tmp_path / "no.npy")
    assert refused.code in (2, 3)
    assert "int32 does not hold it" in refused.err
    assert not (tmp_path / "no.npy").exists()


def test_what_follows_is_exact_too(cnnfilter_run):
    done = cnnfilter_run(
        "convolve", GRID, "-k", "1 -1", "-a", "relu", "--pool", "max:2", "--dtype", "int32", "-t", "-q"
    )
    rows = np.array(grid())
    wanted = np.maximum(rows[:, :-1] - rows[:, 1:], 0)[:2, :2].max()
    assert str(wanted) in done.out
    one = json.loads(cnnfilter_run("explain", GRID, "-k", "1 -1", "--at", "1,1", "--dtype", "int64", "--json").out)
    assert (one["sum"], one["result"]) == (228, 228)


def test_few_bits_for_each_kernel(cnnfilter_run, tmp_path):
    words = ["--dtype", "int32", "--bias", "5", "-a", "relu", "-q"]
    few = ["--requantize", "0.5|0.75,-3|4:int8:half-up"]
    done = cnnfilter_run("convolve", GRID, "-k", "1 -1", "-k", "2 1", *words, *few, "-o", f"{tmp_path}/", "-f", "npy")
    assert (done.code, done.err) == (0, "")
    rows = np.array(grid())
    for name, weights, scale, zero in (("", (1, -1), 0.5, -3), ("-2", (2, 1), 0.75, 4)):
        sums = np.maximum(weights[0] * rows[:, :-1] + weights[1] * rows[:, 1:] + 5, 0)
        made = np.load(tmp_path / f"inline.matrix-1x2{name}.npy")
        assert made.dtype == np.int8
        assert np.array_equal(made, np.clip(np.floor(sums * scale + 0.5) + zero, -128, 127))
    pooled = cnnfilter_run("convolve", GRID, "-k", "1 -1", *words, "--pool", "max:2", "--requantize", "1>>3:int8", "-t")
    largest = np.maximum(rows[:, :-1] - rows[:, 1:] + 5, 0)[:2, :2].max()
    assert str(round(largest / 8)) in pooled.out


def test_few_bits_are_explained_and_planned(cnnfilter_run, tmp_path):
    words = [GRID, "-k", "1 -1", "--dtype", "int32", "--requantize", "0.1,7:int8:floor"]
    assert cnnfilter_run("convolve", *words, "-o", tmp_path / "map.npy", "-q").code == 0
    made = np.load(tmp_path / "map.npy")
    for place in np.ndindex(3, 3):
        one = json.loads(cnnfilter_run("explain", *words, "--at", f"{place[0]},{place[1]}", "--json").out)
        assert one["result"] == made[place] == one["requantized"]["value"]
        assert one["requantized"]["before"] == one["sum"]
    (plan,) = json.loads(cnnfilter_run("plan", *words, "--json").out)["plans"]
    cells = np.array(grid())
    assert plan["smallest sum"] <= (cells[:, :-1] - cells[:, 1:]).min()
    assert -(2 ** (plan["accumulator bits"] - 1)) <= plan["smallest sum"] < plan["largest sum"]
    assert plan["requantised"] == "0.1,7:int8:floor"
    few = ["-k", "1", "--dtype", "int32", "--requantize", "2:int8", "-f", "npy"]
    assert cnnfilter_run("batch", tmp_path / "map.npy", *few, "-o", tmp_path / "out", "-q").code == 0
    (written,) = (tmp_path / "out").rglob("*.npy")
    assert np.array_equal(np.load(written), np.clip(2 * made.astype(int), -128, 127))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["convolve", GRID, "-k", "1 -1", "--requantize", "1|2|3:int8"], "3 scales or zero points for 1 maps"),
        (["convolve", GRID, "-k", "1 -1", "--requantize", "0:int8"], "above 0, got 0"),
        (["report", GRID, "-k", "1 -1", "--requantize", "1:int8"], "leave out --requantize"),
        (["convolve", GRID, "-k", "box"], "the kernel holds 0.111111 at row 0, column 0"),
        (["convolve", "1.5 2; 3 4", "-k", "1 1"], "1.5"),
        (["convolve", GRID, "-k", "1 1", "--bias", "0.5"], "bias must be a whole number"),
        (["convolve", GRID, "-k", "1 1", "--bias", "9007199254740993"], "between -2**53 and 2**53"),
        (["convolve", GRID, "-k", "1 1", "--range", "unit"], "range unit divides"),
        (["convolve", GRID, "-k", "1 1", "-a", "sigmoid"], "sigmoid makes fractions"),
        (["convolve", GRID, "-k", "1 1", "-k", "1 2", "--combine", "mean"], "combines by max or min"),
        (["pool", GRID, "--pool", "avg:2"], "avg pooling makes fractions"),
        (["activate", GRID, "-a", "hard-tanh:max=2.5"], "max must be a whole number"),
        (["activate", GRID, "-a", "hard-tanh:max=9007199254740993"], "between -2**53 and 2**53"),
    ],
)
def test_what_whole_numbers_cannot_be(cnnfilter_run, words, said):
    done = cnnfilter_run(*words, "--dtype", "int64")
    assert done.code in (2, 3)
    assert said in done.err
    assert "Traceback" not in done.err
