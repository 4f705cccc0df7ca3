"""Transposed convolution against PyTorch."""

import numpy as np
import pytest

from cnnfilter.core.transpose import conv_transpose2d
from cnnfilter.errors import ShapeError

torch = pytest.importorskip("torch")


def integers(rng, low, high):
    return tuple(int(n) for n in rng.integers(low, high, 2))


def equals_pytorch(rng):
    """Compare one random case; where PyTorch gives nothing, we must say so. Return whether there was a result."""
    groups, depth, maps = (int(n) for n in rng.integers(1, 4, 3))
    dtype = rng.choice(["f4", "f8"])
    image = rng.standard_normal((int(rng.integers(1, 3)), groups * depth, *integers(rng, 1, 12))).astype(dtype)
    kernel = rng.standard_normal((groups * depth, maps, *integers(rng, 1, 5))).astype(dtype)
    bias = rng.standard_normal(groups * maps).astype(dtype)
    stride, dilation, pads = integers(rng, 1, 5), integers(rng, 1, 4), integers(rng, 0, 4)
    extra = tuple(int(rng.integers(max(pair))) for pair in zip(stride, dilation, strict=True))
    options = {"stride": stride, "padding": pads, "output_padding": extra, "groups": groups, "dilation": dilation}
    tensors = map(torch.from_numpy, (image, kernel, bias))
    try:
        expected = torch.nn.functional.conv_transpose2d(*tensors, **options).numpy()
    except RuntimeError:
        expected = np.empty(0)
    if expected.size == 0:
        with pytest.raises(ShapeError):
            conv_transpose2d(image, kernel, bias=bias, **options)
        return False
    got = conv_transpose2d(image, kernel, bias=bias, **options)
    assert got.dtype == dtype
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)
    return True


def test_random_cases_equal_pytorch():
    rng = np.random.default_rng(1)
    assert sum(equals_pytorch(rng) for _ in range(200)) > 100


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10, 15))
def test_many_random_cases_equal_pytorch(seed):
    rng = np.random.default_rng(seed)
    assert sum(equals_pytorch(rng) for _ in range(400)) > 200


@pytest.mark.parametrize(("stride", "extra"), [((2, 3), (2, 2)), ((1, 1), (1, 0)), ((3, 3), (0, 3))])
def test_output_padding_is_refused_where_pytorch_refuses_it(stride, extra):
    image, kernel = torch.ones(1, 1, 3, 3), torch.ones(1, 1, 2, 2)
    with pytest.raises(RuntimeError, match="output padding must be smaller"):
        torch.nn.functional.conv_transpose2d(image, kernel, stride=stride, output_padding=extra)
    with pytest.raises(ValueError, match="output_padding must be less"):
        conv_transpose2d(image.numpy(), kernel.numpy(), stride=stride, output_padding=extra)
