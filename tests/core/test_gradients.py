"""Gradients are what finite differences in float64 say, and refuse what does not fit."""

import itertools

import numpy as np
import pytest

import cnnfilter
from cnnfilter.core.activations import ACTIVATIONS
from cnnfilter.errors import ParameterError, ShapeError


def differences(loss, values, step=1e-5):
    """Return the slopes of a loss at each value, from both sides."""
    flat = values.ravel()
    out = np.empty(flat.size)
    for index in range(flat.size):
        sides = []
        for sign in (1, -1):
            moved = flat.copy()
            moved[index] += sign * step
            sides.append(loss(moved.reshape(values.shape)))
        out[index] = (sides[0] - sides[1]) / (2 * step)
    return out.reshape(values.shape)


def drawn(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def close(got, wanted):
    np.testing.assert_allclose(got, wanted, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular", "symmetric"])
@pytest.mark.parametrize(("stride", "dilation", "flip"), [(1, 1, False), ((2, 1), (1, 2), True)])
def test_convolution(mode, stride, dilation, flip):
    image, kernel = drawn(2, 4, 7, 8), drawn(6, 2, 3, 2, seed=1)
    words = {
        "stride": stride, "dilation": dilation, "groups": 2, "padding": "1,2,2,1", "padding_mode": mode, "flip": flip,
    }  # fmt: skip
    flows = drawn(*cnnfilter.conv2d(image, kernel, **words).shape, seed=2)
    found = cnnfilter.conv2d_gradient(image, kernel, flows, **words)
    close(found.input, differences(lambda x: (flows * cnnfilter.conv2d(x, kernel, **words)).sum(), image))
    close(found.weights, differences(lambda w: (flows * cnnfilter.conv2d(image, w, **words)).sum(), kernel))
    bias = np.zeros(6)
    close(found.bias, differences(lambda b: (flows * cnnfilter.conv2d(image, kernel, bias=b, **words)).sum(), bias))


@pytest.mark.parametrize("words", [{}, {"stride": (2, 3), "padding": "1,0", "output_padding": (1, 2), "dilation": 2}])
def test_transposed_convolution(words):
    image, kernel = drawn(2, 4, 3, 4), drawn(4, 3, 3, 2, seed=1)
    words |= {"groups": 2}
    flows = drawn(*cnnfilter.conv_transpose2d(image, kernel, **words).shape, seed=2)
    found = cnnfilter.conv_transpose2d_gradient(image, kernel, flows, **words)
    close(found.input, differences(lambda x: (flows * cnnfilter.conv_transpose2d(x, kernel, **words)).sum(), image))
    close(found.weights, differences(lambda w: (flows * cnnfilter.conv_transpose2d(image, w, **words)).sum(), kernel))
    close(found.bias, flows.sum(axis=(0, 2, 3)))


@pytest.mark.parametrize("kind", ["max", "min", "avg", "sum", "lp"])
@pytest.mark.parametrize("layout", ["CHW", "HWC"])
def test_poolings(kind, layout):
    image = drawn(2, 6, 7) if layout == "CHW" else np.ascontiguousarray(np.moveaxis(drawn(2, 6, 7), 0, -1))
    words = {"size": (3, 2), "stride": (2, 3), "padding": "1,1,0,1", "ceil_mode": True, "count_include_pad": False}
    several = (
        (cnnfilter.pool2d, cnnfilter.pool2d_gradient, words),
        (cnnfilter.global_pool2d, cnnfilter.global_pool2d_gradient, {}),
        (cnnfilter.adaptive_pool2d, cnnfilter.adaptive_pool2d_gradient, {"output_size": (4, 3)}),
        (cnnfilter.fractional_pool2d, cnnfilter.fractional_pool2d_gradient,
         {"size": 2, "output_size": (3, 4), "seed": 3}),
    )  # fmt: skip
    for pool, back, more in several:
        more = {**more, "kind": kind, "layout": layout}
        flows = drawn(*pool(image, **more).shape, seed=2)
        found = back(image, gradient=flows, **more)
        close(found, differences(lambda x, pool=pool, more=more, flows=flows: (flows * pool(x, **more)).sum(), image))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name):
    values = drawn(4, 3, 5, seed=4) * 2
    values += 0.03 * np.sign(values)  # away from the kinks at 0
    flows = drawn(*cnnfilter.activate(values, name).shape, seed=2)
    found = cnnfilter.activate_gradient(values, name, flows)
    close(found, differences(lambda x: (flows * cnnfilter.activate(x, name)).sum(), values))


@pytest.mark.parametrize("weights", [0.5, drawn(4), drawn(5), drawn(3, 1), drawn(4, 1, 5)])
def test_weights_of_prelu(weights):
    values, weights = drawn(4, 3, 5), np.asarray(weights)
    flows = drawn(4, 3, 5, seed=2)
    found = cnnfilter.prelu_gradient(values, weights, flows)
    close(found, differences(lambda w: (flows * cnnfilter.activate(values, "prelu", weight=w)).sum(), weights))
    found = cnnfilter.activate_gradient(values, "prelu", flows, weight=weights)
    close(found, differences(lambda x: (flows * cnnfilter.activate(x, "prelu", weight=weights)).sum(), values))


def test_dense_and_cross_entropy():
    vectors, weights, classes = drawn(5, 4), drawn(3, 4, seed=1), np.array([0, 2, 1, 1, 0])

    def loss(vectors, weights):
        return cnnfilter.cross_entropy(cnnfilter.dense(vectors, weights), classes).loss

    found = cnnfilter.cross_entropy(cnnfilter.dense(vectors, weights), classes)
    back = cnnfilter.dense_gradient(vectors, weights, found.gradient)
    close(back.input, differences(lambda x: loss(x, weights), vectors))
    close(back.weights, differences(lambda w: loss(vectors, w), weights))


@pytest.mark.parametrize(("shape", "epsilon"), [*itertools.product([(3, 4, 5), (2, 3, 4, 5)], [0.0, 0.1])])
def test_normalisation(shape, epsilon):
    image, mean, weights, bias = drawn(*shape), drawn(3), drawn(3, seed=1), drawn(3, seed=2)
    variance = drawn(3, seed=5) ** 2 + 0.1
    flows = drawn(*shape, seed=3)

    def loss(image, weights, bias):
        spread = np.sqrt(variance + epsilon)[:, None, None]
        return (flows * ((image - mean[:, None, None]) / spread * weights[:, None, None] + bias[:, None, None])).sum()

    found = cnnfilter.normalize_gradient(image, mean, variance, weights, flows, epsilon=epsilon)
    close(found.input, differences(lambda x: loss(x, weights, bias), image))
    close(found.weights, differences(lambda w: loss(image, w, bias), weights))
    close(found.bias, differences(lambda b: loss(image, weights, b), bias))


@pytest.mark.parametrize(
    "call",
    [
        lambda: cnnfilter.conv2d_gradient(np.ones((4, 4)), np.ones((3, 3)), np.ones((4, 4))),
        lambda: cnnfilter.conv_transpose2d_gradient(np.ones((4, 4)), np.ones((3, 3)), np.ones((4, 4))),
        lambda: cnnfilter.pool2d_gradient(np.ones((4, 4)), "max", 2, np.ones((4, 4))),
        lambda: cnnfilter.global_pool2d_gradient(np.ones((3, 4, 4)), "max", 1.0),
        lambda: cnnfilter.adaptive_pool2d_gradient(np.ones((4, 4)), 2, "max", np.ones((4, 4))),
        lambda: cnnfilter.dense_gradient(np.ones(3), np.ones((2, 3)), np.ones(3)),
        lambda: cnnfilter.activate_gradient(np.ones(3), "relu", np.ones(2)),
        lambda: cnnfilter.cross_entropy(np.ones((2, 3)), [1]),
        lambda: cnnfilter.normalize_gradient(np.ones((3, 2)), [1], [1], [1], np.ones((3, 2))),
    ],
)
def test_shapes_that_do_not_fit_are_refused(call):
    with pytest.raises(ShapeError):
        call()


@pytest.mark.parametrize("classes", [[3], [-1], [0.5], [True]])
def test_classes_are_those_that_there_are(classes):
    with pytest.raises(ParameterError, match="from 0 to 2"):
        cnnfilter.cross_entropy(np.ones((1, 3)), classes)
