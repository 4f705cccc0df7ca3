"""Channels last in Python: asked for, given back, and warned of in the user's own line."""

import warnings

import numpy as np
import pytest
from PIL import Image

import cnnfilter
from cnnfilter.errors import CnnFilterError, LayoutWarning, UnknownNameError

PHOTO = np.random.default_rng(1).random((20, 30, 3)).astype(np.float32)
FIRST = PHOTO.transpose(2, 0, 1)
BANK = np.random.default_rng(2).random((5, 3, 3, 3)).astype(np.float32)

CALLS = {
    "each": lambda image, **words: cnnfilter.conv2d(image, "sobel-x", **words),
    "bank": lambda image, **words: cnnfilter.conv2d(image, BANK, **words),
    "pool": lambda image, **words: cnnfilter.pool2d(image, "avg", 2, **words),
    "adaptive": lambda image, **words: cnnfilter.adaptive_pool2d(image, (7, 4), "max", **words),
    "adaptive-1": lambda image, **words: cnnfilter.adaptive_pool2d(image, 1, "avg", **words),
    "adaptive-whole": lambda image, **words: cnnfilter.adaptive_pool2d(image, (10, 15), "avg", **words),
    "fractional": lambda image, **words: cnnfilter.fractional_pool2d(image, 2, output_size=(9, 2), seed=4, **words),
}


@pytest.mark.parametrize("name", CALLS)
def test_the_result_lies_as_the_image(name):
    call = CALLS[name]
    np.testing.assert_array_equal(call(PHOTO, layout="HWC"), call(FIRST).transpose(1, 2, 0))
    batch = np.stack([PHOTO, PHOTO[::-1]])
    expected = call(batch.transpose(0, 3, 1, 2)).transpose(0, 2, 3, 1)
    np.testing.assert_array_equal(call(batch, layout="HWC"), expected)


def test_one_value_for_each_channel():
    np.testing.assert_array_equal(
        cnnfilter.global_pool2d(PHOTO, "avg", layout="HWC"), cnnfilter.global_pool2d(FIRST, "avg")
    )


def test_two_axes_have_no_channels():
    np.testing.assert_array_equal(cnnfilter.conv2d(FIRST[0], "box", layout="HWC"), cnnfilter.conv2d(FIRST[0], "box"))
    maps = cnnfilter.conv2d(FIRST[0], BANK[:, :1], layout="HWC")
    assert maps.shape == (18, 28, 5)


def test_a_layout_that_is_none():
    with pytest.raises(UnknownNameError, match="unknown layout 'NHWC'"):
        cnnfilter.conv2d(PHOTO, "box", layout="NHWC")


@pytest.mark.parametrize("name", [name for name in CALLS if name != "bank"])
def test_an_array_that_looks_like_channels_last_is_a_warning(name):
    with pytest.warns(LayoutWarning, match=r"shape \(20, 30, 3\) looks like 20 x 30 pixels of 3 channels") as caught:
        CALLS[name](PHOTO)
    assert [one.filename for one in caught] == [__file__]


@pytest.mark.parametrize("name", ["softmax", "log-softmax", "softmin", "glu"])
def test_a_softmax_over_the_rows_of_channels_last_is_a_warning(name):
    with pytest.warns(LayoutWarning, match=r"shape \(20, 30, 4\) .* \(axis=-1 says otherwise\)") as caught:
        cnnfilter.activate(np.ones((20, 30, 4)), name)
    assert [one.filename for one in caught] == [__file__]


def test_no_warning_where_channels_do_not_matter():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cnnfilter.activate(PHOTO, "relu")
        cnnfilter.activate(PHOTO, "softmax", axis=-1)
        cnnfilter.activate(PHOTO, "softmax", axis=0)
        cnnfilter.activate(FIRST, "softmax")


@pytest.mark.parametrize(
    ("image", "kernel"),
    [
        (FIRST, "box"),
        (np.ones((64, 4, 4)), "box"),
        (np.ones((3, 5, 3)), "box"),
        (PHOTO, np.ones((2, 20, 3, 3))),  # a filter for 20 channels
        (np.ones((20, 30)), "box"),
        (np.ones((2, 3, 20, 30)), "box"),
    ],
)
def test_no_warning_where_there_is_no_doubt(image, kernel):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cnnfilter.conv2d(image, kernel)


@pytest.mark.parametrize("mode", ["L", "RGB", "F", "I"])
def test_pillow_images_have_a_known_layout(mode):
    draw = np.random.default_rng(3)
    picture = Image.fromarray(draw.integers(0, 256, (9, 11, 3)).astype(np.uint8)).convert(mode)
    plain = np.asarray(picture)
    planes = np.moveaxis(plain, -1, 0) if plain.ndim == 3 else plain
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        maps = cnnfilter.conv2d(picture, "sobel-x")
        assert np.array_equal(maps, cnnfilter.conv2d(planes, "sobel-x"))
        last = cnnfilter.conv2d(picture, "sobel-x", layout="HWC")
        assert np.array_equal(last, np.moveaxis(maps, 0, -1) if plain.ndim == 3 else maps)
        assert np.array_equal(cnnfilter.pool2d(picture, "max", 2), cnnfilter.pool2d(planes, "max", 2))
        one = cnnfilter.explain(picture, "sobel-x", (3, 4))
        assert one.result == (maps[0] if maps.ndim == 3 else maps)[3, 4]


@pytest.mark.parametrize("mode", ["P", "RGBA", "LA", "1", "CMYK", "HSV"])
def test_pillow_images_that_are_no_plain_light(mode):
    picture = Image.new("RGB", (9, 8), (10, 200, 30)).convert(mode)
    for function in (lambda: cnnfilter.conv2d(picture, "box"), lambda: cnnfilter.explain(picture, "box")):
        with pytest.raises(CnnFilterError, match=f"mode {mode} is no plain light"):
            function()


class Tensor:
    """Something that gives its array to nobody."""

    shape = (3, 8, 9)

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("Can't call numpy() on a tensor that requires grad.\nUse detach().")


def test_tensors_that_give_no_array():
    with pytest.raises(CnnFilterError, match=r"image gives no array: Can't call numpy\(\)"):
        cnnfilter.conv2d(Tensor(), "box")
