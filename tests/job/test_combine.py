"""Several maps combined into one, against NumPy."""

import json

import numpy as np
import pytest
from PIL import Image

import cnnfilter
from cnnfilter.job.combine import COMBINERS, combine
from cnnfilter.job.options import COMBINATIONS

IMAGE = np.random.default_rng(8).integers(0, 256, (3, 21, 26), np.uint8)
ORACLES = {
    "magnitude": lambda maps: np.sqrt((maps.astype(np.float64) ** 2).sum(axis=0)),
    "max": lambda maps: maps.max(axis=0),
    "min": lambda maps: maps.min(axis=0),
    "sum": lambda maps: maps.sum(axis=0),
    "mean": lambda maps: maps.mean(axis=0),
    "argmax": lambda maps: maps.argmax(axis=0),
}


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "picture.png"
    Image.fromarray(np.moveaxis(IMAGE, 0, -1).copy()).save(path)
    return path


def maps_of(*specs, image=IMAGE, **options):
    return np.stack([cnnfilter.conv2d(image, spec, **options) for spec in specs])


def test_every_word_has_a_function_and_an_oracle():
    assert set(COMBINERS) == set(COMBINATIONS) == set(ORACLES)


@pytest.mark.parametrize("how", COMBINERS)
def test_one_map_for_each_channel(cnnfilter_run, picture, tmp_path, how):
    words = ["-k", "sobel-x", "-k", "sobel-y", "-k", "laplacian-8", "--combine", how]
    done = cnnfilter_run("convolve", "picture.png", *words, "-f", "npy", "-f", "png")
    assert done.code == 0, done.err
    expected = ORACLES[how](maps_of("sobel-x", "sobel-y", "laplacian-8"))
    assert np.allclose(np.load(tmp_path / f"picture.{how}.npy"), expected, rtol=1e-6, atol=0)
    with Image.open(tmp_path / f"picture.{how}.png") as image:
        assert image.size == (24, 19)
        assert image.mode == "RGB"


@pytest.mark.parametrize("channels", ["gray", "sum"])
def test_channels_become_one_before_maps_do(cnnfilter_run, picture, tmp_path, channels):
    words = ["-k", "sobel-x", "-k", "sobel-y", "--combine", "magnitude", "--channels", channels]
    assert cnnfilter_run("convolve", "picture.png", *words, "-f", "npy").code == 0
    weights = {"gray": [0.299, 0.587, 0.114], "sum": [1, 1, 1]}[channels]
    image = np.tensordot(weights, IMAGE, 1).astype(np.float32)
    expected = ORACLES["magnitude"](maps_of("sobel-x", "sobel-y", image=image))
    assert np.allclose(np.load(tmp_path / "picture.magnitude.npy"), expected, rtol=1e-4, atol=1e-2)


def test_kernels_of_several_sizes_where_the_maps_have_one(cnnfilter_run, picture, tmp_path):
    words = ["-k", "sobel-x", "-k", "sobel-5-x", "--combine", "max", "--padding", "same", "--bias", "3"]
    assert cnnfilter_run("convolve", "picture.png", *words, "-f", "npy").code == 0
    expected = maps_of("sobel-x", "sobel-5-x", padding="same", bias=3).max(axis=0)
    assert np.array_equal(np.load(tmp_path / "picture.max.npy"), expected)


def test_maps_of_several_sizes_are_refused_with_their_sizes(cnnfilter_run, picture, tmp_path):
    done = cnnfilter_run("convolve", "picture.png", "-k", "sobel-x", "-k", "sobel-5-x", "--combine", "max")
    assert done.code == 3
    assert "--combine max needs maps of one size, got sobel-x 3 x 19 x 24, sobel-5-x 3 x 17 x 22" in done.err
    assert list(tmp_path.iterdir()) == [picture]


def test_activation_and_pooling_come_after(cnnfilter_run, picture, tmp_path):
    words = ["-k", "sobel-x", "-k", "sobel-y", "--combine", "min", "-a", "relu", "--pool", "max:2"]
    assert cnnfilter_run("convolve", "picture.png", *words, "-f", "npy").code == 0
    smallest = np.maximum(maps_of("sobel-x", "sobel-y").min(axis=0), 0)
    assert np.array_equal(np.load(tmp_path / "picture.min.npy"), cnnfilter.pool2d(smallest, "max", 2))


def test_pictures_dumps_and_tables_agree(cnnfilter_run, picture, tmp_path):
    words = ["-k", "sobel-x", "-k", "sobel-y", "--combine", "magnitude", "--channels", "gray"]
    done = cnnfilter_run("convolve", "picture.png", *words, "--json", "-f", "json", "-f", "png")
    (result,) = json.loads(done.out)["results"]
    assert result["kernel"] == "magnitude"
    assert result["spec"] == "magnitude(sobel-x, sobel-y)"
    assert result["display"] == "abs 0..255"
    document = json.loads((tmp_path / "picture.magnitude.json").read_text())
    assert document["parameters"]["combine"] == "magnitude"
    assert list(document["parameters"]["kernels"]) == ["sobel-x", "sobel-y"]
    with Image.open(tmp_path / "picture.magnitude.png") as image:
        assert np.array_equal(np.asarray(image), np.clip(np.rint(document["data"]), 0, 255))


def test_the_direction_of_a_compass(cnnfilter_run, tmp_path):
    np.save(tmp_path / "step.npy", np.repeat([[0.0], [100.0]], [4, 4], axis=0) @ np.ones((1, 7)))
    assert cnnfilter_run("convolve", "step.npy", "-k", "bank:kirsch", "--combine", "argmax", "-o", "way.npy").code == 0
    ways = np.load(tmp_path / "way.npy")
    bank = cnnfilter.load_kernel("bank:kirsch")
    strongest = max(range(8), key=lambda k: (bank[k].weights * [[0], [0], [1]]).sum())
    assert set(ways[2]) == {float(strongest)}


def test_nan_is_never_the_largest():
    maps = np.array([[[[1.0, np.nan]]], [[[2.0, 5.0]]]])
    assert np.array_equal(combine("argmax", maps), [[[1.0, np.nan]]], equal_nan=True)


def test_a_word_that_is_none(cnnfilter_run, picture):
    done = cnnfilter_run("convolve", "picture.png", "-k", "sobel-x", "--combine", "magnitud")
    assert done.code == 2
    assert "unknown combination 'magnitud' (did you mean magnitude?)" in done.err
