"""`--as torch` and `--as onnx` against PyTorch."""

import json

import numpy as np
import pytest
from adopted import filtered, random_case, random_weights, seeds
from PIL import Image

import cnnfilter

torch = pytest.importorskip("torch")


SPECS = ["sobel-x", ".1 .2; .3 .4", "gabor:sigma=2"]

#: Of the sum of the absolute products: float32 sums in another order.
TOLERANCE = 1e-6


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


def typed(rng):
    return random_weights(rng)


def named(rng):
    spec = ["gaussian:sigma=1.2", "emboss", "box:size=4", "laplacian-5", "roberts-1", "log:sigma=1"][rng.integers(6)]
    return cnnfilter.load_kernel(spec).weights, spec


def words_of(rng, size, kernel):
    """Stride, dilation and padding at random, for the program and for PyTorch."""
    stride, dilation = rng.integers(1, 4, 2).tolist(), rng.integers(1, 3, 2).tolist()
    room = [side - d * (k - 1) for side, d, k in zip(size, dilation, kernel, strict=True)]
    padding = int(rng.integers(0, 4)) if min(room) > 0 else max(dilation) * max(kernel)
    if rng.random() < 0.3:
        stride, padding = [1, 1], "same"
    texts = {name: ",".join(map(str, pair)) for name, pair in (("stride", stride), ("dilation", dilation))}
    return texts | {"padding": str(padding)}, {"stride": stride, "dilation": dilation, "padding": padding}


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths:UserWarning")
@pytest.mark.parametrize("seed", seeds(320))
def test_random_cases(seed):
    rng = np.random.default_rng(seed)
    array, (weights, spec) = random_case(rng, [typed, named], depths=["uint8", "uint16", "float32"], channels=[1, 3])
    words, options = words_of(rng, array.shape[:2], weights.shape)
    modes = {"reflect": "reflect", "replicate": "replicate", "circular": "circular"}
    planes = np.moveaxis(array.reshape(*array.shape[:2], -1), -1, 0).astype(np.float32)
    batch, kernel = torch.tensor(planes)[:, None], torch.tensor(weights.astype(np.float32))[None, None]
    if rng.random() < 0.4 and isinstance(options["padding"], int) and options["padding"] < min(array.shape[:2]):
        words["padding_mode"] = str(rng.choice(list(modes)))
        pad = [options.pop("padding")] * 4
        batch = torch.nn.functional.pad(batch, pad, mode=modes[words["padding_mode"]])
    expected = np.moveaxis(torch.nn.functional.conv2d(batch, kernel, **options)[:, 0].numpy(), 0, -1)
    expected = expected[..., 0] if array.ndim == 2 else expected
    got, note = filtered(str(rng.choice(["torch", "onnx"])), array, spec, **words)
    assert got.shape == expected.shape
    products = float(np.abs(weights).sum()) * float(np.abs(array).max())
    assert np.abs(got - expected).max() <= TOLERANCE * products, (spec, words)
    assert "results float32" in note
