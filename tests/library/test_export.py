"""Exports run as they are printed, and give the same numbers as this program."""

import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import cnnfilter
from cnnfilter.errors import ParameterError, ShapeError, UnknownNameError
from cnnfilter.library.export import DEEP, FILES, PROGRAMS, TARGETS, export

PICTURE = np.random.default_rng(12).integers(0, 256, (31, 42), np.uint8)
PICTURE[8:20, 10:30] //= 4
SPECS = ["sobel-y", "box", "emboss", ".1 .2 .3; .4 -.5 .6; 0 .25 -.125", "gaussian:sigma=1,size=5"]
ODD_SPECS = ["1 2 3 4 -9", "1; -2; 3", ".1 .2; .3 .4", "1 2 3 4; 5 6 7 -28"]


def text(spec, to):
    return export([cnnfilter.load_kernel(spec)], to).decode()


def in_shell(folder, script):
    subprocess.run(["bash", "-e", "-c", script], cwd=folder, check=True, capture_output=True, timeout=120)


@pytest.fixture
def folder(tmp_path):
    Image.fromarray(PICTURE).save(tmp_path / "image.png")
    return tmp_path


def ours(spec, mode=None):
    """Our numbers with the kernel's middle at size // 2, or only whole windows."""
    kernel = cnnfilter.load_kernel(spec)
    rows, columns = kernel.weights.shape
    if mode is None:
        return cnnfilter.conv2d(PICTURE.astype(float), kernel)
    pads = ((rows // 2, (rows - 1) // 2), (columns // 2, (columns - 1) // 2))
    return cnnfilter.conv2d(PICTURE.astype(float), kernel, padding=pads, padding_mode=mode)


def as_bytes(values):
    return np.clip(np.rint(values), 0, 255)


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("L") if image.mode != "F" else image).astype(float)


def run_python(folder, code):
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True, capture_output=True, timeout=120)


@pytest.mark.parametrize("spec", [*SPECS[:4], *ODD_SPECS[2:]])
def test_python(folder, spec):
    run_python(folder, text(spec, "python"))
    assert np.allclose(np.load(folder / "out.npy"), ours(spec), rtol=0, atol=1e-9)


def test_python_with_a_deep_kernel(tmp_path):
    image = np.random.default_rng(2).integers(0, 256, (11, 13, 3), np.uint8)
    Image.fromarray(image).save(tmp_path / "image.png")
    kernel = cnnfilter.library.Kernel("deep", "deep", np.arange(18.0).reshape(3, 2, 3))
    expected = cnnfilter.conv2d(np.moveaxis(image, -1, 0).astype(float), kernel.weights[None])[0]
    for to in DEEP:
        pytest.importorskip("torch") if to == "torch" else None
        run_python(tmp_path, export([kernel], to).decode())
        assert np.allclose(np.load(tmp_path / "out.npy"), expected, rtol=1e-6)


@pytest.mark.parametrize("spec", [SPECS[1], ODD_SPECS[3]])
def test_torch(folder, spec):
    pytest.importorskip("torch")
    run_python(folder, text(spec, "torch"))
    assert np.allclose(np.load(folder / "out.npy"), ours(spec), rtol=0, atol=1e-3)


@pytest.mark.parametrize("spec", [SPECS[0], SPECS[3], ODD_SPECS[2]])
def test_scipy(folder, spec):
    pytest.importorskip("scipy")
    run_python(folder, text(spec, "scipy"))
    assert np.allclose(np.load(folder / "out.npy"), ours(spec, "symmetric"), rtol=0, atol=1e-9)


@pytest.mark.parametrize("spec", [SPECS[0], SPECS[3], ODD_SPECS[2]])
def test_opencv(folder, spec):
    pytest.importorskip("cv2")
    run_python(folder, text(spec, "opencv"))
    difference = pixels(folder / "out.png") - as_bytes(ours(spec, "reflect"))
    assert np.abs(difference).max() <= 1
    assert (difference != 0).mean() < 0.01  # halves that single precision rounds the other way


@pytest.mark.parametrize("spec", SPECS)
def test_pillow(folder, spec):
    run_python(folder, text(spec, "pillow"))
    rows, columns = (size // 2 for size in cnnfilter.load_kernel(spec).weights.shape)
    inside = pixels(folder / "out.png")[rows:-rows, columns:-columns]
    expected = np.clip(np.floor(ours(spec) + cnnfilter.load_kernel(spec).offset + 0.5), 0, 255)
    assert np.abs(inside - expected).max() <= 1
    assert (inside != expected).mean() < 0.01


@pytest.mark.parametrize("spec", [*SPECS[:4], *ODD_SPECS])
def test_imagemagick(folder, spec):
    real = shutil.which("convert-im6.q16") or shutil.which("magick")
    if real is None:
        pytest.skip("ImageMagick is not installed")
    (folder / "bin").mkdir()
    (folder / "bin" / "convert").symlink_to(real)  # some systems have another program of that name
    in_shell(folder, f'PATH="$PWD/bin:$PATH"\n{text(spec, "imagemagick")}')
    difference = pixels(folder / "out.png") - np.clip(ours(spec, "replicate"), 0, 255)
    assert np.abs(difference).max() <= 1


@pytest.mark.parametrize("spec", [*SPECS, *ODD_SPECS])
def test_vips(folder, spec):
    if shutil.which("vips") is None:
        pytest.skip("libvips' command vips is not installed")
    in_shell(folder, text(spec, "vips"))
    assert np.allclose(pixels(folder / "out.tif"), ours(spec, "replicate"), rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("spec", [*SPECS, *ODD_SPECS[:2]])
def test_gmic(folder, spec):
    if shutil.which("gmic") is None:
        pytest.skip("G'MIC is not installed")
    in_shell(folder, text(spec, "gmic"))
    assert np.allclose(pixels(folder / "out.tif"), ours(spec, "replicate"), rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("spec", [*SPECS, *ODD_SPECS])
def test_ffmpeg(folder, spec):
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed")
    in_shell(folder, text(spec, "ffmpeg"))
    rows, columns = (size // 2 for size in cnnfilter.load_kernel(spec).weights.shape)
    got = pixels(folder / "out.png")[rows : -rows or None, columns : -columns or None]
    exact = np.clip(ours(spec, "replicate"), 0, 255)[rows : -rows or None, columns : -columns or None]
    assert np.abs(got - exact).max() <= 0.5 + 1e-6  # a half may be rounded up or down


@pytest.mark.parametrize("spec", [SPECS[3], ODD_SPECS[3]])
def test_c(folder, spec):
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler is installed")
    (folder / "kernel.c").write_text(text(spec, "c"))
    Image.fromarray(PICTURE).save(folder / "image.pgm")
    flags = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-O2"]
    subprocess.run([compiler, *flags, "kernel.c", "-o", "kernel"], cwd=folder, check=True)
    in_shell(folder, "./kernel < image.pgm > out.csv")
    assert np.allclose(np.loadtxt(folder / "out.csv", delimiter=","), ours(spec), rtol=0, atol=1e-9)


@pytest.mark.parametrize("spec", [*SPECS, "gabor:theta=30", "bank:kirsch", "pillow-emboss"])
@pytest.mark.parametrize("to", FILES)
def test_files_hold_the_same_kernels(tmp_path, spec, to):
    kernels = cnnfilter.library.load_kernels(spec)
    path = tmp_path / f"mine.{to}"
    path.write_bytes(export(kernels, to))
    again = cnnfilter.library.load_kernels(str(path))
    assert len(again) == len(kernels)
    for kernel, copy in zip(kernels, again, strict=True):
        assert np.abs(copy.weights - kernel.weights).max() <= 1e-12 * np.abs(kernel.weights).max()
        if to != "npy":
            assert copy.offset == kernel.offset


#: Kernels that the tools have functions of their own for.
OWN = {
    "opencv": ["sobel-x", "gaussian:sigma=2", "box:size=4", "gabor:theta=30,psi=20,sigma=2", "emboss"],
    "scipy": ["gaussian:sigma=2", "log:sigma=1.2", "prewitt-y", "box:size=2,5", ".1 .2; .3 .4"],
    "pillow": ["box", "gaussian:sigma=2", "contour", "emboss", "sobel-x"],
    "imagemagick": ["sobel-y", "gaussian:sigma=1.2", "kirsch-n", "sharpen", "roberts-2"],
    "torch": ["gaussian:sigma=1", "box:size=2"],
}


@pytest.mark.parametrize(("to", "spec"), [(to, spec) for to, specs in OWN.items() for spec in specs])
def test_code_gives_what_as_gives(cnnfilter_run, folder, to, spec):
    if to in ("opencv", "scipy", "torch"):
        pytest.importorskip({"opencv": "cv2"}.get(to, to))
    if to == "imagemagick" and shutil.which("convert-im6.q16") is None:
        pytest.skip("ImageMagick 6 is not installed")
    code = cnnfilter_run("kernels", "export", spec, "--to", to).out
    in_shell(folder, code.replace("convert ", "convert-im6.q16 ")) if to == "imagemagick" else run_python(folder, code)
    done = cnnfilter_run("convolve", "image.png", "-k", spec, "--as", to, "-f", "npy", "-o", "ours.npy")
    assert done.code == 0, done.err
    ours_as = np.load(folder / "ours.npy")
    theirs = np.load(folder / "out.npy") if (folder / "out.npy").exists() else pixels(folder / "out.png")
    assert np.abs(ours_as - theirs).max() <= (1e-3 if to in ("scipy", "torch") else 0), code


def test_every_target_is_one_or_the_other():
    assert set(TARGETS) == set(PROGRAMS) | set(FILES)


@pytest.mark.parametrize(
    ("spec", "to", "kind", "message"),
    [
        ("sobel-x", "opencb", UnknownNameError, "unknown export target 'opencb' (did you mean opencv"),
        ("bank:kirsch", "c", ParameterError, "--to c takes one kernel, these are 8"),
        ("sobel-7-x", "pillow", ShapeError, "Pillow takes kernels of 3x3 or 5x5, got 7x7"),
        ("[[[1,2]],[[3,4]],[[5,6]]]", "vips", ShapeError, "is 3 channels deep, and vips filters channels one by one"),
    ],
)
def test_what_cannot_be_exported(spec, to, kind, message):
    with pytest.raises(kind) as caught:
        export(cnnfilter.library.load_kernels(spec), to)
    assert message in str(caught.value)


def test_the_command(cnnfilter_run, tmp_path):
    assert cnnfilter_run("kernels", "export", "sobel-x", "--to", "yaml").out.startswith("# sobel-x: ")
    done = cnnfilter_run("kernels", "export", "bank:kirsch", "--to", "npy", "-o", "bank.npy")
    assert (done.code, done.out) == (0, "")
    assert np.load(tmp_path / "bank.npy").shape == (8, 1, 3, 3)
    assert "'my photo.png'" in cnnfilter_run("kernels", "export", "box", "--to", "gmic", "--image", "my photo.png").out
