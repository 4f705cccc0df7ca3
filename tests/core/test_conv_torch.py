"""conv2d against PyTorch on random shapes, strides, paddings, dilations and groups."""

import numpy as np
import pytest

from cnnfilter.core.conv import conv2d

torch = pytest.importorskip("torch", exc_type=ImportError)

#: Border rules by PyTorch's names; it has no symmetric one.
MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "replicate", "circular": "circular"}


def check(seed):
    rng = np.random.default_rng(seed)
    groups = int(rng.choice([1, 1, 2, 3]))
    depth, per_group = int(rng.integers(1, 5)), int(rng.integers(1, 5))
    kernel = [int(k) for k in rng.integers(1, 8, 2)]
    dilation = [int(d) for d in rng.integers(1, 4, 2)]
    stride = [int(s) for s in rng.integers(1, 4, 2)]
    pads = [[int(p) for p in rng.integers(0, 5, 2)] for _ in range(2)]
    size = [
        max(5, d * (k - 1) + 1 - sum(p)) + int(rng.integers(12)) for d, k, p in zip(dilation, kernel, pads, strict=True)
    ]
    mode = str(rng.choice(list(MODES)))
    image = rng.standard_normal((int(rng.integers(1, 4)), groups * depth, *size)).astype(np.float32)
    weights = rng.standard_normal((groups * per_group, depth, *kernel)).astype(np.float32)
    bias = rng.standard_normal(groups * per_group).astype(np.float32) if rng.random() < 0.5 else None
    got = conv2d(
        image, weights, bias=bias, stride=tuple(stride), padding=pads, padding_mode=mode, dilation=tuple(dilation),
        groups=groups,
    )  # fmt: skip
    padded = torch.nn.functional.pad(torch.from_numpy(image), [*pads[1], *pads[0]], mode=MODES[mode])
    expected = torch.nn.functional.conv2d(
        padded.double(), torch.from_numpy(weights).double(), None if bias is None else torch.from_numpy(bias).double(),
        stride=stride, dilation=dilation, groups=groups,
    ).numpy()  # fmt: skip
    assert got.shape == expected.shape
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("seed", range(300))
def test_equals_pytorch(seed):
    check(seed)


@pytest.mark.long
@pytest.mark.parametrize("start", range(1000, 4000, 100))
def test_equals_pytorch_on_thousands_of_cases(start):
    for seed in range(start, start + 100):
        check(seed)


@pytest.mark.filterwarnings("ignore:Using padding=.same.:UserWarning")
@pytest.mark.parametrize("size", [5, 6, 9, 10])
@pytest.mark.parametrize("kernel", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("dilation", [1, 2])
def test_same_padding_equals_pytorchs(size, kernel, dilation):
    image = np.random.default_rng(size).standard_normal((1, 1, size, size)).astype(np.float32)
    weights = np.random.default_rng(kernel).standard_normal((1, 1, kernel, kernel)).astype(np.float32)
    ours = conv2d(image, weights, padding="same", dilation=dilation)
    theirs = torch.nn.functional.conv2d(
        torch.from_numpy(image), torch.from_numpy(weights), padding="same", dilation=dilation
    )
    np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-5, atol=1e-5)
