"""`show` computes nothing: the numbers of a file are shown as they are, none of them rounded to another type."""

import json

import numpy as np
import pytest


@pytest.mark.parametrize(
    "values",
    [
        np.array([[2**31 - 1, -(2**31)], [2**24 + 1, 0]], np.int32),
        np.array([[2**53 - 1, -(2**53) + 1], [1, 0]]),
        np.array([[2**32 - 1, 0], [2**24 + 1, 1]], np.uint32),
        np.array([[1e-300, 6e-300], [5e-324, 0]]),
        np.array([[1e308, -1.7e308], [3, 0]]),
        np.array([[0.1, 1 / 3], [1e6 + 1e-3, 0]]),
        np.array([[0.1, 1 / 3], [1e6, 0]], np.float32),
        np.array([[65535, 0], [1, 2]], np.uint16),
    ],
    ids=lambda values: f"{values.dtype}-{values.flat[0]:g}",
)
def test_numbers_are_shown_as_they_are(values, tmp_path, cnnfilter_run):
    np.save(tmp_path / "grid.npy", values)
    done = cnnfilter_run("show", "grid.npy", "--json")
    assert done.code == 0, done.err
    (shown,) = json.loads(done.out)["results"]
    assert (shown["min"], shown["max"]) == (values.min(), values.max())
    assert "infinite" not in done.err
