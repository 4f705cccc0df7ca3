"""Turning, normalizing and scaling any kernel."""

from __future__ import annotations

import numpy as np
import pytest

from cnnfilter.errors import ParameterError
from cnnfilter.library import load_kernel, load_kernels
from cnnfilter.library.transform import normalize, rotate

ANY = np.random.default_rng(5).normal(size=(3, 4, 5))


@pytest.mark.parametrize("shape", [(3, 3), (2, 5), (1, 4), (3, 2, 4)])
def test_four_quarters_are_a_whole_turn(shape):
    kernel = np.arange(np.prod(shape), dtype=float).reshape(shape)
    quarter = rotate(kernel, 90)
    np.testing.assert_array_equal(quarter, np.rot90(kernel, -1, axes=(-2, -1)))
    np.testing.assert_array_equal(rotate(rotate(rotate(quarter, 90), 90), 90), kernel)
    np.testing.assert_array_equal(rotate(kernel, 180), kernel[..., ::-1, ::-1])
    np.testing.assert_array_equal(rotate(kernel, -90), rotate(kernel, 270))
    np.testing.assert_array_equal(rotate(kernel, 360), kernel)


def test_eight_eighths_of_the_ring():
    kernel = np.arange(9.0).reshape(3, 3)
    np.testing.assert_array_equal(rotate(rotate(kernel, 45), 45), rotate(kernel, 90))
    np.testing.assert_array_equal(rotate(kernel, 315), rotate(kernel, -45))
    np.testing.assert_array_equal(rotate(rotate(kernel, 135), -135), kernel)
    np.testing.assert_array_equal(
        rotate(np.stack([kernel, -kernel]), 45), np.stack([rotate(kernel, 45), -rotate(kernel, 45)])
    )


def test_a_quarter_turns_x_into_y():
    for name in ("sobel", "scharr", "prewitt", "isotropic", "central"):
        np.testing.assert_array_equal(load_kernel(f"{name}-x:rotate=90").weights, load_kernel(f"{name}-y").weights)


@pytest.mark.parametrize("angle", [10, 22.5, 30, 45, 77, 123.4])
@pytest.mark.parametrize("size", [9, 12])
def test_other_angles_keep_the_sum_and_follow_the_formula(angle, size):
    wave = load_kernel(f"gaussian-derivative:sigma=1.5,dx=1,size={size | 1}").weights
    turned = rotate(wave, angle)
    assert turned.shape == wave.shape
    assert turned.sum() == pytest.approx(wave.sum(), abs=1e-12)
    cosine, sine = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    down = load_kernel(f"gaussian-derivative:sigma=1.5,dx=0,dy=1,size={size | 1}").weights
    np.testing.assert_allclose(turned, cosine * wave + sine * down, atol=0.06 * np.abs(wave).max())


@pytest.mark.parametrize("angle", [0, 90, 180, 270, 45])
def test_turning_a_channel_is_turning_each(angle):
    np.testing.assert_array_equal(rotate(ANY, angle), np.stack([rotate(plane, angle) for plane in ANY]))


def test_rotation_does_not_change_its_input():
    before = ANY.copy()
    for angle in (0, 30, 45, 90):
        rotate(ANY, angle)[:] = 0
    np.testing.assert_array_equal(ANY, before)


def test_normalizations():
    kernel = np.array([[1.0, 2.0], [-4.0, 5.0]])
    assert normalize(kernel, "sum").tolist() == [[0.25, 0.5], [-1, 1.25]]
    assert np.abs(normalize(kernel, "l1")).sum() == pytest.approx(1)
    assert normalize(kernel, "zero-sum").tolist() == [[0, 1], [-5, 4]]
    assert normalize(kernel, "none") is kernel
    for rule in ("sum", "l1"):
        with pytest.raises(ParameterError, match=f"normalize={rule}"):
            normalize(np.zeros((2, 2)), rule)
    with pytest.raises(ParameterError, match="sum to 0"):
        normalize(np.array([[0.1, 0.2, -0.3]]), "sum")


def test_a_list_of_rules_is_a_sweep():
    kernels = load_kernels("sharpen:normalize=sum|l1|zero-sum|none")
    assert [kernel.name for kernel in kernels] == ["sharpen-sum", "sharpen-l1", "sharpen-zero-sum", "sharpen-none"]
    assert [round(float(kernel.weights.sum()), 12) for kernel in kernels] == [1, round(1 / 9, 12), 0, 1]
