"""Every kind of picture that is read, by what it holds."""

import io
import os
import struct
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

import cnnfilter
from cnnfilter.errors import ImageError, ParameterError, ResourceError
from cnnfilter.images.read import open_picture, read_image

RNG = np.random.default_rng(5)


def stored(image, form, **options):
    """The bytes of a picture as Pillow writes it."""
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def noise(*shape, top=256, dtype=np.uint8):
    return RNG.integers(0, top, shape).astype(dtype)


def planes(array):
    """(H, W) or (H, W, C) as (C, H, W)."""
    return array[None] if array.ndim == 2 else array.transpose(2, 0, 1)


GRAY, COLOUR, CLEAR = noise(5, 7), noise(5, 7, 3), noise(5, 7, 4)
DEEP = noise(5, 7, top=65536, dtype=np.uint16)
REAL = RNG.normal(0, 3, (5, 7)).astype(np.float32)
WIDE = noise(5, 7, top=10**6, dtype=np.int32) - 500_000


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (stored(Image.fromarray(GRAY), "PNG"), GRAY),
        (stored(Image.fromarray(CLEAR[..., :2], "LA"), "PNG"), CLEAR[..., :2]),
        (stored(Image.fromarray(COLOUR), "PNG"), COLOUR),
        (stored(Image.fromarray(CLEAR), "PNG"), CLEAR),
        (stored(Image.fromarray(DEEP), "PNG"), DEEP),
        (stored(Image.fromarray(GRAY > 99), "PNG"), (GRAY > 99) * 255),
        (stored(Image.fromarray(GRAY), "TIFF"), GRAY),
        (stored(Image.fromarray(CLEAR), "TIFF", compression="tiff_lzw"), CLEAR),
        (stored(Image.fromarray(DEEP), "TIFF"), DEEP),
        (stored(Image.fromarray(DEEP.astype(">u2")), "TIFF"), DEEP),
        (stored(Image.fromarray(REAL), "TIFF"), REAL),
        (stored(Image.fromarray(WIDE), "TIFF"), WIDE),
        (stored(Image.fromarray(GRAY > 99), "TIFF", compression="group4"), (GRAY > 99) * 255),
        (stored(Image.fromarray(GRAY), "GIF"), GRAY),
        (stored(Image.fromarray(GRAY), "BMP"), GRAY),
        (stored(Image.fromarray(COLOUR), "BMP"), COLOUR),
        (stored(Image.fromarray(GRAY > 99), "BMP"), (GRAY > 99) * 255),
        (stored(Image.fromarray(COLOUR), "WEBP", lossless=True), COLOUR),
        (stored(Image.fromarray(CLEAR), "WEBP", lossless=True, exact=True), CLEAR),
        (stored(Image.fromarray(GRAY), "PPM"), GRAY),
        (stored(Image.fromarray(COLOUR), "PPM"), COLOUR),
        (stored(Image.fromarray(DEEP), "PPM"), DEEP),
        (stored(Image.fromarray(GRAY > 99), "PPM"), (GRAY > 99) * 255),
    ],
)
def test_values_come_out_as_they_were_stored(data, expected):
    picture = open_picture(data)
    values = picture.array()
    np.testing.assert_array_equal(values, planes(expected))
    assert picture.shape == values.shape
    assert picture.dtype == values.dtype
    assert picture.dtype.isnative
    assert picture.has_alpha == (picture.channels in (2, 4))
    assert picture.notes == ()
    assert picture.full_scale == {"u1": 255, "u2": 65535}.get(values.dtype.str[1:], 0)
    np.testing.assert_array_equal(picture.rows(1, 4), values[:, 1:4])


def palette(colours, clear=None):
    image = Image.fromarray(np.array([[0, 1, 2], [2, 1, 0]], np.uint8), "P")
    image.putpalette([value for colour in colours for value in colour])
    options = {} if clear is None else {"transparency": clear}
    return open_picture(stored(image, "PNG", **options)).array()


def test_palettes():
    colours = np.array([[10, 20, 30], [40, 50, 60], [70, 80, 90]])
    index = [[0, 1, 2], [2, 1, 0]]
    np.testing.assert_array_equal(palette(colours), planes(colours[index]))
    np.testing.assert_array_equal(palette(colours[:, :1].repeat(3, 1)), planes(colours[index][..., 0]))
    alpha = np.array([0, 128, 255])
    np.testing.assert_array_equal(
        palette(colours, bytes(alpha.tolist())), planes(np.dstack([colours[index], alpha[index]]))
    )
    clear = palette(colours[:, :1].repeat(3, 1), bytes(alpha.tolist()))
    np.testing.assert_array_equal(clear, planes(np.dstack([colours[index][..., 0], alpha[index]])))


def test_cmyk_and_ycbcr_become_rgb():
    image = Image.fromarray(COLOUR)
    cmyk = stored(image.convert("CMYK"), "TIFF")
    np.testing.assert_array_equal(open_picture(cmyk).array(), planes(np.asarray(image.convert("CMYK").convert("RGB"))))
    jpeg = stored(image, "JPEG", quality=90)
    np.testing.assert_array_equal(open_picture(jpeg).array(), planes(np.asarray(Image.open(io.BytesIO(jpeg)))))
    gray = stored(Image.fromarray(GRAY), "JPEG")
    assert open_picture(gray).shape == (1, 5, 7)


def test_lab_is_refused():
    data = stored(Image.new("LAB", (3, 2)), "TIFF")
    with pytest.raises(ImageError, match="LAB colours are not supported"):
        open_picture(data)


@pytest.mark.parametrize(("image", "key"), [(GRAY, int(GRAY[1, 1])), (COLOUR, tuple(map(int, COLOUR[2, 3])))])
def test_one_transparent_colour(image, key):
    picture = open_picture(stored(Image.fromarray(image), "PNG", transparency=key))
    assert picture.has_alpha
    values = picture.array()
    np.testing.assert_array_equal(values[:-1], planes(image))
    clear = (planes(image) == np.reshape(key, (-1, 1, 1))).all(axis=0)
    np.testing.assert_array_equal(values[-1], np.where(clear, 0, 255))
    assert clear.any()


ORIENTED = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a.swapaxes(0, 1), 2),
    8: lambda a: np.rot90(a),
}


@pytest.mark.parametrize("form", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", ORIENTED)
def test_orientation(orientation, form):
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if form == "WEBP" else {}
    picture = open_picture(stored(Image.fromarray(COLOUR), form, exif=exif, **options))
    expected = planes(ORIENTED[orientation](COLOUR))
    np.testing.assert_array_equal(picture.array(), expected)
    assert picture.shape == expected.shape
    for start in range(picture.height):
        np.testing.assert_array_equal(picture.rows(start, picture.height), expected[:, start:])
        np.testing.assert_array_equal(picture.rows(0, start + 1), expected[:, : start + 1])


def test_nonsense_orientation_is_ignored():
    exif = Image.Exif()
    exif[0x0112] = 77
    data = stored(Image.fromarray(COLOUR), "PNG", exif=exif)
    np.testing.assert_array_equal(open_picture(data).array(), planes(COLOUR))


@pytest.mark.parametrize("form", ["GIF", "PNG", "TIFF", "WEBP"])
def test_first_of_several_frames(form):
    frames = [Image.fromarray(noise(5, 7)) for _ in range(3)]
    data = stored(
        frames[0], form, save_all=True, append_images=frames[1:], **({"lossless": True} if form == "WEBP" else {})
    )
    picture = open_picture(data)
    assert picture.notes == ("first of 3 frames (--frame N|all)",)
    np.testing.assert_array_equal(picture.array()[:1], planes(np.asarray(frames[0])))


def test_threads_read_strips(tmp_path):
    path = tmp_path / "big.png"
    values = noise(400, 300, 3)
    path.write_bytes(stored(Image.fromarray(values), "PNG", compress_level=1))
    picture = open_picture(path)
    barrier = threading.Barrier(4)

    def read(number):
        barrier.wait()
        return [picture.rows(start, start + 10) for start in range(number * 100, number * 100 + 100, 10)]

    with ThreadPoolExecutor(4) as pool:
        strips = [strip for part in pool.map(read, range(4)) for strip in part]
    np.testing.assert_array_equal(np.concatenate(strips, axis=1), planes(values))


def test_rows_outside_are_an_error():
    picture = open_picture(b"1 2\n3 4")
    for span in ((-1, 1), (0, 3), (1, 1)):
        with pytest.raises(IndexError):
            picture.rows(*span)


def test_the_content_counts_not_the_name(tmp_path):
    (tmp_path / "a.png").write_bytes(stored(Image.fromarray(GRAY), "TIFF"))
    (tmp_path / "b.csv").write_bytes(stored(Image.fromarray(GRAY), "PNG"))
    (tmp_path / "c.dat").write_bytes(stored(Image.fromarray(GRAY), "PNG"))
    (tmp_path / "D.TIF").write_bytes(stored(Image.fromarray(GRAY), "TIFF"))
    assert open_picture(tmp_path / "a.png").notes == ("is TIFF, whatever its name says",)
    assert open_picture(tmp_path / "b.csv").notes == ("is PNG, whatever its name says",)
    assert open_picture(tmp_path / "c.dat").notes == ()
    assert open_picture(tmp_path / "D.TIF").notes == ()


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.png", b"", "the file is empty"),
        ("a.png", b"1,2,3", "not PNG nor any other known picture"),
        ("a.jpg", b"%PDF-1.7", "PDF is not supported"),
        ("a.heic", b"\0\0\0\x18ftypheic", "HEIC or video is not supported"),
        ("a.bin", os.urandom(99) + b"\xff\0", "not a picture .* or a grid of numbers"),
        ("a.csv", b"1,2\nx,4", "line 2, column 1: 'x' is not a number"),
        ("a.dat", b"hello", "not a picture"),
        ("a.png", b"\x89PNG\r\n\x1a\n", "PNG"),
        ("a.gif", b"GIF89a", "damaged|truncated"),
        ("a.webp", b"RIFF\xff\xff\0\0WEBPVP8 ", "truncated WebP"),
        ("a.tif", b"II*\0\x08\0\0\0", "damaged|truncated"),
        ("a.bmp", b"BM" + bytes(12) + b"\x28" + bytes(60), "this kind of BMP is not supported"),
        ("a.npy", b"\x93NUMPY", "not a readable npy file"),
    ],
)
def test_refusals_name_the_file_on_one_line(tmp_path, name, data, words):
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(ImageError, match=words) as info:
        open_picture(path)
    assert str(info.value).startswith(f"'{path}': ")
    assert str(info.value).isprintable()


def test_files_that_are_not_there(tmp_path):
    for path, words in (
        (tmp_path / "no.png", "No such file"),
        (tmp_path, "Is a directory"),
        ("a\0b", "null character"),
    ):
        with pytest.raises(ImageError, match=words):
            open_picture(path)


def header_only(width, height):
    """A PNG that announces pixels and has none."""
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    import zlib

    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))


def bomb(form):
    """A small file that announces 60000 x 60000 pixels."""
    if form == "png":
        data = header_only(60000, 60000)
        return data + struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", 0x35AF061E)
    if form == "pgm":
        return b"P5 60000 60000 255\n"
    small = {"gif": "GIF", "bmp": "BMP", "tif": "TIFF", "jpg": "JPEG"}[form]
    data = bytearray(stored(Image.fromarray(noise(5, 7)), small))
    places = {"gif": [(6, "<HH")], "bmp": [(18, "<ii")]}
    for at, layout in places.get(form, []):
        data[at : at + struct.calcsize(layout)] = struct.pack(layout, 60000, 60000)
    if form == "jpg":
        at = data.index(b"\xff\xc0") + 5
        data[at : at + 4] = struct.pack(">HH", 60000, 60000)
    if form == "tif":
        for tag in (256, 257):
            at = data.index(struct.pack("<HHI", tag, 4 if struct.pack("<HHI", tag, 4, 1) in data else 3, 1)) + 8
            data[at : at + 4] = struct.pack("<I", 60000)
    return bytes(data)


@pytest.mark.parametrize("form", ["png", "gif", "bmp", "tif", "jpg", "pgm"])
def test_too_many_pixels_are_refused_from_the_header(form):
    with pytest.raises(ImageError) as info:
        open_picture(bomb(form), name=f"big.{form}")
    assert str(info.value) == (
        f"'big.{form}': 60000 x 60000 = 3600000000 pixels are over the limit of 200000000 "
        "(--max-pixels 3600000000 raises it)"
    )


def test_limits():
    data = stored(Image.fromarray(COLOUR), "PNG")
    assert open_picture(data, max_pixels=35).shape == (3, 5, 7)
    with pytest.raises(ImageError, match="over the limit"):
        open_picture(data, max_pixels=34)
    assert open_picture(data, max_memory=140).shape == (3, 5, 7)
    with pytest.raises(ResourceError, match="decoding needs 140 bytes"):
        open_picture(data, max_memory=139)
    with pytest.raises(ImageError, match="over the limit"):
        open_picture(b"1 2\n3 4", max_pixels=3)


def test_pillow_keeps_its_own_limit():
    before = Image.MAX_IMAGE_PIXELS
    open_picture(stored(Image.fromarray(COLOUR), "PNG"), max_pixels=35)
    with pytest.raises(ImageError):
        open_picture(b"\x89PNG\r\n\x1a\nxx", max_pixels=35)
    assert before == Image.MAX_IMAGE_PIXELS


@pytest.mark.parametrize(
    ("text", "shape", "white"),
    [
        (b"0 1 0\n1 0 1", (1, 2, 3), 1),
        (b"0 1 2\n1 0 1", (1, 2, 3), 255),
        (b"0 256", (1, 1, 2), 65535),
        (b"-5 70000.5", (1, 1, 2), 70000.5),
        (b"nan inf\n3 -inf", (1, 2, 2), 255),
        (b"-5 -6", (1, 1, 2), 1),
        (b"[[[1], [2]], [[3], [4]]]", (2, 2, 1), 255),
    ],
)
def test_grids_are_pictures(text, shape, white):
    picture = open_picture(text)
    assert picture.shape == shape
    assert picture.white == white
    assert picture.dtype == np.float64


def test_grids_say_what_is_not_finite():
    assert open_picture(b"nan inf\n3 -inf").notes == ("holds 1 NaN and 2 infinite values",)


def test_a_grid_of_many_axes_is_no_picture():
    with pytest.raises(ImageError, match=r"its shape is \(2, 2, 1, 1\)"):
        open_picture(b"[[[[1]],[[2]]],[[[3]],[[4]]]]")


def test_white_of_float_pictures():
    assert open_picture(stored(Image.fromarray(np.abs(REAL) / 99), "TIFF")).white == 1
    assert open_picture(stored(Image.fromarray(REAL * 1e9), "TIFF")).white == pytest.approx(float((REAL * 1e9).max()))


def test_read_image_gives_rows_and_columns():
    data = stored(Image.fromarray(GRAY), "PNG")
    values = cnnfilter.read_image(data)
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values, GRAY)
    np.testing.assert_allclose(read_image(data, range="unit", dtype="float64"), GRAY / 255)
    np.testing.assert_allclose(read_image(stored(Image.fromarray(DEEP), "PNG"), range="unit"), DEEP / 65535, rtol=1e-6)
    assert read_image(stored(Image.fromarray(CLEAR), "PNG")).shape == (4, 5, 7)
    with pytest.raises(ParameterError, match="stored or unit"):
        read_image(data, range="half")


def test_a_pipe_is_read():
    data = stored(Image.fromarray(GRAY), "PNG")
    reader, writer = os.pipe()
    with open(writer, "wb") as file:  # noqa: PTH123 - a handle
        file.write(data)
    try:
        np.testing.assert_array_equal(open_picture(f"/dev/fd/{reader}").array()[0], GRAY)
    finally:
        os.close(reader)
    with pytest.raises(ImageError, match="not a picture"):
        open_picture("/dev/zero")


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int32", "int64", "uint16", "bool"])
def test_unit_range_in_whole_numbers_is_an_error(dtype):
    with pytest.raises(ParameterError, match="range unit makes fractions"):
        read_image(b"0 128\n255 64", range="unit", dtype=dtype)


@pytest.mark.parametrize(
    ("numbers", "dtype", "message"),
    [
        (b"0.5 1", "int32", "holds 0.5"),
        (b"nan 1", "uint8", "holds nan"),
        (b"inf 1", "int64", "inf"),
        (b"-1 1", "uint8", "holds -1 to 1, and uint8 holds 0 to 255"),
        (b"256 1", "uint8", "holds 1 to 256"),
        (b"128 1", "int8", "holds 1 to 128"),
        (b"65536 1", "uint16", "holds 1 to 65536"),
        (b"1e19 1", "int64", "holds 1 to 1e.19"),
        (b"2 1", "bool", "holds 1 to 2"),
        (b"65520 1", "float16", "beyond what float16 holds"),
        (b"1e39 1", "float32", "beyond what float32 holds"),
    ],
)
def test_a_type_that_cannot_hold_the_values_is_an_error(numbers, dtype, message):
    with pytest.raises(ParameterError, match=message):
        read_image(numbers, dtype=dtype)


def test_a_type_that_can_hold_them_is_none():
    assert read_image(b"0 255", dtype="uint8").tolist() == [[0, 255]]
    assert read_image(b"-128 127", dtype="int8").tolist() == [[-128, 127]]
    assert read_image(b"0 65504 inf", dtype="float16").tolist() == [[0, 65504, np.inf]]
    wide = np.array([[0, 65535]], np.uint16)
    stream = io.BytesIO()
    np.save(stream, wide)
    np.testing.assert_array_equal(read_image(stream.getvalue(), range="unit", dtype="float16"), [[0, 1]])


def test_a_file_larger_than_the_memory_is_not_read(tmp_path):
    path = tmp_path / "large.npy"
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": (40000, 25000)})
        file.truncate(4 * 40000 * 25000)  # a hole in the file, which takes no disk
    tracemalloc.start()
    with pytest.raises(ResourceError, match=r"large.npy': reading it needs 4 GB, over the limit of 100 MB"):
        open_picture(path, max_memory=10**8)
    assert tracemalloc.get_traced_memory()[1] < 10**7
    tracemalloc.stop()
