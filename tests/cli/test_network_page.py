"""A network on one page: every layer a column, the classes as bars."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cnnfilter.images.draw import PAPER
from cnnfilter.images.network_page import Column, NetworkPage, draw_network

DIGITS = Path(__file__).parents[2] / "samples" / "digits"
NETWORK, SEVEN = str(DIGITS / "digits.yaml"), str(DIGITS / "digit-7.png")


@pytest.mark.parametrize("name", ["net.png", "net.jpg", "net.webp", "net.tiff"])
def test_the_digits_stand_on_a_slide(cnnfilter_run, tmp_path, name):
    path = tmp_path / name
    done = cnnfilter_run("run", NETWORK, SEVEN, "-o", path)
    assert (done.code, done.err) == (0, "")
    assert f"wrote {path}" in done.out
    with Image.open(path) as page:
        assert page.size == (1600, 900)
        pixels = np.asarray(page.convert("RGB")).astype(int)
    marked = (np.abs(pixels - np.array(PAPER)) > 60).any(axis=2)
    columns = marked[246:826].any(axis=0)
    assert columns[60:1500].mean() > 0.6  # maps from left to right
    assert not columns[:50].any()


def test_a_pdf_has_one_page_and_the_same_bytes(cnnfilter_run, tmp_path):
    made = []
    for name in ("a.pdf", "b.pdf"):
        assert cnnfilter_run("run", NETWORK, SEVEN, "-o", tmp_path / name, "-q").code == 0
        made.append((tmp_path / name).read_bytes())
    assert made[0] == made[1]
    assert made[0].startswith(b"%PDF-")
    assert b"/Count 1" in made[0]


def test_a_page_shows_one_picture_and_overwrites_none(cnnfilter_run, tmp_path):
    done = cnnfilter_run("run", NETWORK, SEVEN, str(DIGITS / "digit-3.png"), "-o", tmp_path / "net.png")
    assert done.code == 2
    assert "a page shows one picture, got 2" in done.err
    picture = tmp_path / "mine.png"
    picture.write_bytes(Path(SEVEN).read_bytes())
    done = cnnfilter_run("run", NETWORK, picture, "-o", picture)
    assert done.code == 2
    assert picture.read_bytes() == Path(SEVEN).read_bytes()


def test_layers_that_are_saved_are_files_as_before(cnnfilter_run, tmp_path):
    assert cnnfilter_run("run", NETWORK, SEVEN, "--save", "conv1", "-o", tmp_path / "maps.png", "-q").code == 0
    with Image.open(tmp_path / "maps.png") as sheet:
        assert sheet.size != (1600, 900)


def test_more_layers_make_a_wider_page():
    tile = np.zeros((4, 4, 3), np.uint8)
    names = ["<b>&amp;", "\x1b[31mred", "\u202eright to left", "x" * 300]
    columns = tuple(Column(names[index % 4], ("conv", "1 x 4 x 4"), (tile,) * 16, "16 of 99") for index in range(40))
    page = draw_network(
        NetworkPage("t" * 400, "n" * 900, columns, (("c" * 300, 1.0, "1.0000"), ("b", 0.0, "0.0000")), "softmax")
    )
    assert page.shape[0] == 900
    assert page.shape[1] > 40 * 100
    assert draw_network(NetworkPage("t", "", (), (), "")).shape == (900, 1600, 3)
