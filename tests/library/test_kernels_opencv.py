"""Coefficients against OpenCV's, under the matching variant."""

from __future__ import annotations

import numpy as np
import pytest

from cnnfilter.library import load_kernel

cv2 = pytest.importorskip("cv2")


def acts(kernel, operation):
    """Check that correlating with `kernel` is what `operation` does to a picture, away from the border."""
    picture = np.random.default_rng(1).normal(size=(24, 31))
    ours = cv2.filter2D(picture, cv2.CV_64F, np.array(kernel.weights), borderType=cv2.BORDER_REFLECT_101)
    np.testing.assert_allclose(ours, operation(picture), atol=1e-9 * np.abs(ours).max())


@pytest.mark.parametrize("size", [1, 3, 5, 7, 9, 31])
@pytest.mark.parametrize(("dx", "dy"), [(1, 0), (0, 1), (2, 0), (1, 1), (0, 2), (2, 1)])
@pytest.mark.parametrize("normalized", [False, True])
def test_sobel_of_every_size_and_order(size, dx, dy, normalized):
    across, down = cv2.getDerivKernels(dx, dy, size, normalize=normalized, ktype=cv2.CV_64F)
    ours = load_kernel(f"sobel:size={size},dx={dx},dy={dy},normalized={'yes' if normalized else 'no'}")
    np.testing.assert_allclose(ours.weights, down @ across.T, rtol=1e-12)


@pytest.mark.parametrize(
    ("spec", "dx", "dy", "size", "normalize"),
    [
        ("sobel-x", 1, 0, 3, False),
        ("sobel-y", 0, 1, 3, False),
        ("sobel-x:variant=opencv", 1, 0, 3, False),
        ("sobel-x:variant=opencv-normalized", 1, 0, 3, True),
        ("sobel-5-x", 1, 0, 5, False),
        ("sobel-7-y", 0, 1, 7, False),
        ("sobel-xx", 2, 0, 3, False),
        ("sobel-5-yy", 0, 2, 5, False),
        ("scharr-x", 1, 0, cv2.FILTER_SCHARR, False),
        ("scharr-y:variant=opencv", 0, 1, cv2.FILTER_SCHARR, False),
        ("scharr-x:variant=opencv-normalized", 1, 0, cv2.FILTER_SCHARR, True),
    ],
)
def test_named_derivatives(spec, dx, dy, size, normalize):
    across, down = cv2.getDerivKernels(dx, dy, size, normalize=normalize, ktype=cv2.CV_64F)
    np.testing.assert_allclose(load_kernel(spec).weights, down @ across.T, rtol=1e-15)


def test_what_sobel_and_scharr_do_to_a_picture():
    acts(load_kernel("sobel-x"), lambda picture: cv2.Sobel(picture, cv2.CV_64F, 1, 0))
    acts(load_kernel("sobel-y"), lambda picture: cv2.Sobel(picture, cv2.CV_64F, 0, 1))
    acts(load_kernel("scharr-x"), lambda picture: cv2.Scharr(picture, cv2.CV_64F, 1, 0))


@pytest.mark.parametrize("size", [1, 3, 5, 7, 9, 15])
def test_laplacians(size):
    acts(load_kernel(f"laplacian-opencv:size={size}"), lambda picture: cv2.Laplacian(picture, cv2.CV_64F, ksize=size))


@pytest.mark.parametrize("name", ["laplacian-4", "laplacian-5", "laplacian-7"])
def test_named_laplacians(name):
    size = {"4": 1}.get(name[-1], int(name[-1]))
    acts(load_kernel(name), lambda picture: cv2.Laplacian(picture, cv2.CV_64F, ksize=size))


@pytest.mark.parametrize("size", [1, 3, 5, 7, 9, 11, 21, 31])
def test_gaussian_from_a_size_alone(size):
    profile = cv2.getGaussianKernel(size, 0, cv2.CV_64F)
    ours = load_kernel(f"gaussian:variant=opencv,size={size}").weights
    np.testing.assert_allclose(ours, profile @ profile.T, rtol=1e-12)
    if size > 9:
        np.testing.assert_allclose(load_kernel(f"gaussian:size={size}").weights, ours, rtol=1e-12)


@pytest.mark.parametrize("size", [(3, 3), (5, 9), (1, 21)])
@pytest.mark.parametrize("sigma", [0.5, 1, 2.75])
def test_gaussian_with_sigma(size, sigma):
    down, across = (cv2.getGaussianKernel(length, sigma, cv2.CV_64F) for length in size)
    for variant in ("", ",variant=opencv"):
        ours = load_kernel(f"gaussian:size={size[0]},{size[1]},sigma={sigma}{variant}").weights
        np.testing.assert_allclose(ours, down @ across.T, rtol=1e-12)


@pytest.mark.parametrize("theta", [0, 22.5, 45, 90, 130])
@pytest.mark.parametrize("psi", [0, 90, 37])
@pytest.mark.parametrize("size", [(21, 21), (11, 15)])
def test_gabor(theta, psi, size):
    theirs = cv2.getGaborKernel(size[::-1], 3, np.radians(theta), 7, 0.6, np.radians(psi), cv2.CV_64F)
    shared = f"theta={theta},psi={psi},sigma=3,wavelength=7,gamma=0.6,size={size[0]},{size[1]}"
    np.testing.assert_allclose(load_kernel(f"gabor:variant=opencv,{shared}").weights, theirs, atol=1e-12)
    np.testing.assert_allclose(load_kernel(f"gabor:{shared}").weights, theirs[::-1, ::-1], atol=1e-12)


def test_gabor_sine_is_the_cosine_a_quarter_earlier():
    theirs = cv2.getGaborKernel((21, 21), 3, 0.5, 7, 1, -np.pi / 2, cv2.CV_64F)[::-1, ::-1]
    ours = load_kernel(f"gabor-sine:theta={np.degrees(0.5)},sigma=3,wavelength=7,size=21").weights
    np.testing.assert_allclose(ours, theirs, atol=1e-12)


def test_box_and_gaussian_blur_a_picture_alike():
    acts(load_kernel("box:size=3,5"), lambda picture: cv2.blur(picture, (5, 3), borderType=cv2.BORDER_REFLECT_101))
    acts(
        load_kernel("gaussian:sigma=1.5,size=9"),
        lambda picture: cv2.GaussianBlur(picture, (9, 9), 1.5, borderType=cv2.BORDER_REFLECT_101),
    )
