"""Poolings as they are typed: what is understood, what is planned, and that it is what PyTorch computes."""

import numpy as np
import pytest

import cnnfilter
from cnnfilter.core.pools import POOL_FORMULAS, POOL_MODES, POOL_NAMES, Pooling, parse_pool
from cnnfilter.core.receptive import ReceptiveField
from cnnfilter.core.reduce import POOLINGS
from cnnfilter.errors import CnnFilterError, ShapeError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("max:2", Pooling("max", size=(2, 2))),
        ("max:2:1", Pooling("max", size=(2, 2), stride=(1, 1))),
        ("avg:2,3:2", Pooling("avg", size=(2, 3), stride=(2, 2))),
        ("lp : 3 : 1,2", Pooling("lp", size=(3, 3), stride=(1, 2))),
        ("Max:3:ceil", Pooling("max", size=(3, 3), ceil_mode=True)),
        ("max:3:ceil:2", Pooling("max", size=(3, 3), stride=(2, 2), ceil_mode=True)),
        ("max:size=3:stride=2", Pooling("max", size=(3, 3), stride=(2, 2))),
        ("sum:3:pad=1,0,2,1", Pooling("sum", size=(3, 3), padding="1,0,2,1")),
        ("min:3:1:padding=same", Pooling("min", size=(3, 3), stride=(1, 1), padding="same")),
        ("max:2:dilation=2,3", Pooling("max", size=(2, 2), dilation=(2, 3))),
        ("avg:2:count-include-pad=no", Pooling("avg", size=(2, 2), count_include_pad=False)),
        ("avg:2:count_include_pad=false:ceil=no", Pooling("avg", size=(2, 2), count_include_pad=False)),
        ("lp:2:p=3", Pooling("lp", size=(2, 2), p=3.0)),
        ("global-avg", Pooling("avg", "global")),
        ("global_max", Pooling("max", "global")),
        ("adaptive-max:3,4", Pooling("max", "adaptive", output_size=(3, 4))),
        ("fractional-max:2", Pooling("max", "fractional", size=(2, 2))),
        ("fractional-avg:2,3:out=4,5:seed=7",
         Pooling("avg", "fractional", size=(2, 3), output_size=(4, 5), seed=7)),
        ("fractional-lp:2:ratio=0.5,0.75", Pooling("lp", "fractional", size=(2, 2), output_ratio=(0.5, 0.75))),
    ],
)  # fmt: skip
def test_poolings(text, expected):
    assert parse_pool(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "unknown pooling ''"),
        ("max", "needs the size of its windows .as in max:2 or max:3:1; global-max takes whole channels"),
        ("max:2:1:1", "'1' is one number too many"),
        ("mix:2", "unknown pooling 'mix' .did you mean min or max"),
        ("globalavg", "did you mean global-avg"),
        ("adaptiv-max:2", "did you mean adaptive-max"),
        ("global-avg:2", "'2' is one number too many"),
        ("avg:0", "size of pooling 'avg:0' must be at least 1"),
        ("avg:2:0", "stride of pooling 'avg:2:0' must be at least 1"),
        ("avg:", "is not a whole number"),
        ("avg:2:cell", "unknown pooling setting 'cell' .did you mean ceil"),
        ("avg:2:pad", "pad needs a value"),
        ("avg:2:pad=sam", "did you mean same"),
        ("avg:2:pad=-1", "pad of pooling 'avg:2:pad=-1': padding must be 0 or more"),
        ("avg:2:pad=1:padding=2", "gives pad twice"),
        ("avg:2:size=3", "gives size twice"),
        ("avg:2:count-include-pad=maybe", "is yes or no, got 'maybe'"),
        ("max:2:count-include-pad=no", "count-include-pad means nothing for max"),
        ("max:2:p=3", "p means nothing for max"),
        ("max:2:seed=1", "seed means nothing for max"),
        ("lp:2:p=0", "must be a number above 0"),
        ("lp:2:p=two", "must be a number, got 'two'"),
        ("adaptive-avg", "needs the size of its result"),
        ("adaptive-avg:3:ceil", "ceil means nothing for adaptive-avg"),
        ("fractional-max:2:3", "one number too many"),
        ("fractional-max:2:ratio=1", "between 0 and 1"),
        ("fractional-max:2:ratio=0.5:out=3", "gives both ratio and out"),
        ("fractional-max:1", "say what is left"),
        ("fractional-max:2:ratio=0.5:seed=-1", "whole number of at least 0"),
        ("max:2:dilation=0", "dilation of pooling"),
        ("max:99999999999", "too large"),
    ],
)
def test_poolings_that_are_refused(text, message):
    with pytest.raises(CnnFilterError, match=message):
        parse_pool(text)


def test_every_kind_has_a_formula_and_a_name_in_every_mode():
    assert set(POOL_FORMULAS) == set(POOLINGS)
    assert len(POOL_NAMES) == len(POOL_FORMULAS) * len(POOL_MODES)


TEXTS = [
    "max:2", "avg:3:2:pad=1", "min:3:2:ceil", "lp:2:p=3", "sum:2,3:1,2:pad=same", "max:3:1:dilation=2", "global-lp",
    "adaptive-min:3,4", "adaptive-avg:11", "fractional-avg:3", "fractional-max:2:out=4,5:seed=2",
]  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("size", [(9, 13), (8, 12), (10, 10)])
def test_a_plan_says_what_a_run_gives(text, size):
    pooling = parse_pool(text)
    values = np.random.default_rng(1).integers(0, 99, (2, *size)).astype(np.float32)
    plan = pooling.plan(size)
    made = pooling.run(values)
    assert made.shape == (2, *plan.out)
    assert all(0 <= plan.middle(axis, plan.out[axis] - 1) < size[axis] for axis in (0, 1))
    batch = pooling.run(np.stack([values, values]))
    assert np.array_equal(batch, np.stack([made, made]))


def test_plans_by_hand():
    plan = parse_pool("max:3:2:ceil").plan((6, 8))
    assert plan.out == (3, 4)
    assert plan.texts[0] == "(6 + 0 - 1*(3-1) - 1) // 2 + 1 = 2, and one more that hangs over = 3"
    assert [plan.middle(0, index) for index in range(3)] == [1, 3, 5]
    assert parse_pool("avg:3:2:pad=1").plan((5, 8)).dropped == (0, 1)
    assert parse_pool("max:3:dilation=2").plan((9, 9)).span == (5, 5)
    assert parse_pool("global-avg").plan((5, 8)).seen(ReceptiveField((3, 3), (2, 2)))[:2] == ((11, 17), None)
    assert parse_pool("adaptive-avg:2,3").plan((4, 8)).stride == (2, 8 / 3)
    assert parse_pool("adaptive-avg:2,3").plan((4, 8)).span == (2, 4)  # columns 0-2, 2-5, 5-7
    assert parse_pool("fractional-max:2").plan((10, 20)).out == (7, 14)


@pytest.mark.parametrize("count", range(1, 15))
def test_the_widest_window_that_shares_a_side(count):
    for length in range(1, 40):
        widest = max(-((i + 1) * length // -count) - i * length // count for i in range(count))
        assert parse_pool(f"adaptive-max:{count},1").plan((length, 5)).span == (widest, 5)


def test_a_plan_of_a_large_result_costs_nothing():
    assert parse_pool("adaptive-max:2000000000,1").plan((9, 9)).out == (2_000_000_000, 1)


@pytest.mark.parametrize("text", ["max:2:pad=2", "min:2:1:pad=0,2,0,0", "avg:3:3:pad=3:count-include-pad=no"])
def test_windows_of_padding_alone_are_refused_by_plan_and_run(text):
    for do in (lambda: parse_pool(text).plan((4, 5)), lambda: parse_pool(text).run(np.ones((1, 4, 5), np.float32))):
        with pytest.raises(ShapeError, match="holds only padding"):
            do()


def test_nothing_left_is_said_with_the_sum():
    with pytest.raises(ShapeError, match="3 rows of output from 3 with windows of 2"):
        parse_pool("fractional-max:2:out=3").plan((3, 9))
    with pytest.raises(ShapeError, match=r"\(3 \+ 0 - 1\*\(4-1\) - 1\) // 4 \+ 1 = 0"):
        parse_pool("max:4").plan((3, 9))


def test_a_seed_draws_what_python_draws():
    image = np.random.default_rng(5).random((3, 20, 30), np.float32)
    ours = parse_pool("fractional-max:2:ratio=0.6:seed=11").run(image)
    assert np.array_equal(ours, cnnfilter.fractional_pool2d(image, 2, output_ratio=0.6, seed=11))
    samples = np.random.default_rng(11).random((3, 2))
    assert np.array_equal(ours, cnnfilter.fractional_pool2d(image, 2, output_ratio=0.6, samples=samples))


def test_python_takes_the_same_paddings():
    image = np.arange(30.0).reshape(5, 6)
    for padding, text in [(((1, 0), (2, 1)), "1,0,2,1"), ("same", "same"), ("valid", "0"), ((1, 0), "1,0")]:
        got = parse_pool(f"avg:3:1:pad={text}").run(image[None])[0]
        assert np.array_equal(got, cnnfilter.pool2d(image, "avg", 3, stride=1, padding=padding))


def random_case(rng, functional):
    """One pooling as it is typed, and what PyTorch calls the same."""
    size = tuple(int(n) for n in rng.integers(1, 6, 2))
    stride = tuple(int(n) for n in rng.integers(1, 5, 2))
    pads = tuple(int(rng.integers(0, k // 2 + 1)) for k in size)
    dilation = tuple(int(n) for n in rng.integers(1, 4, 2))
    ceil, include = bool(rng.integers(2)), bool(rng.integers(2))
    out = tuple(int(n) for n in rng.integers(1, 9, 2))
    text = {name: f"{value[0]},{value[1]}" for name, value in
            {"size": size, "stride": stride, "pads": pads, "dilation": dilation, "out": out}.items()}  # fmt: skip
    tail = ":ceil" if ceil else ""
    windows = f"{text['size']}:{text['stride']}"
    count = "yes" if include else "no"
    seed = int(rng.integers(99))

    def fractional(tensor):
        import torch

        draws = np.random.default_rng(seed).random((tensor.shape[-3], 2)).astype(np.float32)
        return functional.fractional_max_pool2d(tensor[None], size, out, _random_samples=torch.from_numpy(draws)[None])[
            0
        ]

    cases = [
        (f"max:{windows}:pad={text['pads']}:dilation={text['dilation']}{tail}",
         lambda t: functional.max_pool2d(t, size, stride, pads, dilation, ceil)),
        (f"min:{windows}:pad={text['pads']}{tail}", lambda t: -functional.max_pool2d(-t, size, stride, pads, 1, ceil)),
        (f"max:{text['size']}", lambda t: functional.max_pool2d(t, size)),
        (f"avg:{windows}:pad={text['pads']}:count-include-pad={count}{tail}",
         lambda t: functional.avg_pool2d(t, size, stride, pads, ceil, include)),
        (f"sum:{windows}", lambda t: functional.avg_pool2d(t, size, stride, divisor_override=1)),
        ("global-avg", lambda t: functional.adaptive_avg_pool2d(t, 1)),
        ("global-max", lambda t: functional.adaptive_max_pool2d(t, 1)),
        (f"adaptive-max:{text['out']}", lambda t: functional.adaptive_max_pool2d(t, out)),
        (f"adaptive-avg:{text['out']}", lambda t: functional.adaptive_avg_pool2d(t, out)),
        (f"fractional-max:{text['size']}:out={text['out']}:seed={seed}", fractional),
    ]  # fmt: skip
    return cases[rng.integers(len(cases))]


@pytest.mark.parametrize("seed", range(4))
def test_typed_poolings_are_pytorch_s(seed):
    """Whole numbers add up without rounding, so every value is equal, up to how a mean is divided."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(seed)
    compared = 0
    for _ in range(150):
        text, theirs = random_case(rng, torch.nn.functional)
        image = rng.integers(-500, 500, (int(rng.integers(1, 4)), *rng.integers(4, 20, 2))).astype(np.float32)
        try:
            expected = theirs(torch.from_numpy(image)).numpy()
        except RuntimeError:
            with pytest.raises(ShapeError):
                parse_pool(text).run(image)
            continue
        got = parse_pool(text).run(image)
        np.testing.assert_allclose(
            got, expected, rtol=1.2e-7 * (text.startswith(("adaptive-avg", "global-avg"))), atol=0
        )
        compared += 1
    assert compared > 100


@pytest.mark.parametrize("p", [1.0, 2.0, 3.0])
def test_norms_are_pytorch_s(p):
    torch = pytest.importorskip("torch")
    image = np.random.default_rng(3).random((2, 11, 9), np.float32)
    expected = torch.nn.functional.lp_pool2d(torch.from_numpy(image), p, (3, 2), (2, 1), ceil_mode=True).numpy()
    np.testing.assert_allclose(parse_pool(f"lp:3,2:2,1:p={p:g}:ceil").run(image), expected, rtol=1e-5)
