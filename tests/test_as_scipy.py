"""`--as scipy` against SciPy itself."""

import numpy as np
import pytest
from PIL import Image

import cnnfilter

ndimage = pytest.importorskip("scipy.ndimage")

KERNELS = ["sobel-x", "gaussian:sigma=1.5", ".1 .2; .3 .4", "1 2 3 4", "1; -2", "gabor:sigma=2", "bank:laws-3"]


@pytest.mark.parametrize("flip", [False, True], ids=["correlate", "convolve"])
def test_numbers_are_those_of_scipy(cnnfilter_run, samples, tmp_path, flip):
    call = ndimage.convolve if flip else ndimage.correlate
    with Image.open(samples / "scene.png") as picture:
        image = np.asarray(picture).astype(float)
    for number, spec in enumerate(KERNELS):
        words = ["-k", spec, "--as", "scipy", "-f", "npz", "--stack", "-o", f"{number}.npz", *["--flip"] * flip]
        done = cnnfilter_run("convolve", samples / "scene.png", *words)
        assert done.code == 0, done.err
        kernels = cnnfilter.load_kernel(spec)
        kernels = kernels if isinstance(kernels, cnnfilter.library.FilterBank) else [kernels]
        with np.load(tmp_path / f"{number}.npz") as ours:
            for kernel in kernels:
                expected = call(image, kernel.weights)
                assert ours[kernel.name].dtype == np.float64
                assert np.abs(ours[kernel.name] - expected).max() <= 1e-9 * np.abs(expected).max()


def test_named_filters(cnnfilter_run, samples, tmp_path):
    with Image.open(samples / "scene.png") as picture:
        image = np.asarray(picture).astype(float)
    names = {
        "sobel-x": ndimage.sobel(image, axis=1),
        "prewitt-y": ndimage.prewitt(image, axis=0),
        "laplacian": ndimage.laplace(image),
    }
    words = [word for name in names for word in ("-k", name)]
    assert cnnfilter_run("convolve", samples / "scene.png", *words, "--as", "scipy", "-f", "npy").code == 0
    for name, expected in names.items():
        found = next(tmp_path.glob(f"scene.{name}*.npy"))
        assert np.allclose(np.load(found), expected, rtol=0, atol=1e-9), name
