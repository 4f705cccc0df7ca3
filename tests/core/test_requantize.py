"""Requantisation against fractions, against ONNX's reference evaluator, and against how integer libraries define it."""

import math
from fractions import Fraction

import numpy as np
import pytest

import cnnfilter
from cnnfilter import requantize
from cnnfilter.core.requantize import parse_requantization
from cnnfilter.errors import CnnFilterError

ROUNDINGS = ["half-even", "half-away", "half-up", "floor", "truncate"]
TYPES = ["int8", "uint8", "int16", "uint16", "int32"]


def rounded(value, rounding):
    """Round a fraction, by the definitions alone."""
    down, up = math.floor(value), math.ceil(value)
    half = Fraction(1, 2)
    if rounding == "half-even":
        return round(value)
    if rounding == "half-away":
        return math.floor(value + half) if value >= 0 else math.ceil(value - half)
    return {"half-up": math.floor(value + half), "floor": down, "truncate": down if value >= 0 else up}[rounding]


def held(value, dtype, overflow):
    limits = np.iinfo(dtype)
    if overflow == "saturate":
        return min(max(value, limits.min), limits.max)
    return (value - limits.min) % 2**limits.bits + limits.min


def doubled(value, multiplier, exponent):
    """Multiply as gemmlowp defines it: half up to the high word, then half away from zero."""
    product = value * 2 ** max(exponent, 0) * multiplier
    high = math.floor(Fraction(product, 2**31) + Fraction(1, 2))
    return rounded(Fraction(high, 2 ** max(-exponent, 0)), "half-away")


def ties(draw, count):
    """Return sums near which a scale of a power of two has its ties, and others of every size."""
    small = draw.integers(-600, 600, count)
    wide = draw.integers(-(2**31), 2**31, count)
    return np.where(draw.random(count) < 0.6, small, wide)


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("seed", range(100))
def test_every_rounding_is_that_of_fractions(rounding, seed):
    draw = np.random.default_rng(seed)
    sums = ties(draw, 60).reshape(3, 4, 5)
    many = draw.random() < 0.5
    count = 3 if many else 1
    scale = (
        2.0 ** draw.integers(-12, 3, count)
        if draw.random() < 0.5
        else draw.random(count) * 10.0 ** draw.integers(-9, 2)
    )
    dtype, overflow = TYPES[draw.integers(5)], ["saturate", "wrap"][draw.integers(2)]
    limits = np.iinfo(dtype)
    zero = draw.integers(max(limits.min, -200), min(limits.max, 200), count)
    made = requantize(sums, scale, zero, dtype, rounding, overflow=overflow)
    assert (made.shape, made.dtype) == (sums.shape, dtype)
    for place in np.ndindex(sums.shape):
        own = place[0] if many else 0
        value = rounded(int(sums[place]) * Fraction(float(scale[own])), rounding) + int(zero[own])
        assert made[place] == held(value, dtype, overflow)


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize(
    ("multiplier", "shift"), [(1, 0), (5, 1), (2**31 - 1, 31), (2**31 - 1, 45), (2**63 + 9, 70), (3, 1000)]
)
def test_multipliers_and_shifts_of_every_size(rounding, multiplier, shift):
    sums = np.array([-(2**62), -(2**33), -(2**31), -3, -2, -1, 0, 1, 2, 3, 2**31 - 1, 2**40 + 1, 2**62])
    for some in (sums, sums[2:-2], sums[3:-3]):
        made = requantize(some, multiplier, 0, "int32", rounding, shift=shift)
        wanted = [
            held(rounded(Fraction(int(one) * multiplier, 2**shift), rounding), "int32", "saturate") for one in some
        ]
        assert made.tolist() == wanted


@pytest.mark.parametrize("exponent", [-20, -8, -1, 0, 1, 4])
def test_double_rounding_is_that_of_integer_libraries(exponent):
    draw = np.random.default_rng(7)
    sums, multiplier = ties(draw, 400), int(draw.integers(2**30, 2**31))
    made = requantize(sums, multiplier, 3, "int16", "double", shift=31 - exponent)
    wanted = [held(doubled(int(one), multiplier, exponent) + 3, "int16", "saturate") for one in sums]
    assert made.tolist() == wanted
    halves = requantize([-3, -1, 1, 3], 2**30, 0, "int8", "double", shift=31)  # ties of the first rounding go up
    assert halves.tolist() == [-1, 0, 1, 2]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("0.25:int8", ((1,), (2,), (0,), "int8", "half-even")),
        ("1e-3,-5:int16:floor", (((0.001).as_integer_ratio()[0],), (60,), (-5,), "int16", "floor")),
        ("1073741824>>40,128:uint8:double", ((2**30,), (40,), (128,), "uint8", "double")),
        (" 0.5 | 0.25 , 1|2 : int8 ", ((1, 1), (1, 2), (1, 2), "int8", "half-even")),
    ],
)
def test_what_is_typed(text, wanted):
    assert parse_requantization(text)[:5] == wanted


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0.5", "SCALE[,ZERO]:TYPE"), ("0.5:int8:floor:x", "SCALE[,ZERO]:TYPE"), ("0:int8", "above 0, got 0"),
        ("-1:int8", "above 0, got -1"), ("nan:int8", "above 0, got nan"), ("inf:int8", "above 0, got inf"),
        ("x:int8", "'x' is no number"), ("0.5:int9", "mean int8"), ("0.5:int8:half-evn", "mean half-even"),
        ("0.5,300:uint8", "zero point 300 is no uint8: 0 to 255"), ("0.5,0.5:int8", "zero point 0.5 is no int8"),
        ("3>>2|0.5:int8", "mixes"), ("0.5>>2:int8", "whole number above 0"), ("3>>-1:int8", "a shift one from 0"),
        ("1|2,1|2|3:int8", "2 scales, 3 zero points"), (":int8", "'' is no number"),
    ],
)  # fmt: skip
def test_what_means_nothing(text, said):
    with pytest.raises(CnnFilterError) as error:
        parse_requantization(text)
    assert said in str(error.value)


def test_sums_that_are_none_and_scales_of_other_filters():
    with pytest.raises(CnnFilterError, match=r"2\.5"):
        requantize([1.0, 2.5], 0.5)
    with pytest.raises(CnnFilterError, match="3 scales or zero points for 2 filters"):
        requantize(np.zeros((2, 4, 4), int), [1, 2, 3])
    with pytest.raises(CnnFilterError, match="axis 5"):
        requantize(np.zeros((2, 4, 4), int), [1, 2], axis=5)
    assert requantize(np.zeros((0, 3, 3), int), 0.5).shape == (0, 3, 3)
    assert requantize(7, 0.5).tolist() == 4


onnx = pytest.importorskip("onnx")


def reference(kind, inputs, opset=21, **attributes):
    """Return what ONNX's reference evaluator makes of arrays by one node; None leaves an input out."""
    from onnx.reference import ReferenceEvaluator

    names = [f"i{index}" if array is not None else "" for index, array in enumerate(inputs)]
    fed = {name: np.asarray(array) for name, array in zip(names, inputs, strict=True) if name}
    helper = onnx.helper
    values = [
        helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape) for n, a in fed.items()
    ]
    node = helper.make_node(kind, names, ["y"], **attributes)
    out = onnx.ValueInfoProto(name="y")
    model = helper.make_model(
        helper.make_graph([node], "g", values, [out]), opset_imports=[helper.make_opsetid("", opset)]
    )
    return ReferenceEvaluator(model).run(None, fed)[0]


@pytest.mark.parametrize("seed", range(60))
def test_convolutions_of_quantised_networks(seed):
    """ConvInteger is an exact convolution of what lies off the zero points, and QLinearConv that requantised."""
    draw = np.random.default_rng(seed)
    kind = [np.uint8, np.int8][seed % 2]
    limits = np.iinfo(kind)
    filters, groups = [(4, 1), (4, 2), (6, 3)][seed % 3]
    channels = groups * int(draw.integers(1, 4))
    x = draw.integers(limits.min, limits.max + 1, (1, channels, 7, 8)).astype(kind)
    w = draw.integers(-128, 128, (filters, channels // groups, 3, 2)).astype(np.int8)
    x_zero, w_zero, y_zero = (
        kind(draw.integers(limits.min, limits.max)),
        np.int8(0),
        kind(2 * draw.integers(-10, 10) % 100),
    )
    bias = draw.integers(-5000, 5000, filters).astype(np.int32)
    stride, dilation = int(draw.integers(1, 3)), int(draw.integers(1, 3))
    words = {"strides": [stride] * 2, "dilations": [dilation] * 2, "group": groups}
    sums = cnnfilter.conv2d(
        x[0].astype(np.int32) - int(x_zero), w, stride=stride, dilation=dilation, groups=groups, dtype="int32"
    )
    assert np.array_equal(sums, reference("ConvInteger", [x, w, x_zero, w_zero], **words)[0])
    with_bias = cnnfilter.conv2d(
        x[0].astype(np.int32) - int(x_zero),
        w,
        bias=bias,
        stride=stride,
        dilation=dilation,
        groups=groups,
        dtype="int32",
    )
    many = seed % 4 < 2
    scales = (
        np.float32(0.02),
        draw.random(filters if many else 1).astype(np.float32) / 10,
        np.float32(draw.random() * 20 + 1),
    )
    w_scale = np.broadcast_to(scales[1], filters)
    theirs = []
    for own in range(filters):  # by itself: earlier references take one scale alone
        first = own // (filters // groups) * (channels // groups)
        part, weights = x[:, first : first + channels // groups], w[own : own + 1]
        ends = [w_zero, scales[2], y_zero, bias[own : own + 1]]
        inputs = [part, scales[0], x_zero, weights, w_scale[own], *ends]
        theirs.append(reference("QLinearConv", inputs, opset=13, **{**words, "group": 1})[0, 0])
    scale = scales[0] * w_scale / scales[2]
    assert np.array_equal(requantize(with_bias, scale, int(y_zero), kind.__name__), theirs)


@pytest.mark.parametrize("seed", range(40))
def test_products_of_quantised_networks(seed):
    draw = np.random.default_rng(seed)
    a = draw.integers(0, 256, (3, 20)).astype(np.uint8)
    b = draw.integers(-128, 128, (20, 5)).astype(np.int8)
    a_zero, b_zero, y_zero = (
        np.uint8(draw.integers(256)),
        np.int8(draw.integers(-50, 50)),
        np.uint8(2 * draw.integers(60)),
    )
    scales = [np.float32(one) for one in (0.01 + draw.random() / 10, 0.01 + draw.random() / 10, 1 + 9 * draw.random())]
    theirs = reference("QLinearMatMul", [a, scales[0], a_zero, b, scales[1], b_zero, scales[2], y_zero])
    sums = cnnfilter.dense(a.astype(int) - int(a_zero), b.T.astype(int) - int(b_zero), dtype="int32")
    scale = scales[0] * scales[1] / scales[2]
    wide = requantize(sums, scale, int(y_zero), "int32")
    fits = (wide >= 0) & (wide <= 255)  # earlier references wrap what does not
    assert np.array_equal(requantize(sums, scale, int(y_zero), "uint8")[fits], theirs[fits])


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("seed", [*range(100), *(pytest.param(n, marks=pytest.mark.long) for n in range(100, 500))])
def test_every_rounding_is_that_of_onnx_nodes(rounding, seed):
    """Five hundred for each rounding: product, rounding, zero point and clipping as nodes of their own, in float64."""
    draw = np.random.default_rng(seed)
    sums = draw.integers(-(2**22), 2**22, 50) if seed % 2 else draw.integers(-900, 900, 50)
    scale = float(2.0 ** draw.integers(-10, 0)) if seed % 3 else float(np.float32(draw.random()))
    product = reference("Mul", [sums.astype(np.float64), np.float64(scale)])
    half, magnitude = np.float64(0.5), reference("Abs", [product])
    whole = {
        "half-even": lambda: reference("Round", [product]),
        "half-up": lambda: reference("Floor", [reference("Add", [product, half])]),
        "half-away": lambda: reference(
            "Mul", [reference("Sign", [product]), reference("Floor", [reference("Add", [magnitude, half])])]
        ),
        "floor": lambda: reference("Floor", [product]),
        "truncate": lambda: reference("Mul", [reference("Sign", [product]), reference("Floor", [magnitude])]),
    }[rounding]()
    zero = int(draw.integers(-20, 20))
    theirs = reference("Clip", [reference("Add", [whole, np.float64(zero)]), np.float64(-128), np.float64(127)])
    assert np.array_equal(requantize(sums, scale, zero, "int8", rounding), theirs)


def test_quantize_linear_is_a_scale_that_is_divided_by():
    """Where dividing by the scale, and multiplying with its inverse, are the same number."""
    values = np.arange(-300, 300)
    theirs = reference("QuantizeLinear", [values.astype(np.float32), np.float32(4), np.uint8(128)])
    assert np.array_equal(requantize(values, 0.25, 128, "uint8"), theirs)
