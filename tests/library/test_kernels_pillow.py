"""Pillow's ten filters: the kernels do to a picture what Pillow does."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageFilter

from cnnfilter.library import load_kernel

PICTURE = np.random.default_rng(4).integers(0, 256, (20, 27), dtype=np.uint8)


TEN = """pillow-blur pillow-contour pillow-detail pillow-edge-enhance pillow-edge-enhance-more pillow-emboss
pillow-find-edges pillow-sharpen pillow-smooth pillow-smooth-more"""


@pytest.mark.parametrize("spec", TEN.split())
def test_the_ten(spec):
    kernel = load_kernel(spec)
    theirs = np.asarray(
        Image.fromarray(PICTURE).filter(getattr(ImageFilter, spec.removeprefix("pillow-").upper().replace("-", "_")))
    )
    half = kernel.weights.shape[0] // 2
    windows = np.lib.stride_tricks.sliding_window_view(PICTURE.astype(float), kernel.weights.shape)
    ours = np.einsum("rcij,ij->rc", windows, kernel.weights) + kernel.offset
    # Pillow rounds sums of float32 products, so that a half may go either way.
    assert np.abs(np.clip(ours, 0, 255) - theirs[half:-half, half:-half]).max() <= 0.5 + 1e-4


@pytest.mark.parametrize(
    ("spec", "same"),
    [
        ("sharpen:variant=pillow", "pillow-sharpen"),
        ("emboss:variant=pillow", "pillow-emboss"),
        ("edge-detect:variant=pillow", "pillow-find-edges"),
        ("edge-enhance", "pillow-edge-enhance"),
        ("edge-enhance-more", "pillow-edge-enhance-more"),
        ("detail", "pillow-detail"),
        ("contour", "pillow-contour"),
    ],
)
def test_other_ways_to_the_same(spec, same):
    one, other = load_kernel(spec), load_kernel(same)
    np.testing.assert_array_equal(one.weights, other.weights)
    assert one.offset == other.offset
