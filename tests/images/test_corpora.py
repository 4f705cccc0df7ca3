"""Real files that others collected: right pixels, or one of our errors, and never anything else."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from corpora import corpus
from PIL import Image, ImageOps

from cnnfilter.errors import ImageError
from cnnfilter.images.read import open_picture

#: Opens every file of a folder as the program would, with 3 GB of memory at most.
SURVIVOR = """
import json, resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
from cnnfilter.errors import CnnFilterError
from cnnfilter.images.read import open_picture
for path in sorted(Path(sys.argv[1]).rglob("*")):
    if path.is_file():
        try:
            picture = open_picture(path)
            picture.array()
            said = ""
        except CnnFilterError as error:
            said = f"{type(error).__name__}: {error}"
        print(json.dumps([str(path), said]), flush=True)
"""


@pytest.mark.parametrize(
    "name", ["pillow", "pngsuite", "exif-orientation", "numpy-npy", "json-suite", "pyyaml", "csv-injection"]
)
def test_no_file_leaks_an_exception_crashes_or_prints(name):
    folder = corpus(name)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SURVIVOR, str(folder)],
        capture_output=True, text=True, check=False, timeout=300, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), done.stdout.splitlines()[-1:]
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(results) == sum(path.is_file() for path in folder.rglob("*"))
    for path, said in results:
        assert said == "" or said.split(":")[0] in ("ImageError", "ResourceError")
        assert said.isprintable()
        assert said == "" or path in said
        assert "Traceback" not in said


def suite(pattern):
    return sorted((corpus("pngsuite") / "png").rglob(pattern))


def test_pngsuite_to_the_last_bit():
    compared = 0
    for path in suite("[!x]*.png"):
        picture = open_picture(path)
        assert all(note.endswith("left out: the values are taken as they are stored") for note in picture.notes)
        values = picture.array()
        colours = values[:-1] if picture.has_alpha else values
        alpha = values[-1:] if picture.has_alpha else np.full_like(values[:1], picture.white)
        seen = np.concatenate([np.broadcast_to(colours, (3, *colours.shape[1:])), alpha])
        expected = np.array(json.loads((corpus("pngsuite") / "json" / f"{path.stem}.json").read_text()))
        np.testing.assert_array_equal(seen.transpose(1, 2, 0).ravel(), expected, err_msg=path.name)
        compared += 1
    assert compared == 161


def flagged(path):
    """Whether a damaged picture is refused, or opened with a warning."""
    try:
        return bool(open_picture(path).notes)
    except ImageError:
        return True


def test_every_corrupt_png_is_flagged():
    files = suite("x*.png")
    assert len(files) == 14
    assert [path.name for path in files if not flagged(path)] == []


@pytest.mark.parametrize("kind", ["Landscape", "Portrait"])
def test_all_orientations_show_the_same_picture(kind):
    folder = corpus("exif-orientation")
    first = open_picture(folder / f"{kind}_1.jpg")
    assert first.shape == ((3, 1200, 1800) if kind == "Landscape" else (3, 1800, 1200))
    small = first.array().astype(float)[:, ::7, ::7]
    for number in range(9):
        other = open_picture(folder / f"{kind}_{number}.jpg")
        assert other.shape == first.shape
        differences = np.abs(other.array().astype(float)[:, ::7, ::7] - small)
        assert differences.mean() < 5, number  # each file was compressed by itself
        with Image.open(folder / f"{kind}_{number}.jpg") as stored:
            turned = np.asarray(ImageOps.exif_transpose(stored)).transpose(2, 0, 1)
        np.testing.assert_array_equal(other.array(), turned)
        span = (101, 399)
        np.testing.assert_array_equal(other.rows(*span), other.array()[:, slice(*span)])


def whole_files():
    """Some valid files of every format."""
    folder = corpus("pillow") / "Tests" / "images"
    kinds = [
        sorted(folder.glob(f"*.{kind}"))[:40:5] for kind in ("gif", "jpg", "bmp", "ppm", "pgm", "webp", "tif", "tiff")
    ]
    return [path for paths in kinds for path in paths] + suite("[!x]*.png")[::20]


def test_cut_files_are_refused_unless_nothing_is_missing():
    files = whole_files()
    opened = 0
    for path in files:
        data = path.read_bytes()
        try:
            expected = open_picture(data).array()
        except ImageError:
            continue
        opened += 1
        for percent in range(5, 100, 5):
            try:
                cut = open_picture(data[: len(data) * percent // 100])
            except ImageError:
                continue
            if not cut.notes:
                np.testing.assert_array_equal(cut.array(), expected, err_msg=f"{path.name} at {percent}%")
    assert opened >= 20


def test_not_even_a_ghostscript_is_started(tmp_path):
    path = tmp_path / "picture.png"
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n")
    with pytest.raises(ImageError, match="EPS is not supported"):
        open_picture(path)
