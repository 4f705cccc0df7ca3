"""`--as torch` and `--as onnx` against PyTorch."""

import json

import numpy as np
import pytest
from PIL import Image

import cnnfilter

torch = pytest.importorskip("torch")


SPECS = ["sobel-x", ".1 .2; .3 .4", "gabor:sigma=2"]


@pytest.mark.parametrize(
    ("tool", "words"),
    [
        ("torch", []),
        ("torch", ["--padding", "same"]),
        ("torch", ["--stride", "2", "--padding", "1"]),
        ("onnx", ["--dilation", "2"]),
    ],
)
def test_numbers_are_those_of_pytorch(cnnfilter_run, samples, tmp_path, tool, words):
    kernels = [word for spec in SPECS for word in ("-k", spec)]
    done = cnnfilter_run("convolve", samples / "scene.png", *kernels, "--as", tool, "-f", "npy", "--json", *words)
    assert done.code == 0, done.err
    with Image.open(samples / "scene.png") as picture:
        image = torch.from_numpy(np.array(picture, np.float32))[None, None]
    for spec, result in zip(SPECS, json.loads(done.out)["results"], strict=True):
        weights = torch.from_numpy(cnnfilter.load_kernel(spec).weights.astype(np.float32))[None, None]
        options = {key.lstrip("-"): value for key, value in zip(words[::2], words[1::2], strict=True)}
        numbers = {key: value if value == "same" else int(value) for key, value in options.items()}
        padded, padding = image, numbers.pop("padding", 0)
        if padding == "same" and weights.shape[-1] % 2 == 0:  # an odd surplus goes to the end
            padded, padding = torch.nn.functional.pad(image, (0, 1, 0, 1)), 0
        expected = torch.nn.functional.conv2d(padded, weights, padding=padding, **numbers)[0, 0].numpy()
        assert np.abs(np.load(tmp_path / result["outputs"][0]) - expected).max() <= 1e-5 * np.abs(expected).max()
