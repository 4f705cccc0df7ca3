"""Facts of maps: strips merged give what the whole gives."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cnnfilter.run.results import MapResult, Statistics

CELLS = arrays(np.float32, (3, 5), elements=st.floats(-100, 100, width=32) | st.sampled_from([math.nan, math.inf, 0.0]))


@given(CELLS, CELLS)
def test_merging_is_measuring_the_whole(a, b):
    whole = Statistics.of(np.concatenate([a, b]))
    merged = Statistics.of(a).merge(Statistics.of(b))
    for name in ("size", "minimum", "maximum", "nonzero", "nan", "infinite"):
        assert getattr(merged, name) == getattr(whole, name)
    assert merged.total == pytest.approx(whole.total, rel=1e-5, abs=1e-3)


def test_only_finite_values_count_for_the_mean():
    facts = Statistics.of(np.array([[1.0, np.nan, 3.0, -np.inf]]))
    assert (facts.mean, facts.minimum, facts.maximum) == (2.0, 1.0, 3.0)
    assert (facts.nan, facts.infinite, facts.nonzero, facts.finite) == (1, 1, 4, 2)


def test_nothing_finite_is_null_in_json():
    facts = Statistics.of(np.array([[np.nan]]))
    row = MapResult(source="a", kernel="k", spec="k", shape=(1, 1), statistics=facts, display="", outputs=())
    assert json.loads(json.dumps(row.as_json(), allow_nan=False))["mean"] is None


def test_sums_of_large_numbers_are_right():
    nodata = np.full((64, 64), -3.4028235e38, np.float32)
    nodata[10:, 10:] = 5
    expected = nodata.astype(float).mean()
    assert Statistics.of(nodata).mean == pytest.approx(expected, rel=1e-6)
    assert Statistics.of(np.full((3, 3), 1e308)).mean == math.inf


@pytest.mark.parametrize("words", [["-o", "x.csv"], ["-o", "x.png"], ["--table"], ["--json", "-o", "x.npy"]])
@pytest.mark.parametrize(("bias", "dtype"), [("1e38", "float32"), ("1e308", "float64"), ("-1e308", "float64")])
def test_sums_beyond_all_numbers_are_printed_as_such(cnnfilter_run, samples, words, bias, dtype):
    done = cnnfilter_run("convolve", samples / "grid-5x5.csv", "-k", "box", "--bias", bias, "--dtype", dtype, *words)
    assert done.code == 0
    assert "Warning" not in done.err
    if "--json" in words:
        mean = json.loads(done.out)["results"][0]["mean"]
        assert mean == pytest.approx(1e38) if dtype == "float32" else mean is None
