"""Pictures in the terminal: their colours, and how many fit beside each other."""

import io

import numpy as np
import pytest
from rich.console import Console

from cnnfilter.images.colour import colour_table
from cnnfilter.images.resize import shrink
from cnnfilter.views.maps import previews, ramps


def printed(segments, *, color):
    stream = io.StringIO()
    out = Console(
        file=stream, width=200, force_terminal=color, color_system="truecolor" if color else None, no_color=not color
    )
    out.print(segments, end="")
    return stream.getvalue()


def named(count, width=40, height=20):
    return [(f"map-{index}", np.full((height, width, 1), 40 * index, np.uint8)) for index in range(count)]


@pytest.mark.parametrize(("count", "width", "across"), [(1, 80, 1), (3, 100, 3), (3, 80, 2), (5, 70, 2), (4, 20, 1)])
def test_as_many_as_fit_stand_side_by_side(count, width, across):
    lines = printed(previews(named(count), width=width, height=40, color=False), color=False).splitlines()
    assert [line.count("map-") for line in lines if "map-" in line] == [
        min(across, count - start) for start in range(0, count, across)
    ]
    assert max(map(len, lines)) <= width


def test_small_maps_take_little_room():
    lines = printed(previews(named(6, width=5, height=5), width=80, height=40, color=False), color=False).splitlines()
    assert lines[0].split() == [f"map-{index}" for index in range(6)]


def test_long_names_are_cut_to_their_pictures():
    long = [("n" * 90, np.zeros((4, 40, 1), np.uint8)), ("猫" * 40, np.zeros((4, 40, 1), np.uint8))]
    lines = printed(previews(long, width=64, height=10, color=False), color=False).splitlines()
    assert lines[0].startswith("n" * 20)
    assert "...  猫" in lines[0]


def test_colours_are_those_of_the_pixels():
    pixels = np.array([[[200, 10, 30], [0, 0, 255]], [[1, 2, 3], [4, 5, 6]]], np.uint8)
    text = printed(previews([("a", pixels)], width=20, height=10, color=True), color=True)
    assert "38;2;200;10;30" in text
    assert "48;2;1;2;3" in text


def test_nothing_but_characters_without_colours():
    text = printed(previews(named(2), width=100, height=40, color=False), color=False)
    assert "\x1b" not in text
    assert text.isascii()


def test_shrinking_takes_the_mean():
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8, 1)
    small = shrink(pixels, 4, 4)
    assert np.array_equal(small[..., 0], pixels.reshape(4, 2, 4, 2).mean(axis=(1, 3)).round())


@pytest.mark.parametrize(
    ("shape", "room"), [((7, 5), (3, 3)), ((10, 10), (4, 4)), ((9, 31), (2, 7)), ((1, 64), (1, 20))]
)
def test_a_cell_that_two_share_counts_for_both(shape, room):
    """Every cell as many times as the result has rows and columns: then no cell is shared."""
    pixels = np.random.default_rng(1).integers(0, 256, (*shape, 1)).astype(np.uint8)
    small = shrink(pixels, room[1], room[0])[..., 0]
    fine = pixels[..., 0].repeat(small.shape[0], axis=0).repeat(small.shape[1], axis=1).astype(float)
    wanted = fine.reshape(small.shape[0], shape[0], small.shape[1], shape[1]).mean(axis=(1, 3))
    assert np.abs(small - wanted).max() <= 0.5 + 1e-9


def test_stripes_go_from_black_to_white():
    text = printed(ramps([("gray", colour_table("gray"))], width=60), color=True)
    assert text.startswith("gray")
    assert text.index("38;2;0;0;0") < text.index("48;2;255;255;255")
