"""Pictures written to files and read back."""

import io

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

import cnnfilter
from cnnfilter.errors import OutputError, ParameterError, ShapeError, UnknownNameError
from cnnfilter.images.colour import colour_table
from cnnfilter.images.display import Display
from cnnfilter.images.read import open_picture, read_image
from cnnfilter.images.write import ENCODERS, SUFFIXES, encode_image, format_of, write_image


def noise(channels, dtype=np.uint8, size=(13, 17)):
    return np.random.default_rng(channels).integers(0, np.iinfo(dtype).max, (*size, channels), dtype, endpoint=True)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize(
    ("form", "dtype"),
    [("png", np.uint8), ("png", np.uint16), ("tiff", np.uint8), ("tiff", np.uint16), ("webp", np.uint8)],
)
def test_formats_without_losses(form, dtype, channels):
    pixels = noise(channels, dtype)
    back = open_picture(encode_image(pixels, form)).array().transpose(1, 2, 0)
    if back.shape[2] != channels:
        assert form == "webp" or (form, dtype, channels) == ("tiff", np.uint16, 2)
        back = back[..., [0] if channels == 1 else [0, 3]]
    np.testing.assert_array_equal(back, pixels)


def test_jpeg_is_close():
    rows, columns = np.mgrid[:40, :50]
    pixels = np.stack([rows * 5, columns * 4, rows + columns], -1).astype(np.uint8)
    for shown in (pixels, pixels[..., :1]):
        back = open_picture(encode_image(shown, "jpg")).array().transpose(1, 2, 0)
        assert back.shape == shown.shape
        assert np.abs(back.astype(int) - shown).max() < 12


@pytest.mark.parametrize("size", [(1, 1), (1, 400), (700, 3), (300, 2000)])
def test_tiff_strips(size):
    pixels = noise(3, np.uint16, size)
    np.testing.assert_array_equal(open_picture(encode_image(pixels, "tiff")).array().transpose(1, 2, 0), pixels)


def test_text_is_kept():
    text = {"Kernel": "gabor θ=45", "Display": "abs 0..255"}
    pixels = noise(1)
    tiff = TiffImagePlugin.TiffImageFile(io.BytesIO(encode_image(pixels, "tiff", text)))
    assert tiff.tag_v2[270].encode("latin-1").decode() == "Kernel: gabor θ=45\nDisplay: abs 0..255"
    jpeg = Image.open(io.BytesIO(encode_image(pixels, "jpg", text)))
    assert jpeg.info["comment"].decode() == "Kernel: gabor θ=45\nDisplay: abs 0..255"
    assert Image.open(io.BytesIO(encode_image(pixels, "png", text))).info["Kernel"] == "gabor θ=45"


@pytest.mark.parametrize("form", ENCODERS)
def test_bytes_are_always_the_same(form):
    pixels = noise(3)
    assert encode_image(pixels, form, {"a": "b"}) == encode_image(pixels.copy(), form, {"a": "b"})


@pytest.mark.parametrize(
    ("pixels", "form", "error", "words"),
    [
        (noise(4), "jpg", OutputError, "no transparency"),
        (noise(1, np.uint16), "jpg", OutputError, "8 bits"),
        (noise(1, np.uint16), "webp", OutputError, "8 bits"),
        (np.zeros((1, 16384, 1), np.uint8), "webp", OutputError, "16383"),
        (np.zeros((70000, 1, 1), np.uint8), "jpg", OutputError, "65500"),
        (np.zeros((2, 3, 5), np.uint8), "png", ShapeError, "1 to 4 channels"),
        (np.zeros((2, 3), np.float32), "png", ShapeError, "float32"),
        (noise(1), "jpeg2000", UnknownNameError, "image format"),
    ],
)
def test_what_a_format_cannot_hold(pixels, form, error, words):
    with pytest.raises(error, match=words):
        encode_image(pixels, form)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_write_by_every_suffix(tmp_path, suffix):
    path = tmp_path / f"out{suffix.upper()}"
    assert format_of(path) == SUFFIXES[suffix]
    write_image(path, np.arange(30, dtype=np.float32).reshape(5, 6))
    assert open_picture(path).shape[1:] == (5, 6)
    assert not open_picture(path).notes


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_stored_values_come_back(tmp_path, dtype):
    values = noise(3, dtype, (600, 11)).transpose(2, 0, 1)
    assert write_image(tmp_path / "a.png", values) == Display("clip", 0.0, float(np.iinfo(dtype).max))
    back = read_image(tmp_path / "a.png")
    assert back.dtype == np.float32
    np.testing.assert_array_equal(back, values)


@pytest.mark.parametrize(("low", "shown"), [(-3.0, (-5.0, 5.0, "symmetric -5..5")), (1.0, (1.0, 5.0, "minmax 1..5"))])
def test_floats_are_stretched_and_the_mapping_is_told(tmp_path, low, shown):
    values = np.linspace(low, 5.0, 256).reshape(16, 16)
    mapping = write_image(tmp_path / "a.png", values, text={"Kernel": "k"})
    assert (mapping.low, mapping.high, str(mapping)) == shown
    image = Image.open(tmp_path / "a.png")
    assert image.text == {"Software": f"cnnfilter {cnnfilter.__version__}", "Display": shown[2], "Kernel": "k"}
    span = mapping.high - mapping.low
    back = read_image(tmp_path / "a.png") * span / 255 + mapping.low
    assert np.abs(back - values).max() < span / 255


def test_colour_map_and_sixteen_bits(tmp_path):
    values = np.arange(256.0).reshape(16, 16)
    table = colour_table("inferno")
    for name in ("a.png", "a.tiff"):
        write_image(tmp_path / name, values, colormap="inferno")
        np.testing.assert_array_equal(
            open_picture(tmp_path / name).array(), table.reshape(16, 16, 3).transpose(2, 0, 1)
        )
    write_image(tmp_path / "b.png", values, bits=16)
    np.testing.assert_array_equal(read_image(tmp_path / "b.png"), values * 257)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"array": np.zeros(5)}, ShapeError, "H, W"),
        ({"array": np.zeros((5, 2, 2))}, ShapeError, "1 to 4 channels"),
        ({"array": np.zeros((2, 2), complex)}, ShapeError, "complex128"),
        ({"path": "out"}, OutputError, "add one of"),
        ({"path": "out.gif"}, UnknownNameError, "image file type"),
        ({"display": "clap"}, UnknownNameError, "clip"),
        ({"bits": 12}, ParameterError, "8 or 16"),
        ({"colormap": "viridis", "array": np.zeros((3, 2, 2))}, ShapeError, "one channel"),
    ],
)
def test_refusals_leave_nothing(tmp_path, arguments, error, words):
    arguments = {"path": "out.png", "array": np.zeros((2, 2)), **arguments}
    with pytest.raises(error, match=words):
        write_image(tmp_path / arguments.pop("path"), **arguments)
    assert list(tmp_path.iterdir()) == []
