"""Floats in TIFF files, held against tifffile."""

import numpy as np
import pytest
import tifffile

from cnnfilter import read_image, write_image
from cnnfilter.errors import ShapeError
from cnnfilter.images.display import Display
from cnnfilter.images.tiff import encode_tiff
from cnnfilter.images.write import encode_image

RNG = np.random.default_rng(7)


def heights(shape, dtype):
    values = RNG.normal(3, 40, shape).astype(dtype)
    values.flat[:4] = np.nan, np.inf, -np.inf, -0.0
    return values


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1, 1), (5, 7), (3, 400), (700, 301)])
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
def test_floats_come_back_bit_by_bit(tmp_path, channels, shape, dtype):
    pixels = heights((*shape, channels), dtype) if shape != (1, 1) else RNG.normal(0, 1, (1, 1, channels)).astype(dtype)
    path = tmp_path / "a.tif"
    path.write_bytes(encode_tiff(pixels, {"Kernel": "k"}))
    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        back = page.asarray()
        assert page.tags["SampleFormat"].value in (3, (3,) * channels)
        assert page.photometric == (tifffile.PHOTOMETRIC.RGB if channels == 3 else tifffile.PHOTOMETRIC.MINISBLACK)
        assert page.description == "Kernel: k"
    assert back.dtype == dtype
    np.testing.assert_array_equal(back.reshape(pixels.shape), pixels)


@pytest.mark.parametrize(
    ("channels", "alpha", "extra"), [(4, True, (2,)), (2, True, (2,)), (4, False, (0, 0, 0)), (2, False, (0,))]
)
def test_the_last_channel_is_transparency_only_where_it_is(tmp_path, channels, alpha, extra):
    pixels = heights((6, 9, channels), np.float32)
    (tmp_path / "a.tif").write_bytes(encode_tiff(pixels, has_alpha=alpha))
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert file.pages[0].extrasamples == extra
        np.testing.assert_array_equal(file.pages[0].asarray(), pixels)


@pytest.mark.parametrize(("dtype", "stored"), [("f2", "float32"), ("f4", "float32"), ("f8", "float64")])
def test_an_array_of_floats_is_written_as_it_is(tmp_path, dtype, stored):
    values = heights((6, 9), dtype)
    mapping = write_image(tmp_path / "a.tif", values)
    assert mapping == Display.untouched(stored)
    assert str(mapping) == f"{stored}, as they are"
    back = tifffile.imread(tmp_path / "a.tif")
    assert back.dtype == stored
    np.testing.assert_array_equal(back, values)


def test_this_program_reads_it_back(tmp_path):
    values = heights((30, 41), np.float32)
    write_image(tmp_path / "a.tif", values)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), values)


@pytest.mark.parametrize("words", [{"display": "minmax"}, {"colormap": "viridis"}, {"bits": 16}])
def test_pixels_where_pixels_are_asked_for(tmp_path, words):
    write_image(tmp_path / "a.tif", RNG.normal(0, 1, (6, 9)), **words)
    assert tifffile.imread(tmp_path / "a.tif").dtype == (np.uint16 if "bits" in words else np.uint8)


@pytest.mark.parametrize("form", ["png", "jpg", "webp"])
def test_other_formats_hold_no_floats(form):
    with pytest.raises(ShapeError, match="holds no float32"):
        encode_image(np.zeros((2, 3, 1), np.float32), form)
