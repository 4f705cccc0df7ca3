"""What notebooks show of kernels, banks and networks."""

from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from cnnfilter import load_kernel
from cnnfilter.library.kernel import Kernel
from cnnfilter.networks import load_network

SAMPLES = Path(__file__).parents[2] / "samples"


class Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.texts = [], []

    def handle_starttag(self, tag, attributes):
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
    html = Kernel("<script>alert(1)</script>", "k", np.ones((2, 2)), title="a & b")._repr_html_()
    assert "<script" not in html
    assert read(html)[:2] == ["<script>alert(1)</script>", "a & b"]


def test_a_bank_and_a_network():
    assert read(load_kernel("bank:laws-5")._repr_html_()).count("1") > 25
    texts = read(load_network(SAMPLES / "digits" / "digits.yaml")._repr_html_())
    assert "digits: 10 layers, 6,090 numbers" in texts
    assert "conv1" in texts
