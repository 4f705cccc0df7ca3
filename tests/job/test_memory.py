"""What a job may take at its peak, measured in fresh processes."""

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
