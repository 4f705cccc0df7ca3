"""Pictures in terminals that can show them."""

import io

import numpy as np
import pytest
from rich.console import Console

from cnnfilter.views.graphics import graphics, print_pictures


def test_no_terminal_gets_no_pictures():
    graphics.cache_clear()
    assert graphics() is None


def test_sixel_and_kitty_get_their_own_bytes(monkeypatch):
    renderable = pytest.importorskip("textual_image.renderable")
    tile = np.zeros((4, 5, 1), np.uint8)
    tile[1, 2] = 255
    out = Console(file=io.StringIO(), force_terminal=True, width=80)
    print_pictures(out, [("map 0", tile)], renderable.SixelImage)
    text = out.file.getvalue()
    assert "map 0" in text
    assert "\x1bP" in text  # a device control string: sixels begin so
    assert text.count("#0") >= 1
    sent = []
    monkeypatch.setattr("textual_image.renderable.tgp._send_tgp_message", lambda **words: sent.append(words))
    print_pictures(out, [("map 0", tile)], renderable.TGPImage)
    assert sent
