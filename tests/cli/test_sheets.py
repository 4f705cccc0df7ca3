"""Tables of filters and pictures of numbers, as a user meets them."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cnnfilter.images.colour import STRANGE

SAMPLES = Path(__file__).parents[2] / "samples"
NETWORK, SEVEN = SAMPLES / "digits" / "digits.yaml", SAMPLES / "digits" / "digit-7.png"


def size_of(path):
    with Image.open(path) as picture:
        return picture.size


def test_a_family_of_filters_on_a_picture(cnnfilter_run, tmp_path):
    path = tmp_path / "t.png"
    done = cnnfilter_run("kernels", "sheet", "--family", "sharpening", "--image", SAMPLES / "scene.jpg", "-o", path)
    assert (done.code, done.err) == (0, "")
    width, height = size_of(path)
    assert width == 1600
    assert height > 1000
    named = cnnfilter_run("kernels", "sheet", "sobel-x", "bank:kirsch", "--image", SAMPLES / "scene.png", "-o", path)
    assert "9 kernels" in named.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--family", "nope", "--image", "x.png"], "unknown family"),
        (["sobel-x"], "--image FILE"),
        ([], "takes kernels, or --family"),
        (["sobel-x", "--image", "no.png"], "No such file"),
        (["random:seed=0..200/1", "--image", str(SAMPLES / "scene.png")], "120 kernels at most"),
    ],
)
def test_a_table_that_cannot_be_drawn(cnnfilter_run, tmp_path, words, said):
    done = cnnfilter_run("kernels", "sheet", *words, "-o", tmp_path / "t.png")
    assert done.code in (2, 3)
    assert said in done.err
    assert not (tmp_path / "t.png").exists()


def test_numbers_as_a_picture(cnnfilter_run, tmp_path):
    done = cnnfilter_run("show", SAMPLES / "pool-4x4.csv", "-o", tmp_path / "grid.png")
    assert done.code == 0
    assert f"wrote {tmp_path / 'grid.png'}" in done.out
    assert size_of(tmp_path / "grid.png")[0] == 640
    assert cnnfilter_run("show", SAMPLES / "scene.png", "--at", "200,200", "-o", tmp_path / "part.png").code == 0
    assert size_of(tmp_path / "part.png")[0] == 1600
    refused = cnnfilter_run("show", SAMPLES / "pool-4x4.csv", "-o", tmp_path / "grid.npy")
    assert refused.code == 2
    np.save(tmp_path / "odd.npy", np.array([[np.nan, np.inf], [0, -1e300]]))
    assert cnnfilter_run("show", tmp_path / "odd.npy", "-o", tmp_path / "odd.png").code == 0


@pytest.mark.parametrize(
    "words",
    [
        ["convolve", "grid-5x5.csv", "-k", "sobel-x"],
        ["pool", "grid-5x5.csv", "--pool", "max:2"],
        ["activate", "grid-5x5.csv", "-a", "relu"],
        ["run", "digits/digits.yaml", "digits/digit-7.png", "--layer", "conv1"],
    ],
)
def test_heat_prints_the_numbers_that_the_table_prints(cnnfilter_run, tmp_path, monkeypatch, words):
    placed = [str(SAMPLES / word) if "." in word else word for word in words]
    monkeypatch.chdir(tmp_path)
    table, heat = (cnnfilter_run(*placed, flag) for flag in ("--table", "--heat"))
    assert table.code == heat.code == 0
    assert table.out == heat.out  # but for the colours, which no pipe gets


def painted(path):
    with Image.open(path) as picture:
        return {
            tuple(colour) for colour in np.unique(np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0).tolist()
        }


@pytest.mark.parametrize(
    "words",
    [
        ["show", "a.npy", "-o", "x.png"],
        ["convolve", "a.npy", "-k", "identity", "-k", "box", "--stack", "-o", "x.png"],
        ["convolve", "deep.npy", "-k", "identity", "-o", "x.png"],
        ["run", SAMPLES / "digits" / "digits.yaml", "a.npy", "-o", "x.png"],
        ["run", SAMPLES / "digits" / "digits.yaml", "a.npy", "--save", "conv1", "-o", "x.tiff"],
    ],
)
def test_what_is_no_number_has_a_colour_of_its_own(cnnfilter_run, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    values = np.arange(64.0).reshape(8, 8) - 20
    values[2, 3], values[5, 5] = np.nan, np.inf
    np.save("a.npy", values)
    np.save("deep.npy", np.stack([values] * 5))
    assert cnnfilter_run(*words).code == 0
    assert STRANGE in painted(words[-1])
    np.save("a.npy", np.nan_to_num(values, posinf=0))
    np.save("deep.npy", np.nan_to_num(np.stack([values] * 5), posinf=0))
    assert cnnfilter_run(*words).code == 0
    assert STRANGE not in painted(words[-1])


def test_flags_of_sheets_are_not_taken_in_silence_where_there_is_none(cnnfilter_run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    digits = [SAMPLES / "digits" / "digits.yaml", SAMPLES / "digits" / "digit-7.png"]
    for flag in (["--ground", "dark"], ["--columns", "3"], ["--with-input"], ["--with-kernels"], ["--zoom", "2"]):
        done = cnnfilter_run("run", *digits, "-o", "n.png", *flag)
        assert (done.code, f"{flag[0]} is about contact sheets" in done.err) == (2, True)
    done = cnnfilter_run("convolve", SAMPLES / "grid-5x5.csv", "-k", "box", "--columns", "3", "-o", "x.png")
    assert (done.code, "no contact sheet was made" in done.err) == (0, True)
    done = cnnfilter_run("run", *digits, "-o", "n.svg")
    assert (done.code, ".png, .jpg, .jpeg, .webp" in done.err) == (2, True)


def test_a_page_shows_the_layers_that_are_asked_for(cnnfilter_run, tmp_path):
    digits = [SAMPLES / "digits" / "digits.yaml", SAMPLES / "digits" / "digit-7.png"]
    pages = []
    for words in ([], ["--layer", "conv*"]):
        assert cnnfilter_run("run", *digits, "-o", tmp_path / "n.png", *words).code == 0
        pages.append(np.asarray(Image.open(tmp_path / "n.png")))
    assert not np.array_equal(*pages)


def test_one_channel_of_many(cnnfilter_run, tmp_path):
    values = np.arange(24.0).reshape(4, 2, 3)
    np.save(tmp_path / "maps.npy", values)
    done = cnnfilter_run("show", tmp_path / "maps.npy", "--channel", "2", "--json")
    assert [done.code, done.err] == [0, ""]
    assert json.loads(done.out)["results"][0]["mean"] == values[2].mean()
    for channel in ("0", "2"):
        assert (
            cnnfilter_run("show", tmp_path / "maps.npy", "--channel", channel, "-o", tmp_path / f"{channel}.png").code
            == 0
        )
    assert (tmp_path / "0.png").read_bytes() != (tmp_path / "2.png").read_bytes()
    refused = cnnfilter_run("show", tmp_path / "maps.npy", "--channel", "4")
    assert refused.code == 2
    assert "maps.npy' has no channel 4: they go from 0 to 3" in refused.err


@pytest.mark.parametrize("words", [["--save", "all", "-o", "out/"], ["-o", "net.png"]])
def test_drawings_of_too_many_pixels_are_refused(cnnfilter_run, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    done = cnnfilter_run("run", NETWORK, SEVEN, *words, "--max-pixels", "100000")
    assert done.code in (2, 3)
    assert "over the limit of 100000 (--max-pixels" in done.err
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_stack_keeps_to_the_pixels_that_it_may_have(cnnfilter_run, tmp_path):
    words = ["convolve", SEVEN, "-k", "sobel-x", "-k", "sobel-y", "--stack", "-o", tmp_path / "s.png"]
    assert cnnfilter_run(*words).code == 0
    width, height = size_of(tmp_path / "s.png")
    assert cnnfilter_run(*words, "--max-pixels", width * height).code == 0
    done = cnnfilter_run(*words, "--max-pixels", width * height - 1)
    assert f"the drawing has {width} x {height}" in done.err


def test_kernels_that_cannot_stand_beside_their_maps_are_said(cnnfilter_run, tmp_path):
    done = cnnfilter_run("run", NETWORK, SEVEN, "--save", "conv*", "-o", f"{tmp_path}/", "--with-kernels")
    assert done.code == 0
    assert "layer conv2: no kernels beside its maps" in done.err
    assert "conv1" not in done.err


def test_what_is_not_finite_has_its_colour_in_a_table_of_filters(cnnfilter_run, tmp_path):
    values = np.ones((40, 40), np.float32)
    values[20, 20] = np.nan
    np.save(tmp_path / "hole.npy", values)
    table = tmp_path / "t.png"
    done = cnnfilter_run("kernels", "sheet", "box", "--image", tmp_path / "hole.npy", "-o", table)
    assert done.code == 0
    with Image.open(table) as picture:
        strange = (np.asarray(picture.convert("RGB")) == STRANGE).all(axis=2)
    assert strange.sum() > 9  # the cell itself, and those of the filter's map
