"""Coefficients against scikit-image's and SciPy's, under the matching variant."""

from __future__ import annotations

import numpy as np
import pytest

from cnnfilter.library import load_kernel, load_kernels

ndimage = pytest.importorskip("scipy.ndimage")
special = pytest.importorskip("scipy.special")
filters = pytest.importorskip("skimage.filters")

PICTURE = np.random.default_rng(2).normal(size=(25, 30))


def acts(spec, theirs, mode="reflect"):
    """Check that correlating with the kernel gives `theirs`."""
    ours = ndimage.correlate(PICTURE, np.array(load_kernel(spec).weights), mode=mode)
    np.testing.assert_allclose(ours, theirs, atol=1e-9)


@pytest.mark.parametrize("name", ["sobel", "scharr", "prewitt", "farid"])
def test_gradients_of_skimage(name):
    variant = "" if name == "farid" else ":variant=skimage"
    for axis, function in (("y", f"{name}_h"), ("x", f"{name}_v")):
        theirs = getattr(filters, function)(PICTURE)
        weights = load_kernel(f"{name}-{axis}{variant}").weights
        ours = ndimage.correlate(PICTURE, np.array(weights), mode="reflect")
        edge = weights.shape[0] // 2
        inner = (slice(edge, -edge), slice(edge, -edge))
        np.testing.assert_allclose(ours[inner], theirs[inner], atol=1e-9)


def test_roberts_of_skimage():
    for spec, function in (("roberts-1", filters.roberts_pos_diag), ("roberts-2", filters.roberts_neg_diag)):
        weights = load_kernel(f"{spec}:variant=skimage").weights
        ours = ndimage.correlate(PICTURE, np.array(weights), mode="reflect", origin=-1)
        inner = (slice(2, -2), slice(2, -2))
        np.testing.assert_allclose(ours[inner], function(PICTURE)[inner], atol=1e-12)


def test_laplacian_of_skimage():
    theirs = filters.laplace(PICTURE)
    ours = ndimage.correlate(PICTURE, np.array(load_kernel("laplacian-4:variant=skimage").weights), mode="reflect")
    np.testing.assert_allclose(ours[1:-1, 1:-1], theirs[1:-1, 1:-1], atol=1e-12)


@pytest.mark.parametrize("name", ["sobel", "prewitt"])
def test_gradients_of_scipy(name):
    function = getattr(ndimage, name)
    acts(f"{name}-x", function(PICTURE, axis=1))
    acts(f"{name}-y:variant=scipy", function(PICTURE, axis=0))


def test_laplacians_and_gaussians_of_scipy():
    acts("laplacian-4:variant=scipy", ndimage.laplace(PICTURE))
    acts("gaussian:sigma=1.5,size=13", ndimage.gaussian_filter(PICTURE, 1.5, radius=6))
    acts("gaussian-x:sigma=1.5,size=25", ndimage.gaussian_filter(PICTURE, 1.5, order=(0, 1), radius=12))
    acts(
        "gaussian-derivative:sigma=1.5,dx=1,dy=2,size=25",
        ndimage.gaussian_filter(PICTURE, 1.5, order=(2, 1), radius=12),
    )
    acts("log:sigma=2,size=25,zero-mean=no", ndimage.gaussian_laplace(PICTURE, 2, truncate=6), "reflect")
    acts("box:size=3,5", ndimage.uniform_filter(PICTURE, (3, 5)))


def test_a_second_derivative_has_the_sign_of_the_second_derivative():
    acts("gaussian-xx:sigma=1.5,size=25", ndimage.gaussian_filter(PICTURE, 1.5, order=(0, 2), radius=12))


@pytest.mark.parametrize("theta", [0, 30, 45, 90, 120])
@pytest.mark.parametrize("part", ["real", "imaginary"])
def test_gabor_of_skimage_in_its_own_size(theta, part):
    theirs = filters.gabor_kernel(1 / 7, theta=np.radians(theta), bandwidth=1.3, offset=0.4)
    ours = load_kernel(
        f"gabor:variant=skimage,theta={theta},wavelength=7,bandwidth=1.3,psi={np.degrees(0.4)},part={part}"
    ).weights
    np.testing.assert_allclose(ours, theirs.real if part == "real" else theirs.imag, atol=1e-12)


def test_gabor_of_skimage_with_two_sigmas():
    theirs = filters.gabor_kernel(0.1, theta=0.6, sigma_x=3, sigma_y=5)
    ours = load_kernel(f"gabor:variant=skimage,theta={np.degrees(0.6)},wavelength=10,sigma=3,gamma=0.6").weights
    np.testing.assert_allclose(ours, theirs.real, atol=1e-12)


@pytest.mark.parametrize("sigma", [0.4, 1, 3.7, 15])
def test_bessel_form(sigma):
    side = 2 * int(np.ceil(6 * sigma)) + 13
    middle = side // 2
    profile = special.ive(np.abs(np.arange(side) - middle), sigma**2)
    weights = load_kernel(f"gaussian:form=bessel,sigma={sigma},size=1,{side}").weights[0]
    np.testing.assert_allclose(weights, profile / profile.sum(), atol=1e-14)
    assert np.sum(weights * (np.arange(side) - middle) ** 2) == pytest.approx(sigma**2, rel=1e-5)


@pytest.mark.parametrize("size", [7, 10])
def test_integrated_form(size):
    edges = np.arange(size + 1) - size / 2
    profile = np.diff(special.ndtr(edges / 1.7))
    weights = load_kernel(f"gaussian:form=integrated,sigma=1.7,size=1,{size}").weights[0]
    np.testing.assert_allclose(weights, profile / profile.sum(), rtol=1e-12)


def test_hann_is_scipys_window_without_its_zeros():
    signal = pytest.importorskip("scipy.signal")
    window = signal.windows.hann(9)[1:-1]
    np.testing.assert_allclose(load_kernel("hann:size=1,7").weights[0], window / window.sum(), rtol=1e-12)


def test_dct_is_scipys():
    fft = pytest.importorskip("scipy.fft")
    block = np.random.default_rng(3).normal(size=(8, 8))
    ours = [np.sum(kernel.weights * block) for kernel in load_kernels("bank:dct-8")]
    np.testing.assert_allclose(np.reshape(ours, (8, 8)), fft.dctn(block, norm="ortho"), atol=1e-12)


def test_hadamard_is_scipys_in_order_of_sign_changes():
    linalg = pytest.importorskip("scipy.linalg")
    rows = linalg.hadamard(16)
    rows = rows[np.argsort(np.count_nonzero(np.diff(rows), axis=1))]
    for v in (0, 3, 15):
        np.testing.assert_array_equal(load_kernel(f"hadamard:size=16,u=0,v={v}").weights[5], rows[v])
