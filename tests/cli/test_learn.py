"""`learn` as its users see it: the file that it writes makes the same picture."""

import json

import numpy as np
import pytest
from PIL import Image

from cnnfilter.images import read_image


@pytest.mark.parametrize("ending", ["yaml", "json", "npy"])
def test_the_file_makes_the_same_picture(cnnfilter_run, samples, tmp_path, ending):
    scene = samples / "scene.png"
    assert cnnfilter_run("convolve", scene, "-k", "sharpen", "-o", "a.png", "-q").code == 0
    done = cnnfilter_run("learn", scene, "a.png", "--size", "3", "-o", f"k.{ending}")
    assert (done.code, "closest kernel  sharpen" in done.out) == (0, True), done.err
    assert "whole windows leave (valid)" in done.err
    assert cnnfilter_run("convolve", scene, "-k", f"k.{ending}", "-o", "b.png", "-q", "--display", "clip").code == 0
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), read_image(tmp_path / "b.png"))


def test_json_is_the_contracts(cnnfilter_run, samples):
    scene = samples / "scene.png"
    assert cnnfilter_run("convolve", scene, "-k", "sobel-x", "-o", "a.npy", "-q", "-p", "same").code == 0
    found = json.loads(cnnfilter_run("learn", scene, "a.npy", "--json").out)
    assert {"weights", "bias", "residual", "condition", "closest"} <= set(found)
    assert (found["closest"]["spec"], np.round(found["weights"], 6).tolist()[1]) == ("sobel-x", [-2, 0, 2])


@pytest.mark.parametrize("ending", ["gif", "webp"])
def test_a_film_shows_the_kernel_on_its_way(cnnfilter_run, samples, tmp_path, ending):
    scene = samples / "scene.png"
    assert cnnfilter_run("convolve", scene, "-k", "sobel-x", "-o", "a.npy", "-q").code == 0
    done = cnnfilter_run("learn", scene, "a.npy", "--method", "sgd", "--film", f"x.{ending}")
    assert (done.code, "closest kernel  sobel-x" in done.out) == (0, True), done.err
    with Image.open(tmp_path / f"x.{ending}") as film:
        assert film.n_frames > 40
        first = np.asarray(film.convert("RGB")).astype(int)
        film.seek(film.n_frames - 1)
        assert (np.asarray(film.convert("RGB")) != first).any()


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("scene.png",), "takes pairs"), (("scene.png", "scene.png", "--size", "x"), "size"),
        (("scene.png", "scene.png", "-o", "k.txt"), "ends in .yaml"), (("scene.png", "none.png"), "none.png"),
        (("scene.png", "letter-6x6.csv"), "as large as before"),
        (("scene.png", "scene.png", "--ridge", "-1"), "--ridge"),
        (("scene.png", "scene.png", "--film", "x.gif"), "--method sgd"),
        (("scene.png", "scene.png", "--method", "sgd", "--film", "x.mp4"), ".gif or .webp"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line(cnnfilter_run, samples, words, reason):
    placed = [samples / word if word.endswith((".png", ".csv")) else word for word in words]
    done = cnnfilter_run("learn", *placed)
    assert (done.code in (2, 3), len(done.err.splitlines())) == (True, 1), done.err
    assert reason in done.err
