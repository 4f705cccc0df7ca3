"""`--as imagemagick` against ImageMagick 6 Q16: at most one step of 255 apart, and hardly anywhere."""

import json
import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image

import cnnfilter

MAGICK = shutil.which("convert-im6.q16")
pytestmark = pytest.mark.skipif(MAGICK is None, reason="ImageMagick 6 Q16 (convert-im6.q16) is not installed")


SPECS = ["sobel-y", "box:size=3", ".1 .2; .3 .4", "1 2 3 4", "1; -1"]


@pytest.mark.parametrize("name", ["scene.png", "scene-color.png"])
def test_pixels_are_those_of_imagemagick(cnnfilter_run, samples, tmp_path, name):
    words = [word for spec in SPECS for word in ("-k", spec)]
    done = cnnfilter_run("convolve", samples / name, *words, "--as", "imagemagick", "--json")
    assert done.code == 0, done.err
    for spec, result in zip(SPECS, json.loads(done.out)["results"], strict=True):
        rows = cnnfilter.load_kernel(spec).weights.tolist()
        text = f"{len(rows[0])}x{len(rows)}: " + " ".join(",".join(map(repr, row)) for row in rows)
        command = [MAGICK, samples / name, "-alpha", "off", "-morphology", "Convolve", text, "-depth", "8", "their.png"]
        subprocess.run(command, check=True, cwd=tmp_path)
        with Image.open(tmp_path / result["outputs"][0]) as ours, Image.open(tmp_path / "their.png") as theirs:
            mode = "L" if ours.mode == "L" else "RGB"
            difference = np.asarray(ours.convert(mode)).astype(int) - np.asarray(theirs.convert(mode))
        assert np.abs(difference).max() <= 1, spec
        assert (difference != 0).mean() < 1e-4, spec
