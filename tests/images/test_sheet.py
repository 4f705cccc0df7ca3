"""Contact sheets: every map is there, whole, with something written under it."""

import numpy as np
import pytest

from cnnfilter.errors import ShapeError
from cnnfilter.images.arrange import USUAL, Arrangement, columns_of
from cnnfilter.images.colour import colour_table
from cnnfilter.images.sheet import GROUNDS, Bar, contact_sheet


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
    assert (named < 50).sum() > 50 > (bare < 50).sum()
    assert noted.shape[0] > named.shape[0] == bare.shape[0]


def test_long_and_hostile_names_stay_in_their_cell():
    sheet = contact_sheet([flat(60), flat(60)], ["k" * 5000, "\x1b[31m\u202e\n\udcff"])
    used = np.flatnonzero((sheet[215:, :, 0] < 100).any(axis=0))
    left, right = np.flatnonzero((sheet[..., 0] == 60).any(axis=0))[[0, -1]]
    assert left - 2 <= used.min() < used.max() <= right + 2


def test_small_maps_are_enlarged_to_squares():
    tile = np.arange(12, dtype=np.uint8).reshape(3, 4, 1) * 5 + 50
    sheet = contact_sheet([tile], [""])[..., 0]
    sizes = {int((sheet == value).sum()) for value in tile.ravel()}
    (area,) = sizes
    assert area == round(area**0.5) ** 2 >= 40**2


def test_large_maps_are_made_smaller():
    sheet = contact_sheet([flat(200, 3000, 4000)] * 5, ["x"] * 5, how=USUAL._replace(longest=1000))
    assert max(sheet.shape) <= 1000
    assert (sheet == 200).mean() > 0.5


def test_every_sheet_has_colours():
    for tiles in ([flat(9)], [flat(9), flat(9, channels=2)], [flat(9), flat(9, channels=3)]):
        sheet = contact_sheet(tiles, [""] * len(tiles))
        assert sheet.shape[2] == 3
        assert sheet.dtype == np.uint8


@pytest.mark.parametrize("ground", ["light", "dark"])
def test_transparency_shows_the_ground(ground):
    tile = flat(250, channels=4)
    tile[..., 3] = 0
    sheet = contact_sheet([tile], [""], how=USUAL._replace(ground=ground))
    colours = {tuple(colour) for colour in sheet.reshape(-1, 3)}
    assert colours == {GROUNDS[ground].paper, GROUNDS[ground].rule}


@pytest.mark.parametrize(("count", "columns"), [(4, 2), (9, 3), (16, 4), (25, 5), (64, 8), (3, 3), (8, 4), (70, 12)])
def test_squares_lie_square_and_others_wide(count, columns):
    assert columns_of(count, 100, 100) == columns
    assert columns_of(count, 100, 100, 2) == 2


def test_a_shared_scale_is_told_by_a_bar():
    bar = Bar(-2.0, 2.0, colour_table("signed"))
    plain = contact_sheet([flat(9)] * 4, ["a"] * 4)
    told = contact_sheet([flat(9)] * 4, ["a"] * 4, bar=bar)
    assert told.shape[0] > plain.shape[0]
    below = {tuple(colour) for colour in told[plain.shape[0] - 20 :].reshape(-1, 3)}
    assert {tuple(bar.colours[0]), tuple(bar.colours[-1])} <= below


def test_kernels_stand_beside_their_maps_in_whole_steps():
    kernel = np.zeros((3, 3, 3), np.uint8)
    kernel[1, 1] = (1, 2, 3)
    sheet = contact_sheet([flat(60)] * 2, ["a", "b"], kernels=[kernel, None])
    area = int((sheet == (1, 2, 3)).all(axis=2).sum())
    assert area == round(area**0.5) ** 2 > 100


def test_five_hundred_maps_and_one_of_one_cell():
    sheet = contact_sheet([flat(60, 20, 20)] * 512, [f"map {index}" for index in range(512)])
    assert max(sheet.shape) <= 4500
    assert contact_sheet([flat(7, 1, 1)], ["one"]).shape[0] > 160
    assert contact_sheet([flat(7, 1, 10_000)], ["wide"]).shape[1] <= 4200


def test_tiles_of_many_sizes_are_centred():
    sheet = contact_sheet([flat(80), flat(90, 100, 60)], ["", ""])[..., 0]
    middle = np.argwhere(sheet == 90).mean(axis=0)
    assert middle[0] == np.argwhere(sheet == 80).mean(axis=0)[0]


@pytest.mark.parametrize(("tiles", "names"), [([], []), ([flat(1)], []), ([flat(1)], ["a", "b"])])
def test_refusals(tiles, names):
    with pytest.raises(ShapeError, match="needs a name for each map"):
        contact_sheet(tiles, names)


def test_a_range_is_never_cut_to_another_number():
    """A cell grows for it; where the sheet may not grow, it is left out."""
    tiles = [np.zeros((40, 2, 1), np.uint8)] * 6
    notes = ["-123456 to 7.891"] * 6
    wide = contact_sheet(tiles, list("abcdef"), notes=notes)
    none = contact_sheet(tiles, list("abcdef"), notes=notes, how=Arrangement(longest=200))
    assert wide.shape[1] > 6 * 90
    assert none.shape[1] <= 260


def test_names_keep_what_tells_them_apart():
    tiles = [np.zeros((40, 40, 1), np.uint8)] * 3
    long = [f"gabor-theta{number}-wavelength8-and-much-more" for number in (10, 20, 30)]
    short = [f"theta{number}" for number in (10, 20, 30)]
    assert np.array_equal(contact_sheet(tiles, long), contact_sheet(tiles, short))


def test_the_bar_says_that_values_lie_beyond_it():
    tiles = [np.zeros((40, 40, 1), np.uint8)] * 2
    words = [{}, {"absolute": True}, {"less": True}, {"more": True}]
    bars = [Bar(0, 255, colour_table("gray"), **one) for one in words]
    assert len({contact_sheet(tiles, ["a", "b"], bar=bar).tobytes() for bar in bars}) == 4
