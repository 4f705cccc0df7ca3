"""`--as opencv` against OpenCV itself, on pictures of the samples, bit for bit."""

import json

import numpy as np
import pytest
from adopted import alpha_of, filtered, random_case, random_weights, seeds
from PIL import Image

import cnnfilter
from cnnfilter.library.conventions import CONVENTIONS
from cnnfilter.library.load import load_kernels

cv2 = pytest.importorskip("cv2")

pytestmark = pytest.mark.skipif(
    not cv2.checkHardwareSupport(12),  # CPU_FMA3
    reason="OpenCV rounds otherwise where the processor has no fused multiply-add",
)


KERNELS = {
    "sobel-x": lambda image: cv2.Sobel(image, -1, 1, 0),
    "sobel-y": lambda image: cv2.Sobel(image, -1, 0, 1),
    "sobel-5-x": lambda image: cv2.Sobel(image, -1, 1, 0, ksize=5),
    "scharr-x": lambda image: cv2.Scharr(image, -1, 1, 0),
    "scharr-y": lambda image: cv2.Scharr(image, -1, 0, 1),
    "laplacian": lambda image: cv2.Laplacian(image, -1),
    "gaussian:size=3": lambda image: cv2.GaussianBlur(image, (3, 3), 0),
    "gaussian:size=5,sigma=1.1": lambda image: cv2.GaussianBlur(image, (5, 5), 1.1),
    "gaussian:sigma=2.5": lambda image: cv2.GaussianBlur(image, (0, 0), 2.5),
    "gaussian:size=9": lambda image: cv2.GaussianBlur(image, (9, 9), 0),
    "box:size=3": lambda image: cv2.blur(image, (3, 3)),
    "box:size=5": lambda image: cv2.blur(image, (5, 5)),
    ".1 .1 .1; .1 .1 .1; .1 .1 .1": lambda image: cv2.filter2D(image, -1, np.full((3, 3), 0.1)),
    ".1 .2; .3 .4": lambda image: cv2.filter2D(image, -1, np.array([[0.1, 0.2], [0.3, 0.4]])),
    "emboss": lambda image: cv2.filter2D(image, -1, cnnfilter.load_kernel("emboss").weights),
    "gabor:sigma=2,size=9,scale=.1": lambda image: cv2.filter2D(
        image, -1, cnnfilter.load_kernel("gabor:sigma=2,size=9,variant=opencv,scale=.1").weights
    ),
}


@pytest.mark.parametrize("name", ["scene.png", "scene-color.png", "odd.png"])
def test_pixels_and_dumps_are_those_of_opencv(cnnfilter_run, samples, tmp_path, name):
    path = samples / name
    if name == "odd.png":  # columns that its vectors leave over are summed otherwise
        path = tmp_path / name
        with Image.open(samples / "scene-color.png") as image:
            image.convert("RGB").crop((33, 25, 194, 170)).save(path)
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    image = np.ascontiguousarray(image[..., :3]) if image.ndim == 3 else image  # alpha is carried over, not filtered
    kernels = [word for kernel in KERNELS for word in ("-k", kernel)]
    done = cnnfilter_run("convolve", path, *kernels, "--as", "opencv", "-f", "png", "-f", "npy", "--json")
    assert done.code == 0, done.err
    for (kernel, call), result in zip(KERNELS.items(), json.loads(done.out)["results"], strict=True):
        picture, dump = (tmp_path / output for output in result["outputs"])
        written, values = cv2.imread(str(picture), cv2.IMREAD_UNCHANGED), np.load(dump)
        expected = call(image)
        assert np.array_equal(written[..., :3] if written.ndim == 3 else written, expected), kernel
        assert np.array_equal(values if values.ndim == 2 else np.moveaxis(values, 0, -1)[..., ::-1], expected), kernel


def test_large_kernels_differ_by_at_most_one(cnnfilter_run, samples, tmp_path):
    # from 130 cells on, OpenCV goes through the frequency domain in single precision
    done = cnnfilter_run("convolve", samples / "scene.png", "-k", "disk:radius=8", "--as", "opencv", "-f", "npy")
    assert done.code == 0, done.err
    image = cv2.imread(str(samples / "scene.png"), cv2.IMREAD_UNCHANGED)
    expected = cv2.filter2D(image, -1, cnnfilter.load_kernel("disk:radius=8").weights)
    ours = np.load(next(tmp_path.glob("*.npy")))
    assert np.abs(ours - expected).max() <= 1
    assert (ours != expected).mean() < 1e-3


def test_sixteen_bits(cnnfilter_run, samples, tmp_path):
    path = samples / "scene-16bit.png"
    specs = ["sobel-x", "gaussian:size=5,sigma=1.3", "box:size=3"]
    words = [word for spec in specs for word in ("-k", spec)]
    done = cnnfilter_run("convolve", path, *words, "--as", "opencv", "-f", "npy", "--json")
    assert done.code == 0, done.err
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    expected = [
        cv2.Sobel(image, -1, 1, 0),
        cv2.GaussianBlur(image, (5, 5), 1.3),
        cv2.blur(image, (3, 3)),
    ]
    for result, theirs in zip(json.loads(done.out)["results"], expected, strict=True):
        assert np.array_equal(np.load(tmp_path / result["outputs"][0]), theirs), result["kernel"]


def test_floats_where_a_type_is_asked_for(cnnfilter_run, samples, tmp_path):
    done = cnnfilter_run(
        "convolve", samples / "scene.png", "-k", "sobel-x", "--as", "opencv", "--dtype", "float32", "-f", "npy"
    )
    assert done.code == 0, done.err
    image = cv2.imread(str(samples / "scene.png"), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(np.load(tmp_path / "scene.sobel-x.npy"), cv2.Sobel(image, cv2.CV_32F, 1, 0))


# -- random cases


def bgr(array):
    """The colours as OpenCV holds them."""
    return np.ascontiguousarray(array[..., 2::-1]) if array.ndim == 3 else array


NAMED = {
    "sobel-x": lambda image: cv2.Sobel(image, -1, 1, 0),
    "sobel-y": lambda image: cv2.Sobel(image, -1, 0, 1),
    "sobel": lambda image: cv2.Sobel(image, -1, 1, 0),
    "sobel-xx": lambda image: cv2.Sobel(image, -1, 2, 0),
    "sobel-5-x": lambda image: cv2.Sobel(image, -1, 1, 0, ksize=5),
    "scharr-x": lambda image: cv2.Scharr(image, -1, 1, 0),
    "scharr-y": lambda image: cv2.Scharr(image, -1, 0, 1),
    "laplacian": lambda image: cv2.Laplacian(image, -1),
    "laplacian-5": lambda image: cv2.Laplacian(image, -1, ksize=5),
    "laplacian-opencv": lambda image: cv2.Laplacian(image, -1, ksize=3),
    "gaussian": lambda image: cv2.GaussianBlur(image, (0, 0), 1),
    "box": lambda image: cv2.blur(image, (3, 3)),
}


def named(rng, border):
    name = list(NAMED)[int(rng.integers(len(NAMED)))]
    return name, NAMED[name]


def sobel(rng, border):
    size, (dx, dy) = int(rng.choice([3, 5, 7, 9])), [(1, 0), (0, 1), (2, 0), (1, 1), (0, 2), (2, 1)][rng.integers(6)]
    return (f"sobel:size={size},dx={dx},dy={dy}",
            lambda image: cv2.Sobel(image, -1, dx, dy, ksize=size, borderType=border))  # fmt: skip


def gaussian(rng, border):
    sigma = round(float(rng.uniform(0.2, 5)), 2)
    return f"gaussian:sigma={sigma}", lambda image: cv2.GaussianBlur(image, (0, 0), sigma, borderType=border)


def gaussian_of_size(rng, border):
    rows, columns = (2 * rng.integers(0, 8, 2) + 1).tolist()
    sigma = round(float(rng.uniform(0.2, 5)), 2) if rng.random() < 0.5 else 0
    given = f",sigma={sigma}" * bool(sigma)
    return (f"gaussian:size={rows},{columns}{given}",
            lambda image: cv2.GaussianBlur(image, (columns, rows), sigma, borderType=border))  # fmt: skip


def even_gaussian(rng, border):  # which GaussianBlur refuses
    spec = f"gaussian:sigma={rng.uniform(0.5, 2):.2f},size=4"
    weights = cnnfilter.load_kernel(spec).weights
    return spec, lambda image: cv2.filter2D(image, -1, weights, borderType=border)


def box(rng, border):
    rows, columns = rng.integers(1, 12, 2).tolist()
    if rows * columns == 2:
        rows = 3  # see test_a_box_of_two_cells_keeps_white
    return f"box:size={rows},{columns}", lambda image: cv2.blur(image, (columns, rows), borderType=border)


def typed(rng, border):
    weights, spec = random_weights(rng)
    return spec, lambda image: cv2.filter2D(image, -1, weights, borderType=border)


def disk(rng, border):
    spec = f"disk:radius={rng.uniform(2, 8):.1f}"
    weights = cnnfilter.load_kernel(spec).weights
    return spec, lambda image: cv2.filter2D(image, -1, weights, borderType=border)


def gabor(rng, border):
    theta, psi = rng.integers(0, 180, 2).tolist()
    sigma, gamma, wavelength = (round(float(number), 2) for number in rng.uniform([0.7, 0.7, 3], [2, 2, 9]))
    spec = f"gabor:theta={theta},psi={psi},sigma={sigma},gamma={gamma},wavelength={wavelength}"
    weights = cv2.getGaborKernel((0, 0), sigma, np.radians(theta), wavelength, gamma, np.radians(psi))
    return spec, lambda image: cv2.filter2D(image, -1, weights, borderType=border)


MAKERS = [named, sobel, gaussian, gaussian_of_size, even_gaussian, box, typed, disk, gabor]
BORDERS = {
    "": cv2.BORDER_DEFAULT, "symmetric": cv2.BORDER_REFLECT, "replicate": cv2.BORDER_REPLICATE,
    "zeros": cv2.BORDER_CONSTANT,
}  # fmt: skip


def bound(array, spec, note):
    """How far a result may be from OpenCV's: what the note of the convention says."""
    (kernel,) = load_kernels(spec, tool="opencv", search=[cnnfilter.library.catalog.shipped_folder()])
    products = float(np.abs(kernel.weights).sum()) * float(np.abs(array).max())
    if array.dtype == np.uint8:
        return 1 if "DFT" in note else 0
    if array.dtype in (np.uint16, np.int16):
        return max(1, 1e-7 * products)
    return products * (2e-6 if array.dtype == np.float32 else 1e-13)


@pytest.mark.parametrize("seed", seeds(360))
def test_random_cases(seed):
    rng = np.random.default_rng(seed)
    border = str(rng.choice(list(BORDERS))) if rng.random() < 0.4 else ""
    makers = [lambda rng, make=make: make(rng, BORDERS[border]) for make in MAKERS[1 if border else 0 :]]
    depths = ["uint8", "uint8", "uint16", "float32", "float64"]
    array, (spec, call) = random_case(rng, makers, depths=depths, channels=[1, 3])
    gray = array.ndim == 3 and array.dtype != np.float64 and rng.random() < 0.3
    words = {"padding_mode": border} if border else {}
    got, note = filtered("opencv", array, spec, channels="gray" if gray else "each", **words)
    expected = call(cv2.cvtColor(bgr(array), cv2.COLOR_BGR2GRAY) if gray else bgr(array))
    expected = expected[..., ::-1] if expected.ndim == 3 else expected
    assert got.shape == expected.shape
    allowed = bound(array, spec, note)
    assert np.abs(got.astype(float) - expected).max() <= allowed, (spec, border, note)


@pytest.mark.parametrize("seed", range(40))
def test_transparency_is_filtered_like_a_colour(seed):
    rng = np.random.default_rng(seed)
    array, (spec, call) = random_case(rng, [lambda rng, make=make: make(rng, cv2.BORDER_DEFAULT) for make in MAKERS],
                                      depths=["uint8", "uint16"], channels=[4])  # fmt: skip
    expected = call(np.ascontiguousarray(array[..., [2, 1, 0, 3]]))
    allowed = max(1, bound(array, spec, ""))  # the last three columns are summed otherwise beside a fourth channel
    got, note = filtered("opencv", array, spec)
    assert np.abs(got.astype(int) - expected[..., 2::-1]).max() <= allowed
    assert np.abs(alpha_of("opencv", array, spec).astype(int) - expected[..., 3]).max() <= allowed
    assert "transparency filtered like a colour" in note


@pytest.mark.parametrize("seed", range(12))
def test_whole_numbers_with_a_sign(seed):
    rng = np.random.default_rng(seed)
    array = rng.integers(-30000, 30000, (17, 23)).astype(np.int16)
    makers = [named, sobel, gaussian, typed]
    spec, call = makers[seed % 4](rng, cv2.BORDER_DEFAULT)
    got, note = filtered("opencv", array, spec)
    assert np.abs(got - call(array)).max() <= bound(array, spec, note)
    assert "16 bits with a sign" in note


@pytest.mark.parametrize("seed", range(20))
def test_floats_of_whole_numbers(seed):
    rng = np.random.default_rng(seed)
    makers = [lambda rng, make=make: make(rng, cv2.BORDER_DEFAULT) for make in MAKERS[2:]]
    array, (spec, call) = random_case(rng, makers, depths=["uint8", "uint16"], channels=[1, 3])
    got, note = filtered("opencv", array, spec, dtype="float32")
    expected = call(bgr(array.astype(np.float32)))
    expected = expected[..., ::-1] if expected.ndim == 3 else expected
    (kernel,) = load_kernels(spec, tool="opencv", search=[cnnfilter.library.catalog.shipped_folder()])
    assert np.abs(got - expected).max() <= 2e-6 * float(np.abs(kernel.weights).sum()) * float(array.max()), (spec, note)


def test_a_box_of_two_cells_keeps_white():
    white = np.full((6, 40), 255, np.uint8)
    assert (filtered("opencv", white, "box:size=1,2")[0] == 255).all()
    assert "keeps white" in CONVENTIONS["opencv"].differs  # where cv2.blur of OpenCV 5.0 gives 0


def test_notes_say_what_is_true():
    small, deep = np.zeros((20, 20), np.uint8), np.zeros((20, 20), np.uint16)
    assert "as cv2.GaussianBlur(image, (0, 0), 2): 13x13" in filtered("opencv", small, "gaussian:sigma=2")[1]
    assert "as cv2.GaussianBlur(image, (0, 0), 2): 17x17" in filtered("opencv", deep, "gaussian:sigma=2")[1]
    floats = filtered("opencv", small.astype(np.float32), "gaussian:sigma=2")[1]
    assert "17x17" in floats
    assert "rounded" not in floats
    assert "results float32" in floats
    assert "(image, cv2.CV_32F, 1, 0)" in filtered("opencv", small, "sobel-x", dtype="float32")[1]
    typed = filtered("opencv", small, "gaussian:sigma=2", dtype="float32")[1]
    assert "as cv2.GaussianBlur(image.astype(np.float32), (0, 0), 2): 17x17" in typed
    assert "filter2D(image, -1, kernel) with this library's emboss" in filtered("opencv", small, "emboss")[1]
    assert "DFT" in filtered("opencv", small, "disk:radius=8")[1]
    assert "DFT" not in filtered("opencv", small, "disk:radius=3")[1]
    assert "DFT" in filtered("opencv", deep, "disk:radius=4")[1]  # from 50 cells on, of 16 bits
    assert "DFT" not in filtered("opencv", small, "gaussian:sigma=5")[1]
