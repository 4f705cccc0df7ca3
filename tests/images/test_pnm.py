"""Netpbm's formats, raw and plain."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnfilter.errors import CnnFilterError, ImageError
from cnnfilter.images import read
from cnnfilter.images.read import open_picture


@pytest.mark.parametrize(
    ("data", "expected", "white"),
    [
        (b"P1\n# a comment\n3 2\n0 1 0\n111", [[[255, 0, 255], [0, 0, 0]]], 255),
        (b"P2 3 1 15\n0 7 15", [[[0, 7, 15]]], 15),
        (b"P2 2 1 1000 0 1000", [[[0, 1000]]], 1000),
        (b"P3 1 2 255 1 2 3 # c\n 4 5 6", [[[1], [4]], [[2], [5]], [[3], [6]]], 255),
        (b"P4 10 2\n\x80\x40\x00\x00", [[[0] + [255] * 8 + [0], [255] * 10]], 255),
        (b"P5 2 2 255\n\x01\x02\x03\x04", [[[1, 2], [3, 4]]], 255),
        (b"P5\n2 1\n# c\n1023\n\x01\x02\x03\x04", [[[258, 772]]], 1023),
        (b"P6 1 1 255\n\x01\x02\x03", [[[1]], [[2]], [[3]]], 255),
        (b"Pf 2 2 -1.0\n" + np.array([1, 2, 3, 4], "<f4").tobytes(), [[[3, 4], [1, 2]]], 255),
        (b"PF 1 1 1.0\n" + np.array([0.5, 0, 1], ">f4").tobytes(), [[[0.5]], [[0]], [[1]]], 1),
        (b"P5 2 1 255\n\x01\x02P5 and more", [[[1, 2]]], 255),
    ],
)
def test_values(data, expected, white):
    picture = open_picture(data)
    np.testing.assert_array_equal(picture.array(), expected)
    assert picture.white == white
    assert picture.dtype.isnative


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"P5 2 2 255\n\x01\x02\x03", "truncated PNM: 2 rows of 2 bytes are announced, 3 bytes follow"),
        (b"P2 2 2 255\n1 2 3", "truncated PNM: 4 values are announced, 3 follow"),
        (b"P5 2", "the header ends too early"),
        (b"P5 0 2 255\n", "width is '0'"),
        (b"P5 -3 2 255\n", "width is '-3'"),
        (b"P5 2 2 70000\n" + bytes(99), "maximum is '70000'"),
        (b"P2 2 1 15 3 16", "a value is outside 0 to 15"),
        (b"P2 2 1 15 3 x", "a value is no whole number"),
        (b"P2 1 1 255\n99999999999999999999", "a value is outside 0 to 255"),
        (b"P2 2 1 15 3 -1", "a value is no whole number"),
        (b"P2 2 1 15 3 1.5", "a value is no whole number"),
        (b"P2 4 1 255 1+2 3 4 5", "a value is no whole number"),
        (b"P2 2 1 255 1-2", "truncated PNM: 2 values are announced, 1 follow"),
        (b"P1\n2 2\n0 7 1 x 1 0", "'7' is neither 0 nor 1"),
        (b"P1 2 2 011", "truncated PNM: 4 values are announced, 3 follow"),
        (b"Pf 1 1 0\n" + bytes(4), "scale is '0'"),
        (b"Pf 1 1 x\n" + bytes(4), "scale is 'x'"),
        (b"P6 99999 99999 255\n", "over the limit"),
    ],
)
def test_refusals(data, words):
    with pytest.raises(ImageError, match=words):
        open_picture(data)


@pytest.mark.parametrize("magic", [b"P4", b"P5", b"P6", b"Pf"])
def test_rows_of_a_large_file_come_from_the_disk(tmp_path, monkeypatch, magic):
    data = (
        magic
        + b" 40 30 "
        + {b"P4": b"", b"Pf": b"-1 "}.get(magic, b"255 ")
        + np.random.default_rng(0).bytes(30 * 40 * 4)
    )
    path = tmp_path / "big.pnm"
    path.write_bytes(data)
    expected = open_picture(data).array()
    monkeypatch.setattr(read, "IN_MEMORY", 10)
    picture = open_picture(path)
    np.testing.assert_array_equal(picture.array(), expected)
    np.testing.assert_array_equal(picture.rows(7, 11), expected[:, 7:11])
    path.write_bytes(data[:60])
    with pytest.raises(ImageError, match="became shorter"):
        picture.rows(20, 30)


@given(st.sampled_from([b"P1", b"P2", b"P3", b"P4", b"P5", b"P6", b"Pf", b"PF"]), st.binary(max_size=60))
def test_any_bytes_are_a_picture_or_an_error(magic, rest):
    try:
        picture = open_picture(magic + b" " + rest, max_pixels=1000)
        shape = picture.array().shape
    except CnnFilterError as error:
        shape = (str(error).isprintable(),)
    assert all(shape)


def test_more_pictures_behind_the_first_are_told():
    one = b"P5 2 1 255\n\x01\x02"
    assert open_picture(one + one).notes == ("first of several pictures in one file: the others are not read",)
    assert open_picture(one).notes == ()
