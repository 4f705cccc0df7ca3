"""Measure a folder of photos side by side with other tools: ``python tests/benchmarks/batch.py --help``."""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from commands import MAGICK_KERNEL, VIPS_MATRIX, scene
from measure import Row, commands_in_turns

OPENCV_POOL = """
import sys
from multiprocessing import Pool
from pathlib import Path
import cv2
import numpy as np
KERNEL = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], np.float32)
def one(name):
    image = cv2.imread(name, cv2.IMREAD_UNCHANGED)
    edges = cv2.convertScaleAbs(cv2.filter2D(image, cv2.CV_32F, KERNEL))
    cv2.imwrite(str(Path(sys.argv[2], Path(name).name)), edges)
if __name__ == "__main__":
    cv2.setNumThreads(1)
    with Pool(2) as pool:
        pool.map(one, sorted(map(str, Path(sys.argv[1]).glob("*.png"))))
"""


def main() -> None:
    """Make the photos, run each pair in turns, print a row each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=300, metavar="N")
    parser.add_argument("--seconds", type=float, default=20.0, help="about so long for each row")
    parser.add_argument("--only", default="", metavar="PEER")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        photos(folder / "in", options.photos)
        (folder / "pool.py").write_text(OPENCV_POOL)
        (folder / "sobel.mat").write_text(VIPS_MATRIX)
        work = f"{options.photos} photos 512 x 512, sobel-x"
        for peer, target, ours, theirs, missing in cases(folder):
            if options.only not in peer:
                continue
            if missing:
                print(Row(work, peer, 2, target, skipped=missing).line())
                continue
            times = commands_in_turns(ours, theirs, options.seconds, str(folder / "pyc"), lambda: empty(folder))
            print(Row(work, peer, 2, target, *times).line(), flush=True)


def empty(folder: Path) -> None:
    """Let both write to an empty folder: to replace a file takes a file system longer than to make one."""
    for name in ("ours", "theirs"):
        shutil.rmtree(folder / name, ignore_errors=True)
    (folder / "theirs").mkdir()


def photos(folder: Path, count: int) -> None:
    """Make RGB pictures like photographs."""
    import numpy as np
    from PIL import Image

    folder.mkdir()
    for index in range(count):
        planes = [scene(512, 512, 3 * index + channel) for channel in range(3)]
        Image.fromarray(np.dstack(planes)).save(folder / f"photo-{index:05}.png", compress_level=6)


def cases(folder: Path):
    """Yield the peer, the ratio to reach, our command, theirs, and what is missing."""
    inputs, theirs = folder / "in", folder / "theirs"

    def batch(*words: str) -> list[str]:
        return [sys.executable, "-m", "cnnfilter", "batch", str(inputs), "-k", "sobel-x", "-o", str(folder / "ours"),
                "-q", "-j", "2", *words]  # fmt: skip

    yield "OpenCV, pool of two", 0.9, batch(), [sys.executable, str(folder / "pool.py"), str(inputs), str(theirs)], ""
    vips = (
        f"ls {inputs} | VIPS_CONCURRENCY=1 xargs -P2 -I% vips conv {inputs}/% {theirs}/%[compression=1] "
        f"{folder}/sobel.mat"
    )
    yield "xargs -P2 vips conv", 0.25, batch(), ["sh", "-c", vips], "" if shutil.which("vips") else "no vips here"
    mogrify = shutil.which("mogrify") or shutil.which("mogrify-im6.q16")
    words = [
        mogrify or "",
        "-path",
        str(theirs),
        "-define",
        "convolve:scale=1",
        "-morphology",
        "Convolve",
        MAGICK_KERNEL,
    ]
    yield (
        "mogrify",
        0.2,
        batch(),
        [*words, *map(str, sorted(inputs.glob("*.png")))],
        "" if mogrify else "no mogrify here",
    )
    yield "itself without --cluster local:2", 1.3, batch("--cluster", "local:2"), batch(), ""


if __name__ == "__main__":
    main()
