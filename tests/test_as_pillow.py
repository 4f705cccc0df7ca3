"""`--as pillow` against Pillow itself: the same pixels."""

import json

import numpy as np
import pytest
from PIL import Image, ImageFilter

import cnnfilter

OWN = ["BLUR", "CONTOUR", "DETAIL", "EDGE_ENHANCE", "EDGE_ENHANCE_MORE", "EMBOSS", "FIND_EDGES", "SHARPEN", "SMOOTH",
       "SMOOTH_MORE"]  # fmt: skip
TYPED = ["sobel-y", "box:size=3", "gaussian:size=5", "1 2 3; 4 5 6; -7 -8 -8", ".1 .2 .3; .1 0 .1; .05 .1 .07"]


@pytest.mark.parametrize("name", ["scene.png", "scene-color.png"])
def test_pixels_are_those_of_pillow(cnnfilter_run, samples, tmp_path, name):
    specs = [f"pillow-{one.lower().replace('_', '-')}" for one in OWN] + TYPED
    words = [word for spec in specs for word in ("-k", spec)]
    done = cnnfilter_run("convolve", samples / name, *words, "--as", "pillow", "--json", "-f", "png", "-f", "npy")
    assert done.code == 0, done.err
    with Image.open(samples / name) as picture:
        image = picture.convert("RGB" if picture.mode == "RGBA" else picture.mode)
    for spec, result in zip(specs, json.loads(done.out)["results"], strict=True):
        if spec in TYPED:
            weights = cnnfilter.load_kernel(spec).weights
            theirs = ImageFilter.Kernel(weights.shape, weights.ravel().tolist(), scale=1)
        else:
            theirs = getattr(ImageFilter, spec.removeprefix("pillow-").upper().replace("-", "_"))
        expected = np.asarray(image.filter(theirs))
        with Image.open(tmp_path / result["outputs"][0]) as written:
            pixels = np.asarray(written)
        assert np.array_equal(pixels[..., : expected.shape[-1]] if pixels.ndim == 3 else pixels, expected), spec
        values = np.load(tmp_path / result["outputs"][1])
        assert np.array_equal(values if values.ndim == 2 else np.moveaxis(values, 0, -1), expected), spec


@pytest.mark.parametrize(
    ("source", "kernel", "message"),
    [
        ("scene.png", "sobel-7-x", "pillow takes kernels of 3x3 or 5x5, got 7x7"),
        ("scene-16bit.png", "sobel-x", "pillow filters pictures of 8 bits, this one holds uint16"),
    ],
)
def test_what_pillow_cannot_do(cnnfilter_run, samples, source, kernel, message):
    done = cnnfilter_run("convolve", samples / source, "-k", kernel, "--as", "pillow")
    assert done.code == 3
    assert message in done.err
