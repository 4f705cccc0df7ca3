"""The samples: small, readable, and the worked examples that they are."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cnnfilter.dumps.read import read_grid
from cnnfilter.images.read import open_picture

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
PICTURES = {
    "scene.png": ((1, 512, 512), np.uint8),
    "scene.jpg": ((3, 512, 512), np.uint8),
    "scene-16bit.png": ((1, 256, 256), np.uint16),
    "scene-color.png": ((4, 400, 400), np.uint8),
    "zone-plate.png": ((1, 384, 384), np.uint8),
}


@pytest.mark.parametrize("name", PICTURES)
def test_pictures(name):
    picture = open_picture(SAMPLES / name)
    shape, dtype = PICTURES[name]
    assert (picture.shape, picture.dtype, picture.notes) == (shape, dtype, ())
    assert (SAMPLES / name).stat().st_size <= 200_000
    values = picture.array()
    assert values.max() > 0.95 * picture.white
    assert len(np.unique(values)) > 200
    if picture.has_alpha:
        assert {0, 255} < set(np.unique(values[-1]).tolist())
    if dtype == np.uint16:
        assert len(np.unique(values)) > 10_000


def test_grids():
    letter = read_grid(SAMPLES / "letter-6x6.csv")
    kernel = np.array([[0, 0, 1], [0, 1, 0], [1, 0, 0]])
    assert letter.shape == (6, 6)
    assert (letter[:3, :3] * kernel).sum() == 3
    assert (letter[:3, 1:4] * kernel).sum() == 1
    np.testing.assert_array_equal(letter, letter.T)
    blocks = read_grid(SAMPLES / "pool-4x4.csv").reshape(2, 2, 2, 2).swapaxes(1, 2)
    np.testing.assert_array_equal(blocks.max(axis=(2, 3)), [[6, 8], [3, 4]])
    assert blocks[0, 0].ravel().tolist() == [1, 0, 4, 6]
    assert read_grid(SAMPLES / "scores.csv").tolist() == [2.5, 1.8, 0.2]
    assert read_grid(SAMPLES / "grid-5x5.csv").sum() == 13
    smiley = read_grid(SAMPLES / "smiley-7x7.csv")
    np.testing.assert_array_equal(smiley, smiley[:, ::-1])


def test_every_sample_is_described():
    text = (SAMPLES / "README.md").read_text("utf-8")
    for path in SAMPLES.iterdir():
        if path.suffix in (".csv", ".png", ".jpg"):
            assert f"`{path.name}`" in text


@pytest.mark.long
def test_the_script_makes_them(tmp_path):
    subprocess.run([sys.executable, str(SAMPLES / "make_samples.py"), str(tmp_path)], check=True)
    made = {path.name for path in tmp_path.iterdir()}
    assert made == {path.name for path in SAMPLES.iterdir() if path.suffix in (".csv", ".png", ".jpg")}
    for name in made:
        differences = open_picture(tmp_path / name).array(float) - open_picture(SAMPLES / name).array(float)
        assert np.abs(differences).mean() < 1e-3 * open_picture(SAMPLES / name).white
