"""`--as opencv` against OpenCV itself, on pictures of the samples, bit for bit."""

import json

import numpy as np
import pytest
from PIL import Image

import cnnfilter

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
    "box:size=3": lambda image: cv2.filter2D(image, -1, np.full((3, 3), 1 / 9)),
    "box:size=5": lambda image: cv2.filter2D(image, -1, np.full((5, 5), 1 / 25)),
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
        cv2.filter2D(image, -1, np.full((3, 3), 1 / 9)),
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
