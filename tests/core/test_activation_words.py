"""Activations as they are typed."""

import pytest

from cnnfilter.core.activate import activation_name, check_activation, parse_activation
from cnnfilter.core.activations import ACTIVATIONS
from cnnfilter.errors import ParameterError, UnknownNameError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("relu", ("relu", {})),
        ("leaky-relu:negative_slope=0.1", ("leaky-relu", {"negative_slope": 0.1})),
        ("hard-tanh:min=-2, max=2.5", ("hard-tanh", {"min": -2.0, "max": 2.5})),
        ("gelu:approximate=tanh", ("gelu", {"approximate": "tanh"})),
        ("swish", ("silu", {})),
        ("Leaky_ReLU", ("leaky-relu", {})),
        ("softmax:axis=-1", ("softmax", {"axis": -1})),
        ("prelu:weight=0.3", ("prelu", {"weight": 0.3})),
        ("prelu:weight=0.1|-2|3e-1,axis=0", ("prelu", {"weight": [0.1, -2.0, 0.3], "axis": 0})),
    ],
)
def test_activations(text, expected):
    assert parse_activation(text) == expected


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("relo", UnknownNameError, "did you mean relu"),
        ("", UnknownNameError, "unknown activation ''"),
        ("elu:0.5", ParameterError, r"'0.5' is not param=value, as in elu:alpha=..."),
        ("elu:", ParameterError, "is not param=value"),
        ("elu:alpha=", ParameterError, "is not param=value"),
        ("elu:alpha=x", ParameterError, "elu: alpha must be a number, got 'x'"),
        ("elu:alpha=1,alpha=2", ParameterError, "gives alpha twice"),
        ("elu:beta=1", UnknownNameError, "unknown parameter of elu 'beta'"),
        ("relu:axis=1", ParameterError, "relu takes no axis"),
        ("softmax:axis=1.5", ParameterError, "axis must be a number, got '1.5'"),
        ("gelu:approximate=sigmoid", UnknownNameError, "unknown approximate of gelu"),
        ("prelu:weight=1|x", ParameterError, r"weight must be a number, got '1\|x'"),
        ("celu:alpha=0", ParameterError, "alpha must not be 0"),
    ],
)
def test_activations_that_are_refused(text, error, message):
    with pytest.raises(error, match=message):
        parse_activation(text)


def test_every_name_alias_and_default_is_accepted():
    for name, facts in ACTIVATIONS.items():
        assert facts.formula
        for word in (name, *facts.aliases, name.upper(), name.replace("-", "_")):
            assert activation_name(word) == name
        assert check_activation(name, facts.parameters) == (name, dict(facts.parameters))
        for key, default in facts.parameters.items():
            assert parse_activation(f"{name}:{key}={default}") == (name, {key: default})


def test_no_alias_has_two_meanings():
    words = [word for name, facts in ACTIVATIONS.items() for word in (name, *facts.aliases)]
    assert len(words) == len(set(words))
