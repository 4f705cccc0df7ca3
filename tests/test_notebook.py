"""What notebooks show of kernels, banks, networks and maps."""

import io
import pickle
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import cnnfilter
from cnnfilter import draw_maps, load_kernel, run_network
from cnnfilter.errors import CnnFilterError
from cnnfilter.library.kernel import FilterBank, Kernel
from cnnfilter.networks import load_network

SAMPLES = Path(__file__).parents[1] / "samples"


class Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.texts = [], []

    def handle_starttag(self, tag, attributes):
        if tag != "img":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def read(html):
    reader = Reader()
    reader.feed(html)
    assert reader.open == []
    return reader.texts


def test_a_kernel_shows_its_numbers():
    texts = read(load_kernel("sobel-x")._repr_html_())
    assert texts[0] == "sobel-x"
    assert [float(text) for text in texts[2:]] == [-1, 0, 1, -2, 0, 2, -1, 0, 1]


@pytest.mark.parametrize("shape", [(1, 1), (3, 3, 3), (31, 31), (100, 2, 2)])
def test_kernels_of_any_shape(shape):
    read(Kernel("k", "k", np.ones(shape))._repr_html_())
    read(Kernel("k", "k", np.zeros(shape))._repr_html_())


def test_a_hostile_name_is_text():
    for shown in (
        Kernel("a\x1b[31m\u202eb", "k", np.ones((2, 2))),
        feature_maps({"a\x1b[31m\u202eb": np.ones((2, 2, 2))}),
    ):
        assert not {"\x1b", "\u202e"} & set(shown._repr_html_())
    html = Kernel("<script>alert(1)</script>", "k", np.ones((2, 2)), title="a & b")._repr_html_()
    assert "<script" not in html
    assert read(html)[:2] == ["<script>alert(1)</script>", "a & b"]


def test_a_bank_and_a_network():
    assert read(load_kernel("bank:laws-5")._repr_html_()).count("1") > 25
    texts = read(load_network(SAMPLES / "digits" / "digits.yaml")._repr_html_())
    assert "digits: 10 layers, 6,090 numbers" in texts
    assert "conv1" in texts


def feature_maps(outputs):
    """Return maps as `run_network` does."""
    return type(run_network(SAMPLES / "digits" / "digits.yaml", np.zeros((8, 8))))(outputs)


def opened(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


@pytest.mark.parametrize("shape", [(3, 3), (1, 1), (31, 31), (3, 3, 3), (100, 2, 2), (2, 7, 7)])
def test_a_kernel_is_a_picture_too(shape):
    weights = np.linspace(-1, 1, int(np.prod(shape))).reshape(shape)
    colours = {tuple(one) for one in opened(Kernel("<k>" * 100, "k", weights)._repr_png_()).reshape(-1, 3)}
    assert len(colours) > 5
    assert ((231, 126, 35) in colours) == (shape not in [(1, 1), (3, 3, 3)])  # the largest, where it is above 0
    assert opened(Kernel("k", "k", np.zeros(shape))._repr_png_()).size


def test_a_bank_is_a_sheet():
    few, many = load_kernel("bank:laws-3")._repr_png_(), load_kernel("bank:laws-5")._repr_png_()
    assert opened(many).shape[0] > opened(few).shape[0]
    assert opened(FilterBank("one", (load_kernel("box"),))._repr_png_()).size


def test_a_network_is_a_picture_of_its_weights():
    network = load_network(SAMPLES / "digits" / "digits.yaml")
    page = opened(network._repr_png_())
    assert page.shape == (900, 1600, 3)
    assert (page == (231, 126, 35)).all(axis=-1).any()


def test_maps_show_themselves_and_stay_a_dict():
    network = load_network(SAMPLES / "digits" / "digits.yaml")
    maps = run_network(network, SAMPLES / "digits" / "digit-7.png")
    html = maps._repr_html_()
    texts = read(html)
    assert texts[0] == "digits"
    assert texts[1].startswith("conv1: 16 x 8 x 8, -")
    assert len(re.findall(r'<img alt="[^"]*" src="data:image/png;base64,', html)) == len(maps)
    assert opened(maps._repr_png_()).shape == (900, 1600, 3)
    again = pickle.loads(pickle.dumps(maps))
    assert (type(again), list(again), again.network) == (type(maps), list(maps), "digits")
    assert isinstance(maps, dict)
    assert type(maps.copy()) is type(maps)
    assert maps.fromkeys(["a"]) == {"a": None}


def test_a_network_of_very_many_layers_is_cut():
    layers = {f"layer-{number}": np.ones((2, 3, 3)) for number in range(60)}
    maps = feature_maps(layers)
    assert "and 12 more layers" in maps._repr_html_()
    assert opened(maps._repr_png_()).shape[1] < 6000


def test_of_a_batch_the_first_picture_is_shown():
    network = load_network(SAMPLES / "digits" / "digits.yaml")
    batch = np.random.default_rng(0).random((3, 1, 8, 8)) * 16
    first, many = run_network(network, batch[0]), run_network(network, batch)
    assert read(many._repr_html_())[0] == "digits, picture 0 of 3"
    assert read(many._repr_html_())[1:] == read(first._repr_html_())[1:]


def test_maps_of_any_form_are_drawn():
    image = cnnfilter.read_image(SAMPLES / "scene.png")
    bank = cnnfilter.conv2d(image, "bank:laws-3")
    colour = cnnfilter.conv2d(np.stack([image] * 3), "bank:laws-3")
    assert np.array_equal(draw_maps(bank, names=range(9)), draw_maps(bank))
    assert draw_maps(colour, scale="each", ground="dark").mode == "RGB"
    assert draw_maps(bank[0], colormap="viridis").size == draw_maps(bank[0]).size
    assert draw_maps([0.1, 0.9], names=["cat", "dog"]).width > draw_maps([0.1, 0.9], longest=200).width
    for strange in (np.nan, np.inf):
        assert [198, 60, 160] in np.asarray(draw_maps(np.full((2, 3, 4), strange))).reshape(-1, 3).tolist()
    assert [198, 60, 160] not in np.asarray(draw_maps(np.full((2, 3, 4), 1e300))).reshape(-1, 3).tolist()
    assert max(draw_maps(bank, longest=150).size) <= 150


@pytest.mark.parametrize(
    ("maps", "words", "said"),
    [
        ({"conv1": [[1.0]]}, {}, "a dict of 1"),
        (np.zeros((0, 3, 3)), {}, r"got \(0, 3, 3\)"),
        (3.0, {}, r"got \(\)"),
        (np.zeros((2, 3, 3)), {"names": ["a"]}, "1 names for 2 maps"),
        (np.zeros((2, 3, 3)), {"scale": "al"}, "unknown scale 'al'"),
        (np.zeros((2, 3, 3)), {"display": "sharp"}, "unknown display"),
        (np.zeros((2, 3, 3)), {"colormap": "virids"}, "viridis"),
        (np.zeros((2, 3, 3)), {"columns": 0}, "columns"),
        (np.zeros((2, 3, 3)), {"columns": 1.5}, "columns"),
        (np.zeros((2, 3, 3)), {"longest": 10}, "longest must be a whole number"),
        (np.zeros(40), {"names": ["a"] * 40}, "without names"),
        ({}, {}, "a dict of 0"),
        (np.zeros((2, 3, 3), complex), {}, "real"),
    ],
)
def test_what_cannot_be_drawn_is_said(maps, words, said):
    with pytest.raises(CnnFilterError, match=said):
        draw_maps(maps, **words)


def test_large_kernels_are_small_pictures():
    pages = [load_kernel(f"gabor:size={side}")._repr_html_() for side in (25, 1001)]
    assert all("<img" in page for page in pages)
    assert max(map(len, pages)) < 200_000
    read(pages[1])


def test_maps_that_somebody_put_in():
    maps = feature_maps({"a": np.ones((2, 2, 2))})
    maps["mine"] = [1.0, 2.0, 3.0]
    assert "mine: 3, 1 to 3" in maps._repr_html_()
    maps["words"] = "abc"
    with pytest.raises(CnnFilterError, match="layer 'words' must hold real numbers"):
        maps._repr_html_()


@pytest.mark.parametrize("longest", [float("nan"), float("inf"), 99, 300.5, "400"])
def test_a_longest_side_that_is_none(longest):
    with pytest.raises(CnnFilterError, match="whole number of pixels, at least 100"):
        draw_maps(np.ones((2, 2)), longest=longest)
