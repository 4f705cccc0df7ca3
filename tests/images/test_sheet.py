"""Contact sheets: every map is there, whole, with something written under it."""

import numpy as np
import pytest

from cnnfilter.errors import ShapeError
from cnnfilter.images.sheet import contact_sheet


def flat(value, height=200, width=180, channels=1):
    return np.full((height, width, channels), value, np.uint8)


@pytest.mark.parametrize("count", [1, 2, 3, 7, 16])
def test_every_map_is_shown_whole(count):
    values = [60 + 10 * index for index in range(count)]
    sheet = contact_sheet([flat(value) for value in values], [""] * count)
    for value in values:
        rows, columns = np.nonzero(sheet[..., 0] == value)
        assert rows.size == 200 * 180
        assert (rows.max() - rows.min() + 1, columns.max() - columns.min() + 1) == (200, 180)


def test_order_is_by_rows():
    sheet = contact_sheet([flat(60 + 10 * index) for index in range(6)], [""] * 6)
    centres = [np.argwhere(sheet[..., 0] == 60 + 10 * index).mean(axis=0) for index in range(6)]
    assert centres[0][0] == centres[1][0] < centres[-1][0]
    assert centres[0][1] < centres[1][1]


def test_names_and_notes_are_written():
    tiles = [flat(60), flat(70)]
    bare = contact_sheet(tiles, ["", ""])
    named = contact_sheet(tiles, ["sobel-x", "sobel-y"])
    noted = contact_sheet(tiles, ["sobel-x", "sobel-y"], notes=["abs 0..255", "abs 0..255"])
    assert (named > 200).sum() > 50 > (bare > 200).sum()
    assert noted.shape[0] > named.shape[0] == bare.shape[0]


def test_long_and_hostile_names_stay_in_their_cell():
    sheet = contact_sheet([flat(60), flat(60)], ["k" * 5000, "\x1b[31m\u202e\n\udcff"])
    used = np.flatnonzero((sheet[205:, :, 0] > 100).any(axis=0))
    left, right = np.flatnonzero((sheet[..., 0] == 60).any(axis=0))[[0, -1]]
    assert left - 2 <= used.min() < used.max() <= right + 2


def test_small_maps_are_enlarged_to_squares():
    tile = np.arange(12, dtype=np.uint8).reshape(3, 4, 1) * 5 + 50
    sheet = contact_sheet([tile], [""])[..., 0]
    sizes = {int((sheet == value).sum()) for value in tile.ravel()}
    (area,) = sizes
    assert area == round(area**0.5) ** 2 >= 40**2


def test_large_maps_are_made_smaller():
    sheet = contact_sheet([flat(200, 3000, 4000)] * 5, ["x"] * 5, longest=1000)
    assert max(sheet.shape) <= 1000
    assert (sheet == 200).mean() > 0.5


def test_gray_stays_gray_and_colour_wins():
    assert contact_sheet([flat(9), flat(9, channels=2)], ["", ""]).shape[2] == 1
    sheet = contact_sheet([flat(9), flat(9, channels=3)], ["", ""])
    assert sheet.shape[2] == 3
    assert sheet.dtype == np.uint8


def test_transparency_shows_the_ground():
    tile = flat(250, channels=4)
    tile[..., 3] = 0
    sheet = contact_sheet([tile], [""])
    assert len(np.unique(sheet)) == 1


def test_tiles_of_many_sizes_are_centred():
    sheet = contact_sheet([flat(80), flat(90, 100, 60)], ["", ""])[..., 0]
    middle = np.argwhere(sheet == 90).mean(axis=0)
    assert middle[0] == np.argwhere(sheet == 80).mean(axis=0)[0]


@pytest.mark.parametrize(("tiles", "names"), [([], []), ([flat(1)], []), ([flat(1)], ["a", "b"])])
def test_refusals(tiles, names):
    with pytest.raises(ShapeError, match="needs a name for each map"):
        contact_sheet(tiles, names)
