"""Poolings against PyTorch."""

import numpy as np
import pytest

from cnnfilter.core.fractional import fractional_pool2d
from cnnfilter.core.pooling import adaptive_pool2d, global_pool2d, pool2d
from cnnfilter.errors import ShapeError

torch = pytest.importorskip("torch")
functional = torch.nn.functional


def integers(rng, low, high):
    return tuple(int(n) for n in rng.integers(low, high, 2))


def random_image(rng):
    """A small batch, sometimes with a few infinities and NaN."""
    image = rng.standard_normal((int(rng.integers(1, 3)), int(rng.integers(1, 4)), *integers(rng, 1, 20)))
    if rng.random() < 0.3:
        image[rng.random(image.shape) < 0.03] = rng.choice([np.inf, -np.inf, np.nan])
    return image.astype(rng.choice(["f4", "f8"]))


def check(ours, theirs, expected_type):
    """Compare the two results; where PyTorch refuses the sizes, so must we. Return whether there was a result."""
    try:
        expected = theirs().numpy()
    except RuntimeError:
        with pytest.raises(ShapeError):
            ours()
        return False
    got = ours()
    assert got.dtype == expected_type
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=3e-6)
    return True


def sliding(rng):
    """Each sliding pooling of PyTorch once, with random arguments."""
    image = random_image(rng)
    tensor = torch.from_numpy(image)
    size, stride = integers(rng, 1, 7), integers(rng, 1, 5)
    pads = tuple(int(rng.integers(0, k // 2 + 1)) for k in size)
    dilation = integers(rng, 1, 4) if rng.random() < 0.5 and pads == (0, 0) else (1, 1)
    ceil, include = bool(rng.integers(2)), bool(rng.integers(2))
    placed = {"stride": stride, "ceil_mode": ceil}
    spread = {**placed, "padding": pads, "dilation": dilation}
    counted = {**placed, "padding": pads, "count_include_pad": include}
    return [
        check(
            lambda: pool2d(image, "max", size, **spread),
            lambda: functional.max_pool2d(tensor, size, stride, pads, dilation, ceil),
            image.dtype,
        ),
        check(
            lambda: pool2d(image, "min", size, **spread),
            lambda: -functional.max_pool2d(-tensor, size, stride, pads, dilation, ceil),
            image.dtype,
        ),
        check(
            lambda: pool2d(image, "avg", size, **counted),
            lambda: functional.avg_pool2d(tensor, size, stride, pads, ceil, include),
            image.dtype,
        ),
        check(
            lambda: pool2d(image, "lp", size, **placed),
            lambda: functional.lp_pool2d(tensor, 2, size, stride, ceil),
            image.dtype,
        ),
    ]


def resizing(rng):
    """Adaptive, global and fractional pooling."""
    image = random_image(rng)
    tensor = torch.from_numpy(image)
    output, size = integers(rng, 1, 12), integers(rng, 1, 4)
    samples = rng.random((*image.shape[:2], 2)).astype(image.dtype)
    kind, theirs = [("max", functional.adaptive_max_pool2d), ("avg", functional.adaptive_avg_pool2d)][rng.integers(2)]
    return [
        check(lambda: adaptive_pool2d(image, output, kind), lambda: theirs(tensor, output), image.dtype),
        check(lambda: global_pool2d(image, kind), lambda: theirs(tensor, 1)[..., 0, 0], image.dtype),
        check(
            lambda: fractional_pool2d(image, size, output_size=output, samples=samples),
            lambda: functional.fractional_max_pool2d(tensor, size, output, _random_samples=torch.from_numpy(samples)),
            image.dtype,
        ),
    ]


@pytest.mark.parametrize("run", [sliding, resizing])
@pytest.mark.parametrize("seed", range(3))
def test_random_poolings_equal_pytorch(run, seed):
    rng = np.random.default_rng(seed)
    assert sum(sum(run(rng)) for _ in range(60)) > 60


@pytest.mark.long
@pytest.mark.parametrize("run", [sliding, resizing])
@pytest.mark.parametrize("seed", range(100, 105))
def test_many_random_poolings_equal_pytorch(run, seed):
    rng = np.random.default_rng(seed)
    assert sum(sum(run(rng)) for _ in range(200)) > 200


@pytest.mark.parametrize("p", [1, 1.5, 2, 3, 4])
@pytest.mark.parametrize("ceil_mode", [False, True])
def test_lp_is_pytorchs_of_absolute_values(p, ceil_mode):
    image = np.random.default_rng(1).standard_normal((1, 2, 9, 10))
    expected = functional.lp_pool2d(torch.from_numpy(np.abs(image)), p, (3, 4), 2, ceil_mode).numpy()
    got = pool2d(image, "lp", (3, 4), stride=2, p=p, ceil_mode=ceil_mode)
    np.testing.assert_allclose(got, expected, rtol=1e-9)


@pytest.mark.parametrize("ratio", [0.5, (0.3, 0.9)])
def test_output_ratio_as_pytorch(ratio):
    image = np.random.default_rng(2).standard_normal((2, 3, 17, 21)).astype(np.float32)
    samples = np.random.default_rng(3).random((2, 3, 2)).astype(np.float32)
    ratios = ratio if isinstance(ratio, tuple) else (ratio, ratio)
    expected = functional.fractional_max_pool2d(
        torch.from_numpy(image), 2, output_ratio=ratios, _random_samples=torch.from_numpy(samples)
    ).numpy()
    np.testing.assert_array_equal(fractional_pool2d(image, 2, output_ratio=ratio, samples=samples), expected)
