"""Every parameter of every formula at values that no picture needs: a kernel, or one clear line."""

from __future__ import annotations

import numpy as np
import pytest

from cnnfilter.errors import CnnFilterError
from cnnfilter.library import load_kernels, search_path
from cnnfilter.library.build import parameters_of
from cnnfilter.library.catalog import entries
from cnnfilter.library.generators import MODULES
from cnnfilter.library.passport import passport
from cnnfilter.library.transform import COMMON

SEARCH = search_path()
VALUES = ("0", "-1", "1", "0.5", "1e9", "1e150", "1e308", "-1e308", "1e-150", "1e-308", "5e-324", "nan", "inf", "")
ENTRIES = {entry.data.get("generator", "matrix"): entry for entry in entries(SEARCH) if entry.kind == "kernel"}


def cases():
    for entry in ENTRIES.values():
        for parameter in (*parameters_of(entry), *COMMON):
            for more in ("", ",size=5"):
                if parameter.name not in more:
                    yield entry.name, parameter.name, more


def test_every_formula_is_tried():
    assert set(ENTRIES) == {*MODULES, "matrix"}


@pytest.mark.parametrize(("name", "parameter", "more"), list(cases()))
def test_extremes(name, parameter, more):
    for value in VALUES:
        spec = f"{name}:{parameter}={value}{more}"
        try:
            (kernel,) = load_kernels(spec, search=SEARCH)
        except CnnFilterError as error:
            message = str(error)
        else:
            message = "" if np.isfinite(kernel.weights).all() else "not finite\n"
            if kernel.weights.size < 200:
                passport(kernel, SEARCH)
        assert "\n" not in message, spec
        assert len(message) < 250, spec


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("shape:radius=1e308", "shape: needs inf pixels a side, more than 4095"),
        ("cone:radius=1e308", "cone: needs inf pixels a side, more than 4095"),
        ("gabor:bandwidth=1e-308", "gabor: needs "),
        ("lm-spot:sigma=1e150", "lm-spot: these parameters give weights that are not finite"),
        ("sobel-x:scale=1e308", "'sobel-x:scale=1e308' has weights that are not finite, or beyond 3.4e+38"),
        ("5e-324; 0; 0.5; 1e308; 2", "'5e-324; 0; 0.5; 1e308; 2' has weights that are not finite, or beyond 3.4e+38"),
        ("[1 2]*1e300", "'[1 2]*1e300' has weights that are not finite, or beyond 3.4e+38"),
    ],
)
def test_weights_that_overflow(spec, reason):
    with pytest.raises(CnnFilterError) as caught:
        load_kernels(spec)
    assert str(caught.value).startswith(reason)


@pytest.mark.parametrize(
    "spec",
    [
        "gabor:bandwidth=1e-308,sigma=2,size=5", "5e-324; 0; 0.5; 1e38; 2", "1e-320 1e-320:normalize=sum",
        "unsharp:amount=1e-308",
    ],
)  # fmt: skip
def test_facts_of_extreme_weights(spec):
    (kernel,) = load_kernels(spec)
    assert len(passport(kernel, SEARCH).response(5)) == 5
