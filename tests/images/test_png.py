"""PNGs that every decoder reads alike."""

import io
import shutil
import struct
import subprocess
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from cnnfilter.errors import OutputError, ShapeError, UnknownNameError
from cnnfilter.images import png
from cnnfilter.images.png import (
    COMPRESSIONS,
    PngLayout,
    combine_adler,
    encode_png,
    encode_segment,
    png_chunks,
)
from cnnfilter.images.read import open_picture


def picture(height, width, channels, dtype, seed=0):
    """A picture with gradients, flat parts and noise, so that every filter has something to do."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    base = (
        rows[..., None] * 3
        + columns[..., None] * np.arange(1, channels + 1)
        + rng.integers(0, 4, (height, width, channels))
    )
    base[: height // 2, : width // 3] = 7
    top = np.iinfo(dtype).max
    return (base * (1 if top == 255 else 257) % (top + 1)).astype(dtype)


def same(data, pixels):
    """Check that our own reader (checked elsewhere against the PngSuite) gives the pixels back."""
    back = open_picture(data)
    assert not back.notes
    assert back.dtype == pixels.dtype
    np.testing.assert_array_equal(back.array().transpose(1, 2, 0), pixels)


@pytest.mark.parametrize("compress", COMPRESSIONS)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (2, 3), (67, 41)])
def test_what_goes_in_comes_out(size, channels, dtype, compress):
    pixels = picture(*size, channels, dtype)
    same(encode_png(pixels, compress=compress), pixels)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 40), st.integers(1, 40), st.integers(1, 4), st.sampled_from([np.uint8, np.uint16]),
    st.sampled_from(sorted(COMPRESSIONS)), st.integers(0, 2**32 - 1), st.integers(1, 40),
)  # fmt: skip
def test_segments_of_any_height_make_one_picture(height, width, channels, dtype, compress, seed, step):
    pixels = (
        np.random.default_rng(seed).integers(0, 1 + seed % np.iinfo(dtype).max, (height, width, channels)).astype(dtype)
    )
    layout = PngLayout(height, width, channels, 8 * np.dtype(dtype).itemsize)
    starts = range(0, height, step)
    segments = [
        encode_segment(pixels[start : start + step], layout, compress, last=start + step >= height) for start in starts
    ]
    same(b"".join(png_chunks(layout, segments)), pixels)


def test_threads_and_non_contiguous_rows_change_nothing():
    pixels = picture(300, 200, 3, np.uint8)
    turned = np.ascontiguousarray(pixels[:, ::-1])[:, ::-1]
    assert not turned.flags.c_contiguous
    layout = PngLayout(300, 200, 3)

    def segment(start):
        return encode_segment(turned[start : start + 100], layout, last=start == 200)

    with ThreadPoolExecutor(3) as pool:
        threaded = b"".join(png_chunks(layout, pool.map(segment, (0, 100, 200))))
    plain = b"".join(png_chunks(layout, [segment(start) for start in (0, 100, 200)]))
    assert threaded == plain
    same(threaded, pixels)


@pytest.mark.parametrize("kind", [*range(5), png.ADAPTIVE])
@pytest.mark.parametrize("step", [1, 3, 8])
def test_each_filter_is_the_one_of_the_standard(kind, step):
    rows = picture(12, 16 * step, 1, np.uint8)[..., 0]
    body = png.filtered(rows, None, step, kind)
    expected = {1: (0, 8), 3: (2, 8), 8: (6, 16)}[step]
    header = struct.pack(">IIBBBBB", 16, 12, expected[1], expected[0], 0, 0, 0)

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    data = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(body.tobytes()))
        + chunk(b"IEND", b"")
    )
    back = open_picture(data).array().transpose(1, 2, 0)
    stored = np.ascontiguousarray(back.astype(">u2") if step == 8 else back)
    np.testing.assert_array_equal(stored.view(np.uint8).reshape(12, -1), rows)
    assert set(body[1:, 0]) == {kind} or kind == png.ADAPTIVE


def test_filters_are_chosen_by_what_fits():
    columns = np.tile(np.arange(64, dtype=np.uint8) * 37, (64, 1))
    assert png.choose_fast(columns, 1) == png.UP
    assert png.choose_fast(np.ascontiguousarray(columns.T), 1) == png.SUB
    assert png.choose_fast(np.zeros((64, 64), np.uint8), 1) == png.NONE


def test_small_is_smaller():
    pixels = picture(256, 256, 3, np.uint8)
    assert len(encode_png(pixels, compress="small")) < len(encode_png(pixels))


def test_palette():
    table = np.random.default_rng(1).integers(0, 256, (256, 3), np.uint8)
    pixels = picture(20, 30, 1, np.uint8)
    data = encode_png(pixels, palette=table.tobytes())
    np.testing.assert_array_equal(open_picture(data).array().transpose(1, 2, 0), table[pixels[..., 0]])


def test_text_in_any_script():
    text = {"Software": "cnnfilter", "Kernel": "gabor θ=45 猫", "Lines": "one\r\ntwo\0", "k" * 90: "é", "": "x\ud800"}
    data = encode_png(np.zeros((2, 3), np.uint8), text)
    image = Image.open(io.BytesIO(data))
    image.load()
    assert image.text == {
        "Software": "cnnfilter", "Kernel": "gabor θ=45 猫", "Lines": "one\ntwo", "k" * 79: "é", "Text": "x\\ud800",
    }  # fmt: skip


@pytest.mark.skipif(shutil.which("pngcheck") is None, reason="no pngcheck here")
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_pngcheck_finds_nothing_wrong(tmp_path, channels, dtype):
    pixels = picture(130, 57, channels, dtype)
    layout = PngLayout(130, 57, channels, 8 * np.dtype(dtype).itemsize)
    segments = [encode_segment(pixels[a : a + 50], layout, last=a == 100) for a in (0, 50, 100)]
    path = tmp_path / "out.png"
    path.write_bytes(b"".join(png_chunks(layout, segments, {"Source": "a", "Kernel": "θ"})))
    done = subprocess.run(["pngcheck", "-v", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "No errors detected" in done.stdout


@given(st.binary(), st.binary())
def test_adler_sums_combine(first, second):
    combined = combine_adler(zlib.adler32(first), zlib.adler32(second), len(second))
    assert combined == zlib.adler32(first + second)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: PngLayout(0, 5), OutputError, "0"),
        (lambda: PngLayout(5, 2**31), OutputError, "2147483647"),
        (lambda: PngLayout(5, 5, 5), OutputError, "1 to 4 channels"),
        (lambda: PngLayout(5, 5, 3, 8, bytes(768)), OutputError, "palette"),
        (lambda: encode_png(np.zeros((2, 3))), ShapeError, "float64"),
        (lambda: encode_segment(np.zeros((2, 3, 1), np.uint8), PngLayout(2, 4), last=True), ShapeError, "4"),
        (lambda: encode_png(np.zeros((2, 3), np.uint8), compress="smal"), UnknownNameError, "small"),
    ],
)
def test_refusals(make, error, words):
    with pytest.raises(error, match=words):
        make()
