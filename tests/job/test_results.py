"""Facts of maps: strips merged give what the whole gives."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cnnfilter.job.results import MapResult, Statistics

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
