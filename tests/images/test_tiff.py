"""TIFF files of every type, byte order, planar layout, compression and predictor, against what was written into them.

They are written by `tiff_files`, which asks no library; where tifffile can read them, it must agree too.
"""

import io
import itertools
import re

import numpy as np
import pytest
from tiff_files import DEFLATE, LZW, NONE, PACKBITS, tiff_file

import cnnfilter
from cnnfilter.errors import ImageError, ResourceError
from cnnfilter.images.frames import Reading
from cnnfilter.images.read import open_picture

HEIGHT, WIDTH = 19, 23
TYPES = ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8"]


def pixels_of(kind, samples, seed=0):
    """Values of a type, some of them in runs: ``(H, W, S)``."""
    rng = np.random.default_rng(seed)
    dtype = np.dtype(kind)
    if dtype.kind == "f":
        return rng.normal(0, 100, (HEIGHT, WIDTH, samples)).astype(dtype)
    raw = rng.integers(0, 256, (HEIGHT, WIDTH, samples * dtype.itemsize)).astype(np.uint8)
    raw[:, : WIDTH // 2] = 7
    return np.ascontiguousarray(raw).view(dtype).reshape(HEIGHT, WIDTH, samples)


def planes(pixels):
    return pixels.transpose(2, 0, 1)


def agrees_with_tifffile(data, pixels, planar):
    """Whether an independent reader sees the same; it needs imagecodecs for some compressions."""
    tifffile = pytest.importorskip("tifffile")
    try:
        seen = tifffile.imread(io.BytesIO(data))
    except ValueError as error:
        if "imagecodecs" not in str(error):
            raise
        return True
    shape = (pixels.shape[2], HEIGHT, WIDTH) if planar else pixels.shape
    return np.array_equal(seen.reshape(shape), planes(pixels) if planar else pixels)


@pytest.mark.parametrize("kind", TYPES)
def test_every_way_to_store_a_type(kind):
    ways = itertools.product("<>", (NONE, LZW, DEFLATE, PACKBITS), (False, True), (1, 2, 3, 4, 5))
    for number, (order, compression, planar, samples) in enumerate(ways):
        tile = (16, 16) if number % 2 else None
        predictors = (1,) if compression in (NONE, PACKBITS) else (1, 2, 3) if kind[0] == "f" else (1, 2)
        photometric = 2 if samples > 2 else 1
        extras = (0,) * (samples - (3 if photometric == 2 else 1))
        for predictor in predictors:
            pixels = pixels_of(kind, samples, number)
            data = tiff_file(
                pixels, order=order, compression=compression, predictor=predictor, planar=planar, big=number % 3 == 0,
                photometric=photometric, extras=extras, tile=tile, rows_per_strip=5,
            )  # fmt: skip
            picture = open_picture(data)
            assert picture.dtype == np.dtype(kind)
            np.testing.assert_array_equal(picture.array(), planes(pixels), err_msg=f"{order, compression, planar}")
            assert agrees_with_tifffile(data, pixels, planar)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("bits", [1, 2, 4, 8, 10, 12, 14, 16])
@pytest.mark.parametrize("planar", [False, True])
def test_bits_and_which_of_black_and_white_is_0(order, bits, planar):
    pixels = np.random.default_rng(bits).integers(0, 1 << bits, (HEIGHT, WIDTH, 1)).astype("u1" if bits <= 8 else "u2")
    white = (1 << bits) - 1
    spread = 255 // white if bits < 8 else 1
    for photometric, expected in ((1, pixels), (0, white - pixels)):
        picture = open_picture(
            tiff_file(pixels, order=order, bits=bits, photometric=photometric, compression=LZW, planar=planar)
        )
        np.testing.assert_array_equal(picture.array(), planes(expected * spread))
        assert picture.white == white * spread


def test_32_bits_of_which_0_is_white():
    pixels = pixels_of("u4", 1)
    picture = open_picture(tiff_file(pixels, photometric=0, order=">"))
    np.testing.assert_array_equal(picture.array(), planes(2**32 - 1 - pixels))


@pytest.mark.parametrize("kind", ["u1", "u2"])
@pytest.mark.parametrize(
    ("order", "compression", "planar"), [("<", NONE, False), (">", LZW, True), (">", DEFLATE, False)]
)
def test_inks_become_light(kind, order, compression, planar):
    pixels = pixels_of(kind, 4)
    white = np.iinfo(kind).max
    picture = open_picture(tiff_file(pixels, order=order, compression=compression, planar=planar, photometric=5))
    inks = planes(pixels).astype(float) / white
    light = white * (1 - inks[:3]) * (1 - inks[3])
    assert picture.shape == (3, HEIGHT, WIDTH)
    assert np.abs(picture.array() - light).max() <= 1
    assert picture.dtype == np.dtype(kind)


@pytest.mark.parametrize("kind", ["u1", "u2"])
@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("compression", [NONE, LZW])
@pytest.mark.parametrize(("samples", "photometric"), [(2, 1), (4, 2)])
def test_transparency(kind, planar, compression, samples, photometric):
    pixels = pixels_of(kind, samples)
    picture = open_picture(
        tiff_file(pixels, compression=compression, planar=planar, photometric=photometric, extras=(2,))
    )
    np.testing.assert_array_equal(picture.array(), planes(pixels))
    assert picture.has_alpha
    assert picture.notes == ()


def test_palettes():
    indices = np.random.default_rng(3).integers(0, 16, (HEIGHT, WIDTH, 1)).astype(np.uint8)
    table = np.random.default_rng(4).integers(0, 65536, (3, 16)).astype(np.uint16)
    for order in "<>":
        data = tiff_file(indices, bits=4, photometric=3, order=order, compression=LZW, more=[(320, 3, table.ravel())])
        np.testing.assert_array_equal(open_picture(data).array(), (table >> 8)[:, indices[..., 0]])
    gray = np.repeat(np.arange(16)[None] * 4096, 3, axis=0)
    data = tiff_file(indices, bits=4, photometric=3, more=[(320, 3, gray.ravel())])
    np.testing.assert_array_equal(open_picture(data).array(), planes(indices * 16))
    short = tiff_file(indices, photometric=3, more=[(320, 3, [0] * 12)])
    with pytest.raises(ImageError, match=r"a pixel has colour 15 of 4"):
        open_picture(short)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"photometric": 6}, "YCbCr colours are not supported"),
        ({"photometric": 8}, "LAB colours are not supported"),
        ({"photometric": 32803}, "raw camera mosaics are not supported"),
        ({"photometric": 5, "more": [(332, 3, [2])]}, "other inks than CMYK"),
        ({"photometric": 3}, "its colour map is missing"),
        ({"compression": PACKBITS, "predictor": 2}, "readers differ"),
        ({"compression": LZW, "predictor": 5}, "predictor 5 is not supported"),
        ({"compression": LZW, "predictor": 3}, "its predictor is for floats"),
    ],
)
def test_kinds_that_are_refused_by_name(options, words):
    pixels = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    data = tiff_file(pixels, **{**options, "predictor": 1})
    plain = b"\x3d\x01\x03\x00\x01\x00\x00\x00"
    data = data.replace(plain + b"\1", plain + bytes([options.get("predictor", 1)]))
    with pytest.raises(ImageError, match=words):
        open_picture(data)


def test_floats_have_no_other_end():
    with pytest.raises(ImageError, match="save it with black as 0"):
        open_picture(tiff_file(pixels_of("f4", 1), photometric=0))


def test_chunks_that_were_never_written_are_0():
    pixels = pixels_of("i1", 2)
    data = bytearray(tiff_file(pixels, planar=True, compression=DEFLATE, extras=(0,)))
    whole = open_picture(bytes(data)).array()
    for tag in (273, 279):  # offsets and lengths of two chunks stand behind the tags
        entry = data.index(tag.to_bytes(2, "little") + b"\x04\0\x02\0\0\0")
        place = int.from_bytes(data[entry + 8 : entry + 12], "little")
        data[place + 4 : place + 8] = bytes(4)
    picture = open_picture(bytes(data))
    np.testing.assert_array_equal(picture.array(), [whole[0], np.zeros_like(whole[1])])
    assert picture.notes[0] == "never written, and 0 here: 1 of its 2 strips or tiles"


@pytest.mark.parametrize("compression", [NONE, LZW, DEFLATE, PACKBITS])
def test_files_that_end_early(compression):
    pixels = pixels_of("u2", 3)
    data = tiff_file(pixels, compression=compression, photometric=2, rows_per_strip=4)
    at = int.from_bytes(data[4:8], "little")
    moved = data[at:] + bytes(8)  # the directory first, then the pixels, cut in the middle
    assert open_picture(data).array().any()
    broken = data[: at // 2] + bytes(at - at // 2) + moved[: len(data) - at]
    if compression == NONE:
        return  # every byte is a pixel there
    with pytest.raises(ImageError, match=r"damaged|truncated"):
        open_picture(broken)
    left = open_picture(broken, reading=Reading(truncated=True))
    np.testing.assert_array_equal(left.array()[:, :4], planes(pixels)[:, :4])
    assert "read as far as it goes" in left.notes[0]


def test_limits_come_before_the_pixels():
    data = tiff_file(pixels_of("f8", 5), photometric=1, extras=(0,) * 4)
    with pytest.raises(ResourceError, match=r"decoding needs 17.48 kB"):
        open_picture(data, max_memory=17000)
    with pytest.raises(ImageError, match="over the limit"):
        open_picture(data, max_pixels=HEIGHT * WIDTH - 1)


@pytest.mark.parametrize("swap", [1, 2, 3, 4, 5, 6, 7, 8])
def test_orientation(swap):
    from PIL import Image, ImageOps

    pixels = pixels_of("u1", 3)
    data = tiff_file(pixels, photometric=2, compression=LZW, more=[(274, 3, [swap])])
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    np.testing.assert_array_equal(open_picture(data).array(), planes(np.asarray(upright)))


def test_a_chain_of_directories_is_counted_to_a_bound():
    data = tiff_file(pixels_of("u1", 1), next_at=8)
    at = int.from_bytes(data[4:8], "little")
    loop = tiff_file(pixels_of("u1", 1), next_at=at)  # a chain that comes back to itself has one picture
    assert open_picture(loop).notes == ()
    entry = (1).to_bytes(2, "little") + b"\0\1\3\0\1\0\0\0\1\0\0\0"
    many = b"".join(entry + (8 + 18 * (number + 1)).to_bytes(4, "little") for number in range(20_000))
    long = b"II*\0" + (8).to_bytes(4, "little") + many
    with pytest.raises(ImageError, match="its height is missing"):
        open_picture(long)
    from cnnfilter.images.frames import count_frames

    assert count_frames(long, "TIFF") == 10_001


def test_python_reads_a_page(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    pages = pixels_of("u2", 3).transpose(2, 0, 1)
    tifffile.imwrite(tmp_path / "pages.tif", pages, photometric="minisblack", byteorder=">")
    np.testing.assert_array_equal(cnnfilter.read_image(tmp_path / "pages.tif", frame=2), pages[2])
    with pytest.raises(ImageError, match=r"frame 3 is not there: its frames are 0 to 2"):
        cnnfilter.read_image(tmp_path / "pages.tif", frame=3)


def test_a_tile_larger_than_any_picture_is_refused_before_it_is_unpacked():
    data = bytearray(tiff_file(pixels_of("u1", 1), compression=DEFLATE, tile=(16, 16)))
    for tag in (322, 323):
        entry = data.index(tag.to_bytes(2, "little"))
        data[entry + 2 : entry + 12] = (
            (4).to_bytes(2, "little") + (1).to_bytes(4, "little") + (30000).to_bytes(4, "little")
        )
    with pytest.raises(ImageError, match="30000 x 30000 = 900000000 pixels are over the limit"):
        open_picture(bytes(data))
    with pytest.raises(ResourceError, match="decoding needs 900 MB"):
        open_picture(bytes(data), max_pixels=10**9, max_memory=10**8)


@pytest.mark.parametrize("tag", [256, 257, 258, 259, 262, 273, 277, 278, 279, 284, 317])
@pytest.mark.parametrize("kind", [4, 5, 9, 11, 12])
@pytest.mark.parametrize("value", [0, 2**31 - 1, 2**32 - 5])
def test_numbers_of_any_type_in_a_header(tag, kind, value):
    data = bytearray(tiff_file(pixels_of("u1", 3), compression=LZW, photometric=2, rows_per_strip=4, predictor=2))
    directory = int.from_bytes(data[4:8], "little")
    entry = (
        directory
        + 2
        + 12 * [int.from_bytes(data[at : at + 2], "little") for at in range(directory + 2, len(data), 12)].index(tag)
    )
    data[entry + 2 : entry + 4] = kind.to_bytes(2, "little")
    data[entry + 8 : entry + 12] = value.to_bytes(4, "little")
    words = ""
    try:
        open_picture(bytes(data)).array()
    except (ImageError, ResourceError) as error:
        words = str(error)
    assert not re.search(r"Python|index|slice|zip|instance|argument|b'", words)
