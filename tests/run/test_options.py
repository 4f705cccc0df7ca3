"""What flags mean."""

import pytest

from cnnfilter.core.pools import Pooling
from cnnfilter.errors import CnnFilterError, ParameterError
from cnnfilter.run.options import make_options, parse_bytes


def test_words_become_numbers():
    options = make_options(stride="2,1", dilation="3", pool="avg:2,3:1", activation="elu:alpha=0.5")
    assert options.stride == (2, 1)
    assert options.dilation == (3, 3)
    assert options.pool == Pooling("avg", size=(2, 3), stride=(1, 1))
    assert options.activation.parameters == {"alpha": 0.5}


@pytest.mark.parametrize(
    "words",
    [
        {"stride": "0"}, {"stride": "1,2,3"}, {"dilation": "-1"}, {"padding": "samee"}, {"padding": "1,2,3"},
        {"padding_mode": "constant"}, {"channels": "red"}, {"range": "0..1"}, {"dtype": "int8"}, {"engine": "x"},
        {"threads": 0}, {"pool": "max"}, {"pool": "mux:2"}, {"activation": "relu:slope=1"},
    ],
)  # fmt: skip
def test_bad_words(words):
    with pytest.raises(CnnFilterError):
        make_options(**words)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1000", 1000), ("1KB", 1000), ("1 kb", 1000), ("2GB", 2 * 10**9), ("1.5GiB", 3 * 2**29), ("3M", 3_000_000)],
)
def test_bytes(text, expected):
    assert parse_bytes(text) == expected


@pytest.mark.parametrize("text", ["", "GB", "-1", "0", "x", "1e99", "1 XB", "nan"])
def test_bad_bytes(text):
    with pytest.raises(ParameterError, match="size in bytes"):
        parse_bytes(text)
