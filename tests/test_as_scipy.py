"""`--as scipy` against SciPy itself."""

import numpy as np
import pytest
from adopted import each_channel, filtered, random_case, random_weights, seeds
from PIL import Image

import cnnfilter
from cnnfilter.library.conventions import CONVENTIONS

ndimage = pytest.importorskip("scipy.ndimage")
signal = pytest.importorskip("scipy.signal")

#: Sums of float64 in another order.
TOLERANCE = 1e-11

KERNELS = ["sobel-x", "gaussian:sigma=1.5,form=bessel", ".1 .2; .3 .4", "1 2 3 4", "1; -2", "gabor:sigma=2",
           "bank:laws-3"]  # fmt: skip

#: SciPy's border rules under this program's names.
MODES = {"symmetric": "reflect", "replicate": "nearest", "reflect": "mirror", "circular": "wrap", "constant:7": None}


@pytest.mark.parametrize("flip", [False, True], ids=["correlate", "convolve"])
def test_numbers_are_those_of_scipy(cnnfilter_run, samples, tmp_path, flip):
    call = ndimage.convolve if flip else ndimage.correlate
    with Image.open(samples / "scene.png") as picture:
        image = np.asarray(picture).astype(float)
    for number, spec in enumerate(KERNELS):
        words = ["-k", spec, "--as", "scipy", "-f", "npz", "--stack", "-o", f"{number}.npz", *["--flip"] * flip]
        done = cnnfilter_run("convolve", samples / "scene.png", *words)
        assert done.code == 0, done.err
        kernels = cnnfilter.load_kernel(spec)
        kernels = kernels if isinstance(kernels, cnnfilter.library.FilterBank) else [kernels]
        with np.load(tmp_path / f"{number}.npz") as ours:
            for kernel in kernels:
                expected = call(image, kernel.weights)
                assert ours[kernel.name].dtype == np.float64
                assert np.abs(ours[kernel.name] - expected).max() <= 1e-9 * np.abs(expected).max()


NAMED = {
    "sobel-x": lambda image: ndimage.sobel(image, axis=1),
    "sobel-y": lambda image: ndimage.sobel(image, axis=0),
    "sobel": lambda image: ndimage.sobel(image, axis=1),
    "prewitt-x": lambda image: ndimage.prewitt(image, axis=1),
    "prewitt-y": lambda image: ndimage.prewitt(image, axis=0),
    "laplacian": ndimage.laplace,
    "box": lambda image: ndimage.uniform_filter(image, 3),
    "box:size=2,5": lambda image: ndimage.uniform_filter(image, (2, 5)),
    "gaussian": lambda image: ndimage.gaussian_filter(image, 1),
    "gaussian:sigma=2": lambda image: ndimage.gaussian_filter(image, 2),
    "gaussian:sigma=0.3": lambda image: ndimage.gaussian_filter(image, 0.3),
    "gaussian:sigma=1.7,size=5": lambda image: ndimage.gaussian_filter(image, 1.7, radius=2),
    "gaussian:size=9": lambda image: ndimage.gaussian_filter(image, 1.7, radius=4),
    "log": lambda image: ndimage.gaussian_laplace(image, 1.4),
    "log:sigma=2.3": lambda image: ndimage.gaussian_laplace(image, 2.3),
    "gaussian-x:sigma=1.5": lambda image: ndimage.gaussian_filter(image, 1.5, order=(0, 1)),
    "gaussian-yy": lambda image: ndimage.gaussian_filter(image, 1, order=(2, 0)),
    "gaussian-derivative:dx=1,dy=2,sigma=2": lambda image: ndimage.gaussian_filter(image, 2, order=(2, 1)),
}


@pytest.mark.parametrize("spec", NAMED)
@pytest.mark.parametrize("depth", ["uint8", "uint16", "float64"])
def test_named_filters(spec, depth):
    rng = np.random.default_rng(len(spec))
    array, _ = random_case(rng, [lambda _: None], depths=[depth])
    got, note = filtered("scipy", array, spec)
    expected = each_channel(lambda plane: NAMED[spec](plane.astype(float)), array)
    assert np.abs(got - expected).max() <= TOLERANCE * max(1, np.abs(array).max())
    assert "as scipy.ndimage." in note
    assert "this library" not in note


def test_the_note_says_the_call():
    image = np.zeros((9, 9), np.uint8)
    assert (
        "as scipy.ndimage.gaussian_filter(image.astype(float), 2): 17x17"
        in filtered("scipy", image, "gaussian:sigma=2")[1]
    )
    note = filtered("scipy", image, "emboss")[1]
    assert "as scipy.ndimage.correlate(image.astype(float), kernel) with this library's emboss: 3x3" in note


def typed(rng):
    weights, spec = random_weights(rng)
    return spec, lambda plane, mode: ndimage.correlate(plane, weights, **mode)


def turned(rng):
    weights, spec = random_weights(rng)
    return spec, lambda plane, mode: ndimage.convolve(plane, weights, **mode), {"flip": True}


def gaussian(rng):
    sigma = round(float(rng.uniform(0.2, 4)), 2)
    return f"gaussian:sigma={sigma}", lambda plane, mode: ndimage.gaussian_filter(plane, sigma, **mode)


def gaussian_of_size(rng):
    sigma, radius = round(float(rng.uniform(0.5, 3)), 2), rng.integers(1, 5, 2).tolist()
    size = ",".join(str(2 * side + 1) for side in radius)
    return (f"gaussian:sigma={sigma},size={size}",
            lambda plane, mode: ndimage.gaussian_filter(plane, sigma, radius=radius, **mode))  # fmt: skip


def laplace_of_gaussian(rng):
    sigma = round(float(rng.uniform(0.5, 3)), 2)
    return f"log:sigma={sigma}", lambda plane, mode: ndimage.gaussian_laplace(plane, sigma, **mode)


def derivative(rng):
    sigma, dx, dy = round(float(rng.uniform(0.6, 3)), 2), *rng.integers(0, 4, 2).tolist()
    return (f"gaussian-derivative:sigma={sigma},dx={dx},dy={dy}",
            lambda plane, mode: ndimage.gaussian_filter(plane, sigma, order=(dy, dx), **mode))  # fmt: skip


def box(rng):
    size = rng.integers(1, 8, 2).tolist()
    return f"box:size={size[0]},{size[1]}", lambda plane, mode: ndimage.uniform_filter(plane, size, **mode)


def edges(rng):
    call, name, axis = [("sobel", "sobel", 0), ("sobel", "sobel", 1), ("prewitt", "prewitt", 0),
                        ("prewitt", "prewitt", 1)][int(rng.integers(4))]  # fmt: skip
    return f"{name}-{'yx'[axis]}", lambda plane, mode: getattr(ndimage, call)(plane, axis=axis, **mode)


@pytest.mark.parametrize("seed", seeds(320))
def test_random_cases(seed):
    rng = np.random.default_rng(seed)
    makers = [typed, turned, gaussian, gaussian_of_size, laplace_of_gaussian, derivative, box, edges]
    array, (spec, call, *words) = random_case(rng, makers, depths=["uint8", "uint16", "float32", "float64"])
    words, mode = dict(*words), {}
    if rng.random() < 0.4:
        border = list(MODES)[int(rng.integers(len(MODES)))]
        words["padding_mode"] = border
        mode = {"mode": MODES[border]} if MODES[border] else {"mode": "constant", "cval": 7}
    one_axis_at_a_time = spec[0].isalpha() and words.get("padding_mode") == "constant:7"
    if one_axis_at_a_time:  # SciPy has the 7 between the axes too: see the note of its convention
        words["padding_mode"], mode = "zeros", {"mode": "constant", "cval": 0}
    got, _ = filtered("scipy", array, spec, **words)
    expected = each_channel(lambda plane: call(plane.astype(float), mode), array)
    assert got.shape == expected.shape
    scale = max(1.0, float(np.abs(expected).max()), float(np.abs(array).max()))
    assert np.abs(got - expected).max() <= TOLERANCE * scale, (spec, words)


def test_a_constant_border_between_two_axes_differs_at_the_border_alone():
    array = np.random.default_rng(5).integers(0, 256, (14, 17), np.uint8)
    got, _ = filtered("scipy", array, "sobel-y", padding_mode="constant:7")
    theirs = ndimage.sobel(array.astype(float), axis=0, mode="constant", cval=7)
    differs = np.abs(got - theirs) > TOLERANCE * 255
    assert differs.any()
    assert not differs[1:-1, 1:-1].any()
    assert "put VALUE between them" in CONVENTIONS["scipy"].differs


@pytest.mark.parametrize("seed", range(20))
def test_a_flip_of_an_even_kernel_lies_where_convolve2d_has_it(seed):
    rng = np.random.default_rng(seed)
    array, ((weights, spec),) = random_case(rng, [lambda rng: (random_weights(rng),)], depths=["uint8"], channels=[1])
    got = cnnfilter.conv2d(array.astype(float), spec, flip=True, padding="same")
    np.testing.assert_allclose(got, signal.convolve2d(array, weights, mode="same"), atol=1e-9)
