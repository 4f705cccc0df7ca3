"""Activations against PyTorch."""

import numpy as np
import pytest

from cnnfilter.core.activate import activate
from cnnfilter.core.activations import ACTIVATIONS

torch = pytest.importorskip("torch")
f = torch.nn.functional

#: Our name and parameters, and what they are in PyTorch.
PAIRS = [
    ("relu", {}, f.relu),
    ("leaky-relu", {}, f.leaky_relu),
    ("leaky-relu", {"negative_slope": 0.2}, lambda x: f.leaky_relu(x, 0.2)),
    ("prelu", {}, lambda x: f.prelu(x, torch.tensor([0.25], dtype=x.dtype))),
    ("prelu", {"weight": [0.1, 0.2, -0.3]}, lambda x: f.prelu(x, torch.tensor([0.1, 0.2, -0.3], dtype=x.dtype))),
    ("relu6", {}, f.relu6),
    ("elu", {}, f.elu),
    ("elu", {"alpha": 0.3}, lambda x: f.elu(x, 0.3)),
    ("selu", {}, f.selu),
    ("celu", {}, f.celu),
    ("celu", {"alpha": 2}, lambda x: f.celu(x, 2)),
    ("gelu", {}, f.gelu),
    ("gelu", {"approximate": "tanh"}, lambda x: f.gelu(x, approximate="tanh")),
    ("glu", {"axis": -1}, lambda x: f.glu(x, -1)),
    ("sigmoid", {}, torch.sigmoid),
    ("hard-sigmoid", {}, f.hardsigmoid),
    ("log-sigmoid", {}, f.logsigmoid),
    ("tanh", {}, torch.tanh),
    ("hard-tanh", {}, f.hardtanh),
    ("hard-tanh", {"min": -0.3, "max": 2}, lambda x: f.hardtanh(x, -0.3, 2)),
    ("tanhshrink", {}, f.tanhshrink),
    ("softsign", {}, f.softsign),
    ("softplus", {}, f.softplus),
    ("softplus", {"beta": 2, "threshold": 3}, lambda x: f.softplus(x, 2, 3)),
    ("softshrink", {}, f.softshrink),
    ("softshrink", {"lambd": 1}, lambda x: f.softshrink(x, 1)),
    ("hardshrink", {}, f.hardshrink),
    ("hardshrink", {"lambd": 1}, lambda x: f.hardshrink(x, 1)),
    ("silu", {}, f.silu),
    ("hard-swish", {}, f.hardswish),
    ("mish", {}, f.mish),
    ("threshold", {"threshold": 0.1, "value": 20}, lambda x: f.threshold(x, 0.1, 20)),
    ("step", {}, lambda x: torch.heaviside(x, torch.zeros((), dtype=x.dtype))),
    ("abs", {}, torch.abs),
    ("square", {}, torch.square),
    ("identity", {}, torch.nn.Identity()),
    ("softmax", {}, lambda x: f.softmax(x, 1)),
    ("softmax", {"axis": 2}, lambda x: f.softmax(x, 2)),
    ("log-softmax", {}, lambda x: f.log_softmax(x, 1)),
    ("softmin", {"axis": -1}, lambda x: f.softmin(x, -1)),
]


def test_every_activation_is_here():
    assert {name for name, _, _ in PAIRS} == set(ACTIVATIONS)


def name_of(value):
    """Name a case the same in every process: a function's own text holds its address."""
    return "theirs" if callable(value) else str(value)[:40]


@pytest.mark.parametrize(("name", "parameters", "theirs"), PAIRS, ids=name_of)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_equals_pytorch(name, parameters, theirs, dtype):
    rng = np.random.default_rng(1)
    for _ in range(30):
        shape = (int(rng.integers(1, 3)), 3, int(rng.integers(1, 9)), 2 * int(rng.integers(1, 9)))
        image = (rng.standard_normal(shape) * rng.choice([0.01, 1, 10])).astype(dtype)
        got, expected = activate(image, name, **parameters), theirs(torch.from_numpy(image)).numpy()
        assert got.dtype == expected.dtype
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=2e-6 if dtype == "f4" else 1e-12)


#: PyTorch's vectorised gelu makes infinity NaN, and its step makes NaN 0: there we differ on purpose.
SAME_LIMITS = [pair for pair in PAIRS if pair[0] not in ("gelu", "step")]


@pytest.mark.parametrize(("name", "parameters", "theirs"), SAME_LIMITS, ids=name_of)
def test_infinities_and_nan_as_pytorch(name, parameters, theirs):
    image = np.array([np.inf, -np.inf, np.nan, 0.0, -0.0, 1.0] * 3).reshape(1, 3, 1, 6)
    np.testing.assert_allclose(activate(image, name, **parameters), theirs(torch.from_numpy(image)).numpy(), rtol=1e-12)
