"""Every kind of layer computes what PyTorch computes."""

import numpy as np
import pytest
from network_files import network_of

from cnnfilter.networks import run_layers

torch = pytest.importorskip("torch")
F = torch.nn.functional

RNG = np.random.default_rng(5)


def numbers(*shape):
    return RNG.normal(size=shape).astype(np.float32)


W = {
    "deep": numbers(6, 4, 3, 5),
    "grouped": numbers(8, 2, 3, 3),
    "deptwise": numbers(4, 1, 3, 3),
    "even": numbers(2, 4, 2, 4),
    "bias6": numbers(6),
    "bias8": numbers(8),
    "spread": numbers(4, 3, 3, 2),
    "spread2": numbers(4, 3, 3, 3),
    "mean": numbers(4),
    "variance": np.abs(numbers(4)) + 0.1,
    "gamma": numbers(4),
    "beta": numbers(4),
    "slope": numbers(4),
    "fc": numbers(7, 4 * 9 * 11),
    "bias7": numbers(7),
}
T = {name: torch.from_numpy(array) for name, array in W.items()}

CASES = {
    "conv": (
        {"kind": "conv", "weights": "#deep", "bias": "#bias6", "stride": "2,1", "padding": [1, 2], "dilation": "1,2"},
        lambda x: F.conv2d(x, T["deep"], T["bias6"], (2, 1), (1, 2), (1, 2)),
    ),
    "conv in groups": (
        {"kind": "conv", "weights": "#grouped", "bias": "#bias8", "groups": 2, "padding": "same"},
        lambda x: F.conv2d(x, T["grouped"], T["bias8"], padding="same", groups=2),
    ),
    "conv reflected": (
        {"kind": "conv", "weights": "#deptwise", "groups": 4, "padding": 1, "padding_mode": "reflect"},
        lambda x: F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), T["deptwise"], groups=4),
    ),
    "conv flipped": (
        {"kind": "conv", "weights": "#deep", "flip": True},
        lambda x: F.conv2d(x, T["deep"].flip(2, 3)),
    ),
    "conv flipped, even, same size": (  # the middle of an even kernel turns with it: the surplus comes first
        {"kind": "conv", "weights": "#even", "flip": True, "padding": "same"},
        lambda x: F.conv2d(F.pad(x, (2, 1, 1, 0)), T["even"].flip(2, 3)),
    ),
    "conv-transpose": (
        {"kind": "conv-transpose", "weights": "#spread", "stride": "2,3", "padding": "1,0", "output_padding": "1,2"},
        lambda x: F.conv_transpose2d(x, T["spread"], None, (2, 3), (1, 0), (1, 2)),
    ),
    "conv-transpose in groups": (
        {"kind": "conv-transpose", "weights": "#spread2", "groups": 2, "dilation": 2, "bias": 0.5},
        lambda x: F.conv_transpose2d(x, T["spread2"], torch.full((6,), 0.5), groups=2, dilation=2),
    ),
    "relu": ({"kind": "activation", "activation": "relu"}, F.relu),
    "leaky": ({"kind": "activation", "activation": "leaky-relu:negative_slope=0.2"}, lambda x: F.leaky_relu(x, 0.2)),
    "prelu": ({"kind": "activation", "activation": "prelu", "weights": "#slope"}, lambda x: F.prelu(x, T["slope"])),
    "glu": ({"kind": "activation", "activation": "glu"}, lambda x: F.glu(x, 1)),
    "log-softmax": ({"kind": "activation", "activation": "log-softmax"}, lambda x: F.log_softmax(x, 1)),
    "max": ({"kind": "pool", "pool": "max", "size": 3, "stride": 2, "padding": 1}, lambda x: F.max_pool2d(x, 3, 2, 1)),
    "max with ceil": (
        {"kind": "pool", "pool": "max", "size": "2,3", "stride": 2, "ceil_mode": True, "dilation": 2},
        lambda x: F.max_pool2d(x, (2, 3), 2, 0, 2, ceil_mode=True),
    ),
    "min": ({"kind": "pool", "pool": "min", "size": 2}, lambda x: -F.max_pool2d(-x, 2)),
    "avg": (
        {"kind": "pool", "pool": "avg", "size": 3, "padding": 1, "count_include_pad": False},
        lambda x: F.avg_pool2d(x, 3, 3, 1, count_include_pad=False),
    ),
    "sum": ({"kind": "pool", "pool": "sum", "size": 2, "stride": 1}, lambda x: 4 * F.avg_pool2d(x, 2, 1)),
    "lp": ({"kind": "pool", "pool": "lp", "size": 2}, lambda x: F.lp_pool2d(x, 2, 2)),
    "global": ({"kind": "pool", "pool": "avg", "mode": "global"}, lambda x: F.adaptive_avg_pool2d(x, 1)),
    "adaptive": (
        {"kind": "pool", "pool": "max", "mode": "adaptive", "output_size": "4,3"},
        lambda x: F.adaptive_max_pool2d(x, (4, 3)),
    ),
    "batch norm": (
        {"kind": "normalize", "mean": "#mean", "variance": "#variance", "weights": "#gamma", "bias": "#beta"},
        lambda x: F.batch_norm(x, T["mean"], T["variance"], T["gamma"], T["beta"]),
    ),
    "min-max": (
        {"kind": "normalize", "method": "minmax"},
        lambda x: (x - x.amin((1, 2, 3), True)) / (x.amax((1, 2, 3), True) - x.amin((1, 2, 3), True)),
    ),
    "min-max by channel": (
        {"kind": "normalize", "method": "minmax", "over": "channel"},
        lambda x: (x - x.amin((2, 3), True)) / (x.amax((2, 3), True) - x.amin((2, 3), True)),
    ),
    "dropout": ({"kind": "dropout", "p": 0.3}, lambda x: F.dropout(x, 0.3, training=False)),
    "softmax": ({"kind": "softmax"}, lambda x: F.softmax(x, 1)),
    "flatten": ({"kind": "flatten"}, lambda x: x.flatten(1)),
}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_one_layer_is_pytorch_s(case, tmp_path):
    entry, expected = CASES[case]
    network = network_of(tmp_path, [entry], W, channels=4, size=[9, 11])
    images = numbers(2, 4, 9, 11)
    (made,) = run_layers(network, images).values()
    wanted = expected(torch.from_numpy(images)).numpy()
    assert made.shape == wanted.shape
    np.testing.assert_allclose(made, wanted, rtol=1e-4, atol=2e-5)


def test_fractional_pooling_is_pytorch_s_with_the_same_draws(tmp_path):
    entry = {"kind": "pool", "pool": "max", "mode": "fractional", "size": 2, "output_size": [5, 6], "seed": 3}
    network = network_of(tmp_path, [entry], {}, channels=4, size=[9, 11])
    images = numbers(2, 4, 9, 11)
    samples = torch.from_numpy(np.stack([np.random.default_rng(3).random((4, 2)).astype(np.float32)] * 2))
    wanted = F.fractional_max_pool2d(torch.from_numpy(images), 2, output_size=(5, 6), _random_samples=samples)
    np.testing.assert_array_equal(run_layers(network, images)["pool1"], wanted.numpy())


def test_a_network_with_branches_is_pytorch_s(tmp_path):
    entries = [
        {"kind": "conv", "name": "a", "weights": "#deep", "padding": "same"},
        {"kind": "conv", "name": "b", "from": "input", "weights": "#deep", "bias": "#bias6", "padding": "same"},
        {"kind": "add", "name": "sum", "from": ["a", "b"]},
        {"kind": "concat", "from": ["sum", "a", "input"]},
        {"kind": "pool", "pool": "max", "mode": "global"},
        {"kind": "flatten"},
        {"kind": "dense", "weights": [[0.5] * 16, [0.25] * 16], "bias": [1, 2]},
    ]
    network = network_of(tmp_path, entries, W, channels=4, size=[9, 11])
    images = numbers(3, 4, 9, 11)
    x = torch.from_numpy(images)
    a, b = F.conv2d(x, T["deep"], padding="same"), F.conv2d(x, T["deep"], T["bias6"], padding="same")
    joined = torch.cat([a + b, a, x], 1).amax((2, 3))
    wanted = F.linear(joined, torch.tensor([[0.5] * 16, [0.25] * 16]), torch.tensor([1.0, 2.0]))
    results = run_layers(network, images)
    assert list(results) == ["a", "b", "sum", "concat1", "pool1", "flatten1", "dense1"]
    np.testing.assert_allclose(results["dense1"], wanted.numpy(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("text", ["max:3:2:ceil", "avg:2:pad=1:count-include-pad=no", "global-avg", "adaptive-max:2,3"])
def test_a_pooling_may_be_written_as_on_the_command_line(tmp_path, text):
    from cnnfilter.core.pools import parse_pool

    network = network_of(tmp_path, [{"kind": "pool", "pool": text}], {}, channels=4, size=[9, 11])
    images = numbers(2, 4, 9, 11)
    np.testing.assert_array_equal(run_layers(network, images)["pool1"], parse_pool(text).run(images))


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"pool": "max:2", "stride": 1}, "means nothing beside pool: max:2"),
        ({"pool": "max:2", "mode": "global"}, "means nothing beside pool: max:2"),
        ({"pool": "max"}, "size is missing"),
        ({"pool": "mux:2"}, "unknown pooling 'mux'"),
    ],
)
def test_a_pooling_is_written_one_way(tmp_path, entry, message):
    from cnnfilter.errors import KernelFileError

    with pytest.raises(KernelFileError, match=message):
        network_of(tmp_path, [{"kind": "pool", **entry}], {}, channels=4, size=[9, 11])
