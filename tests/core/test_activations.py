"""Activations against their formulas, value by value, and their laws and arguments."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnfilter.core import activate as engine
from cnnfilter.core.activate import activate, elementwise
from cnnfilter.core.activations import ACTIVATIONS
from cnnfilter.errors import ParameterError, ShapeError, UnknownNameError

#: The activations that work on each value alone.
CELLWISE = [name for name, one in ACTIVATIONS.items() if not one.over_axis]


def exp(x):
    return math.exp(x) if x < 700 else math.inf


def expm1(x):
    return math.expm1(x) if x < 700 else math.inf


def sigmoid(x):
    return 1 / (1 + exp(-x))


#: Each formula once more, for one number, written as in the textbook.
PLAIN = {
    "relu": lambda x: max(x, 0),
    "leaky-relu": lambda x, negative_slope=0.01: x if x > 0 else negative_slope * x,
    "prelu": lambda x, weight=0.25: x if x > 0 else weight * x,
    "relu6": lambda x: min(max(x, 0), 6),
    "elu": lambda x, alpha=1: x if x > 0 else alpha * math.expm1(x),
    "selu": lambda x: 1.0507009873554805 * (x if x > 0 else 1.6732632423543772 * math.expm1(x)),
    "celu": lambda x, alpha=1: x if x > 0 else alpha * expm1(x / alpha),
    "gelu": lambda x, approximate="none": (
        x / 2 * (1 + math.erf(x / math.sqrt(2)))
        if approximate == "none"
        else x / 2 * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    ),
    "sigmoid": sigmoid,
    "hard-sigmoid": lambda x: min(max(x + 3, 0), 6) / 6,
    "log-sigmoid": lambda x: min(x, 0) - math.log1p(exp(-abs(x))),
    "tanh": math.tanh,
    "hard-tanh": lambda x, min=-1, max=1: min if x < min else max if x > max else x,
    "tanhshrink": lambda x: x - math.tanh(x),
    "softsign": lambda x: x / (1 + abs(x)),
    "softplus": lambda x, beta=1, threshold=20: (
        x if beta * x > threshold else (max(beta * x, 0) + math.log1p(exp(-abs(beta * x)))) / beta
    ),
    "softshrink": lambda x, lambd=0.5: x - lambd if x > lambd else x + lambd if x < -lambd else 0,
    "hardshrink": lambda x, lambd=0.5: x if abs(x) > lambd else 0,
    "silu": lambda x: x * sigmoid(x),
    "hard-swish": lambda x: x * min(max(x + 3, 0), 6) / 6,
    "mish": lambda x: x * math.tanh(max(x, 0) + math.log1p(exp(-abs(x)))),
    "threshold": lambda x, threshold=0, value=0: x if x > threshold else value,
    "step": lambda x: 1 if x > 0 else 0,
    "abs": abs,
    "square": lambda x: x * x,
    "identity": lambda x: x,
}

PARAMETERS = [
    *((name, {}) for name in PLAIN),
    ("leaky-relu", {"negative_slope": 0.3}),
    ("leaky-relu", {"negative_slope": -2}),
    ("leaky-relu", {"negative_slope": 1.5}),
    ("prelu", {"weight": 0.7}),
    ("prelu", {"weight": [0.7]}),
    ("elu", {"alpha": 2.5}),
    ("celu", {"alpha": 0.3}),
    ("celu", {"alpha": -2}),
    ("gelu", {"approximate": "tanh"}),
    ("hard-tanh", {"min": 0.25, "max": 3}),
    ("hard-tanh", {"max": math.inf}),
    ("softplus", {"beta": 3}),
    ("softplus", {"beta": 0.5, "threshold": 1}),
    ("softshrink", {"lambd": 0}),
    ("hardshrink", {"lambd": 2}),
    ("threshold", {"threshold": 1, "value": -7}),
    ("threshold", {"threshold": -1, "value": math.inf}),
]

VALUES = np.concatenate([np.linspace(-12, 12, 2001), [0.0, -0.0, 30, -30, 90, -90, 1e-30, -1e-30, 1e8, -1e8]])


@pytest.mark.parametrize(("name", "parameters"), PARAMETERS, ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_formula_value_by_value(name, parameters, dtype):
    values = VALUES.astype(dtype)
    plain = {key: value[0] if isinstance(value, list) else value for key, value in parameters.items()}
    expected = np.array([PLAIN[name](float(value), **plain) for value in values])
    got = activate(values, name, **parameters)
    assert got.dtype == dtype
    rtol, atol = (2e-6, 1e-6) if dtype == np.float32 else (1e-13, 1e-15)
    np.testing.assert_allclose(got, expected, rtol=rtol, atol=atol)


@pytest.mark.parametrize("name", sorted(CELLWISE))
def test_infinities_and_huge_values_end_in_the_limit_and_nan_stays(name):
    for dtype in (np.float32, np.float64):
        top = np.finfo(dtype).max
        values = np.array([np.nan, np.inf, -np.inf, top, -top, 1e30, -1e30], dtype)
        got = activate(values, name)
        assert np.isnan(got[0])
        may_be_nan = {"softsign", "gelu", "silu", "hard-swish", "mish"}  # infinity times 0, as in PyTorch
        assert not np.isnan(got[1:3]).any() or name in may_be_nan
        assert not np.isnan(got[3:]).any()


@pytest.mark.parametrize("name", ["sigmoid", "silu", "elu", "softplus", "log-sigmoid", "mish", "hard-swish", "tanh"])
def test_small_results_keep_their_digits_in_float32(name):
    """Relative accuracy, where a formula as printed would cancel."""
    values = np.concatenate([np.linspace(-60, 60, 4001), np.geomspace(1e-20, 1, 200), -np.geomspace(1e-20, 1, 200)])
    values = values[np.abs(values + 3) > 0.01].astype(np.float32)
    expected = np.array([PLAIN[name](float(value)) for value in values])
    np.testing.assert_allclose(activate(values, name), expected, rtol=3e-6, atol=1e-37)


def test_relu_gives_0_for_minus_1_and_leaves_1():
    assert activate([1, -1], "relu").tolist() == [1, 0]
    assert activate(-39.5, "relu") == 0


def test_softmax_of_cat_dog_and_elephant():
    shares = activate([2.5, 1.8, 0.2], "softmax")
    assert shares.round(3).tolist() == [0.626, 0.311, 0.063]
    assert shares.sum() == pytest.approx(1)


@pytest.mark.parametrize("name", ["softmax", "log-softmax", "softmin"])
@pytest.mark.parametrize(("shape", "axis", "meant"), [
    ((7,), None, 0), ((3, 4, 5), None, 0), ((2, 3, 4, 5), None, 1), ((1, 6), None, 1), ((6, 1), None, 0),
    ((4, 5), 0, 0), ((4, 5), -1, 1), ((2, 3, 4, 5), 3, 3), ((2, 3, 4, 5), -4, 0), ((2, 3, 4, 5, 6), 2, 2),
    ((1, 1), None, 0),
])  # fmt: skip
def test_softmax_and_its_kin_along_an_axis(name, shape, axis, meant):
    values = np.random.default_rng(1).standard_normal(shape) * 5
    powers = np.exp(-values if name == "softmin" else values)
    shares = powers / powers.sum(axis=meant, keepdims=True)
    expected = np.log(shares) if name == "log-softmax" else shares
    np.testing.assert_allclose(activate(values, name, axis=axis), expected, rtol=1e-12, atol=1e-13)
    single = activate(values.astype(np.float32), name, axis=axis)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, expected, rtol=3e-6, atol=1e-6)


def test_softmax_of_huge_values_does_not_overflow():
    assert activate([1000.0, 1000.0, -1000.0], "softmax").tolist() == [0.5, 0.5, 0]
    assert activate([1000.0, 999.0], "log-softmax")[1] == pytest.approx(-1 - math.log1p(math.exp(-1)))
    assert activate([-np.inf, 0.0], "softmax").tolist() == [0, 1]


def test_softmax_over_many_channels_adds_up_to_1():
    scores = np.random.default_rng(2).standard_normal((100_000, 3)).astype(np.float32)
    np.testing.assert_allclose(activate(scores, "softmax", axis=0).sum(axis=0, dtype=np.float64), 1, rtol=1e-6)


@pytest.mark.parametrize(("shape", "axis"), [((8,), 0), ((4, 3, 5), 0), ((2, 6, 3, 5), 1)])
def test_glu_is_one_half_times_the_sigmoid_of_the_other(shape, axis):
    values = np.random.default_rng(3).standard_normal(shape)
    first, second = np.split(values, 2, axis)
    expected = first / (1 + np.exp(-second))
    np.testing.assert_allclose(activate(values, "glu"), expected, rtol=1e-12)
    np.testing.assert_allclose(activate(values, "glu", axis=axis - len(shape)), expected, rtol=1e-12)


def test_prelu_with_a_weight_for_each_channel():
    image = np.random.default_rng(4).standard_normal((2, 3, 4, 5))
    weights = np.array([0.1, -2, 0])
    expected = np.where(image > 0, image, image * weights[:, None, None])
    np.testing.assert_allclose(activate(image, "prelu", weight=weights), expected)
    np.testing.assert_allclose(activate(image[1], "prelu", weight=weights.tolist()), expected[1])
    rows = np.where(image > 0, image, image * np.arange(4.0)[:, None])
    np.testing.assert_allclose(activate(image, "prelu", weight=range(4), axis=2), rows)


def test_types_and_layouts():
    grid = np.random.default_rng(5).integers(0, 2, (3, 8, 10))
    frozen = grid.astype(np.float32)
    frozen.setflags(write=False)
    inputs = [grid.astype(t) for t in ("?", "u1", "i2", ">i4", "u8", "f2", ">f4")]
    inputs += [frozen, np.asfortranarray(grid), grid.transpose(1, 2, 0).copy().transpose(2, 0, 1), grid[:, ::-1]]
    for name in ("gelu", "softmax"):
        for image in inputs:
            before = image.copy()
            expected = activate(np.ascontiguousarray(image, np.float64), name)
            got = activate(image, name)
            assert got.dtype == np.float32
            assert got.flags.c_contiguous
            np.testing.assert_allclose(got, expected, rtol=1e-6)
            np.testing.assert_array_equal(image, before)
    assert activate(grid.astype(">f8"), "gelu").dtype == np.float64
    assert activate(np.float32(2), "square").shape == ()


@pytest.mark.parametrize("name", sorted(CELLWISE))
def test_results_do_not_depend_on_blocks_or_threads(name, monkeypatch):
    values = (np.random.default_rng(6).standard_normal(3001) * 3).astype(np.float32)
    expected = activate(values, name)
    for block in (1 << 10, 1 << 8):
        monkeypatch.setattr(engine, "BLOCK", block)
        for threads in (1, 3, None):
            np.testing.assert_allclose(activate(values, name, threads=threads), expected, rtol=3e-7, atol=1e-37)
    one, many = (activate(values, name, threads=threads) for threads in (1, 4))
    np.testing.assert_array_equal(one, many)


@pytest.mark.parametrize("name", ["softmax", "log-softmax"])
def test_results_along_an_axis_do_not_depend_on_blocks_or_threads(name, monkeypatch):
    values = np.random.default_rng(7).standard_normal((3, 7, 11, 13)).astype(np.float32)
    expected = [activate(values, name, axis=axis) for axis in range(4)]
    monkeypatch.setattr(engine, "BLOCK", 32)
    for axis in range(4):
        for threads in (1, 4):
            np.testing.assert_allclose(activate(values, name, axis=axis, threads=threads), expected[axis], rtol=1e-6)


def test_elementwise_works_in_place_on_any_block():
    for dtype in (np.float32, np.float64):
        whole = np.random.default_rng(8).standard_normal((4, 6, 8)).astype(dtype)
        for part in (np.s_[:], np.s_[1:3, ::2], np.s_[..., 1::3], np.s_[2, 3, 4:5]):
            values = whole.copy()
            expected = whole.copy()
            expected[part] = activate(whole[part], "leaky-relu", negative_slope=0.5)
            elementwise("leaky-relu", negative_slope=0.5)(values[part])
            np.testing.assert_array_equal(values, expected)


def test_elementwise_serves_every_activation_without_an_axis():
    values = np.linspace(-3, 3, 50).reshape(5, 10)
    for name in CELLWISE:
        block = values.copy()
        elementwise(name)(block)
        np.testing.assert_array_equal(block, activate(values, name))
    for name in {*ACTIVATIONS} - {*CELLWISE}:
        with pytest.raises(ParameterError, match=f"{name} works along an axis, not on each value alone"):
            elementwise(name)
    with pytest.raises(ParameterError, match="prelu with 2 weights works along an axis"):
        elementwise("prelu", weight=[1, 2])


def test_the_tables_agree():
    assert set(PLAIN) == set(CELLWISE)
    for name, facts in ACTIVATIONS.items():
        assert facts.over_axis == (name not in CELLWISE)
        for alias in facts.aliases:
            if name in CELLWISE:
                np.testing.assert_array_equal(activate(VALUES, alias), activate(VALUES, name))


@pytest.mark.parametrize(
    ("shape", "name", "arguments", "error", "message"),
    [
        ((3,), "rely", {}, UnknownNameError, r"unknown activation 'rely' \(did you mean relu"),
        ((3,), "elu", {"alpa": 1}, UnknownNameError, r"unknown parameter of elu 'alpa' \(did you mean alpha"),
        ((3,), "relu", {"alpha": 1}, ParameterError, "relu takes no parameters, got alpha"),
        ((3,), "elu", {"alpha": "big"}, ParameterError, "elu: alpha must be a number, got 'big'"),
        ((3,), "elu", {"alpha": True}, ParameterError, "elu: alpha must be a number, got True"),
        ((3,), "gelu", {"approximate": "tan"}, UnknownNameError, "did you mean tanh"),
        ((3,), "hard-tanh", {"min": 2, "max": 1}, ParameterError, "min must not be above max, got 2 and 1"),
        ((3,), "softshrink", {"lambd": -1}, ParameterError, "lambd must be 0 or more, got -1"),
        ((3,), "softplus", {"beta": 0}, ParameterError, "beta must be above 0, got 0"),
        ((3,), "celu", {"alpha": 0}, ParameterError, "alpha must not be 0"),
        ((3,), "relu", {"axis": 0}, ParameterError, "relu takes no axis"),
        ((4, 5), "softmax", {}, ParameterError, r"softmax needs an axis: an array of shape \(4, 5\) has no channels"),
        ((), "softmax", {}, ParameterError, "softmax needs an axis"),
        ((4, 5), "softmax", {"axis": 2}, ParameterError, r"softmax: no axis 2 in an array of shape \(4, 5\)"),
        ((4, 5), "softmax", {"axis": 0.5}, ParameterError, "no axis 0.5"),
        ((3, 2, 2), "glu", {}, ShapeError, "glu halves axis 0, which has 3 cells; it needs an even number"),
        ((3, 4, 5), "prelu", {"weight": [1, 2]}, ShapeError, r"weights \(2,\) for 3 channels"),
        ((3, 2, 2), "prelu", {"weight": "a"}, ParameterError, "weight of prelu must hold real numbers"),
        ((0, 2), "relu", {}, ShapeError, r"the image is empty: shape \(0, 2\)"),
    ],
)
def test_arguments_that_are_refused(shape, name, arguments, error, message):
    with pytest.raises(error, match=message):
        activate(np.ones(shape), name, **arguments)


@pytest.mark.parametrize("bad", [[1j], ["a"], [None]])
def test_numbers_are_needed(bad):
    with pytest.raises(ParameterError, match="image must hold real numbers"):
        activate(bad, "relu")


FLOATS = st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=30)


@given(FLOATS)
@settings(deadline=None)
def test_odd_functions_are_odd(values):
    for name in ("tanh", "tanhshrink", "softsign", "softshrink", "hardshrink"):
        np.testing.assert_array_equal(activate(values, name), -activate(np.negative(values), name))


@given(FLOATS)
@settings(deadline=None)
def test_rising_functions_never_fall(values):
    ordered = np.sort(np.array(values, np.float32))
    for name in ("relu", "leaky-relu", "elu", "selu", "sigmoid", "tanh", "softplus", "log-sigmoid", "step", "relu6"):
        steps = np.diff(activate(ordered, name).astype(np.float64))
        assert (steps >= -1e-6).all()


@given(FLOATS, st.floats(-50, 50, width=32))
@settings(deadline=None)
def test_softmax_is_a_distribution_and_does_not_see_a_common_offset(values, offset):
    values = np.array(values) / 1e4
    shares = activate(values, "softmax")
    assert (shares >= 0).all()
    assert shares.sum() == pytest.approx(1)
    np.testing.assert_allclose(activate(values + offset, "softmax"), shares, rtol=1e-9)
    np.testing.assert_allclose(np.exp(activate(values, "log-softmax")), shares, rtol=1e-9, atol=1e-300)


#: Values at the ends of what float32 and float64 hold, with what the function is there.
EXTREMES = [
    ("softplus", {"beta": 2}, np.float32, 3e38, 3e38),
    ("softplus", {"beta": 1e30}, np.float32, 3e38, 3e38),
    ("softplus", {"beta": 1e30}, np.float64, 1e300, 1e300),
    ("softplus", {"beta": 1e-30, "threshold": 1e30}, np.float32, -1, math.log(2) * 1e30),
    ("sigmoid", {}, np.float32, -88.8, math.exp(-np.float32(88.8))),
    ("sigmoid", {}, np.float64, -720, math.exp(-720)),
    ("silu", {}, np.float32, -90, -90 * math.exp(-90)),
    ("silu", {}, np.float64, -712, -712 * math.exp(-712)),
    ("log-sigmoid", {}, np.float32, -3e38, -3e38),
    ("hard-swish", {}, np.float32, 3e38, 3e38),
    ("gelu", {}, np.float32, 3e38, 3e38),
    ("gelu", {"approximate": "tanh"}, np.float32, 3e38, 3e38),
    ("gelu", {}, np.float64, -10, -5 * math.erfc(10 / math.sqrt(2))),
    ("mish", {}, np.float32, 3e38, 3e38),
    ("tanhshrink", {}, np.float32, 1e-3, 1e-9 / 3 - 2e-15 / 15),
    ("tanhshrink", {}, np.float64, 1e-5, 1e-15 / 3 - 2e-25 / 15),
    ("celu", {"alpha": 1e-30}, np.float32, -3e38, -1e-30),
    ("softsign", {}, np.float32, -3e38, -1),
    ("leaky-relu", {"negative_slope": 1e-10}, np.float32, -3e38, -3e28),
]


@pytest.mark.parametrize(("name", "parameters", "dtype", "value", "expected"), EXTREMES)
def test_nothing_overflows_or_vanishes_on_the_way(name, parameters, dtype, value, expected):
    rtol = 3e-6 if dtype == np.float32 else 1e-12
    got = activate(np.array([value, 1], dtype), name, **parameters)
    np.testing.assert_allclose(got[0], expected, rtol=rtol, atol=1e-44 if dtype == np.float32 else 1e-320)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("softplus", {"beta": 0}), ("softplus", {"beta": math.inf}), ("softplus", {"threshold": math.nan}),
        ("leaky-relu", {"negative_slope": math.inf}), ("elu", {"alpha": math.nan}), ("celu", {"alpha": 1e39}),
        ("celu", {"alpha": 1e-60}), ("hard-tanh", {"max": math.nan}), ("threshold", {"value": math.nan}),
        ("softshrink", {"lambd": math.inf}),
    ],
)  # fmt: skip
def test_parameters_without_a_meaning_are_refused(name, parameters):
    with pytest.raises(ParameterError, match=name):
        activate([1.0], name, **parameters)


@pytest.mark.parametrize("shape", [(1,), (5,), (4, 5), (3, 4, 5), (3, 1, 1), (4, 1), (1, 5), (1, 1, 1), (3,)])
def test_prelu_spreads_its_weights_as_onnx_does(shape):
    rng = np.random.default_rng(3)
    image, weights = rng.standard_normal((3, 4, 5)), rng.random(shape)
    slopes = weights[:, None, None] if shape == (3,) else weights  # one for each channel, as in PyTorch
    expected = np.where(image < 0, image * slopes, image)
    np.testing.assert_allclose(activate(image, "prelu", weight=weights), expected)
    np.testing.assert_allclose(activate(image.astype("f4"), "prelu", weight=weights), expected, rtol=1e-6)


def test_prelu_of_as_many_channels_as_columns_goes_by_channel():
    image = -np.ones((3, 4, 3))
    assert activate(image, "prelu", weight=[1, 2, 3])[:, 0, 0].tolist() == [-1, -2, -3]
    assert activate(image, "prelu", weight=[1, 2, 3], axis=2)[0, 0].tolist() == [-1, -2, -3]
    assert activate(-np.ones((4, 5)), "prelu", weight=range(5))[3].tolist() == [0, -1, -2, -3, -4]
