"""Pictures with damage anywhere: still pictures of the size they say, or one of our errors on one line."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from cnnfilter.errors import CnnFilterError
from cnnfilter.images.read import open_picture
from cnnfilter.images.write import encode_image

PIXELS = np.random.default_rng(0).integers(0, 256, (9, 11, 3), np.uint8)


def stored(form, **options):
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.fromarray(PIXELS)
    (image.quantize(16) if form == "GIF" else image).save(
        file, form, **options, **({} if form in ("GIF", "BMP") else {"exif": exif})
    )
    return file.getvalue()


WHOLE = {
    "png": stored("PNG"),
    "png-16": encode_image(PIXELS.astype(np.uint16) * 257, "png"),
    "jpeg": stored("JPEG"),
    "tiff": stored("TIFF"),
    "tiff-lzw": stored("TIFF", compression="tiff_lzw"),
    "tiff-16": encode_image(PIXELS.astype(np.uint16) * 257, "tiff"),
    "gif": stored("GIF"),
    "bmp": stored("BMP"),
    "webp": stored("WEBP"),
    "ppm": b"P6 11 9 255\n" + PIXELS.tobytes(),
}


def check(data):
    """Open bytes that may be anything."""
    message = ""
    try:
        picture = open_picture(data, max_pixels=10**6)
        assert picture.array().shape == picture.shape
    except CnnFilterError as error:
        message = str(error)
    assert message.isprintable()


@pytest.mark.parametrize("name", WHOLE)
def test_the_files_are_whole(name):
    assert not open_picture(WHOLE[name]).notes
    assert sorted(open_picture(WHOLE[name]).shape[1:]) == [9, 11]


@settings(max_examples=600, deadline=None)
@given(
    st.sampled_from(sorted(WHOLE)),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=4)), min_size=1, max_size=6),
)
def test_bytes_that_changed(name, changes):
    data = bytearray(WHOLE[name])
    for share, new in changes:
        at = int(share**2 * len(data))  # more often near the beginning
        data[at : at + len(new)] = new
    check(bytes(data))


@pytest.mark.parametrize("name", WHOLE)
def test_every_cut(name):
    data = WHOLE[name]
    for at in range(len(data)):
        check(data[:at])
