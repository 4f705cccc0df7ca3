"""What a job may take at its peak, measured in fresh processes."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

STATUS = Path("/proc/self/status")
pytestmark = pytest.mark.skipif(not STATUS.exists(), reason="the system does not tell the peak of one program")

ROWS, COLUMNS = 3000, 4000
MEGA = 1 << 20


def peak(code):
    """Return the peak resident bytes of a fresh interpreter that runs `code`.

    ``ru_maxrss`` will not do: a child starts with its parent's.
    """
    ending = f"\nprint(open({str(STATUS)!r}).read().split('VmHWM:')[1].split()[0])"
    done = subprocess.run([sys.executable, "-c", code + ending], capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-1]) * 1024


@pytest.fixture(scope="module")
def bare():
    return peak("import numpy, PIL.Image")


def test_a_picture_to_a_picture_never_holds_the_float_map(tmp_path, bare):
    from cnnfilter.images.png import encode_png

    source, target = tmp_path / "large.png", tmp_path / "out.png"
    pixels = (np.arange(ROWS * COLUMNS, dtype=np.uint32).reshape(ROWS, COLUMNS) * 7919 >> 12).astype(np.uint8)
    source.write_bytes(encode_png(pixels))
    code = f"""
import sys
from cnnfilter.cli import main
try:
    main(["convolve", {str(source)!r}, "-k", "sobel-x", "-o", {str(target)!r}, "-q", "--threads", "2"])
except SystemExit as done:
    assert not done.code, done.code
"""
    assert peak(code) - bare < 60 * MEGA
    assert target.stat().st_size > 0


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_a_convolution_takes_its_input_and_output_and_a_constant(bare, padding):
    arrays = 2 * ROWS * COLUMNS * 4
    code = f"""
import numpy, cnnfilter
image = numpy.ones(({ROWS}, {COLUMNS}), numpy.float32)
cnnfilter.conv2d(image, numpy.arange(9.0).reshape(3, 3), padding={padding!r}, threads=2)
"""
    assert peak(code) - bare < arrays + 32 * MEGA


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Return folders with a large and a tiny picture of each kind, under the same names."""
    from cnnfilter.images.png import encode_png
    from cnnfilter.images.tiff import encode_tiff

    folders, noise = [], np.random.default_rng(1)
    for name, rows, columns in (("large", ROWS, COLUMNS), ("tiny", 40, 50)):
        folder = tmp_path_factory.mktemp(name)
        values = np.arange(rows * columns, dtype=np.uint32).reshape(rows, columns) * 7919 >> 12
        gray = values.astype(np.uint8)
        (folder / "gray.png").write_bytes(encode_png(gray))
        (folder / "rgb.png").write_bytes(encode_png(np.stack([gray, gray.T.reshape(rows, columns), ~gray], axis=-1)))
        np.save(folder / "float.npy", values.astype(np.float32))
        (folder / "float.tif").write_bytes(encode_tiff(noise.random((rows, columns, 1), np.float32)))
        folders.append(folder)
    return folders


@pytest.mark.parametrize(
    "words",
    [
        ["rgb.png", "-k", "sobel-x"],
        ["gray.png", "-k", "sobel-x", "-f", "json"],
        ["gray.png", "-k", "sobel-x", "-k", "sobel-y", "-f", "npy", "--stack"],
        ["gray.png", "-k", "sobel-x", "-k", "sobel-y", "--stack"],
        ["gray.png", "-k", "sobel-x", "-k", "sobel-y", "--combine", "angle", "-f", "npy"],
        ["gray.png", "-k", "sobel-x", "-k", "sobel-5-y", "--combine", "magnitude", "-p", "same"],
        ["gray.png", "-k", "sobel-x", "-a", "relu", "--pool", "avg:3:1:pad=1"],
        ["gray.png", "-k", "sobel-x", "--pool", "fractional-max:2"],
        ["gray.png", "-k", "sobel-x", "--pool", "global-avg"],
        ["rgb.png", "-k", "sobel-x", "-a", "softmax", "-f", "npz"],
        ["rgb.png", "-k", "sobel-x", "-f", "jpg"],
        ["gray.png", "-k", "sobel-x", "--display", "percentile:99"],
        ["rgb.png", "-k", "sobel-x", "--preview"],
        ["float.npy", "-k", "sobel-x", "-f", "csv", "--flatten"],
        ["gray.png", "-k", "sobel-x", "--dtype", "float64", "--table"],
        ["gray.png", "-k", "sobel-x", "--pool", "max:2", "--zoom", "3"],
        ["gray.png", "-k", "sobel-x", "-f", "tiff", "--zoom", "2"],
        ["gray.png", "-k", "sobel-x", "--colormap", "viridis", "-f", "jpg"],
        ["gray.png", "-k", "sobel-x", "-k", "blur", "-f", "npy", "--scale", "shared"],
        ["gray.png", "-k", "sobel-x", "-k", "blur", "--scale", "shared", "--display", "percentile:99"],
        ["gray.png", "-k", "sobel-x", "-k", "blur", "--stack", "--scale", "shared", "--zoom", "2"],
        ["float.tif", "-k", "sobel-x", "-f", "tiff"],
        ["float.tif", "-k", "sobel-x", "-f", "tiff", "--zoom", "2"],
        ["gray.png", "-k", "sobel-x", "-k", "blur", "--preview"],
    ],
    ids=" ".join,
)
def test_a_run_takes_what_its_plan_says(pictures, words):
    figures = []
    for folder in pictures:
        line = [str(folder / words[0]), *words[1:], "--threads", "2"]
        code = f"""
import os, sys, tempfile
from cnnfilter.cli import main
os.chdir(tempfile.mkdtemp(dir={str(folder)!r}))
try:
    main(["convolve", *{line!r}, "-q"])
except SystemExit as done:
    assert not done.code, done.code
"""
        figures.append(peak(code))
    output = subprocess.run(
        [sys.executable, "-m", "cnnfilter", "plan", pictures[0] / words[0], *words[1:], "--threads", "2", "--json"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    planned = json.loads(output)["peak_bytes"]
    assert planned > 50 * MEGA
    assert 0.7 <= (figures[0] - figures[1]) / planned <= 1.6
