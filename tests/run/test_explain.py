"""What is explained is what is computed: to the bit, and each step leads to the next."""

import random

import numpy as np
import pytest

from cnnfilter.errors import CnnFilterError
from cnnfilter.images.picture import array_picture
from cnnfilter.library import load_kernels
from cnnfilter.run.explain import explain, explain_work
from cnnfilter.run.image import Request, plan_image
from cnnfilter.run.options import make_options
from cnnfilter.run.steps import kernel_steps, plain_step
from cnnfilter.run.story import MOST_TERMS, fraction, tell
from cnnfilter.run.story_page import page_of


def work_of(values, kernels, **words):
    """Return one step on a picture, and its whole map."""
    options, picture = make_options(**words), array_picture(np.asarray(values), "a")
    steps = kernel_steps(load_kernels(*kernels), options) if kernels else (plain_step("x", options),)
    (work,) = plan_image(Request(steps, options, "auto").on(picture), picture)
    return work, work.plan.maps(hold=True).hold()


CHOICES = {
    "padding": ["valid", "same", "1", "2,1", "0,1,2,3"],
    "padding_mode": ["zeros", "reflect", "replicate", "circular", "symmetric", "constant:7"],
    "stride": ["1", "2", "1,3"], "dilation": ["1", "2", "1,2"], "flip": [False, True], "bias": [None, -3.5, 2],
    "activation": [None, None, "relu", "sigmoid", "softmax", "softmax:axis=1", "leaky-relu:negative_slope=0.3", "glu"],
    "pool": [None, None, "max:2", "avg:2", "avg:3:1:pad=1", "max:3:2:ceil", "lp:2", "min:2", "global-avg",
             "adaptive-max:2", "fractional-max:2:ratio=0.7"],
    "channels": ["each", "gray", "sum"], "range": ["stored", "unit"], "dtype": ["float32", "float64"],
    "engine": ["auto", "auto", "im2col"], "missing": ["propagate", "ignore"],
}  # fmt: skip
KERNELS = [["sobel-x"], ["gaussian:sigma=1"], ["sharpen"], ["1 2; 3 4"], ["gaussian:sigma=3"], ["1 -1"], None]


def random_case(chance):
    """Return the values, kernels and flags of a job that can be done, and what it does."""
    while True:
        draw = np.random.default_rng(chance.randrange(1 << 30))
        shape = chance.choice([1, 1, 3, 4]), chance.randint(1, 24), chance.randint(1, 24)
        values = draw.integers(0, 256, shape).astype(chance.choice(["u1", "u2", "f4", "f8"]))
        if values.dtype.kind == "f" and chance.random() < 0.3:
            values[draw.random(shape) < 0.1] = np.nan
        kernels = chance.choice(KERNELS)
        words = {name: chance.choice(choices) for name, choices in CHOICES.items()}
        if kernels is None and words["channels"] == "sum":
            continue
        try:
            work, maps = work_of(values, kernels, **words)
        except CnnFilterError:
            continue
        return work, maps, (shape, kernels, words)


@pytest.mark.parametrize("seed", [*range(10), *(pytest.param(one, marks=pytest.mark.long) for one in range(10, 40))])
def test_the_result_is_the_cell_of_the_map(seed):
    chance = random.Random(seed)
    for _ in range(50):
        work, maps, case = random_case(chance)
        channel, at = chance.randrange(len(maps)), (chance.randrange(maps.shape[1]), chance.randrange(maps.shape[2]))
        one = explain_work(work, at, channel)
        wanted = maps[channel][at]
        np.testing.assert_equal(np.asarray(one.result, maps.dtype), wanted, err_msg=str(case))
        before = one.value if one.activation is None else one.activation.value
        if one.pool is None and np.isfinite(wanted):
            assert before == pytest.approx(float(wanted), rel=2e-4, abs=2e-4), case
        if one.pool is not None and one.pool.kind in ("max", "min"):
            (taken,) = [cell.value for cell in one.pool.cells if cell.taken]
            np.testing.assert_equal(np.asarray(taken, maps.dtype), wanted, err_msg=str(case))
        tell(one), tell(one, exact=True)


def test_terms_are_the_kernel_on_the_picture():
    values = np.arange(20.0).reshape(1, 4, 5)
    work, maps = work_of(values, ["1 2; 3 4"], padding="1", bias=0.5)
    one = explain_work(work, (0, 2), 0)
    assert [(term.row, term.column, term.input, term.weight, term.invented) for term in one.terms] == [
        (-1, 1, 0.0, 1.0, True), (-1, 2, 0.0, 2.0, True), (0, 1, 1.0, 3.0, False), (0, 2, 2.0, 4.0, False),
    ]  # fmt: skip
    assert (one.channel_sums, one.sum, one.bias, one.value, one.result) == ((11.0,), 11.0, 0.5, 11.5, maps[0, 0, 2])


def test_a_large_picture_is_not_computed_whole(monkeypatch):
    values = np.random.default_rng(0).integers(0, 256, (1, 1500, 1500)).astype(np.uint8)
    work, maps = work_of(values, ["gaussian:sigma=2"], activation="relu", pool="max:2")
    part = work.plan.parts[0]
    strips = len(part.convolution.plan.strips())
    monkeypatch.setattr(type(part), "hold", lambda self: pytest.fail("the whole map"))
    assert explain_work(work, (700, 3), 0).result == maps[0, 700, 3]
    assert strips > 3


@pytest.mark.parametrize(
    ("at", "channel", "reason"),
    [((2, 0), 0, "rows go from 0 to 1, columns from 0 to 2"), ((0, 0), 1, "channels go from 0 to 0")],
)
def test_a_cell_that_there_is_not_is_refused(at, channel, reason):
    work, _ = work_of(np.ones((1, 4, 5)), ["sobel-x"])
    with pytest.raises(CnnFilterError, match=reason):
        explain_work(work, at, channel)


@pytest.mark.parametrize(("padding", "near"), [(1, True), (4, True), (5, True), (9, True), (40, False)])
def test_a_window_that_lies_in_the_padding(padding, near):
    one = explain(np.arange(64.0).reshape(8, 8), "box", (0, 0), padding=str(padding), padding_mode="constant:3")
    seen = sum(term.input / 9 for term in one.terms)
    assert one.result == pytest.approx(seen)
    assert (one.around is not None) is near
    assert page_of(one, tell(one)).startswith(b"\x89PNG")


def test_fractions_are_those_that_people_write():
    assert [fraction(value) for value in (2.75, 1 / 3, float(np.float32(2 / 9)), -0.5, 7.0)] == [
        "11/4", "1/3", "2/9", "-1/2", "7",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("max", "max(1, 2, 3)"),
        ("avg", "(1 + 2 + 3) / 3"),
        ("sum", "1 + 2 + 3"),
        ("adaptive-max:1", "max(1, 2, 3)"),
    ],
)
def test_a_missing_cell_takes_no_part_in_a_pooling_that_ignores_it(kind, said):
    image, kind = [[1.0, np.nan], [2.0, 3.0]], kind if ":" in kind else f"{kind}:2"
    one = explain(image, "1", (0, 0), pool=kind, missing="ignore")
    line = tell(one).lines[-1]
    assert line.sum == said
    assert "(1 missing)" in line.label
    assert [cell.taken for cell in one.pool.cells][1] is False
    assert np.isnan(explain(image, "1", (0, 0), pool=kind).result)


def test_many_products_are_told_by_the_largest():
    work, _ = work_of(np.random.default_rng(1).random((1, 9, 9)), ["gaussian:size=9"])
    story = tell(explain_work(work, None, 0))
    assert len(story.largest) == 8
    assert [abs(term.product) for term in story.largest] == sorted(
        (abs(term.product) for term in story.largest), reverse=True
    )
    assert MOST_TERMS < 81
    assert "smaller products" in story.lines[0].sum
