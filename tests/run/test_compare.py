"""The planted cause is found in twenty random pictures for each, and none in noise."""

import numpy as np
import pytest

import cnnfilter
from cnnfilter.errors import ParameterError
from cnnfilter.images.picture import array_picture
from cnnfilter.library import load_kernels
from cnnfilter.run.causes import CAUSES
from cnnfilter.run.compare import compare
from cnnfilter.run.job_causes import _variants, job_causes, maps_of
from cnnfilter.run.options import make_options


def smooth(draw, shape):
    """Return something like a picture, with values below 0 and above 255."""
    values = draw.normal(size=shape)
    for axis in (-1, -2):
        values = values + np.roll(values, 1, axis) + np.roll(values, -1, axis)
    return 40 * values + 60


def other_border(values, draw):
    values = values.copy()
    values[..., 0, :] += draw.normal(size=values[..., 0, :].shape) * 20
    values[..., :, -1] -= 9
    return values


PLANTED = {
    "transposed": lambda a, _: np.swapaxes(a, -1, -2), "mirrored-rows": lambda a, _: a[..., ::-1, :],
    "mirrored-columns": lambda a, _: a[..., ::-1], "rotated-180": lambda a, _: a[..., ::-1, ::-1],
    "channels-reversed": lambda a, _: a[::-1], "layout": lambda a, _: np.moveaxis(a, 0, -1), "negated": lambda a, _: -a,
    "scaled": lambda a, draw: a * draw.choice([0.5, 2, 3.7, 1 / 9]),
    "offset": lambda a, draw: a + draw.choice([-3, 0.25, 128]), "range": lambda a, draw: a / draw.choice([255, 65535]),
    "shifted": lambda a, draw: np.roll(a, (draw.integers(-3, 4), draw.choice([-2, -1, 1, 3])), (-2, -1)),
    "rounded": lambda a, _: np.rint(a), "truncated": lambda a, _: np.trunc(a),
    "clipped": lambda a, _: np.clip(a, 0, 255),
    "absolute": lambda a, _: np.abs(a), "border-only": other_border,
}  # fmt: skip


def test_every_cause_is_planted():
    assert set(PLANTED) == {name for name, _ in CAUSES}


@pytest.mark.parametrize("cause", PLANTED)
def test_the_planted_cause_comes_first(cause):
    draw = np.random.default_rng(1)
    for number in range(20):
        side = int(draw.integers(12, 40))
        deep = cause in ("channels-reversed", "layout") or number % 2
        values = smooth(draw, (3, side, side) if deep else (side, side + 5 * (cause != "transposed")))
        values = values.astype(np.float32 if number % 4 == 0 else np.float64)
        pair = values, PLANTED[cause](values, draw)
        found = compare(*(pair if number % 3 else pair[::-1]))
        assert not found.same
        assert [one.cause for one in found.causes][:1] == [cause], (number, found.causes)


def test_noise_has_no_cause():
    draw = np.random.default_rng(2)
    for number in range(100):
        values = smooth(draw, (20, 20))
        noisy = values + draw.normal(size=values.shape) * (1e-6, 1e-3, 0.1, 5, 100)[number % 5]
        assert compare(values, noisy).causes == ()


JOBS = {
    "flipped-kernel": ({}, "sobel-x"), "padding-mode": ({"padding": "same"}, "gaussian:sigma=1"),
    "even-kernel-anchor": ({"padding": "same"}, "1 2; 3 4"), "bias-missing": ({"bias": 3.0}, "sharpen"),
    "bias-twice": ({"bias": 3.0}, "sharpen"), "stride-phase": ({"stride": "2"}, "sharpen"),
    "gray-weights": ({"channels": "gray"}, "sharpen"),
}  # fmt: skip


@pytest.mark.parametrize("cause", JOBS)
def test_what_was_done_otherwise_is_found(cause):
    words, spec = JOBS[cause]
    draw = np.random.default_rng(3)
    for number in range(20):
        shape = 3, int(draw.integers(14, 30)), int(draw.integers(14, 30))
        picture = array_picture(draw.integers(0, 256, shape).astype(np.uint8), "p")
        (kernel,), options = load_kernels(spec), make_options(**words)
        own = maps_of(picture, kernel, options)
        others = [made for name, _, made in _variants(picture, kernel, options) if name == cause]
        pair = own, others[number % len(others)]
        found = job_causes(*(pair if number % 2 else pair[::-1]), picture, kernel, options)
        assert [one.cause for one in found][:1] == [cause]
        assert job_causes(own, own + draw.normal(size=own.shape), picture, kernel, options) == ()


def test_facts_are_those_of_a_loop():
    draw = np.random.default_rng(4)
    a = draw.normal(size=(3, 5, 6)).astype(np.float32)
    b = a.copy()
    b[1, 2, 3] = np.nextafter(a[1, 2, 3], np.inf, dtype=np.float32)
    b[2, 4, 5] += 1
    found = compare(a, b, why=False)
    assert (found.at, found.differing, found.of, found.unit) == ((2, 4, 5), 2, 90, "float32")
    assert found.max_abs == pytest.approx(1.0, abs=1e-6)
    assert found.mean_abs == pytest.approx(np.abs(a.astype(float) - b).mean())
    one = compare(a, np.where(np.arange(90).reshape(a.shape) == 89, a, b))
    assert (one.max_ulp, one.same) == (1, False)
    assert compare(a, np.where(np.arange(90).reshape(a.shape) == 89, a, b), ulp=1).same
    assert dict(found.histogram)["0"] == 88


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_steps_are_counted_across_zero_and_to_infinity(dtype):
    tiny = np.nextafter(dtype(0), dtype(1))
    assert compare(np.array([-tiny], dtype), np.array([tiny], dtype)).max_ulp == 2
    assert compare(np.array([0.0], dtype), np.array([-0.0], dtype)).same
    assert compare(np.array([np.finfo(dtype).max], dtype), np.array([np.inf], dtype)).max_ulp == 1


def test_nan_agrees_with_nan_alone():
    a = np.array([[1.0, np.nan], [3.0, 4.0]])
    assert compare(a, a).same
    found = compare(a, np.nan_to_num(a))
    assert (found.same, found.max_abs, found.at, found.differing) == (False, np.inf, (0, 1), 1)


def test_whole_numbers_are_counted_one_by_one():
    found = cnnfilter.compare(np.array([[250, 3]], np.uint8), np.array([[252, 3]], np.uint8))
    assert (found.max_ulp, found.unit, found.max_abs) == (2, "1", 2.0)


def test_a_tolerance_below_zero_means_nothing():
    with pytest.raises(ParameterError):
        compare([1.0], [1.0], tolerance=-1.0)
