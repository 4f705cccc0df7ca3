"""Exact sums of whole numbers, held against Python's own, which never wrap."""

import itertools
from functools import partial

import numpy as np
import pytest

import cnnfilter
from cnnfilter.core.whole import Bounds, bounds_of, cuts_of, parts_of
from cnnfilter.errors import CnnFilterError, ParameterError

LIMITS = {name: np.iinfo(name) for name in ("int32", "int64")}
#: Bits of values and of weights: what float32 holds, what float64 holds, and what neither does.
BITS = (1, 4, 8, 15, 16, 24, 31, 40, 52, 62)


def convolved(images, weights, bias, stride, dilation, pads, border, groups):
    """Return ``(N, K, oH, oW)`` of Python's integers."""
    (top, bottom), (left, right) = pads
    around = ((0, 0), (0, 0), (top, bottom), (left, right))
    images = np.pad(images, around, constant_values=border).astype(object)
    count, _, height, width = images.shape
    filters, depth, rows, columns = weights.shape
    high = (height - dilation * (rows - 1) - 1) // stride + 1
    wide = (width - dilation * (columns - 1) - 1) // stride + 1
    out = np.zeros((count, filters, high, wide), object)
    for k, c, i, j in np.ndindex(*weights.shape):
        channel = k // (filters // groups) * depth + c
        down, across = slice(i * dilation, None, stride), slice(j * dilation, None, stride)
        out[:, k] += images[:, channel, down, across][:, :high, :wide] * int(weights[k, c, i, j])
    return out + np.array([int(one) for one in bias], object)[:, None, None]


def fits(values, dtype):
    return all(LIMITS[dtype].min <= one <= LIMITS[dtype].max for one in np.ravel(values))


def test_sums_that_fit_only_with_their_bias():
    large = np.full((2, 3), 3_000_000_000)
    assert (cnnfilter.conv2d(large, [[1]], bias=-2_000_000_000, dtype="int32") == 1_000_000_000).all()
    assert (cnnfilter.conv2d(large, [[-1]], bias=3_000_000_000, dtype="int32") == 0).all()
    assert cnnfilter.dense([3_000_000_000], [[1]], -2_000_000_000, dtype="int32") == 1_000_000_000
    assert cnnfilter.conv_transpose2d([[3_000_000_000]], [[1]], bias=-2_000_000_000, dtype="int32") == 1_000_000_000


def test_sums_that_might_not_fit_and_do():
    """Bounds far beyond int64 with sums inside: the float beside them tells that int64 did not go round."""
    assert cnnfilter.dense([2**61, -(2**61)], [[2**20, 2**20]], dtype="int64") == 0
    assert cnnfilter.conv2d([[2**61, 2**61 - 1]], [[-(2**20), 2**20]], dtype="int64") == -(2**20)
    with pytest.raises(ParameterError, match="a sum is"):
        cnnfilter.dense([2**61, 2**61], [[2**20, 2**20]], dtype="int64")  # 2**82: int64 would say 0
    with pytest.raises(ParameterError, match="too many to tell"):
        cnnfilter.dense([2**62, 0], [[0, 2**62]], dtype="int64")


@pytest.mark.parametrize("shape", [(0, 3), (3,)])
def test_nothing_comes_of_nothing(shape):
    values = np.zeros(shape, int)
    for outputs in (0, 2):
        made = cnnfilter.dense(values, np.ones((outputs, 3), int), dtype="int64")
        assert (made.shape, made.dtype) == ((*shape[:-1], outputs), np.int64)
    assert cnnfilter.dense(np.zeros(0, int), np.zeros((2, 0), int), [5, 6], dtype="int32").tolist() == [5, 6]


def held_against(wanted, dtype, compute):
    """Hold a result against Python's integers: equal where the type holds them, and refused where it does not."""
    if fits(wanted, dtype):
        made = compute()
        assert made.dtype == dtype
        assert np.array_equal(made.astype(object), wanted)
    else:
        said = rf"a sum is .*, and {dtype} does not hold it: .* takes \d+ bits|takes \d+ bits: too many to tell"
        with pytest.raises(ParameterError, match=said):
            compute()


def random_case(seed):
    draw = np.random.default_rng(seed)
    groups, depth, per_group = (int(draw.integers(1, 3)) for _ in range(3))
    rows, columns = (int(one) for one in draw.integers(1, 6, 2))
    dilation, stride = int(draw.integers(1, 3)), int(draw.integers(1, 4))
    pads = tuple(tuple(int(one) for one in draw.integers(0, 4, 2)) for _ in range(2))
    size = tuple(int(one) for one in draw.integers(2 * 4 + 1, 24, 2))
    value_bits, weight_bits = (int(draw.choice(BITS)) for _ in range(2))
    images = draw.integers(-(2**value_bits), 2**value_bits, (2, depth * groups, *size))
    if value_bits == 8:
        images = np.abs(images).clip(0, 255).astype(np.uint8)
    weights = draw.integers(-(2**weight_bits), 2**weight_bits, (per_group * groups, depth, rows, columns))
    bias = draw.integers(-(2**weight_bits), 2**weight_bits, len(weights))
    border = int(draw.integers(0, 5)) if value_bits > 4 else 0
    return images, weights, bias, stride, dilation, pads, border, groups, str(draw.choice(["int32", "int64"]))


@pytest.mark.parametrize("start", range(0, 500, 50))
def test_convolution(start):
    for images, weights, bias, stride, dilation, pads, border, groups, dtype in map(
        random_case, range(start, start + 50)
    ):
        wanted = convolved(images, weights, bias, stride, dilation, pads, border, groups)
        compute = partial(
            cnnfilter.conv2d, images, weights, bias=bias, stride=stride, dilation=dilation, padding=pads, groups=groups,
            padding_mode=f"constant:{border}", dtype=dtype,
        )  # fmt: skip
        held_against(wanted, dtype, compute)


def test_random_cases_reach_every_way():
    ways = {cuts_of(case[1], Bounds(int(case[0].min()), int(case[0].max()))) for case in map(random_case, range(500))}
    assert {(cuts.float.name, bool(cuts.values), bool(cuts.weights)) for cuts in ways} == {
        ("float32", False, False), ("float64", False, False), ("float64", True, False), ("float64", True, True),
    }  # fmt: skip


@pytest.mark.parametrize("engine", ["auto", "im2col", "banded"])
@pytest.mark.parametrize("mode", ["reflect", "symmetric", "replicate", "circular"])
def test_borders_and_engines_and_threads(engine, mode):
    draw = np.random.default_rng(4)
    for high in (255, 2**40):
        image = draw.integers(-high, high, (61, 83))
        kernel = draw.integers(-9, 9, (5, 7))
        padded = np.pad(image, 3, mode={"replicate": "edge", "circular": "wrap"}.get(mode, mode))
        wanted = convolved(padded[None, None], kernel[None, None], [0], 1, 1, ((0, 0), (0, 0)), 0, 1)[0, 0]
        for threads in (1, 2):
            made = cnnfilter.conv2d(
                image, kernel, padding=3, padding_mode=mode, engine=engine, threads=threads, dtype="int64"
            )
            assert np.array_equal(made, wanted)


def test_strips_of_a_large_picture_are_right():
    image = np.random.default_rng(0).integers(0, 256, (900, 1100)).astype(np.uint8)
    kernel = np.arange(25).reshape(5, 5) - 12
    wanted = cnnfilter.conv2d(image.astype(np.float64), kernel)
    assert np.array_equal(cnnfilter.conv2d(image, kernel, dtype="int32"), wanted)
    assert np.array_equal(cnnfilter.conv2d(image, kernel * 2**40, dtype="int64") >> 40, wanted)


def test_a_kernel_of_25_x_25_of_8_bits_is_right_by_default():
    draw = np.random.default_rng(1)
    image = draw.integers(0, 256, (200, 210)).astype(np.uint8)
    for kernel in (draw.integers(-128, 128, (25, 25)), draw.integers(0, 128, (25, 25))):
        wanted = cnnfilter.conv2d(image, kernel, dtype="int64")
        assert np.array_equal(cnnfilter.conv2d(image, kernel), wanted.astype(np.float32))


def test_every_layer_of_512_channels_of_8_bits_is_right():
    """The sums pass 2**24, where float32 skips numbers."""
    draw = np.random.default_rng(2)
    image = draw.integers(-128, 128, (512, 9, 9)).astype(np.int8)
    weights = draw.integers(-128, 128, (8, 512, 3, 3)).astype(np.int8)
    wanted = convolved(image[None].astype(int), weights.astype(int), [0] * 8, 1, 1, ((0, 0), (0, 0)), 0, 1)[0]
    assert np.array_equal(cnnfilter.conv2d(image, weights, dtype="int32").astype(object), wanted)


@pytest.mark.parametrize("seed", range(40))
def test_transposed_convolution(seed):
    draw = np.random.default_rng(seed)
    groups, depth, per_group, stride, dilation = (int(one) for one in draw.integers(1, 3, 5))
    value_bits, weight_bits = (int(draw.choice(BITS)) for _ in range(2))
    image = draw.integers(-(2**value_bits), 2**value_bits, (groups * depth, 5, 6))
    weights = draw.integers(-(2**weight_bits), 2**weight_bits, (groups * depth, per_group, 2, 3))
    bias = draw.integers(-100, 100, groups * per_group)
    size = 4 * stride + dilation + 1, 5 * stride + 2 * dilation + 1
    wanted = np.zeros((groups * per_group, *size), object)
    for c, k, i, j in np.ndindex(*weights.shape):
        rows = slice(i * dilation, i * dilation + 4 * stride + 1, stride)
        columns = slice(j * dilation, j * dilation + 5 * stride + 1, stride)
        wanted[c // depth * per_group + k, rows, columns] += image[c].astype(object) * int(weights[c, k, i, j])
    wanted += np.array([int(one) for one in bias], object)[:, None, None]
    for dtype in LIMITS:
        compute = partial(
            cnnfilter.conv_transpose2d, image, weights, bias=bias, stride=stride, dilation=dilation, groups=groups,
            dtype=dtype,
        )  # fmt: skip
        held_against(wanted, dtype, compute)


@pytest.mark.parametrize(("values", "weights"), list(itertools.product(BITS, BITS)))
def test_dense(values, weights):
    draw = np.random.default_rng(values * 100 + weights)
    vector = draw.integers(-(2**values), 2**values, (2, 30))
    matrix = draw.integers(-(2**weights), 2**weights, (7, 30))
    bias = draw.integers(-(2**weights), 2**weights, 7)
    wanted = vector.astype(object) @ matrix.astype(object).T + bias.astype(object)
    for dtype in LIMITS:
        held_against(wanted, dtype, partial(cnnfilter.dense, vector, matrix, bias, dtype=dtype))


@pytest.mark.parametrize("bits", BITS)
def test_pooling(bits):
    image = np.random.default_rng(bits).integers(-(2**bits), 2**bits, (2, 12, 12))
    cells = image.astype(object).reshape(2, 4, 3, 4, 3).transpose(0, 1, 3, 2, 4).reshape(2, 4, 4, 9)
    for dtype in LIMITS:
        held_against(cells.sum(axis=-1), dtype, partial(cnnfilter.pool2d, image, "sum", 3, dtype=dtype))
        total = image.astype(object).sum(axis=(1, 2))
        held_against(total, dtype, partial(cnnfilter.global_pool2d, image, "sum", dtype=dtype))
        held_against(cells.sum(axis=-1), dtype, partial(cnnfilter.adaptive_pool2d, image, 4, "sum", dtype=dtype))
    if bits < 53:
        assert np.array_equal(cnnfilter.pool2d(image, "max", 3, dtype="int64"), cells.max(axis=-1))
        assert np.array_equal(cnnfilter.pool2d(image, "min", 3, dtype="int64"), cells.min(axis=-1))
        assert cnnfilter.fractional_pool2d(image, 2, output_size=5, seed=1, dtype="int64").dtype == np.int64
    else:
        with pytest.raises(ParameterError, match=r"up to 2\*\*53"):
            cnnfilter.pool2d(image, "max", 3, dtype="int64")


@pytest.mark.parametrize("dtype", LIMITS)
def test_both_ends_of_a_type_are_reached(dtype):
    low, high = LIMITS[dtype].min, LIMITS[dtype].max
    image = np.array([[low, high]])
    assert np.array_equal(cnnfilter.conv2d(image, [[1]], dtype=dtype), image)
    assert cnnfilter.conv2d(image, [[1, 1]], dtype=dtype) == -1
    assert cnnfilter.dense([1], [[int(low)]], dtype=dtype) == low
    with pytest.raises(ParameterError, match="a sum is"):
        cnnfilter.conv2d(image, [[-1]], dtype=dtype)
    with pytest.raises(ParameterError, match="a sum is"):
        cnnfilter.conv2d(image, [[1]], bias=1, dtype=dtype)


@pytest.mark.parametrize("kind", ["max", "min"])
def test_the_largest_numbers_that_a_float_holds_are_pooled_right(kind):
    image = np.random.default_rng(0).integers(2**52 - 9, 2**53, (8, 8)) * np.random.default_rng(1).choice(
        [-1, 1], (8, 8)
    )
    cells = image.reshape(4, 2, 4, 2).transpose(0, 2, 1, 3).reshape(4, 4, 4)
    assert np.array_equal(cnnfilter.pool2d(image, kind, 2, dtype="int64"), getattr(cells, kind)(axis=-1))


@pytest.mark.parametrize("function", [cnnfilter.conv2d, cnnfilter.conv_transpose2d])
def test_floats_can_be_asked_for(function):
    image, kernel = np.random.default_rng(0).random((9, 9)).astype(np.float32), np.ones((3, 3)) / 3
    assert function(image, kernel, dtype="float64").dtype == np.float64
    assert np.array_equal(function(image, kernel, dtype="float64"), function(image.astype(np.float64), kernel))
    assert function(image.astype(np.float64), kernel, dtype=np.float32).dtype == np.float32
    assert cnnfilter.pool2d(image, "avg", 3, dtype="float64").dtype == np.float64


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: cnnfilter.conv2d([[1, 2.5]], [[1]], dtype="int32"), "image holds 2.5 at row 0, column 1, and"),
        (lambda: cnnfilter.conv2d([[1, 2]], [[0.5]], dtype="int32"), "kernel holds 0.5 at row 0, column 0, and"),
        (lambda: cnnfilter.conv2d([[1, 2]], [[1]], bias=0.5, dtype="int32"), "bias holds 0.5"),
        (lambda: cnnfilter.conv2d([[1, np.nan]], [[1]], dtype="int32"), "image holds nan at row 0, column 1"),
        (lambda: cnnfilter.conv2d([[1, 2]], [[1]], dtype="int16"), "dtype must be float32, float64, int32 or int64"),
        (lambda: cnnfilter.conv2d([[1, 2]], [[1]], dtype="nothing"), "dtype must be"),
        (lambda: cnnfilter.conv2d([[1, 2]], [[1]], engine="fft", dtype="int32"), "engine fft computes with fractions"),
        (lambda: cnnfilter.conv2d([[1, 2]], [[1]], missing="ignore", dtype="int32"), "makes fractions"),
        (lambda: cnnfilter.conv2d([[1, 2]], [[1]], padding=1, padding_mode="constant:0.5", dtype="int32"), "border is"),
        (lambda: cnnfilter.pool2d([[1, 2]], "avg", 1, dtype="int32"), "avg pooling makes fractions"),
        (lambda: cnnfilter.dense([1, 2.5], [[1, 1]], dtype="int32"), "vector holds 2.5 at 1"),
        (lambda: cnnfilter.conv2d(np.array([[2**63]], np.uint64), [[1]], dtype="int64"), "int64 holds"),
        (lambda: cnnfilter.conv2d([[1, 2]], [[2.0**60]], dtype="int64"), r"kernel reaches 1.15292e\+18"),
        (lambda: cnnfilter.conv2d([[1, 2]], [[1]], bias=2.0**60, dtype="int64"), "bias reaches"),
        (lambda: cnnfilter.conv2d([[1, 2]], "9007199254740993", dtype="int64"), r"below 2\*\*53"),
        (
            lambda: cnnfilter.conv2d([[1]], [[1]], padding=1, padding_mode="constant:1e20", dtype="int64"),
            "border reaches",
        ),
    ],
)
def test_what_is_no_whole_number_is_said(call, said):
    with pytest.raises(CnnFilterError, match=said):
        call()


def test_a_sum_that_does_not_fit_says_what_would():
    with pytest.raises(ParameterError) as caught:
        cnnfilter.conv2d(np.full((3, 3), 255), np.full((3, 3), 2**20), dtype="int32")
    assert str(caught.value) == (
        "a sum is 2406481920, and int32 does not hold it: with these weights sums reach 2406481920 to 2406481920, "
        "which takes 33 bits; int64 holds all of them"
    )


def test_bounds_and_parts_are_exact():
    weights = np.array([[2**62, 2**62, -(2**62)], [1, 2, 3]])
    high, low = 2 * 2**62 * 2**40 + 2**62 + 5, -(2 * 2**62) - 2**62 * 2**40 + 5
    assert bounds_of(weights, Bounds(-1, 2**40), np.array([5, -5])) == (low, high)
    values = np.array([2**62, -(2**62), -1, 0, 123456789012345678])
    for bits in (8, 16, 22, 50):
        parts = [part.astype(object) << shift for shift, part in parts_of(values, bits, 63)]
        assert sum(parts).tolist() == values.tolist()
