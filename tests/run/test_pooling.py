"""Every pooling through the commands: values, names, records, transparency."""

import json

import numpy as np
import pytest
from PIL import Image

import cnnfilter

RNG = np.random.default_rng(21)
IMAGE = RNG.integers(0, 256, (3, 17, 23), np.uint8)
VALUES = IMAGE.astype(np.float32)

POOLINGS = {
    "max:2": lambda x: cnnfilter.pool2d(x, "max", 2),
    "avg:3:2": lambda x: cnnfilter.pool2d(x, "avg", 3, stride=2),
    "min:2,3:1:ceil": lambda x: cnnfilter.pool2d(x, "min", (2, 3), stride=1, ceil_mode=True),
    "sum:3:pad=1": lambda x: cnnfilter.pool2d(x, "sum", 3, padding=1),
    "lp:2:p=3": lambda x: cnnfilter.pool2d(x, "lp", 2, p=3),
    "max:3:2:dilation=2:pad=1": lambda x: cnnfilter.pool2d(x, "max", 3, stride=2, dilation=2, padding=1),
    "avg:4:pad=2:ceil:count-include-pad=no": lambda x: cnnfilter.pool2d(
        x, "avg", 4, padding=2, ceil_mode=True, count_include_pad=False
    ),
    "avg:3:1:pad=same": lambda x: cnnfilter.pool2d(x, "avg", 3, stride=1, padding="same"),
    "avg:3:1:pad=1,0,2,1": lambda x: cnnfilter.pool2d(x, "avg", 3, stride=1, padding=((1, 0), (2, 1))),
    "global-avg": lambda x: cnnfilter.global_pool2d(x, "avg")[:, None, None],
    "global-min": lambda x: cnnfilter.global_pool2d(x, "min")[:, None, None],
    "adaptive-avg:3": lambda x: cnnfilter.adaptive_pool2d(x, 3, "avg"),
    "adaptive-max:3,4": lambda x: cnnfilter.adaptive_pool2d(x, (3, 4), "max"),
    "fractional-max:2": lambda x: cnnfilter.fractional_pool2d(x, 2, output_ratio=2**-0.5, seed=0),
    "fractional-avg:2:out=9,11:seed=5": lambda x: cnnfilter.fractional_pool2d(
        x, 2, output_size=(9, 11), kind="avg", seed=5
    ),
}


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "picture.png"
    Image.fromarray(np.moveaxis(IMAGE, 0, -1).copy()).save(path)
    return path


@pytest.mark.parametrize("text", POOLINGS)
def test_pool_is_python_s(cnnfilter_run, picture, tmp_path, text):
    assert cnnfilter_run("pool", "picture.png", "--pool", text, "-o", "made.npy").code == 0
    np.testing.assert_array_equal(np.load(tmp_path / "made.npy"), POOLINGS[text](VALUES))


@pytest.mark.parametrize("text", POOLINGS)
def test_convolve_pools_last(cnnfilter_run, picture, tmp_path, text):
    words = ["-k", "sobel-x", "-p", "same", "-a", "leaky-relu:negative_slope=0.5", "--pool", text]
    assert cnnfilter_run("convolve", "picture.png", *words, "-o", "made.npy").code == 0
    maps = cnnfilter.activate(cnnfilter.conv2d(VALUES, "sobel-x", padding="same"), "leaky-relu", negative_slope=0.5)
    made, expected = np.load(tmp_path / "made.npy"), POOLINGS[text](maps)
    np.testing.assert_allclose(made, expected, rtol=1e-6, atol=1e-4)
    planned = json.loads(cnnfilter_run("plan", "picture.png", *words, "--json").out)
    assert planned["plans"][0]["output"] == list(made.shape)


def test_batch_pools_as_convolve_does(cnnfilter_run, picture, tmp_path):
    words = ["-k", "sobel-x", "--pool", "fractional-max:2:seed=3"]
    assert cnnfilter_run("convolve", "picture.png", *words, "-o", "one.npy").code == 0
    done = cnnfilter_run("batch", "picture.png", *words, "-f", "npy", "-o", "out", "-j", "0", "-q")
    assert done.code == 0, done.err
    np.testing.assert_array_equal(np.load(tmp_path / "one.npy"), np.load(tmp_path / "out/picture.sobel-x.npy"))


def test_names_and_records_tell_settings_apart(cnnfilter_run, picture, tmp_path):
    texts = ["avg:3:1", "avg:3,1", "avg:3:1:pad=1", "avg:3:1:pad=same", "global-avg", "adaptive-avg:3", "avg:3:ceil"]
    texts += ["fractional-max:2", "fractional-max:2:seed=1"]
    for text in texts:
        assert cnnfilter_run("pool", "picture.png", "--pool", text, "-f", "json").code == 0
    made = {path.name: json.loads(path.read_text())["parameters"]["pool"] for path in tmp_path.glob("*.json")}
    assert len(made) == len(texts)
    assert made["picture.fractional-max-2.json"]["output_ratio"] == [1 / np.sqrt(2)] * 2
    assert made["picture.global-avg.json"] == {"kind": "avg", "mode": "global"}
    assert made["picture.adaptive-avg-3.json"] == {"kind": "avg", "mode": "adaptive", "output_size": [3, 3]}
    assert made["picture.avg-3-1-pad=1.json"] == {
        "kind": "avg", "mode": "window", "size": [3, 3], "stride": [1, 1], "padding": "1", "dilation": 1,
        "ceil_mode": False, "count_include_pad": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("max:2", [0, 2, 4, 6, 8]),
        ("max:3:2:pad=1", [0, 2, 4, 6, 8]),
        ("max:3:3:pad=1:ceil", [0, 3, 6, 9]),
        ("max:3:1:dilation=2", [2, 3, 4, 5, 6, 7]),
        ("global-max", [5]),
        ("adaptive-max:3", [1, 4, 7]),  # rows 0-3, 3-6, 6-9
        ("fractional-max:2:out=4", [0, 2, 5, 8]),
    ],
)
def test_transparency_is_that_of_the_middle(cnnfilter_run, tmp_path, text, rows):
    pixels = np.full((10, 10, 4), 9, np.uint8)
    pixels[..., 3] = np.arange(10)[:, None] * 10
    Image.fromarray(pixels).save(tmp_path / "faded.png")
    assert cnnfilter_run("pool", "faded.png", "--pool", text, "-o", "made.png").code == 0
    with Image.open(tmp_path / "made.png") as image:
        assert (np.asarray(image)[:, 0, 3] // 10).tolist() == rows


@pytest.mark.parametrize("command", ["pool", "convolve", "batch", "plan"])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("globl-avg", "did you mean global-avg"),
        ("sum", "needs the size of its windows"),
        ("max:2:cell", "did you mean ceil?"),
        ("adaptive-avg", "needs the size of its result"),
        ("max:2:pad=sme", "did you mean same?"),
    ],
)
def test_a_wrong_word_costs_nothing(cnnfilter_run, picture, tmp_path, command, text, message):
    words = [] if command == "pool" else ["-k", "sobel-x"]
    done = cnnfilter_run(command, "picture.png", *words, "--pool", text, *(["-o", "out/"] if command != "plan" else []))
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert message in done.err
    assert list(tmp_path.iterdir()) == [picture]


def test_a_note_says_what_was_chosen(cnnfilter_run, picture):
    done = cnnfilter_run("pool", "picture.png", "--pool", "fractional-max:2", "-o", "a.npy")
    assert "leaves 1/sqrt(size) = 0.7071 of rows and columns, its windows drawn from seed 0" in done.err
    assert cnnfilter_run("pool", "picture.png", "--pool", "fractional-max:2:ratio=0.7", "-o", "b.npy").err == ""
