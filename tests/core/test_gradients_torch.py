"""Gradients against PyTorch's: five hundred random cases of each kind, to 1e-5 in float32 and 1e-9 in float64."""

import random

import numpy as np
import pytest

import cnnfilter
from cnnfilter.core.activations import ACTIVATIONS

torch = pytest.importorskip("torch")
F = torch.nn.functional

CASES = 500


def back_of(function, gradient, *arrays):
    """Return PyTorch's gradients with respect to arrays."""
    tensors = [torch.tensor(array, requires_grad=True) for array in arrays]
    function(*tensors).backward(torch.tensor(gradient))
    return [tensor.grad.numpy() for tensor in tensors]


def check(found, wanted, dtype):
    size = max(1.0, float(np.abs(wanted).max()))
    np.testing.assert_allclose(found, wanted, rtol=0, atol=(1e-9 if dtype == np.float64 else 1e-5) * size)


def cases(seed):
    for number in range(CASES):
        chance = random.Random(f"{seed}-{number}")
        yield chance, np.random.default_rng(chance.randrange(1 << 30)), chance.choice([np.float32, np.float64])


def test_convolution():
    for chance, draw, dtype in cases("conv"):
        groups, depth, per = chance.randint(1, 3), chance.randint(1, 3), chance.randint(1, 3)
        size, kernel = (chance.randint(5, 10), chance.randint(5, 10)), (chance.randint(1, 3), chance.randint(1, 3))
        stride, dilation = (chance.randint(1, 3), chance.randint(1, 3)), (chance.randint(1, 2), chance.randint(1, 2))
        padding = chance.randint(0, 2), chance.randint(0, 2)
        image = draw.normal(size=(chance.randint(1, 3), groups * depth, *size)).astype(dtype)
        weights = draw.normal(size=(groups * per, depth, *kernel)).astype(dtype)
        words = {"stride": stride, "dilation": dilation, "groups": groups}
        flows = draw.normal(
            size=cnnfilter.conv2d(image, weights, padding=f"{padding[0]},{padding[1]}", **words).shape
        ).astype(dtype)
        found = cnnfilter.conv2d_gradient(image, weights, flows, padding=f"{padding[0]},{padding[1]}", **words)
        bias = np.zeros(groups * per, dtype)
        wanted = back_of(
            lambda x, w, b, p=padding, words=words: F.conv2d(x, w, b, padding=p, **words), flows, image, weights, bias
        )
        for one, other in zip(found, wanted, strict=True):
            check(one, other, dtype)


def test_transposed_convolution():
    for chance, draw, dtype in cases("transpose"):
        groups, depth, per = chance.randint(1, 3), chance.randint(1, 2), chance.randint(1, 3)
        kernel, stride = (chance.randint(1, 4), chance.randint(1, 4)), (chance.randint(1, 3), chance.randint(1, 3))
        dilation = chance.randint(1, 2), chance.randint(1, 2)
        padding = [chance.randint(0, (k - 1) // 2) for k in kernel]
        more = [chance.randint(0, max(s, d) - 1) for s, d in zip(stride, dilation, strict=True)]
        size = chance.randint(3, 6), chance.randint(3, 6)
        image = draw.normal(size=(chance.randint(1, 2), groups * depth, *size)).astype(dtype)
        weights = draw.normal(size=(groups * depth, per, *kernel)).astype(dtype)
        ours = {"stride": stride, "dilation": dilation, "groups": groups, "output_padding": tuple(more),
                "padding": f"{padding[0]},{padding[1]}"}  # fmt: skip
        theirs = {**ours, "padding": padding}
        flows = draw.normal(size=cnnfilter.conv_transpose2d(image, weights, **ours).shape).astype(dtype)
        found = cnnfilter.conv_transpose2d_gradient(image, weights, flows, **ours)
        wanted = back_of(lambda x, w, words=theirs: F.conv_transpose2d(x, w, **words), flows, image, weights)
        for one, other in zip(found, wanted, strict=False):
            check(one, other, dtype)


POOLS = {
    "max": lambda x, k, s, pad, ceil, inside: F.max_pool2d(x, k, s, pad, 1, ceil),
    "min": lambda x, k, s, pad, ceil, inside: -F.max_pool2d(-x, k, s, pad, 1, ceil),
    "avg": lambda x, k, s, pad, ceil, inside: F.avg_pool2d(x, k, s, pad, ceil, inside),
    "sum": lambda x, k, s, pad, ceil, inside: F.avg_pool2d(x, k, s, pad, ceil, divisor_override=1),
    "lp": lambda x, k, s, pad, ceil, inside: F.lp_pool2d(x.abs(), 2, k, s, ceil),
}


@pytest.mark.parametrize("kind", POOLS)
def test_pooling(kind):
    for chance, draw, dtype in cases(kind):
        window, stride = (chance.randint(1, 4), chance.randint(1, 4)), (chance.randint(1, 3), chance.randint(1, 3))
        padding = (0, 0) if kind == "lp" else tuple(chance.randint(0, k // 2) for k in window)
        ceil, inside = chance.random() < 0.4, chance.random() < 0.5
        image = draw.normal(size=(2, 2, chance.randint(4, 11), chance.randint(4, 11))).astype(dtype)
        if chance.random() < 0.3:
            image = np.rint(2 * image) / 2 + 0.25  # equal values, none of them 0
        words = {"size": window, "stride": stride, "padding": f"{padding[0]},{padding[1]}", "ceil_mode": ceil,
                 "count_include_pad": inside}  # fmt: skip
        flows = draw.normal(size=cnnfilter.pool2d(image, kind, **words).shape).astype(dtype)
        found = cnnfilter.pool2d_gradient(image, kind, gradient=flows, **words)
        (wanted,) = back_of(
            lambda x, arguments=(window, stride, padding, ceil, inside): POOLS[kind](x, *arguments), flows, image
        )
        check(found, wanted, dtype)


@pytest.mark.parametrize("kind", ["max", "avg"])
def test_adaptive_pooling(kind):
    pool = {"max": F.adaptive_max_pool2d, "avg": F.adaptive_avg_pool2d}[kind]
    for chance, draw, dtype in cases(f"adaptive-{kind}"):
        image = draw.normal(size=(2, 2, chance.randint(3, 10), chance.randint(3, 10))).astype(dtype)
        wanted_size = chance.randint(1, 11), chance.randint(1, 11)
        flows = draw.normal(size=(2, 2, *wanted_size)).astype(dtype)
        (wanted,) = back_of(lambda x, size=wanted_size: pool(x, size), flows, image)
        check(cnnfilter.adaptive_pool2d_gradient(image, wanted_size, kind, flows), wanted, dtype)


def test_fractional_pooling():
    for chance, draw, dtype in cases("fractional"):
        image = draw.normal(size=(2, 2, chance.randint(5, 10), chance.randint(5, 10))).astype(dtype)
        window, size = chance.randint(1, 3), (chance.randint(1, 3), chance.randint(1, 3))
        samples, flows = draw.random((2, 2, 2)).astype(dtype), draw.normal(size=(2, 2, *size)).astype(dtype)
        words = {"output_size": size, "_random_samples": torch.tensor(samples)}
        (wanted,) = back_of(lambda x, k=window, words=words: F.fractional_max_pool2d(x, k, **words), flows, image)
        found = cnnfilter.fractional_pool2d_gradient(image, window, flows, output_size=size, samples=samples)
        check(found, wanted, dtype)


THEIRS = {
    "relu": F.relu, "leaky-relu": F.leaky_relu, "relu6": F.relu6, "elu": F.elu, "selu": F.selu, "celu": F.celu,
    "gelu": F.gelu, "sigmoid": torch.sigmoid, "glu": lambda x: F.glu(x, 0), "hard-sigmoid": F.hardsigmoid,
    "log-sigmoid": F.logsigmoid, "tanh": torch.tanh, "hard-tanh": F.hardtanh, "tanhshrink": F.tanhshrink,
    "softsign": F.softsign, "softplus": F.softplus, "softshrink": F.softshrink, "hardshrink": F.hardshrink,
    "silu": F.silu, "hard-swish": F.hardswish, "mish": F.mish, "threshold": lambda x: F.threshold(x, 0.0, 0.0),
    "abs": torch.abs, "square": torch.square, "identity": lambda x: x * 1, "softmax": lambda x: F.softmax(x, 0),
    "log-softmax": lambda x: F.log_softmax(x, 0), "softmin": lambda x: F.softmin(x, 0), "step": lambda x: x * 0,
    "prelu": lambda x: F.prelu(x[None], torch.tensor([0.25], dtype=x.dtype))[0],
}  # fmt: skip


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation(name):
    for chance, draw, dtype in cases(name):
        values = (draw.normal(size=chance.choice([2, 6, 20])) * chance.choice([0.1, 1, 5, 30])).astype(dtype)
        if chance.random() < 0.3:
            values = np.rint(values)  # where the kinks are
        flows = draw.normal(size=cnnfilter.activate(values, name).shape).astype(dtype)
        (wanted,) = back_of(THEIRS[name], flows, values)
        tolerance = np.float32 if name in ("hard-sigmoid", "celu") else dtype  # PyTorch has 1/6 and alpha in float32
        check(cnnfilter.activate_gradient(values, name, flows), wanted, tolerance)


def test_dense_normalisation_and_cross_entropy():
    for chance, draw, dtype in cases("dense"):
        count, inputs, outputs = chance.randint(1, 5), chance.randint(1, 9), chance.randint(1, 6)
        vectors, weights = draw.normal(size=(count, inputs)).astype(dtype), draw.normal(size=(outputs, inputs))
        weights, flows = weights.astype(dtype), draw.normal(size=(count, outputs)).astype(dtype)
        bias = np.zeros(outputs, dtype)
        for one, other in zip(
            cnnfilter.dense_gradient(vectors, weights, flows), back_of(F.linear, flows, vectors, weights, bias),
            strict=True,
        ):  # fmt: skip
            check(one, other, dtype)
        classes = draw.integers(0, outputs, count)
        scores = torch.tensor(flows, requires_grad=True)
        loss = F.cross_entropy(scores, torch.tensor(classes))
        loss.backward()
        found = cnnfilter.cross_entropy(flows, classes)
        check(found.loss, loss.item(), dtype)
        check(found.gradient, scores.grad.numpy(), dtype)
        image, mean = draw.normal(size=(2, 3, 4, 5)).astype(dtype), draw.normal(size=3).astype(dtype)
        variance, factor = (draw.random(3) + 0.1).astype(dtype), draw.normal(size=3).astype(dtype)
        flows = draw.normal(size=image.shape).astype(dtype)
        wanted = back_of(
            lambda x, w, b, m=mean, v=variance: F.batch_norm(x, torch.tensor(m), torch.tensor(v), w, b),
            flows, image, factor, np.zeros(3, dtype),
        )  # fmt: skip
        for one, other in zip(cnnfilter.normalize_gradient(image, mean, variance, factor, flows), wanted, strict=True):
            check(one, other, dtype)
