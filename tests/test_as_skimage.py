"""`--as skimage` against scikit-image itself."""

import numpy as np
import pytest
from PIL import Image

filters = pytest.importorskip("skimage.filters")

NAMES = {
    "sobel-x": filters.sobel_v,
    "sobel-y": filters.sobel_h,
    "scharr-x": filters.scharr_v,
    "scharr-y": filters.scharr_h,
    "prewitt-x": filters.prewitt_v,
    "prewitt-y": filters.prewitt_h,
    "farid-x": filters.farid_v,
    "laplacian": filters.laplace,
}


def test_named_filters(cnnfilter_run, samples, tmp_path):
    with Image.open(samples / "scene.png") as picture:
        image = np.asarray(picture)
    words = [word for name in NAMES for word in ("-k", name)]
    done = cnnfilter_run("convolve", samples / "scene.png", *words, "--as", "skimage", "-f", "npy")
    assert done.code == 0, done.err
    for name, call in NAMES.items():
        (found,) = tmp_path.glob(f"scene.{name}*.npy")
        assert np.abs(np.load(found) - call(image)).max() < 1e-12, name


@pytest.mark.parametrize("name", ["sobel", "scharr"])
def test_magnitude_has_its_scale(cnnfilter_run, samples, tmp_path, name):
    with Image.open(samples / "scene.png") as picture:
        image = np.asarray(picture)
    words = ["-k", f"{name}-x", "-k", f"{name}-y", "--combine", "magnitude"]
    done = cnnfilter_run("convolve", samples / "scene.png", *words, "--as", "skimage", "-f", "npy")
    assert done.code == 0, done.err
    expected = getattr(filters, name)(image)
    assert np.abs(np.load(tmp_path / "scene.magnitude.npy") - expected).max() < 1e-12
