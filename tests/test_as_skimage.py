"""`--as skimage` against scikit-image itself."""

import numpy as np
import pytest
from adopted import each_channel, filtered, random_case, random_weights, seeds
from PIL import Image

filters = pytest.importorskip("skimage.filters")
color = pytest.importorskip("skimage.color")
util = pytest.importorskip("skimage.util")
ndimage = pytest.importorskip("scipy.ndimage")

#: Sums of float64 in another order; and float32 pictures, which scikit-image computes in float32.
TOLERANCE, SINGLE = 1e-12, 2e-6

NAMES = {
    "sobel-x": filters.sobel_v,
    "sobel-y": filters.sobel_h,
    "scharr-x": filters.scharr_v,
    "scharr-y": filters.scharr_h,
    "prewitt-x": filters.prewitt_v,
    "prewitt-y": filters.prewitt_h,
    "farid-x": filters.farid_v,
    "farid-y": filters.farid_h,
    "roberts-1": filters.roberts_pos_diag,
    "roberts-2": filters.roberts_neg_diag,
    "laplacian": filters.laplace,
    "sobel": filters.sobel_v,
    "gaussian": filters.gaussian,
    "gaussian:sigma=2": lambda image: filters.gaussian(image, 2),
    "gaussian:sigma=0.4": lambda image: filters.gaussian(image, 0.4),
    "dog": lambda image: filters.difference_of_gaussians(image, 1),
    "dog:sigma1=2": lambda image: filters.difference_of_gaussians(image, 2),
    "dog:sigma1=1,sigma2=4": lambda image: filters.difference_of_gaussians(image, 1, 4),
    "unsharp": filters.unsharp_mask,
    "unsharp:sigma=2.5,amount=3": lambda image: filters.unsharp_mask(image, 2.5, 3),
}


def test_named_filters(cnnfilter_run, samples, tmp_path):
    with Image.open(samples / "scene.png") as picture:
        image = np.asarray(picture)
    names = {name: call for name, call in NAMES.items() if ":" not in name}
    words = [word for name in names for word in ("-k", name)]
    done = cnnfilter_run("convolve", samples / "scene.png", *words, "--as", "skimage", "-f", "npz", "--stack")
    assert done.code == 0, done.err
    (found,) = tmp_path.glob("*.npz")
    with np.load(found) as ours:
        for key, call in zip(ours, names.values(), strict=True):
            assert np.abs(ours[key] - call(image)).max() < TOLERANCE, key


@pytest.mark.parametrize("depth", ["uint8", "uint16", "float64", "float32"])
@pytest.mark.parametrize("name", NAMES)
def test_every_depth(name, depth):
    array, _ = random_case(np.random.default_rng(len(name)), [lambda _: None], depths=[depth], channels=[1, 3])
    got, note = filtered("skimage", array, name)
    expected = each_channel(NAMES[name], array)
    assert np.abs(got - expected).max() <= (SINGLE if depth == "float32" else TOLERANCE) * 10
    assert "as skimage.filters." in note


@pytest.mark.parametrize("name", ["sobel", "scharr"])
def test_magnitude_has_its_scale(cnnfilter_run, samples, tmp_path, name):
    with Image.open(samples / "scene.png") as picture:
        image = np.asarray(picture)
    words = ["-k", f"{name}-x", "-k", f"{name}-y", "--combine", "magnitude"]
    done = cnnfilter_run("convolve", samples / "scene.png", *words, "--as", "skimage", "-f", "npy")
    assert done.code == 0, done.err
    expected = getattr(filters, name)(image)
    assert np.abs(np.load(tmp_path / "scene.magnitude.npy") - expected).max() < 1e-12


@pytest.mark.parametrize("depth", ["uint8", "uint16", "float64"])
def test_gray_is_rgb2gray(depth):
    array, _ = random_case(np.random.default_rng(2), [lambda _: None], depths=[depth], channels=[3])
    got, _ = filtered("skimage", array, "sobel-x", channels="gray")
    assert np.abs(got - filters.sobel_v(color.rgb2gray(array))).max() < TOLERANCE


def test_floats_beyond_1_are_left_alone():
    array = np.linspace(-3, 900, 120).reshape(10, 12)
    got, note = filtered("skimage", array, "sobel-x")
    assert np.abs(got - filters.sobel_v(array)).max() < 1e-9
    assert "values as stored" in note
    got, _ = filtered("skimage", array, "unsharp")
    assert np.abs(got - filters.unsharp_mask(array)).max() < TOLERANCE


def test_the_type_decides_about_the_scale_not_the_values():
    array = np.arange(120, dtype=np.uint16).reshape(10, 12)  # no value beyond 255
    got, _ = filtered("skimage", array, "gaussian")
    assert np.abs(got - filters.gaussian(array)).max() < TOLERANCE


def test_unsharp_keeps_a_range_that_is_typed():
    array = np.random.default_rng(3).integers(0, 256, (12, 13), np.uint8)
    got, _ = filtered("skimage", array, "unsharp:amount=4", range="stored")
    assert np.abs(got - filters.unsharp_mask(array, 1, 4, preserve_range=True)).max() < 1e-9


@pytest.mark.parametrize("depth", [np.int8, np.int16, np.int32])
def test_whole_numbers_with_a_sign(depth):
    array = np.random.default_rng(1).integers(np.iinfo(depth).min, np.iinfo(depth).max, (9, 14), depth, endpoint=True)
    array[3, 4] = np.iinfo(depth).min
    got, note = filtered("skimage", array, "prewitt-y")
    assert np.abs(got - filters.prewitt_h(array)).max() < TOLERANCE
    assert "values 0 to 1" in note


def typed(rng):
    weights, spec = random_weights(rng, [(3, 3), (5, 5), (3, 1), (1, 5), (7, 3)])
    return spec, lambda image: filters.correlate_sparse(util.img_as_float(image), weights)


def even(rng):  # which correlate_sparse refuses
    weights, spec = random_weights(rng, [(2, 2), (4, 3), (1, 4)])
    return spec, lambda image: ndimage.correlate(util.img_as_float(image), weights)


def named(rng):
    name = list(NAMES)[int(rng.integers(12))]
    return name, NAMES[name]


def gaussian(rng):
    sigma = round(float(rng.uniform(0.2, 4)), 2)
    return f"gaussian:sigma={sigma}", lambda image: filters.gaussian(image, sigma)


def gaussian_of_size(rng):
    sigma, radius = round(float(rng.uniform(0.5, 3)), 2), int(rng.integers(1, 6))
    return (f"gaussian:sigma={sigma},size={2 * radius + 1}",
            lambda image: filters.gaussian(image, sigma, truncate=radius / sigma))  # fmt: skip


def difference(rng):
    low = round(float(rng.uniform(0.3, 2)), 2)
    high = round(low * float(rng.uniform(1, 3)), 2)
    return f"dog:sigma1={low},sigma2={high}", lambda image: filters.difference_of_gaussians(image, low, high)


def unsharp(rng):
    sigma, amount = (round(float(number), 2) for number in rng.uniform(0.3, 3, 2))
    return (f"unsharp:sigma={sigma},amount={amount}",
            lambda image: filters.unsharp_mask(image, sigma, amount))  # fmt: skip


def gabor(rng):
    wavelength, theta, psi = round(float(rng.uniform(3, 9)), 2), *rng.integers(0, 180, 2).tolist()
    part = int(rng.integers(2))
    words = {"theta": np.radians(theta), "offset": np.radians(psi)}
    if rng.random() < 0.5:
        sigma, gamma = (round(float(number), 2) for number in rng.uniform(0.7, 2, 2))
        more, words = f"sigma={sigma},gamma={gamma}", words | {"sigma_x": sigma, "sigma_y": sigma / gamma}
    else:
        bandwidth = round(float(rng.uniform(0.8, 2)), 2)
        more, words = f"bandwidth={bandwidth}", words | {"bandwidth": bandwidth}
    spec = f"gabor{'-sine' * part}:wavelength={wavelength},theta={theta},psi={psi},{more}"
    return spec, lambda image: filters.gabor(util.img_as_float(image), 1 / wavelength, **words)[part]


@pytest.mark.parametrize("seed", seeds(320))
def test_random_cases(seed):
    rng = np.random.default_rng(seed)
    makers = [typed, even, named, gaussian, gaussian_of_size, difference, unsharp, gabor]
    array, (spec, call) = random_case(rng, makers, depths=["uint8", "uint16", "float32", "float64"])
    gray = array.ndim == 3 and array.shape[2] == 3 and rng.random() < 0.3
    got, _ = filtered("skimage", array, spec, channels="gray" if gray else "each")
    expected = each_channel(call, color.rgb2gray(array) if gray else array)
    assert got.shape == expected.shape
    tolerance = SINGLE if array.dtype == np.float32 else TOLERANCE
    assert np.abs(got - expected).max() <= tolerance * max(10.0, float(np.abs(expected).max())), spec
