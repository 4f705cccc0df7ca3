"""Measure the digits network against its targets: ``python tests/benchmarks/network.py``."""

import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # our threads ask that of BLAS anyway; PyTorch keeps its own

import numpy as np
from measure import Row, commands_in_turns, in_turns

DIGITS = Path(__file__).parents[2] / "samples" / "digits"
#: Pictures in the batch.
COUNT = 10_000


def batch_row(seconds: float = 3.0) -> Row:
    """Return the time of a batch of digits through our engine, every layer kept, and through PyTorch."""
    import torch
    from torch.nn import functional

    from cnnfilter.networks import load_network, run_layers

    network = load_network(DIGITS / "digits.yaml")
    images = np.resize(np.load(DIGITS / "test-digits.npz")["images"], (COUNT, 1, 8, 8)).astype(np.float32) / 255
    stored = np.load(DIGITS / "digits.npz")
    weights = {name: torch.from_numpy(stored[name]) for name in stored}
    batch = torch.from_numpy(images)

    def theirs() -> torch.Tensor:
        with torch.inference_mode():
            x = batch
            for layer in ("conv1", "conv2"):
                x = functional.conv2d(x, weights[f"{layer}.weight"], weights[f"{layer}.bias"], padding=1)
                x = functional.max_pool2d(functional.relu(x), 2)
            return functional.softmax(
                functional.linear(x.flatten(1), weights["dense.weight"], weights["dense.bias"]), 1
            )

    threads = torch.get_num_threads()
    ours, other = in_turns(lambda: run_layers(network, images, threads=threads), theirs, threads, seconds)
    return Row(f"{COUNT} digits, every layer kept", "PyTorch", threads, 3.0, ours, other)


def start_row(seconds: float = 10.0) -> Row:
    """Return the time of one picture through the program, start-up included, and of importing NumPy."""
    program = [sys.executable, "-m", "cnnfilter", "run", str(DIGITS / "digits.yaml"), str(DIGITS / "digit-7.png")]
    with tempfile.TemporaryDirectory() as cache:
        ours, theirs = commands_in_turns(program, [sys.executable, "-c", "import numpy"], seconds, cache)
    return Row("run: load the digits, classify one", "python -c 'import numpy'", 1, 2.5, ours, theirs)


def epoch_rows(seconds: float = 6.0, size: int = 64) -> list[Row]:
    """Return the time of an epoch of training on the digits, one thread and two, and PyTorch's on the same network."""
    import torch

    from cnnfilter.networks import load_network
    from cnnfilter.networks.train import Examples, Settings, Trainer

    stored = np.load(DIGITS / "train-digits.npz")
    images = stored["images"][:, None].astype(np.float32) / 255
    labels = stored["labels"].astype(np.int64)
    rows = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        network = load_network(DIGITS / "untrained.yaml", draw=np.random.default_rng(0))
        trainer = Trainer(network, Examples(images, labels), None, Settings(10_000, size), threads)
        model = torch.nn.Sequential(
            torch.nn.Conv2d(1, 16, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
            torch.nn.Conv2d(16, 32, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
            torch.nn.Flatten(), torch.nn.Dropout(0.25), torch.nn.Linear(128, 10),
        )  # fmt: skip
        optimizer = torch.optim.Adam(model.parameters(), lr=0.002)
        pictures, classes = torch.from_numpy(images), torch.from_numpy(labels)

        def theirs(model=model, optimizer=optimizer, pictures=pictures, classes=classes) -> None:
            for part in torch.randperm(len(classes)).split(size):
                loss = torch.nn.functional.cross_entropy(model(pictures[part]), classes[part])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                loss.item()

        ours, other = in_turns(trainer.epoch, theirs, threads, seconds)
        rows.append(
            Row(f"training: an epoch of {len(labels)} digits, {size} a step", "PyTorch", threads, 4.0, ours, other)
        )
    return rows


if __name__ == "__main__":
    for row in (start_row(), batch_row(), *epoch_rows(), *epoch_rows(size=32)):
        print(row.line(), flush=True)
