"""Sixteen bits of colour, whatever way the file lays them out."""

import io

import numpy as np
import pytest

from cnnfilter.images.read import open_picture

tifffile = pytest.importorskip("tifffile")

COLOUR = np.random.default_rng(1).integers(0, 65536, (5, 7, 4), np.uint16)


def tiff(pixels, **options):
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, **options)
    return open_picture(file.getvalue())


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize(("layout", "compression"), [("contig", None), ("contig", "zlib"), ("separate", None)])
@pytest.mark.parametrize("channels", [3, 4])
def test_tiff(channels, layout, compression, byteorder):
    pixels = COLOUR[..., :channels]
    extra = {"extrasamples": ["unassalpha"]} if channels == 4 else {}
    written = pixels if layout == "contig" else pixels.transpose(2, 0, 1)
    picture = tiff(
        written, photometric="rgb", planarconfig=layout, compression=compression, byteorder=byteorder, **extra
    )
    np.testing.assert_array_equal(picture.array(), pixels.transpose(2, 0, 1))
    assert picture.dtype == np.uint16
    assert picture.has_alpha == (channels == 4)
    assert picture.notes == ()


def test_tiff_with_a_channel_that_means_nothing():
    picture = tiff(COLOUR, photometric="rgb", extrasamples=["unspecified"])
    np.testing.assert_array_equal(picture.array(), COLOUR.transpose(2, 0, 1))
    assert not picture.has_alpha
    assert picture.notes == ("1 of its 4 channels is neither colour nor transparency",)


def test_multiplied_transparency_is_divided_out():
    pixels = COLOUR.copy()
    pixels[0, 0] = 300, 40000, 0, 0
    pixels[0, 1] = 300, 100, 0, 30000
    picture = tiff(pixels, photometric="rgb", extrasamples=["assocalpha"])
    assert picture.dtype == np.uint16
    assert picture.array()[:, 0, 0].tolist() == [300, 40000, 0, 0]
    assert picture.array()[:, 0, 1].tolist() == [655, 218, 0, 30000]  # 300 * 65535 / 30000


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.uint32, np.float32])
def test_gray_of_other_types(dtype):
    values = np.array([[0, 1, 127, -128], [5, -1, 7, 8]]).astype(dtype)
    picture = tiff(values, photometric="minisblack")
    np.testing.assert_array_equal(picture.array()[0], values)
    assert picture.white == (65535 if values.max() < 2**16 and values.max() > 255 else max(255, values.max()))


@pytest.mark.parametrize("dtype", [np.float64, np.float16])
def test_other_floats(dtype):
    values = (COLOUR[..., 0] / 65536).astype(dtype)
    np.testing.assert_array_equal(tiff(values, photometric="minisblack").array()[0], values)
