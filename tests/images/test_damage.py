"""Pictures with damage anywhere: still pictures of the size they say, or one of our errors on one line."""

import io
import shutil
import struct
import subprocess
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from cnnfilter.errors import CnnFilterError, ImageError, ResourceError
from cnnfilter.images.frames import Reading
from cnnfilter.images.read import open_picture
from cnnfilter.images.tiff_chunks import _inflated
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


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, stream, *, depth=8, colours=0, interlaced=0):
    """A PNG of some compressed pixels."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colours, 0, 0, interlaced))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", stream) + chunk(b"IEND", b"")


ROWS = b"".join(b"\0" + bytes(range(row, row + 16)) for row in range(16))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (png(16, 16, zlib.compress(ROWS[: 17 * 9])), "truncated PNG: it holds fewer pixels than its size"),
        (png(16, 16, zlib.compress(ROWS)[:-8]), "truncated PNG: it holds fewer pixels than its size"),
        (png(16, 16, zlib.compress(ROWS + ROWS[:17])), "damaged PNG: it holds more pixels than its size"),
        (png(16, 16, zlib.compress(ROWS)[:-4] + b"\0\0\0\0"), "damaged PNG: its pixels cannot be decoded"),
        (png(16, 16, zlib.compress(ROWS))[:-30], "truncated PNG: its IDAT chunk runs past the end of the file"),
        (png(16, 16, zlib.compress(ROWS), interlaced=1), "truncated PNG: it holds fewer pixels than its size"),
    ],
)
def test_png_streams_that_disagree_with_their_header(data, words):
    with pytest.raises(ImageError, match=rf"{words} \(--allow-truncated reads what is there\)$"):
        open_picture(data)
    picture = open_picture(data, reading=Reading(truncated=True))
    assert picture.shape == (1, 16, 16)
    assert picture.notes[-1].startswith(words)


def test_the_sound_part_of_a_png_is_kept():
    left = open_picture(png(16, 16, zlib.compress(ROWS[: 17 * 9])), reading=Reading(truncated=True)).array()[0]
    np.testing.assert_array_equal(left[:9], np.arange(16) + np.arange(9)[:, None])


@pytest.mark.parametrize("mode", ["1", "L", "LA", "RGB", "RGBA", "P", "I;16"])
@pytest.mark.parametrize("size", [(1, 1), (3, 2), (9, 17), (64, 5)])
def test_sound_png_streams_are_not_refused(mode, size):
    image = Image.new("L", size, 77).convert(mode) if mode != "I;16" else Image.new("I;16", size, 777)
    file = io.BytesIO()
    image.save(file, "PNG")
    assert open_picture(file.getvalue()).notes == ()


@pytest.mark.skipif(shutil.which("convert") is None, reason="ImageMagick is not installed")
@pytest.mark.parametrize("size", ["1x1", "3x2", "9x17", "64x5", "33x33"])
@pytest.mark.parametrize("depth", ["-monochrome", "-colors 4", "-depth 8", "-depth 16"])
def test_sound_interlaced_pngs_are_not_refused(size, depth, tmp_path):
    words = ["convert", "-size", size, "plasma:red-blue", *depth.split(), "-interlace", "PNG"]
    subprocess.run([*words, tmp_path / "a.png"], check=True)
    assert open_picture(tmp_path / "a.png").notes == ()


PHOTO = np.random.default_rng(5).integers(0, 256, (40, 56, 3), np.uint8)


def jpeg(**options):
    file = io.BytesIO()
    Image.fromarray(PHOTO).save(file, "JPEG", quality=90, **options)
    return file.getvalue()


def scan_of(data):
    """Where the compressed pixels begin."""
    at = data.rindex(b"\xff\xda")
    return at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}, {"restart_marker_rows": 1}])
def test_damage_in_the_scan_of_a_jpeg_is_noticed(options):
    pytest.importorskip("simplejpeg")
    data = jpeg(**options)
    assert open_picture(data).notes == ()
    begin = scan_of(data)
    middle = begin + (len(data) - begin) // 2
    for broken in (
        data[:middle] + b"\xff\xd9",  # an early end
        data[:middle] + data[-2:],
        data[: begin + 5] + bytes(400) + data[begin + 405 :],
        data[: begin + 20] + data[begin + 420 :],
    ):
        with pytest.raises(ImageError, match=r"damaged JPEG: .*allow-truncated"):
            open_picture(broken)
        picture = open_picture(broken, reading=Reading(truncated=True))
        assert picture.shape == (3, 40, 56)
        assert picture.notes[-1].startswith("damaged JPEG: ")


def test_scans_are_counted_before_they_are_decoded():
    data = jpeg(progressive=True)
    at = data.rindex(b"\xff\xda")
    with pytest.raises(ImageError, match=r"more than 100 scans, which no real JPEG has"):
        open_picture(data[:at] + data[at:-2] * 120 + b"\xff\xd9")


@pytest.mark.parametrize(
    ("marker", "bits", "words"),
    [
        (0xC1, 12, "12-bit JPEG"),
        (0xC3, 8, "lossless JPEG"),
        (0xC5, 8, "hierarchical JPEG"),
        (0xC9, 8, "arithmetic JPEG"),
        (0xCB, 8, "lossless arithmetic"),
    ],
)
def test_kinds_of_jpeg_that_are_not_read_are_named(marker, bits, words):
    data = bytearray(jpeg())
    at = data.index(b"\xff\xc0")
    data[at + 1], data[at + 4] = marker, bits
    with pytest.raises(ImageError, match=f"{words}.* is not supported"):
        open_picture(bytes(data))


def test_a_thumbnail_in_a_jpeg_is_no_scan_of_it():
    thumb = jpeg()
    data = jpeg()
    comment = b"".join(b"\xff\xfe" + (len(part) + 2).to_bytes(2, "big") + part for part in [thumb[:60000]] * 150)
    assert open_picture(data[:2] + comment + data[2:]).shape == (3, 40, 56)


def test_a_gif_whose_pixels_end_early():
    file = io.BytesIO()
    Image.fromarray(PHOTO[..., 0] | 1).save(file, "GIF", interlace=0)
    data = file.getvalue()
    assert open_picture(data).notes == ()
    at = data.index(b"\x2c\0\0\0\0") + 10
    at += 3 << (data[at - 1] & 7) + 1 if data[at - 1] & 128 else 0
    first = data[at + 1]  # the end code cannot be made without its bits: cut whole blocks instead
    short = data[: at + 2 + first] + b"\0;"
    with pytest.raises(ImageError, match="truncated GIF"):
        open_picture(short)
    left = open_picture(short, reading=Reading(truncated=True))
    np.testing.assert_array_equal(left.array()[0, :2], PHOTO[:2, :, 0] | 1)


def test_what_is_not_damage_cannot_be_allowed():
    with pytest.raises(ImageError, match="PDF is not supported"):
        open_picture(b"%PDF-1.7", reading=Reading(truncated=True))
    with pytest.raises(ImageError, match="over the limit"):
        open_picture(WHOLE["png"], max_pixels=3, reading=Reading(truncated=True))


def test_junk_between_the_segments_of_a_jpeg_harms_nothing():
    data = jpeg()
    at = data.index(b"\xff\xdb")
    for junk in (b"\0", b"\xff\0junk", bytes(99)):
        strange = data[:at] + junk + data[at:]
        np.testing.assert_array_equal(open_picture(strange).array(), open_picture(data).array())
        begin = scan_of(strange)
        with pytest.raises(ImageError, match=r"(damaged|truncated) JPEG"):
            open_picture(strange[: begin + 9] + bytes(400) + strange[begin + 409 :])


def test_colours_beyond_the_palette_are_not_taken_for_black():
    rows = b"".join(b"\0" + bytes([0, 1, 2, 3, last]) for last in (3, 200, 0))
    data = png(5, 3, zlib.compress(rows), colours=3)
    at = data.index(b"IDAT") - 4
    data = data[:at] + chunk(b"PLTE", bytes(range(12))) + data[at:]
    with pytest.raises(ImageError, match="a pixel has colour 200 of 4"):
        open_picture(data)
    assert open_picture(data, reading=Reading(truncated=True)).shape == (3, 3, 5)


def test_a_jpeg_whose_tables_lost_bytes_is_damaged():
    pytest.importorskip("simplejpeg")
    data = jpeg()
    table = data.index(b"\xff\xc4", data.index(b"\xff\xc4") + 2)  # the second, long one
    for lost in (1, 8, 28):  # what lies behind the lost bytes is taken for it, and leaves junk
        broken = data[: table + 90] + data[table + 90 + lost :]
        with pytest.raises(ImageError, match=r"damaged JPEG: \d+ extraneous bytes before marker"):
            open_picture(broken)
    commented = data[:2] + b"\xff\xfe\0\x06four" + b"junk" + data[2:]
    np.testing.assert_array_equal(open_picture(commented).array(), open_picture(data).array())


def tiff(compression, image):
    file = io.BytesIO()
    image.save(file, "TIFF", compression=compression)
    return bytearray(file.getvalue())


def strip_of(data):
    """Where the compressed pixels of a TIFF of one strip lie."""
    with Image.open(io.BytesIO(data)) as image:
        start, count = image.tag_v2[273][0], image.tag_v2[279][0]
    return slice(start, start + count)


@pytest.mark.parametrize(
    ("compression", "words"),
    [
        ("group4", "some of its fax codes make no sense"),
        ("jpeg", "JPEG: "),
        ("tiff_adobe_deflate", "its compressed pixels|do not end"),
    ],
)
def test_damage_in_a_strip_that_libtiff_reads_on_behind_is_noticed(compression, words):
    if compression == "jpeg":
        pytest.importorskip("simplejpeg")
    image = Image.fromarray(PHOTO)
    data = tiff(compression, image.convert("1") if compression == "group4" else image)
    sound = open_picture(bytes(data))
    assert sound.notes == ()
    place = strip_of(data)
    half = (place.start + place.stop) // 2
    data[half : half + 40] = bytes(range(3, 203, 5))
    with pytest.raises(ImageError, match=f"damaged TIFF: .*({words}).*allow-truncated"):
        open_picture(bytes(data))
    left = open_picture(bytes(data), reading=Reading(truncated=True))
    assert left.shape == sound.shape
    assert left.notes[-1].startswith("damaged TIFF: ")


def test_a_deflated_strip_is_read_to_its_checksum():
    rows = bytes(range(200)) * 5
    for size, packed in (
        (1000, zlib.compress(rows)),
        (1000, zlib.compress(rows) + b"junk"),
        (700, zlib.compress(rows)),
    ):
        assert _inflated(packed, size) == rows[:size]  # rows beyond the picture are no damage
    for size in (1000, 700):
        for cut in (1, 4):
            with pytest.raises(ImageError, match="do not end"):
                _inflated(zlib.compress(rows)[:-cut], size)
        with pytest.raises(ImageError, match="make no sense"):
            _inflated(zlib.compress(rows)[:-1] + b"\0", size)


@pytest.mark.parametrize("form", ["PNG", "BMP"])
def test_limits_and_damage_of_pictures_with_a_palette_come_before_their_pixels(form, monkeypatch):
    file = io.BytesIO()
    Image.fromarray(PHOTO).quantize(16).save(file, form)
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda image: pytest.fail("was loaded"))
    with pytest.raises(ResourceError, match=r"decoding needs 2\.24 kB"):
        open_picture(file.getvalue(), max_memory=2000)


def packed_bmp(runs, start=1078):
    """A BMP of 4 x 2 pixels whose runs are given, with 256 grays that are no gray ramp."""
    colours = b"".join(bytes([value, 255 - value, 7, 0]) for value in range(256))
    head = struct.pack("<2sIHHI", b"BM", start + len(runs), 0, 0, start)
    head += struct.pack("<IiiHHIIiiII", 40, 4, 2, 1, 8, 1, len(runs), 0, 0, 256, 0)
    return (head + colours).ljust(start, b"\0") + runs


def test_runs_of_a_bmp_stay_in_their_rows():
    rows = b"\4\1\0\0" + b"\0\4\1\2\3\4" + b"\0\1"
    picture = open_picture(packed_bmp(rows))
    np.testing.assert_array_equal(picture.array()[2], [[1, 2, 3, 4], [1, 1, 1, 1]])  # blue, from the bottom up
    assert picture.notes == ()
    long = open_picture(packed_bmp(b"\x09\1\0\0" + rows[4:]))
    np.testing.assert_array_equal(long.array(), picture.array())
    assert "rows hold more pixels than its size" in long.notes[0]
    with pytest.raises(ImageError, match="damaged BMP: a row holds more pixels than its size"):
        open_picture(packed_bmp(b"\2\1" + b"\0\6" + bytes(range(6)) + b"\0\1"))
    with pytest.raises(ImageError, match="damaged BMP: its pixels begin at an odd place"):
        open_picture(packed_bmp(b"\0\3\1\2\3\0\1\1\0\0" + rows[:2] + b"\0\1", start=1079))
