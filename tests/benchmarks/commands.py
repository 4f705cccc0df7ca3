"""Whole commands, start-up included: a picture in, sobel-x, a picture out."""

import contextlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

#: Sobel's kernel as vips and ImageMagick want it.
VIPS_MATRIX = "3 3 1 0\n-1 0 1\n-2 0 2\n-1 0 1\n"
MAGICK_KERNEL = "3x3: -1,0,1 -2,0,2 -1,0,1"
#: ImageMagick's names: version 7, version 6 as Debian calls it, version 6.
MAGICKS = ("magick", "convert-im6.q16", "convert")

OPENCV_SCRIPT = """
import sys
import cv2
import numpy as np
image = cv2.imread(sys.argv[1], cv2.IMREAD_UNCHANGED)
kernel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], np.float32)
cv2.imwrite(sys.argv[2], cv2.convertScaleAbs(cv2.filter2D(image, cv2.CV_32F, kernel)))
"""


@dataclass(frozen=True)
class Command:
    """One comparison of whole commands."""

    work: str
    peer: str
    target: float
    ours: list[str]
    theirs: list[str]
    missing: str = ""


@contextlib.contextmanager
def pictures(megapixels: float) -> Iterator[Path]:
    """Make the inputs in a folder that goes away: like photographs, smooth with some noise."""
    from PIL import Image

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = round((megapixels * 1e6 * 3 / 4) ** 0.5)
        for file, height, width in (("gray.png", rows, rows * 4 // 3), ("small.png", 512, 512)):
            Image.fromarray(scene(height, width, 0)).save(folder / file, compress_level=6)
        color = np.dstack([scene(rows, rows * 4 // 3, channel) for channel in range(3)])
        Image.fromarray(color).save(folder / "color.jpg", quality=90)
        (folder / "sobel.mat").write_text(VIPS_MATRIX)
        (folder / "opencv.py").write_text(OPENCV_SCRIPT)
        yield folder


def scene(rows: int, columns: int, seed: int) -> np.ndarray:
    """Return hills with edges and a little noise, 8-bit."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    hills = 90 * np.sin(x / 97 + seed) * np.cos(y / 71) + 30 * np.sign(np.sin(x / 31 + y / 53)) + 128
    noise = rng.normal(0, 2.5, hills.shape).astype(np.float32)
    return np.clip(hills + noise, 0, 255).astype(np.uint8)


def cases(folder: Path) -> Iterator[Command]:
    """Yield the comparisons."""
    for work, source, targets in (
        ("command: gray PNG to PNG", "gray.png", (0.45, 1.2, 0.15, 0.9)),
        ("command: colour JPEG to PNG", "color.jpg", (0.4, 1.2, 0.15, 1.2)),
    ):
        ours = _ours(folder, source)
        for (peer, command), target in zip(_peers(folder, source), targets, strict=True):
            missing = "" if shutil.which(command[0]) else f"no {command[0]} here"
            yield Command(work, peer, target, ours, command, missing)
    bare = [sys.executable, "-c", "import numpy"]
    yield Command("command: 512x512 PNG", "python -c 'import numpy'", 2.5, _ours(folder, "small.png"), bare)


def _ours(folder: Path, source: str) -> list[str]:
    program = Path(sys.executable).with_name("cnnfilter")
    return [str(program), "convolve", str(folder / source), "-k", "sobel-x", "-o", str(folder / "ours.png"), "-q"]


def _peers(folder: Path, source: str) -> list[tuple[str, list[str]]]:
    image, matrix = str(folder / source), str(folder / "sobel.mat")
    out = str(folder / "theirs.png")
    magick = next((name for name in MAGICKS if shutil.which(name)), MAGICKS[0])
    return [
        ("vips conv", ["vips", "conv", image, out, matrix]),
        ("vips conv, compression=1", ["vips", "conv", image, f"{out}[compression=1]", matrix]),
        ("ImageMagick", [magick, image, "-morphology", "Convolve", MAGICK_KERNEL, out]),
        ("OpenCV script", [sys.executable, str(folder / "opencv.py"), image, out]),
    ]


def versions() -> list[str]:
    """Return the programs that were found, with their versions."""
    found = []
    for program, flag in (("vips", "--version"), *((name, "-version") for name in MAGICKS)):
        if shutil.which(program):
            line = subprocess.run([program, flag], capture_output=True, text=True, check=False).stdout
            found.append(" ".join(line.split()[:3]).removeprefix("Version: "))
    return found[:2]
