"""`--as imagemagick` against ImageMagick 6 Q16: at most one step apart, and hardly anywhere."""

import json
import re
import shutil
import subprocess

import numpy as np
import pytest
from adopted import alpha_of, filtered, random_case, random_weights, seeds
from PIL import Image

import cnnfilter

MAGICK = shutil.which("convert-im6.q16")
pytestmark = pytest.mark.skipif(MAGICK is None, reason="ImageMagick 6 Q16 (convert-im6.q16) is not installed")


SPECS = ["box:size=3", ".1 .2; .3 .4", "1 2 3 4", "1; -1"]


def magick(array, *words):
    """An array through ``convert``, in its own depth."""
    bits = 8 * array.dtype.itemsize
    kind = {1: "gray", 3: "rgb", 4: "rgba"}[1 if array.ndim == 2 else array.shape[2]]
    size = ["-size", f"{array.shape[1]}x{array.shape[0]}", "-depth", str(bits), "-endian", "LSB"]
    out = "gray" if "Gray" in words else kind
    done = subprocess.run(
        [MAGICK, *size, f"{kind}:-", *words, "-depth", str(bits), "-endian", "LSB", f"{out}:-"],
        input=array.tobytes(), capture_output=True, check=True,
    )  # fmt: skip
    values = np.frombuffer(done.stdout, array.dtype)
    return values.reshape(array.shape[:2] if out == "gray" else array.shape)


def as_kernel(weights):
    """A kernel as ImageMagick reads it."""
    rows, columns = weights.shape
    return f"{columns}x{rows}: " + " ".join(",".join(map(repr, row)) for row in weights.tolist())


def shown(kernel):
    """The weights of a kernel of ImageMagick's, as ``-define morphology:showKernel=1`` prints them."""
    words = ["xc:black", "-define", "morphology:showKernel=1", "-morphology", "Convolve", kernel, "null:"]
    text = subprocess.run([MAGICK, *words], capture_output=True, text=True, check=True).stderr
    rows = re.findall(r"^ *\d+:(.*)$", text, re.MULTILINE)
    return np.nan_to_num(np.array([[float(word) for word in row.split()] for row in rows]))


@pytest.mark.parametrize("name", ["scene.png", "scene-16bit.png"])
def test_pixels_are_those_of_imagemagick(cnnfilter_run, samples, tmp_path, name):
    words = [word for spec in SPECS for word in ("-k", spec)]
    done = cnnfilter_run("convolve", samples / name, *words, "--as", "imagemagick", "--json")
    assert done.code == 0, done.err
    for spec, result in zip(SPECS, json.loads(done.out)["results"], strict=True):
        text = as_kernel(cnnfilter.load_kernel(spec).weights)
        command = [MAGICK, samples / name, "-morphology", "Convolve", text, "their.png"]
        subprocess.run(command, check=True, cwd=tmp_path)
        with Image.open(tmp_path / result["outputs"][0]) as ours, Image.open(tmp_path / "their.png") as theirs:
            same = theirs if theirs.mode == ours.mode else theirs.convert(ours.mode)  # all white is written in one bit
            assert np.array_equal(np.asarray(ours), np.asarray(same)), spec


def test_transparent_pictures_too(cnnfilter_run, samples, tmp_path):
    done = cnnfilter_run("convolve", samples / "scene-color.png", "-k", "gaussian:sigma=1", "--as", "imagemagick")
    assert done.code == 0, done.err
    command = [MAGICK, samples / "scene-color.png", "-morphology", "Convolve", "Gaussian:0x1", "-depth", "8",
               "their.png"]  # fmt: skip
    subprocess.run(command, check=True, cwd=tmp_path)
    with Image.open(tmp_path / "scene-color.gaussian-sigma1.png") as ours, Image.open(tmp_path / "their.png") as theirs:
        difference = np.asarray(ours.convert("RGBA")).astype(int) - np.asarray(theirs.convert("RGBA"))
    assert np.abs(difference).max() <= 1
    assert (difference != 0).mean() < 1e-3


@pytest.mark.parametrize(
    ("spec", "kernel"),
    [
        *((f"shape:kind={kind},radius={radius}", f"{kind}:{radius}")
          for kind in ("square", "diamond", "octagon", "disk", "plus", "cross", "ring") for radius in (1, 2, 3, 5, 8)),
        *((f"shape:kind=ring,radius={outer},inner={inner}", f"ring:{inner},{outer}")
          for inner, outer in ((1, 2), (2, 5), (3, 4))),
        *((f"log:variant=imagemagick,sigma={sigma}", f"LoG:0x{sigma}") for sigma in (0.4, 1, 1.4, 2.5)),
        ("log:variant=imagemagick,sigma=1.4,size=5", "LoG:2x1.4"),
        *((f"gaussian:variant=imagemagick,sigma={sigma}", f"Gaussian:0x{sigma}") for sigma in (0.3, 0.5, 1, 2, 5)),
        ("dog:variant=imagemagick", "DoG:0,1,1.6"), ("dog:variant=imagemagick,sigma1=2,sigma2=1", "DoG:0,2,1"),
    ],
)  # fmt: skip
def test_formulas_are_imagemagick_s(spec, kernel):
    ours, theirs = cnnfilter.load_kernel(spec).weights, shown(kernel)
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6 * np.abs(theirs).max())


#: What ImageMagick's own kernels are called here.
COMPASS = {"e": 0, "se": 45, "s": 90, "sw": 135, "w": 180, "nw": 225, "n": 270, "ne": 315}
OWN = {
    "sobel-x": "Sobel", "sobel-y": "Sobel:90", "sobel": "Sobel", "prewitt-x": "Prewitt", "prewitt-y": "Prewitt:90",
    "roberts-1": "Roberts:45", "roberts-2": "Roberts:135",
    **{f"{ours}-{point}": f"{theirs}:{angle}" for point, angle in COMPASS.items()
       for ours, theirs in (("kirsch", "Kirsch"), ("prewitt-compass", "Compass"), ("robinson", "Sobel"))},
    "laplacian": "Laplacian:1", "laplacian-8": "Laplacian:0", "laplacian-im-2": "Laplacian:2",
    "laplacian-im-3": "Laplacian:3", "laplacian-im-5": "Laplacian:5", "laplacian-im-7": "Laplacian:7",
    "log-5x5": "Laplacian:15", "log-9x9": "Laplacian:19",
}  # fmt: skip


@pytest.mark.parametrize("spec", OWN)
def test_signs_are_those_of_its_own_kernels(spec):
    array, _ = random_case(np.random.default_rng(len(spec)), [lambda _: None], depths=["uint16"], channels=[1])
    got, note = filtered("imagemagick", array, spec)
    assert np.array_equal(got, magick(array, "-morphology", "Convolve", OWN[spec]))
    assert f"-morphology Convolve {OWN[spec]}" in note


def typed(rng):
    weights, spec = random_weights(rng)
    return spec, ["-morphology", "Convolve", as_kernel(weights)]


def own(rng):
    name = list(OWN)[int(rng.integers(len(OWN)))]
    return name, ["-morphology", "Convolve", OWN[name]]


def named(rng):
    sigma = round(float(rng.uniform(0.4, 2.5)), 2)
    radius = int(rng.integers(1, 4))
    return [
        (f"gaussian:sigma={sigma}", ["-morphology", "Convolve", f"Gaussian:0x{sigma}"]),
        (f"gaussian:sigma={sigma},size={2 * radius + 1}", ["-morphology", "Convolve", f"Gaussian:{radius}x{sigma}"]),
        (f"log:sigma={sigma}", ["-morphology", "Convolve", f"LoG:0x{sigma}"]),
        (f"dog:sigma1={sigma},sigma2={sigma + 1}", ["-morphology", "Convolve", f"DoG:0,{sigma},{sigma + 1}"]),
        (f"edge-detect:size={2 * radius + 1}", ["-edge", str(radius)]),
        ("sharpen", ["-sharpen", "0x1"]),
    ][int(rng.integers(6))]


@pytest.mark.parametrize("seed", seeds(300))
def test_random_cases(seed):
    rng = np.random.default_rng(seed)
    array, (spec, words) = random_case(rng, [typed, own, named], depths=["uint8", "uint16"], channels=[1, 3])
    gray = array.ndim == 3 and rng.random() < 0.4
    got, _ = filtered("imagemagick", array, spec, channels="gray" if gray else "each")
    expected = magick(array, *(["-colorspace", "Gray"] if gray else []), *words)
    assert np.array_equal(got, expected), spec


def blur(rng):  # of a sum other than 0
    weights, spec = random_weights(rng)
    if abs(weights.sum()) < 0.1:
        return "gaussian:sigma=1.2", ["-morphology", "Convolve", "Gaussian:0x1.2"]
    return spec, ["-morphology", "Convolve", as_kernel(weights)]


@pytest.mark.parametrize("seed", range(60))
def test_colours_count_by_their_opacity(seed):
    rng = np.random.default_rng(seed)
    array, (spec, words) = random_case(rng, [blur], depths=["uint8", "uint16"], channels=[4])
    if seed % 4 == 0:
        array[..., 3] = np.iinfo(array.dtype).max
    got, note = filtered("imagemagick", array, spec)
    expected = magick(array, *words)
    steep = 1 / np.abs(cnnfilter.load_kernel(spec).weights.sum())
    difference = got.astype(float) - expected[..., :3]
    assert np.abs(difference).max() <= max(1, 1e-6 * steep), spec
    assert (difference != 0).mean() <= 0.02, spec
    assert np.abs(alpha_of("imagemagick", array, spec).astype(int) - expected[..., 3]).max() <= 1, spec
    assert "colours count by their opacity" in note


def test_a_kernel_that_sums_to_0_is_divided_by_that():
    array = np.full((9, 9, 4), 255, np.uint8)
    array[:, 5:, :3] = 40
    got, note = filtered("imagemagick", array, "sobel-x:scale=-1")
    assert np.array_equal(got, magick(array, "-morphology", "Convolve", "3x3: -1,0,1 -2,0,2 -1,0,1")[..., :3])
    assert set(np.unique(got)) == {0, 255}
    assert "divides by the kernel's sum, 0" in note
