"""The digits sample: what its README says, and the same answer from every engine."""

from pathlib import Path

import numpy as np
import pytest

import cnnfilter
from cnnfilter.networks import load_network, plan_network, run_layers

SAMPLES = Path(__file__).parents[2] / "samples"
DIGITS = SAMPLES / "digits"


@pytest.fixture(scope="module")
def network():
    return load_network(DIGITS / "digits.yaml")


@pytest.fixture(scope="module")
def test_digits():
    held = np.load(DIGITS / "test-digits.npz")
    return held["images"], held["labels"]


@pytest.fixture(scope="module")
def ours(network, test_digits):
    """Every layer's output for all test digits."""
    return run_layers(network, test_digits[0][:, None].astype(np.float32) / 255)


def test_the_accuracy_is_what_the_readme_says(ours, test_digits):
    right = int((ours["softmax"].argmax(1) == test_digits[1]).sum())
    assert f"{right} of {len(test_digits[1])}" in (DIGITS / "README.md").read_text()
    assert right / len(test_digits[1]) >= 0.97


def test_a_batch_gives_what_single_pictures_give(ours, network, test_digits):
    for index in (0, 17, 359):
        alone = run_layers(network, test_digits[0][index, None].astype(np.float32) / 255, threads=1)
        for name, values in alone.items():
            np.testing.assert_allclose(values, ours[name][index], rtol=1e-5, atol=1e-6)


def test_the_number_of_threads_changes_nothing(ours, network, test_digits):
    once = run_layers(network, test_digits[0][:, None].astype(np.float32) / 255, threads=1)
    for name, values in once.items():
        np.testing.assert_array_equal(values, ours[name])


@pytest.mark.parametrize("digit", range(10))
def test_the_sample_pictures_show_what_they_are_called(digit):
    outputs = cnnfilter.run_network(DIGITS / "digits.yaml", DIGITS / f"digit-{digit}.png")
    assert outputs["softmax"].argmax() == digit


def test_run_network_takes_pictures_arrays_and_batches(network, test_digits, ours):
    images = test_digits[0]
    picture = cnnfilter.read_image(DIGITS / "digit-7.png")
    by_path = cnnfilter.run_network(str(DIGITS / "digits.yaml"), str(DIGITS / "digit-7.png"))
    by_array = cnnfilter.run_network(network, picture)
    assert list(by_path) == [layer.name for layer in network.layers]
    for name, values in by_path.items():
        np.testing.assert_array_equal(values, by_array[name])
    batch = cnnfilter.run_network(network, images[:5, None])
    np.testing.assert_allclose(batch["softmax"], ours["softmax"][:5], rtol=1e-5, atol=1e-7)


def test_pytorch_gives_the_same(ours, test_digits):
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    stored = np.load(DIGITS / "digits.npz")
    weights = {name: torch.from_numpy(stored[name]) for name in stored}
    x = torch.from_numpy(test_digits[0][:, None].astype(np.float32) / 255)
    for name in ("conv1", "conv2"):
        x = functional.conv2d(x, weights[f"{name}.weight"], weights[f"{name}.bias"], padding=1)
        np.testing.assert_allclose(ours[name], x.numpy(), rtol=1e-4, atol=1e-5)
        x = functional.max_pool2d(functional.relu(x), 2)
    x = functional.linear(x.flatten(1), weights["dense.weight"], weights["dense.bias"])
    np.testing.assert_allclose(ours["dense"], x.numpy(), rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(ours["softmax"].argmax(1), x.argmax(1).numpy())


def test_onnx_runtime_gives_the_same(ours, test_digits):
    pytest.importorskip("onnxruntime")
    theirs = cnnfilter.run_network(DIGITS / "digits.onnx", test_digits[0][:, None])
    assert list(theirs) == list(ours)
    for name, values in ours.items():
        np.testing.assert_allclose(theirs[name], values, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(theirs["softmax"].argmax(1), ours["softmax"].argmax(1))


def test_the_plan_is_what_comes_out(network, ours):
    plan = plan_network(network)
    assert [layer.shape for layer in plan.layers] == [values.shape[1:] for values in ours.values()]
    assert plan.parameters == 16 * 9 + 16 + 32 * 16 * 9 + 32 + 10 * 128 + 10
    assert plan.macs == 16 * 64 * 9 + 32 * 16 * 16 * 9 + 1280


def test_the_softmax_example_of_cat_dog_and_elephant():
    from cnnfilter.networks.ending import network_ending
    from cnnfilter.networks.results import predict

    network = load_network(SAMPLES / "cat-dog-elephant.yaml")
    outputs = run_layers(network, network.input.example[None])
    said = predict(network_ending(network), outputs, network.classes)
    assert [(score.name, round(score.probability, 2)) for score in said.scores] == [
        ("cat", 0.63), ("dog", 0.31), ("elephant", 0.06),
    ]  # fmt: skip
    assert (said.kind, said.softmax_applied) == ("distribution", False)
