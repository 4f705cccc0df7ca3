"""Poolings against the naive loop: every kind, window, stride, padding, dilation and rounding rule."""

import contextlib
import math

import numpy as np
import oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cnnfilter.core import reduce, rows
from cnnfilter.core.pooling import adaptive_pool2d, global_pool2d, pool2d
from cnnfilter.core.pools import POOL_FORMULAS
from cnnfilter.core.reduce import POOLINGS, pool_size
from cnnfilter.errors import ParameterError, ShapeError, UnknownNameError

KINDS = sorted(POOLINGS)


def integers(rng, low, high):
    return tuple(int(n) for n in rng.integers(low, high, 2))


def random_case(seed):
    """An image, and the arguments of a random pooling, for our function and for the oracle."""
    rng = np.random.default_rng(seed)
    kind = KINDS[int(rng.integers(len(KINDS)))]
    image = rng.standard_normal((int(rng.integers(1, 3)), int(rng.integers(1, 4)), *integers(rng, 1, 14)))
    options = {
        "stride": integers(rng, 1, 5),
        "pads": (integers(rng, 0, 4), integers(rng, 0, 4)),
        "dilation": integers(rng, 1, 4),
        "ceil_mode": bool(rng.integers(2)),
        "count_include_pad": bool(rng.integers(2)),
        "p": float(rng.choice([1, 2, 3, 2.5])),
    }
    return np.abs(image) if kind == "lp" else image, kind, integers(rng, 1, 8), options


def assert_like_oracle(seed):
    """Compare one case; return False where both agree that it has no answer."""
    image, kind, size, options = random_case(seed)
    ours = {("padding" if key == "pads" else key): value for key, value in options.items()}
    try:
        got = pool2d(image, kind, size, **ours)
    except ShapeError:
        with contextlib.suppress(ValueError, ZeroDivisionError):  # a window without a cell has no value there either
            assert oracle.naive_pool2d(image, kind, size, **options).size == 0
        return False
    expected = oracle.naive_pool2d(image, kind, size, **options)
    np.testing.assert_allclose(got, expected, rtol=1e-13, atol=1e-13, err_msg=f"seed {seed}")
    single = pool2d(image.astype(np.float32), kind, size, **ours)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, expected, rtol=1e-5, atol=3e-6, err_msg=f"seed {seed}, float32")
    return True


@pytest.mark.parametrize("start", range(0, 400, 100))
def test_random_poolings_equal_the_naive_loop(start):
    assert sum(assert_like_oracle(seed) for seed in range(start, start + 100)) > 20


@pytest.mark.long
@pytest.mark.parametrize("start", range(1000, 6000, 500))
def test_many_random_poolings_equal_the_naive_loop(start):
    assert sum(assert_like_oracle(seed) for seed in range(start, start + 500)) > 100


@pytest.mark.parametrize(("kind", "value"), [("avg", 2.75), ("max", 6), ("min", 0), ("sum", 11), ("lp", math.sqrt(53))])
def test_pooling_of_1_0_4_6(kind, value):
    assert pool2d([[1, 0], [4, 6]], kind, 2) == np.float32([[value]])


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (3, 2), (9, 9), (16, 1), (1, 17), (23, 31), (32, 32)])
@pytest.mark.parametrize("stride", [(1, 1), (2, 3), None])
@pytest.mark.parametrize("kind", ["max", "avg"])
def test_large_windows_by_every_way_of_combining(kind, size, stride):
    image = np.random.default_rng(1).standard_normal((1, 1, 34, 37))
    expected = oracle.naive_pool2d(image, kind, size, stride=stride)
    np.testing.assert_allclose(pool2d(image, kind, size, stride=stride), expected, rtol=1e-12, atol=1e-13)


def test_large_averages_lose_no_digits_in_float32():
    image = np.random.default_rng(2).uniform(1000, 1001, (500, 700)).astype(np.float32)
    for size, stride in ((250, None), (250, 3), (499, 1), ((500, 700), None)):
        got = pool2d(image, "avg", size, stride=stride)
        exact = pool2d(image.astype(np.float64), "avg", size, stride=stride)
        np.testing.assert_allclose(got, exact, rtol=5e-7)
    for output in (1, (3, 11), (1, 699), (499, 1)):
        got, exact = (adaptive_pool2d(image.astype(t), output, "avg") for t in (np.float32, np.float64))
        np.testing.assert_allclose(got, exact, rtol=5e-7)


@pytest.mark.parametrize(
    ("length", "size", "stride", "before", "after", "floor", "ceil"),
    [
        (6, 3, 2, 0, 0, 2, 3),
        (5, 2, 2, 0, 0, 2, 3),
        (5, 2, 2, 1, 1, 3, 3),  # a fourth window would start in the padding after the image
        (4, 1, 3, 0, 0, 2, 2),
        (2, 3, 2, 0, 0, 0, 1),  # hangs over from the start
        (7, 3, 3, 1, 0, 2, 3),
        (1, 1, 1, 0, 0, 1, 1),
    ],
)
def test_sizes(length, size, stride, before, after, floor, ceil):
    assert pool_size(length, before, after, size, stride, 1, False) == floor
    assert pool_size(length, before, after, size, stride, 1, True) == ceil


def test_same_gives_the_size_over_the_stride_rounded_up():
    image = np.arange(7 * 10).reshape(7, 10)
    for size, stride in ((2, 2), (3, 2), ((4, 5), 3), (1, 4)):
        expected = tuple(-(-n // (stride if isinstance(stride, int) else 0)) for n in image.shape)
        assert pool2d(image, "max", size, stride=stride, padding="same").shape == expected


def test_every_form_of_the_arguments_means_the_same():
    image = np.random.default_rng(3).standard_normal((2, 9, 11))
    expected = pool2d(image, "avg", (3, 4), stride=(2, 1), padding=((1, 1), (2, 2)), dilation=(1, 2))
    for padding in ((1, 2), "1,2", "1,1,2,2", (1, 1, 2, 2)):
        got = pool2d(image, "avg", "3,4", stride="2,1", padding=padding, dilation="1,2")
        np.testing.assert_array_equal(got, expected)
    np.testing.assert_array_equal(pool2d(image, "max", 3), pool2d(image, "max", 3, stride=(3, 3), padding="valid"))


def test_axes_in_front_are_kept():
    image = np.random.default_rng(4).standard_normal((2, 3, 6, 8))
    whole = pool2d(image, "max", 2)
    assert whole.shape == (2, 3, 3, 4)
    np.testing.assert_array_equal(pool2d(image[0], "max", 2), whole[0])
    np.testing.assert_array_equal(pool2d(image[0, 1], "max", 2), whole[0, 1])


@pytest.mark.parametrize("kind", ["max", "min"])
def test_padding_never_wins(kind):
    sign = -1 if kind == "max" else 1
    image = sign * np.arange(1.0, 10).reshape(3, 3)
    got = pool2d(image, kind, 3, stride=1, padding=1)
    assert got[0, 0] == sign * 1
    assert got[2, 2] == sign * 5
    everywhere = np.full((3, 3), sign * np.inf)
    np.testing.assert_array_equal(pool2d(everywhere, kind, 3, stride=1, padding=1), everywhere)


@pytest.mark.parametrize("kind", KINDS)
def test_nan_stays_in_its_windows(kind):
    image = np.ones((6, 9))
    image[2, 4] = np.nan
    for size, stride in ((2, 2), (3, 1), ((5, 7), 1)):
        got = np.isnan(pool2d(image, kind, size, stride=stride))
        reference = oracle.naive_pool2d(np.isnan(image)[None, None] * 1.0, "max", np.broadcast_to(size, 2).tolist(),
                                        stride=(stride, stride))  # fmt: skip
        np.testing.assert_array_equal(got, reference[0, 0] > 0)
    assert np.isnan(global_pool2d(image, kind))
    assert np.isnan(adaptive_pool2d(image, (4, 4), kind)).any()


def test_infinities_of_both_signs_give_nan_only_where_they_meet():
    image = np.zeros((1, 40))
    image[0, 3], image[0, 30] = np.inf, -np.inf
    got = pool2d(image, "sum", (1, 20), stride=1)[0]
    assert np.isposinf(got[:4]).all()
    assert np.isneginf(got[11:]).all()
    assert (got[4:11] == 0).all()
    assert np.isnan(pool2d(image, "sum", (1, 40))).all()


@pytest.mark.parametrize("kind", KINDS)
def test_types_and_layouts(kind):
    grid = np.random.default_rng(5).integers(0, 2, (3, 8, 10))
    expected = pool2d(grid.astype(np.float64), kind, (3, 2), stride=(2, 3), padding=1)
    frozen = grid.astype(np.float32)
    frozen.setflags(write=False)
    strided = np.zeros((3, 16, 30), np.float32)[:, ::2, ::3]
    strided[...] = grid
    inputs = [grid.astype(t) for t in ("?", "u1", "i2", ">i4", "u8", "f2", ">f4")]
    inputs += [frozen, strided, np.asfortranarray(grid), grid.transpose(1, 2, 0).copy().transpose(2, 0, 1)]
    for image in inputs:
        before = image.copy()
        got = pool2d(image, kind, (3, 2), stride=(2, 3), padding=1)
        assert got.dtype == np.float32
        assert got.flags.c_contiguous
        np.testing.assert_allclose(got, expected, rtol=1e-6)
        np.testing.assert_array_equal(image, before)
        assert global_pool2d(image, kind).dtype == adaptive_pool2d(image, 3, kind).dtype == np.float32
    assert pool2d(grid.astype(">f8"), kind, 2).dtype == np.float64
    np.testing.assert_allclose(pool2d(grid.tolist(), kind, (3, 2), stride=(2, 3), padding=1), expected, rtol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_results_do_not_depend_on_blocks_or_threads(kind, monkeypatch):
    image = np.abs(np.random.default_rng(6).standard_normal((3, 50, 41))).astype(np.float32)
    cases = [
        lambda threads: pool2d(image, kind, (5, 4), stride=(2, 1), padding=2, ceil_mode=True, threads=threads),
        lambda threads: pool2d(image, kind, 9, stride=1, threads=threads),
        lambda threads: adaptive_pool2d(image, (7, 30), kind, threads=threads),
        lambda threads: global_pool2d(image, kind, threads=threads),
    ]
    expected = [case(1) for case in cases]
    for size in (1, 1000, 10**9):
        monkeypatch.setattr(rows, "BLOCK_BYTES", size)
        monkeypatch.setattr(reduce, "BLOCK_BYTES", size)
        for case, result in zip(cases, expected, strict=True):
            for threads in (1, 2, 5, None):
                np.testing.assert_array_equal(case(threads), result)


def test_the_average_counts_padding_unless_told_not_to():
    image = np.ones((2, 2))
    assert pool2d(image, "avg", 2, padding=1).tolist() == [[0.25, 0.25], [0.25, 0.25]]
    assert pool2d(image, "avg", 2, padding=1, count_include_pad=False).tolist() == [[1, 1], [1, 1]]
    assert pool2d(np.ones((3, 3)), "avg", 2, ceil_mode=True).tolist() == [[1, 1], [1, 1]]


@pytest.mark.parametrize(
    ("shape", "kind", "size", "options", "message"),
    [
        ((2, 3), "max", 4, {}, r"window 4x4 does not fit the 2x3 image: rows = .* = \(2 \+ 0 - 1\*\(4-1\) - 1\)"),
        ((9, 3), "max", 2, {"dilation": (1, 3)}, r"does not fit the 9x3 image: columns = "),
        ((4, 4), "max", 2, {"padding": 2}, r"window 0 of the rows holds only padding, so its max has no value"),
        ((4, 4), "min", 2, {"padding": (0, 0, 0, 5)}, r"of the columns holds only padding, so its min"),
        ((4, 4), "avg", 1, {"padding": 1, "count_include_pad": False}, r"holds only padding, so its avg"),
        ((3, 3), "max", 2, {"padding": (1, 1), "dilation": 4}, r"holds only padding"),
        ((4,), "max", 2, {}, r"image must be \(H, W\), \(C, H, W\) or \(N, C, H, W\), got shape \(4,\)"),
        ((1, 1, 1, 4, 4), "max", 2, {}, r"got shape \(1, 1, 1, 4, 4\)"),
        ((0, 4), "max", 2, {}, r"the image is empty: shape \(0, 4\)"),
        ((0, 4, 4), "max", 2, {}, r"the image is empty"),
    ],
)
def test_shapes_that_do_not_fit(shape, kind, size, options, message):
    with pytest.raises(ShapeError, match=message):
        pool2d(np.ones(shape), kind, size, **options)


def test_a_ragged_image_is_refused():
    with pytest.raises(ShapeError, match="image is ragged"):
        pool2d([[1, 2], [3]], "max", 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 0}, "size must be at least 1"),
        ({"size": (2, 2, 2)}, "size takes one number, or rows,columns"),
        ({"size": 1.5}, "size 1.5 is not a whole number"),
        ({"size": 2, "stride": 0}, "stride must be at least 1"),
        ({"size": 2, "padding": -1}, "padding must be 0 or more"),
        ({"size": 2, "p": 0}, "p must be a number above 0, got 0"),
        ({"size": 2, "p": math.inf}, "p must be a number above 0"),
        ({"size": 2, "p": "2"}, "p must be a number above 0"),
        ({"size": 2, "threads": 0}, "threads must be"),
    ],
)
def test_arguments_of_the_wrong_form(arguments, message):
    with pytest.raises(ParameterError, match=message):
        pool2d(np.ones((4, 4)), "max", **arguments)


@pytest.mark.parametrize("bad", [np.ones((2, 2), complex), np.array([["a", "b"]]), np.array([[None, 1]])])
def test_an_image_must_hold_real_numbers(bad):
    with pytest.raises(ParameterError, match="image must hold real numbers, got type"):
        pool2d(bad, "max", 1)


def test_an_unknown_kind_suggests_a_known_one():
    for call in (lambda kind: pool2d([[1]], kind, 1), lambda kind: global_pool2d([[1]], kind)):
        with pytest.raises(UnknownNameError, match=r"unknown pooling 'maxx' \(did you mean max"):
            call("maxx")


def test_every_kind_has_a_formula():
    assert set(POOLINGS) == set(POOL_FORMULAS)


def test_global_pooling_gives_one_value_a_channel():
    image = np.random.default_rng(7).standard_normal((2, 3, 4, 5))
    assert global_pool2d(image, "max").shape == (2, 3)
    assert global_pool2d(image[0], "max").shape == (3,)
    assert global_pool2d(image[0, 0], "max").shape == ()
    for kind in KINDS:
        expected = oracle.naive_adaptive_pool2d(image, (1, 1), kind)[:, :, 0, 0]
        np.testing.assert_allclose(global_pool2d(image, kind), expected, rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("output_size", [(1, 1), (1, 7), (9, 1), (3, 4), (4, 5), (9, 23), (18, 46), (13, 40), (2, 3)])
def test_adaptive_pooling_equals_the_naive_loop(kind, output_size):
    image = np.random.default_rng(8).standard_normal((2, 2, 9, 23))
    expected = oracle.naive_adaptive_pool2d(image, output_size, kind)
    got = adaptive_pool2d(image, output_size, kind)
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-13)
    np.testing.assert_array_equal(adaptive_pool2d(image[1, 0], output_size, kind), got[1, 0])


def test_adaptive_pooling_needs_a_size():
    with pytest.raises(ParameterError, match="output_size must be at least 1"):
        adaptive_pool2d([[1]], 0, "max")


GRIDS = arrays(
    np.float64,
    st.tuples(st.integers(1, 12), st.integers(1, 12)),
    elements=st.integers(-50, 50).map(float),
)
WINDOWS = st.tuples(st.integers(1, 6), st.integers(1, 6))


def fitting(image, size):
    return tuple(min(n, k) for n, k in zip(image.shape, size, strict=True))


@given(GRIDS, WINDOWS, WINDOWS)
@settings(deadline=None)
def test_the_minimum_is_the_maximum_of_the_negative(image, size, stride):
    size = fitting(image, size)
    np.testing.assert_array_equal(
        pool2d(image, "min", size, stride=stride), -pool2d(-image, "max", size, stride=stride)
    )


@given(GRIDS, WINDOWS, WINDOWS)
@settings(deadline=None)
def test_the_average_lies_between_and_times_the_cells_is_the_sum(image, size, stride):
    size = fitting(image, size)
    low, mean, high, total = (pool2d(image, kind, size, stride=stride) for kind in ("min", "avg", "max", "sum"))
    assert (low <= mean).all()
    assert (mean <= high).all()
    np.testing.assert_allclose(mean * size[0] * size[1], total, rtol=1e-12, atol=1e-12)


@given(GRIDS, WINDOWS)
@settings(deadline=None)
def test_a_wider_stride_only_skips_results(image, size):
    size = fitting(image, size)
    every = pool2d(image, "max", size, stride=1)
    np.testing.assert_array_equal(pool2d(image, "max", size), every[:: size[0], :: size[1]])


@given(GRIDS, WINDOWS, WINDOWS)
@settings(deadline=None)
def test_the_maximum_of_maxima_is_the_maximum_over_both_windows(image, first, second):
    first = fitting(image, first)
    once = pool2d(image, "max", first, stride=1)
    second = fitting(once, second)
    both = tuple(a + b - 1 for a, b in zip(first, second, strict=True))
    np.testing.assert_array_equal(pool2d(once, "max", second, stride=1), pool2d(image, "max", both, stride=1))


def test_norms_are_of_absolute_values():
    assert pool2d([[-1, 2], [-3, 4]], "lp", 2, p=3)[0, 0] == pytest.approx(100 ** (1 / 3))
    assert pool2d([[-1, 2], [-3, 4]], "lp", 2, p=1)[0, 0] == 10
    assert pool2d([[-1, 4]], "lp", (1, 2), p=0.5)[0, 0] == 9


@pytest.mark.parametrize("size", [1e-30, 1, 1e30, 2e38])
@pytest.mark.parametrize("p", [1.5, 2, 3, 10])
def test_norms_of_any_size_do_not_overflow_or_vanish(size, p):
    values = np.array([[3, -4], [0, 1]]) * size / 4
    expected = size / 4 * (3**p + 4**p + 1) ** (1 / p)
    assert pool2d(values.astype(np.float32), "lp", 2, p=p)[0, 0] == pytest.approx(expected, rel=1e-6)


def test_the_average_of_huge_values_is_no_infinity():
    image = np.full((4, 6), 3e38, np.float32)
    assert pool2d(image, "avg", 2).max() == np.float32(3e38)
    assert global_pool2d(image, "avg") == np.float32(3e38)
    assert adaptive_pool2d(image, (3, 4), "avg").max() == np.float32(3e38)
    assert pool2d(image, "sum", 2).min() == np.inf
    image[0, 0] = np.nan
    assert np.isnan(pool2d(image, "avg", 2)).sum() == 1


def test_whole_numbers_are_averaged_and_summed_exactly():
    image = np.random.default_rng(5).integers(0, 256, (300, 301))
    image[150, 150] = 4_000_000
    got = pool2d(image, "sum", (33, 17), stride=1)
    whole = np.lib.stride_tricks.sliding_window_view(image, (33, 17)).sum(axis=(2, 3))
    np.testing.assert_array_equal(got, whole)
