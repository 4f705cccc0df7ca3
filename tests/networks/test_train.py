"""Networks that learn: the way back through every kind of layer, and steps as PyTorch makes them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import cnnfilter
from cnnfilter.core.optimizers import OPTIMIZERS
from cnnfilter.errors import ParameterError
from cnnfilter.library.document import parse_document
from cnnfilter.networks.layers import LAYER_KINDS
from cnnfilter.networks.load import check_network
from cnnfilter.networks.train import Examples, Settings, Trainer, gradients, held_out, score_layer

#: Every kind of layer, every kind and mode of pooling, and sources that are used twice.
EVERYTHING = """
input: {channels: 2, size: [9, 8]}
layers:
  - {name: first, kind: conv, filters: 4, size: 3, padding: same, padding_mode: reflect, groups: 2}
  - {name: batch, kind: normalize, mean: [0.1, -0.2, 0.3, 0], variance: [1, 2, 0.5, 1.5], weights: [1, 2, 0.5, -1],
     bias: [0.1, 0, 0.2, 0]}
  - {name: slope, kind: activation, activation: prelu, weights: [0.1, 0.2, 0.3, 0.4]}
  - {name: bare, kind: conv, filters: 4, size: [3, 2], stride: 2, dilation: [2, 1], padding: 1, flip: true, from: slope}
  - {name: largest, kind: pool, pool: "max:3:2:pad=1", from: slope}
  - {name: mean, kind: pool, pool: "adaptive-avg:4,4", from: bare}
  - {name: norm, kind: pool, pool: "adaptive-lp:4,4", from: largest}
  - {name: both, kind: add, from: [mean, norm]}
  - {name: drawn, kind: pool, pool: "fractional-max:2:out=4,4", from: slope}
  - {name: beside, kind: concat, from: [both, drawn, both]}
  - {name: spread, kind: conv-transpose, weights: WEIGHTS, bias: [0.1, 0.2], stride: 2, padding: 1}
  - {name: framed, kind: pad, padding: [[1, 0], [0, 2]], padding_mode: circular}
  - {name: cut, kind: slice, rows: "1:", columns: ":-2"}
  - {name: stretch, kind: normalize, method: minmax}
  - {name: level, kind: layer-norm, weights: [1.5, 0.5], bias: [0.1, -0.2]}
  - {name: groups, kind: group-norm, groups: 2, weights: [0.5, 2], bias: [0, 0.3], from: stretch}
  - {name: gates, kind: pool, pool: global-avg}
  - {name: gated, kind: multiply, from: [level, gates, groups]}
  - {name: wide, kind: resize, scale: [1, 2], mode: cubic}
  - {name: block, kind: conv, filters: 4, size: 2, stride: [1, 2]}
  - {name: shuffled, kind: depth-to-space, block_size: 2}
  - {name: narrow, kind: resize, size: [9, 9], mode: linear}
  - {name: again, kind: concat, from: [narrow, narrow]}
  - {name: curve, kind: activation, activation: gelu}
  - {name: small, kind: pool, pool: "avg:3:2:ceil"}
  - {name: gate, kind: activation, activation: glu}
  - {name: left_out, kind: dropout, p: 0.3}
  - {name: sums, kind: pool, pool: global-sum, from: small}
  - {name: flat, kind: flatten, from: left_out}
  - {name: flat2, kind: flatten, from: sums}
  - {name: joined, kind: concat, from: [flat, flat2]}
  - {name: shares, kind: softmax}
  - {name: scores, kind: dense, outputs: 3}
  - {name: answer, kind: softmax}
"""


def read(text, seed=0):
    weights = (np.random.default_rng(9).normal(size=(12, 2, 3, 3)) / 3).round(3).tolist()
    text = text.replace("WEIGHTS", str(weights))
    return check_network(parse_document(text.encode(), "net.yaml"), Path(), draw=np.random.default_rng(seed))


def in_float64(network):
    return replace(network, layers=tuple(layer.in_type(np.dtype(float)) for layer in network.layers))


def test_the_way_back_through_every_kind_of_layer_equals_finite_differences():
    network = in_float64(read(EVERYTHING))
    assert {layer.kind for layer in network.layers} == set(LAYER_KINDS)
    draw = np.random.default_rng(1)
    network = replace(network, layers=tuple(layer.while_training(draw) for layer in network.layers))
    examples = Examples(draw.normal(size=(5, 2, 9, 8)), np.array([0, 1, 2, 0, 1]))
    assert score_layer(network, 3) == "scores"
    found = gradients(network, "scores", examples)
    checked = 0
    for layer in network.layers:
        for key, array in layer.arrays.items():
            if key in ("mean", "variance"):
                assert key not in found.arrays[layer.name]
                continue
            for place in draw.integers(0, array.size, 4):
                index = np.unravel_index(place, array.shape)
                ends = []
                for step in (1e-6, -1e-6):
                    moved = array.copy()
                    moved[index] += step
                    layers = tuple(
                        one.with_arrays({key: moved}) if one.name == layer.name else one for one in network.layers
                    )
                    ends.append(gradients(replace(network, layers=layers), "scores", examples).loss)
                slope = (ends[0] - ends[1]) / 2e-6
                made = found.arrays[layer.name][key][index]
                assert made == pytest.approx(slope, rel=1e-4, abs=1e-8), (layer.name, key)
                checked += 1
    assert checked == 4 * 17


SMALL = """
input: {channels: 1, size: [8, 8]}
classes: [a, b, c, d]
layers:
  - {name: conv1, kind: conv, filters: 6, size: 3, padding: same}
  - {kind: activation, activation: relu}
  - {kind: pool, pool: max, size: 2}
  - {name: conv2, kind: conv, filters: 5, size: 3}
  - {kind: activation, activation: tanh}
  - {kind: flatten}
  - {name: dense, kind: dense, outputs: 4}
"""


@pytest.mark.parametrize("optimizer", list(OPTIMIZERS))
def test_three_epochs_end_with_the_weights_of_pytorch(optimizer):
    torch = pytest.importorskip("torch")
    network = read(SMALL)
    draw = np.random.default_rng(3)
    images = draw.normal(size=(90, 1, 8, 8)).astype(np.float32)
    labels = draw.integers(0, 4, 90)
    trainer = Trainer(network, Examples(images, labels), None, Settings(3, 32, None, optimizer, 5))
    layers = {layer.name: layer for layer in network.layers}
    model = torch.nn.Sequential(
        torch.nn.Conv2d(1, 6, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2), torch.nn.Conv2d(6, 5, 3),
        torch.nn.Tanh(), torch.nn.Flatten(), torch.nn.Linear(20, 4),
    )  # fmt: skip
    for place, name in ((0, "conv1"), (3, "conv2"), (6, "dense")):
        model[place].weight.data = torch.tensor(layers[name].weights)
        model[place].bias.data = torch.tensor(layers[name].bias)
    rate = OPTIMIZERS[optimizer][1]
    peer = (
        torch.optim.Adam(model.parameters(), lr=rate)
        if optimizer == "adam"
        else torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9)
    )
    for epoch in (1, 2, 3):
        made = trainer.epoch()
        order = np.random.default_rng((5, epoch)).permutation(90)
        losses = []
        for start in range(0, 90, 32):
            part = order[start : start + 32]
            loss = torch.nn.functional.cross_entropy(model(torch.tensor(images[part])), torch.tensor(labels[part]))
            peer.zero_grad()
            loss.backward()
            peer.step()
            losses.append(loss.item() * len(part))
        assert made.loss == pytest.approx(sum(losses) / 90, rel=1e-5)
    for place, name in ((0, "conv1"), (3, "conv2"), (6, "dense")):
        np.testing.assert_allclose(trainer.arrays[name]["weights"], model[place].weight.detach().numpy(), atol=2e-5)
        np.testing.assert_allclose(trainer.arrays[name]["bias"], model[place].bias.detach().numpy(), atol=2e-5)


def test_what_is_held_out_is_a_share_of_each_class():
    labels = np.repeat([0, 1, 2], [50, 30, 1])
    seen, held = held_out(labels, 0.2, 4)
    assert sorted([*seen, *held]) == list(range(81))
    assert np.bincount(labels[held], minlength=3).tolist() == [10, 6, 0]  # of the last class nothing would be left
    assert len(held_out(np.zeros(1797, int), 0.2, 0)[0]) == 1437
    assert len(held_out(labels, 0, 0)[1]) == 0
    with pytest.raises(ParameterError, match="share"):
        held_out(labels, 1.0, 0)


def test_a_trainer_goes_on_where_another_stopped():
    network = read(SMALL)
    draw = np.random.default_rng(0)
    examples = Examples(draw.normal(size=(70, 1, 8, 8)).astype(np.float32), draw.integers(0, 4, 70))
    whole, first, second = (Trainer(network, examples, examples, Settings(4)) for _ in range(3))
    for _ in range(4):
        whole.epoch()
    first.epoch()
    second.restore(first.state())
    for _ in range(3):
        second.epoch()
    assert whole.finished
    assert second.history == whole.history
    for name, arrays in whole.best.items():
        for key, array in arrays.items():
            np.testing.assert_array_equal(second.best[name][key], array)
    np.testing.assert_array_equal(np.stack(second.film), np.stack(whole.film))


def test_the_best_weights_are_kept_and_training_stops_when_nothing_gets_better():
    network = read(SMALL)
    draw = np.random.default_rng(0)
    images, labels = draw.normal(size=(60, 1, 8, 8)).astype(np.float32), draw.integers(0, 4, 60)
    trainer = Trainer(network, Examples(images[:40], labels[:40]), Examples(images[40:], labels[40:]),
                      Settings(200, patience=5))  # fmt: skip
    while not trainer.finished:
        trainer.epoch()
    assert trainer.tired
    assert len(trainer.history) == trainer.best_epoch + 5 < 200
    best = trainer.history[trainer.best_epoch - 1]
    assert best.merit == max(one.merit for one in trainer.history)
    outputs = [cnnfilter.run_network(trainer.best_network(), image)["dense"] for image in images[40:]]
    assert np.mean(np.argmax(outputs, axis=1) == labels[40:]) == best.held_accuracy


def test_a_trained_network_is_run_from_python_as_from_its_file(tmp_path):
    draw = np.random.default_rng(0)
    images = draw.integers(0, 60, (80, 6, 6)).astype(np.uint8)
    images[:40, 2] += 150
    images[40:, :, 3] += 150
    found = cnnfilter.train_network(images, [0] * 40 + [1] * 40, epochs=5)
    assert found.filters.shape == (len(found.history) + 1, 16, 1, 3, 3)
    outputs = cnnfilter.run_network(found.network, images[:, None])
    assert (outputs["softmax"].argmax(axis=1) == np.repeat([0, 1], 40)).all()
