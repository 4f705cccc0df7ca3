"""Passports: the page in the terminal, as JSON, and as a picture."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import cnnfilter
from cnnfilter.library import search_path
from cnnfilter.library.catalog import shipped_folder
from cnnfilter.library.passport import passport

EXPECTED = Path(__file__).with_name("expected")


def lines(text):
    return [line.rstrip() for line in text.replace(f"{shipped_folder()}/", "kernels/").splitlines()]


@pytest.mark.parametrize("name", ["sobel-x", "laplacian-8"])
def test_the_page(cnnfilter_run, name):
    done = cnnfilter_run("kernels", "show", name, env={"COLUMNS": "400"})  # the folder's own name may be long
    assert (done.code, done.err) == (0, "")
    assert lines(done.out) == lines((EXPECTED / f"passport-{name}.txt").read_text())


def test_a_narrow_terminal_has_the_response_below(cnnfilter_run):
    done = cnnfilter_run("kernels", "show", "sobel-x", env={"COLUMNS": "60"})
    assert max(len(line) for line in done.out.splitlines()) <= 60
    assert "frequency response" in done.out


@pytest.mark.parametrize(
    ("spec", "passes", "clipping"),
    [
        ("identity", "all-pass", "nothing"),
        ("box", "low-pass", "nothing"),
        ("gaussian:sigma=2", "low-pass", "nothing"),
        ("laplacian", "high-pass", "below 0 and above 255"),
        ("gabor:zero-mean=true", "band-pass", "below 0 and above 255"),
        ("sharpen", "emphasis", "below 0 and above 255"),
        ("0 0 0; 0 -1 0; 0 0 0", "all-pass", "below 0"),
        ("0", "nothing passes", "nothing"),
    ],
)
def test_words_for_what_it_does(spec, passes, clipping):
    facts = passport(cnnfilter.load_kernel(spec), search_path())
    assert facts.passes.startswith(passes)
    assert facts.clipping.endswith(clipping)


def test_bounds_are_reached():
    kernel = cnnfilter.load_kernel("emboss")
    facts = passport(kernel, search_path())
    brightest = np.where(kernel.weights > 0, 255, 0)
    assert cnnfilter.conv2d(brightest, kernel)[0, 0] == facts.high
    assert cnnfilter.conv2d(255 - brightest, kernel)[0, 0] == facts.low


def test_json_has_every_fact(cnnfilter_run):
    (facts,) = json.loads(cnnfilter_run("kernels", "show", "scharr-x", "--json").out)["kernels"]
    assert facts["exact"] == {"scale": "1", "numbers": [[-3, 0, 3], [-10, 0, 10], [-3, 0, 3]]}
    assert facts["rank"] == 1
    (pair,) = facts["factors"]
    assert np.allclose(np.outer(pair["column"], pair["row"]), facts["weights"])
    assert facts["bounds_8bit"] == [-4080.0, 4080.0]
    assert "skimage" in facts["variants"]
    assert facts["place"].rpartition(":")[0].endswith("kernels/gradients.json")


def test_a_name_in_two_files(cnnfilter_run, tmp_path):
    (tmp_path / "own").mkdir()
    own = tmp_path / "own" / "mine.yaml"
    own.write_text("kernels:\n  sobel-x: {title: Mine, family: own, source: me, matrix: 1 0 -1}\n")
    done = cnnfilter_run("kernels", "show", "sobel-x", "--kernel-dir", "own", env={"COLUMNS": "200"})
    assert done.code == 0
    assert "Mine" in done.out
    assert any(line.startswith("hides") and "kernels/gradients.json" in line for line in done.out.splitlines())
    (facts,) = json.loads(cnnfilter_run("kernels", "show", "sobel-x", "--kernel-dir", "own", "--json").out)["kernels"]
    assert [Path(path).name for path in facts["hides"]] == ["gradients.json"]


@pytest.mark.parametrize("spec", ["sobel-x", "gabor:theta=30", "gaussian:size=101,sigma=20", "1 2 3 4", "0 0; 0 0"])
def test_a_page_is_drawn(cnnfilter_run, tmp_path, spec):
    done = cnnfilter_run("kernels", "show", spec, "-o", "page.png")
    assert (done.code, done.out) == (0, "wrote page.png: 1 kernel\n")
    with Image.open(tmp_path / "page.png") as page:
        assert page.size == (1600, 900)
        pixels = np.asarray(page.convert("RGB")).astype(int)
    assert (pixels[:4] == 255).all()  # nothing runs over the edge
    assert (pixels[:, -4:] == 255).all()
    blue, orange = pixels[..., 2] - pixels[..., 0] > 60, pixels[..., 0] - pixels[..., 2] > 60
    left = np.s_[180:640, :540]  # the cells
    weights = cnnfilter.load_kernel(spec).weights
    assert blue[left].any() == (weights < 0).any()
    assert orange[left].any() == (weights > 0).any()


@pytest.mark.parametrize(
    ("name", "message"),
    [("page.pgn", "unknown picture format 'pgn' (did you mean png"), ("page", "unknown picture format ''")],
)
def test_a_page_needs_a_picture_format(cnnfilter_run, name, message):
    done = cnnfilter_run("kernels", "show", "sobel-x", "-o", name)
    assert done.code == 2
    assert message in done.err
